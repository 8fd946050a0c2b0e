/** Drives one run of a real daemon by the events of the abstract model, and looks at what it shows. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import type { RunEvent, RunSummary } from '../../src/contracts/index.ts';
import { errnoOf } from '../../src/errors.ts';
import { attemptDir, isAlive, processStat, readClaim } from '../../src/rundir/index.ts';
import { asAfterReboot } from '../fixtures/reboot.ts';
import { until, type Yard } from '../integration/yard.ts';
import { removeTree } from '../remove-tree.ts';
import type { Shows } from './lifecycle.ts';

export type World = {
  /** What each event of the model means here. */
  readonly events: Readonly<Record<string, () => Promise<unknown>>>;
  /** Waits until everything is as the model says; throws with what differs. */
  expect(shows: Shows): Promise<void>;
  /** All events of the run, as its user can read them. */
  history(): Promise<RunEvent[]>;
  /** Leaves nothing frozen and nothing running behind. */
  leave(): Promise<void>;
};

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const puppet = path.resolve(import.meta.dirname, '../fixtures/trainers/puppet.py');
const deadlineMs = 60_000;
/** More than any path waits: the grace of a trainer that is to be stopped by a second wish alone. */
const longGraceS = 600;

/** `limitS`: of time and of silence, for the runs that have such a limit. */
export function createWorld(yard: Yard, limitS: number): World {
  const dir = fs.mkdtempSync(path.join(yard.home, 'world-'));
  const cwd = path.join(dir, 'cwd');
  fs.mkdirSync(cwd);
  const { client, home } = yard;
  let run = '';
  let blocker = '';
  const frozen = new Set<number>();

  // A daemon that has just been started may not be there for a first call.
  const get = (ref = run): Promise<RunSummary | null> => client.get(ref).catch(() => null);
  const state = (wanted: RegExp, ref = run): Promise<RunSummary> =>
    until(
      async () => {
        const found = await get(ref);
        return found !== null && wanted.test(found.state) ? found : null;
      },
      `${ref} to be ${wanted}`,
      deadlineMs,
    );
  const journal = (): string[] => {
    const file = path.join(dir, 'journal');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  /** The pid that the trainer itself wrote down. */
  const trainer = (): number =>
    Number(
      journal()
        .findLast((line) => line.startsWith('start '))
        ?.split(' ')[2] ?? 0,
    );
  const gone = (pid: number): boolean => processStat(pid)?.dead !== false;
  const kill = async (pid: number): Promise<void> => {
    assert.ok(pid > 1, 'there is a process to kill');
    process.kill(pid, 'SIGKILL');
    await until(() => gone(pid), `${pid} to be gone`, deadlineMs);
  };
  const freeze = (pid: number): void => {
    assert.ok(pid > 1, 'there is a process to freeze');
    process.kill(pid, 'SIGSTOP');
    frozen.add(pid);
  };
  const thaw = (): void => {
    for (const pid of frozen) if (!gone(pid)) process.kill(pid, 'SIGCONT');
    frozen.clear();
  };
  const attempt = async (): Promise<string> => attemptDir(home, run, (await state(/./)).attempt);
  const readIdentity = (file: string) => {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')).identity;
    } catch {
      return null;
    }
  };
  const worker = async (): Promise<number> => {
    const file = path.join(await attempt(), 'worker.json');
    const alive = () => {
      const identity = readIdentity(file);
      return identity !== null && isAlive(identity) ? Number(identity.pid) : null;
    };
    return until(alive, 'a worker', deadlineMs);
  };
  const recorder = async (): Promise<number> => readClaim(await attempt())?.pid ?? 0;
  const bus = (): number => Number(readIdentity(path.join(home, 'bus/address.json'))?.pid ?? 0);
  const order = (word: string): void => fs.appendFileSync(path.join(dir, 'orders'), `${word}\n`);
  const restarted = async (between: () => Promise<unknown> = async () => undefined) => {
    await yard.crash();
    await between();
    await yard.up();
  };
  const exits = async (code: number): Promise<void> => {
    const pid = trainer();
    order(`exit ${code}`);
    await until(() => gone(pid), 'the trainer to end', deadlineMs);
  };

  const submit = async (config: object = {}, ...moods: string[]): Promise<void> => {
    // What another path's run had is free before this one asks for it.
    await until(async () => (await client.health()).gpus_free === 1, 'a free GPU', deadlineMs);
    await add(config, ...moods);
  };
  const add = async (config: object, ...moods: string[]): Promise<void> => {
    const command = ['python3', '-I', '-S', puppet, dir, ...moods];
    ({ run_id: run } = await client.submit({ command, cwd, gpus: 1, ...config }, { env }));
  };
  /** Another run that has the GPU. */
  const block = async (command: string[]): Promise<void> => {
    await until(async () => (await client.health()).gpus_free === 1, 'a free GPU', deadlineMs);
    const config = { command, cwd: dir, gpus: 1 };
    ({ run_id: blocker } = await client.submit(config, { env }));
    await state(/^running/, blocker);
  };
  const otherEnds = async (code: number): Promise<void> => {
    fs.writeFileSync(path.join(dir, 'code.new'), String(code));
    fs.renameSync(path.join(dir, 'code.new'), path.join(dir, 'code'));
    await state(/^done/, blocker);
  };
  /**
   * Lets the GPU go, and kills the recorders of that many attempts after their claim and before their
   * start: there they read the environment, of which a FIFO makes a place to wait.
   */
  const killEarly = async (attempts: number): Promise<void> => {
    const file = path.join(home, 'runs', run, 'env');
    const kept = fs.readFileSync(file);
    fs.rmSync(file);
    await execa('mkfifo', ['-m', '600', file]);
    await client.stop(blocker, { now: true });
    for (let each = 1; each <= attempts; each += 1) {
      const at = attemptDir(home, run, each);
      const held: number[] = [];
      const claimant = (): number | null => {
        const claim = readClaim(at);
        if (claim !== null) return claim.pid;
        // The daemon reads it too, and always before it launches a recorder.
        const fd = feed(file, kept, () => readClaim(at) === null);
        if (fd !== null) held.push(fd);
        return null;
      };
      const pid = await until(claimant, `a recorder of attempt ${each}`, deadlineMs);
      if (each === attempts) {
        fs.writeFileSync(`${file}.new`, kept, { mode: 0o600 });
        fs.renameSync(`${file}.new`, file);
      }
      await kill(pid);
      held.forEach(fs.closeSync);
    }
  };
  const ana = { user: 'ana', reason: 'wrong lr' };

  const events: World['events'] = {
    'user submits': () => submit(),
    'user submits while no GPU is free': async () => {
      await block(['sleep', '600']);
      await add({});
    },
    'user submits a run that is held': () => submit({ hold: true }),
    'user submits a run that waits for the success of another': async () => {
      // It ends with the code that somebody writes.
      await block(['sh', '-c', 'until test -s code; do sleep 0.05; done; exit $(cat code)']);
      await add({ after: [{ run: blocker }] });
    },
    'the other one succeeds': () => otherEnds(0),
    'the other one fails': () => otherEnds(1),
    'user holds': () => client.hold(run, ana),
    'user releases': () => client.release(run, ana),
    'user submits a trainer that ignores SIGTERM': () =>
      submit({ stop: { grace_s: longGraceS } }, 'stubborn'),
    'user submits a trainer that ignores SIGTERM, with a short grace': () =>
      submit({ stop: { grace_s: 0.2 } }, 'stubborn'),
    'user submits with a time limit': () => submit({ time_limit_s: limitS }),
    'user submits with a stall limit': () => submit({ stall_limit_s: limitS }),
    'user submits with a retry': () => submit({ retry: { max: 1, on: ['exit'], backoff_s: 0 } }),
    'user submits with a retry after an hour': () =>
      submit({ retry: { max: 1, backoff_s: 3600, backoff_max_s: 3600 } }),
    'user submits with a stop rule': () => submit({ stop_when: { key: 'loss', above: 5 } }),
    'metric is where it was to end': async () => order('loss 7'),
    'user submits a file that cannot be executed': async () => {
      const program = path.join(cwd, 'program');
      fs.writeFileSync(program, 'not a program\n', { mode: 0o755 });
      await submit({ command: [program] });
    },
    'a GPU becomes free': () => client.stop(blocker, { now: true }),
    'working directory is removed': async () => removeTree(cwd),
    'a GPU becomes free, and the recorder dies before its start': () => killEarly(1),
    'a GPU becomes free, and each recorder dies before its start': () => killEarly(4),
    'user stops': () => client.stop(run, ana),
    'user stops now': () => client.stop(run, { ...ana, now: true }),
    'somebody else stops too': () => client.stop(run, { user: 'ben', reason: 'me too' }),
    'user pauses': () => client.pause(run, ana),
    'user resumes': () => client.resume(run, ana),
    'trainer exits 0': () => exits(0),
    'trainer exits 3': () => exits(3),
    'trainer exits 3 while no daemon lives': () => restarted(() => exits(3)),
    'trainer exits 0 while neither daemon nor worker lives': async () => {
      const pid = await worker();
      await restarted(async () => {
        await kill(pid);
        await exits(0);
      });
    },
    'trainer is killed by a signal': () => kill(trainer()),
    'trainer falls silent': async () => order('hush'),
    'daemon is killed': () => restarted(),
    'daemon is told to end, and started again': async () => {
      await client.shutdown();
      await until(
        () => gone(yard.daemonPid()),
        'the daemon to end although a run lives',
        deadlineMs,
      );
      await yard.up();
    },
    'worker is killed': async () => {
      await kill(await worker());
      await worker();
    },
    'recorder is killed': async () => kill(await recorder()),
    'recorder and trainer are killed while the worker is frozen': async () => {
      freeze(await worker());
      await kill(await recorder());
      await kill(trainer());
      thaw();
    },
    'bus is killed': () => kill(bus()),
    'trainer exits 0, and nobody waits for its output': async () => {
      await exits(0);
      await state(/^(stopping.collecting|done)/);
      await client.stop(run, { now: true });
    },
    'worker freezes too': async () => freeze(await worker()),
    'worker freezes': async () => freeze(await worker()),
    'recorder freezes': async () => freeze(await recorder()),
    'bus freezes': async () => freeze(bus()),
    'worker goes on': async () => thaw(),
    'recorder goes on': async () => thaw(),
    'bus goes on': async () => thaw(),
    'run directory is removed': async () => removeTree(await attempt()),
    'run directory is removed while no daemon lives': async () => {
      const at = await attempt();
      await restarted(async () => removeTree(at));
    },
    'time limit passes': () => state(/^(stopping|done)/),
    'stall limit passes': async () => {
      // Seen by the heartbeats of its worker, not by our own clock.
      const beat = async () => Date.parse((await get())?.last_heartbeat ?? '');
      const since = await until(beat, 'a heartbeat', deadlineMs);
      await until(
        async () => (await beat()) - since > 1500 * limitS,
        'the worker to live on for longer than the limit',
        deadlineMs,
      );
    },
    'machine is restarted': async () => {
      const pids = [await worker(), await recorder(), trainer()];
      const at = await attempt();
      await restarted(async () => {
        for (const pid of pids) if (!gone(pid)) await kill(pid);
        asAfterReboot(at);
      });
    },
  };

  const differs = async (shows: Shows): Promise<string[]> => {
    const found = shows.state === null ? null : await get();
    if (shows.state === null) return [];
    if (found === null) return ['the daemon does not answer'];
    const wrong: string[] = [];
    const same = (what: string, is: unknown, wanted: unknown): void => {
      const fits = Array.isArray(wanted) ? wanted.includes(is) : is === wanted;
      if (!fits) wrong.push(`${what} is ${String(is)}, not ${String(wanted)}`);
    };
    const { gpus_free: free } = await client.health();
    const pid = trainer();
    const stat = processStat(pid);
    const life = pid === 0 ? 'never' : gone(pid) ? 'over' : stat?.stopped ? 'stopped' : 'runs';
    same('state', found.state, shows.state);
    same('attempt', found.attempt, shows.attempt ?? 1);
    same('reason', found.failure_reason?.code, shows.reason);
    same('who stopped it', found.stop_user, shows.stoppedBy ?? '');
    same('exited', found.exited, shows.exit !== undefined);
    if (shows.exit !== undefined) {
      same('exit', found.exit_signal || found.exit_code, shows.exit);
    }
    const over = shows.state.startsWith('done');
    same(
      'GPUs held',
      found.gpu_slots.length,
      shows.gpu === 'held' ? 1 : over ? found.gpu_slots.length : 0,
    );
    same('free GPUs', free, shows.gpu === 'free' ? 1 : 0);
    same('trainer', life, shows.trainer);
    if (life === 'runs' || life === 'stopped') same('pid', found.pid, pid);
    return wrong;
  };

  return {
    events,
    async expect(shows) {
      let wrong: string[] = [];
      await until(
        async () => {
          wrong = await differs(shows).catch((error: unknown) => [String(error)]);
          return wrong.length === 0;
        },
        '',
        deadlineMs,
      ).catch(() => assert.fail(`of run ${run}, ${wrong.join('; ')}`));
      // What is written down by the trainer alone: no attempt was started twice.
      assert.ok(!journal().some((line) => line.startsWith('twice')), journal().join('; '));
      const starts = journal().filter((line) => line.startsWith('start '));
      const wanted = shows.starts ?? (shows.trainer === 'never' ? 0 : 1);
      assert.equal(starts.length, wanted, journal().join('; '));
    },
    async history() {
      const all = await yard.events(run);
      assert.deepEqual(
        all.map(({ seq }) => seq),
        all.map((_, index) => index + 1),
        'its events are 1, 2, 3 …',
      );
      return all;
    },
    async leave() {
      thaw();
      for (const ref of [run, blocker].filter((each) => each !== '')) {
        await client.stop(ref, { now: true });
        await state(/^done/, ref);
      }
      const left = fs.readdirSync('/proc').filter((name) => {
        try {
          return fs.readFileSync(`/proc/${name}/environ`, 'latin1').includes(`RUN_ID=${run}\0`);
        } catch {
          return false;
        }
      });
      assert.deepEqual(left, [], 'nothing of the run is left');
    },
  };
}

/**
 * Gives the content to whoever waits at the FIFO; nobody waits: nothing happens. Null, unless `may` does
 * not hold any more: then the descriptor, open, so that whoever waits goes on waiting.
 */
function feed(fifo: string, content: Buffer, may: () => boolean): number | null {
  try {
    const fd = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    if (!may()) return fd;
    fs.writeSync(fd, content);
    fs.closeSync(fd);
  } catch (error) {
    if (errnoOf(error) !== 'ENXIO') throw error;
  }
  return null;
}
