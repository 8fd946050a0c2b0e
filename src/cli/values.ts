/** Small things that every part of the command line needs of what it is given. */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** For an option that may be given several times. */
export function collect(value: string, before: unknown = []): string[] {
  // Its opposite may have been given before it.
  return [...(Array.isArray(before) ? before : []), value];
}
