"""Fields for a JSON Schema, each with what is wrong with it below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...errors import Violation
from . import look
from .shape import Kind, Shape, group_of, kind_of

# Fields in which one writes more than one line.
_TALL = {"pairs": 3, "json": 2}
_LABELS = {
    "cwd": "Working directory",
    "env": "Environment",
    "gpus": "GPUs",
    "cpus": "CPUs",
    "wandb": "W&&B",
}
_UNITS = {"_mib": " (MiB)", "_s": " (seconds)"}
_HINTS = {
    "/command": "python train.py --seed 1",
    "/env": "NAME=value, one a line",
    "/params": "name=value, one a line",
    "/tags": "baseline 'first try'",
}


class Field(QWidget):
    """One value, as text; empty is left out."""

    changed = Signal(object)
    """Pointer of the field."""

    def __init__(self, pointer: str, shape: Shape, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pointer = pointer
        self.kind: Kind = kind_of(shape)
        self._input = _input_of(pointer, shape, self.kind)
        self._input.setAccessibleName(pointer.strip("/").replace("/", " "))
        self._input.setAccessibleDescription(str(shape.get("description", "")))
        self._input.setToolTip(_tip(shape))
        self._wrong = QLabel(wordWrap=True)
        self._wrong.hide()
        self._wrong.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._input)
        layout.addWidget(self._wrong)
        self.setFocusProxy(self._input)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        if isinstance(self._input, QLineEdit):
            self._input.textChanged.connect(self._tell)
        elif isinstance(self._input, QPlainTextEdit):
            self._input.textChanged.connect(self._tell)
        elif isinstance(self._input, QComboBox):
            self._input.currentIndexChanged.connect(self._tell)
        elif isinstance(self._input, QCheckBox):
            self._input.toggled.connect(self._tell)

    @property
    def text(self) -> str:
        if isinstance(self._input, QPlainTextEdit):
            return self._input.toPlainText()
        if isinstance(self._input, QComboBox):
            return str(self._input.currentData())
        if isinstance(self._input, QCheckBox):
            return "on" if self._input.isChecked() else ""
        assert isinstance(self._input, QLineEdit)
        return self._input.text()

    @text.setter
    def text(self, text: str) -> None:
        if isinstance(self._input, QPlainTextEdit):
            self._input.setPlainText(text)
        elif isinstance(self._input, QComboBox):
            self._input.setCurrentIndex(max(0, self._input.findData(text)))
        elif isinstance(self._input, QCheckBox):
            self._input.setChecked(text == "on")
        elif isinstance(self._input, QLineEdit):
            self._input.setText(text)

    @property
    def wrong(self) -> str:
        """What is said below it, empty while it is right."""
        return self._wrong.text() if self._wrong.isVisibleTo(self) else ""

    def say(self, violations: Sequence[Violation]) -> None:
        color = look.state_color("failed", self.palette()).name()
        self._wrong.setStyleSheet(f"color: {color}")
        self._wrong.setText("\n".join(words_of_violation(one) for one in violations))
        self._wrong.setVisible(bool(violations))

    def placeholder(self, text: str) -> None:
        if isinstance(self._input, QLineEdit | QPlainTextEdit):
            self._input.setPlaceholderText(text)

    def _tell(self) -> None:
        self.changed.emit(self.pointer)


class Form(QWidget):
    """Fields of an object's properties, groups within boxes; `texts` is what was typed, by JSON Pointer."""

    changed = Signal()

    def __init__(self, shape: Shape, names: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fields: dict[str, Field] = {}
        required = set(shape.get("required", ()))
        self._rows = QFormLayout(self)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.setContentsMargins(0, 0, 0, 4)
        # Those of the dialog's own: submit, cancel, more.
        self._taken = set("scm")
        for name in names:
            inner = shape["properties"].get(name)
            if inner is not None:
                self._add(self._rows, f"/{name}", name, inner, name in required)

    def _add(self, rows: QFormLayout, pointer: str, name: str, shape: Shape, needed: bool) -> None:
        if kind_of(shape) == "group":
            group = group_of(shape) or {}
            box = QGroupBox(_label(name))
            box.setToolTip(_tip(shape))
            inner = QFormLayout(box)
            inner.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            must = set(group.get("required", ()))
            for each, one in group.get("properties", {}).items():
                self._add(inner, f"{pointer}/{each}", each, one, each in must)
            rows.addRow(box)
            return
        field = Field(pointer, shape)
        field.changed.connect(self.changed)
        self.fields[pointer] = field
        if field.kind == "flag":
            rows.addRow("", field)
            return
        label = QLabel(self._mnemonic(_label(name)) + (" *" if needed else "") + ":")
        label.setBuddy(field.focusProxy() or field)
        label.setToolTip(_tip(shape))
        rows.addRow(label, field)

    def _mnemonic(self, label: str) -> str:
        """The first letter of it that no other field has taken."""
        for at, letter in enumerate(label.lower()):
            if "&" not in label and letter.isalpha() and letter not in self._taken:
                self._taken.add(letter)
                return f"{label[:at]}&{label[at:]}"
        return label

    @property
    def texts(self) -> dict[str, str]:
        return {pointer: field.text for pointer, field in self.fields.items() if field.text}

    def fill(self, texts: Mapping[str, str]) -> None:
        for pointer, field in self.fields.items():
            field.blockSignals(True)
            field.text = texts.get(pointer, "")
            field.blockSignals(False)
        self.changed.emit()

    def say(self, violations: Sequence[Violation]) -> list[Violation]:
        """Says each below its field; gives back those that no field is there for."""
        of: dict[str, list[Violation]] = {}
        rest = []
        for one in violations:
            place = one.field
            while place and place not in self.fields:
                place = place.rpartition("/")[0]
            if place:
                of.setdefault(place, []).append(one)
            else:
                rest.append(one)
        for pointer, field in self.fields.items():
            field.say(of.get(pointer, []))
        return rest


def words_of_violation(one: Violation) -> str:
    return f"{one.rule}: {one.hint}" if one.hint else one.rule


def _label(name: str) -> str:
    if name in _LABELS:
        return _LABELS[name]
    unit = next((words for end, words in _UNITS.items() if name.endswith(end)), "")
    plain = name.removesuffix("_mib").removesuffix("_s").replace("_", " ")
    return f"{plain[:1].upper()}{plain[1:]}{unit}"


def _tip(shape: Shape) -> str:
    limits = []
    if "minimum" in shape and "maximum" in shape:
        limits.append(f"From {shape['minimum']:g} to {shape['maximum']:g}.")
    return " ".join([str(shape.get("description", "")), *limits]).strip()


def _input_of(pointer: str, shape: Shape, kind: Kind) -> QWidget:
    if kind == "choice":
        choice = QComboBox()
        choice.addItem("–", "")
        for one in shape["enum"]:
            choice.addItem(str(one), str(one))
        return choice
    if kind == "flag":
        return QCheckBox(_label(pointer.rpartition("/")[2]))
    if kind in _TALL or pointer == "/command":
        lines = 2 if pointer == "/command" else _TALL[kind]
        text = QPlainTextEdit(tabChangesFocus=True)
        if pointer == "/command" or kind == "json":
            text.setFont(look.fixed_font())
        text.setPlaceholderText(_HINTS.get(pointer, "JSON" if kind == "json" else ""))
        text.setFixedHeight(QFontMetrics(text.font()).lineSpacing() * lines + 14)
        return text
    line = QLineEdit()
    line.setPlaceholderText(_HINTS.get(pointer, ""))
    return line
