"""Shows one file: a video is played where Qt Multimedia is there, a picture is seen, all else has words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QImageReader, QPalette, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSlider,
    QStackedWidget,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from . import look
from .keys import on_key

try:
    from PySide6.QtMultimedia import QMediaPlayer
    from PySide6.QtMultimediaWidgets import QVideoWidget
except ImportError:
    QMediaPlayer = None  # type: ignore[assignment,misc]


class Viewer(QStackedWidget):
    """A video, a picture, or words."""

    def __init__(self) -> None:
        super().__init__()
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._picture = _Picture()
        self.addWidget(self._words)
        self.addWidget(self._picture)
        self.player = None if QMediaPlayer is None else _Player()
        if self.player is not None:
            self.addWidget(self.player)

    def sizeHint(self) -> QSize:
        return QSize(320, 180)

    def nothing(self, text: str) -> None:
        if self.player is not None:
            self.player.stop()
        self._words.setText(text)
        self.setCurrentWidget(self._words)

    def see(self, place: Path) -> None:
        reader = QImageReader(str(place))
        reader.setAutoTransform(True)
        # In the file, a picture may be larger than any screen.
        size = reader.size()
        if size.width() > 2000 or size.height() > 2000:
            reader.setScaledSize(size.scaled(2000, 2000, Qt.AspectRatioMode.KeepAspectRatio))
        image = reader.read()
        if image.isNull():
            self.nothing(f"It cannot be shown: {reader.errorString()}")
            return
        self._picture.show_pixmap(QPixmap.fromImage(image))
        self.setCurrentWidget(self._picture)

    def play(self, place: Path) -> None:
        if self.player is not None:
            self.setCurrentWidget(self.player)
            self.player.play(place)


class _Picture(QLabel):
    def __init__(self) -> None:
        super().__init__(alignment=Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(1, 1)
        self._all = QPixmap()

    def show_pixmap(self, pixmap: QPixmap) -> None:
        self._all = pixmap
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._all.isNull():
            return
        keep, smooth = (
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        room = self.size().boundedTo(self._all.size())
        self.setPixmap(self._all.scaled(room, keep, smooth))


class _Player(QWidget):
    """Plays over and over, as one looks at how a policy moves. Space: pause."""

    def __init__(self) -> None:
        super().__init__()
        self._video = QVideoWidget()
        self._player = QMediaPlayer(self)
        self._player.setVideoOutput(self._video)
        self._player.setLoops(QMediaPlayer.Loops.Infinite)
        self._button = QToolButton(autoRaise=True)
        self._button.setToolTip("Play or pause (space)")
        on_key("Space", self, self._toggle, inside=True)
        self._button.clicked.connect(self._toggle)
        self._at = QSlider(Qt.Orientation.Horizontal)
        self._at.setAccessibleName("position")
        self._at.sliderMoved.connect(self._player.setPosition)
        self._wrong = look.quiet_label()
        self._player.positionChanged.connect(self._moved)
        self._player.durationChanged.connect(lambda ms: self._at.setRange(0, ms))
        self._player.playbackStateChanged.connect(lambda _: self._draw())
        self._player.errorOccurred.connect(
            lambda *_: self._wrong.setText(self._player.errorString())
        )
        row = QHBoxLayout()
        row.addWidget(self._button)
        row.addWidget(self._at, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._video, 1)
        layout.addWidget(self._wrong)
        layout.addLayout(row)
        self._draw()

    @property
    def position_ms(self) -> int:
        return int(self._player.position())

    def play(self, place: Path) -> None:
        self._wrong.setText("")
        self._player.setSource(QUrl.fromLocalFile(str(place)))
        self._player.play()

    def stop(self) -> None:
        self._player.stop()

    def _toggle(self) -> None:
        plays = self._player.playbackState() == QMediaPlayer.PlaybackState.PlayingState
        self._player.pause() if plays else self._player.play()

    def _moved(self, ms: int) -> None:
        if not self._at.isSliderDown():
            self._at.setValue(ms)

    def _draw(self) -> None:
        plays = self._player.playbackState() == QMediaPlayer.PlaybackState.PlayingState
        icon = QStyle.StandardPixmap.SP_MediaPause if plays else QStyle.StandardPixmap.SP_MediaPlay
        self._button.setIcon(self.style().standardIcon(icon))
