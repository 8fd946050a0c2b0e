import assert from 'node:assert/strict';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

const module = path.resolve(import.meta.dirname, '../../src/worker/until.ts');

/** Waits for something in a process that cannot open anything any more. */
const waiting = `
  import fs from 'node:fs';
  import { until } from ${JSON.stringify(module)};
  try {
    for (;;) fs.openSync('/dev/null');
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  let looks = 0;
  const look = () => (++looks === 5 ? 'seen' : null);
  const seen = await until(process.argv[1], AbortSignal.timeout(60_000), look);
  process.exit(seen === 'seen' ? 7 : 1);
`;

test('where no directory can be watched, one is looked at from time to time', async () => {
  const limited = 'ulimit -n 64; exec "$0" --input-type=module -e "$1" "$2"';
  const { exitCode, stderr } = await execa(
    'sh',
    ['-c', limited, process.execPath, waiting, os.tmpdir()],
    { reject: false },
  );
  assert.equal(exitCode, 7, stderr);
});
