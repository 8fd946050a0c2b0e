/** Files of a state directory that a backup takes besides the registry and the runs. */
import { auditNames } from '../audit/index.ts';

/**
 * Credentials, so that clients and subscribers that have theirs go on. The bus's own store is not among them: its
 * streams are made anew from the registry and the runs' files.
 */
export const keptFiles: readonly string[] = [
  'token',
  'bus/credentials.json',
  'bus/readers.json',
  'bus/owner',
  // Who did what until then. Where it is put back beside newer lines, those stay.
  ...auditNames,
];
