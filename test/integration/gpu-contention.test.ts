/**
 * F8: more launches than GPUs, and a daemon that dies again and again. That no GPU is held twice is seen from
 * outside: each trainer makes a file for each of its GPUs that must not be there, and removes it at its end.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startYard, until } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runs = 200;
const gpus = 4;
const kills = 5;

/** With `set -C` a file is only made where there is none. It says which GPUs it had. */
const trainer = `set -C
for gpu in $(echo $CUDA_VISIBLE_DEVICES | tr , ' '); do
  : > "$1/held/$gpu" || { echo "$RUNYARD_RUN_ID found $gpu held" >> "$1/twice"; exit 9; }
  echo "$gpu" >> "$1/used"
done
sleep 0.0$2
for gpu in $(echo $CUDA_VISIBLE_DEVICES | tr , ' '); do rm "$1/held/$gpu"; done
`;

test('200 runs on 4 GPUs with kills of the daemon in between: each GPU is held once at every instant', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: `fake:${gpus}` });
  const dir = path.join(yard.home, 'gpus');
  fs.mkdirSync(path.join(dir, 'held'), { recursive: true });
  const script = path.join(dir, 'trainer');
  fs.writeFileSync(script, trainer);
  const ids: string[] = [];
  for (let n = 0; n < runs; n += 1) {
    const wanted = [1, 1, 2, 1, 3, 1, 1, 4][n % 8] ?? 1;
    const command = ['sh', script, dir, String(n % 10)];
    const config = { command, cwd: dir, gpus: wanted, priority: n % 3 };
    ids.push((await yard.client.submit(config, { env, key: `run-${n}` })).run_id);
  }
  const over = async (): Promise<number> => {
    let done = 0;
    for await (const run of yard.client.list({ all: true })) if (run.finished_at !== '') done += 1;
    return done;
  };
  for (let kill = 1; kill <= kills; kill += 1) {
    // As soon as some more have ended: somewhere among starts, ends and releases.
    const least = (runs * kill) / (kills + 2);
    await until(async () => (await over()) >= least, `${least} runs to be over`, 300_000);
    await yard.crash();
    await yard.up();
  }
  const ended = await Promise.all(ids.map((run) => yard.client.wait(run)));
  assert.ok(!fs.existsSync(path.join(dir, 'twice')), 'a GPU was held twice');
  assert.deepEqual(
    ended.filter(({ status }) => status !== 'completed').map(({ run_id, why }) => [run_id, why]),
    [],
  );
  const used = fs.readFileSync(path.join(dir, 'used'), 'utf8').trim().split('\n');
  assert.equal(
    used.length,
    ended.reduce((sum, { gpu_slots }) => sum + gpu_slots.length, 0),
  );
  assert.equal(new Set(used).size, gpus, 'all GPUs were of use');
  assert.deepEqual(fs.readdirSync(path.join(dir, 'held')), []);
  await until(async () => (await yard.client.health()).gpus_free === gpus, 'all GPUs to be free');
});
