/** The part of the control API for programs that show a yard to people: the web console, and others. */

import type { Role } from '../gate.ts';
import type { RunEvent, RunSummary } from './api.ts';

/** An attempt as its run's events tell it. */
export type AttemptSeen = {
  attempt: number;
  slots: string[];
  /** When it got its slots; times are RFC 3339 UTC, empty when it has not come so far. */
  began_at: string;
  started_at: string;
  pid: number;
  ended_at: string;
  /** How its trainer ended: exited, signaled, noexec, notstarted, vanished; empty while it has not. */
  exit_kind: string;
  exit_code: number;
  exit_signal: string;
};
/** `config_json`: the validated TrainRunConfig. */
export type RunDetails = { run: RunSummary; config_json: string; attempts: AttemptSeen[] };

/** One step of a run's life, with what can be told of the moment after it. */
export type Transition = {
  event: RunEvent;
  /** What the chart knew after it, a JSON object; empty where today's chart takes another way. */
  context_json: string;
  /** Effects that began with it and those that ended. */
  begun: string[];
  ended: string[];
};

export type Chart = { machine: string; version: string; svg: string };
export type ArtifactRange = {
  run: string;
  /** 0: the latest. */
  attempt: number;
  name: string;
  offset: number;
  /** Bytes; 0: to the end. */
  length: number;
};
export type ConsoleLink = { url: string; expires_at: string; role: Role };
export type TokenRotation = {
  /** The token of those who read the figures, instead of the one for everything. */
  scrape: boolean;
  keepSessions: boolean;
  reason: string;
  user: string;
};
/** `file`: where the new token is; it is told nowhere else. */
export type RotatedToken = { file: string; sessions_ended: number };

/** What the page of the console is shown, and anybody else who asks. */
export interface ShowingPort {
  details(ref: string): RunDetails;
  transitions(ref: string): AsyncIterable<Transition>;
  /** Position of the newest event that is durable; 0: there is none. */
  yardPos(): number;
  /** Durable events of all runs after a position, in order, at most `limit`. */
  yardEvents(afterPos: number, limit: number): RunEvent[];
  /** Calls `wake` whenever more events of any run may have become durable. Returns the unsubscribe. */
  onYard(wake: () => void): () => void;
  /** Throws `artifact_not_found`. */
  readArtifact(range: ArtifactRange, signal: AbortSignal): AsyncIterable<Buffer>;
}
export interface ConsolePort {
  /** Throws `usage` for a machine that is none of ours. */
  chart(machine: string): Chart;
  /** A JSON Schema by its name, such as `train-run-config.v1`. Throws `usage`. */
  schema(name: string): string;
  /** A link that opens the console once, within minutes. Throws `console_off`. */
  openConsole(request: { viewer: boolean }): Promise<ConsoleLink>;
  /** A new token at once; the one before is refused from then on, and sessions of the console end with it. */
  rotateToken(request: TokenRotation): Promise<RotatedToken>;
}
