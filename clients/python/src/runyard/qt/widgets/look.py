"""How states, times and sizes look: glyphs and colours of the command line, which mean state and nothing else."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QLabel

# In the order of a life.
STATUSES = (
    *("queued", "allocating", "running", "stopping"),
    *("completed", "failed", "lost", "rejected", "cancelled"),
)
LIVE = ("allocating", "running", "stopping")
OVER = ("completed", "failed", "lost", "rejected", "cancelled")
BAD = ("failed", "lost", "rejected")
GLYPHS = dict(zip(STATUSES, "○◐●◑✓✗✗✗⊘", strict=True))
# What the chart has in place of a status, once a run is over, is told by the status alone.
_LIGHT = {
    "queued": "#5a6570",
    "allocating": "#0a6a7b",
    "running": "#167333",
    "stopping": "#805300",
    "completed": "#167333",
    "failed": "#bd1f1c",
    "lost": "#bd1f1c",
    "rejected": "#bd1f1c",
    "cancelled": "#805300",
}
_DARK = {
    "queued": "#9ba6b1",
    "allocating": "#4cc3d9",
    "running": "#4fc26b",
    "stopping": "#e0a83a",
    "completed": "#4fc26b",
    "failed": "#ff7b72",
    "lost": "#ff7b72",
    "rejected": "#ff7b72",
    "cancelled": "#e0a83a",
}


def is_dark(palette: QPalette) -> bool:
    return palette.color(QPalette.ColorRole.Base).lightness() < 128


def state_color(status: str, palette: QPalette) -> QColor:
    """Of a status, on this ground; its contrast as text is at least 4.5."""
    colors = _DARK if is_dark(palette) else _LIGHT
    return QColor(colors.get(status, colors["queued"]))


def quiet_color(palette: QPalette) -> QColor:
    """For words that are there to be found, not to be seen first."""
    return QColor("#9ba6b1" if is_dark(palette) else "#56606a")


def line_color(palette: QPalette) -> QColor:
    return QColor("#2c333b" if is_dark(palette) else "#d8dde2")


def glyph_of(status: str) -> str:
    return GLYPHS.get(status, "?")


def fixed_font() -> QFont:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)


def duration(seconds: float) -> str:
    """Two units at most: `12 ms`, `2.3 s`, `41 s`, `12m`, `3h05`, `2d4h`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{math.floor(seconds * 10) / 10:.1f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}m{int(seconds % 60):02d}" if minutes < 10 else f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h{minutes % 60:02d}" if hours < 24 else f"{hours // 24}d{hours % 24}h"


def bytes_text(count: float) -> str:
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    unit = 0
    while count >= 1024 and unit < len(units) - 1:
        count /= 1024
        unit += 1
    return (
        f"{count:.1f} {units[unit]}" if count < 10 and unit > 0 else f"{round(count)} {units[unit]}"
    )


def time_of(at: str) -> datetime | None:
    """Of RFC 3339 in UTC, as the daemon says it; None where it has not come."""
    if at == "":
        return None
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        return None


def exact(at: str) -> str:
    """`2026-11-26 20:41:07.113`, in the reader's own zone."""
    time = time_of(at)
    return "" if time is None else time.astimezone().isoformat(" ", "milliseconds")[:23]


def ago(at: str) -> str:
    time = time_of(at)
    if time is None:
        return "–"
    return duration(max(0.0, (datetime.now(timezone.utc) - time).total_seconds()))


def span(begin: str, end: str) -> str:
    """How long something took, or has been going on while `end` is empty."""
    first, last = time_of(begin), time_of(end)
    if first is None:
        return "–"
    return duration(max(0.0, ((last or datetime.now(timezone.utc)) - first).total_seconds()))


def short_state(state: str) -> str:
    return state.rpartition(".")[2]


def quiet_label(text: str = "") -> QLabel:
    """Words beside the thing itself; can be chosen and copied."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label
