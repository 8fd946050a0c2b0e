"""From the command line to a window and back."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from ..bridge import TrainerQBridgeThread
from ..guard import BootstrapError
from .icon import icon
from .window import Window

# Whatever the daemon does, a window that is closed is gone.
_LAST_WAIT_MS = 2_000


def main(argv: Sequence[str] | None = None) -> int:
    """Shows the window until it is closed; 2 when it was started in a way that would hang."""
    options = _options(sys.argv[1:] if argv is None else argv)
    application = QApplication.instance() or QApplication(["runyard-qt"])
    assert isinstance(application, QApplication)
    application.setApplicationName("runyard-qt")
    application.setApplicationDisplayName("Runyard")
    application.setDesktopFileName("runyard-qt")
    application.setWindowIcon(icon())
    try:
        bridge = TrainerQBridgeThread(
            home=options.home,
            socket=options.socket,
            address=options.address,
            ca=options.ca,
            guard="error",
        )
    except BootstrapError as error:
        print(f"runyard-qt: {error}", file=sys.stderr)
        return 2
    window = Window(bridge, QSettings("runyard", "runyard-qt"), run=options.run)
    for number in (signal.SIGINT, signal.SIGTERM):
        # From the loop, also when it comes before that has begun. Python hears of it within a second: the window's clock.
        signal.signal(number, lambda *_: QTimer.singleShot(0, window.close))
    bridge.start()
    window.show()
    # A hundred thousand objects that stay: Python's look for garbage among them would hold the window up for 40 ms.
    gc.collect()
    gc.freeze()
    code = application.exec()
    if not bridge.stop() and not bridge.wait(_LAST_WAIT_MS):
        # A thread that hangs in the system: nothing of ours is left to be saved.
        sys.stdout.flush()
        os._exit(code)
    return code


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="runyard-qt",
        description="A window on a yard: submit, watch and stop runs. It starts no daemon.",
        epilog="$RUNYARD_HOME, $RUNYARD_ADDRESS, $RUNYARD_TOKEN and $RUNYARD_CA mean what they mean for runyard.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--home", help="state directory of the daemon")
    where.add_argument("--socket", help="UNIX socket of the daemon, such as one forwarded by ssh")
    where.add_argument("--address", help="host:port of the daemon; the token is in $RUNYARD_TOKEN")
    parser.add_argument("--ca", help="who signed the certificate of that address: a PEM file, or public")
    parser.add_argument("--run", default="", help="the run to show first: its id or its name")
    return parser.parse_args(argv)
