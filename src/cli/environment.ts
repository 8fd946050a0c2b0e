/** The environment that a submitted run gets: the shell's, less what belongs to the shell alone. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '../errors.ts';
import { type Env, usage } from './context.ts';

/** Of the terminal, of the session, and our own markers: wrong or misleading in a run. */
const denied: readonly RegExp[] = [
  /^SSH_/,
  /^TMUX/,
  /^STY$/,
  /^CUDA_VISIBLE_DEVICES$/,
  /^TERM$/,
  /^TERM_/,
  /^TERMINFO/,
  /^COLORTERM$/,
  /^WINDOWID$/,
  /^(COLUMNS|LINES)$/,
  // Different in every call: with them no two submits under one key would ever be the same.
  /^(_|SHLVL|OLDPWD)$/,
  /^RUNYARD_(RUN_ID|ATTEMPT|RUN_DIR|METRICS|AUTOSTART|TOKEN|ADDRESS|CA|INSECURE|FAILPOINTS|NATS_URL)$/,
  /^TRACEPARENT$/,
];

/** The trainer's environment. Throws usage for malformed assignments. */
export function runEnvironment(input: {
  shell: Env;
  cwd: string;
  assignments: readonly string[];
  files: readonly string[];
  clean: boolean;
}): Record<string, string> {
  const { shell, cwd, assignments, files, clean } = input;
  const env: Record<string, string> = {};
  if (!clean) {
    for (const [name, value] of Object.entries(shell)) {
      if (value !== undefined && !denied.some((rule) => rule.test(name))) env[name] = value;
    }
  }
  for (const file of files) Object.assign(env, readEnvFile(path.resolve(cwd, file)));
  for (const text of assignments) {
    const at = text.indexOf('=');
    if (at < 1) throw usage('--env', `must be NAME=VALUE, not "${text}"`, '--env SEED=1');
    env[text.slice(0, at)] = text.slice(at + 1);
  }
  return env;
}

/** Our own processes must not carry the marker of a run that called us, nor what would end them. */
export function daemonEnvironment(shell: Env): Record<string, string> {
  const marker = /^RUNYARD_(RUN_ID|ATTEMPT|RUN_DIR|METRICS|FAILPOINTS)$/;
  return Object.fromEntries(
    Object.entries(shell).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !marker.test(entry[0]),
    ),
  );
}

/** `NAME=value` lines; `#` comments, `export` and quotes as in a shell, nothing is expanded. */
export function parseEnvFile(text: string, file: string): Record<string, string> {
  const env: Record<string, string> = {};
  text.split(/\r?\n/).forEach((line, index) => {
    if (/^\s*(#|$)/.test(line)) return;
    const match = /^\s*(?:export\s+)?([^=\s]+)=(.*)$/.exec(line);
    if (match === null) {
      throw usage('--env-file', `line ${index + 1} of ${file} is not NAME=value`);
    }
    const [, name = '', raw = ''] = match;
    const quoted = /^(["'])(.*)\1\s*$/.exec(raw);
    env[name] = quoted?.[2] ?? raw.trimEnd();
  });
  return env;
}

function readEnvFile(file: string): Record<string, string> {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw usage('--env-file', `${file} cannot be read: ${messageOf(error)}`);
  }
  return parseEnvFile(text, file);
}
