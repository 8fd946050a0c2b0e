/** The files that recorder and worker need of an attempt, wherever it is executed. */
import fs from 'node:fs';
import path from 'node:path';
import { failpoint } from '../failpoints.ts';
import { attemptFiles, bootId, makeDirectory, writeAtomic } from '../rundir/index.ts';
import type { AttemptSpec } from './executor.ts';
import { makeTemp } from './local/temp.ts';

/** Bytes of a segment of recorded output, and the share of the limit kept from the beginning. */
const segmentBytes = 1 << 20;
const headShare = 1 / 8;

/** Writes all that recorder and worker need; `launch.json` last, because it says that all is there. */
export function prepare(dir: string, spec: AttemptSpec, yard: string, cgroup: string | null): void {
  makeDirectory(dir);
  const cwd = spec.isolate ? path.join(dir, 'work') : spec.cwd;
  if (spec.isolate) fs.mkdirSync(cwd, { recursive: true, mode: 0o700 });
  const temp = spec.tempBase === undefined ? null : makeTemp(spec.tempBase, spec);
  writeAtomic(
    path.join(dir, attemptFiles.spec),
    JSON.stringify({
      cwd,
      temp,
      artifacts: spec.artifacts,
      artifacts_move: spec.artifactsMove,
      disk_floor_bytes: spec.diskFloorBytes,
      formats: spec.formats ?? null,
      printed: spec.printed ?? null,
      yard,
      stall_ms: spec.stallMs,
      stop_when: spec.stopWhen ?? [],
      kill_patience_ms: spec.killPatienceMs,
    }),
    { mode: 0o600 },
  );
  failpoint('launch.prepared');
  const head = Math.max(segmentBytes, Math.floor(spec.outputLimitBytes * headShare));
  const launch = {
    v: 1,
    run_id: spec.runId,
    attempt: spec.attempt,
    generation: 1,
    argv: spec.argv,
    cwd,
    umask: spec.umask,
    env_file: '../../env',
    env: {
      ...spec.env,
      ...(temp === null ? {} : { TMPDIR: temp }),
      RUNYARD_RUN_ID: spec.runId,
      RUNYARD_ATTEMPT: String(spec.attempt),
      RUNYARD_RUN_DIR: dir,
      RUNYARD_METRICS: path.join(dir, attemptFiles.metrics),
    },
    env_unset: spec.envUnset,
    segment_bytes: segmentBytes,
    head_bytes: head,
    tail_bytes: Math.max(segmentBytes, spec.outputLimitBytes - head),
    drain_grace_ms: 2000,
    cgroup,
    gpu_locks: spec.gpuLocks,
    gpu_locks_shared: spec.gpuLocksShared ?? [],
    oom_score_adj: 500,
    boot_id: bootId(),
  };
  writeAtomic(path.join(dir, attemptFiles.launch), JSON.stringify(launch), { mode: 0o600 });
}
