import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { errorCodes, grpcStatus } from '../../src/errors.ts';

const page = path.join(import.meta.dirname, '../../docs/errors.md');

type Row = {
  code: string;
  grpc: string;
  retry: string;
  who: string;
  happened: string;
  out: string;
};

function documented(): Row[] {
  return fs
    .readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const cells = line.slice(1, -1).split('|');
      const [code = '', grpc = '', retry = '', who = '', happened = '', out = ''] = cells.map(
        (cell) => cell.trim(),
      );
      return { code: code.replaceAll('`', ''), grpc, retry, who, happened, out };
    });
}

test('docs/errors.md lists each error code once, and no other', () => {
  const codes = documented().map(({ code }) => code);
  assert.deepEqual(codes.toSorted(), Object.keys(errorCodes).toSorted());
});

test('docs/errors.md says of each code what src/errors.ts says, and the way out', () => {
  for (const { code, grpc, retry, who, happened, out } of documented()) {
    const entry = Object.entries(errorCodes).find(([name]) => name === code)?.[1];
    assert.ok(entry, code);
    const said = { grpc, retryable: retry === 'yes', who };
    assert.deepEqual(said, { ...entry }, code);
    assert.ok(happened !== '' && out !== '', `${code} has a cause and a way out`);
  }
});

test('gRPC statuses have the names and numbers of gRPC', () => {
  for (const [name, number] of Object.entries(grpcStatus)) {
    assert.equal(status[name as keyof typeof status], number, name);
  }
});
