"""A real daemon for a test: bus, workers and recorders of its own, in a temporary home."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Callable, TypeVar

import runyard

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[3]
NODE = os.environ.get("RUNYARD_TEST_NODE") or str(ROOT / "node_modules/.bin/node")


def until(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Polls a condition; fails loudly when it does not come."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


class Yard:
    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        # Short: a UNIX socket's path has 108 bytes.
        self.home = Path(tempfile.mkdtemp(prefix="ryp-"))
        if settings is not None:
            (self.home / "runyard").mkdir()
            # JSON is YAML.
            (self.home / "runyard/config.yaml").write_text(json.dumps(settings))
        self._daemon: subprocess.Popen[str] | None = None
        try:
            self.up()
            self.client = self.connect()
        except BaseException:
            self._remove()
            raise

    def up(self) -> None:
        """Starts a daemon and waits until it serves."""
        env = {
            **os.environ,
            "RUNYARD_HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "RUNYARD_YARD": "test",
            "RUNYARD_GPUS": "none",
        }
        command = [NODE, "--conditions=development", "--disable-warning=ExperimentalWarning"]
        with open(self.home / "daemon.test.log", "a") as log:
            self._daemon = subprocess.Popen(
                [*command, str(ROOT / "test/fixtures/daemon.ts")],
                env=env,
                stdout=log,
                stderr=log,
                text=True,
            )
        size = self._said()
        until(lambda: self._said() > size or self._daemon.poll() is not None, "the daemon", 60)
        assert self._daemon.poll() is None, (self.home / "daemon.test.log").read_text()

    def _said(self) -> int:
        return (self.home / "daemon.test.log").read_text().count("ready\n")

    def connect(self, deadline_s: float = 60) -> runyard.TrainerClient:
        return runyard.connect(home=self.home, deadline_s=deadline_s)

    def kill(self) -> None:
        """kill -9, and waits until it is gone."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self._daemon is not None
        self._daemon.send_signal(number)

    def submit(self, script: str, **more: object) -> str:
        config = {"command": ["sh", "-c", script], "cwd": str(self.home), **more}
        return self.client.submit(config).run_id

    def __enter__(self) -> Yard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            self._end()
        finally:
            self._remove()

    def _end(self) -> None:
        assert self._daemon is not None
        if self._daemon.poll() is not None:
            self.up()
        with self.connect() as client:
            for run in client.list():
                client.stop(run.run_id, now=True)
            until(lambda: client.health().runs_live == 0, "live runs to end")
            client.shutdown()
        self.client.close()
        self._daemon.wait(60)
        pid = self._bus()
        until(lambda: pid is None or not Path(f"/proc/{pid}").exists(), "the bus to end")

    def _bus(self) -> int | None:
        address = self.home / "bus/address.json"
        return json.loads(address.read_text())["identity"]["pid"] if address.exists() else None

    def _remove(self) -> None:
        """Whatever went wrong before: no process of ours stays, and no directory."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.kill()
            self._daemon.wait()
        bus = self._bus()
        if bus is not None and Path(f"/proc/{bus}").exists():
            os.kill(bus, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)
