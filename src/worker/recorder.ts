/** Starting the recorder, and reading what was written for us about the attempt. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { attemptFiles } from '../rundir/index.ts';
import type { WorkerConfig } from './config.ts';

/** The recorder is in a session of its own and knows nothing of us: it outlives us all. */
export function startRecorder(config: WorkerConfig): void {
  const child = execa(config.recorder, [config.dir], {
    detached: true,
    cleanup: false,
    stdio: 'ignore',
    reject: false,
    buffer: false,
    env: {},
    extendEnv: false,
  });
  child.nodeChildProcess.unref();
}

/** What the executor wrote down for us. */
export function readSpec(dir: string): {
  cwd: string;
  artifacts: string[];
  stall_ms: number | null;
  kill_patience_ms: number;
} {
  return JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.spec), 'utf8'));
}

/** True when the recorder, to which orphans come, has reaped every descendant; else null. */
export function saysAlone(dir: string): true | null {
  const file = path.join(dir, attemptFiles.drained);
  if (!fs.existsSync(file)) return null;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { alone?: boolean }).alone === true || null;
}
