/** Small things that every part of the command line needs of what it is given. */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** For an option that may be given several times. */
export function collect(value: string, before: unknown = []): string[] {
  // Its opposite may have been given before it.
  return [...(Array.isArray(before) ? before : []), value];
}

/** Who runs this command. */
export async function userName(): Promise<string> {
  const os = await import('node:os');
  try {
    return os.userInfo().username;
  } catch {
    // An account without a name, as in containers.
    return String(process.getuid?.() ?? 'unknown');
  }
}
