/**
 * Slurm's own commands. What they answer is a hint: it may be empty, late or wrong, and a command that fails says
 * nothing about any job.
 */
import fs from 'node:fs';
import { execa } from 'execa';
import { RunyardError } from '../../errors.ts';

/** A job as `squeue` shows it: by `17`, or `17_3` for the fourth task of an array. */
export type JobHint = {
  readonly id: string;
  /** `PENDING`, `RUNNING`, `COMPLETED`, `NODE_FAIL` … */
  readonly state: string;
  /** Why it is in that state, in Slurm's words: `Resources`; `None` is nothing. */
  readonly reason: string;
  readonly nodes: string;
  readonly name: string;
};

export type Tools = {
  /** Throws `slurm_refused` with Slurm's words; `slurm_away` where the controller does not answer. */
  submit(order: {
    script: string;
    args: readonly string[];
    env: Readonly<Record<string, string>>;
  }): Promise<string>;
  /** All jobs of this user that Slurm still knows of, as they were `atMostMs` ago or later; 0: asks. Throws `slurm_away`. */
  jobs(atMostMs?: number): Promise<JobHint[]>;
  /** Resolves whatever came of it: whether it is gone is seen, not believed. */
  cancel(which: { id: string; name: string }, signal?: string): Promise<void>;
};

const patienceMs = 20_000;
/** States in which nothing of a job runs any more, nor will. */
const terminal: readonly string[] = [
  ...['BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'DEADLINE', 'FAILED', 'NODE_FAIL', 'OUT_OF_MEMORY'],
  ...['PREEMPTED', 'REVOKED', 'TIMEOUT'],
];

export function isTerminal(state: string): boolean {
  return terminal.includes(state);
}

/** `env`: that of the daemon, in which Slurm's commands and `SLURM_CONF` are found. */
export function slurmTools(env: NodeJS.ProcessEnv): Tools {
  const { PATH, HOME, USER, LOGNAME, LANG, SLURM_CONF } = env;
  const own = { PATH, HOME, USER, LOGNAME, LANG, SLURM_CONF };
  const run = (command: string, args: readonly string[], more: object = {}) =>
    execa(command, args, {
      reject: false,
      stdin: 'ignore',
      timeout: patienceMs,
      extendEnv: false,
      env: own,
      maxBuffer: 64 * 2 ** 20,
      ...more,
    });
  let last: { at: number; jobs: Promise<JobHint[]> } | null = null;
  const jobs = (atMostMs = 0): Promise<JobHint[]> => {
    const now = performance.now();
    if (last !== null && now - last.at < atMostMs) return last.jobs;
    const asked = { at: now, jobs: list() };
    last = asked;
    asked.jobs.catch(() => {
      if (last === asked) last = null;
    });
    return asked.jobs;
  };
  const list = async (): Promise<JobHint[]> => {
    const user = String(process.getuid?.() ?? '');
    const format = '%i|%T|%r|%N|%j';
    const done = await run('squeue', ['-h', '-r', '-t', 'all', '-u', user, '-o', format]);
    if (done.exitCode !== 0) throw new RunyardError('slurm_away', `squeue: ${wordsOf(done)}`);
    return done.stdout.split('\n').flatMap((line) => {
      const [id = '', state = '', reason = '', nodes = '', ...name] = line.split('|');
      return id === '' ? [] : [{ id, state, reason, nodes, name: name.join('|') }];
    });
  };
  return {
    async submit({ script, args, env: given }) {
      // A job has the environment of its sbatch; Slurm's own settings for it are arguments.
      const inherited = Object.fromEntries(
        Object.entries(given).filter(([name]) => !/^(SBATCH_|SLURM_)/.test(name)),
      );
      const done = await run(pathOf('sbatch', env), ['--parsable', ...args], {
        input: script,
        stdin: undefined,
        env: { ...inherited, ...(SLURM_CONF === undefined ? {} : { SLURM_CONF }) },
      });
      const id = /^(\d+)/.exec(done.stdout)?.[1];
      if (done.exitCode === 0 && id !== undefined) return id;
      const words = wordsOf(done);
      throw new RunyardError(
        isAway(words) || done.exitCode === undefined ? 'slurm_away' : 'slurm_refused',
        `sbatch: ${words}`,
      );
    },
    jobs,
    async cancel({ id, name }, signal) {
      // A number that was never saved is given to somebody else's job: it is ours by its name. Not by scancel's own
      // --name, which with one task of an array that waits ends all of them.
      const known = await jobs().catch(() => []);
      if (!known.some((job) => job.id === id && job.name === name)) return;
      // With a signal, to all processes of the job, its batch script's as well; without, it is ended.
      await run('scancel', signal === undefined ? [id] : [`--signal=${signal}`, '--full', id]);
    },
  };
}

/** Looked up in our own PATH: a run's environment is the job's, and names no programs of ours. */
function pathOf(command: string, env: NodeJS.ProcessEnv): string {
  const dirs = (env.PATH ?? '').split(':').filter((dir) => dir !== '');
  const found = dirs.map((dir) => `${dir}/${command}`).find((file) => fs.existsSync(file));
  return found ?? command;
}

type Said = { stderr?: unknown; stdout?: unknown; shortMessage?: string | undefined };

function wordsOf({ stderr, stdout, shortMessage }: Said): string {
  const said = `${String(stderr ?? '')}\n${String(stdout ?? '')}`
    .split('\n')
    .map((line) => line.replace(/^(sbatch|squeue|scancel): (error: )?/, '').trim())
    .filter((line) => line !== '');
  return (said.length > 0 ? said.join('; ') : (shortMessage ?? 'no answer')).slice(0, 500);
}

const away =
  /unable to contact|connect failure|connection re(fused|set)|timed out|communicat|not responding|standby|zero bytes|configuration source|munge|authentication plugin|ENOENT/i;

/** It says nothing about the job that was to be: only that nobody was there to take it. */
function isAway(words: string): boolean {
  return away.test(words);
}
