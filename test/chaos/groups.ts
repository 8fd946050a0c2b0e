/** Groups of runs that are submitted in one call, watched until they are over, and some of them stopped as a whole. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupSummary } from '../../src/contracts/index.ts';
import type { LoadedRun } from './load.ts';
import type { Random } from './random.ts';
import { tenaciously } from './tenacity.ts';
import type { ChaosYard } from './yard.ts';

export type LoadedGroup = {
  name: string;
  members: readonly LoadedRun[];
  atOnce: number;
  problems: string[];
};

const lostAnswerMs = 40;

/** What each group's configurations have besides. */
export function groupPlan(number: number, random: Random) {
  const atOnce = random.chance(0.6) ? random.between(1, 2) : 0;
  return {
    name: `group-${number}`,
    size: random.between(3, 6),
    atOnce,
    config: { group: `group-${number}`, ...(atOnce > 0 ? { at_once: atOnce } : {}) },
    /** The client sends all of it twice, as one that lost its answer would. */
    againAfterMs: random.chance(0.3) ? random.between(0, lostAnswerMs) : null,
    stopAfterMs: random.chance(0.3) ? random.between(0, 5000) : null,
  };
}
export type GroupPlan = ReturnType<typeof groupPlan>;

/** Submits all of them in one call; each then knows its id. */
export async function submitGroup(
  { client }: ChaosYard,
  { againAfterMs }: GroupPlan,
  members: readonly LoadedRun[],
  env: Record<string, string>,
): Promise<void> {
  const submits = members.map(({ plan: { config, key } }) => ({ config, key }));
  const submit = (): Promise<void> =>
    tenaciously(async () => {
      let at = 0;
      for await (const { run_id: id } of client.submitMany(submits, { env, user: 'c' })) {
        members[at]?.ids.add(id);
        at += 1;
      }
    });
  const again = againAfterMs === null ? null : sleep(againAfterMs).then(submit);
  await Promise.all([submit(), again]);
}

/** Follows a group that was submitted until none of it is under way. */
export async function watchGroup(
  { client }: ChaosYard,
  group: LoadedGroup,
  { stopAfterMs }: GroupPlan,
): Promise<void> {
  const { name, members, atOnce, problems } = group;
  const stop = async (): Promise<void> => {
    if (stopAfterMs === null) return;
    await sleep(stopAfterMs);
    for (const member of members) member.stopTried = true;
    await tenaciously(async () => {
      for await (const _ of client.stopGroup(name, { reason: 'chaos', user: 'c', now: false }));
    });
    for (const member of members) {
      const [id = ''] = member.ids;
      const { status, attempt } = await tenaciously(() => client.get(id));
      member.stoppedAt = attempt;
      if (status === 'queued') problems.push(`${id} waits although its group was stopped`);
    }
  };
  const watched = tenaciously(async () => {
    for await (const { allocating, running, stopping } of client.watchGroup(name)) {
      const live = allocating + running + stopping;
      if (atOnce > 0 && live > atOnce) problems.push(`${live} of at most ${atOnce} at once`);
    }
  });
  await Promise.all([stop(), watched]);
}

/** What the group says of itself at the end, beside what its members say. */
export function groupComplaint(group: GroupSummary, members: readonly LoadedRun[]): string | null {
  const of = (status: string) => members.filter(({ done }) => done?.status === status).length;
  const expected = [members.length, of('completed'), of('failed'), of('cancelled')];
  const told = [group.runs, group.completed, group.failed, group.cancelled];
  if (group.finished_at === '') return `it is ${group.state}`;
  return String(told) === String(expected) ? null : `${told} are told, and ${expected} are there`;
}
