import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClaim, readDrained } from '../../src/rundir/index.ts';
import { stored } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const mib = 2 ** 20;

type Lines = {
  lines: { seq: number }[];
  gaps: { bytes: number }[];
  skipped: { first_seq: number; last_seq: number }[];
};

/** As fast as it can, so many bytes in lines of so many characters; once the file `go` is there, if one is named. */
const flood = (bytes: number, width: number, go = '/dev/null'): string[] => [
  'sh',
  '-c',
  'until [ -e "$2" ]; do sleep 0.05; done; yes "$0" | head -c "$1"',
  'x'.repeat(width - 1),
  String(bytes),
  go,
];

async function submit(yard: Yard, command: string[], more: object = {}): Promise<string> {
  return (await yard.client.submit({ command, cwd: '/', ...more }, { env })).run_id;
}

function dirOf(yard: Yard, run: string): string {
  return path.dirname(yard.attemptFile(run, 'claim'));
}

function pssMib(pid: number): number {
  try {
    const rollup = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Runs a flood to its end; the most memory that daemon, worker and recorder had together meanwhile. */
async function peakOf(yard: Yard, bytes: number): Promise<{ run: string; peakMib: number }> {
  const go = path.join(yard.home, `go.${bytes}`);
  const run = await submit(yard, flood(bytes, 120, go), { output_limit_mib: 16 });
  const claim = await until(() => readClaim(dirOf(yard, run)), 'the recorder');
  const worker = JSON.parse(fs.readFileSync(yard.attemptFile(run, 'worker.json'), 'utf8'));
  fs.writeFileSync(go, '');
  const ours = [yard.daemonPid(), worker.identity.pid, claim.pid];
  let peakMib = 0;
  let over = false;
  const done = yard.client.wait(run).finally(() => {
    over = true;
  });
  while (!over) {
    peakMib = Math.max(
      peakMib,
      ours.map(pssMib).reduce((a, b) => a + b),
    );
    await sleep(20);
  }
  const { status, exit_code: code } = await done;
  assert.deepEqual([status, code], ['completed', 0]);
  return { run, peakMib };
}

/** Lines of a run on the bus, and every line that is told to be left out: together all of them, once. */
async function seqsOnBus(yard: Yard, run: string): Promise<{ told: number[]; lines: number }> {
  const told: number[] = [];
  let lines = 0;
  for (const batch of await stored<Lines>(yard, 'LOGS', run)) {
    const seqs = batch.lines.map(({ seq }) => seq);
    lines += seqs.length;
    for (const { first_seq: first, last_seq: last } of batch.skipped)
      for (let seq = first; seq <= last; seq += 1) seqs.push(seq);
    told.push(...seqs.sort((a, b) => a - b));
  }
  return { told, lines };
}

test('F3: at 10 MB/s a trainer completes, every line is kept or told, nothing of others is lost', async () => {
  await using yard = await startYard({}, { settings: { bus_limit_mib: 32 } });
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  const quiet = await submit(yard, ['sh', '-c', 'for i in 1 2 3 4 5; do echo $i; done']);
  await yard.client.wait(quiet);
  const lines = 4000;
  const script = `import sys, time
for i in range(${lines}):
    sys.stdout.write("y" * 12499 + "\\n")
    if i % 80 == 79:
        sys.stdout.flush(); time.sleep(0.1)`;
  const loud = await submit(yard, ['python3', '-c', script]);
  const done = await yard.client.wait(loud);
  assert.equal(done.status, 'completed');
  assert.deepEqual(readDrained(dirOf(yard, loud))?.stdout, { bytes: lines * 12_500, dropped: 0 });
  let read = 0;
  for await (const chunk of yard.client.logs(loud)) read += chunk.lines.length;
  assert.equal(read, lines);
  const all = await until(async () => {
    const found = await seqsOnBus(yard, loud);
    return found.told.length >= lines ? found : null;
  }, 'all lines to be on the bus or told');
  assert.deepEqual(
    all.told,
    Array.from({ length: lines }, (_, index) => index + 1),
  );
  assert.ok(all.lines > 0 && all.lines < lines / 4, `${all.lines} lines passed on`);
  assert.equal((await seqsOnBus(yard, quiet)).lines, 5);
});

test('F3: 1 GB unthrottled completes, drops are counted and told, our memory is that of 100 MB', async (t) => {
  await using yard = await startYard();
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  await peakOf(yard, 20 * mib);
  const small = await peakOf(yard, 100 * mib);
  const large = await peakOf(yard, 1000 * mib);
  t.diagnostic(`peak PSS ${small.peakMib.toFixed(1)} and ${large.peakMib.toFixed(1)} MiB`);
  assert.ok(
    // What a garbage collector leaves for later on a busy machine; a tenth of the flood would be 90 MiB more.
    large.peakMib <= 1.2 * small.peakMib,
    `${large.peakMib} MiB during 1 GB, ${small.peakMib} MiB during 100 MB`,
  );
  const stdout = readDrained(dirOf(yard, large.run))?.stdout;
  assert.equal(stdout?.bytes, 1000 * mib);
  const kept = stdout.bytes - stdout.dropped;
  assert.ok(kept > 8 * mib && kept <= 16 * mib, `${kept} bytes kept`);
  let told = 0;
  let shown = 0;
  for await (const { lines, gaps } of yard.client.logs(large.run)) {
    told += gaps.reduce((sum, { bytes }) => sum + bytes, 0);
    shown += lines.length;
  }
  assert.equal(told, stdout.dropped);
  assert.ok(shown >= Math.floor(kept / 120) - 2, `${shown} lines shown`);
});
