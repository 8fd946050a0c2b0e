/** What doctor says of machines that are not this one, the headline, and what a scrubber takes out of text. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  killUserFinding,
  lingerFinding,
  type Machine,
  oomdFinding,
} from '../../src/cli/commands/doctor-system.ts';
import { createScrubber } from '../../src/cli/commands/scrub.ts';
import { headlineOf } from '../../src/contracts/index.ts';

/** A machine with these files. */
function machine(t: TestContext, files: Record<string, string>, user = 'ana'): Machine {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-machine-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
  }
  return { root, user, env: {} };
}

const systemd = { 'run/systemd/system/x': '' };

test('linger: what a user started ends with the last session, unless it is on', (t) => {
  assert.equal(lingerFinding(machine(t, {})).state, 'ok');
  const off = lingerFinding(machine(t, systemd));
  assert.deepEqual([off.state, off.hint], ['warn', 'loginctl enable-linger']);
  const on = { ...systemd, 'var/lib/systemd/linger/ana': '' };
  assert.equal(lingerFinding(machine(t, on)).state, 'ok');
  assert.equal(lingerFinding(machine(t, systemd, 'root')).state, 'ok');
});

test('KillUserProcesses: the last drop-in counts, a commented line does not, and some users are spared', (t) => {
  const at = (files: Record<string, string>, user?: string) =>
    killUserFinding(machine(t, { ...systemd, ...files }, user));
  assert.equal(at({ 'etc/systemd/logind.conf': '[Login]\n#KillUserProcesses=yes\n' }).state, 'ok');
  const yes = at({ 'etc/systemd/logind.conf': '[Login]\nKillUserProcesses = yes\n' });
  assert.equal(yes.state, 'fail');
  assert.match(yes.text, /KillUserProcesses=yes \(\/etc\/systemd\/logind\.conf\)/);
  const over = {
    'etc/systemd/logind.conf': 'KillUserProcesses=no\n',
    'usr/lib/systemd/logind.conf.d/10-a.conf': 'KillUserProcesses=yes\n',
    'etc/systemd/logind.conf.d/10-a.conf': 'KillUserProcesses=no\n',
    'run/systemd/logind.conf.d/20-b.conf': 'KillUserProcesses=yes\n',
  };
  assert.match(at(over).text, /20-b\.conf/);
  assert.equal(at({ 'etc/systemd/logind.conf': 'KillUserProcesses=yes\n' }, 'root').state, 'ok');
  const spared = {
    'etc/systemd/logind.conf': 'KillUserProcesses=yes\nKillExcludeUsers=root ana\n',
  };
  assert.equal(at(spared).state, 'ok');
});

test('systemd-oomd: a warning where it runs, none for a service', (t) => {
  const proc = { 'proc/7/comm': 'systemd-oomd\n', 'proc/8/comm': 'sh\n' };
  assert.equal(oomdFinding(machine(t, { 'proc/8/comm': 'sh\n' })).state, 'ok');
  const there = machine(t, proc);
  assert.equal(oomdFinding(there).state, 'warn');
  assert.equal(oomdFinding({ ...there, env: { RUNYARD_SERVICE: '1' } }).state, 'ok');
});

test('the headline is made of the reasons', () => {
  const disk = {
    part: 'disk',
    severity: 'degraded',
    text: 'only 12 MiB are free below /h (97 % full); new runs are refused, live ones go on',
    hint: '',
    refuses_runs: true,
  } as const;
  const text = 'the bus does not work (x); runs go on, events wait';
  const bus = { ...disk, part: 'bus', text, refuses_runs: false };
  const line = (reasons: (typeof disk | typeof bus)[], live: number): string =>
    headlineOf({ status: reasons.length === 0 ? 'ok' : 'degraded', reasons, runs_live: live });
  assert.equal(line([], 3), 'ok');
  assert.equal(line([disk], 3), 'degraded: disk 97 % full, new runs refused, 3 runs unaffected');
  assert.equal(line([bus], 1), 'degraded: bus away, 1 run unaffected');
});

test('a scrubber takes out what is known and what looks like a secret, and leaves the rest', () => {
  const scrub = createScrubber(['pl"anted\nvalue']);
  const secrets = [
    'nats://bob:hunter22@host:4222',
    '"password": "hunter22"',
    'api_key=hunter22',
    'Authorization: Bearer hunter22',
    '--wandb-api-key hunter22',
    'https://x.org/hook?k=hunter22',
    `sk-${'hunter22'.repeat(3)}`,
    'eyJhbGciOiJIUzI1.eyJodW50ZXIyMiI6.hunter22',
  ];
  for (const text of secrets) assert.doesNotMatch(scrub(text), /hunter22/, text);
  assert.equal(scrub(JSON.stringify('a pl"anted\nvalue b')), '"a [removed] b"');
  const harmless =
    '{"level":30,"time":"2026-01-31T03:00:00.000Z","runId":"k3f9a2mx","msg":"run started"}';
  assert.equal(scrub(harmless), harmless);
});
