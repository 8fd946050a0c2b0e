/** What a worker is told about its attempt. Written by the executor, read once. */
import fs from 'node:fs';

/** `told`: once the daemon says that the launch is on the disk. `never`: it is voided instead. */
export type Permission = 'told' | 'never';

export type WorkerConfig = {
  readonly v: 1;
  readonly yard: string;
  readonly run_id: string;
  readonly attempt: number;
  readonly generation: number;
  /** Whether an attempt that no recorder has claimed may still be launched. */
  readonly launch: Permission;
  readonly run_dir: string;
  readonly dir: string;
  readonly recorder: string;
  readonly socket: string;
  /** Where artifacts of this attempt are kept. */
  readonly store: string;
  readonly bus: {
    readonly address_file: string;
    readonly credentials_file: string;
    readonly url: string | null;
  };
};

export function readWorkerConfig(file: string): WorkerConfig {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as WorkerConfig;
}
