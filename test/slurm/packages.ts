/** Slurm's programs: looked for, and installed from Debian's packages where that is possible. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

const debian = ['slurm-wlm', 'slurm-client', 'slurmctld', 'slurmd', 'munge'];
const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol'];
const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** Where a program of Slurm's lies; its name alone where it is missing. */
export function programOf(name: string): string {
  const files = places.map((dir) => path.join(dir, name));
  return files.find((file) => fs.existsSync(file)) ?? name;
}

/** Empty when a cluster can be started here, else why not, in words for `t.skip`. */
export async function slurmTrouble(): Promise<string> {
  if (process.platform !== 'linux') return 'Slurm runs on Linux only';
  if (process.getuid?.() !== 0) return 'a Slurm of its own needs root, for device files and slurmd';
  const before = missing();
  if (before === '') return '';
  const options = {
    reject: false,
    stdin: 'ignore',
    timeout: 240_000,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  } as const;
  const wait = ['-o', 'DPkg::Lock::Timeout=120', '-qq', '-y'];
  await execa('apt-get', [...wait, 'update'], options);
  const apt = ['install', '--no-install-recommends', ...debian];
  const { exitCode } = await execa('apt-get', [...wait, ...apt], options);
  if (exitCode !== 0) return `${before}; and apt-get could not install ${debian.join(', ')}`;
  return missing();
}

function missing(): string {
  const lacking = programs.filter((name) => !path.isAbsolute(programOf(name)));
  return lacking.length === 0 ? '' : `no ${lacking.join(', ')} on this machine`;
}
