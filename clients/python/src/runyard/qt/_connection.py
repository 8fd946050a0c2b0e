"""How the daemon is: asked once a second, told when it is otherwise than before."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from typing import TYPE_CHECKING

from .._discover import resolve_home
from ..errors import RunyardError
from ..v1 import orchestrator_pb2 as pb
from ._errors import told
from .messages import Connection, ConnectionState

if TYPE_CHECKING:
    from ._engine import Engine

_EVERY_S = 1.0
# A daemon that stands still is told of after so long, whatever the deadline of calls.
_PATIENCE_MOST_S = 3.0


class Monitor:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._now = Connection("connecting", "asking the daemon", "", time.time())
        self._health: pb.DaemonStatus | None = None
        self._was_there = False
        self._answers: list[asyncio.Future[None]] = []
        # Counts daemons: another one may have forgotten, or know, what the last one did not.
        self.epoch = 0

    async def run(self) -> None:
        self._engine.outbox.connection(self._now)
        while True:
            began = time.monotonic()
            await self._look()
            await asyncio.sleep(max(0.0, _EVERY_S - (time.monotonic() - began)))

    async def next_answer(self) -> None:
        """Comes back when the daemon has answered once more."""
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        await answer

    async def _look(self) -> None:
        patience = min(self._engine.deadline_s, _PATIENCE_MOST_S)
        try:
            client = await self._engine.client()
            health = await asyncio.wait_for(client.health(), patience)
            if self._is_another(health):
                if self.epoch > 0:
                    await asyncio.wait_for(self._engine.feed.check(), patience)
                self.epoch += 1
        except asyncio.TimeoutError:
            text = f"the daemon has not answered for {patience:g} s; runs go on meanwhile"
            self._tell("unresponsive", text, "")
        except RunyardError as error:
            self._fail(error)
        except Exception as error:
            # Without this nobody would ever be told of anything again.
            self._fail(told(error))
        else:
            self._answered(health)

    def _answered(self, health: pb.DaemonStatus) -> None:
        before = self._health
        self._was_there = True
        self._tell("connected", f"connected to {self._where()}", "")
        if health != before:
            self._health = health
            self._engine.outbox.latest("health", 0, health)
        for one in self._answers:
            if not one.done():
                one.set_result(None)
        self._answers.clear()

    def _is_another(self, health: pb.DaemonStatus) -> bool:
        before = self._health
        return before is None or (before.pid, before.started_at) != (health.pid, health.started_at)

    def _fail(self, error: RunyardError) -> None:
        if error.code == "daemon_unresponsive":
            self._tell("unresponsive", error.message, "")
        elif error.code in ("daemon_not_running", "daemon_stopping"):
            state: ConnectionState = "lost" if self._was_there else "no_daemon"
            self._tell(state, error.message, self._command())
        else:
            self._tell("unresponsive", str(error), "")

    def _tell(self, state: ConnectionState, message: str, hint: str) -> None:
        if (self._now.state, self._now.message) != (state, message):
            self._now = Connection(state, message, hint, time.time())
            self._engine.outbox.connection(self._now)

    def _where(self) -> str:
        at = self._engine.place
        address = at.address or (os.environ.get("RUNYARD_ADDRESS") if at.home is None else None)
        return str(at.socket or address or at.home or resolve_home(os.environ))

    def _command(self) -> str:
        """What starts the daemon that is looked for, to be typed into a shell of its machine."""
        home = self._engine.place.home
        if home is None:
            return "runyard up"
        return f"RUNYARD_HOME={shlex.quote(os.path.abspath(home))} runyard up"
