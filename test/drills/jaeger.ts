/**
 * Jaeger, a receiver of traces that is not ours: built once for the drills, from its own sources, and kept in
 * `.cache/bin`. Its traces are on the disk, so that it may be stopped for a while.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { TraceSeen } from './whole-trace.ts';

const version = 'v1.76.0';
const bin = path.resolve(import.meta.dirname, '../../.cache/bin');
const binary = path.join(bin, `jaeger-${version}`);
const startMs = 60_000;
const askMs = 10_000;

export type Jaeger = {
  /** Where it takes OTLP over HTTP. */
  endpoint: string;
  start(): Promise<void>;
  /** SIGTERM, and its end. */
  stop(): Promise<void>;
  /** What its API has of a trace; null: it does not know it. Throws while it does not run. */
  trace(id: string): Promise<TraceSeen | null>;
};

/** Why there is none on this machine; null: there is one now, though it may have taken minutes. */
export async function buildJaeger(say: (line: string) => void): Promise<string | null> {
  if (fs.existsSync(binary)) return null;
  const env = { GOFLAGS: '', PATH: `${process.env.PATH}:/usr/local/go/bin` };
  const go = (args: string[], cwd: string) =>
    execa('nice', ['-n', '19', 'go', ...args], { cwd, env, stdin: 'ignore', reject: false });
  const dir = fs.mkdtempSync(path.join(bin, 'jaeger-build-'));
  const begun = performance.now();
  try {
    if ((await go(['version'], dir)).failed) return 'Jaeger cannot be built: there is no go';
    say(
      `builds Jaeger ${version}, once: about 300 MB of sources, 5 minutes on two idle cores and 25 on busy ones, 2 GB of memory`,
    );
    const module = 'github.com/jaegertracing/jaeger';
    const got = await go(['mod', 'download', '-json', `${module}@${version}`], dir);
    if (got.failed) return failure('had', `${got.stderr} ${got.stdout}`);
    // Its own go.mod replaces modules, which `go install` refuses; a module that begins as a copy of it may do so.
    const { Dir: sources } = JSON.parse(got.stdout) as { Dir: string };
    const mod = fs.readFileSync(path.join(sources, 'go.mod'), 'utf8');
    const own = mod.replace(/^module .*/m, 'module runyard.invalid/jaeger');
    fs.writeFileSync(path.join(dir, 'go.mod'), `${own}\nrequire ${module} ${version}\n`);
    fs.writeFileSync(path.join(dir, 'go.sum'), fs.readFileSync(path.join(sources, 'go.sum')));
    const flags = ['-mod=mod', '-trimpath', '-ldflags', '-s -w'];
    const built = await go(['build', ...flags, '-o', 'jaeger', `${module}/cmd/jaeger`], dir);
    if (built.failed) return failure('built', built.stderr);
    fs.renameSync(path.join(dir, 'jaeger'), binary);
    say(`built Jaeger in ${((performance.now() - begun) / 1000).toFixed(0)} s: ${binary}`);
    return null;
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/** Not started yet. `dir` is for its configuration, its store and its log. */
export async function createJaeger(dir: string): Promise<Jaeger> {
  fs.mkdirSync(dir, { recursive: true });
  const [http, query, rpc, health] = await freePorts(4);
  const config = path.join(dir, 'jaeger.json');
  const log = path.join(dir, 'jaeger.log');
  const at = (port: number | undefined) => ({ endpoint: `127.0.0.1:${port}` });
  const directories = { keys: path.join(dir, 'keys'), values: path.join(dir, 'values') };
  fs.writeFileSync(
    config,
    JSON.stringify({
      service: {
        extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
        // No batches in memory: what it has taken is stored.
        pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
      },
      extensions: {
        healthcheckv2: { use_v2: true, http: at(health) },
        jaeger_query: { storage: { traces: 'disk' }, http: at(query), grpc: at(rpc) },
        jaeger_storage: {
          backends: { disk: { badger: { directories, ephemeral: false, ttl: { spans: '48h' } } } },
        },
      },
      receivers: { otlp: { protocols: { http: at(http) } } },
      exporters: { jaeger_storage_exporter: { trace_storage: 'disk' } },
    }),
  );
  let stop: () => Promise<void> = async () => undefined;
  const api = `http://127.0.0.1:${query}/api`;
  return {
    endpoint: `http://127.0.0.1:${http}`,
    async start() {
      // Else it traces itself.
      const env = { OTEL_TRACES_SAMPLER: 'always_off' };
      const words = ['--config', config];
      const output = { file: log, append: true };
      const child = execa(binary, words, {
        ...{ stdin: 'ignore', stdout: output, stderr: output, buffer: false },
        ...{ env, reject: false },
      });
      let isOver = false;
      const ended = child.then(() => {
        isOver = true;
      });
      stop = async () => {
        child.kill('SIGTERM');
        await ended;
      };
      for (
        const deadline = Date.now() + startMs;
        !(await isUp(`${api}/services`));
        await sleep(100)
      ) {
        if (!isOver && Date.now() < deadline) continue;
        await stop();
        throw new Error(`Jaeger does not start:\n${fs.readFileSync(log, 'utf8')}`);
      }
    },
    stop: () => stop(),
    async trace(id) {
      const answer = await fetch(`${api}/traces/${id}`, { signal: AbortSignal.timeout(askMs) });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`Jaeger answered ${answer.status}: ${await answer.text()}`);
      const { data } = (await answer.json()) as { data: TraceSeen[] };
      return data[0] ?? null;
    },
  };
}

function failure(what: string, words: string): string {
  const last = words.trim().split('\n').slice(-2).join(' ').replaceAll('|', '/').slice(0, 200);
  return `Jaeger cannot be ${what}: ${last}`;
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(askMs) })).ok;
  } catch {
    return false;
  }
}

/** Distinct, and free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
    ports.push((server.address() as net.AddressInfo).port);
  }
  for (const server of servers) server.close();
  return ports;
}
