"""The GPUs of a yard."""

from __future__ import annotations

from PySide6.QtCore import Slot

from ...v1 import orchestrator_pb2 as pb
from ._heading import Heading
from ._table import Table


def _memory(gpu: pb.Gpu) -> str:
    if gpu.memory_mib <= 0:
        return ""
    if gpu.used_mib < 0:
        return f"{gpu.memory_mib:,.0f} MiB"
    return f"{gpu.used_mib:,.0f} of {gpu.memory_mib:,.0f} MiB"


def _holders(gpu: pb.Gpu) -> str:
    return ", ".join(holder.run_id for holder in gpu.holders)


def _holders_tip(gpu: pb.Gpu) -> str:
    lines = [f"{one.run_id}, {one.user}, since {one.since}" for one in gpu.holders]
    return "\n".join([*lines, *filter(None, [gpu.foreign])])


class GpusModel(Table[pb.Gpu]):
    """`bridge.gpus_changed.connect(model.apply)`."""

    headings = (
        Heading[pb.Gpu]("GPU", lambda g: str(g.index), sort=lambda g: g.index, tip=lambda g: g.id, right=True),
        Heading[pb.Gpu]("Name", lambda g: g.name, tip=lambda g: f"{g.vendor} {g.name}"),
        Heading[pb.Gpu]("State", lambda g: g.state, tip=lambda g: g.text or g.state),
        Heading[pb.Gpu]("Held by", _holders, tip=_holders_tip),
        Heading[pb.Gpu]("Memory", _memory, sort=lambda g: g.used_mib, right=True),
        Heading[pb.Gpu](
            "Use",
            lambda g: f"{g.utilization:.0f} %" if g.utilization >= 0 else "",
            sort=lambda g: g.utilization,
            right=True,
        ),
        Heading[pb.Gpu]("Why", lambda g: g.text, about="why it is given to nobody"),
    )

    @Slot(object)
    def apply(self, gpus: tuple[pb.Gpu, ...]) -> None:
        """All GPUs as they are now."""
        self.update_rows(gpus, whole=True)

    def key_of(self, row: pb.Gpu) -> str:
        return row.id

    def tie_of(self, row: pb.Gpu) -> int:
        return -row.index
