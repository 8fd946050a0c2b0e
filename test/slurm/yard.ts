/** A yard whose runs are jobs of a real Slurm, and what tests ask of both. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunSummary } from '../../src/contracts/index.ts';
import { startYard, until, type Yard } from '../integration/yard.ts';
import { type Slurm, startSlurm } from './cluster.ts';
import type { SlurmOptions } from './config.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

export type SlurmYard = Yard & {
  slurm: Slurm;
  /** Submits a shell script; `more` are fields of its configuration. */
  submit(script: string, more?: object): Promise<string>;
  ended(run: string): Promise<RunSummary>;
  /** Resolves when its trainer runs; rejects when it ends before. */
  running(run: string): Promise<RunSummary>;
  lines(run: string): Promise<string[]>;
};

export const submitted = { PATH: process.env.PATH ?? '', HOME: '/tmp', TOLD: 'two\nlines' };

export async function startSlurmYard(
  options: SlurmOptions = {},
  settings: { slurm?: object; [name: string]: unknown } = {},
): Promise<SlurmYard> {
  const slurm = await startSlurm(options);
  const usual = {
    poll_s: 0.5,
    node_dir: slurm.dir,
    shared: false,
    lost_after_s: 8,
    command: [runyard],
    log: path.join(slurm.dir, 'job-%j.out'),
  };
  const yard = await startYard(slurm.env, {
    settings: { executor: 'slurm', ...settings, slurm: { ...usual, ...settings.slurm } },
  });
  const { client } = yard;
  return {
    ...yard,
    slurm,
    async submit(script, more = {}) {
      const config = { command: ['sh', '-c', script], cwd: yard.home, ...more };
      return (await client.submit(config, { env: submitted })).run_id;
    },
    async ended(run) {
      await client.wait(run);
      return client.get(run);
    },
    running: (run) =>
      until(async () => {
        const summary = await client.get(run);
        if (summary.finished_at !== '') throw new Error(`run ${run} ended: ${summary.why}`);
        return summary.state === 'running.live' ? summary : null;
      }, `run ${run} to run`),
    async lines(run) {
      const found: string[] = [];
      for await (const chunk of client.logs(run))
        for (const { text } of chunk.lines) found.push(text);
      return found;
    },
    async [Symbol.asyncDispose]() {
      try {
        await yard[Symbol.asyncDispose]();
      } finally {
        await slurm.close();
      }
    },
  };
}

/** `17`, or `17_3`: the job of its attempt. */
export function jobOf({ gpu_slots: [slot = ''] }: RunSummary): string {
  return /^slurm:([\d_]+)@/.exec(slot)?.[1] ?? '';
}

/** What its trainers wrote down of their starts, one word for each. */
export function starts(file: string): string[] {
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
