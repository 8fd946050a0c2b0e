"""Light, dark, or as the desktop has it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

APPEARANCES = ("system", "light", "dark")
_DARK = {
    QPalette.ColorRole.Window: "#23292f",
    QPalette.ColorRole.WindowText: "#e3e8ed",
    QPalette.ColorRole.Base: "#14181d",
    QPalette.ColorRole.AlternateBase: "#191d22",
    QPalette.ColorRole.ToolTipBase: "#20262c",
    QPalette.ColorRole.ToolTipText: "#e3e8ed",
    QPalette.ColorRole.PlaceholderText: "#9ba6b1",
    QPalette.ColorRole.Text: "#e3e8ed",
    QPalette.ColorRole.Button: "#2f363d",
    QPalette.ColorRole.ButtonText: "#e3e8ed",
    QPalette.ColorRole.BrightText: "#ffffff",
    QPalette.ColorRole.Highlight: "#2f5f9a",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.Link: "#6cb1ff",
    QPalette.ColorRole.Light: "#3a434c",
    QPalette.ColorRole.Midlight: "#333b43",
    QPalette.ColorRole.Mid: "#1d2227",
    QPalette.ColorRole.Dark: "#0c0f12",
    QPalette.ColorRole.Shadow: "#000000",
}
_FADED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


def appear(application: QApplication, name: str) -> None:
    """By the desktop where it can (Qt 6.8 and a theme); else with colours of our own."""
    wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(name)
    hints = application.styleHints()
    if hasattr(hints, "setColorScheme"):
        hints.setColorScheme(wanted if wanted is not None else Qt.ColorScheme.Unknown)
    if wanted is None or getattr(hints, "colorScheme", lambda: None)() == wanted:
        application.setPalette(QPalette())
    elif wanted == Qt.ColorScheme.Dark:
        application.setStyle("Fusion")
        application.setPalette(_dark())
    else:
        application.setPalette(application.style().standardPalette())


def _dark() -> QPalette:
    palette = QPalette()
    for role, color in _DARK.items():
        palette.setColor(role, QColor(color))
    for role in _FADED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#5d6873"))
    return palette
