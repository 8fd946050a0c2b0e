"""The methods of the bridge, in the terms of the asyncio client."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._calls import json_of
from .._environment import run_environment
from ..aio import AsyncTrainerClient, Config
from ..errors import RunyardError
from . import _following, _yard
from ._engine import Ask, Engine, Follow
from .requests import Request, Watch


class BridgeCalls:
    """Requests and watches. A run is named by id, unique prefix, name or `@last`."""

    _engine: Engine

    def _ask(self, name: str, question: Ask) -> Request:
        raise NotImplementedError

    def _refuse(self, name: str, error: RunyardError) -> Request:
        raise NotImplementedError

    def _follow(self, name: str, following: Callable[[int], Follow]) -> Watch:
        raise NotImplementedError

    # Handing over.

    def submit(
        self,
        config: Config,
        *,
        env: Mapping[str, str] | None = None,
        key: str = "",
        user: str | None = None,
    ) -> Request:
        """Hands over a run; done: RunHandle, when it is on the daemon's disk.

        config: a TrainRunConfig; without `cwd`, this process's is meant.
        env: the trainer's environment; default: this process's, less what belongs to its shell alone.
        """
        return self._with_config(
            "submit", config, env, lambda c, own, e: c.submit(own, env=e, key=key, user=user)
        )

    def plan(
        self, config: Config, *, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> Request:
        """What would become of a submit; done: RunPlan. Nothing is stored."""
        return self._with_config("plan", config, env, lambda c, own, e: c.plan(own, env=e, user=user))

    def retry(
        self,
        ref: str,
        *,
        changes: Config | None = None,
        env: Mapping[str, str] | None = None,
        key: str = "",
        user: str | None = None,
    ) -> Request:
        """A new run like one that is over; done: RunHandle. env: as for submit; {}: the run's own."""
        return self._with_config(
            "retry",
            changes or {},
            env,
            lambda c, own, e: c.retry(ref, changes=own, env=e, key=key, user=user),
        )

    def _with_config(
        self,
        name: str,
        config: Config,
        env: Mapping[str, str] | None,
        call: Callable[[AsyncTrainerClient, Config, Mapping[str, str]], Any],
    ) -> Request:
        # As it is now: the caller may change both as soon as this is back.
        try:
            own = json.loads(json_of(config))
        except RunyardError as error:
            return self._refuse(name, error)
        shell = dict(run_environment() if env is None else env)
        return self._ask(name, lambda client: call(client, own, shell))

    # Steering; done: RunSummary.

    def stop_run(
        self, ref: str, reason: str = "", now: bool = False, *, user: str | None = None
    ) -> Request:
        """Asks for a stop; `now` skips the grace period."""
        return self._ask("stop", lambda c: c.stop(ref, reason=reason, user=user, now=now))

    def pause(self, ref: str, reason: str = "", *, user: str | None = None) -> Request:
        """Stops the trainer where it is; it keeps its GPUs."""
        return self._ask("pause", lambda c: c.pause(ref, reason=reason, user=user))

    def resume(self, ref: str, reason: str = "", *, user: str | None = None) -> Request:
        """Lets a paused trainer go on."""
        return self._ask("resume", lambda c: c.resume(ref, reason=reason, user=user))

    def hold(self, ref: str, reason: str = "", *, user: str | None = None) -> Request:
        """Keeps a waiting run from starting."""
        return self._ask("hold", lambda c: c.hold(ref, reason=reason, user=user))

    def release(self, ref: str, reason: str = "", *, user: str | None = None) -> Request:
        """Lets a held run start."""
        return self._ask("release", lambda c: c.release(ref, reason=reason, user=user))

    def pin(self, ref: str, pinned: bool = True) -> Request:
        """Keeps a run's artifacts from retention, or no longer."""
        return self._ask("pin", lambda c: c.pin(ref, pinned))

    def remove(self, ref: str, reason: str = "", *, user: str | None = None) -> Request:
        """Removes a run that is over, with all of it; done: RemovedRun."""
        return self._ask("remove", lambda c: c.remove(ref, reason=reason, user=user))

    # Looking.

    def get(self, ref: str) -> Request:
        """done: RunSummary."""
        return self._ask("get", lambda c: c.get(ref))

    def details(self, ref: str) -> Request:
        """done: RunDetails, a run with its configuration and its attempts."""
        return self._ask("details", lambda c: c.details(ref))

    def group(self, name: str) -> Request:
        """done: GroupSummary."""
        return self._ask("group", lambda c: c.group(name))

    def artifacts(self, ref: str, *, attempt: int = 0) -> Request:
        """done: tuple[Artifact, ...] of an attempt; 0 means the latest."""
        return self._gather("artifacts", lambda c: c.artifacts(ref, attempt=attempt))

    def gpus(self) -> Request:
        """done: tuple[Gpu, ...]."""
        return self._gather("gpus", lambda c: c.gpus())

    def transitions(self, ref: str) -> Request:
        """done: tuple[Transition, ...], the steps of a run's life."""
        return self._gather("transitions", lambda c: c.transitions(ref))

    def metric_keys(self, *refs: str, key: str = "", attempt: int = 0) -> Request:
        """done: tuple[MetricKey, ...], what is known of each metric of these runs."""

        async def ask(client: AsyncTrainerClient) -> object:
            return tuple(await client.metric_keys(refs, key=key, attempt=attempt))

        return self._ask("metric_keys", ask)

    def chart(self, machine: str = "run") -> Request:
        """done: Chart, the SVG of `run`, `daemon` or `worker`."""
        return self._ask("chart", lambda c: c.chart(machine))

    def schema(self, name: str = "train-run-config.v1") -> Request:
        """done: Schema."""
        return self._ask("schema", lambda c: c.schema(name))

    def health(self) -> Request:
        """done: DaemonStatus."""
        return self._ask("health", lambda c: c.health())

    def read_artifact(
        self, ref: str, name: str, *, attempt: int = 0, to: str | os.PathLike[str]
    ) -> Request:
        """Saves an artifact as `to`, which appears when it is whole; done: Path."""
        place = Path(to)
        return self._ask("read_artifact", _following.saving(self._engine, ref, name, attempt, place))

    def _gather(self, name: str, call: Callable[[AsyncTrainerClient], Any]) -> Request:
        async def ask(client: AsyncTrainerClient) -> object:
            return tuple(await self._engine.gathered(call(client)))

        return self._ask(name, ask)

    # Following.

    def watch_runs(
        self,
        all: bool = False,
        *,
        user: str = "",
        project: str = "",
        group: str = "",
        limit: int = 10_000,
        refresh_s: float = 2.0,
    ) -> Watch:
        """Runs, newest first, those that are over with `all`, and whatever becomes of them: `runs_changed`.

        While it goes on, `state_changed` tells what happens to any run.
        refresh_s: seconds between two looks at what is no event: heartbeats, the last metric.
        """
        filters = {"all": all, "user": user, "project": project, "group": group}
        return self._follow(
            "runs", lambda id: _yard.RunsWatch(id, filters, limit, refresh_s).follow
        )

    def watch_run(self, ref: str, *, from_seq: int = 1) -> Watch:
        """A run's events from a number on, those to come as well: `run_events`. Ends when the run is removed."""
        return self._follow("run", lambda id: _following.run(id, ref, from_seq))

    def watch_metrics(
        self,
        ref: str,
        key: str = "",
        *,
        attempt: int = 0,
        from_seq: int = 0,
        last: int = 0,
        thin: int = 0,
        snapshot: bool = False,
    ) -> Watch:
        """Points of a run, all that are there and those to come: `metrics_arrived`. Ends with the run.

        key: a name, or a pattern with `*` and `?`. The rest as for `TrainerClient.metrics`.
        """
        options = {"attempt": attempt, "from_seq": from_seq, "last": last, "thin": thin}
        more = {**options, "key": key, "snapshot": snapshot}
        return self._follow("metrics", lambda id: _following.metrics(id, ref, more))

    def watch_logs(
        self,
        ref: str,
        *,
        tail: int = 1000,
        stderr_only: bool = False,
        attempt: int = 0,
        raw: bool = False,
        begun: bool = True,
    ) -> Watch:
        """A run's output, the last `tail` lines and those to come: `log_lines`. Ends with the run."""
        options = {"tail": tail, "stderr_only": stderr_only, "attempt": attempt, "raw": raw}
        return self._follow("logs", lambda id: _following.logs(id, ref, {**options, "begun": begun}))

    def watch_group(self, name: str) -> Watch:
        """A group each time that it has changed: `group_changed`. Ends when no run of it is under way."""
        return self._follow("group", lambda id: _following.group(id, name))

    def watch_gpus(self, *, refresh_s: float = 2.0) -> Watch:
        """Each GPU and who holds it, when something of it has changed: `gpus_changed`."""
        return self._follow("gpus", lambda id: _following.gpus(id, refresh_s))
