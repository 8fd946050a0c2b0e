"""Keys of a widget."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget


def on_key(
    keys: QKeySequence.StandardKey | str,
    widget: QWidget,
    run: Callable[[], object],
    *,
    inside: bool = False,
) -> None:
    """While the widget has the focus, or with `inside` one within it, the keys do this."""
    shortcut = QShortcut(QKeySequence(keys), widget)
    context = Qt.ShortcutContext
    # The constructor of PySide takes a context, and does nothing with it.
    shortcut.setContext(context.WidgetWithChildrenShortcut if inside else context.WidgetShortcut)
    shortcut.activated.connect(lambda: run())
