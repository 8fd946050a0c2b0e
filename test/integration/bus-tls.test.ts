/** An existing bus behind TLS: the servers are known by bus_ca, and we are by bus_cert. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { startLabServer } from '../fixtures/nats-server.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const hasOpenssl = (await execa('openssl', ['version'], { reject: false })).exitCode === 0;
const skip = hasOpenssl ? false : 'needs openssl, for certificates';

/** An authority, a server's certificate for 127.0.0.1, a client's. */
async function certificates() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'rytls-'));
  const at = (name: string): string => path.join(dir, name);
  const openssl = (...args: string[]) => execa('openssl', args, { cwd: dir });
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ];
  await openssl(
    'req',
    '-x509',
    ...made,
    '-subj',
    '/CN=authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  for (const name of ['server', 'client']) {
    const san = ['-addext', 'subjectAltName=DNS:localhost'];
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key'];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    await openssl('req', '-x509', ...made, '-subj', `/CN=${name}`, ...san, ...signed, ...files);
  }
  return {
    at,
    config: (verify: boolean) =>
      `tls { cert_file: "${at('server.pem')}", key_file: "${at('server.key')}", ca_file: "${at('ca.pem')}", verify: ${verify} }`,
    [Symbol.dispose]: () => removeTree(dir),
  };
}

async function reasonOf(yard: Yard, wanted: RegExp): Promise<void> {
  await until(async () => {
    const { reasons } = await yard.client.health();
    return reasons.some(({ text }) => wanted.test(text));
  }, String(wanted));
}

test('daemon and workers reach a server that wants certificates, and nobody does without', {
  skip,
}, async () => {
  using certs = await certificates();
  await using lab = await startLabServer(certs.config(true));
  const url = { RUNYARD_NATS_URL: `tls://localhost:${lab.port}` };
  const settings = {
    bus_ca: certs.at('ca.pem'),
    bus_cert: certs.at('client.pem'),
    bus_key: certs.at('client.key'),
  };
  {
    await using yard = await startYard(url, { settings });
    const command = [
      'sh',
      '-c',
      'for i in 1 2 3; do echo "global_step=$i, episodic_return=[$i.]"; done',
    ];
    const { run_id: run } = await yard.client.submit(
      { command, cwd: yard.home },
      { env: { PATH: process.env.PATH ?? '' } },
    );
    await yard.client.wait(run);
    await until(async () => {
      let seen = 0;
      for await (const { last_seq } of yard.client.metrics(run)) seen = last_seq;
      return seen === 3;
    }, 'the points of the worker');
    await until(async () => {
      const { bus_connected: connected, outbox_depth: depth } = await yard.client.health();
      return connected && depth === 0;
    }, 'the outbox to be relayed');
  }
  {
    // The server is known, and does not know us.
    await using yard = await startYard(url, { settings: { bus_ca: settings.bus_ca } });
    await reasonOf(yard, /does not work/);
    assert.equal((await yard.client.health()).bus_connected, false);
  }
});

test('a server that nobody vouches for is refused; a certificate without its key is told plainly', {
  skip,
}, async () => {
  using certs = await certificates();
  using others = await certificates();
  await using lab = await startLabServer(certs.config(false));
  const url = { RUNYARD_NATS_URL: `nats://localhost:${lab.port}` };
  {
    await using yard = await startYard(url, { settings: { bus_ca: others.at('ca.pem') } });
    await reasonOf(yard, /certificate/);
    assert.equal((await yard.client.health()).bus_connected, false);
  }
  await using yard = await startYard(url, { settings: { bus_cert: certs.at('client.pem') } });
  await reasonOf(yard, /bus_cert is set and bus_key is not/);
});
