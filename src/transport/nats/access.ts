/** How one proves who one is to an existing bus, and knows that it is the right one: what its files say. */
import fs from 'node:fs';
import { messageOf, RunyardError } from '../../errors.ts';

/** Texts, not paths: they travel to workers on other machines. Null: none. */
export type BusAccess = {
  /** PEM. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** A user's JWT and seed, as `nsc` and `runyard bus init` write them. */
  readonly creds: string | null;
  /** First token of the subjects for answers, where others are forbidden. */
  readonly inbox: string | null;
};

/** The settings that name files. Empty: none. */
export type AccessFiles = {
  readonly bus_ca: string;
  readonly bus_cert: string;
  readonly bus_key: string;
  readonly bus_creds: string;
};

/** Read anew for each connection, so that files may be replaced. Throws bus_unavailable, naming the setting. */
export function readAccess(files: AccessFiles): BusAccess {
  const { bus_cert: cert, bus_key: key } = files;
  if ((cert === '') !== (key === '')) {
    const [has, lacks] = cert === '' ? ['bus_key', 'bus_cert'] : ['bus_cert', 'bus_key'];
    throw new RunyardError(
      'bus_unavailable',
      `${has} is set and ${lacks} is not; they go together`,
    );
  }
  return {
    ca: textOf(files, 'bus_ca'),
    cert: textOf(files, 'bus_cert'),
    key: textOf(files, 'bus_key'),
    creds: textOf(files, 'bus_creds'),
    inbox: null,
  };
}

function textOf(files: AccessFiles, setting: keyof AccessFiles): string | null {
  const file = files[setting];
  if (file === '') return null;
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (cause) {
    const text = `the file of ${setting} cannot be read: ${messageOf(cause)}`;
    throw new RunyardError('bus_unavailable', text, { cause });
  }
}
