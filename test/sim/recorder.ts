/** A simulated recorder (docs/protocol.md, "The recorder"), which may be killed between any two steps. */
import type { ExitRecord } from '../../src/rundir/index.ts';
import type { Directory, File } from './directories.ts';
import type { Process } from './kernel.ts';
import type { Life } from './schedule.ts';
import { attemptAt, type Stage } from './stage.ts';
import { startTrainer } from './trainer.ts';

const drainGraceMs = 2000;

/** What a worker does to start one: it is on its own from then on. */
export function startRecorder(stage: Stage, dir: string, ended: () => void): void {
  // A machine that has too much to do takes its time to start a process.
  const slowestMs = stage.random.chance(0.06) ? 1_500 : 12;
  stage.schedule.after(1 + stage.random.next() * slowestMs, null, () => record(stage, dir, ended));
}

function record(stage: Stage, path: string, ended: () => void): void {
  const { machine, dirs, schedule, random, journal, trace, faults } = stage;
  const { runId, attempt } = attemptAt(path);
  const truth = journal.of(path);
  const life: Life = { name: `recorder ${runId}/${attempt}`, dead: false };
  const end = (): void => {
    life.dead = true;
    machine.end(self);
    schedule.after(random.next() * 3, null, ended);
  };
  const self = machine.spawn({
    kind: 'recorder',
    marker: null,
    session: null,
    onSignal(signal) {
      if (signal !== 'SIGKILL') return;
      truth.recorderKilled = true;
      end();
      if (trainer !== null && random.chance(0.3)) trainer.onSignal('SIGPIPE');
    },
    onReboot: () => {
      life.dead = true;
    },
  });
  let trainer: Process | null = null;
  /** The directory, unless it was removed meanwhile. */
  const dir = (): Directory | null => dirs.find(path);
  const write = <F extends File>(file: F, content: Directory[F], synced = false): void => {
    const at = dir();
    if (at === null) return;
    at[file] = content;
    if (!synced) at.unsynced.add(file);
    dirs.changed(at);
  };
  const soon = (act: () => void): void => void schedule.after(random.next() * 4, life, act);

  const begin = (): void => {
    const at = dir();
    // Of another boot, or claimed by another recorder; or it does not come as far as that.
    if (faults.chance('recorder.fails', 0.04, runId)) end();
    else if (at?.launch?.boot_id !== machine.bootId() || at.claim !== null) end();
    else {
      write('claim', { ...self.identity, generation: 1 });
      soon(check);
    }
  };
  const check = (): void => {
    const plan = stage.plans.get(dir()?.launch?.argv[1] ?? '')?.trainer;
    // What was voided before the claim must not even touch the locks.
    if (plan === undefined || dir()?.start != null) end();
    else if (plan.refused !== null) refuse({ kind: plan.refused, errno: 'ENOENT' });
    else if (machine.lock(dir()?.launch?.gpu_locks ?? [], self)) soon(start);
    else {
      truth.lockRefused = true;
      stage.violate('no-double-lease', `the kernel refused a lock of ${runId}/${attempt}`);
      refuse({ kind: 'notstarted', errno: 'EWOULDBLOCK' });
    }
  };
  const start = (): void => {
    const at = dir();
    if (at === null || at.start !== null) end();
    else {
      write('start', { voided: false, boot_id: machine.bootId(), fork: null });
      soon(fork);
    }
  };
  const fork = (): void => {
    const plan = stage.plans.get(dir()?.launch?.argv[1] ?? '')?.trainer;
    if (plan === undefined) {
      // Its directory was removed before the fork.
      end();
      return;
    }
    let written = false;
    let seen: ExitRecord | null = null;
    const finish = (): void => {
      if (seen === null || !written) return;
      truth.recorded = seen;
      write('exit', seen, true);
      drain(schedule.now() + drainGraceMs);
    };
    trainer = startTrainer(stage, self, path, plan, (ended) => {
      soon(() => {
        seen = ended;
        finish();
      });
    });
    const { pid, start_time } = trainer.identity;
    soon(() => {
      write('start', { voided: false, boot_id: machine.bootId(), fork: { pid, start_time } });
      written = true;
      finish();
    });
  };
  const drain = (until: number): void => {
    const left = machine.marked(path).length;
    if (left > 0 && schedule.now() < until) {
      schedule.after(100, life, () => drain(until));
      return;
    }
    write('drained', { alone: left === 0 });
    end();
  };
  const refuse = (exit: ExitRecord): void => {
    truth.recorded = exit;
    truth.end = exit;
    write('exit', exit, true);
    write('drained', { alone: true });
    trace.note(`recorder ${runId}/${attempt} refuses ${exit.kind}`);
    end();
  };
  soon(begin);
}
