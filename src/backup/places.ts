/** Files of a state directory that a backup takes besides the registry and the runs. */

/**
 * Credentials, so that clients and subscribers that have theirs go on. The bus's own store is not among them: its
 * streams are made anew from the registry and the runs' files.
 */
export const keptFiles = [
  'token',
  'bus/credentials.json',
  'bus/readers.json',
  'bus/owner',
] as const;
