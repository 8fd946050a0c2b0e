/** `runyard up`, `down` and `status`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { TrainerClient } from '../../client/index.ts';
import { type DaemonStatus, finalStatuses, headlineOf } from '../../contracts/index.ts';
import { errnoOf, RunyardError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { bytesText, duration, plainCell } from '../render.ts';
import { readyLine, startDaemon } from '../starting.ts';

/** Longest wait for a daemon to end. */
const downMaxMs = 60_000;

export async function up(
  context: Context,
  flags: readonly string[],
  rebuild = false,
): Promise<number> {
  const { terminal, json } = context;
  const started = await startDaemon(context, flags);
  const { status, already } = started;
  if (rebuild && already) {
    throw new RunyardError(
      'daemon_already_running',
      `a daemon (pid ${status.pid}) has the registry open, so it is not remade; first: runyard down`,
    );
  }
  if (json) terminal.json({ ...status, already });
  else {
    terminal.print(readyLine(started));
    if (!already) for (const line of recoveryLines(status)) terminal.print(line);
  }
  return exitCodes.ok;
}

/** What the start did, where that is worth a word. */
function recoveryLines({ recovery }: DaemonStatus): string[] {
  if (recovery === null || recovery.text === nothingDone) return [];
  const kept = recovery.registry_kept;
  return [recovery.text, ...(kept === '' ? [] : [`the old registry is kept: ${kept}`])];
}

/** The daemon's words for a start that found nothing. */
const nothingDone = 'nothing to recover';

export async function down(
  context: Context,
  flags: { stopRuns?: boolean; keepBus?: boolean },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect().catch(whenDown);
  const status = client === null ? null : await client.health().catch(whenDown);
  if (client === null || status === null) {
    if (json) terminal.json({ down: true, was_up: false });
    else terminal.print('already down');
    return exitCodes.ok;
  }
  if (flags.stopRuns === true) await stopRuns(context, client);
  const { live_runs: live } = await client.shutdown({ keepBus: flags.keepBus ?? false });
  await (context.host === null && context.address === null ? gone(status.pid) : silent(client));
  if (json) terminal.json({ down: true, was_up: true, live_runs: live });
  else if (live === 0) terminal.print('down');
  else {
    const runs = live === 1 ? '1 run goes on' : `${live} runs go on`;
    terminal.print(`down · ${runs}; found again by: runyard up`);
  }
  return exitCodes.ok;
}

export async function status(context: Context): Promise<number> {
  const { terminal, json } = context;
  const found = await (await context.connect()).health();
  if (json) terminal.json(found);
  else if (terminal.tty) {
    for (const line of statusLines(found, Date.now())) terminal.print(line);
  } else {
    const { reasons, recovery, ...rest } = found;
    const rows = [
      ['headline', headlineOf(found)],
      ...Object.entries(rest),
      ['recovery', recovery?.text ?? ''],
      ...reasons.map(({ part, text }) => [part, text]),
    ];
    for (const row of rows) terminal.print(row.map((cell) => plainCell(String(cell))).join('\t'));
  }
  return exitCodes.ok;
}

export function statusLines(found: DaemonStatus, nowMs: number): string[] {
  const gpus = found.gpus_total === 0 ? 'none' : `${found.gpus_free} of ${found.gpus_total} free`;
  return [
    `${headlineOf(found)} · yard ${found.yard} · ${found.runs_live} live, ${found.runs_queued} queued (${found.parallel} at once)`,
    ...(found.drained ? [`  nothing new starts: ${found.drained} — runyard resume --yard`] : []),
    ...found.reasons.map(({ part, text, hint }) => `  ${part}: ${text}${hint && ` — ${hint}`}`),
    `up ${duration(nowMs - Date.parse(found.started_at))} · pid ${found.pid} · version ${found.version}`,
    `gpus     ${gpus}`,
    `bus      ${busText(found)} ${found.bus_connected ? 'connected' : 'away'}, ${found.outbox_depth} waiting`,
    `api      unix:${found.socket}${found.tcp && ` and ${found.tcp} (${found.tls.includes('tcp') ? 'TLS, ' : ''}with the token)`}`,
    ...(found.console
      ? [
          `console  http${found.tls.includes('console') ? 's' : ''}://${found.console} (log in: runyard console)`,
        ]
      : []),
    `kills    ${found.kill_scope}: ${found.kill_scope_why}`,
    ...(found.recovery === null ? [] : [`started  ${found.recovery.text}`]),
    `disk     ${bytesText(found.disk_free_bytes)} free`,
    `registry log ${bytesText(found.wal_bytes)}, ${checkpointText(found, nowMs)}, commit p99 ${found.commit_ms_p99.toFixed(2)} ms`,
    `home     ${found.home}`,
  ];
}

function checkpointText({ last_checkpoint: at }: DaemonStatus, nowMs: number): string {
  return at === '' ? 'no checkpoint yet' : `checkpoint ${duration(nowMs - Date.parse(at))} ago`;
}

function busText({ bus_url: url, bus_external: external }: DaemonStatus): string {
  return external ? `${url} (an existing server)` : url || '–';
}

async function stopRuns(context: Context, client: TrainerClient): Promise<void> {
  const live: string[] = [];
  for await (const run of client.list()) {
    if (!finalStatuses.includes(run.status)) live.push(run.run_id);
  }
  await Promise.all(live.map((id) => client.stop(id, { reason: 'runyard down --stop-runs' })));
  const waits = live.map((id) => client.wait(id));
  context.terminal.live(`stopping ${live.length} runs …`);
  await Promise.all(waits).finally(() => context.terminal.live(null));
}

function whenDown(error: unknown): null {
  if (error instanceof RunyardError && error.code === 'daemon_not_running') return null;
  throw error;
}

/** On another machine its silence has to do. */
async function silent(client: TrainerClient): Promise<void> {
  const deadline = Date.now() + downMaxMs;
  while (Date.now() < deadline && (await client.health().catch(whenDown)) !== null) await delay(50);
}

async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + downMaxMs;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return;
      throw error;
    }
    await delay(20);
  }
  throw new RunyardError(
    'daemon_unresponsive',
    `the daemon (pid ${pid}) has not ended within ${downMaxMs / 1000} s`,
  );
}
