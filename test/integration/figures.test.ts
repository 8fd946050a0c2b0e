/** The daemon's figures, as Prometheus scrapes them and as a collector gets them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readDrained } from '../../src/rundir/index.ts';
import { catalogue, prometheusLabel, prometheusName } from '../../src/telemetry/metrics/index.ts';
import { startCollector } from '../fixtures/collector.ts';
import { connectAs } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

async function scrape(yard: Yard, token = 'scrape.token'): Promise<Response> {
  const { console: address } = await yard.client.health();
  const secret = fs.readFileSync(path.join(yard.home, token), 'utf8');
  return fetch(`http://${address}/metrics`, { headers: { authorization: `Bearer ${secret}` } });
}

/** Series by their names with labels, as they are written. */
function seriesIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

test('/metrics has all of the catalogue and nothing else, and no label with a run', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2' });
  const go = path.join(yard.home, 'go');
  const wait = ['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.02; done; exit 3', go];
  const { run_id: run } = await yard.client.submit(
    { command: wait, cwd: '/', gpus: 1, name: 'secretive' },
    { env },
  );
  await yard.client.submit({ command: ['true'], cwd: '/', gpus: 2 }, { env });
  const isLive = async () => (await yard.client.get(run)).state === 'running.live';
  await until(isLive, 'the run to be live', 60_000);
  await until(async () => (await yard.client.health()).console !== '', 'the console', 60_000);
  const answer = await scrape(yard);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  const found = seriesIn(text);
  assert.equal(found.get('runyard_runs{state="running.live"}'), 1);
  assert.equal(found.get('runyard_runs{state="queued"}'), 1);
  assert.equal(found.get('runyard_runs{state="stopping.killing"}'), 0);
  assert.equal(found.get('runyard_gpus{state="held"}'), 1);
  assert.equal(found.get('runyard_gpus{state="free"}'), 1);
  assert.equal(found.get('runyard_leases{state="active"}'), 1);
  assert.equal(found.get('runyard_queue_wait_seconds_count'), 1);
  assert((found.get('runyard_transition_duration_seconds_count') ?? 0) >= 4);
  assert((found.get('runyard_registry_commit_duration_seconds_count') ?? 0) >= 4);
  const typed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
  const names = Object.keys(catalogue) as (keyof typeof catalogue)[];
  assert.deepEqual(
    typed.sort(),
    names.map((name) => [prometheusName(name), catalogue[name].type]).sort(),
  );
  const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, name = '']) => name));
  const known = names.flatMap((name) => catalogue[name].labels.map(prometheusLabel));
  assert.deepEqual(
    [...labels].filter((label) => !known.includes(label) && label !== 'le'),
    [],
  );
  for (const secret of [run, 'secretive', yard.home]) assert(!text.includes(secret), secret);

  fs.writeFileSync(go, '');
  await yard.client.wait(run);
  const failed = 'runyard_runs_finished_total{status="failed",reason="exit_nonzero"}';
  await until(async () => seriesIn(await (await scrape(yard)).text()).get(failed) === 1, failed);
});

test('what is counted of runs is right again after the daemon was killed', async () => {
  await using yard = await startYard();
  const go = path.join(yard.home, 'go');
  const wait = ['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.02; done', go];
  const { run_id: run } = await yard.client.submit({ command: wait, cwd: '/' }, { env });
  const isLive = async () => (await yard.client.get(run)).state === 'running.live';
  await until(isLive, 'the run to be live', 60_000);
  await yard.crash();
  await yard.up();
  await until(async () => (await yard.client.health()).console !== '', 'the console', 60_000);
  const live = async () => {
    const found = seriesIn(await (await scrape(yard)).text());
    return (
      (found.get('runyard_runs{state="running.live"}') ?? 0) +
      (found.get('runyard_runs{state="running.silent"}') ?? 0)
    );
  };
  assert.equal(await live(), 1);
  fs.writeFileSync(go, '');
  await yard.client.wait(run);
  assert.equal(await live(), 0);
});

test('what is not kept of output, and points that the bus lost, are counted over all runs', async () => {
  await using yard = await startYard();
  await until(async () => (await yard.client.health()).console !== '', 'the console', 60_000);
  const figure = async (name: string) => seriesIn(await (await scrape(yard)).text()).get(name);
  const dropped = 'runyard_output_dropped_bytes_total';
  const lost = 'runyard_points_lost_total';
  assert.deepEqual([await figure(dropped), await figure(lost)], [0, 0]);
  let known = 0;
  let run = '';
  for (const mib of [3, 4]) {
    const command = ['sh', '-c', `yes 0123456789 | head -c ${mib * 2 ** 20}; exit 1`];
    const limit = { output_limit_mib: 1, retry: { max: 1, on: ['exit'], backoff_s: 0 } };
    ({ run_id: run } = await yard.client.submit({ command, cwd: '/', ...limit }, { env }));
    await yard.client.wait(run);
    for (const attempt of [1, 2]) {
      const totals = readDrained(path.join(yard.home, 'runs', run, 'attempts', String(attempt)));
      assert.ok((totals?.stdout.dropped ?? 0) > 2 ** 20);
      known += totals?.stdout.dropped ?? 0;
    }
  }
  assert.equal(await figure(dropped), known);

  // As if a bus without its store had begun anew at the eleventh point.
  const nc = await connectAs(yard, 'daemon');
  const point = { seq: 11, key: 'loss', step: 1, wall: new Date().toISOString(), value: 1 };
  const points = [{ ...point, source: 'stdout', id: '2:stdout:1' }];
  const message = { v: 1, run_id: run, attempt: 2, first_seq: 11, last_seq: 11, points, notes: [] };
  nc.publish(`test.runs.${run}.metrics`, JSON.stringify(message));
  await nc.flush();
  await nc.close();
  await until(async () => (await figure(lost)) === 10, 'ten points to be missed', 60_000);
});

test('the token of the scraper opens the figures and nothing else', async () => {
  await using yard = await startYard();
  await until(async () => (await yard.client.health()).console !== '', 'the console', 60_000);
  const { console: address, tcp } = await yard.client.health();
  assert.notEqual(tcp, '');
  const file = path.join(yard.home, 'scrape.token');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const authorization = `Bearer ${fs.readFileSync(file, 'utf8')}`;
  for (const url of ['/api/health', '/api/runs', '/api/stream', '/api/session']) {
    const { status } = await fetch(`http://${address}${url}`, { headers: { authorization } });
    assert.equal(status, 403, url);
  }
  assert.equal((await fetch(`http://${address}/metrics`)).status, 401);
  assert.equal((await scrape(yard, 'token')).status, 200);
});

test('a collector gets the same figures by OTLP', async () => {
  const collector = await startCollector();
  await using yard = await startYard({
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/v1/metrics`,
    OTEL_METRIC_EXPORT_INTERVAL: '200',
  });
  const { run_id: run } = await yard.client.submit({ command: ['true'], cwd: '/' }, { env });
  await yard.client.wait(run);
  const done = await until(
    () =>
      collector.points.find(
        ({ name, attributes, point }) =>
          name === 'runyard.runs.finished' &&
          attributes.status === 'completed' &&
          point.asDouble === 1,
      ),
    'the end of the run',
    60_000,
  );
  assert.equal(done.unit, '{run}');
  const last = (name: string) => collector.points.findLast((each) => each.name === name)?.point;
  const names = new Set(collector.points.map(({ name }) => name));
  // Those that have no series where nothing is wrong.
  const absent = Object.keys(catalogue).filter((name) => !names.has(name));
  assert.deepEqual(
    absent.filter(
      (name) => !/^runyard\.(health\.reasons|stream\.|registry\.checkpoints)/.test(name),
    ),
    [],
  );
  const wait = last('runyard.queue.wait') as { count: number; bucketCounts: number[] };
  assert.equal(wait.count, 1);
  assert.equal(
    wait.bucketCounts.reduce((sum, n) => sum + n, 0),
    1,
  );
  assert.equal(collector.requests, 0, 'traces were not asked for');
  await collector.close();
});
