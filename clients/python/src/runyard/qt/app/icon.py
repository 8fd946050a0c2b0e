"""The sign of the window, drawn: a run on its way through the states."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap


def icon() -> QIcon:
    made = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(size / 64, size / 64)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#1b2127"))
        painter.drawRoundedRect(QRectF(2, 2, 60, 60), 13, 13)
        painter.setPen(QPen(QColor("#7b8794"), 4))
        painter.drawLine(QPointF(16, 44), QPointF(32, 22))
        painter.drawLine(QPointF(32, 22), QPointF(48, 40))
        painter.setPen(Qt.PenStyle.NoPen)
        for color, at, radius in (
            ("#9ba6b1", QPointF(16, 44), 7),
            ("#4fc26b", QPointF(32, 22), 9),
            ("#9ba6b1", QPointF(48, 40), 7),
        ):
            painter.setBrush(QColor(color))
            painter.drawEllipse(at, radius, radius)
        painter.end()
        made.addPixmap(pixmap)
    return made
