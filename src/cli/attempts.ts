/** The attempts of a run, as its events tell them. */
import type { RunEvent, RunSummary } from '../contracts/index.ts';
import { duration } from './render.ts';

export type Attempt = {
  attempt: number;
  /** When its trainer was there; empty when it never was. */
  started_at: string;
  /** Empty while it goes on. */
  ended_at: string;
  /** `failed`, `lost`, `voided`; of the newest one what its run is. */
  status: string;
  code: string;
  text: string;
  /** What it went on from; empty: from the beginning. */
  resumed_from: string;
};

type Detail = {
  resumes?: string;
  ended?: { status: string; code: string; text: string };
  at?: string;
};

/** All of them, from the first. */
export function attemptsOf(events: readonly RunEvent[], run: RunSummary): Attempt[] {
  const found: Attempt[] = [];
  const one = (number: number): Attempt => {
    const known = found.find(({ attempt }) => attempt === number);
    if (known !== undefined) return known;
    const blank = {
      started_at: '',
      ended_at: '',
      status: '',
      code: '',
      text: '',
      resumed_from: '',
    };
    const made = { attempt: number, ...blank };
    found.push(made);
    return made;
  };
  for (const event of events) {
    const about = one(event.attempt);
    const detail = JSON.parse(event.detail_json) as Detail;
    if (event.event === 'preflight.passed') about.resumed_from = detail.resumes ?? '';
    if (event.event === 'trainer.started') about.started_at = detail.at ?? event.at;
    if (event.to !== 'queued' || !event.from.startsWith('stopping')) continue;
    const { status = 'voided', code = 'voided', text = 'it never began' } = detail.ended ?? {};
    Object.assign(about, { ended_at: event.at, status, code, text });
    one(event.attempt + 1);
  }
  const last = found.at(-1);
  if (last !== undefined) {
    const { code = '', text = '' } = run.failure_reason ?? {};
    Object.assign(last, { ended_at: run.finished_at, status: run.status, code, text });
  }
  return found;
}

/** `1: failed after 12 s: exited 1: CUDA out of memory (exit_nonzero)`, of each that is over but the last. */
export function attemptTexts(attempts: readonly Attempt[]): string[] {
  return attempts.slice(0, -1).map((each) => {
    const ran = Date.parse(each.ended_at) - Date.parse(each.started_at);
    const after = Number.isNaN(ran) ? '' : ` after ${duration(ran)}`;
    return `${each.attempt}: ${each.status}${after} at ${each.ended_at}: ${each.text} (${each.code})`;
  });
}
