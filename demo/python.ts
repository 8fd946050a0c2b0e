/**
 * A Python environment of the demo's own, with CleanRL's DQN in it.
 *
 * The one large part is torch: the CUDA build of the Python package index weighs 2.9 GB, and no CPU
 * build for Linux is there. So a torch that the machine has is used; else Debian's, 152 MB.
 */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { RunyardError } from '../src/errors.ts';
import type { Show } from './show.ts';

/** Raised when the recipe changes, so that older environments are made anew. */
const recipe = 'demo-venv 1';
const debianPackages = ['python3-venv', 'python3-torch', 'libopenblas0-pthread'];
/** `cleanrl` pins versions that do not work together; its scripts do with these. */
const withoutDependencies = ['cleanrl==1.2.0', 'stable-baselines3==2.0.0'];
const libraries = ['gymnasium==0.29.1', 'tensorboard<3', 'pandas<2.3', 'matplotlib<3.9'];
const versionOf = 'import sys, torch; print("%d.%d" % sys.version_info[:2], torch.__version__)';

/** Path of a Python that can run `-m cleanrl.dqn`; installs what is missing. */
export async function ensurePython(options: {
  /** Directory of the environment. */
  venv: string;
  show: Show;
  /** Install outside the checkout without asking. */
  yes: boolean;
}): Promise<string> {
  const { venv, show } = options;
  const python = path.join(venv, 'bin', 'python');
  const stamp = path.join(venv, 'runyard-stamp');
  if (readOr(stamp, '') === recipe && (await works(python, 'import torch, gymnasium, tensorboard')))
    return python;

  show.line('The trainer is CleanRL’s DQN, unmodified. It gets a Python environment of its own:');
  show.line(`  ${venv}`);
  const base = (await findTorch(show)) ?? (await debianTorch(options));
  fs.rmSync(venv, { recursive: true, force: true });
  const pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await show.step('Python environment, about 4 s', [
    base.python,
    ...['-m', 'venv', '--system-site-packages', venv],
  ]);
  await show.step('CleanRL 1.2.0 and stable-baselines3 2.0.0, about 5 s', [
    ...[...pip, '--no-deps', '--ignore-requires-python', ...withoutDependencies],
  ]);
  // Debian's torch was built for numpy 1; 1.24 is the last that its Python and torch were tried with.
  const numpy = minorOf(base.version) <= 11 ? 'numpy==1.24.2' : 'numpy<2';
  await show.step('gymnasium, tensorboard, pandas, matplotlib: about 70 MB, 25 s', [
    ...[...pip, numpy, ...libraries],
  ]);
  await show.step('a first import, about 5 s', [python, '-c', 'import torch, cleanrl.dqn']);
  fs.writeFileSync(stamp, recipe);
  return python;
}

type Base = { python: string; version: string };

/** The user's `python3`, or the system's, when it has a torch already. */
async function findTorch(show: Show): Promise<Base | null> {
  for (const python of ['python3', '/usr/bin/python3']) {
    const { stdout, failed } = await execa(python, ['-c', versionOf], { reject: false });
    if (failed) continue;
    const [version = '', torch = ''] = String(stdout).split(' ');
    // A venv made from a venv sees the packages of the base only.
    const isVenv = 'import sys; sys.exit(sys.prefix == sys.base_prefix)';
    if (await works(python, isVenv)) continue;
    if (!(await works(python, 'import venv, ensurepip'))) continue;
    show.line(`torch ${torch} of ${python} (Python ${version}) is used.`);
    return { python, version };
  }
  return null;
}

async function debianTorch({ show, yes }: { show: Show; yes: boolean }): Promise<Base> {
  const isRoot = process.getuid?.() === 0;
  if (!fs.existsSync('/usr/bin/apt-get') || !isRoot) throw noTorch(isRoot);
  show.line(
    'No torch was found. Outside the checkout, Debian’s would be installed (about 152 MB):',
  );
  show.line(`  apt-get install --no-install-recommends ${debianPackages.join(' ')}`);
  if (show.tty && !yes && !(await show.ask('Install them?'))) throw noTorch(isRoot);
  const apt = ['apt-get', '-o', 'DPkg::Lock::Timeout=120', '-qq', '-y'];
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  await show.step('the list of Debian’s packages, about 5 s', [...apt, 'update'], quiet, true);
  const install = [...apt, 'install', '--no-install-recommends', ...debianPackages];
  await show.step('torch from Debian: 152 MB, about 30 s', install, quiet, true);
  const python = '/usr/bin/python3';
  const { stdout } = await execa(python, ['-c', versionOf]);
  return { python, version: String(stdout).split(' ')[0] ?? '' };
}

function noTorch(isRoot: boolean): RunyardError {
  const who = isRoot ? '' : ' as root';
  return new RunyardError(
    'input_missing',
    `the demo trains with PyTorch, and no python3 here has it. One of these helps, then start again:\n` +
      `  apt-get install --no-install-recommends ${debianPackages.join(' ')}  (${who.trim() || 'Debian'}, 152 MB)\n` +
      '  pip install torch, outside of a virtual environment  (2.9 GB on Linux: the CUDA build)',
  );
}

async function works(python: string, code: string): Promise<boolean> {
  const { failed } = await execa(python, ['-c', code], { reject: false, timeout: 60_000 });
  return !failed;
}

function minorOf(version: string): number {
  return Number(version.split('.')[1] ?? 0);
}

function readOr(file: string, otherwise: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
