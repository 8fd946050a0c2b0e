/** The worker process: one attempt at a time, and, when started warm, one after another. */
import { once } from 'node:events';
import readline from 'node:readline';
import { type AttemptDone, runAttempt } from './attempt.ts';
import { createWorkerBuses } from './bus.ts';
import { readWorkerConfig } from './config.ts';
import { createRecorders } from './recorders.ts';

export { runJob } from './job/index.ts';

/** `--config PATH` looks after one attempt; `warm` waits for orders on standard input. */
export async function runWorker(options: { config?: string; warm?: boolean }): Promise<void> {
  // The daemon that started us may be gone: its end of the pipes means nothing to a worker with work.
  process.stdout.on('error', () => undefined);
  // A file on a disk that may be full.
  process.stderr.on('error', () => undefined);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => undefined);
  if (options.config !== undefined) {
    await lookAfter(options.config, new Promise(() => undefined));
    await Promise.all([...unpublished.keys()]);
    process.exit(0);
  }
  const orders = readline.createInterface({ input: process.stdin });
  let tell: () => void = () => undefined;
  let work: Promise<void> = Promise.resolve();
  orders.on('line', (line) => {
    const order = JSON.parse(line) as Order;
    if ('recorder' in order) recorders.prepare(order.recorder);
    else if ('go' in order) tell();
    else {
      const { config } = order;
      const told = new Promise<void>((resolve) => {
        tell = resolve;
      });
      work = work.then(() => lookAfter(config, told));
    }
  });
  await once(orders, 'close');
  await work;
  const patience = new Promise((resolve) => setTimeout(resolve, orphanMs));
  await Promise.race([Promise.all([...unpublished.keys()]), patience]);
  process.exit(0);
}

/** What the daemon writes on our standard input, a line each. */
type Order = { recorder: string } | { config: string } | { go: true };

const buses = createWorkerBuses();
const recorders = createRecorders();

async function lookAfter(file: string, told: Promise<void>): Promise<void> {
  const config = readWorkerConfig(file);
  const { bus, release } = buses.of(config);
  const onAttached = (): void => say({ type: 'attached', socket: config.socket });
  const done = await runAttempt(config, { bus, recorders, told, onAttached });
  const { refused } = done;
  if (refused !== null) say({ type: 'refused', text: refused });
  recorders.prepare(config.recorder);
  publishOn(done);
  void done.feedDone.then(release);
  say({ type: 'idle' });
}

/** Output of ended attempts that the bus has not taken so far, with what ends the trying. */
const unpublished = new Map<Promise<void>, () => void>();
/** More than these are not waited for: the recorder's files have them. */
const unpublishedMax = 32;
/** How long output of ended attempts waits for the bus once nobody gives us work any more. */
const orphanMs = 5000;

/** A bus that is away must not keep a worker from the next attempt. */
function publishOn({ feedDone, giveUp }: AttemptDone): void {
  unpublished.set(feedDone, giveUp);
  void feedDone.then(() => unpublished.delete(feedDone));
  if (unpublished.size <= unpublishedMax) return;
  const [oldest] = unpublished.values();
  oldest?.();
}

function say(word: object): void {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}
