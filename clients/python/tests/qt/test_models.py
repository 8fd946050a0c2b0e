"""Item models: what they show, that they change in place, and that Qt's own tester finds nothing wrong with them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from runyard.qt import RunsChange
from runyard.qt.models import (
    ArtifactsModel,
    AttemptsModel,
    GpusModel,
    KeyRole,
    RowRole,
    RunsModel,
    SortRole,
)
from runyard.qt.models import _rows
from runyard.v1 import orchestrator_pb2 as pb

FALLING = Qt.SortOrder.DescendingOrder


def run(number: int, **more: object) -> pb.RunSummary:
    day, second = divmod(number, 86400)
    hours, minutes = divmod(second // 60, 60)
    at = f"2026-01-{day + 1:02}T{hours:02}:{minutes:02}:{second % 60:02}.000Z"
    fields = {"run_id": f"r{number:05}", "status": "queued", "submitted_at": at, "last_seq": 1}
    return pb.RunSummary(**{**fields, **more})  # type: ignore[arg-type]


def change(
    *changed: pb.RunSummary, removed: tuple[str, ...] = (), whole: bool = False
) -> RunsChange:
    return RunsChange(1, changed, removed, whole)


def keys(model: RunsModel) -> list[str]:
    return [model.index(row, 0).data(KeyRole) for row in range(model.rowCount())]


def counts(model: RunsModel) -> dict[str, list[tuple[int, ...]]]:
    """What the model tells its views from now on."""
    told: dict[str, list[tuple[int, ...]]] = {"changed": [], "in": [], "out": [], "reset": [], "layout": []}
    model.dataChanged.connect(lambda a, b: told["changed"].append((a.row(), b.row())))
    model.rowsInserted.connect(lambda _, a, b: told["in"].append((a, b)))
    model.rowsRemoved.connect(lambda _, a, b: told["out"].append((a, b)))
    model.modelReset.connect(lambda: told["reset"].append(()))
    model.layoutChanged.connect(lambda: told["layout"].append(()))
    return told


@pytest.fixture
def runs(qtbot: QtBot) -> RunsModel:
    return RunsModel()


@pytest.fixture
def tested(qtbot: QtBot) -> Iterator[RunsModel]:
    """With Qt's tester, which looks at all of a model with each change: for small ones."""
    model = RunsModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    tester.deleteLater()


def test_runs_are_shown_newest_first_with_words_for_everything(runs: RunsModel) -> None:
    reason = pb.Reason(code="gpu_missing", text="GPU 1 is gone")
    runs.apply(
        change(
            run(1, name="old", status="failed", state="done.failed", failure_reason=reason),
            run(2, name="new", gpu_slots=["0", "1"], started_at="2026-01-01T00:00:02Z"),
            run(3, gpu_slots=["slurm:17_3@n2", "slurm:17_3@n2/gpu0"]),
            run(4, gpu_slots=["slurm:18@n2"]),
        )
    )
    assert keys(runs) == ["r00004", "r00003", "r00002", "r00001"]
    titles = [
        runs.headerData(n, Qt.Orientation.Horizontal) for n in range(runs.columnCount(QModelIndex()))
    ]
    assert titles[:4] == ["Run", "Name", "Status", "Why"]
    shown = {title: runs.index(3, n).data() for n, title in enumerate(titles)}
    assert shown["Why"] == "GPU 1 is gone"
    assert shown["Took"] == ""
    tip = runs.index(3, RunsModel.STATUS).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "done.failed\nGPU 1 is gone"
    places = [runs.index(row, titles.index("GPUs")).data() for row in range(3)]
    assert places == ["n2 (job 18)", "n2 GPU 0 (job 17_3)", "0, 1"]
    assert runs.index(2, 0).data(RowRole).name == "new"
    assert runs.index(2, titles.index("Submitted")).data(SortRole).startswith("2026-01-01T00")


def test_ten_thousand_rows_change_in_place(runs: RunsModel) -> None:
    runs.apply(change(*(run(n) for n in range(10_000)), whole=True))
    kept = QPersistentModelIndex(runs.index(runs.row_of("r00500"), 0))
    told = counts(runs)
    runs.apply(change(run(500, status="running", last_seq=2), run(501, status="running", last_seq=2)))
    assert told == {"changed": [(9498, 9499)], "in": [], "out": [], "reset": [], "layout": []}
    assert runs.index(9499, RunsModel.STATUS).data() == "running"
    told["changed"].clear()
    runs.apply(change(run(10_000), run(10_001)))
    assert told["in"] == [(0, 1)]
    runs.apply(change(removed=("r09999", "r09998", "r00000")))
    assert told["out"] == [(10001, 10001), (2, 3)]
    assert told["changed"] == told["reset"] == told["layout"] == []
    assert kept.row() == runs.row_of("r00500") == 9499
    assert runs.row_of("r00000") == -1


def test_a_fresh_list_touches_only_what_differs(runs: RunsModel) -> None:
    first = [run(n) for n in range(100)]
    runs.apply(change(*first, whole=True))
    told = counts(runs)
    again = [*first[:40], run(40, status="running", last_seq=2), *first[42:], run(200)]
    runs.apply(change(*again, whole=True))
    assert told == {
        "changed": [(58, 58)],
        "in": [(0, 0)],
        "out": [(58, 58)],
        "reset": [],
        "layout": [],
    }


def test_rows_stay_sorted_whatever_changes(
    tested: RunsModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tested
    monkeypatch.setattr(_rows, "PIECES_MOST", 3)
    random.seed(5)
    name = 1
    runs.sort(name, FALLING)
    for _ in range(20):
        some = [
            run(n, name=f"n{random.randrange(9)}", last_seq=random.randrange(9))
            for n in random.sample(range(30), random.choice((1, 3, 20)))
        ]
        gone = tuple(f"r{n:05}" for n in random.sample(range(30), random.choice((0, 1, 20))))
        runs.apply(change(*some, removed=gone))
        words = [(one.name, one.submitted_at) for one in map(runs.at, range(runs.rowCount()))]
        assert words == sorted(words, reverse=True)
        assert [runs.row_of(key) for key in keys(runs)] == list(range(runs.rowCount()))
        assert {one.run_id for one in runs.known()} == set(keys(runs))
    runs.sort(-1)
    assert keys(runs) == sorted(keys(runs), reverse=True)


def test_the_filter_hides_and_shows_and_keeps_what_is_selected(tested: RunsModel) -> None:
    runs = tested
    runs.apply(change(*(run(n, name="even" if n % 2 == 0 else "odd") for n in range(100)), whole=True))
    kept = QPersistentModelIndex(runs.index(runs.row_of("r00050"), 0))
    told = counts(runs)
    runs.set_filter("EVEN queued")
    assert runs.rowCount() == 50
    assert kept.data(KeyRole) == "r00050"
    runs.apply(change(run(50, name="even", status="running", last_seq=2), run(101, name="odd")))
    assert runs.rowCount() == 49
    assert not kept.isValid()
    assert len(runs.known()) == 101
    runs.set_filter("")
    assert keys(runs) == [f"r{n:05}" for n in (101, *range(99, -1, -1))]
    assert told["reset"] == []


def test_what_a_live_run_took_is_told_anew(runs: RunsModel, qtbot: QtBot) -> None:
    runs.apply(change(run(1), run(2, status="running", started_at="2026-01-01T00:00:02Z")))
    with qtbot.waitSignal(runs.dataChanged) as told:
        pass
    first, last = told.args[:2]  # type: ignore[index]
    assert (first.row(), first.column(), last.row()) == (0, RunsModel.TOOK, 0)
    assert " d " in first.data()


def test_attempts_artifacts_and_gpus(qtbot: QtBot) -> None:
    attempts, artifacts, gpus = AttemptsModel(), ArtifactsModel(), GpusModel()
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    testers = [QAbstractItemModelTester(model, mode) for model in (attempts, artifacts, gpus)]
    one = pb.AttemptSeen(attempt=1, exit_kind="exited", exit_code=3, pid=7, slots=["0"])
    attempts.apply(pb.RunDetails(attempts=[one, pb.AttemptSeen(attempt=2, pid=8)]))
    assert [attempts.index(n, 0).data() for n in range(2)] == ["2", "1"]
    assert attempts.index(1, 1).data() == "exit 3"
    video = pb.Artifact(attempt=1, name="a.mp4", size=5 * 2**20, step="12", duration_s=3, width=64, height=48)
    broken = pb.Artifact(attempt=1, name="b.bin", problem="too large", step="x")
    artifacts.apply((video, broken))
    row = artifacts.row_of((1, "a.mp4"))
    assert [artifacts.index(row, n).data() for n in (1, 3, 4)] == ["5.0 MiB", "12", "3.0 s, 64×48"]
    assert artifacts.index(artifacts.row_of((1, "b.bin")), 6).data() == "too large"
    artifacts.sort(3)
    held = pb.Gpu(id="u1", index=1, state="held", used_mib=-1, memory_mib=16e3, utilization=-1)
    held.holders.add(run_id="r1", user="ada", since="then")
    sick = pb.Gpu(id="u0", index=0, state="sick", text="it fell off the bus", utilization=7)
    gpus.apply((held, sick))
    assert [gpus.index(n, 0).data() for n in range(2)] == ["0", "1"]
    assert gpus.index(0, 2).data(Qt.ItemDataRole.ToolTipRole) == "it fell off the bus"
    assert [gpus.index(1, n).data() for n in (3, 4, 5)] == ["r1", "16,000 MiB", ""]
    gpus.apply((sick,))
    assert gpus.rowCount() == 1
    for tester in testers:
        tester.deleteLater()
