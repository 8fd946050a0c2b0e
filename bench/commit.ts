/**
 * What committing one transition costs: row, transition and outbox, with the daemon's own checkpoints and
 * syncs going on; against a bare insert of the same size into a database that is opened the same way.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  createCheckpointer,
  createRunStore,
  createSyncer,
  openDatabase,
  type RunRow,
} from '../src/persistence/index.ts';
import { systemClock } from '../src/telemetry/index.ts';
import { type Figure, percentile, round } from './measure.ts';

const commits = 20_000;
/** A snapshot of a run as it is stored while the run lives. */
const snapshot = JSON.stringify({ context: 'x'.repeat(1500) });

export async function commitLatency(): Promise<Figure[]> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-bench-'));
  try {
    const ours = await measureStore(path.join(dir, 'registry.db'));
    const bare = measureBare(path.join(dir, 'bare.db'));
    const [p50, p99] = [percentile(ours, 0.5), percentile(ours, 0.99)];
    const baseline = percentile(bare, 0.5);
    const ratio = round(p50 / baseline);
    return [{ metric: 'commit_ms', unit: 'ms', n: commits, p50, p99, baseline, ratio }];
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

async function measureStore(file: string): Promise<number[]> {
  const db = openDatabase(file);
  const store = createRunStore(db);
  const syncer = createSyncer(file);
  const checkpointer = createCheckpointer({
    db,
    file,
    clock: systemClock(),
    everyMs: 1000,
    capBytes: 64 * 2 ** 20,
    onError: (error) => {
      throw error;
    },
  });
  const at = new Date().toISOString();
  const transition = {
    at,
    attempt: 1,
    event: 'worker.silent',
    from: 'running.live',
    to: 'running.silent',
    detail: {},
    machineVersion: '2',
  };
  const first = { ...transition, event: 'run.submit', from: '', to: 'queued' };
  store.insertAll((insert) => void insert(newRow(at), first));
  const times: number[] = [];
  for (let seq = 2; seq < commits + 2; seq += 1) {
    const from = performance.now();
    store.commit('aaaaaaaa', seq, transition, { state: 'running.silent', snapshot }, null);
    times.push(performance.now() - from);
    // As many as share a turn of the daemon's loop.
    if (seq % 10 !== 0) continue;
    await syncer.synced();
    checkpointer.ask('bench');
  }
  checkpointer.close();
  syncer.close();
  db.close();
  return times;
}

function measureBare(file: string): number[] {
  const db = openDatabase(file);
  db.exec('CREATE TABLE bare (text TEXT)');
  const insert = db.prepare('INSERT INTO bare VALUES (?)');
  const times = Array.from({ length: commits }, () => {
    const from = performance.now();
    insert.run(snapshot);
    return performance.now() - from;
  });
  db.close();
  return times;
}

function newRow(at: string): Omit<RunRow, 'last_seq'> {
  return {
    run_id: 'aaaaaaaa',
    submit_key: null,
    submit_digest: '',
    name: 'bench',
    user: 'bench',
    project: '',
    grp: '',
    tags: '[]',
    status: 'queued',
    state: 'queued',
    attempt: 1,
    config: '{"command":["true"]}',
    config_digest: '',
    gpus: 0,
    submitted_at: at,
    started_at: null,
    finished_at: null,
    last_heartbeat: null,
    artifact_manifest: null,
    failure_reason: null,
    failure_cause: null,
    pinned_at: null,
    gpu_slot: '[]',
    exit: null,
    stop: null,
    pause: null,
    hold: null,
    pid: null,
    last_metric: null,
    trace_id: '0'.repeat(32),
    trace_parent: '',
    retry_of: null,
    machine_version: '2',
    snapshot,
  };
}
