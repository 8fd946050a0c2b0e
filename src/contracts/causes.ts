/**
 * What a failed trainer probably failed of, as its last output and the kernel tell. A closed list; docs/reasons.md
 * has a line for each (a test compares).
 */
export const causeCodes = [
  'cuda_out_of_memory',
  'out_of_memory',
  'oom_kill',
  'not_a_number',
  'missing_module',
  'missing_library',
  'missing_command',
  'missing_file',
  'no_space',
  'cuda_error',
  'exception',
  'crash',
  'last_words',
] as const;
export type CauseCode = (typeof causeCodes)[number];
export type Cause = { code: CauseCode; text: string };

export function isCause(value: unknown): value is Cause {
  if (typeof value !== 'object' || value === null) return false;
  const { code, text } = value as Partial<Cause>;
  return typeof text === 'string' && (causeCodes as readonly unknown[]).includes(code);
}
