/**
 * What is to be thought of a job. Pure. The truth is what our own worker on the node says; what Slurm says counts
 * only where nothing was heard of that worker for a while, and then only when it says so for a while.
 *
 *   J1  Whoever was heard of lately lives, whatever Slurm says.
 *   J2  A job that Slurm does not mention is not over by that: it is lost after `lostAfterMs` of silence.
 *   J3  While Slurm does not answer, nothing is concluded.
 *   J4  Nothing is ever concluded to be completed: that is said by an exit record, or by nobody.
 *   J5  A job that runs for Slurm and whose worker says nothing for `silentMostMs` is ended there, and then lost: with
 *       its slurmstepd killed, Slurm would call it running for ever.
 */
export type JobView = {
  /** A start of it has the attempt. */
  readonly claimed: boolean;
  /** Milliseconds since its worker was heard of, or since the claim; null: never. */
  readonly heardMs: number | null;
  /** Its state in Slurm's last answer; null: it was not mentioned. */
  readonly state: string | null;
  readonly reason: string;
  readonly nodes: string;
  readonly job: string;
  /** How long Slurm has said so without a break, by its answers. */
  readonly forMs: number;
  /** Milliseconds since Slurm's last answer; null: none so far. */
  readonly answeredMs: number | null;
  /** Another start of the job, or of a copy of it, was turned away: on which node. */
  readonly again: string | null;
  /** Its silence was too long, and we have had Slurm end it. */
  readonly gaveUp: boolean;
};

export type JobVerdict =
  /** `text`: for people, what it waits for; empty: nothing is special. */
  | { kind: 'wait'; text: string }
  /** It has said nothing for too long: Slurm is to end it, unless it is the bus that is away. */
  | { kind: 'end'; text: string }
  /** Nothing of it runs, nor will. */
  | { kind: 'gone'; status: 'failed' | 'lost'; code: JobCode; text: string };

export type JobCode =
  | 'node_failed'
  | 'preempted'
  | 'time_limit'
  | 'out_of_memory'
  | 'cancelled_elsewhere'
  | 'job_failed'
  | 'job_lost'
  | 'job_restarted';

export type Patience = {
  /** How long a worker may be silent before Slurm is asked about it. */
  readonly silentMs: number;
  /** How long a job may be over for Slurm, its worker silent, before it is over for us. */
  readonly sureMs: number;
  /** How long a job may be unknown to Slurm, its worker silent, before it is lost. */
  readonly lostAfterMs: number;
  /** How long a worker may be silent, its job running for Slurm, before Slurm is asked to end it. */
  readonly silentMostMs: number;
};

/** Answers older than this say nothing about now. */
const freshMs = 60_000;

export function judgeJob(view: JobView, patience: Patience): JobVerdict {
  const { state, job } = view;
  const answers = view.answeredMs !== null && view.answeredMs < freshMs;
  const silent = view.heardMs === null || view.heardMs > patience.silentMs;
  if (view.claimed && !silent) return wait('');
  if (!answers)
    return wait(
      view.answeredMs === null
        ? `job ${job}: Slurm has not answered so far`
        : `job ${job}: Slurm has not answered for ${Math.round(view.answeredMs / 1000)} s`,
    );
  if (view.claimed && view.again !== null && silent)
    return gone(
      'lost',
      'job_restarted',
      `Slurm started job ${job} a second time, on ${view.again}: it was turned away there, and the first start is gone`,
    );
  if (state === null) {
    if (view.forMs < patience.lostAfterMs)
      return wait(`job ${job}: unknown to Slurm for ${Math.round(view.forMs / 1000)} s`);
    return gone(
      'lost',
      'job_lost',
      `job ${job} has said nothing, and Slurm has not known it for ${Math.round(view.forMs / 1000)} s`,
    );
  }
  const ended = endOf(state, view);
  if (ended !== null && view.forMs < patience.sureMs) return wait(`job ${job} is ${state}`);
  if (ended !== null) return view.claimed ? ofBegun(ended, view) : ended;
  // Its controller has forgotten that it ran: it is killed, and waits again, perhaps for ever.
  if (view.claimed && state === 'PENDING' && view.forMs >= patience.lostAfterMs)
    return gone(
      'lost',
      'job_restarted',
      `job ${job} ran, and waits in Slurm again: its first start is gone`,
    );
  const quietMs = view.heardMs ?? 0;
  if (view.claimed && quietMs > patience.lostAfterMs && view.forMs > 0) {
    const text = `job ${job} on ${view.nodes} has said nothing for ${Math.round(quietMs / 1000)} s; for Slurm it is ${state}`;
    const isToEnd = quietMs > patience.silentMostMs && state !== 'PENDING' && !view.gaveUp;
    return isToEnd ? { kind: 'end', text } : wait(text);
  }
  return wait(waitText(view));
}

/** Of a job that has begun, and of whose worker nothing more is heard. */
function ofBegun(ended: Gone, { job, nodes, gaveUp }: JobView): Gone {
  if (gaveUp)
    return gone(
      'lost',
      'job_lost',
      `job ${job} on ${nodes} had said nothing for too long, and was ended in Slurm`,
    );
  // Whatever its batch script ended with: how its trainer did is not known.
  return ended.code === 'job_failed' ? gone('lost', 'job_lost', ended.text) : ended;
}

type Gone = Extract<JobVerdict, { kind: 'gone' }>;

/** What Slurm's final state of a job means; null: it is none. */
export function endOf(
  state: string,
  { job, nodes, reason }: Pick<JobView, 'job' | 'nodes' | 'reason'>,
): Gone | null {
  const on = nodes === '' ? '' : ` on ${nodes}`;
  switch (state) {
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return gone('lost', 'node_failed', `the node of job ${job} failed${on}`);
    case 'PREEMPTED':
      return gone('failed', 'preempted', `job ${job} was preempted${on}`);
    case 'TIMEOUT':
    case 'DEADLINE':
      return gone('failed', 'time_limit', `Slurm ended job ${job}${on} at its time limit`);
    case 'OUT_OF_MEMORY':
      return gone(
        'failed',
        'out_of_memory',
        `job ${job}${on} took more memory than it had asked for`,
      );
    case 'CANCELLED':
    case 'REVOKED':
      return gone(
        'failed',
        'cancelled_elsewhere',
        `job ${job} was cancelled in Slurm, not by runyard`,
      );
    case 'FAILED':
    case 'COMPLETED':
      return gone(
        'failed',
        'job_failed',
        `job ${job}${on} ended without a word of its worker${reason === '' || reason === 'None' ? '' : `: ${reason}`}`,
      );
    default:
      return null;
  }
}

/** Slurm's reasons that people meet most, in words; others as they are. */
const reasons: Readonly<Record<string, string>> = {
  Resources: 'waits for free nodes',
  Priority: 'others come first',
  QOSMaxJobsPerUserLimit: 'the limit of jobs of its user is reached',
  QOSMaxGRESPerUser: 'the limit of GPUs of its user is reached',
  AssocGrpGRES: 'the limit of GPUs of its account is reached',
  AssocMaxJobsLimit: 'the limit of jobs of its account is reached',
  JobArrayTaskLimit: 'the limit of its array is reached',
  BeginTime: 'its begin is later',
  Dependency: 'waits for another job',
  JobHeldUser: 'held by its user in Slurm: scontrol release',
  JobHeldAdmin: 'held by an administrator of Slurm',
  ReqNodeNotAvail: 'the nodes that it asks for are not available',
  PartitionDown: 'its partition is down',
  PartitionTimeLimit: 'it asks for more time than its partition allows',
  BadConstraints: 'no node can ever fulfil what it asks for',
};

function waitText({ job, state, reason, nodes, claimed }: JobView): string {
  if (claimed) return '';
  if (state === 'RUNNING' || state === 'CONFIGURING')
    return `job ${job} begins on ${nodes === '' ? 'its node' : nodes}`;
  const key = reason.split(',')[0]?.trim() ?? '';
  const words = reasons[key];
  const why =
    key === '' || key === 'None' ? '' : `: ${key}${words === undefined ? '' : `, ${words}`}`;
  return `job ${job} waits in Slurm${why}`;
}

function wait(text: string): JobVerdict {
  return { kind: 'wait', text };
}

function gone(status: 'failed' | 'lost', code: JobCode, text: string): Gone {
  return { kind: 'gone', status, code, text };
}
