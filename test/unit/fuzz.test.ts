import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { removeTree } from '../remove-tree.ts';
import { fuzzOnce, parsers } from './fuzz.ts';

const inputs = 60;

for (const parser of parsers) {
  test(`${parser}: damaged input ends in no error and no standstill, however it grows`, () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-fuzz-'));
    try {
      for (let seed = 1; seed <= inputs; seed += 1) fuzzOnce(parser, seed, dir);
    } finally {
      removeTree(dir);
    }
  });
}
