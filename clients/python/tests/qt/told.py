"""What came of a bridge, for a test to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runyard.qt import TrainerQBridgeThread

# Milliseconds that anything may take on a machine that is busy with something else.
LONG_MS = 60_000


class Told:
    """What the signals of a bridge brought, in their order."""

    def __init__(self, bridge: TrainerQBridgeThread) -> None:
        self.all: list[tuple[str, Any]] = []
        for name in (
            *("connection_changed", "runs_changed", "state_changed", "run_events", "metrics_arrived"),
            *("log_lines", "group_changed", "gpus_changed", "health_changed", "guard_found"),
        ):
            getattr(bridge, name).connect(lambda payload, name=name: self.all.append((name, payload)))

    def of(self, name: str) -> list[Any]:
        return [payload for told, payload in self.all if told == name]

    def states(self) -> list[str]:
        return [connection.state for connection in self.of("connection_changed")]


class Answer:
    """What became of a request."""

    def __init__(self, request: Any) -> None:
        self.got: list[tuple[str, Any]] = []
        request.done.connect(lambda value: self.got.append(("done", value)))
        request.failed.connect(lambda error: self.got.append(("failed", error)))

    def value(self) -> Any:
        assert [kind for kind, _ in self.got] == ["done"], self.got
        return self.got[0][1]

    def code(self) -> str:
        assert [kind for kind, _ in self.got] == ["failed"], self.got
        return str(self.got[0][1].code)


Make = Callable[..., TrainerQBridgeThread]
