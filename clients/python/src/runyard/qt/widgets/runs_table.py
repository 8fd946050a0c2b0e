"""The table of runs: which columns, how a cell is drawn, and that ten thousand rows are no burden."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from ..models import RunsModel
from . import look
from .selection import KeySelection

# Of the columns of RunsModel, those that are shown at first, and how wide, in letters.
_SHOWN = {"Status": 13, "Name": 16, "Took": 10, "Last metric": 16, "Run": 11, "Why": 6}
_HAS_TEXT = QStyleOptionViewItem.ViewItemFeature.HasDisplay


class RunsTable(QTableView):
    """`selection` knows which rows are selected."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self.setModel(model)
        self.selection = KeySelection(model, self)
        self.setSelectionModel(self.selection)
        # A header would ask for each column whether all of its rows are selected, one by one, whenever it is drawn.
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.setSelectionModel(QItemSelectionModel(model, header))
        self.setShowGrid(False)
        self.setAccessibleName("runs")
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegate(_Cells(self, model))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        # Asking each row how high it is would take longer than all else.
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionsMovable(True)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setStretchLastSection(True)
        titles = [
            model.headerData(at, Qt.Orientation.Horizontal) for at in range(model.columnCount())
        ]
        letter = self.fontMetrics().averageCharWidth()
        for at, title in enumerate(titles):
            self.setColumnHidden(at, title not in _SHOWN)
            self.setColumnWidth(at, letter * _SHOWN.get(title, 12) + 16)
        for place, title in enumerate(_SHOWN):
            if title in titles:
                head.moveSection(head.visualIndex(titles.index(title)), place)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        head.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        head.customContextMenuRequested.connect(self._columns)

    def _columns(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for column in range(self.model().columnCount()):
            action = menu.addAction(str(self.model().headerData(column, Qt.Orientation.Horizontal)))
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(column))
            action.toggled.connect(lambda on, column=column: self.setColumnHidden(column, not on))
        menu.popup(self.horizontalHeader().mapToGlobal(at))


class _Cells(QStyledItemDelegate):
    """The state with its glyph and colour; colour means state and nothing else.

    Qt would ask a model in Python for seven things of each cell, which is half of the time that drawing takes.
    """

    def __init__(self, view: QTableView, model: RunsModel) -> None:
        super().__init__(view)
        self._view = view
        self._model = model

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        run, column = self._model.at(index.row()), index.column()
        heading = self._model.headings[column]
        text = heading.text(run)
        if column == RunsModel.STATUS:
            color = look.state_color(text, option.palette)
            option.palette.setColor(QPalette.ColorRole.Text, color)
            text = f"{look.glyph_of(text)} {text}"
        option.text = text
        option.features = _HAS_TEXT
        option.displayAlignment = heading.alignment
        if index.row() == self._view.currentIndex().row():
            # One frame around one cell of a selected row says nothing.
            option.state &= ~option.state.__class__.State_HasFocus
