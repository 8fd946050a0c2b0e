/** What the ends of a run are called: each a status, a code of docs/reasons.md, and a sentence. */
import type { Outcome, StopRequest, TrainerExit } from './run.types.ts';

/** The result that an observed exit means, when nobody asked for an end. */
export function outcomeOf(exit: TrainerExit): Outcome {
  switch (exit.kind) {
    case 'exited':
      return exit.code === 0
        ? { status: 'completed', code: 'completed', text: '' }
        : { status: 'failed', code: 'exit_nonzero', text: `exited ${exit.code}` };
    case 'signaled': {
      const core = exit.core === true ? ', core dumped' : '';
      return { status: 'failed', code: 'signal', text: `ended by ${exit.signal}${core}` };
    }
    case 'noexec':
    case 'notstarted': {
      const code = exit.kind === 'noexec' ? 'noexec' : 'not_started';
      return { status: 'failed', code, text: exit.message ?? exit.errno ?? 'could not be started' };
    }
  }
}

export function unobserved(text: string): Outcome {
  return { status: 'failed', code: 'exit_unobserved', text: `how it ended was not seen: ${text}` };
}

export const voided: Outcome = {
  status: 'failed',
  code: 'voided',
  text: 'the attempt was given up before it started',
};

export const rebooted: Outcome = {
  status: 'lost',
  code: 'machine_rebooted',
  text: 'the machine was restarted while it ran',
};

export const unkillable: Outcome = {
  status: 'failed',
  code: 'unkillable',
  text: 'a process of it survived SIGKILL; its GPUs are set aside until it is gone',
};

export function timeLimit(limitMs: number): Outcome {
  return {
    status: 'failed',
    code: 'time_limit',
    text: `passed its time limit of ${limitMs / 1000} s`,
  };
}

/** What the place where it ran says of its end. */
export function allocationEnded(event: {
  status: 'failed' | 'lost';
  code: string;
  text: string;
}): Outcome {
  return { status: event.status, code: event.code, text: event.text };
}

export function expiring(text: string): Outcome {
  return { status: 'failed', code: 'time_limit', text };
}

export function stalled(text: string): Outcome {
  return { status: 'failed', code: 'stalled', text };
}

/** Neither a failure nor somebody's stop: its user asked for that end in advance. */
export function stopRule(text: string): Outcome {
  return { status: 'completed', code: 'stop_rule', text };
}

export const neverLaunched: Outcome = {
  status: 'failed',
  code: 'launch_failed',
  text: 'no worker could start it in time',
};

export function vanished(text: string): Outcome {
  return { status: 'lost', code: 'trainer_vanished', text };
}

export function failedEffect(event: { effect: string; text: string }): { outcome: Outcome } {
  return {
    outcome: { status: 'failed', code: 'internal', text: `${event.effect}: ${event.text}` },
  };
}

/** Who asked, of a command's event. */
export function requestOf(event: { user: string; reason: string; at: string }): StopRequest {
  return { user: event.user, reason: event.reason, at: event.at };
}
