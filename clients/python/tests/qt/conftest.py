from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# Where nobody looks; a test that wants a screen says xcb before it starts a process of its own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pytestqt.qtbot import QtBot  # noqa: E402
from told import LONG_MS, Answer, Make  # noqa: E402
from yard import Yard  # noqa: E402

from runyard.qt import TrainerQBridgeThread  # noqa: E402

@pytest.fixture
def make_bridge(qtbot: QtBot, qapp: Any) -> Iterator[Make]:
    """Bridges that are stopped when the test is over."""
    made: list[TrainerQBridgeThread] = []

    def make(**options: Any) -> TrainerQBridgeThread:
        bridge = TrainerQBridgeThread(**{"guard": "off", **options})
        made.append(bridge)
        return bridge

    yield make
    for bridge in made:
        assert bridge.stop(LONG_MS)


@pytest.fixture
def bridge(make_bridge: Make, yard: Yard) -> TrainerQBridgeThread:
    made = make_bridge(home=yard.home, deadline_s=60)
    made.start()
    return made


@pytest.fixture
def wait(qtbot: QtBot) -> Callable[[Callable[[], Any]], None]:
    """Runs the event loop until something is so."""

    def until(look: Callable[[], Any]) -> None:
        qtbot.waitUntil(lambda: bool(look()), timeout=LONG_MS)

    return until


@pytest.fixture
def answer(wait: Any) -> Callable[[Any], Any]:
    """Waits for what a request is answered."""

    def ask(request: Any) -> Any:
        got = Answer(request)
        wait(lambda: got.got)
        return got.value()

    return ask
