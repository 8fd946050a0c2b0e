"""Output of a run: followed, searched; what was left out is said where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFont, QPalette, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import RunyardError
from . import look
from .keys import on_key

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import LogLines
    from ..requests import Watch

LINES_MOST = 5_000
TAIL = 1_000
_MARKS_MOST = 300
_LINE_MOST = 4_000


class LogsView(QWidget):
    """Shows the output of one run's latest attempt, from its last 1,000 lines on; at most 5,000 are kept here."""

    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._watch: Watch | None = None
        self._run_id = ""
        self._attempt = 0
        self.skipped = 0
        """Lines that were left out, since they came faster than anybody reads."""
        self._text = QPlainTextEdit(readOnly=True, undoRedoEnabled=False, tabChangesFocus=True)
        self._text.setFont(look.fixed_font())
        self._text.setMaximumBlockCount(LINES_MOST)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setAccessibleName("output")
        self._begun = QLabel()
        self._begun.hide()
        self._begun.setFont(look.fixed_font())
        self._begun.setTextFormat(Qt.TextFormat.PlainText)
        self._begun.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._begun.setMinimumWidth(1)
        self._search = QLineEdit(placeholderText="Search the output", clearButtonEnabled=True)
        self._search.setAccessibleName("search the output")
        self._search.setMaximumWidth(320)
        self._found = QLabel()
        self._found.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._before = QToolButton(arrowType=Qt.ArrowType.UpArrow, autoRaise=True)
        self._before.setToolTip("Match before (Shift+F3)")
        self._after = QToolButton(arrowType=Qt.ArrowType.DownArrow, autoRaise=True)
        self._after.setToolTip("Next match (F3)")
        self._only_errors = QCheckBox("s&tderr only")
        self._wrap = QCheckBox("&Wrap")
        self._follow = QCheckBox("&Follow")
        self._follow.setChecked(True)
        self._follow.setToolTip("Stay at its end (End)")
        self._said = QLabel(wordWrap=True)
        self._said.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        tools = QHBoxLayout()
        tools.setContentsMargins(4, 4, 4, 2)
        for part in (self._search, self._before, self._after, self._found):
            tools.addWidget(part)
        tools.addStretch(1)
        for box in (self._only_errors, self._wrap, self._follow):
            tools.addWidget(box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(tools)
        layout.addWidget(self._said)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._begun)
        self._search_later = QTimer(self, singleShot=True, interval=150)
        self._search_later.timeout.connect(self._mark_all)
        self._search.textChanged.connect(lambda _: self._search_later.start())
        self._search.returnPressed.connect(self.find_next)
        self._before.clicked.connect(self.find_before)
        self._after.clicked.connect(self.find_next)
        self._wrap.toggled.connect(self._set_wrap)
        self._follow.toggled.connect(self._set_follow)
        self._only_errors.toggled.connect(lambda _: self._begin())
        bar = self._text.verticalScrollBar()
        bar.rangeChanged.connect(lambda *_: self._set_follow(self._follow.isChecked()))
        bar.actionTriggered.connect(lambda _: QTimer.singleShot(0, self._moved))
        on_key("F3", self, self.find_next, inside=True)
        on_key("Shift+F3", self, self.find_before, inside=True)
        on_key("/", self._text, self.focus_search)
        on_key("End", self._text, self.go_live)
        self.setFocusProxy(self._text)
        self._tell("Choose a run to see its output.")

    @property
    def text(self) -> str:
        """All lines that are shown."""
        return self._text.toPlainText()

    def show_run(self, run_id: str) -> None:
        """Follows a run's output; an empty id shows none."""
        if run_id != self._run_id:
            self._run_id = run_id
            self._begin()

    def focus_search(self) -> None:
        self._search.setFocus()
        self._search.selectAll()

    def go_live(self) -> None:
        self._follow.setChecked(True)
        self._set_follow(True)

    def find_next(self) -> None:
        self._find(backward=False)

    def find_before(self) -> None:
        self._find(backward=True)

    def _begin(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._text.clear()
        self._begun.hide()
        self._attempt, self.skipped = 0, 0
        if self._run_id == "":
            self._tell("Choose a run to see its output.")
            return
        self._tell("No output so far.")
        self._follow.setChecked(True)
        only = self._only_errors.isChecked()
        watch = self._bridge.watch_logs(self._run_id, tail=TAIL, stderr_only=only, begun=True)
        watch.arrived.connect(self._take)
        watch.ended.connect(lambda error: self._ended(watch, error))
        self._watch = watch

    def _take(self, lines: LogLines) -> None:
        if self._watch is None or lines.watch != self._watch.id:
            return
        bar = self._text.verticalScrollBar()
        at, follows = bar.value(), self._follow.isChecked()
        if lines.attempt != self._attempt and self._attempt != 0:
            self._put(f"attempt {lines.attempt}", quiet=True)
        self._attempt = lines.attempt
        for gap in lines.gaps:
            self._put(
                f"… {look.bytes_text(gap.bytes)} of {gap.stream} lost: {gap.reason}", quiet=True
            )
        if lines.skipped:
            self.skipped += lines.skipped
            self._put(f"… {lines.note}; all of them: runyard logs {self._run_id}", quiet=True)
        if lines.lines:
            # In one piece: each insertion costs as much as some hundred lines.
            self._put("\n".join(one.text[:_LINE_MOST] for one in lines.lines[-LINES_MOST:]))
            self._said.hide()
        begun = [one.text for one in lines.begun if one.text]
        self._begun.setText(begun[-1].rpartition("\r")[2] if begun else "")
        self._begun.setVisible(bool(begun))
        if follows:
            bar.setValue(bar.maximum())
        else:
            bar.setValue(at)
        if self._search.text():
            self._search_later.start()

    def _put(self, text: str, quiet: bool = False) -> None:
        document = self._text.document()
        cursor = QTextCursor(document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        look_of = QTextCharFormat()
        if quiet:
            look_of.setForeground(look.quiet_color(self.palette()))
            look_of.setFontWeight(QFont.Weight.Bold)
        cursor.beginEditBlock()
        if not document.isEmpty():
            cursor.insertBlock()
        cursor.insertText(text, look_of)
        cursor.endEditBlock()

    def _ended(self, watch: Watch, error: RunyardError | None) -> None:
        if watch is not self._watch:
            return
        self._begun.hide()
        if error is not None and error.code != "cancelled":
            self._tell(f"The output could not be read: {error.message}")
        elif self._text.document().isEmpty():
            self._tell("It said nothing.")

    def _tell(self, text: str) -> None:
        self._said.setText(text)
        self._said.setContentsMargins(8, 4, 8, 4)
        self._said.show()

    def _set_wrap(self, on: bool) -> None:
        mode = QPlainTextEdit.LineWrapMode
        self._text.setLineWrapMode(mode.WidgetWidth if on else mode.NoWrap)

    def _set_follow(self, on: bool) -> None:
        if on:
            bar = self._text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _moved(self) -> None:
        bar = self._text.verticalScrollBar()
        self._follow.setChecked(bar.value() >= bar.maximum())

    def _mark_all(self) -> None:
        words = self._search.text()
        marks: list[QTextEdit.ExtraSelection] = []
        if words:
            document = self._text.document()
            cursor = document.find(words)
            while not cursor.isNull() and len(marks) < _MARKS_MOST:
                mark = QTextEdit.ExtraSelection()
                mark.cursor = cursor
                form = QTextCharFormat()
                form.setBackground(self.palette().color(QPalette.ColorRole.Highlight).lighter(150))
                form.setForeground(self.palette().color(QPalette.ColorRole.HighlightedText))
                mark.format = form
                marks.append(mark)
                cursor = document.find(words, cursor)
        self._text.setExtraSelections(marks)
        more = "+" if len(marks) == _MARKS_MOST else ""
        self._found.setText(f"{len(marks)}{more} found" if words else "")

    def _find(self, backward: bool) -> None:
        words = self._search.text()
        if not words:
            return
        flag = QTextDocument.FindFlag.FindBackward if backward else QTextDocument.FindFlag(0)
        if not self._text.find(words, flag):
            self._text.moveCursor(
                QTextCursor.MoveOperation.End if backward else QTextCursor.MoveOperation.Start
            )
            self._text.find(words, flag)
        self._moved()
