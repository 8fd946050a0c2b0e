/** What the tools of GPU vendors say, and what is made of it when they say nothing sensible. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createInventory, foreignOn, type Gpu, type Inventory } from '../../src/inventory/index.ts';
import { parseNvidia } from '../../src/inventory/nvidia.ts';
import { parseRocm } from '../../src/inventory/rocm.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import { removeTree } from '../remove-tree.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/gpus');
const read = (name: string): string => fs.readFileSync(path.join(fixtures, name), 'utf8');
const [first, second] = [
  'GPU-1a2b3c4d-0000-1111-2222-333344445555',
  'GPU-9c8d7e6f-0000-1111-2222-333344445555',
];
const userOf = (pid: number): string => (pid === 71 ? 'eve' : 'root');
const policy = { policy: 'wait', leastMib: 1024 } as const;
const nobody = (): boolean => false;

/** A machine with an nvidia-smi that says what a test wants. */
function machine(
  t: { after(act: () => void): void },
  options: { remembered?: readonly Gpu[] } = {},
) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-gpus-'));
  const tool = path.join(dir, 'nvidia-smi');
  const remembered: (readonly Gpu[])[] = [];
  let changes = 0;
  const says = (script: string): void => {
    fs.writeFileSync(`${tool}.new`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    fs.renameSync(`${tool}.new`, tool);
  };
  const inventory = createInventory({
    wanted: 'auto',
    // Where nothing else is: neither another nvidia-smi nor a rocm-smi.
    env: { PATH: dir, FIXTURES: fixtures },
    clock: systemClock(),
    log: createLogger('test', { level: 'silent' }),
    remembered: options.remembered ?? [],
    remember: (gpus) => remembered.push(gpus),
    changed: () => {
      changes += 1;
    },
    deadlineMs: 2000,
  });
  t.after(() => {
    inventory.close();
    removeTree(dir);
  });
  const file = (name: string): string => `/bin/cat "$FIXTURES/${name}"`;
  return { inventory, says, file, dir, remembered, changes: () => changes };
}
const troubles = ({ gpus }: { gpus: Inventory['gpus'] }): (string | null)[] =>
  gpus().map(({ trouble }) => trouble);

test('GPUs are known by UUID, with memory, use and processes', () => {
  const [one, two] = parseNvidia(read('nvidia-two.xml'), '');
  assert.ok(one && two);
  assert.deepEqual(
    [one.id, one.name, one.memoryMib, one.usedMib, one.utilization, one.trouble],
    [first, 'GeForce RTX 4090', 24_564, 230, 0, null],
  );
  assert.deepEqual(
    [two.id, two.bus, two.utilization, two.processes],
    [
      second,
      '00000000:02:00.0',
      97,
      [{ pid: 71, graphics: false, name: '/home/eve/miniconda3/bin/python', usedMib: 9216 }],
    ],
  );
});

test('a screen on GPU 0 and small programs are seen and ignored, others are named and waited for', () => {
  const [one, two] = parseNvidia(read('nvidia-two.xml'), '');
  assert.ok(one && two);
  assert.deepEqual(foreignOn(one, policy, nobody, userOf), {
    text: 'Xorg of root (pid 1201, 0.2 GiB), gnome-shell <hw> of root (pid 1300, 0 GiB) (ignored)',
    waitedFor: null,
  });
  const python = 'python of eve (pid 71, 9 GiB)';
  assert.deepEqual(foreignOn(two, policy, nobody, userOf), { text: python, waitedFor: python });
  assert.deepEqual(foreignOn(two, { ...policy, policy: 'ignore' }, nobody, userOf), {
    text: `${python} (ignored)`,
    waitedFor: null,
  });
  const ours = { text: null, waitedFor: null };
  assert.deepEqual(
    foreignOn(two, policy, (pid) => pid === 71, userOf),
    ours,
  );
});

test('what a program uses may be unknown: then all that is used of the GPU counts', () => {
  const [, two] = parseNvidia(read('nvidia-two.xml'), '');
  assert.ok(two);
  const unknown = two.processes.map((each) => ({ ...each, usedMib: null }));
  const about = { ...two, processes: unknown };
  assert.equal(foreignOn(about, policy, nobody, userOf).waitedFor, 'python of eve (pid 71)');
  assert.equal(foreignOn({ ...about, usedMib: 300 }, policy, nobody, userOf).waitedFor, null);
});

test('a sliced GPU is given out by its slices', () => {
  const gpus = parseNvidia(read('nvidia-mig.xml'), read('nvidia-mig.list'));
  assert.deepEqual(
    gpus.map(({ id, name, memoryMib, partOf, processes }) => [
      id,
      name,
      memoryMib,
      partOf !== null,
      processes.length,
    ]),
    [
      ['MIG-11111111-2222-3333-4444-555566667777', 'A100-SXM4-40GB 3g.20gb', 19_968, true, 1],
      ['MIG-99999999-2222-3333-4444-555566667777', 'A100-SXM4-40GB 2g.10gb', 9856, true, 0],
      [second, 'GeForce RTX 4090', 24_564, false, 0],
    ],
  );
});

test('a GPU that needs a reset is known, and in no state to be used', () => {
  const gpus = parseNvidia(read('nvidia-sick.xml'), '');
  assert.deepEqual(
    gpus.map(({ trouble }) => trouble),
    ['to be reset first', null],
  );
});

test('AMD GPUs are known by their unique id', () => {
  const [gpu] = parseRocm(read('rocm.txt'));
  assert.deepEqual(
    [gpu?.id, gpu?.name, gpu?.memoryMib, gpu?.usedMib, gpu?.utilization],
    ['GPU-5c88007d5a2c8b11', 'Radeon RX 7900 XTX', 24_560, 26, 3],
  );
});

test('garbage is refused as a whole, whatever is cut or changed in it', () => {
  const whole = read('nvidia-two.xml');
  fc.assert(
    fc.property(fc.nat(whole.length - 20), fc.string(), (at, junk) => {
      const half = `${whole.slice(0, at)}${junk}`;
      assert.throws(() => parseNvidia(half, ''));
    }),
    { numRuns: 200 },
  );
  for (const text of ['', 'hello', '<html></html>', '{"card0": {}}'])
    assert.throws(() => parseNvidia(text, ''), text);
  for (const text of ['', 'hello', '[1]', '{"card0": {}}'])
    assert.throws(() => parseRocm(text), text);
});

test('after an upgrade of the driver known GPUs stay known, are out of service, and come back', async (t) => {
  const { inventory, says, file, remembered } = machine(t);
  says(file('nvidia-two.xml'));
  await inventory.refresh();
  assert.deepEqual(troubles(inventory), [null, null]);
  assert.deepEqual(
    remembered.at(-1)?.map(({ id }) => id),
    [first, second],
  );
  says(`${file('nvidia-mismatch.txt')}; exit 18`);
  await inventory.refresh();
  assert.deepEqual(troubles(inventory), Array(2).fill('not heard of: its driver fails'));
  assert.match(
    inventory.troubles().join(),
    /^nvidia-smi fails: Failed to initialize NVML: Driver\//,
  );
  says(file('nvidia-two.xml'));
  await inventory.refresh();
  assert.deepEqual([troubles(inventory), inventory.troubles()], [[null, null], []]);
});

test('a daemon that starts while the driver fails still knows its GPUs', async (t) => {
  const before = parseNvidia(read('nvidia-two.xml'), '');
  const { inventory, says, file } = machine(t, { remembered: before });
  assert.deepEqual(troubles(inventory), Array(2).fill('not heard of yet'));
  says(`${file('nvidia-mismatch.txt')}; exit 18`);
  await inventory.refresh();
  assert.deepEqual(
    inventory.gpus().map(({ id, trouble }) => [id, trouble]),
    [first, second].map((id) => [id, 'not heard of: its driver fails']),
  );
  // One that was taken out while no daemon was there is forgotten.
  says(file('nvidia-second-alone.xml'));
  await inventory.refresh();
  assert.deepEqual(
    inventory.gpus().map(({ id }) => id),
    [second],
  );
});

test('a GPU that fell off the bus is lost, and the others go on', async (t) => {
  const { inventory, says, file } = machine(t);
  says(file('nvidia-two.xml'));
  await inventory.refresh();
  says(`case "$*" in
    *${second}*) ${file('nvidia-second-alone.xml')} ;;
    *) ${file('nvidia-off-the-bus.txt')}; exit 15 ;;
  esac`);
  await inventory.refresh();
  assert.deepEqual(troubles(inventory), ['lost: it is off the bus (0000:01:00.0)', null]);
  assert.equal(inventory.gpus()[1]?.processes.length, 1);
  // Other drivers just do not list it any more.
  says(file('nvidia-second-alone.xml'));
  await inventory.refresh();
  assert.deepEqual(
    inventory.gpus().map(({ id, trouble }) => [id, trouble]),
    [
      [second, null],
      [first, 'lost: it is not listed any more'],
    ],
  );
});

test('without a tool, or with one that finds nothing, there are no GPUs, and nothing is wrong', async (t) => {
  const { inventory, says, file } = machine(t);
  await inventory.refresh();
  assert.deepEqual([inventory.gpus(), inventory.troubles()], [[], []]);
  says(`${file('nvidia-none.txt')}; exit 6`);
  await inventory.refresh();
  assert.deepEqual([inventory.gpus(), inventory.troubles()], [[], []]);
});

test('a tool that hangs is a state: nobody waits for it, no second one is started, and it may come back', async (t) => {
  const { inventory, says, file, dir, changes } = machine(t);
  says(file('nvidia-two.xml'));
  await inventory.refresh();
  // It reads from a pipe that nobody writes to, in a shell that notes each start.
  says(`echo $$ >> ${dir}/starts; trap '' TERM; exec 3<>${dir}/fifo; read line <&3`);
  const { execa } = await import('execa');
  await execa('mkfifo', [`${dir}/fifo`]);
  const before = changes();
  await inventory.refresh();
  assert.match(inventory.troubles().join(), /^nvidia-smi does not answer since/);
  assert.deepEqual(troubles(inventory), Array(2).fill('not heard of: its driver fails'));
  assert.ok(changes() > before);
  const starts = fs.readFileSync(`${dir}/starts`, 'utf8').trim().split('\n');
  assert.equal(starts.length, 1);
  says(file('nvidia-two.xml'));
  // SIGKILL ended it: as soon as that was seen, it is asked again.
  while (inventory.troubles().length > 0) {
    await inventory.refresh();
    await new Promise(setImmediate);
  }
  assert.deepEqual(troubles(inventory), [null, null]);
});

test('GPUs that are not there can be made up, with memory or without', async (t) => {
  const make = (wanted: string): readonly Gpu[] => {
    const inventory = createInventory({
      wanted,
      env: {},
      clock: systemClock(),
      log: createLogger('test', { level: 'silent' }),
      remembered: parseNvidia(read('nvidia-two.xml'), ''),
      remember: () => assert.fail('nothing is asked'),
      changed: () => assert.fail('nothing is asked'),
    });
    t.after(() => inventory.close());
    return inventory.gpus();
  };
  assert.deepEqual(
    make('fake:4x24GiB').map(({ id, memoryMib }) => [id, memoryMib]),
    [0, 1, 2, 3].map((n) => [`fake-${n}`, 24 * 1024]),
  );
  assert.deepEqual(
    make('fake:1').map(({ memoryMib }) => memoryMib),
    [0],
  );
  assert.deepEqual(make('none'), []);
});
