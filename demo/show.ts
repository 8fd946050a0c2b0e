/** What people see: slow steps with their time, questions, and lines redrawn in place. */
import readline from 'node:readline/promises';
import { type ExecaError, execa } from 'execa';
import { RunyardError } from '../src/errors.ts';

export type Show = ReturnType<typeof createShow>;

const tickMs = 200;
const plainTickMs = 10_000;

/** Draws on a terminal, writes plain lines elsewhere. Steps end when `signal` is aborted. */
export function createShow(out: NodeJS.WriteStream, signal: AbortSignal) {
  const tty = out.isTTY === true;
  let drawn = 0;

  /** Replaces the block that was drawn last. On a terminal only. */
  const draw = (lines: readonly string[]): void => {
    if (!tty) return;
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    const width = (out.columns || 80) - 1;
    const block = lines.map((line) => `\x1b[2K${[...line].slice(0, width).join('')}\n`).join('');
    out.write(`${up}\r${block}\x1b[0J`);
    drawn = lines.length;
  };
  const line = (text = ''): void => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\r\x1b[0J`);
    drawn = 0;
    out.write(`${text}\n`);
  };

  return {
    tty,
    columns: () => (tty ? out.columns || 80 : 80),
    draw,
    line,

    /**
     * Runs a command; shows what it does and for how long. Throws with the end of its output. `whole`: it
     * must not be cut short, not even by ^C, which reaches every process of the terminal.
     */
    async step(
      what: string,
      command: readonly string[],
      env: Record<string, string> = {},
      whole = false,
    ) {
      const begun = Date.now();
      const seconds = () => `${Math.round((Date.now() - begun) / 1000)} s`;
      if (!tty) line(`· ${what}`);
      const tick = () => (tty ? draw([`· ${what}  ${seconds()}`]) : line(`  … ${seconds()}`));
      const timer = setInterval(tick, tty ? tickMs : plainTickMs);
      if (tty) tick();
      const [file = '', ...args] = command;
      try {
        const how = whole ? { detached: true, cleanup: false } : { cancelSignal: signal };
        const { stdout } = await execa(file, args, { env, stdin: 'ignore', ...how });
        if (tty) line(`✓ ${what}  ${seconds()}`);
        else line(`  done in ${seconds()}`);
        return stdout;
      } catch (error) {
        const { stderr = '', stdout = '', shortMessage } = error as ExecaError;
        const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n  ');
        line(`✗ ${what}  ${seconds()}`);
        const text = `${what} did not work: ${shortMessage}\n  ${said}`;
        throw new RunyardError('input_missing', text);
      } finally {
        clearInterval(timer);
      }
    },

    /** Yes is the default. */
    async ask(question: string): Promise<boolean> {
      const lines = readline.createInterface({ input: process.stdin, output: out });
      try {
        const answer = await lines.question(`${question} [Y/n] `);
        return !/^n/i.test(answer.trim());
      } finally {
        lines.close();
      }
    },
  };
}
