/** From SubmitRun through one open connection to the trainer's first instruction, against a bare spawn. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { startYard, until } from '../test/integration/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const rounds = 200;
const warmUp = 20;

export async function submitToStart(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_PARALLEL: '8', RUNYARD_LOG: 'warn' });
  const program = await buildProbe(yard.home);
  const socket = path.join(yard.home, 'probe.sock');
  let heard: () => void = () => undefined;
  const server = net.createServer((connection) => {
    heard();
    connection.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const measure = async (start: () => Promise<unknown>): Promise<number> => {
    const first = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const from = performance.now();
    const started = start();
    await first;
    const took = performance.now() - from;
    await started;
    return took;
  };
  const bare: number[] = [];
  const ours: number[] = [];
  const command = [program, socket];
  for (let i = 0; i < rounds + warmUp; i += 1) {
    const plain = await measure(() => execa(program, [socket]));
    let run = '';
    const through = await measure(async () => {
      run = (await yard.client.submit({ command, cwd: yard.home })).run_id;
    });
    await yard.client.wait(run);
    await until(async () => (await yard.client.health()).runs_live === 0, 'the run to end');
    if (i < warmUp) continue;
    bare.push(plain);
    ours.push(through);
  }
  server.close();
  fs.rmSync(program, { force: true });
  const [p50, p99] = [percentile(ours, 0.5), percentile(ours, 0.99)];
  const baseline = percentile(bare, 0.5);
  return [
    {
      metric: 'submit_to_start_ms',
      unit: 'ms',
      n: rounds,
      p50,
      p99,
      baseline,
      ratio: round(p50 / baseline),
    },
  ];
}

/** A program whose first act is to connect to a socket. */
async function buildProbe(dir: string): Promise<string> {
  const source = path.join(dir, 'probe.go');
  const program = path.join(dir, 'probe');
  const text = 'package main\nimport ("net"; "os")\nfunc main() { net.Dial("unix", os.Args[1]) }\n';
  fs.writeFileSync(source, text);
  await execa('go', ['build', '-o', program, source], { env: { CGO_ENABLED: '0' } });
  return program;
}
