/** Which processes are an attempt's: never those that only have a number in common with it. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { createTree, markedProcesses, markerName } from '../../src/processes/index.ts';
import { bootId, type Identity, identityOf, processStat } from '../../src/rundir/index.ts';
import { eventually } from '../fixtures/trainers/recording.ts';

/** Of this test alone: another run of it at the same time has its own. */
const marker = `/nowhere/${crypto.randomUUID()}/runs/aaaaaaaa/attempts/1`;

/** A session of two: its leader, and a member of its group that may outlive it. */
async function session(t: TestContext, env: Record<string, string> = {}) {
  const leader = execa('sh', ['-c', 'sleep 600 & echo $!; read x'], {
    detached: true,
    reject: false,
    stdin: 'pipe',
    env,
  });
  t.after(() => leader.kill('SIGKILL'));
  const line: string = await new Promise((resolve) =>
    leader.stdout.once('data', (data) => resolve(String(data))),
  );
  const member = Number(line);
  t.after(() => isThere(member) && process.kill(member, 'SIGKILL'));
  const identity = identityOf(leader.pid ?? 0) ?? assert.fail('no leader');
  return {
    identity,
    member,
    async behead() {
      leader.kill('SIGKILL');
      await eventually('the leader to be gone', () => processStat(identity.pid) === null);
    },
  };
}

const isThere = (pid: number): boolean => processStat(pid)?.dead === false;

function treeOf(trainer: Identity, endedMs: number | null = null) {
  return createTree({ trainer, marker, cgroup: null, endedMs: () => endedMs });
}

/** As if the number had belonged to a trainer of long ago. */
const reused = (identity: Identity): Identity => ({ ...identity, start_time: '1' });

test('a session whose number an earlier trainer had is left alone', async (t) => {
  const { identity, member, behead } = await session(t);
  const tree = treeOf(reused(identity));
  assert.equal(tree.killAll(), 0);
  assert.equal(tree.signal('SIGKILL'), false);
  assert.ok(isThere(member));
  await behead();
  assert.equal(treeOf(reused(identity), Date.now() - 3_600_000).killAll(), 0);
  assert.equal(tree.signal('SIGKILL'), false);
  assert.ok(isThere(member));
});

test('another boot’s processes are nobody’s', async (t) => {
  const { identity, member } = await session(t);
  assert.equal(treeOf({ ...identity, boot_id: 'another' }).killAll(), 0);
  assert.ok(isThere(member));
  assert.notEqual(bootId(), 'another');
});

test('what a trainer leaves in its session ends, by the marker or because it began before its end', async (t) => {
  const marked = await session(t, { [markerName]: marker });
  await marked.behead();
  treeOf(marked.identity).killAll();
  await eventually('the member to end', () => !isThere(marked.member));

  const scrubbed = await session(t);
  await scrubbed.behead();
  treeOf(scrubbed.identity, Date.now()).killAll();
  await eventually('the member to end', () => !isThere(scrubbed.member));
});

test('a marked process is found at every moment of its many execs', async (t) => {
  const script = `n=$1; [ "$n" -gt 0 ] || exec sleep 600; exec sh "$0" $((n - 1))`;
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-exec-')), 'exec.sh');
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  fs.writeFileSync(file, script);
  const child = execa('sh', [file, '300'], { reject: false, env: { [markerName]: marker } });
  t.after(() => child.kill('SIGKILL'));
  const { pid = 0 } = child;
  for (let looks = 0; !/sleep/.test(commandOf(pid)) || looks < 300; looks += 1) {
    const found = markedProcesses().filter((each) => each.runDir === marker);
    assert.deepEqual(
      found.map((each) => each.pid),
      [pid],
    );
  }
});

function commandOf(pid: number): string {
  return fs.readFileSync(`/proc/${pid}/comm`, 'latin1');
}

test('a shell that was stopped while it starts a program counts as stopped', async (t) => {
  const leader = execa('sh', ['-c', 'while :; do /bin/true; done'], {
    detached: true,
    reject: false,
    stdin: 'ignore',
  });
  const { pid = 0 } = leader;
  t.after(() => process.kill(-pid, 'SIGKILL'));
  const tree = treeOf(identityOf(pid) ?? assert.fail('no shell'));
  // Now and then it is caught between vfork and exec: both of them stand still, and one cannot say so.
  for (let n = 0; n < 200; n += 1) {
    await eventually('all of it to be stopped', () => tree.pauseAll());
    tree.resumeAll();
    await eventually('it to go on', () => processStat(pid)?.stopped !== true);
  }
});
