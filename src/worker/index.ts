/** The worker process: one attempt at a time, and, when started warm, one after another. */
import readline from 'node:readline';
import { runAttempt } from './attempt.ts';
import { createWorkerBus, type WorkerBus } from './bus.ts';
import { readWorkerConfig } from './config.ts';

/** `--config PATH` looks after one attempt; `warm` waits for lines `{"config": PATH}` on standard input. */
export async function runWorker(options: { config?: string; warm?: boolean }): Promise<void> {
  // The daemon that started us may be gone: its end of the pipes means nothing to a worker with work.
  process.stdout.on('error', () => undefined);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => undefined);
  if (options.config !== undefined) {
    await work(options.config, new Map());
    process.exit(0);
  }
  const buses = new Map<string, WorkerBus>();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { config } = JSON.parse(line) as { config: string };
    await work(config, buses);
  }
  process.exit(0);
}

async function work(file: string, buses: Map<string, WorkerBus>): Promise<void> {
  const config = readWorkerConfig(file);
  const key = JSON.stringify([config.yard, config.bus]);
  const bus = buses.get(key) ?? createWorkerBus(config.bus, config.yard);
  buses.set(key, bus);
  const { refused, feedDone } = await runAttempt(config, bus, () => {
    say({ type: 'attached', socket: config.socket });
  });
  if (refused !== null) say({ type: 'refused', text: refused });
  await feedDone;
  say({ type: 'idle' });
}

function say(word: object): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}
