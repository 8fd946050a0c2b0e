/** A row of `transitions`, and the event that it is to others. */
import type { RunEvent } from '../contracts/index.ts';

export type TransitionRow = {
  pos: number;
  run_id: string;
  seq: number;
  at: string;
  attempt: number;
  event: string;
  from_state: string;
  to_state: string;
  detail: string;
  machine_version: string;
};

export function toRunEvent(row: TransitionRow): RunEvent {
  return {
    run_id: row.run_id,
    seq: row.seq,
    pos: row.pos,
    at: row.at,
    attempt: row.attempt,
    event: row.event,
    from: row.from_state,
    to: row.to_state,
    detail_json: row.detail,
    machine_version: row.machine_version,
  };
}
