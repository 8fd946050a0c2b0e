"""A form made from the schema of a run, which says as one types what would become of it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import RunyardError, Violation
from ...v1 import orchestrator_pb2 as pb
from .form import Form
from .keys import on_key
from .shape import Shape, config_of, kind_of, texts_of
from .verdict import Verdict

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import Connection
    from ..requests import Request

SCHEMA = "train-run-config.v1"
# What most people need, in this order; the rest comes under "More".
FIRST = ("command", "cwd", "name", "project", "gpus", "priority", "preset", "env")
# Said by clients, not by people.
NEVER = ("version", "code")
# Nothing is asked while somebody types.
_REST_MS = 250


class SubmitDialog(QDialog):
    """Stays open until its run is accepted. `config` fills it, such as with another run's."""

    submitted = Signal(object)
    """The RunHandle."""

    def __init__(
        self,
        bridge: TrainerQBridgeThread,
        parent: QWidget | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        title: str = "Submit a run",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._bridge = bridge
        self._begin = dict(config or {})
        self._shape: Shape = {}
        self._form: Form | None = None
        self._more: Form | None = None
        self._planned: Request | None = None
        self._sent: Request | None = None
        # The same submit again is the same run, whatever became of the first answer.
        self._key = ("", "")
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._plan)
        self._fields = QScrollArea(widgetResizable=True)
        self._fields.setFrameShape(QFrame.Shape.NoFrame)
        self._fields.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fields.setWidget(QLabel("Loading the form …", alignment=Qt.AlignmentFlag.AlignCenter))
        self._verdict = Verdict()
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._submit = self._buttons.addButton("&Submit", QDialogButtonBox.ButtonRole.AcceptRole)
        self._submit.setToolTip("Ctrl+Return")
        self._submit.setEnabled(False)
        self._buttons.accepted.connect(self.submit)
        self._buttons.rejected.connect(self.reject)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            on_key(keys, self, self.submit, inside=True)
        both = QHBoxLayout()
        both.setSpacing(16)
        both.addWidget(self._fields, 3)
        both.addWidget(self._verdict, 2)
        layout = QVBoxLayout(self)
        layout.addLayout(both, 1)
        layout.addWidget(self._buttons)
        self.resize(880, 620)
        bridge.connection_changed.connect(self._connected)
        self._ask()

    @property
    def config(self) -> dict[str, Any]:
        """What would be submitted now."""
        return config_of(self._shape, "", self._texts()) or {}

    @property
    def form(self) -> Form | None:
        """The fields that most people need, once the schema has come."""
        return self._form

    @property
    def verdict(self) -> str:
        """What is said beside the form."""
        return self._verdict.text

    def submit(self) -> None:
        """Hands it over; what is refused is said at its fields, and the dialog stays."""
        if self._form is None or self._sent is not None:
            return
        config = self.config
        of = json.dumps(config, sort_keys=True)
        if self._key[0] != of:
            self._key = (of, str(uuid.uuid4()))
        self._rest.stop()
        self._submit.setEnabled(False)
        self._submit.setText("Submitting …")
        self._sent = self._bridge.submit(config, key=self._key[1])
        self._sent.done.connect(self._accepted)
        self._sent.failed.connect(self._refused)

    def reject(self) -> None:
        for open_one in (self._planned, self._sent):
            if open_one is not None:
                open_one.cancel()
        super().reject()

    def _ask(self) -> None:
        asked = self._bridge.schema(SCHEMA)
        asked.done.connect(self._build)
        asked.failed.connect(self._show)

    def _connected(self, connection: Connection) -> None:
        """A daemon came back: the form, or what would become of it, is asked for again."""
        if connection.state != "connected":
            return
        if self._form is None:
            self._ask()
        else:
            self._rest.start()

    def _texts(self) -> dict[str, str]:
        texts: dict[str, str] = {}
        for form in (self._form, self._more):
            if form is not None:
                texts.update(form.texts)
        return texts

    def _build(self, schema: pb.Schema) -> None:
        if self._form is not None:
            return
        self._shape = json.loads(schema.json)
        properties = self._shape.get("properties", {})
        rest = [name for name in properties if name not in (*FIRST, *NEVER)]
        # Groups last: they are large.
        rest.sort(key=lambda name: kind_of(properties[name]) == "group")
        self._form, self._more = Form(self._shape, FIRST), Form(self._shape, rest)
        here = self._form.fields.get("/cwd")
        if here is not None:
            here.placeholder(os.getcwd())
        texts = texts_of(self._shape, "", self._begin)
        for form in (self._form, self._more):
            form.fill(texts)
            form.changed.connect(self._typed)
        toggle = QToolButton(autoRaise=True)
        toggle.setText("&More")
        toggle.setCheckable(True)
        toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        toggle.setArrowType(Qt.ArrowType.RightArrow)
        toggle.toggled.connect(self._more.setVisible)
        toggle.toggled.connect(
            lambda on: toggle.setArrowType(
                Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow
            )
        )
        self._toggle = toggle
        shown = any(pointer in self._more.fields for pointer in texts)
        toggle.setChecked(shown)
        self._more.setVisible(shown)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(2, 2, 10, 2)
        layout.addWidget(self._form)
        layout.addWidget(toggle, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._more)
        layout.addStretch(1)
        self._fields.setWidget(inside)
        self._form.fields["/command"].setFocus()
        self._typed()

    def _typed(self) -> None:
        self._verdict.config(self.config)
        self._submit.setEnabled(bool(self.config) and self._sent is None)
        self._rest.start()

    def _plan(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        config = self.config
        if not config:
            self._say([])
            self._verdict.nothing()
            return
        asked = self._planned = self._bridge.plan(config)
        asked.done.connect(lambda plan: self._told(asked, plan))
        asked.failed.connect(lambda error: self._broken(asked, error))

    def _told(self, asked: Request, plan: pb.RunPlan) -> None:
        if asked is self._planned:
            self._say([])
            self._verdict.plan(plan)

    def _broken(self, asked: Request, error: RunyardError) -> None:
        if asked is not self._planned or error.code == "cancelled":
            return
        self._show(error)

    def _show(self, error: RunyardError) -> None:
        if error.code == "cancelled":
            return
        if not error.violations:
            self._verdict.trouble(error.message)
            return
        rest = self._say(list(error.violations))
        self._verdict.invalid(len(error.violations), rest)

    def _say(self, violations: list[Violation]) -> list[Violation]:
        if self._form is None or self._more is None:
            return violations
        rest = self._more.say(self._form.say(violations))
        if any(field.wrong for field in self._more.fields.values()):
            self._toggle.setChecked(True)
        return rest

    def _accepted(self, handle: pb.RunHandle) -> None:
        self.submitted.emit(handle)
        self.accept()

    def _refused(self, error: RunyardError) -> None:
        self._sent = None
        self._submit.setText("&Submit")
        self._submit.setEnabled(True)
        if error.code == "cancelled":
            return
        self._show(error)
        for form in (self._form, self._more):
            wrong = [one for one in form.fields.values() if one.wrong] if form is not None else []
            if wrong:
                wrong[0].setFocus()
                self._fields.ensureWidgetVisible(wrong[0])
                return
