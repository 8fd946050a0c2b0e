"""The row above curves: what is what, by what they are laid out, and how."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSlider, QWidget


class CurveTools(QWidget):
    changed = Signal()
    """Another axis, or more or less smoothing."""
    log_changed = Signal(bool)
    seeds_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.legend = QLabel(wordWrap=True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.axis = QComboBox()
        self.axis.addItems(["by step", "by time"])
        self.axis.setAccessibleName("axis")
        self.axis.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.seeds = QCheckBox("mean of see&ds")
        self.seeds.setToolTip("One line, with its deviation, in place of runs that differ in their seed alone")
        self.seeds.setVisible(False)
        self.seeds.toggled.connect(self.seeds_changed)
        self.log = QCheckBox("&log y")
        self.log.toggled.connect(self.log_changed)
        self.smooth = QSlider(Qt.Orientation.Horizontal)
        self.smooth.setRange(0, 98)
        self.smooth.setFixedWidth(90)
        self.smooth.setToolTip("Smoothing: the raw line stays, faintly")
        self.smooth.setAccessibleName("smoothing")
        self.smooth.valueChanged.connect(lambda _: self.changed.emit())
        words = QLabel("s&mooth")
        words.setBuddy(self.smooth)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4, 0)
        row.addWidget(self.legend, 1)
        for part in (self.seeds, self.axis, self.log, words, self.smooth):
            row.addWidget(part)

    @property
    def by_time(self) -> bool:
        return self.axis.currentIndex() == 1

    @property
    def factor(self) -> float:
        """Of the smoothing; 0 for none."""
        return self.smooth.value() / 100
