# Made by gen.sh from aio.py: do not edit.
"""The client that blocks: what programs ask a daemon through."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType

from ._sync import Calls, OnDisconnect, Stream, following, listing
from ._calls import INLINE_CONFIG_MOST, chunks_of, json_of, to_struct, user_name
from ._discover import find
from ._environment import encode_env, run_environment
from ._plans import Events, GroupWatch, Logs, Metrics, Submits, YardEvents
from .errors import RunyardError
from .v1 import orchestrator_pb2 as pb

__all__ = ["TrainerClient", "Stream", "connect"]

Config = Mapping[str, object]
_FINAL = ("completed", "failed", "cancelled", "rejected", "lost")
# Ids, or names of a usual length: a request is a control message.
_REFS_MOST = 50


def connect(
    *,
    home: str | os.PathLike[str] | None = None,
    socket: str | os.PathLike[str] | None = None,
    address: str | None = None,
    token: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    insecure: bool | None = None,
    env: Mapping[str, str] | None = None,
    deadline_s: float = 10.0,
) -> TrainerClient:
    """A client of the daemon of a state directory, or of the one that `socket` or `address` names.

    home: state directory; default: $RUNYARD_HOME or the XDG one, of `env` (default: os.environ).
    address: `host:port`, with the token; defaults: $RUNYARD_ADDRESS where no home is named, and $RUNYARD_TOKEN.
    ca: by whom the certificate of that address has to be signed, a PEM file, or `public` for the authorities that
        browsers trust; default: $RUNYARD_CA. Without it, nothing is encrypted.
    insecure: send the token beyond this machine without encryption; default: whether $RUNYARD_INSECURE is 1.
    deadline_s: seconds that an answer may take, and each next item of a list.

    Raises daemon_not_running when the state directory names none, tls_failed for what would go in the clear. A daemon
    that went away meanwhile is told by the first call; one that comes back is found by the next.
    """
    target = find(
        home, socket, address, token, os.environ if env is None else env, ca, insecure
    )
    return TrainerClient(Calls(target, deadline_s))


class TrainerClient:
    """Made by `connect`. All methods raise RunyardError only.

    A run is named by id, unique prefix, name or `@last`. What comes back are the messages of
    schemas/runyard/v1/orchestrator.proto; times in them are RFC 3339 in UTC, empty when they have not come.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __enter__(self) -> TrainerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and whatever goes on over it."""
        self._calls.close()

    def submit(
        self,
        config: Config,
        *,
        env: Mapping[str, str] | None = None,
        key: str = "",
        user: str | None = None,
        traceparent: str = "",
    ) -> pb.RunHandle:
        """Hands over a run; comes back when it is on the daemon's disk.

        config: a TrainRunConfig (schemas/train-run-config.v1.schema.json); without `cwd`, this process's is meant.
        env: the trainer's environment; default: this process's, less what belongs to its shell alone.
        key: same key and configuration, same run, so that a submit may be repeated.

        Raises config_invalid with a violation for each broken rule, key_conflict, input_too_large.
        """
        env_ref = self._put_env(run_environment() if env is None else env)
        request = self._submission(config, env_ref, key, user, traceparent)
        return self._calls.unary("SubmitRun", request, pb.RunHandle)

    def submit_many(
        self,
        submits: Sequence[Config | tuple[Config, str]],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        traceparent: str = "",
        on_disconnect: OnDisconnect | None = None,
    ) -> Stream[pb.RunHandle]:
        """All or none of up to 10,000; handles in the same order, each when its run is on the daemon's disk.

        Each is a configuration, or one with its key; without, it gets one, so that this survives the daemon.
        Raises what the daemon refuses, `/3/name` being the fourth's.
        """
        named = [one if isinstance(one, tuple) else (one, str(uuid.uuid4())) for one in submits]
        shell = dict(run_environment() if env is None else env)
        plan = Submits(len(named))

        def before() -> None:
            env_ref = self._put_env(shell)
            plan.requests = [
                self._submission(config, env_ref, key, user, traceparent)
                for config, key in named[plan.next :]
            ]

        return following(self._calls, plan, on_disconnect, before)

    def plan(
        self, config: Config, *, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> pb.RunPlan:
        """What would become of a submit; nothing is stored. Raises what the submit would raise."""
        env_ref = self._put_env(run_environment() if env is None else env)
        request = self._submission(config, env_ref, "", user, "")
        return self._calls.unary("PlanRun", request, pb.RunPlan)

    def retry(
        self,
        ref: str,
        *,
        changes: Config | None = None,
        env: Mapping[str, str] | None = None,
        key: str = "",
        user: str | None = None,
        traceparent: str = "",
    ) -> pb.RunHandle:
        """A new run like one that is over. Raises run_not_over, input_missing, and what a submit raises.

        changes: fields of the configuration that are to be otherwise.
        env: the trainer's environment, as in `submit`; {}: the run's own, if it is still there.
        """
        request = pb.RetryRunRequest(
            run=pb.RunRef(ref=ref), key=key, user=user_or(user), traceparent=traceparent
        )
        request.changes.CopyFrom(to_struct(json_of(changes or {})))
        env_ref = self._put_env(run_environment() if env is None else env)
        if env_ref is not None:
            request.env_ref.CopyFrom(env_ref)
        return self._calls.unary("RetryRun", request, pb.RunHandle)

    def stop(
        self, ref: str, *, reason: str = "", user: str | None = None, now: bool = False
    ) -> pb.RunSummary:
        """Asks for a stop; `now` skips the grace period. A second one changes nothing."""
        request = pb.StopRunRequest(
            run=pb.RunRef(ref=ref), reason=reason, user=user_or(user), now=now
        )
        return self._calls.unary("StopRun", request, pb.RunSummary)

    def pause(self, ref: str, *, reason: str = "", user: str | None = None) -> pb.RunSummary:
        """Stops the trainer where it is; it keeps its GPUs. Raises run_not_running."""
        request = pb.PauseRunRequest(run=pb.RunRef(ref=ref), reason=reason, user=user_or(user))
        return self._calls.unary("PauseRun", request, pb.RunSummary)

    def resume(self, ref: str, *, reason: str = "", user: str | None = None) -> pb.RunSummary:
        """Lets a paused trainer go on. Raises run_not_running."""
        request = pb.ResumeRunRequest(run=pb.RunRef(ref=ref), reason=reason, user=user_or(user))
        return self._calls.unary("ResumeRun", request, pb.RunSummary)

    def hold(self, ref: str, *, reason: str = "", user: str | None = None) -> pb.RunSummary:
        """Keeps a waiting run from starting, until it is released. Raises run_not_queued."""
        request = pb.HoldRunRequest(run=pb.RunRef(ref=ref), reason=reason, user=user_or(user))
        return self._calls.unary("HoldRun", request, pb.RunSummary)

    def release(self, ref: str, *, reason: str = "", user: str | None = None) -> pb.RunSummary:
        """Lets a held run start. Raises run_not_queued."""
        request = pb.ReleaseRunRequest(run=pb.RunRef(ref=ref), reason=reason, user=user_or(user))
        return self._calls.unary("ReleaseRun", request, pb.RunSummary)

    def wait(self, ref: str, *, on_disconnect: OnDisconnect | None = None) -> pb.RunSummary:
        """The summary of the run once it is done. Survives the daemon."""
        run = self.get(ref)
        if run.status in _FINAL:
            return run
        while True:
            # From the last event known, so that a run with a long history costs nothing.
            plan = Events(None, run.last_seq + 1, True, run.run_id)
            with following(self._calls, plan, on_disconnect) as events:
                for _ in events:
                    pass
            try:
                return self.get(run.run_id)
            except RunyardError as error:
                # It died after the last event: the stream waits for the next one.
                if self._calls.closed or not error.retryable:
                    raise

    def get(self, ref: str) -> pb.RunSummary:
        """A run as it is now. Raises run_not_found, run_ambiguous."""
        request = pb.GetRunRequest(run=pb.RunRef(ref=ref))
        return self._calls.unary("GetRun", request, pb.RunSummary)

    def details(self, ref: str) -> pb.RunDetails:
        """A run with its configuration and its attempts."""
        request = pb.GetRunDetailsRequest(run=pb.RunRef(ref=ref))
        return self._calls.unary("GetRunDetails", request, pb.RunDetails)

    def list(
        self,
        *,
        all: bool = False,
        user: str = "",
        status: str = "",
        group: str = "",
        limit: int = 0,
        project: str = "",
        search: str = "",
        after: str = "",
    ) -> Stream[pb.RunSummary]:
        """Runs, newest first, those that are over with `all`; at most `limit`, 0 meaning 1,000.

        status: one, or several with commas between.
        search: part of an id, a name, a tag, a command, in any case.
        after: only runs after this one in the list: its submitted_at, a space, its run_id.
        """
        request = pb.ListRunsRequest(
            all=all,
            user=user,
            status=status,
            group=group,
            limit=limit,
            project=project,
            search=search,
            after=after,
        )
        return listing(self._calls, "ListRuns", request, pb.RunSummary)

    def events(
        self,
        ref: str,
        *,
        from_seq: int = 1,
        until_done: bool = False,
        on_disconnect: OnDisconnect | None = None,
    ) -> Stream[pb.RunEvent]:
        """A run's events from a number on (1 is the first), gapless and in order, those to come as well.

        Survives the daemon; `on_disconnect` is told once of each lost connection. Ends after the run's last event
        with `until_done`, else when the run is removed.
        """
        return following(self._calls, Events(ref, from_seq, until_done), on_disconnect)

    def yard_events(
        self,
        *,
        after_pos: int = 0,
        follow: bool = True,
        on_disconnect: OnDisconnect | None = None,
    ) -> Stream[pb.RunEvent]:
        """Events of all runs behind a position, each once and in the yard's order. Survives the daemon."""
        return following(self._calls, YardEvents(after_pos, follow), on_disconnect)

    def logs(
        self,
        ref: str,
        *,
        follow: bool = False,
        tail: int = 0,
        stderr_only: bool = False,
        from_seq: int = 0,
        attempt: int = 0,
        since: datetime | None = None,
        raw: bool = False,
        begun: bool = False,
        on_disconnect: OnDisconnect | None = None,
    ) -> Stream[pb.LogChunk]:
        """Output in chunks of whole lines; what was lost is told as a gap. Survives the daemon.

        tail: only so many of the lines that are there now; 0 means all.
        attempt: 0 means the latest.
        raw: lines as they were written, with what a progress bar rewrote.
        begun: while following, lines that have begun as well.
        """
        request = pb.StreamLogsRequest(
            follow=follow,
            tail=tail,
            stderr_only=stderr_only,
            from_seq=from_seq,
            attempt=attempt,
            raw=raw,
            begun=begun,
        )
        return following(self._calls, Logs(ref, request, since), on_disconnect)

    def metrics(
        self,
        ref: str,
        *,
        follow: bool = False,
        key: str = "",
        source: str = "",
        from_seq: int = 0,
        last: int = 0,
        thin: int = 0,
        snapshot: bool = False,
        attempt: int = 0,
        on_disconnect: OnDisconnect | None = None,
    ) -> Stream[pb.MetricBatch]:
        """Points in batches, gapless and in order, or the gap is told. Survives the daemon and the bus.

        key: a name, or a pattern with `*` and `?`.
        last: only so many of the points that are there now.
        thin: of these, the extremes and the last in each of so many ranges.
        snapshot: what is known of each metric comes first.
        attempt: 0 means the latest.

        Values are floats, NaN and infinities as such; a `step` is an integer in decimal, empty when there is none.
        """
        request = pb.StreamMetricsRequest(
            follow=follow,
            from_seq=from_seq,
            key=key,
            source=source,
            attempt=attempt,
            last=last,
            thin=thin,
            snapshot=snapshot,
        )
        return following(self._calls, Metrics(ref, request), on_disconnect)

    def metric_keys(
        self, refs: Sequence[str], *, key: str = "", attempt: int = 0
    ) -> Sequence[pb.MetricKey]:
        """What is known of each metric of these runs: the last value, the least, the greatest, how many."""
        found = []
        for at in range(0, len(refs), _REFS_MOST):
            request = pb.ListMetricsRequest(
                runs=refs[at : at + _REFS_MOST], key=key, attempt=attempt
            )
            for one in listing(self._calls, "ListMetrics", request, pb.MetricKey):
                found.append(one)
        return found

    def artifacts(self, ref: str, *, attempt: int = 0) -> Stream[pb.Artifact]:
        """What the store has of an attempt, and what it should have and has not; 0 means the latest."""
        request = pb.ListArtifactsRequest(run=pb.RunRef(ref=ref), attempt=attempt)
        return listing(self._calls, "ListArtifacts", request, pb.Artifact)

    def read_artifact(
        self, ref: str, name: str, *, attempt: int = 0, offset: int = 0, length: int = 0
    ) -> Stream[pb.ArtifactBytes]:
        """Bytes of an artifact in pieces; a `length` of 0 is up to the end. Raises artifact_not_found."""
        request = pb.ReadArtifactRequest(
            run=pb.RunRef(ref=ref), attempt=attempt, name=name, offset=offset, length=length
        )
        return listing(self._calls, "ReadArtifact", request, pb.ArtifactBytes)

    def pin(self, ref: str, pinned: bool = True) -> pb.RunSummary:
        """Keeps a run's artifacts from retention, or no longer."""
        request = pb.PinRunRequest(run=pb.RunRef(ref=ref), pinned=pinned)
        return self._calls.unary("PinRun", request, pb.RunSummary)

    def collect_garbage(
        self,
        *,
        dry_run: bool = False,
        max_age_s: float = 0,
        max_bytes: float = 0,
        max_runs: int = 0,
        project: str = "",
    ) -> Stream[pb.Removal]:
        """Removes artifacts beyond the limits, oldest first; a limit of 0 is the one of the settings."""
        request = pb.CollectGarbageRequest(
            dry_run=dry_run,
            max_age_s=max_age_s,
            max_bytes=max_bytes,
            max_runs=max_runs,
            project=project,
        )
        return listing(self._calls, "CollectGarbage", request, pb.Removal, patient=True)

    def remove(self, ref: str, *, reason: str = "", user: str | None = None) -> pb.RemovedRun:
        """Removes a run that is over, with all of it. Raises run_not_over, run_pinned."""
        request = pb.RemoveRunRequest(run=pb.RunRef(ref=ref), reason=reason, user=user_or(user))
        return self._calls.unary("RemoveRun", request, pb.RemovedRun)

    def groups(self, *, all: bool = False, user: str = "", limit: int = 0) -> Stream[pb.GroupSummary]:
        """Groups, newest first, those whose runs are all over with `all`."""
        request = pb.ListGroupsRequest(all=all, user=user, limit=limit)
        return listing(self._calls, "ListGroups", request, pb.GroupSummary)

    def group(self, name: str) -> pb.GroupSummary:
        """A group as it is now. Raises run_not_found for one without runs."""
        request = pb.WatchGroupRequest(group=name, once=True)
        with listing(self._calls, "WatchGroup", request, pb.GroupSummary) as answers:
            return answers.__next__()

    def watch_group(
        self, name: str, *, on_disconnect: OnDisconnect | None = None
    ) -> Stream[pb.GroupSummary]:
        """A group as it is now, and each time it has changed, until no run is under way. Survives the daemon."""
        return following(self._calls, GroupWatch(name), on_disconnect)

    def stop_group(
        self, name: str, *, reason: str = "", user: str | None = None, now: bool = False
    ) -> Stream[pb.GroupSummary]:
        """Stops all of it; tells how far that is, and at last that all are asked. To be read to its end."""
        request = pb.StopGroupRequest(group=name, reason=reason, user=user_or(user), now=now)
        return listing(self._calls, "StopGroup", request, pb.GroupSummary, patient=True)

    def gpus(self) -> Stream[pb.Gpu]:
        """Each GPU, and who holds it."""
        return listing(self._calls, "ListGpus", pb.ListGpusRequest(), pb.Gpu)

    def set_drain(
        self, on: bool, *, target: str = "", reason: str = "", user: str | None = None
    ) -> pb.SetDrainReply:
        """Gives nothing more out of a GPU, or of the yard (`target` empty); or takes that back."""
        request = pb.SetDrainRequest(target=target, on=on, reason=reason, user=user_or(user))
        return self._calls.unary("SetDrain", request, pb.SetDrainReply)

    def health(self) -> pb.DaemonStatus:
        """How the daemon is, and why it is not well."""
        return self._calls.unary("GetHealth", pb.GetHealthRequest(), pb.DaemonStatus)

    def put_input(self, data: bytes) -> pb.InputRef:
        """Uploads up to 16 MiB. Raises input_too_large."""
        return self._calls.upload("PutInput", chunks_of(data), pb.InputRef)

    def transitions(self, ref: str) -> Stream[pb.Transition]:
        """The steps of a run's life, each with what the chart knew then."""
        request = pb.ListTransitionsRequest(run=pb.RunRef(ref=ref))
        return listing(self._calls, "ListTransitions", request, pb.Transition)

    def chart(self, machine: str) -> pb.Chart:
        """The chart of `run`, `daemon` or `worker` as SVG."""
        return self._calls.unary("GetChart", pb.GetChartRequest(machine=machine), pb.Chart)

    def schema(self, name: str) -> pb.Schema:
        """A JSON Schema, such as `train-run-config.v1`."""
        return self._calls.unary("GetSchema", pb.GetSchemaRequest(name=name), pb.Schema)

    def export_reader(
        self, name: str, *, expires_s: float = 0, runs: Sequence[str] = ()
    ) -> pb.ReaderCredential:
        """A credential that reads the bus: of all runs or of these, for so many seconds; 0: it does not end."""
        request = pb.ExportReaderRequest(
            name=name, expires_s=expires_s, runs=[pb.RunRef(ref=ref) for ref in runs]
        )
        return self._calls.unary("ExportReader", request, pb.ReaderCredential)

    def bus_streams(self) -> Stream[pb.BusStream]:
        """What the bus holds, a message for each of its streams. Raises bus_unavailable."""
        return listing(self._calls, "ListStreams", pb.ListStreamsRequest(), pb.BusStream)

    def subscribers(self) -> Stream[pb.Subscriber]:
        """Who reads the bus now, and how many messages behind. Raises bus_unavailable."""
        return listing(self._calls, "ListSubscribers", pb.ListSubscribersRequest(), pb.Subscriber)

    def readers(self) -> Stream[pb.Reader]:
        """Credentials that read the bus, without their passwords."""
        return listing(self._calls, "ListReaders", pb.ListReadersRequest(), pb.Reader)

    def revoke_reader(self, name: str) -> pb.Reader:
        """Ends a credential; comes back when whoever reads with it is cut off. Raises reader_not_found."""
        return self._calls.unary(
            "RevokeReader", pb.RevokeReaderRequest(name=name), pb.Reader
        )

    def open_console(self, *, viewer: bool = False) -> pb.ConsoleLink:
        """A link that opens the web console once, within minutes. Raises console_off."""
        return self._calls.unary(
            "OpenConsole", pb.OpenConsoleRequest(viewer=viewer), pb.ConsoleLink
        )

    def rotate_token(
        self,
        *,
        scrape: bool = False,
        keep_sessions: bool = False,
        reason: str = "",
        user: str | None = None,
    ) -> pb.RotatedToken:
        """Replaces a token: the new one is in the file that is named, and nowhere else.

        The one before is refused at once, and sessions of the console end with it.
        ``scrape``: the token for ``/metrics`` instead.
        """
        return self._calls.unary(
            "RotateToken",
            pb.RotateTokenRequest(
                scrape=scrape, keep_sessions=keep_sessions, reason=reason, user=user_or(user)
            ),
            pb.RotatedToken,
        )

    def shutdown(self, *, keep_bus: bool = False) -> pb.ShutdownReply:
        """Ends the daemon; live runs go on, and the next one finds them."""
        return self._calls.unary(
            "Shutdown", pb.ShutdownRequest(keep_bus=keep_bus), pb.ShutdownReply
        )

    def _put_env(self, env: Mapping[str, str]) -> pb.InputRef | None:
        return self.put_input(encode_env(env)) if env else None

    def _submission(
        self,
        config: Config,
        env_ref: pb.InputRef | None,
        key: str,
        user: str | None,
        traceparent: str,
    ) -> pb.SubmitRunRequest:
        here = {} if "cwd" in config else {"cwd": working_directory()}
        text = json_of({**here, **config})
        request = pb.SubmitRunRequest(
            env_ref=env_ref, key=key, user=user_or(user), traceparent=traceparent
        )
        if len(text) > INLINE_CONFIG_MOST:
            request.config_ref.CopyFrom(self.put_input(text))
        else:
            request.config.CopyFrom(to_struct(text))
        return request


def user_or(user: str | None) -> str:
    """Who asks; default: who runs this process."""
    return user_name() if user is None else user


def working_directory() -> str:
    """Raises config_invalid where it was removed."""
    try:
        return os.getcwd()
    except OSError as error:
        raise RunyardError("config_invalid", "this process has no working directory; say a cwd") from error
