"""`python -m runyard.qt.app` is `runyard-qt`."""

import sys

from .main import main

sys.exit(main())
