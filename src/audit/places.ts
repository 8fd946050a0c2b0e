/** Where the lines are: the newest in `audit.jsonl`, older ones beside it, numbered from the newest on. */
import path from 'node:path';

export const fileMaxBytes = 16 * 2 ** 20;
export const oldFiles = 3;

/** Names in the state directory, the newest first. */
export const auditNames = Array.from({ length: oldFiles + 1 }, (_, n) =>
  n === 0 ? 'audit.jsonl' : `audit.${n}.jsonl`,
);

export function auditFiles(root: string): string[] {
  return auditNames.map((name) => path.join(root, name));
}
