/**
 * Asks a vendor's tool, as a child with a deadline. A driver in trouble keeps such a tool in the kernel, where
 * even SIGKILL does not reach it: then it is said that it hangs, and no other is started beside it.
 */
import { execa } from 'execa';
import { errnoOf } from '../errors.ts';
import type { Answer } from './gpu.ts';
import { lostGpu } from './nvidia.ts';

/** Longest that is read of a complaint. */
const complaintMost = 300;

export type Tool = (args: readonly string[]) => Promise<Answer>;

export function createTool(options: {
  command: string;
  env: NodeJS.ProcessEnv;
  deadlineMs: number;
  nowMs: () => number;
}): Tool {
  const { command, env, deadlineMs, nowMs } = options;
  let hangs: { sinceMs: number } | null = null;

  return async (args) => {
    if (hangs !== null) return { kind: 'hangs', sinceMs: hangs.sinceMs };
    const since = nowMs();
    let late: NodeJS.Timeout | undefined;
    const child = execa(command, [...args], {
      reject: false,
      env: { ...env, LC_ALL: 'C' },
      extendEnv: false,
      stdin: 'ignore',
      stripFinalNewline: false,
      maxBuffer: 16 * 2 ** 20,
      // Its own end comes with ours.
      cleanup: true,
    });
    const told = child.then((result): Answer => {
      hangs = null;
      if (!result.failed) return { kind: 'ok', text: result.stdout };
      if (result.code === 'ENOENT' || errnoOf(result.cause) === 'ENOENT')
        return { kind: 'missing' };
      const words = `${result.stdout}\n${result.stderr}`.trim() || (result.shortMessage ?? '');
      const [first = ''] = words.split('\n');
      return { kind: 'failed', text: first.slice(0, complaintMost), lost: lostGpu(words) };
    });
    const deadline = new Promise<Answer>((resolve) => {
      late = setTimeout(() => {
        hangs = { sinceMs: since };
        child.kill('SIGKILL');
        resolve({ kind: 'hangs', sinceMs: since });
      }, deadlineMs);
    });
    const answer = await Promise.race([told, deadline]);
    clearTimeout(late);
    return answer;
  };
}
