/** What a worker is told about its attempt. Written by the executor, read once. */
import fs from 'node:fs';

export type WorkerConfig = {
  readonly v: 1;
  readonly yard: string;
  readonly run_id: string;
  readonly attempt: number;
  readonly generation: number;
  /** False when the attempt's end was wished before it began. */
  readonly may_launch: boolean;
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
