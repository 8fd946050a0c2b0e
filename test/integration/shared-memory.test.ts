/** Shared memory that a killed run leaves behind is removed; a neighbour's is not. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { fixture } from '../fixtures/trainers/recording.ts';
import { startYard, until, type Yard } from './yard.ts';

const place = '/dev/shm';
const script = fixture('shared.py');
const there = (name: string): boolean => fs.existsSync(path.join(place, name));

/** A process of somebody else's: the segment that it made and holds. */
async function neighbour(t: TestContext, own: string) {
  const child = execa('python3', ['-I', '-S', script, own], { reject: false });
  const name: string = await new Promise((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data).trim())),
  );
  t.after(async () => {
    child.kill('SIGKILL');
    await child;
    fs.rmSync(path.join(place, name), { force: true });
  });
  return name;
}

async function firstLine(yard: Yard, run: string): Promise<string> {
  return until(async () => {
    for await (const chunk of yard.client.logs(run)) if (chunk.lines[0]) return chunk.lines[0].text;
    return null;
  }, 'the trainer to say what it made');
}

for (const cgroup of ['auto', 'none']) {
  test(`with control groups ${cgroup}, a killed run’s segments go, and only they`, async (t) => {
    if (!fs.existsSync(place)) {
      t.skip('no /dev/shm here');
      return;
    }
    await using yard = await startYard({ RUNYARD_CGROUP: cgroup });
    const own = path.join(place, `${path.basename(yard.home)}.data`);
    const other = path.join(place, `${path.basename(yard.home)}.other`);
    t.after(() => {
      for (const file of [own, other]) fs.rmSync(file, { force: true });
    });
    const held = await neighbour(t, other);
    const command = ['python3', '-I', '-S', script, own, held];
    const { run_id: run } = await yard.client.submit(
      { command, cwd: yard.home },
      { env: { PATH: process.env.PATH ?? '' } },
    );
    const made = await firstLine(yard, run);
    assert.match(made, /^psm_/);
    assert.ok(there(made));
    await yard.client.stop(run, { now: true });
    await yard.client.wait(run);
    assert.ok(!there(made), 'its own segment stayed');
    assert.ok(there(held), 'a neighbour’s segment went');
    assert.ok(fs.existsSync(own), 'a file of a name of its own is data, and went');
  });
}
