"""Each GPU, and who holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..models import GpusModel

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread


class GpusView(QWidget):
    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = GpusModel(self)
        table = QTableView()
        table.setModel(self.model)
        table.setShowGrid(False)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.setTabKeyNavigation(False)
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setAccessibleName("GPUs")
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setHighlightSections(False)
        self._words = QLabel("Asking for the GPUs …", alignment=Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._words)
        self._stack.addWidget(table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._watch = bridge.watch_gpus()
        self._watch.arrived.connect(self._take)

    def _take(self, gpus: tuple[object, ...]) -> None:
        self.model.apply(gpus)  # type: ignore[arg-type]
        self._words.setText("This yard has no GPUs.")
        self._stack.setCurrentIndex(1 if gpus else 0)
