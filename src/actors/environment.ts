/** The environment that a trainer gets on top of the submitted one. */
import os from 'node:os';
import path from 'node:path';
import { decodeEnv } from '../rundir/index.ts';
import { gpuOfSlot } from '../slots.ts';
import { attemptSpanId, traceparentOf } from '../telemetry/index.ts';

/** Variables by which numeric libraries size their thread pools. */
const threadVariables = [
  'OMP_NUM_THREADS',
  'MKL_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'NUMEXPR_NUM_THREADS',
  'VECLIB_MAXIMUM_THREADS',
];
const gpuVariables = ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES'];

/** Set by us for the trainer; a submitted value would be somebody else's. */
export const envUnset: readonly string[] = [
  ...gpuVariables,
  'CUDA_DEVICE_ORDER',
  // Of our own tests: nothing that a trainer starts may die by it.
  'RUNYARD_FAILPOINTS',
];

export function envOf(data: Buffer | null): Readonly<Record<string, string | undefined>> {
  return data === null ? {} : decodeEnv(data);
}

/** PATH for a run that was submitted with no environment at all. */
export function defaultSearchPath(): string {
  return process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
}

/** Where the package lies of which `from runyard import log` needs nothing but Python. */
const helperDir = path.resolve(import.meta.dirname, '../../clients/python/src');

/**
 * The helper comes last on Python's path: whatever the user has there goes before it (decision 21). An
 * empty entry would be the working directory, so none is made.
 */
export function withHelper(
  configured: Readonly<Record<string, string>>,
  submitted: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const own = configured.PYTHONPATH ?? submitted.PYTHONPATH ?? '';
  return {
    ...configured,
    PYTHONPATH: own === '' ? helperDir : `${own}${path.delimiter}${helperDir}`,
  };
}

/** G6: slots are enforced by the masks; a run that holds none sees none. */
export function trainerEnv(input: {
  submitted: Readonly<Record<string, string | undefined>>;
  configured: Readonly<Record<string, string>>;
  slots: readonly string[];
  parallel: number;
  /** CPU slots that it asked for; left out: its share of the machine. */
  cpus?: number | undefined;
  traceId: string;
  runId: string;
  attempt: number;
}): Record<string, string> {
  const { submitted, configured, slots } = input;
  const env: Record<string, string> = { PYTHONUNBUFFERED: '1' };
  if (submitted.PATH === undefined) env.PATH = defaultSearchPath();
  if (submitted.HOME === undefined) env.HOME = os.homedir();
  const share = Math.max(
    1,
    Math.floor(os.availableParallelism() / input.parallel),
    input.cpus ?? 0,
  );
  for (const name of threadVariables) {
    if (submitted[name] === undefined) env[name] = String(share);
  }
  Object.assign(env, configured);
  const mask = slots.map(gpuOfSlot).join(',');
  for (const name of gpuVariables) env[name] = mask;
  env.CUDA_DEVICE_ORDER = 'PCI_BUS_ID';
  env.TRACEPARENT = traceparentOf(input.traceId, attemptSpanId(input, input.attempt));
  return env;
}
