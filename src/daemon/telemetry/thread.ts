/** The thread that takes points and events in: reading them holds up nothing that the daemon decides. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { Position } from '../../persistence/index.ts';
import { type BusPlace, connectDaemon } from '../../transport/nats/index.ts';
import { createIntake, type Report } from './intake.ts';

export type Where = BusPlace;
export type ThreadData = {
  root: string;
  yard: string;
  position: Position;
  floorBytes: number;
  refill: boolean;
};
export type ToThread = { type: 'bus'; where: Where } | { type: 'close' };
export type FromThread =
  | { type: 'report'; report: Report }
  | { type: 'trouble'; text: string | null };

const retryMs = 1000;

const port = parentPort;
if (port !== null) {
  yieldToOthers();
  const tell = (message: FromThread): void => port.postMessage(message);
  const { refill, ...data } = workerData as ThreadData;
  let where: Where | null = null;
  let told: string | null = null;
  let closed = false;
  let wake: () => void = () => undefined;
  let leave: () => Promise<void> = async () => undefined;
  const intake = createIntake({
    ...data,
    report: (report) => tell({ type: 'report', report }),
    trouble(text) {
      if (text !== told) tell({ type: 'trouble', text });
      told = text;
    },
  });
  const live = async (): Promise<void> => {
    if (refill) await intake.refill();
    while (!closed) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (where !== null) {
        const nc = await connectDaemon(where).catch(() => null);
        if (nc !== null) {
          leave = () => nc.close();
          await intake.run(nc);
          await nc.close();
        }
      }
      const wait = where === null ? changed : new Promise((done) => setTimeout(done, retryMs));
      if (!closed) await Promise.race([changed, wait]);
    }
  };
  const living = live();
  port.on('message', (message: ToThread) => {
    if (message.type === 'bus') {
      where = message.where;
      wake();
      return;
    }
    closed = true;
    wake();
    void intake
      .close()
      .then(() => leave())
      .then(() => living)
      .finally(() => port.close());
  });
}

/** On Linux a thread has a priority of its own: whoever decides or publishes goes first. */
function yieldToOthers(): void {
  try {
    const thread = Number(path.basename(fs.readlinkSync('/proc/thread-self')));
    os.setPriority(thread, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It is of use, and nothing depends on it.
  }
}
