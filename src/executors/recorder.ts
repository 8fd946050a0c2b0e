/** Where our own programs lie. */
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../errors.ts';

/** The recorder: `RUNYARD_RECORDER`, else the one that set-up built, or that came with the package. Throws `recorder_missing`. */
export function findRecorder(options: { env: NodeJS.ProcessEnv; checkout: string }): string {
  const { env, checkout } = options;
  const candidates = [
    ...(env.RUNYARD_RECORDER === undefined ? [] : [env.RUNYARD_RECORDER]),
    path.join(checkout, '.cache', 'bin', 'recorder'),
    path.join(checkout, 'prebuilt', `${process.platform}-${process.arch}`, 'recorder'),
  ];
  const found = candidates.find((file) => fs.existsSync(file));
  if (found !== undefined) return found;
  throw new RunyardError(
    'recorder_missing',
    `the recorder was not found at ${candidates.join(' or ')}; build it: sh scripts/setup.sh`,
  );
}
