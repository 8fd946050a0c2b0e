/**
 * Rules and figures as Prometheus itself sees them: promtool looks at the rules and at /metrics, tries each alert on
 * made-up series, and a real Prometheus scrapes a real daemon. Where there is no Prometheus, this is skipped:
 * `apt-get install prometheus`, which `npm test` does where it may.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { alerts } from '../../scripts/observability/alerts.ts';
import { dashboard } from '../../scripts/observability/dashboard.ts';
import { catalogue, type MetricName, prometheusName } from '../../src/telemetry/metrics/index.ts';
import { startYard, until } from './yard.ts';

const root = path.resolve(import.meta.dirname, '../..');
const rules = path.join(root, 'deploy/prometheus/runyard.rules.yaml');
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

const isThere = await execa('promtool', ['--version'], { reject: false }).then(
  ({ failed }) => !failed,
);
const skip = isThere ? false : 'promtool is not there: apt-get install prometheus';

/** Series with which an alert fires: written as promtool wants them, a sample a minute. */
const firing: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  RunyardDown: { 'up{job="runyard",instance="a"}': '0x60' },
  RunyardRestarting: { 'process_start_time_seconds{instance="a"}': '1x40 2 3 4x30' },
  RunyardRegistryFailing: {
    'runyard_health_reasons{instance="a",part="registry",severity="failed"}': '1x60',
  },
  RunyardDiskFull: {
    'runyard_health_reasons{instance="a",part="disk",severity="degraded"}': '1x60',
  },
  RunyardDiskFilling: { 'runyard_disk_free_bytes{instance="a"}': '10000000000-100000000x60' },
  RunyardBusAway: { 'runyard_bus_connected{instance="a"}': '0x60' },
  RunyardSlurmAway: {
    'runyard_health_reasons{instance="a",part="slurm",severity="degraded"}': '1x60',
  },
  RunyardOutboxStuck: { 'runyard_outbox_age_seconds{instance="a"}': '0+60x60' },
  RunyardStreamLagging: { 'runyard_stream_lag{instance="a",stream="metrics"}': '20000x60' },
  RunyardWalGrows: { 'runyard_registry_wal_size_bytes{instance="a"}': '100000000x60' },
  RunyardCommitsSlow: {
    'runyard_registry_commit_duration_seconds_bucket{instance="a",le="0.05"}': '0x60',
    'runyard_registry_commit_duration_seconds_bucket{instance="a",le="0.1"}': '0+10x60',
    'runyard_registry_commit_duration_seconds_bucket{instance="a",le="+Inf"}': '0+10x60',
  },
  RunyardLoopBlocked: { 'nodejs_eventloop_delay_p99_seconds{instance="a"}': '1x60' },
  RunyardQueueStuck: {
    'runyard_runs{instance="a",state="queued"}': '3x120',
    'runyard_runs{instance="a",state="running.live"}': '0x120',
    'runyard_queue_wait_seconds_count{instance="a"}': '7x120',
  },
  RunyardGpuLost: { 'runyard_gpus{instance="a",state="shut"}': '1x60' },
  RunyardUnkillable: { 'runyard_leases{instance="a",state="quarantined"}': '1x60' },
  RunyardRunsLost: {
    // No sample before the first: a new daemon has them at once.
    'runyard_runs_finished_total{instance="a",status="lost",reason="machine_rebooted"}':
      '_x50 2x10',
    'runyard_runs_finished_total{instance="c",status="failed",reason="exit_unobserved"}':
      '1x52 2x10',
  },
  RunyardTracesStuck: { 'runyard_trace_failing{instance="a"}': '1x60' },
  RunyardTracesDropped: {
    'runyard_trace_dropped_spans_total{instance="a",cause="age"}': '0x50 9x10',
  },
  RunyardLogLost: { 'runyard_log_lost_lines_total{instance="a"}': '0x50 3x10' },
};

/** A yard that is well, for an hour: nothing may fire. */
const well: Readonly<Record<string, string>> = {
  'up{job="runyard",instance="b"}': '1x120',
  'process_start_time_seconds{instance="b"}': '1x120',
  'runyard_bus_connected{instance="b"}': '1x120',
  'runyard_disk_free_bytes{instance="b"}': '100000000000x120',
  'runyard_outbox_age_seconds{instance="b"}': '0x120',
  'runyard_stream_lag{instance="b",stream="metrics"}': '100x120',
  'runyard_registry_wal_size_bytes{instance="b"}': '4000000x120',
  'runyard_registry_commit_duration_seconds_bucket{instance="b",le="0.001"}': '0+100x120',
  'runyard_registry_commit_duration_seconds_bucket{instance="b",le="+Inf"}': '0+100x120',
  'nodejs_eventloop_delay_p99_seconds{instance="b"}': '0.002x120',
  'runyard_runs{instance="b",state="queued"}': '3x120',
  'runyard_runs{instance="b",state="running.live"}': '2x120',
  'runyard_queue_wait_seconds_count{instance="b"}': '0+1x120',
  'runyard_gpus{instance="b",state="shut"}': '0x120',
  'runyard_leases{instance="b",state="quarantined"}': '0x120',
  'runyard_runs_finished_total{instance="b",status="lost",reason=""}': '0x120',
  'runyard_runs_finished_total{instance="b",status="failed",reason="exit_nonzero"}': '0+5x120',
  'runyard_trace_failing{instance="b"}': '0x120',
  'runyard_trace_dropped_spans_total{instance="b",cause="age"}': '0x120',
  'runyard_log_lost_lines_total{instance="b"}': '0x120',
};

function temporary(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-prom-'));
}

test('every alert fires where it should and not where all is well, says promtool', {
  skip,
}, async (t) => {
  const dir = temporary();
  t.after(() => fs.rmSync(dir, { recursive: true }));
  assert.deepEqual(Object.keys(firing).sort(), alerts.map(({ name }) => name).sort());
  await execa('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', rules]);
  for (const { name } of alerts) {
    const input = { ...well, ...firing[name] };
    const file = path.join(dir, `${name}.yaml`);
    // What fires is asked of the rules themselves, by the series that Prometheus keeps of them.
    const samples = (who: string, want: boolean) => ({
      expr: `count(ALERTS{alertname="${name}",alertstate="firing",instance="${who}"}) or vector(0)`,
      eval_time: name === 'RunyardQueueStuck' ? '110m' : '55m',
      exp_samples: [{ labels: '{}', value: want ? 1 : 0 }],
    });
    const more = {
      expr: `count(ALERTS{alertname="${name}",alertstate="firing",instance="c"}) or vector(0)`,
      eval_time: '55m',
      exp_samples: [{ labels: '{}', value: name === 'RunyardRunsLost' ? 1 : 0 }],
    };
    const others = {
      expr: `count(ALERTS{alertstate="firing",instance="b"}) or vector(0)`,
      eval_time: '110m',
      exp_samples: [{ labels: '{}', value: 0 }],
    };
    const body = {
      rule_files: [rules],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: Object.entries(input).map(([series, values]) => ({ series, values })),
          promql_expr_test: [samples('a', true), samples('b', false), more, others],
        },
      ],
    };
    fs.writeFileSync(file, stringify(body));
    const { failed, all } = await execa('promtool', ['test', 'rules', file], {
      reject: false,
      all: true,
    });
    assert(!failed, `${name}: ${all}`);
  }
});

test('every alert has a page that says what it means, what to look at, what to do, and how to verify', () => {
  for (const { name, page } of alerts) {
    const text = fs.readFileSync(path.join(root, 'docs/runbooks', `${page}.md`), 'utf8');
    assert(text.includes(`\`${name}\``), `${page} does not name ${name}`);
    for (const head of ['What it means', 'Look at', 'Do', 'Verify'])
      assert(text.includes(`\n## ${head}\n`), `${page}: ${head}`);
  }
});

test('rules and dashboard speak of figures that there are', () => {
  const known = (Object.keys(catalogue) as MetricName[]).flatMap((name) => {
    const own = prometheusName(name);
    return catalogue[name].type === 'histogram'
      ? [`${own}_bucket`, `${own}_count`, `${own}_sum`]
      : [own];
  });
  const text = [dashboard(), ...alerts.map(({ expr }) => expr)].join('\n');
  const named = new Set(text.match(/\b(runyard|nodejs|process)_[a-z0-9_]+/g));
  assert.deepEqual(
    [...named].filter((name) => !known.includes(name)),
    [],
  );
});

test('the dashboard is one that Grafana can load', { timeout: 600_000 }, async () => {
  type Panel = {
    type: string;
    title: string;
    targets: { datasource: { type: string } }[];
    gridPos: { x: number; w: number };
    options?: object;
  };
  type Dashboard = { uid: string; schemaVersion: number; panels: Panel[] };
  const built = JSON.parse(dashboard()) as Dashboard;
  assert.equal(built.uid, 'runyard');
  assert(built.schemaVersion >= 36);
  const panels = built.panels.filter(({ type }) => type !== 'row');
  assert(panels.length > 15);
  for (const { type, title, targets, gridPos } of panels) {
    // The checker knows the options of these, and would take those of others unread.
    assert(['stat', 'timeseries'].includes(type), title);
    assert(targets.length > 0 && targets.every((each) => each.datasource.type === 'prometheus'));
    assert(gridPos.w > 0 && gridPos.x + gridPos.w <= 24, title);
  }

  // Grafana's own types, read strictly by Grafana's own module for Go.
  const cwd = path.join(root, 'test/fixtures/grafana');
  const options = { cwd, env: { CGO_ENABLED: '0', GOFLAGS: '' } } as const;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-grafana-'));
  try {
    const checker = path.join(dir, 'checker');
    await execa('go', ['build', '-o', checker, '.'], options);
    const check = (input: object) =>
      execa(checker, [], { input: JSON.stringify(input), reject: false });
    assert.equal((await check(built)).stdout, `${built.panels.length} panels`);
    const at = built.panels.findIndex(({ type }) => type === 'stat');
    const wrong: [path: string, change: (of: Dashboard) => object][] = [
      ['Dashboard', (of) => Object.assign(of, { pannels: [] })],
      ['schemaVersion', (of) => Object.assign(of, { schemaVersion: '36' })],
      [`panels[${at}].options`, (of) => Object.assign(of.panels[at]?.options ?? {}, { graf: 1 })],
      [`panels[${at}].targets`, (of) => Object.assign(of.panels[at]?.targets[0] ?? {}, { exp: 1 })],
    ];
    for (const [where, change] of wrong) {
      const changed = structuredClone(built);
      change(changed);
      const { exitCode, stdout } = await check(changed);
      assert.equal(exitCode, 1, where);
      assert(stdout.startsWith(where), `${where}: ${stdout}`);
    }
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

type Found = { data: { result: { value: [number, string] }[] } };

async function freePort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a real Prometheus scrapes a real daemon, and says that it is down when it is', {
  skip,
}, async () => {
  await using yard = await startYard();
  const { run_id: run } = await yard.client.submit({ command: ['true'], cwd: '/' }, { env });
  await yard.client.wait(run);
  const address = await until(
    async () => (await yard.client.health()).console,
    'the console',
    60_000,
  );
  const token = path.join(yard.home, 'scrape.token');
  const metrics = await fetch(`http://${address}/metrics`, {
    headers: { authorization: `Bearer ${fs.readFileSync(token, 'utf8')}` },
  });
  const checked = await execa('promtool', ['check', 'metrics'], {
    input: await metrics.text(),
    reject: false,
    all: true,
  });
  assert.equal(checked.all, '');

  const dir = temporary();
  const port = await freePort();
  // Every time of a rule is shortened, so that nobody waits for minutes.
  const short = fs.readFileSync(rules, 'utf8').replaceAll(/for: \d+m/g, 'for: 0s');
  fs.writeFileSync(path.join(dir, 'rules.yaml'), short);
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [path.join(dir, 'rules.yaml')],
    scrape_configs: [
      {
        job_name: 'runyard',
        authorization: { credentials_file: token },
        static_configs: [{ targets: [address] }],
      },
    ],
  };
  fs.writeFileSync(path.join(dir, 'prometheus.yml'), stringify(config));
  const server = execa(
    'prometheus',
    [
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { reject: false, stdout: 'ignore', stderr: 'ignore' },
  );
  try {
    const query = async (expr: string): Promise<string | undefined> => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`;
      const answer = await fetch(url).then(
        (response) => (response.ok ? (response.json() as Promise<Found>) : null),
        // It is still starting.
        () => null,
      );
      return answer?.data.result[0]?.value[1];
    };
    const is = (expr: string, value: string) =>
      until(async () => (await query(expr)) === value, `${expr} to be ${value}`, 60_000);
    await is('up{job="runyard"}', '1');
    await is('sum(runyard_runs_finished_total{status="completed"})', '1');
    await is('count(ALERTS{alertname="RunyardDown"}) or vector(0)', '0');
    await yard.crash();
    await is('count(ALERTS{alertname="RunyardDown",alertstate="firing"})', '1');
    await yard.up();
    await is('up{job="runyard"}', '1');
    await is('count(ALERTS{alertname="RunyardDown",alertstate="firing"}) or vector(0)', '0');
  } finally {
    server.kill('SIGTERM');
    await server;
    fs.rmSync(dir, { recursive: true });
  }
});
