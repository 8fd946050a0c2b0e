"""The artifacts of one run."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Slot

from ...v1 import orchestrator_pb2 as pb
from ._heading import Heading
from ._table import Table
from ._words import clock, size, whole_time


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _shape(artifact: pb.Artifact) -> str:
    parts = []
    if artifact.duration_s > 0:
        parts.append(f"{artifact.duration_s:.1f} s")
    if artifact.width > 0:
        parts.append(f"{artifact.width}×{artifact.height}")
    return ", ".join(parts)


class ArtifactsModel(Table[pb.Artifact]):
    """`bridge.artifacts(run).done.connect(model.apply)`."""

    headings = (
        Heading[pb.Artifact]("Name", lambda a: a.name, tip=lambda a: a.path or a.name),
        Heading[pb.Artifact]("Size", lambda a: size(a.size), sort=lambda a: a.size, right=True),
        Heading[pb.Artifact]("Type", lambda a: a.media_type),
        Heading[pb.Artifact](
            "Step",
            lambda a: a.step,
            sort=lambda a: int(a.step) if _is_number(a.step) else -1,
            right=True,
        ),
        Heading[pb.Artifact]("Video", _shape, sort=lambda a: a.duration_s),
        Heading[pb.Artifact](
            "Written",
            lambda a: clock(a.modified),
            sort=lambda a: a.modified,
            tip=lambda a: whole_time(a.modified),
        ),
        Heading[pb.Artifact](
            "Note", lambda a: a.problem or a.note, about="what is wrong with it, or why it is not there"
        ),
    )

    @Slot(object)
    def apply(self, artifacts: tuple[pb.Artifact, ...]) -> None:
        """All artifacts of an attempt as they are now."""
        self.update_rows(artifacts, whole=True)

    def key_of(self, row: pb.Artifact) -> tuple[int, str]:
        return (row.attempt, row.name)

    def tie_of(self, row: pb.Artifact) -> Any:
        return (row.modified, row.attempt, row.name)

    def words_of(self, row: pb.Artifact) -> str:
        return f"{row.name}\n{row.media_type}"
