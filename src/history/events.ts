/** The events of one run in its own directory, `events.jsonl`: what the bus was told, once and in order. */
import { openJournal } from './journal.ts';

export type EventHistory = {
  /** Appends an event that is not there yet. */
  add(event: { seq: number }, text: string): void;
  sync(): Promise<void>;
  close(): void;
};

/** A run has few events; one that is retried without an end still fills no disk. */
const limits = { segmentBytes: 4 * 2 ** 20, totalBytes: 32 * 2 ** 20 };

/** The run's directory has to be there. */
export function openEvents(dir: string): EventHistory {
  const journal = openJournal(dir, 'events', limits);
  let upto = journal.last === null ? 0 : seqOf(journal.last);
  return {
    add({ seq }, text) {
      if (seq <= upto) return;
      journal.append(`${text}\n`);
      upto = seq;
    },
    sync: journal.sync,
    close: journal.close,
  };
}

function seqOf(line: string): number {
  try {
    return (JSON.parse(line) as { seq: number }).seq;
  } catch {
    return 0;
  }
}
