"""Asks why a run is to be stopped, and how."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ...v1 import orchestrator_pb2 as pb
from . import look

_KEPT = 8


class StopDialog(QDialog):
    """`reason` and `now` once it was accepted. Reasons that were given before are offered again."""

    def __init__(
        self,
        runs: Sequence[pb.RunSummary],
        parent: QWidget | None = None,
        settings: QSettings | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        one = len(runs) == 1
        self.setWindowTitle("Stop the run" if one else f"Stop {len(runs)} runs")
        words = QLabel(_sentence(runs))
        words.setWordWrap(True)
        self._reason = QComboBox(editable=True)
        self._reason.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        kept = settings.value("stop/reasons", []) if settings is not None else []
        self._reason.addItems([str(one) for one in kept] if isinstance(kept, list) else [])
        self._reason.setCurrentText("")
        self._reason.setMinimumWidth(360)
        field = self._reason.lineEdit()
        if field is not None:
            field.setPlaceholderText("such as: wrong learning rate")
            field.setMaxLength(500)
        self._now = QCheckBox("&Now, without its time to save what it has")
        form = QFormLayout()
        form.addRow("&Why:", self._reason)
        form.addRow("", self._now)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        stop = buttons.addButton("&Stop", QDialogButtonBox.ButtonRole.AcceptRole)
        stop.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(words)
        layout.addLayout(form)
        layout.addWidget(look.quiet_label("Its reason is kept with the run, for everybody to see."))
        layout.addWidget(buttons)
        self._reason.setFocus()

    @property
    def reason(self) -> str:
        return self._reason.currentText().strip()

    @property
    def now(self) -> bool:
        return self._now.isChecked()

    def accept(self) -> None:
        if self._settings is not None and self.reason:
            known = [self._reason.itemText(at) for at in range(self._reason.count())]
            kept = [self.reason, *(one for one in known if one != self.reason)]
            self._settings.setValue("stop/reasons", kept[:_KEPT])
        super().accept()


def _sentence(runs: Sequence[pb.RunSummary]) -> str:
    if len(runs) == 1:
        run = runs[0]
        for_long = f", {run.status} for {look.span(run.started_at, '')}" if run.started_at else ""
        return f"{run.name or run.run_id} ({run.run_id}){for_long}"
    names = [run.name or run.run_id for run in runs[:4]]
    more = f" and {len(runs) - 4} more" if len(runs) > 4 else ""
    return ", ".join(names) + more
