"""Plays a video in the window. Needs Qt Multimedia, which is in PySide6-Addons; the module is imported for the first video.

Frames are drawn by a plain widget: Qt's own for videos makes a window of the graphics card, which holds the event loop
up for a tenth of a second where that is software.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QUrl, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtMultimedia import QMediaPlayer, QVideoFrame, QVideoSink
from PySide6.QtWidgets import QHBoxLayout, QSlider, QStyle, QToolButton, QVBoxLayout, QWidget

from .keys import on_key

_RASTER = Qt.ApplicationAttribute.AA_ForceRasterWidgets


class Player(QWidget):
    """Plays over and over, as one looks at how a policy moves. Space: pause. Raises RuntimeError without a backend."""

    failed = Signal(object)
    """A sentence: this video cannot be played."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._player = QMediaPlayer(self)
        if not self._player.isAvailable():
            raise RuntimeError("Qt Multimedia has no backend here")
        self._screen = _Screen()
        self._sink = QVideoSink(self)
        self._sink.videoFrameChanged.connect(self._screen.take)
        self._player.setVideoSink(self._sink)
        self._player.setLoops(QMediaPlayer.Loops.Infinite)
        self._button = QToolButton(autoRaise=True)
        self._button.setToolTip("Play or pause (space)")
        on_key("Space", self, self._toggle, inside=True)
        self._button.clicked.connect(self._toggle)
        self._at = QSlider(Qt.Orientation.Horizontal)
        self._at.setAccessibleName("position")
        self._at.sliderMoved.connect(self._player.setPosition)
        self._player.positionChanged.connect(self._moved)
        self._player.durationChanged.connect(lambda ms: self._at.setRange(0, ms))
        self._player.playbackStateChanged.connect(lambda _: self._draw())
        self._player.errorOccurred.connect(lambda *_: self._fail())
        row = QHBoxLayout()
        row.addWidget(self._button)
        row.addWidget(self._at, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._screen, 1)
        layout.addLayout(row)
        self._draw()

    @property
    def position_ms(self) -> int:
        return int(self._player.position())

    @property
    def image(self) -> QImage:
        """What is on the screen; null before the first frame."""
        return self._screen.image

    def play(self, place: Path) -> None:
        self._screen.image = QImage()
        self._screen.update()
        self._player.setSource(QUrl.fromLocalFile(str(place)))
        self._player.play()

    def stop(self) -> None:
        self._player.stop()
        # Of a file that stays open nothing is left behind.
        self._player.setSource(QUrl())

    @property
    def plays(self) -> bool:
        return self._player.playbackState() == QMediaPlayer.PlaybackState.PlayingState

    def _fail(self) -> None:
        if self._player.error() != QMediaPlayer.Error.NoError:
            self.failed.emit(self._player.errorString() or "Qt Multimedia does not say why")

    def _toggle(self) -> None:
        self._player.pause() if self.plays else self._player.play()

    def _moved(self, ms: int) -> None:
        if not self._at.isSliderDown():
            self._at.setValue(ms)

    def _draw(self) -> None:
        icons = QStyle.StandardPixmap
        icon = icons.SP_MediaPause if self.plays else icons.SP_MediaPlay
        self._button.setIcon(self.style().standardIcon(icon))


class _Screen(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self.setMinimumSize(1, 1)

    def take(self, frame: QVideoFrame) -> None:
        if not frame.isValid() or not self.isVisible():
            return
        # With its first frame Qt looks for a graphics card to turn colours, for 70 to 200 ms; it leaves that where
        # windows are drawn without one.
        before = QCoreApplication.testAttribute(_RASTER)
        QCoreApplication.setAttribute(_RASTER, True)
        self.image = frame.toImage()
        QCoreApplication.setAttribute(_RASTER, before)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.image.isNull():
            return
        size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = self.rect()
        place.setSize(size)
        place.moveCenter(self.rect().center())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self.image)
        painter.end()
