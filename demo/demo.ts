/**
 * `npm run demo`: a real, unmodified CleanRL DQN learns CartPole under the daemon.
 * Options: --yes installs what is missing outside the checkout without asking.
 * Ends with the run's own exit code; 125 is a failure of ours, 130 an interrupt without a terminal.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { connect, type TrainerClient } from '../src/client/index.ts';
import { messageOf, RunyardError } from '../src/errors.ts';
import { type DemoDaemon, startDaemon } from './daemon.ts';
import { follow } from './follow.ts';
import { ensurePython } from './python.ts';
import { report } from './report.ts';
import { createShow } from './show.ts';

const steps = 20_000;
/** With the script's defaults it would begin to learn at step 10,000. */
const options = {
  'env-id': 'CartPole-v1',
  seed: '1',
  'total-timesteps': String(steps),
  'learning-starts': '1000',
  'learning-rate': '1e-3',
  'train-frequency': '2',
  'exploration-fraction': '0.3',
};

const checkout = path.join(import.meta.dirname, '..');
const interrupted = new AbortController();
const interrupt = (): void => interrupted.abort();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
// Nobody reads on: a pipe that was closed, a terminal that is gone.
process.stdout.on('error', interrupt);
const show = createShow(process.stdout, interrupted.signal);

try {
  process.exitCode = await main();
} catch (error) {
  if (interrupted.signal.aborted && error instanceof RunyardError) process.exit(130);
  show.line();
  show.line(`demo: ${messageOf(error)}`);
  if (!(error instanceof RunyardError)) console.error(error);
  process.exitCode = 125;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { yes: { type: 'boolean', default: false } } });
  const venv = path.join(checkout, '.cache', 'demo-venv');
  const python = await ensurePython({ venv, show, yes: values.yes });
  if (interrupted.signal.aborted) return 130;
  const temporary = !show.tty;
  const daemon = await startDaemon({ checkout, temporary, show });
  try {
    if (interrupted.signal.aborted) return 130;
    const client = await connect({ home: daemon.home });
    try {
      return await train(client, daemon, python, temporary);
    } finally {
      client.close();
    }
  } finally {
    await daemon.close();
  }
}

async function train(
  client: TrainerClient,
  daemon: DemoDaemon,
  python: string,
  temporary: boolean,
): Promise<number> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const config = {
    command: [python, '-m', 'cleanrl.dqn', ...flags],
    name: 'dqn-cartpole',
    project: 'demo',
    isolate: true,
    artifacts: ['runs/**', 'videos/**', '*.cleanrl_model'],
  };
  const { run_id: runId } = await client.submit(config, { env: trainerEnv() });
  show.line(`run ${runId}: python -m cleanrl.dqn ${flags.join(' ')}`);
  const { signal } = interrupted;
  const followed = await follow({ client, runId, steps, show, signal });
  if (!signal.aborted) {
    report({ followed, daemon, temporary, show });
    return exitCodeOf(followed.run);
  }
  if (temporary) {
    show.line('Interrupted: the run is stopped, and all of it taken down.');
    await client.stop(runId, { reason: 'the demo was interrupted' });
    await client.wait(runId, { signal: AbortSignal.timeout(30_000) });
    return 130;
  }
  show.line(`Detached. Run ${runId} goes on.`);
  show.line(`  follow it: ${daemon.prefix}bin/runyard logs -f ${runId}`);
  show.line(`  stop it:   ${daemon.prefix}bin/runyard stop ${runId}`);
  return 0;
}

/** The user's environment without what npm adds for its own scripts. */
function trainerEnv(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return Object.fromEntries(kept);
}

function exitCodeOf(run: { status: string; exited: boolean; exit_code: number }): number {
  if (run.status === 'completed') return 0;
  return run.exited && run.exit_code !== 0 ? run.exit_code : 125;
}
