/** Where the command line writes: knows whether somebody looks, and what they can see. */
import readline from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';
export type Terminal = {
  /** Whether stdout, and whether stderr, is a terminal. */
  readonly tty: boolean;
  readonly errTty: boolean;
  /** Whether colours are shown on stdout, and on stderr. */
  readonly color: boolean;
  readonly errColor: boolean;
  readonly columns: number;
  /** Lines for the caller, on stdout. */
  print(text: string): void;
  /** Resolves when what was printed is on its way: a long answer is not gathered in memory. */
  drained(): Promise<void>;
  /** Lines for the person, on stderr. */
  note(text: string): void;
  /** What a trainer wrote to its stderr, as it is. */
  relay(text: string): void;
  json(value: unknown): void;
  /** A line at the bottom of a terminal that is rewritten; null takes it away. */
  live(text: string | null): void;
  paint(style: Style, text: string): string;
  /** A question whose default is yes; false when nobody is there to answer. */
  ask(question: string): Promise<boolean>;
};

type Stream = Writable & { isTTY?: boolean; columns?: number };

export function createTerminal(io: {
  stdin: Readable & { isTTY?: boolean };
  stdout: Stream;
  stderr: Stream;
  env: Readonly<Record<string, string | undefined>>;
}): Terminal {
  const { stdin, stdout, stderr, env } = io;
  const tty = stdout.isTTY === true;
  const errTty = stderr.isTTY === true;
  const wanted = !env.NO_COLOR && env.TERM !== 'dumb';
  const color = tty && wanted;
  let shown: string | null = null;
  const over = (write: () => void): void => {
    if (shown !== null) stderr.write('\r\x1b[K');
    write();
    if (shown !== null) stderr.write(shown);
  };
  return {
    tty,
    errTty,
    color,
    errColor: errTty && wanted,
    columns: stdout.columns || 120,
    print: (text) => over(() => stdout.write(`${text}\n`)),
    drained: () =>
      new Promise((resolve) => {
        if (stdout.writableNeedDrain) stdout.once('drain', resolve);
        else resolve();
      }),
    // Painted for the terminal that stdout is; stderr may be a file.
    note: (text) => over(() => stderr.write(`${errTty ? text : stripVTControlCharacters(text)}\n`)),
    relay: (text) => over(() => stderr.write(`${text}\n`)),
    json: (value) => stdout.write(`${JSON.stringify(value)}\n`),
    live(text) {
      if (!errTty || env.TERM === 'dumb') return;
      const line = text === null ? null : cutTo(text, (stderr.columns || 80) - 1);
      if (shown !== null || line !== null) stderr.write(`\r\x1b[K${line ?? ''}`);
      shown = line;
    },
    paint: (style, text) => (color ? styleText(style, text, { validateStream: false }) : text),
    async ask(question) {
      if (stdin.isTTY !== true || !errTty) return false;
      const reader = readline.createInterface({ input: stdin, output: stderr });
      try {
        const answer = await reader.question(`${question} [Y/n] `);
        return /^(y|yes|)$/i.test(answer.trim());
      } finally {
        reader.close();
      }
    },
  };
}

/** Cuts what is seen to `width`; a line that had to be cut loses its colours. */
function cutTo(text: string, width: number): string {
  const plain = stripVTControlCharacters(text);
  return plain.length <= width ? text : `${plain.slice(0, width - 1)}…`;
}
