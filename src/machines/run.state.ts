/** A run's state as everybody but XState writes it. */
import type { SnapshotFrom } from 'xstate';
import type { runMachine } from './run.machine.ts';

/** The dotted state, e.g. `running.live`. */
export function stateOf(snapshot: SnapshotFrom<typeof runMachine>): string {
  const parts: string[] = [];
  let value: unknown = snapshot.value;
  while (typeof value === 'object' && value !== null) {
    const [key = ''] = Object.keys(value);
    parts.push(key);
    value = (value as Record<string, unknown>)[key];
  }
  if (typeof value === 'string') parts.push(value);
  return parts.join('.');
}
