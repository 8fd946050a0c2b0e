"""What a run left: videos to be played, pictures to be seen, all else to be saved or opened with its own program."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ...errors import RunyardError
from ...v1 import orchestrator_pb2 as pb
from ..models import ArtifactsModel
from . import look
from .viewer import Viewer

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..requests import Request

# Pictures beyond it are opened with their own program.
_SEEN_MOST_BYTES = 8 << 20
_LOOK_AGAIN_MS = 3_000


class ArtifactsView(QWidget):
    """Artifacts of one run's latest attempt. Nothing is read before somebody wants to see it."""

    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._run_id = ""
        self._asked: Request | None = None
        self._reading: Request | None = None
        self._place: tempfile.TemporaryDirectory[str] | None = None
        self.model = ArtifactsModel(self)
        self._table = QTableView()
        self._table.setModel(self.model)
        self._table.setShowGrid(False)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setTabKeyNavigation(False)
        self._table.setFrameShape(QTableView.Shape.NoFrame)
        self._table.setAccessibleName("artifacts")
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        head = self._table.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        letter = self.fontMetrics().averageCharWidth()
        for at, chars in enumerate((26, 9, 12, 8, 16, 10, 10)):
            self._table.setColumnWidth(at, letter * chars + 12)
        head.setStretchLastSection(True)
        self._table.setSortingEnabled(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._table.selectionModel().currentRowChanged.connect(lambda *_: self._chosen())
        self._table.activated.connect(lambda _: self.open())
        self.viewer = Viewer()
        self._words = look.quiet_label()
        self._open = QPushButton("Ope&n")
        self._open.clicked.connect(lambda: self.open())
        self._save = QPushButton("&Save as …")
        self._save.clicked.connect(lambda: self.save())
        buttons = QHBoxLayout()
        buttons.setContentsMargins(4, 2, 4, 4)
        buttons.addStretch(1)
        buttons.addWidget(self._open)
        buttons.addWidget(self._save)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.viewer, 1)
        self._words.setContentsMargins(6, 0, 6, 0)
        column.addWidget(self._words)
        column.addLayout(buttons)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self._table)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self._again = QTimer(self, interval=_LOOK_AGAIN_MS)
        self._again.timeout.connect(self._ask)
        self._live = False
        self._chosen()

    def show_run(self, run_id: str, live: bool = False) -> None:
        """live: looks again every few seconds, while somebody sees it."""
        changed, ended = run_id != self._run_id, self._live and not live
        self._run_id, self._live = run_id, live
        if changed:
            self.model.apply(())
            self._chosen()
        if changed or ended:
            self._ask()
        self._again.start() if live else self._again.stop()

    def open(self) -> None:
        """With the program that this desktop has for it."""
        artifact = self._current()
        if artifact is not None:
            self._read(
                artifact, lambda place: QDesktopServices.openUrl(QUrl.fromLocalFile(str(place)))
            )

    def save(self) -> None:
        artifact = self._current()
        if artifact is None:
            return
        name = artifact.name.rpartition("/")[2]
        place, _ = QFileDialog.getSaveFileName(self, "Save the artifact", name)
        if place:
            self._fetch(
                artifact, Path(place), lambda saved: self._words.setText(f"Saved as {saved}")
            )

    def _ask(self) -> None:
        if self._run_id == "" or (self._asked is not None and not self._asked.settled):
            return
        run_id = self._run_id
        self._asked = self._bridge.artifacts(run_id)
        self._asked.done.connect(lambda all: self._take(run_id, all))

    def _take(self, run_id: str, artifacts: tuple[pb.Artifact, ...]) -> None:
        if run_id != self._run_id:
            self._ask()
            return
        self.model.apply(artifacts)
        if self._current() is None:
            self._chosen()

    def _current(self) -> pb.Artifact | None:
        index = self._table.currentIndex()
        return self.model.at(index.row()) if index.isValid() else None

    def _chosen(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        artifact = self._current()
        there = artifact is not None and artifact.path != ""
        self._open.setEnabled(there)
        self._save.setEnabled(there)
        self.viewer.nothing("" if self.model.rowCount() else "No artifacts so far.")
        self._words.setText("" if artifact is None else _words_of(artifact))
        if artifact is None or not there:
            return
        if artifact.media_type.startswith("video/"):
            if self.viewer.plays:
                self._read(artifact, self.viewer.play)
            else:
                self.viewer.open_outside()
        elif artifact.media_type.startswith("image/") and artifact.size <= _SEEN_MOST_BYTES:
            self._read(artifact, self.viewer.see)

    def _read(self, artifact: pb.Artifact, then: Any) -> None:
        if self._place is None:
            self._place = tempfile.TemporaryDirectory(prefix="runyard-qt-")
        plain = re.sub(r"[^\w.-]", "_", artifact.name)
        unique = f"{self._run_id}-{artifact.attempt}-{artifact.version}-{plain}"
        self._fetch(artifact, Path(self._place.name, unique), then)

    def _fetch(self, artifact: pb.Artifact, place: Path, then: Any) -> None:
        name, attempt = artifact.name, artifact.attempt
        reading = self._bridge.read_artifact(self._run_id, name, attempt=attempt, to=place)
        self._reading = reading
        reading.done.connect(lambda saved: then(saved) if reading is self._reading else None)
        reading.failed.connect(lambda error: self._failed(reading, error))

    def _failed(self, reading: Request, error: RunyardError) -> None:
        if reading is self._reading and error.code != "cancelled":
            self._words.setText(error.message)


def _words_of(artifact: pb.Artifact) -> str:
    parts = [look.bytes_text(artifact.size), artifact.media_type]
    if artifact.duration_s:
        parts.append(look.duration(artifact.duration_s))
    if artifact.width:
        parts.append(f"{artifact.width}×{artifact.height}")
    if artifact.step:
        parts.append(f"step {artifact.step}")
    parts += [word for word in (artifact.note, artifact.problem) if word]
    return " · ".join(parts)
