/** Translates what workers say into the chart's facts. Anything malformed is refused, never guessed. */
import { isCause } from '../contracts/index.ts';
import type { Fact } from '../executors/index.ts';
import type { Instant, Outcome, RunEvent, TrainerExit } from '../machines/index.ts';

/** The chart's event of a worker's fact, or null when it is none that we know. */
export function eventOfFact(fact: Fact, now: Instant): RunEvent | null {
  const { data, at } = fact;
  switch (fact.fact) {
    case 'trainer.started':
      return typeof data.pid === 'number' ? { type: 'trainer.started', pid: data.pid, at } : null;
    case 'trainer.exited':
      if (!isExit(data.exit)) return null;
      return {
        type: 'trainer.exited',
        exit: data.exit,
        at,
        ...(isOutcome(data.because) ? { because: data.because } : {}),
      };
    case 'trainer.vanished':
      return { type: 'trainer.vanished', text: String(data.text ?? '') };
    case 'recorder.lost':
      return { type: 'recorder.lost', now };
    case 'machine.rebooted':
      return { type: 'machine.rebooted' };
    case 'attempt.voided':
      return { type: 'attempt.voided' };
    case 'launch.failed':
      return { type: 'launch.failed', code: 'launch_failed', text: String(data.text ?? ''), now };
    case 'trainer.paused':
      return { type: 'trainer.paused' };
    case 'trainer.resumed':
      return { type: 'trainer.resumed' };
    case 'trainer.stalled':
      return { type: 'trainer.stalled', text: String(data.text ?? ''), now };
    case 'rule.met':
      return { type: 'rule.met', text: String(data.text ?? ''), now };
    case 'leftovers.survived':
      return { type: 'leftovers.survived' };
    case 'attempt.lost':
      return { type: 'attempt.lost', text: String(data.text ?? '') };
    case 'output.collected':
      return {
        type: 'output.collected',
        manifest: String(data.manifest ?? ''),
        artifacts: Number(data.artifacts ?? 0),
        last_metric: String(data.last_metric ?? ''),
        ...(isCause(data.cause) ? { cause: { code: data.cause.code, text: data.cause.text } } : {}),
        ...(typeof data.problem === 'string' ? { problem: data.problem } : {}),
      };
    default:
      return null;
  }
}

function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null) return false;
  const { status, code, text } = value as Partial<Outcome>;
  return (
    (status === 'failed' || status === 'lost') &&
    typeof code === 'string' &&
    typeof text === 'string'
  );
}

const kinds = ['exited', 'signaled', 'noexec', 'notstarted'];

function isExit(value: unknown): value is TrainerExit {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const { kind } = value;
  if (kind === 'exited') return 'code' in value && typeof value.code === 'number';
  if (kind === 'signaled') return 'signal' in value && typeof value.signal === 'string';
  return kinds.includes(String(kind));
}
