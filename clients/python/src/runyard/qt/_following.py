"""What each watch does in the bridge's thread, and how an artifact is saved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..aio import AsyncTrainerClient
from ..errors import RunyardError
from ..v1 import orchestrator_pb2 as pb
from ._engine import Ask, Engine, Follow
from ._outbox import EVENTS_MOST, POINTS_MOST


def run(id: int, ref: str, from_seq: int) -> Follow:
    async def follow(engine: Engine) -> None:
        client = await engine.client()
        run_id = (await client.get(ref)).run_id
        async with client.events(run_id, from_seq=from_seq) as events:
            async for event in events:
                engine.outbox.run_event(id, run_id, event)
                engine.pace()
                await engine.outbox.room(id, EVENTS_MOST)

    return follow


def metrics(id: int, ref: str, options: Mapping[str, Any]) -> Follow:
    async def follow(engine: Engine) -> None:
        client = await engine.client()
        run_id = (await client.get(ref)).run_id
        async with client.metrics(run_id, follow=True, **options) as batches:
            async for batch in batches:
                engine.outbox.metrics(id, run_id, batch)
                engine.pace()
                # What is not read stays with the daemon, which slows down for this reader alone.
                await engine.outbox.room(id, POINTS_MOST)

    return follow


def logs(id: int, ref: str, options: Mapping[str, Any]) -> Follow:
    async def follow(engine: Engine) -> None:
        client = await engine.client()
        run_id = (await client.get(ref)).run_id
        async with client.logs(run_id, follow=True, **options) as chunks:
            async for chunk in chunks:
                engine.outbox.log(id, run_id, chunk)
                engine.pace()

    return follow


def group(id: int, name: str) -> Follow:
    async def follow(engine: Engine) -> None:
        client = await engine.client()
        async with client.watch_group(name) as summaries:
            async for summary in summaries:
                engine.outbox.latest("group", id, summary)
                engine.pace()

    return follow


def gpus(id: int, refresh_s: float) -> Follow:
    async def follow(engine: Engine) -> None:
        before: list[pb.Gpu] | None = None
        while True:
            client = await engine.client()
            now = await engine.gathered(client.gpus())
            if now != before:
                before = now
                engine.outbox.latest("gpus", id, tuple(now))
            await asyncio.sleep(refresh_s)

    return follow


def saving(engine: Engine, ref: str, name: str, attempt: int, to: Path) -> Ask:
    async def ask(client: AsyncTrainerClient) -> Path:
        part = to.with_name(to.name + ".part")
        try:
            with open(part, "wb") as file:
                async for piece in client.read_artifact(ref, name, attempt=attempt):
                    file.write(piece.data)
                    engine.pace()
            os.replace(part, to)
        except OSError as error:
            raise RunyardError("usage", f"{to} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        return to

    return ask
