from __future__ import annotations

import os

# Where nobody looks; a test that wants a screen says xcb before it starts a process of its own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
