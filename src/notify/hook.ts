/**
 * Runs one hook: a user's command, with JSON on its standard input, in a process group of its own that is ended with
 * it. Whatever it does, whoever waits for it waits no longer than its time limit.
 */
import { execa } from 'execa';
import { messageOf } from '../errors.ts';

export type HookCommand = { command: readonly string[]; timeoutS: number };

/** Null: it took the message. Else why it did not, for people. */
export type HookEnd = string | null;

const complaintMost = 300;
/** What a hook is given of an environment: no token and no key of ours can be in it. */
const passed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'SHELL', 'TMPDIR'];

/** Never rejects. An aborted hook is ended, and did not take the message. */
export function runHook(
  { command, timeoutS }: HookCommand,
  message: object,
  options: { env: NodeJS.ProcessEnv; signal?: AbortSignal },
): Promise<HookEnd> {
  const [program = '', ...args] = command;
  const env = Object.fromEntries(
    passed.flatMap((name) => (options.env[name] === undefined ? [] : [[name, options.env[name]]])),
  );
  const running = execa(program, args, {
    detached: true,
    cleanup: true,
    reject: false,
    buffer: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
    env,
    extendEnv: false,
    cwd: '/',
  });
  const child = running.nodeChildProcess;
  return new Promise((resolve) => {
    let complaint = '';
    const finish = (end: HookEnd): void => {
      clearTimeout(late);
      options.signal?.removeEventListener('abort', abort);
      endGroup(child.pid);
      child.stdin?.destroy();
      child.stderr?.destroy();
      resolve(end);
    };
    const late = setTimeout(
      () => finish(`did not end within ${timeoutS} s and was killed`),
      1000 * timeoutS,
    );
    const abort = (): void => finish('was interrupted');
    options.signal?.addEventListener('abort', abort, { once: true });
    // Its own end counts, not that of the pipes: a child that it leaves behind may hold these for ever.
    child.once('exit', (code, signal) => {
      if (code === 0) return finish(null);
      // What it said last may still be on the way.
      setImmediate(() => {
        const said = complaint.trim().split('\n').at(-1) ?? '';
        const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
        finish(said === '' ? how : `${how}: ${said}`);
      });
    });
    void running.then((result) => {
      if (child.pid === undefined) finish(messageOf(result.cause ?? result.shortMessage));
    });
    child.stderr?.on('data', (data: Buffer) => {
      complaint = (complaint + data.toString('utf8')).slice(-complaintMost);
    });
    for (const pipe of [child.stdin, child.stderr]) pipe?.on('error', () => undefined);
    child.stdin?.end(`${JSON.stringify(message)}\n`);
    if (options.signal?.aborted === true) abort();
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
