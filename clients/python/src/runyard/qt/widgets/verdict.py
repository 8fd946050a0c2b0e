"""Beside a form: what would become of it, and what would be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from ...errors import Violation
from ...v1 import orchestrator_pb2 as pb
from . import look
from .form import words_of_violation


class Verdict(QWidget):
    """What would become of it, and what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self._head = QLabel(wordWrap=True)
        self._head.setTextFormat(Qt.TextFormat.PlainText)
        font = self._head.font()
        font.setPointSizeF(font.pointSizeF() * 1.15)
        font.setBold(True)
        self._head.setFont(font)
        self._words = QLabel(wordWrap=True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._config = QPlainTextEdit(readOnly=True, tabChangesFocus=True)
        self._config.setFont(look.fixed_font())
        self._config.setAccessibleName("configuration")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.addWidget(self._head)
        layout.addWidget(self._words)
        layout.addWidget(look.quiet_label("What would be sent"))
        layout.addWidget(self._config, 1)
        self.nothing()

    @property
    def text(self) -> str:
        return f"{self._head.text()}\n{self._words.text()}".strip()

    def nothing(self) -> None:
        self._say(
            "queued",
            "What is to be run?",
            "A command is enough. What it would do is said here as you type.",
        )

    def config(self, config: Mapping[str, Any]) -> None:
        self._config.setPlainText(
            json.dumps(config, indent=2, ensure_ascii=False) if config else ""
        )

    def plan(self, plan: pb.RunPlan) -> None:
        if plan.verdict == "starts":
            slots = f"It gets {', '.join(plan.slots)}." if plan.slots else ""
            self._say("running", "It would start at once", slots)
        elif plan.verdict == "waits":
            self._say("queued", "It would wait", plan.text)
        else:
            self._say("failed", "It would be refused", plan.text)

    def invalid(self, count: int, rest: list[Violation]) -> None:
        said = "one field is" if count == 1 else f"{count} fields are"
        words = "\n".join(f"{one.field}: {words_of_violation(one)}" for one in rest)
        self._say(
            "failed", f"Not yet: {said} not right", words or "Each says below it what is wrong."
        )

    def trouble(self, text: str) -> None:
        self._say("stopping", "The daemon cannot be asked", text)

    def _say(self, status: str, head: str, words: str) -> None:
        self._head.setText(f"{look.glyph_of(status)} {head}")
        self._head.setStyleSheet(f"color: {look.state_color(status, self.palette()).name()}")
        self._words.setText(words)
