/**
 * Arrows of the real chart that no user, no trainer and no killed process of ours takes for sure, each
 * with what it needs. All of them are taken in `run-paths.test.ts`, by the pure chart.
 */
const crash = 'an effect whose own code throws';
const moment = 'a wish or a fact within the milliseconds of a state';
const disk = 'a disk or a registry that fails';
const cluster =
  'a place that a cluster gives out and takes away (test/integration/slurm-faults.test.ts)';
const undying = 'a process that SIGKILL does not end';

export const onlyByFaults: Readonly<Record<string, string>> = {
  'allocating run.stop stopping.releasing': moment,
  'allocating allocation.ended stopping.releasing': cluster,
  'running allocation.ended stopping.releasing': cluster,
  'running allocation.expiring stopping.terminating': cluster,
  'stopping.terminating allocation.ended stopping.releasing': cluster,
  'stopping.killing allocation.ended stopping.releasing': cluster,
  'stopping.collecting allocation.ended stopping.releasing': cluster,
  'allocating effect.failed stopping.releasing': disk,
  'allocating.preflight xstate.error.actor.preflight stopping.releasing': crash,
  'allocating.leasing slots.refused queued': 'a lease row that the allocator knows nothing of',
  'allocating.leasing xstate.error.actor.lease stopping.releasing': crash,
  'running effect.failed stopping.terminating': disk,
  'running xstate.error.actor.watch stopping.killing': crash,
  'running xstate.error.actor.timeLimit stopping.killing': crash,
  'running.starting launch.failed stopping.terminating': 'a recorder program that cannot run',
  'running.starting start.timed_out stopping.terminating': 'two minutes without any worker',
  'running.starting xstate.error.actor.launch stopping.terminating': crash,
  'running.starting xstate.error.actor.startBy stopping.killing': crash,
  'running.paused xstate.error.actor.pause stopping.killing': crash,
  'running.resuming xstate.error.actor.resume stopping.killing': crash,
  'stopping.terminating attempt.voided stopping.releasing': moment,
  'stopping.terminating effect.failed stopping.killing': disk,
  'stopping.terminating xstate.error.actor.terminate stopping.killing': crash,
  'stopping.terminating xstate.error.actor.grace stopping.killing': crash,
  'stopping.killing machine.rebooted stopping.collecting': moment,
  'stopping.killing attempt.lost stopping.releasing': moment,
  'stopping.killing attempt.voided stopping.releasing': moment,
  'stopping.killing xstate.error.actor.kill stopping.collecting': crash,
  'stopping.killing xstate.error.actor.patience stopping.collecting': crash,
  'stopping.collecting effect.failed stopping.releasing': disk,
  'stopping.collecting attempt.lost stopping.releasing': moment,
  'stopping.collecting leftovers.survived ': undying,
  // Taken, unless the machine is so busy that the wait for the bus is over first.
  'stopping.collecting run.stop stopping.releasing': moment,
  'stopping.collecting trainer.exited ': moment,
  'stopping.collecting xstate.error.actor.collect stopping.releasing': crash,
  'stopping.releasing leftovers.survived stopping.releasing': undying,
  'stopping.releasing xstate.error.actor.release done.failed': crash,
};
