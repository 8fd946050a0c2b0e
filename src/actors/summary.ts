/** A run's row as the API shows it. */
import type { Reason, RunStatus, RunSummary } from '../contracts/index.ts';
import type { RunRow } from '../persistence/index.ts';
import { runFiles } from '../rundir/index.ts';
import { cut } from './rows.ts';

/** Bytes of a field of free text: a summary stays under 4,096. */
const textMax = 300;
/** Of why it ended: what kept it from starting may be several things. */
const reasonMax = 800;
/** In what runs differ is mostly in here. */
const commandMax = 1000;

type Code = { commit?: string; dirty?: boolean; diff_ref?: string; script?: string };
export type Live = { why: string; heartbeat: string | null; lastMetric: string | null };

export function summaryOf(row: RunRow, runDir: string, live: Live): RunSummary {
  const config = JSON.parse(row.config) as {
    command: string[];
    cwd?: string;
    note?: string;
    code?: Code;
    params?: Record<string, string>;
    priority?: number;
  };
  const exit = parse<{ kind: string; code?: number; signal?: string }>(row.exit);
  const stop = parse<{ user: string; reason: string }>(row.stop);
  const bare = parse<Reason>(row.failure_reason);
  const cause = guessed.includes(bare?.code ?? '') ? parse<Reason>(row.failure_cause) : null;
  const reason = bare === null ? null : withCause(bare, cause);
  return {
    run_id: row.run_id,
    name: row.name,
    user: row.user,
    project: row.project,
    group: row.grp,
    tags: JSON.parse(row.tags) as string[],
    status: row.status as RunStatus,
    state: row.state,
    attempt: row.attempt,
    config_digest: row.config_digest,
    submitted_at: row.submitted_at,
    started_at: row.started_at ?? '',
    finished_at: row.finished_at ?? '',
    last_heartbeat: live.heartbeat ?? row.last_heartbeat ?? '',
    artifact_manifest: row.artifact_manifest ?? '',
    failure_reason:
      reason === null ? null : { code: reason.code, text: cut(reason.text, reasonMax) },
    failure_cause: cause,
    pinned_at: row.pinned_at ?? '',
    gpu_slots: JSON.parse(row.gpu_slot) as string[],
    why: cut(reason?.text ?? (live.why || whyHeld(row)), textMax),
    command: cut(config.command.map(quoted).join(' '), commandMax),
    exit_code: exit?.code ?? 0,
    exit_signal: exit?.signal ?? '',
    exited: exit !== null && (exit.kind === 'exited' || exit.kind === 'signaled'),
    last_metric: live.lastMetric ?? row.last_metric ?? '',
    last_seq: row.last_seq,
    run_dir: runDir,
    stop_user: stop?.user ?? '',
    stop_reason: cut(stop?.reason ?? '', textMax),
    trace_id: row.trace_id,
    pid: row.finished_at === null ? (row.pid ?? 0) : 0,
    cwd: cut(config.cwd ?? '', textMax),
    code: codeOf(config.code),
    retry_of: row.retry_of ?? '',
    retried_by: '',
    note: cut(config.note ?? '', textMax),
    params: config.params ?? {},
    priority: config.priority ?? 0,
  };
}

/** Ends of its own. Of any other, such as a time limit, the reason says all; its last output only how it took it. */
const guessed: readonly string[] = ['exit_nonzero', 'signal'];

function withCause({ code, text }: Reason, cause: Reason | null): Reason {
  return { code, text: cause === null ? text : `${text}: ${cause.text}` };
}

/** Why a run that is not over makes no progress, as far as a person or a signal holds it. */
function whyHeld(row: RunRow): string {
  const pause = parse<{ user: string; reason: string }>(row.pause);
  if (pause === null || !row.state.startsWith('running.paused')) return '';
  return `paused by ${pause.user}${pause.reason === '' ? '' : `: ${pause.reason}`}`;
}

function codeOf(code: Code | undefined): string {
  if (code === undefined) return '';
  const commit = code.commit?.slice(0, 12) ?? '';
  const parts = [
    commit + (code.dirty === true ? '+dirty' : ''),
    code.diff_ref === undefined ? '' : `(${runFiles.diff})`,
    code.script ?? '',
  ];
  return cut(parts.filter((part) => part !== '').join(' '), textMax);
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function parse<T>(json: string | null): T | null {
  return json === null ? null : (JSON.parse(json) as T);
}
