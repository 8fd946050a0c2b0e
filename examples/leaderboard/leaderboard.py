"""The best value of one metric for each run, from the bus. See README.md."""

import argparse
import asyncio
import json
import math
import os
import re
import sys

import nats
from nats.errors import TimeoutError as NoMessage
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

parser = argparse.ArgumentParser()
parser.add_argument("--key", default="charts/episodic_return")
parser.add_argument("--state", default="leaderboard.state.json")
parser.add_argument("--min", action="store_true")
parser.add_argument("--once", action="store_true")
args = parser.parse_args()
yard = os.environ["RUNYARD_YARD"]
prefix = re.sub(r"[^A-Z0-9_-]", "_", yard.upper())

# How far each stream was read, and what was found: one file, so that they never disagree.
state = {"v": 1, "cursors": {}, "runs": {}, "deleted": []}
if os.path.exists(args.state):
    with open(args.state) as file:
        state = json.load(file)


def save():
    draft = f"{args.state}.{os.getpid()}"
    with open(draft, "w") as file:
        json.dump(state, file)
    os.replace(draft, args.state)


def run_of(run_id):
    fresh = {"status": "", "seen": {}, "points": 0, "nan": 0, "missing": 0, "best": None}
    return state["runs"].setdefault(run_id, fresh)


def apply_events(message):
    run_id = message["run_id"]
    if message["event"] == "run.deleted":
        state["runs"].pop(run_id, None)
        if run_id not in state["deleted"]:
            state["deleted"].append(run_id)
    else:
        run_of(run_id)["status"] = message["to"]


def apply_metrics(message):
    # Some of its points may be read after it was removed.
    if message["run_id"] in state["deleted"]:
        return
    run = run_of(message["run_id"])
    attempt = str(message["attempt"])
    seen = run["seen"].get(attempt, 0)
    # What the bus no longer has is told, not passed over.
    run["missing"] += max(0, message["first_seq"] - seen - 1)
    run["seen"][attempt] = max(seen, message["last_seq"])
    for point in message["points"]:
        # A number identifies a point: what was counted before a new epoch is not counted again.
        if point["key"] != args.key or point["seq"] <= seen:
            continue
        run["points"] += 1
        # The bus writes NaN, Infinity and -Infinity as strings.
        value = float(point["value"])
        if math.isnan(value):
            run["nan"] += 1
        elif run["best"] is None or better(value, float(run["best"]["value"])):
            step = None if point["step"] is None else str(point["step"])
            best = {"value": point["value"], "step": step, "attempt": message["attempt"]}
            run["best"] = best


def better(one, other):
    return one < other if args.min else one > other


def show():
    def order(item):
        run_id, run = item
        value = 0.0 if run["best"] is None else float(run["best"]["value"])
        return (run["best"] is None, value if args.min else -value, run_id)

    shown = [item for item in state["runs"].items() if item[1]["status"] != ""]
    for run_id, run in sorted(shown, key=order):
        best = run["best"] or {"value": None, "step": None, "attempt": None}
        line = {"run": run_id, "best": best["value"], "step": best["step"]}
        line["attempt"] = best["attempt"]
        line.update({name: run[name] for name in ("points", "nan", "missing", "status")})
        print(json.dumps(line), flush=True)


apply = {"events": apply_events, "metrics": apply_metrics}
subscriptions = {}


async def subscription_of(js, kind):
    """The consumer of a stream from the cursor on; a new one when the stream is a new one."""
    stream = f"{prefix}_{kind.upper()}"
    info = await js.stream_info(stream)
    epoch = info.config.metadata["epoch"]
    cursor = state["cursors"].get(kind)
    if cursor is not None and cursor["epoch"] != epoch:
        print(f"{kind}: a new epoch, read again from the beginning", file=sys.stderr)
    if cursor is None or cursor["epoch"] != epoch:
        state["cursors"][kind] = {"epoch": epoch, "seq": 0}
        subscriptions.pop(kind, None)
        if kind == "events":
            # Runs of which the new history says nothing are no longer there.
            for run in state["runs"].values():
                run["status"] = ""
    if kind not in subscriptions:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=state["cursors"][kind]["seq"] + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=300,
        )
        subject = f"{yard}.runs.*.{kind}"
        subscriptions[kind] = await js.pull_subscribe(subject, stream=stream, config=config)
    return subscriptions[kind]


async def read(js, kind, wait):
    """Applies what is there; without anything waits up to a second for it."""
    subscription = await subscription_of(js, kind)
    pending = (await subscription.consumer_info()).num_pending
    if pending == 0 and not wait:
        return 0
    try:
        messages = await subscription.fetch(min(max(pending, 1), 500), timeout=1)
    except NoMessage:
        return 0
    for message in messages:
        apply[kind](json.loads(message.data))
        state["cursors"][kind]["seq"] = message.metadata.sequence.stream
    if messages:
        save()
    return len(messages)


async def main():
    nc = await nats.connect(
        os.environ["NATS_URL"],
        user=os.environ["NATS_USER"],
        password=os.environ["NATS_PASSWORD"],
    )
    js = nc.jetstream()
    while True:
        try:
            # Events first: then it is known which runs there are.
            count = 0
            while more := await read(js, "events", False):
                count += more
            count += await read(js, "metrics", not args.once and count == 0)
            if count == 0 and args.once:
                break
            if count > 0 and not args.once:
                show()
        except Exception as error:
            if args.once or nc.is_closed:
                raise
            # A stream that is just being made anew, or a server that restarts.
            print(f"trying again: {error!r}", file=sys.stderr)
            subscriptions.clear()
            await asyncio.sleep(1)
    show()
    await nc.close()


asyncio.run(main())
