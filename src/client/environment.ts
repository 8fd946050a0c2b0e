/** Environments as they are uploaded: NUL-separated `NAME=value`, sorted so that equal ones are equal. */
export function encodeEnv(env: Readonly<Record<string, string | undefined>>): Buffer {
  const entries = Object.entries(env).filter(([, value]) => value !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(entries.map(([name, value]) => `${name}=${value}\0`).join(''));
}
