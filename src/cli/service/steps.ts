/** What installing a service, and taking it away, consist of: all of it can be shown before any of it is done. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { RunyardError } from '../../errors.ts';

export type Step =
  | { kind: 'write'; file: string; text: string }
  | { kind: 'remove'; file: string }
  | { kind: 'run'; command: readonly string[]; why: string };

export function stepText(step: Step): string {
  switch (step.kind) {
    case 'write':
      return `write ${step.file}`;
    case 'remove':
      return `remove ${step.file}`;
    case 'run':
      return `${step.command.join(' ')}   # ${step.why}`;
  }
}

/** Throws service_failed, with what the program said. */
export async function takeStep(step: Step): Promise<void> {
  switch (step.kind) {
    case 'write':
      fs.mkdirSync(path.dirname(step.file), { recursive: true });
      fs.writeFileSync(step.file, step.text, { mode: 0o644 });
      return;
    case 'remove':
      fs.rmSync(step.file, { force: true });
      return;
    case 'run': {
      const [program = '', ...args] = step.command;
      const { failed, stderr, shortMessage } = await execa(program, args, {
        reject: false,
        stdin: 'ignore',
        // The first start may build nats-server.
        timeout: 330_000,
      });
      if (!failed) return;
      const said = stderr.trim().split('\n').at(-1) || (shortMessage ?? '');
      throw new RunyardError('service_failed', `${step.command.join(' ')}: ${said}`);
    }
  }
}
