/**
 * A cluster of three nats-servers loses its leader in four ways while 20 runs publish: every event and every
 * point is there once. RUNYARD_CLUSTER_ROUNDS=N does all of it N times.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  type Cluster,
  type Eye,
  type NodeNumber,
  noCluster,
  type StoredMessage,
  startCluster,
} from '../fixtures/nats-cluster.ts';
import { makeOperator } from '../fixtures/operator.ts';
import { startYard, until, type Yard } from './yard.ts';

const why = noCluster();
const skip = why ?? false;
const runs = 20;
const rounds = Number(process.env.RUNYARD_CLUSTER_ROUNDS ?? 1);
const streams = ['EVENTS', 'FACTS', 'LOGS', 'METRICS', 'ARTIFACTS'].map((kind) => `TEST_${kind}`);
const deadlineMs = 120_000;
const env = { PATH: process.env.PATH ?? '' };

type Batch = { run_id: string; first_seq: number; last_seq: number; end?: boolean };
type Fault = {
  name: string;
  /** Takes the node away. */
  strike(cluster: Cluster, node: NodeNumber): Promise<void> | void;
  heal(cluster: Cluster, node: NodeNumber): Promise<void> | void;
};

const faults: Fault[] = [
  {
    name: 'kill -9',
    strike: (cluster, node) => cluster.signal(node, 'SIGKILL'),
    heal: (cluster, node) => cluster.start(node),
  },
  {
    name: 'cable pulled',
    strike: (cluster, node) => cluster.cable(node, 'down'),
    heal: (cluster, node) => cluster.cable(node, 'up'),
  },
  {
    name: 'SIGSTOP',
    strike: (cluster, node) => cluster.signal(node, 'SIGSTOP'),
    heal: (cluster, node) => cluster.signal(node, 'SIGCONT'),
  },
  {
    name: 'lame duck',
    strike: (cluster, node) => cluster.signal(node, 'SIGUSR2'),
    heal: (cluster, node) => cluster.start(node),
  },
];

test('a leader is killed, cut off, stopped and retired under 20 runs: nothing is lost, nothing doubled', {
  skip,
}, async (t) => {
  using operator = await makeOperator(['test']);
  await using cluster = await startCluster((node) => operator.config(`claims${node}`));
  const { bus_creds: creds, ...signing } = operator.settings('test');
  await using eye = await cluster.eye(cluster.servers, creds);
  await using yard = await startYard(
    { RUNYARD_NATS_URL: cluster.servers },
    {
      within: cluster.within,
      settings: { ...signing, bus_creds: creds, bus_replicas: 3, parallel: runs },
    },
  );
  await until(async () => (await yard.client.health()).bus_connected, 'the bus', deadlineMs);
  await whole(eye);

  const ids: string[] = [];
  for (let index = 0; index < runs; index += 1) ids.push(await submit(yard, index));
  await until(
    async () => ((await eye.info('TEST_METRICS'))?.state?.last_seq ?? 0) >= runs,
    'every run to have points',
    deadlineMs,
  );
  for (const id of ids) await isLive(yard, id);
  const struck: { name: string; from: number; to: number }[] = [];
  const busy = keepBusy(yard, ids);
  for (let round = 0; round < rounds; round += 1) {
    for (const fault of faults) struck.push(await drill(cluster, eye, fault));
  }
  await busy.stop();
  fs.writeFileSync(path.join(yard.home, 'stop'), '');
  for (const id of ids) assert.equal((await yard.client.wait(id)).exit_code, 0);
  await until(
    async () => {
      const status = await yard.client.health();
      return status.bus_connected && status.outbox_depth === 0;
    },
    'the outbox to be relayed',
    deadlineMs,
  );
  const metrics = await until(
    async () => {
      const found = await eye.read<Batch>('TEST_METRICS');
      const ended = found.filter(({ payload }) => payload.end === true).length;
      return ended === runs ? found : null;
    },
    'the last points',
    deadlineMs,
  );
  const events = await eye.read<{ run_id: string; seq: number }>('TEST_EVENTS');
  let points = 0;
  for (const [index, id] of ids.entries()) {
    const printed = Number(fs.readFileSync(path.join(yard.home, `count.${index}`), 'utf8'));
    assert.deepEqual(seqsOf(metrics, id), upTo(printed), `the points of ${id}`);
    const { last_seq: last } = await yard.client.get(id);
    const found = events.filter(({ payload }) => payload.run_id === id);
    assert.deepEqual(
      found.map(({ payload }) => payload.seq),
      upTo(last),
      `the events of ${id}`,
    );
    points += printed;
  }
  // The daemon has followed too: it serves what it read from the bus.
  const [first = ''] = ids;
  let served = 0;
  for await (const { last_seq } of yard.client.metrics(first)) served = last_seq;
  assert.equal(served, seqsOf(metrics, first).length);
  t.diagnostic(`${points} points and ${events.length} events of ${runs} runs: 0 lost, 0 doubled`);
  for (const { name, from, to } of struck) {
    const gap = (messages: StoredMessage[]): string =>
      `${(longestGap(messages, from, to) / 1000).toFixed(2)} s`;
    t.diagnostic(`${name}: longest gap of points ${gap(metrics)}, of events ${gap(events)}`);
  }
});

/** Prints a point four times a second until it is told to stop, and how many there were. */
async function submit(yard: Yard, index: number): Promise<string> {
  const script =
    'i=0; while [ ! -e stop ]; do i=$((i+1)); echo "global_step=$i, episodic_return=[$i.]"; sleep 0.25; done; echo $i > "$0"';
  const command = ['sh', '-c', script, `count.${index}`];
  return (await yard.client.submit({ command, cwd: yard.home }, { env })).run_id;
}

/** Events all the while: two runs are paused and go on, over and over. */
function keepBusy(yard: Yard, ids: readonly string[]) {
  let stopped = false;
  const loop = async (id: string): Promise<void> => {
    while (!stopped) {
      await yard.client.pause(id);
      await until(
        async () => (await yard.client.get(id)).state === 'running.paused.confirmed',
        'a pause',
        deadlineMs,
      );
      await yard.client.resume(id);
      await isLive(yard, id);
    }
  };
  const done = Promise.all(ids.slice(0, 2).map(loop));
  return {
    async stop() {
      stopped = true;
      await done;
    },
  };
}

async function isLive(yard: Yard, id: string): Promise<void> {
  const look = async () => (await yard.client.get(id)).state === 'running.live';
  await until(look, `${id} to be live`, deadlineMs);
}

/** One fault of the node that leads the points; until points and events come again, and the cluster is whole. */
async function drill(cluster: Cluster, eye: Eye, fault: Fault) {
  const leader = await until(() => leaderOf(eye, 'TEST_METRICS'), 'a leader', deadlineMs);
  const node = Number(leader.slice(1)) as NodeNumber;
  const from = Date.now();
  await fault.strike(cluster, node);
  for (const stream of ['TEST_METRICS', 'TEST_EVENTS']) {
    const next = await until(
      async () => {
        const look = await eye.info(stream);
        return look?.cluster?.leader !== undefined && look.cluster.leader !== leader ? look : null;
      },
      `another leader of ${stream} after: ${fault.name}`,
      deadlineMs,
    );
    const more = (next.state?.last_seq ?? 0) + 10;
    await until(
      async () => ((await eye.info(stream))?.state?.last_seq ?? 0) >= more,
      `${stream} to go on after: ${fault.name}`,
      deadlineMs,
    );
  }
  await fault.heal(cluster, node);
  await whole(eye);
  return { name: fault.name, from, to: Date.now() };
}

async function leaderOf(eye: Eye, stream: string): Promise<string | null> {
  return (await eye.info(stream))?.cluster?.leader ?? null;
}

/** Every stream has a leader and two copies that are up to date. */
async function whole(eye: Eye): Promise<void> {
  for (const stream of streams) {
    await until(
      async () => {
        const { leader, replicas = [] } = (await eye.info(stream))?.cluster ?? {};
        const good = replicas.filter(({ current, offline }) => current && offline !== true);
        return leader !== undefined && good.length === 2;
      },
      `${stream} to be whole`,
      deadlineMs,
    );
  }
}

function seqsOf(metrics: readonly StoredMessage<Batch>[], id: string): number[] {
  return metrics
    .map(({ payload }) => payload)
    .filter(({ run_id: of, end }) => of === id && end !== true)
    .flatMap(({ first_seq: first, last_seq: last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    );
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** ms between two messages that follow each other, at most, where the middle is within a span of time. */
function longestGap(messages: readonly StoredMessage[], from: number, to: number): number {
  let longest = 0;
  for (const [index, { ms }] of messages.entries()) {
    const before = messages[index - 1]?.ms ?? ms;
    const middle = (ms + before) / 2;
    if (middle >= from && middle <= to) longest = Math.max(longest, ms - before);
  }
  return longest;
}
