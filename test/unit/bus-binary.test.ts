import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RunyardError } from '../../src/errors.ts';
import { findNatsServer } from '../../src/transport/nats/index.ts';

function fakeServer(dir: string, version: string): string {
  fs.mkdirSync(dir, { recursive: true });
  const file = path.join(dir, 'nats-server');
  fs.writeFileSync(file, `#!/bin/sh\necho "nats-server: v${version}"\n`, { mode: 0o755 });
  return file;
}

function withDirs(body: (root: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-find-'));
    try {
      await body(root);
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  };
}

const find = (root: string, env: NodeJS.ProcessEnv) =>
  findNatsServer({
    home: path.join(root, 'home'),
    checkout: path.join(root, 'checkout'),
    env,
    progress: () => undefined,
    build: false,
  });

test(
  'a server that is too old is passed over for a newer one',
  withDirs(async (root) => {
    fakeServer(path.join(root, 'old'), '2.9.10');
    const good = fakeServer(path.join(root, 'checkout/.cache/bin'), '2.12.0');
    assert.equal(await find(root, { PATH: path.join(root, 'old') }), good);
  }),
);

test(
  'the one that the user names comes first, and nothing replaces it',
  withDirs(async (root) => {
    const named = fakeServer(path.join(root, 'named'), '2.15.2');
    fakeServer(path.join(root, 'path'), '2.14.0');
    const env = { PATH: path.join(root, 'path'), RUNYARD_NATS_SERVER: named };
    assert.equal(await find(root, env), named);
    await assert.rejects(find(root, { ...env, RUNYARD_NATS_SERVER: '/nowhere' }), RunyardError);
  }),
);

test(
  'without any the error names every way to get one',
  withDirs(async (root) => {
    await assert.rejects(find(root, { PATH: '' }), (error: RunyardError) => {
      assert.equal(error.code, 'bus_missing');
      for (const way of ['PATH', 'RUNYARD_NATS_SERVER', 'go install', 'pip', 'RUNYARD_NATS_URL']) {
        assert.ok(error.message.includes(way), way);
      }
      return true;
    });
  }),
);
