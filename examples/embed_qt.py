"""A window of your own with the curves of a yard's latest runs in it: `python examples/embed_qt.py`.

Needs `pip install './clients/python[app]'` and a daemon, of $RUNYARD_HOME or the usual one.
"""

import sys

from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QVBoxLayout, QWidget
from runyard.qt import TrainerQBridgeThread
from runyard.qt.widgets.curves import CurvesView


class LabWindow(QMainWindow):
    def __init__(self, bridge: TrainerQBridgeThread) -> None:
        super().__init__()
        self.runs = {}
        self.connection = QLabel("…")
        self.curves = CurvesView(bridge)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.addWidget(self.connection)
        layout.addWidget(self.curves)
        self.setCentralWidget(inside)
        bridge.connection_changed.connect(lambda now: self.connection.setText(now.message))
        bridge.runs_changed.connect(self.show_latest)
        bridge.watch_runs(all=True, limit=4)

    def show_latest(self, change) -> None:
        self.runs.update({run.run_id: run for run in change.changed})
        self.curves.show_runs(sorted(self.runs.values(), key=lambda run: run.submitted_at)[-4:])


if __name__ == "__main__":
    application = QApplication(sys.argv)
    bridge = TrainerQBridgeThread()
    window = LabWindow(bridge)
    bridge.start()
    window.show()
    application.exec()
    sys.exit(0 if bridge.stop() else 1)
