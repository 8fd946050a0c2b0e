/**
 * Plays many workers in one process, by their own protocol: their control sockets, facts and beats are the
 * product's; trainers there are none. Runs whose directory says so (`real`) get a real worker.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { identityOf, runDir } from '../../src/rundir/index.ts';
import { every, systemClock } from '../../src/telemetry/index.ts';
import { readWorkerConfig } from '../../src/worker/config.ts';
import { openControl } from '../../src/worker/control.ts';
import type { Control, Wish } from '../../src/worker/conversation.ts';

const [at = '', home = '', realWorker = ''] = process.argv.slice(2);
const beatMs = 1000;
const clock = systemClock();
const own = identityOf(process.pid);

type Order = { recorder: string } | { config: string } | { go: true };

/** One worker that is waited for by the daemon, behind one relay. */
function play(relay: net.Socket): void {
  relay.on('error', () => undefined);
  let go: () => void = () => undefined;
  let real: ReturnType<typeof spawn> | null = null;
  let recorder = '';
  readline.createInterface({ input: relay }).on('line', (line) => {
    const order = JSON.parse(line) as Order;
    if (real !== null) real.stdin?.write(`${line}\n`);
    else if ('recorder' in order) recorder = line;
    else if ('go' in order) go();
    else {
      const config = readWorkerConfig(order.config);
      if (isReal(config.run_id)) {
        real = begin(relay);
        real.stdin?.write(`${recorder}\n${line}\n`);
      } else void attend(order.config, relay, (act) => (go = act));
    }
  });
}

function isReal(runId: string): boolean {
  const config = fs.readFileSync(path.join(runDir(home, runId), 'config.json'), 'utf8');
  return (
    (JSON.parse(config) as { config: { tags?: string[] } }).config.tags?.includes('real') === true
  );
}

function begin(relay: net.Socket): ReturnType<typeof spawn> {
  const worker = spawn(process.execPath, [realWorker], { stdio: ['pipe', 'pipe', 'inherit'] });
  worker.stdout?.pipe(relay, { end: false });
  relay.on('close', () => worker.stdin?.end());
  return worker;
}

async function attend(
  file: string,
  relay: net.Socket,
  onGo: (act: () => void) => void,
): Promise<void> {
  const config = readWorkerConfig(file);
  let control: Control | null = null;
  let begun = false;
  let told = false;
  let value = 0;
  /** Told by the relay or by the socket, whichever comes first: even before we can answer. */
  const start = (): void => {
    told = true;
    if (begun || control === null) return;
    begun = true;
    control.fact('trainer.started', { pid: process.pid, start_time: own?.start_time ?? '' });
    every(clock, beatMs, () => {
      value += Math.random();
      control?.beat(`return ${value.toFixed(1)}`, null);
    });
  };
  const obey = (wish: Wish): void => {
    if (wish.kind === 'pause') control?.fact('trainer.paused', {});
    else if (wish.kind === 'resume') control?.fact('trainer.resumed', {});
  };
  onGo(start);
  control = await openControl({
    config,
    clock,
    onWish: obey,
    onGo: start,
    onFact: () => undefined,
  });
  if (told) start();
  relay.write(`${JSON.stringify({ type: 'attached', socket: config.socket })}\n`);
}

net.createServer(play).listen(at, () => process.stdout.write('ready\n'));
