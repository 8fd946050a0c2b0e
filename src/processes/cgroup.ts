/**
 * Control groups (version 2) of attempts, where the system lets us make some. Only a group gets all
 * of a tree: children that left the session, scrubbed their environment, or fork while they die.
 */
import fs from 'node:fs';
import path from 'node:path';

/** The group below which groups of ours can be made, or null where none can. */
export function findGroupBase(): string | null {
  return groupBase().base;
}

/** What stopping a run promises here, and why. */
export type KillScope = { scope: 'every process' | 'best effort'; why: string };

export function killScope(wanted: 'auto' | 'none'): KillScope {
  const bestEffort = (why: string): KillScope => ({ scope: 'best effort', why });
  if (wanted === 'none') return bestEffort('the settings do without control groups');
  const { base, why } = groupBase();
  return base === null ? bestEffort(why) : { scope: 'every process', why };
}

function groupBase(): { base: string | null; why: string } {
  const base = ownGroup();
  if (base === null) return { base, why: 'no control groups of version 2 are mounted' };
  const probe = path.join(base, `runyard-probe-${process.pid}`);
  try {
    // Moving a process needs the right to write here too, the nearest group that both sides share.
    fs.accessSync(path.join(base, 'cgroup.procs'), fs.constants.W_OK);
    fs.mkdirSync(probe);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'refused';
    return { base: null, why: `no control group can be made below ${base} (${code})` };
  }
  try {
    // Came with Linux 5.14; without it a group ends nobody.
    return fs.existsSync(path.join(probe, 'cgroup.kill'))
      ? { base, why: `control groups below ${base}` }
      : { base: null, why: 'the kernel is older than 5.14: its control groups cannot be killed' };
  } finally {
    fs.rmdirSync(probe);
  }
}

/** The directory of our own group: mounts may show only a part of the hierarchy. */
function ownGroup(): string | null {
  const line = read('/proc/self/cgroup')
    ?.split('\n')
    .find((each) => each.startsWith('0::'));
  const mount = read('/proc/self/mountinfo')
    ?.split('\n')
    .map((each) => each.split(' '))
    .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2');
  const [root, point] = [mount?.[3], mount?.[4]];
  if (line === undefined || root === undefined || point === undefined) return null;
  const dir = path.join(point, path.relative(root, line.slice('0::'.length)));
  return fs.existsSync(path.join(dir, 'cgroup.procs')) ? dir : null;
}

/** Kills all that is in the group, at once and by the kernel. */
export function killGroup(group: string): void {
  try {
    fs.writeFileSync(path.join(group, 'cgroup.kill'), '1');
  } catch {
    // It was never made, or is gone.
  }
}

/** Processes in the group and below it. */
export function groupMembers(group: string): number[] {
  const here = (read(path.join(group, 'cgroup.procs')) ?? '').split('\n').filter(Boolean);
  return [...here.map(Number), ...below(group).flatMap(groupMembers)];
}

/** Whether anything of the group lives. Zombies do not count: they only wait for their parent. */
export function isPopulated(group: string): boolean {
  return /^populated 1$/m.test(read(path.join(group, 'cgroup.events')) ?? '');
}

/** Removes an empty group; true when it is not there any more. */
export function removeGroup(group: string): boolean {
  for (const child of below(group)) removeGroup(child);
  try {
    fs.rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function below(group: string): string[] {
  try {
    return fs
      .readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(group, entry.name));
  } catch {
    return [];
  }
}

function read(file: string): string | null {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}
