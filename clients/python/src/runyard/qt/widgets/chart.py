"""A run's state chart: the daemon's drawing, the state that it is in lit, ways that it took thick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPalette, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsScene,
    QGraphicsView,
    QLabel,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from ...errors import RunyardError
from ...v1 import orchestrator_pb2 as pb
from . import look
from .drawing import DARK, LIGHT, Colors, Drawing, Step

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import Connection

_DEEPEST, _WIDEST = 2.5, 0.15


class ChartView(QWidget):
    """Shows one run: `show_run` follows it until another one is shown.

    whole: all of the chart, to be scrolled and zoomed (wheel); else its overview, which always fits.
    """

    state_hovered = Signal(object)
    """Name of the state below the pointer, empty elsewhere."""

    def __init__(
        self, bridge: TrainerQBridgeThread, parent: QWidget | None = None, *, whole: bool = False
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._machine = ""
        self._drawings: dict[str, Drawing] = {}
        self._asked: set[str] = set()
        self._active = ""
        self._status = ""
        self._steps: list[Step] = []
        self._seen = 0
        # Number of the event that led to the state that is lit.
        self._told = 0
        self._run_id = ""
        self._view = _View(self)
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        layout.addWidget(self._words)
        self.setAccessibleName("state chart")
        # Several events of one turn are drawn once.
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._draw)
        self._say("Choose a run to see where it is.")
        self.set_whole(whole)
        bridge.connection_changed.connect(self._connected)

    @property
    def active(self) -> str:
        """The state that is lit."""
        return self._active

    @property
    def steps(self) -> Sequence[Step]:
        """Ways that the run took, in order."""
        return self._steps

    def set_whole(self, whole: bool) -> None:
        self._machine = "run" if whole else "run-overview"
        self._view.fits = not whole
        self._ask()
        self._later.start()

    def show_run(self, run: pb.RunSummary | None) -> None:
        """A run as its summary says; the ways come with `take_events`."""
        if run is None:
            self._run_id, self._active, self._status = "", "", ""
            self._steps, self._seen, self._told = [], 0, 0
        else:
            if run.run_id != self._run_id:
                self._run_id, self._steps, self._seen, self._told = run.run_id, [], 0, 0
            self._be(run.state, run.last_seq)
            self._status = run.status
            self._ask()
        self._later.start()

    def take_events(self, events: Sequence[pb.RunEvent]) -> None:
        """Events of the run that is shown, in order; those that were taken before are left out."""
        for event in events:
            if event.run_id != self._run_id or event.seq <= self._seen:
                continue
            self._seen = event.seq
            begin = getattr(event, "from")
            self._steps.append(Step(event.event, begin, event.to))
            if event.to:
                self._be(event.to, event.seq)
        self._later.start()

    def _be(self, state: str, seq: int) -> None:
        """Summaries and events come by two ways; what was told later is true."""
        if seq >= self._told:
            self._active, self._told = state, seq

    def sizeHint(self) -> QSize:
        return QSize(720, 200)

    def _ask(self) -> None:
        asked = self._machine
        if asked in self._drawings or asked in self._asked:
            return
        self._asked.add(asked)
        request = self._bridge.chart(asked)
        request.done.connect(lambda chart: self._read(asked, chart))
        request.failed.connect(lambda error: self._failed(asked, error))

    def _connected(self, connection: Connection) -> None:
        if connection.state == "connected":
            self._ask()

    def _read(self, machine: str, chart: pb.Chart) -> None:
        self._drawings[machine] = Drawing(chart.svg)
        self._later.start()

    def _failed(self, machine: str, error: RunyardError) -> None:
        self._asked.discard(machine)
        if error.code != "cancelled" and not error.retryable:
            self._say(f"The chart could not be had: {error.message}")

    def _draw(self) -> None:
        drawing = self._drawings.get(self._machine)
        if drawing is None or self._run_id == "":
            if drawing is not None or self._run_id == "":
                self._say("Choose a run to see where it is.")
            return
        palette = self.palette()
        base = DARK if look.is_dark(palette) else LIGHT
        color = look.state_color(self._status, palette).name()
        paper = palette.color(QPalette.ColorRole.Base).name()
        colors = Colors(paper, base.box, base.line, base.ink, base.quiet, color)
        self._words.hide()
        self._view.show()
        self._view.draw(drawing, drawing.lit(colors, self._active, self._steps), self._active)

    def _say(self, text: str) -> None:
        self._words.setText(text)
        self._words.show()
        self._view.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if hasattr(self, "_later"):
            self._later.start()


class _Item(QGraphicsItem):
    """The drawing, kept as pixels of the zoom at which it was last drawn: text is what takes long."""

    def __init__(self) -> None:
        super().__init__()
        self._renderer = QSvgRenderer()
        self._pixels: QPixmap | None = None
        self._scale = 0.0
        self._box = QRectF()

    def draw(self, svg: bytes) -> None:
        self.prepareGeometryChange()
        self._renderer.load(svg)
        self._box = QRectF(QPointF(0, 0), self._renderer.viewBoxF().size())
        self._pixels = None
        self.update()

    def boundingRect(self) -> QRectF:
        return self._box

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        ratio = painter.device().devicePixelRatioF()
        scale = painter.worldTransform().m11() * ratio
        if self._pixels is None or scale != self._scale:
            size = (self._box.size() * scale).toSize()
            if size.isEmpty():
                return
            self._pixels, self._scale = QPixmap(size), scale
            self._pixels.fill(Qt.GlobalColor.transparent)
            inner = QPainter(self._pixels)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._renderer.render(inner)
            inner.end()
        painter.drawPixmap(self._box, self._pixels, QRectF(self._pixels.rect()))


class _View(QGraphicsView):
    def __init__(self, chart: ChartView) -> None:
        super().__init__(chart)
        self._chart = chart
        self._drawing: Drawing | None = None
        self.fits = True
        self._item = _Item()
        scene = QGraphicsScene(self)
        scene.addItem(self._item)
        self.setScene(scene)
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor)
        self.setMouseTracking(True)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setAccessibleName("state chart")

    def draw(self, drawing: Drawing, svg: bytes, active: str) -> None:
        first = drawing is not self._drawing
        self._drawing = drawing
        self._item.draw(svg)
        self.setSceneRect(self._item.boundingRect())
        if self.fits:
            self._fit()
        elif first:
            self.resetTransform()
        at = drawing.placed(active)
        if at is not None and not self.fits:
            x, y = at.x - drawing.size[0], at.y - drawing.size[1]
            self.ensureVisible(QRectF(x, y, at.width, at.height), 80, 60)

    def _fit(self) -> None:
        box, room = self._item.boundingRect(), self.viewport().size()
        if box.isEmpty() or room.isEmpty():
            return
        scale = min(room.width() / box.width(), room.height() / box.height(), 1.15)
        self.resetTransform()
        self.scale(scale, scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.fits:
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.fits:
            event.ignore()
            return
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        factor = 1.0015 ** event.angleDelta().y()
        if _WIDEST < self.transform().m11() * factor < _DEEPEST:
            self.scale(factor, factor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._drawing is None:
            return
        at = self.mapToScene(event.position().toPoint())
        left, top = self._drawing.size[:2]
        found = self._drawing.state_at(at.x() + left, at.y() + top)
        state = "" if found is None else found.state
        self.setToolTip(state)
        self._chart.state_hovered.emit(state)
