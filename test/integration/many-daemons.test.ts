/** F1: many daemons started at once on one home. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { connect } from '../../src/client/index.ts';
import { isAlive, processStat } from '../../src/rundir/index.ts';
import { removeTree } from '../remove-tree.ts';
import { until } from './yard.ts';

const rounds = 20;
const daemonsAtOnce = 10;
const deadlineMs = 120_000;
const script = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');

test('F1: of ten daemons started at once one survives, and the others name it; twenty times', {
  timeout: 900_000,
}, async (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-many-'));
  t.after(() => removeTree(home));
  fs.mkdirSync(path.join(home, 'runyard'));
  fs.writeFileSync(path.join(home, 'runyard', 'config.yaml'), 'warm_workers: 0\n');
  for (let round = 1; round <= rounds; round += 1) {
    const started = Array.from({ length: daemonsAtOnce }, () => start(home));
    await until(
      () => started.filter(({ ended }) => ended() !== null).length >= daemonsAtOnce - 1,
      'all daemons but one to end',
      deadlineMs,
    );
    const losers = started.filter(({ ended }) => ended() !== null);
    const [winner] = started.filter(({ ended }) => ended() === null);
    assert.ok(winner !== undefined, `round ${round}: one survives`);
    const client = await until(() => connect({ home }).catch(() => null), 'a socket', deadlineMs);
    const health = await until(
      () => client.health().catch(() => null),
      'the survivor to serve',
      deadlineMs,
    );
    assert.equal(health.pid, winner.pid, `round ${round}: it is the survivor that serves`);
    for (const { ended } of losers) {
      const { exitCode, stderr } = ended() ?? assert.fail();
      assert.equal(exitCode, 1, stderr);
      // One that looked before the other could serve knows no port yet, but the socket.
      const named: string = `already for ${home}: pid ${winner.pid}, endpoint unix:${health.socket}`;
      assert.ok(stderr.includes(named), `${stderr} does not say: ${named}`);
    }
    // The last one goes as it should, with its bus; the others leave a lock and a socket behind.
    if (round === rounds) await client.shutdown();
    else process.kill(winner.pid, 'SIGKILL');
    client.close();
    await until(() => winner.ended() !== null, 'the survivor to be gone', deadlineMs);
  }
  const bus = JSON.parse(fs.readFileSync(path.join(home, 'bus/address.json'), 'utf8'));
  await until(() => !isAlive(bus.identity), 'the bus to end', deadlineMs);
});

type Ended = { exitCode: number | undefined; stderr: string };

function start(home: string): { pid: number; ended: () => Ended | null } {
  const child = execa(process.execPath, [script], {
    env: {
      RUNYARD_HOME: home,
      XDG_CONFIG_HOME: home,
      RUNYARD_YARD: 'test',
      RUNYARD_GPUS: 'none',
      RUNYARD_LOG: 'warn',
    },
    reject: false,
  });
  let ended: Ended | null = null;
  void child.then(({ exitCode, stderr }) => {
    ended = { exitCode, stderr };
  });
  const pid = child.pid ?? 0;
  assert.ok(processStat(pid) !== null);
  return { pid, ended: () => ended };
}
