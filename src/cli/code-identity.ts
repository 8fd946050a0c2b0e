/** Which code is about to run: commit, uncommitted changes, script, interpreter. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

export type CodeIdentity = {
  code: {
    commit?: string;
    dirty?: boolean;
    diff_sha256?: string;
    script?: string;
    script_sha256?: string;
    interpreter?: string;
  };
  /** The uncommitted changes, when they are small enough to be kept. */
  diff: Buffer | null;
};

const diffMax = 2 ** 20;
/** A slow file system must not hold up a submit: identity is then left out. */
const gitTimeoutMs = 5000;
const scriptNames = /\.(py|sh|bash|ts|js|mjs|rb|pl|jl|R|lua|ipynb)$/;

export async function codeIdentity(input: {
  command: readonly string[];
  cwd: string;
  searchPath: string;
}): Promise<CodeIdentity> {
  const { command, cwd, searchPath } = input;
  const git = await gitState(cwd);
  const interpreter = findProgram(command[0] ?? '', cwd, searchPath);
  return {
    code: {
      ...git.code,
      ...scriptOf(command, cwd),
      ...(interpreter === null ? {} : { interpreter }),
    },
    diff: git.diff,
  };
}

async function gitState(cwd: string): Promise<CodeIdentity> {
  if (!insideWorkTree(cwd)) return { code: {}, diff: null };
  const run = (args: string[]) =>
    execa('git', args, {
      cwd,
      encoding: 'buffer',
      stripFinalNewline: false,
      timeout: gitTimeoutMs,
      maxBuffer: 64 * diffMax,
      // Asking must change nothing, not even the index.
      env: { GIT_OPTIONAL_LOCKS: '0' },
    }).then(
      ({ stdout }) => Buffer.from(stdout),
      () => null,
    );
  const [head, status, diff] = await Promise.all([
    run(['rev-parse', 'HEAD']),
    run(['status', '--porcelain', '--untracked-files=no']),
    run(['diff', '--no-ext-diff', '--binary', 'HEAD']),
  ]);
  if (head === null || status === null) return { code: {}, diff: null };
  const commit = head.toString().trim();
  if (status.length === 0) return { code: { commit, dirty: false }, diff: null };
  if (diff === null) return { code: { commit, dirty: true }, diff: null };
  return {
    code: { commit, dirty: true, diff_sha256: sha256(diff) },
    diff: diff.length <= diffMax ? diff : null,
  };
}

/** Spares a process where there is nothing to ask. */
function insideWorkTree(cwd: string): boolean {
  for (let dir = cwd; ; dir = path.dirname(dir)) {
    if (fs.existsSync(path.join(dir, '.git'))) return true;
    if (dir === path.dirname(dir)) return false;
  }
}

/** The first word of the command that is a script's file, else the program if it is a script itself. */
function scriptOf(command: readonly string[], cwd: string): CodeIdentity['code'] {
  for (const word of command) {
    const script = scriptNames.test(word) ? read(path.resolve(cwd, word)) : null;
    if (script !== null) return script;
  }
  const [program = ''] = command;
  const script = program.includes('/') ? read(path.resolve(cwd, program), '#!') : null;
  return script ?? {};
}

/** Null when it is no file, e.g. an option's value, or does not begin as asked. */
function read(file: string, begin = ''): CodeIdentity['code'] | null {
  try {
    const data = fs.readFileSync(file);
    if (!data.subarray(0, begin.length).equals(Buffer.from(begin))) return null;
    return { script: file, script_sha256: sha256(data) };
  } catch {
    return null;
  }
}

/** As execvp would find it. A link stays a link: that is how virtual environments are known. */
export function findProgram(program: string, cwd: string, searchPath: string): string | null {
  const places = program.includes('/') ? [''] : searchPath.split(':');
  for (const place of places) {
    const file = path.resolve(cwd, place, program);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (program !== '' && fs.statSync(file).isFile()) return file;
    } catch {
      // Look further.
    }
  }
  return null;
}

function sha256(data: Buffer): string {
  return crypto.createHash('sha256').update(data).digest('hex');
}
