/** The drill of a collector that is away for a while, with a daemon killed meanwhile: Jaeger has the whole story. */
import fs from 'node:fs';
import path from 'node:path';
import type { RunEvent } from '../../../src/contracts/index.ts';
import { until } from '../../integration/yard.ts';
import type { Drill } from '../drill.ts';
import { buildJaeger, createJaeger, type Jaeger } from '../jaeger.ts';
import type { Scene } from '../scene.ts';
import { summaryOf, wrongIn } from '../whole-trace.ts';

/** Ends when it is told to, each attempt by a file of its own; only the second one well. */
const twice = `while [ ! -e "$0.$RUNYARD_ATTEMPT" ]; do sleep 0.05; done
test "$RUNYARD_ATTEMPT" = 2`;
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const patienceMs = 180_000;
const say = (line: string): void => console.log(`  ${line}`);

export const traces: Drill = {
  name: 'traces',
  page: 'traces-stuck',
  provoked:
    'Jaeger is stopped in the middle of a run, and the daemon killed in its first attempt and in its second',
  lacks: () => buildJaeger(say),
  async begin(defer) {
    const dir = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'ryd-jaeger-'));
    defer(() => fs.rmSync(dir, { recursive: true }));
    const jaeger = await createJaeger(dir);
    await jaeger.start();
    defer(() => jaeger.stop());
    return {
      options: { settings: { otlp_endpoint: jaeger.endpoint } },
      async play({ scene, ledger, provoke, told, repair, healed }) {
        const { client } = scene;
        await ledger.start('goes-on', 0);
        const ends = await ledger.start('ends', 3);
        const file = path.join(scene.dir, 'twice');
        const { run_id: run } = await client.submit(
          { command: ['sh', '-c', twice, file], cwd: scene.dir, retry: { max: 1, backoff_s: 0 } },
          { env },
        );
        const isLive = async (attempt: number): Promise<boolean> => {
          const seen = await client.get(run);
          return seen.attempt === attempt && seen.state === 'running.live';
        };
        const live = (attempt: number) =>
          until(() => isLive(attempt), `attempt ${attempt}`, patienceMs);
        const crash = async (): Promise<void> => {
          process.kill(scene.daemonPid(), 'SIGKILL');
          const { code, output } = await scene.shell('runyard up');
          if (code !== 0) throw new Error(output);
        };
        await live(1);
        const id = (await client.get(run)).trace_id;
        const hasSpans = async () => (await jaeger.trace(id)) !== null;
        await until(hasSpans, 'the first spans', patienceMs);
        await crash();
        await provoke(async () => {
          await jaeger.stop();
          fs.writeFileSync(`${file}.1`, '');
        });
        await told();
        await live(2);
        await crash();
        ends.end();
        const over = async () => (await client.get(ends.run)).finished_at !== '';
        await until(over, 'a run to end without a collector', patienceMs);
        await repair({}, [() => jaeger.start()]);
        fs.writeFileSync(`${file}.2`, '');
        await healed();
        const { run_id: again } = await client.retry(ends.run, { env });
        for (const each of [run, ends.run, again]) await check(scene, jaeger, each);
      },
    };
  },
};

/** That its trace is whole, as soon as its last span is there. */
async function check({ client }: Scene, jaeger: Jaeger, run: string): Promise<void> {
  const over = async () => (await client.get(run)).finished_at !== '';
  await until(over, `${run} to be over`, patienceMs);
  const { trace_id: traceId, attempt: attempts, retry_of: of } = await client.get(run);
  const whole = async () => {
    const trace = await jaeger.trace(traceId);
    return trace?.spans.some(({ operationName: name }) => name === 'run') ? trace : null;
  };
  const trace = await until(whole, `the whole trace of ${run}`, patienceMs);
  const events: RunEvent[] = [];
  for await (const event of client.events(run, { untilDone: true })) events.push(event);
  const retryOf = of === '' ? '' : (await client.get(of)).trace_id;
  const wrong = wrongIn(trace, { traceId, events, attempts, retryOf });
  say(
    `${summaryOf(trace)}; the registry has ${events.length} transitions, in ${attempts} attempts`,
  );
  if (wrong.length > 0) throw new Error(`the trace of ${run}: ${wrong.join('; ')}`);
}
