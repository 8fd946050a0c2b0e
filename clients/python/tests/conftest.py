from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from yard import Yard


@pytest.fixture(scope="session")
def yard() -> Iterator[Yard]:
    """For all tests that leave its daemon alone."""
    with Yard() as made:
        yield made


@pytest.fixture(scope="module")
def own_yard() -> Iterator[Yard]:
    """For tests that kill, stop or starve its daemon, and bring it back."""
    with Yard() as made:
        yield made


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A line of JSON for each test, for whoever started pytest."""
    place = os.environ.get("RUNYARD_TEST_REPORT")
    if place is None or (report.when != "call" and report.outcome == "passed"):
        return
    told = {"name": report.nodeid, "when": report.when, "outcome": report.outcome}
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    with open(place, "a") as file:
        file.write(json.dumps({**told, "why": why}) + "\n")
