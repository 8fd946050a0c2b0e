"""The command `runyard-qt`: says what is missing before anything of Qt is loaded."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from .qt.app.main import main as window
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("runyard", ""):
            # A library of the system that Qt needs: it is in the message.
            print(f"runyard-qt: Qt cannot be loaded: {error}", file=sys.stderr)
        else:
            extra = "pip install './clients/python[app]' of a Runyard checkout"
            print(f"runyard-qt needs {missing}: {extra}", file=sys.stderr)
        return 1
    return window()
