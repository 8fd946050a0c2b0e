/** Environments as files: NUL-separated `NAME=value`, like /proc/PID/environ. */
import { RunyardError, type Violation } from '../errors.ts';

/** Throws `config_invalid` for what no process can have: a NUL, an empty name, a name with `=`. */
export function encodeEnv(env: Readonly<Record<string, string | undefined>>): Buffer {
  const entries = Object.entries(env).filter(([, value]) => value !== undefined);
  const violations = entries.flatMap(([name, value]) => violationOf(name, value ?? ''));
  if (violations.length > 0) {
    throw new RunyardError('config_invalid', 'the environment cannot be passed on', { violations });
  }
  return Buffer.from(entries.map(([name, value]) => `${name}=${value}\0`).join(''));
}

/** Of a name that is there twice the first counts, as for getenv. Entries without a name are left out. */
export function decodeEnv(data: Buffer): Record<string, string> {
  const env = new Map<string, string>();
  for (const entry of data.toString('utf8').split('\0')) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, at);
    if (at > 0 && !env.has(name)) env.set(name, entry.slice(at + 1));
  }
  return Object.fromEntries(env);
}

function violationOf(name: string, value: string): Violation[] {
  const field = `/env/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (name === '' || name.includes('=') || name.includes('\0')) {
    return [{ field, rule: 'name', hint: 'a name is not empty and holds neither "=" nor NUL' }];
  }
  if (value.includes('\0')) return [{ field, rule: 'value', hint: 'a value holds no NUL' }];
  return [];
}
