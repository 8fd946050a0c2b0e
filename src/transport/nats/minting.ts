/**
 * Credentials of one run's workers on an existing bus: a user's JWT, signed by a key of the account in which
 * publishers live. It names what that run's worker writes and looks up, and no other subject. It does not
 * expire: a run may take months, and a worker must not lose its bus before that. Whoever wants to end one
 * revokes it in the account's claims.
 */
import fs from 'node:fs';
import { Algorithms, encodeUser, fmtCreds } from '@nats-io/jwt';
import { createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { messageOf, RunyardError } from '../../errors.ts';
import type { BusAccess } from './access.ts';
import { workerSubjects } from './accounts.ts';

/** What signs, as text: it travels to a thread. */
export type Signer = {
  readonly seed: string;
  /** The signing key's own public key: it is the issuer of what it signs. */
  readonly issuer: string;
  /** Public key of the account. */
  readonly account: string;
};

export type SignerFiles = { readonly bus_signing_key: string; readonly bus_publishers: string };

/** The signer that the settings name; null: none. Throws bus_unavailable, naming the setting. */
export function readSigner({
  bus_signing_key: file,
  bus_publishers: account,
}: SignerFiles): Signer | null {
  if (file === '' && account === '') return null;
  if (file === '' || account === '') {
    const [has, lacks] =
      file === '' ? ['bus_publishers', 'bus_signing_key'] : ['bus_signing_key', 'bus_publishers'];
    throw new RunyardError(
      'bus_unavailable',
      `${has} is set and ${lacks} is not; they go together`,
    );
  }
  try {
    const seed = seedIn(fs.readFileSync(file, 'utf8'));
    return { seed, issuer: fromSeed(bytes(seed)).getPublicKey(), account };
  } catch (cause) {
    const text = `the file of bus_signing_key cannot be used: ${messageOf(cause)}`;
    throw new RunyardError('bus_unavailable', text, { cause });
  }
}

/** Of an account, alone or between the lines that `nsc` puts around it. */
function seedIn(text: string): string {
  const seed = /\bSA[A-Z2-7]{56}\b/.exec(text)?.[0];
  if (seed === undefined) throw new Error('there is no seed of an account (SA…) in it');
  return seed;
}

/** Takes 10 to 20 ms of computing. */
export async function mintWorker(
  signer: Signer,
  yard: string,
  runId: string,
): Promise<Pick<BusAccess, 'creds' | 'inbox'>> {
  const user = createUser();
  const inbox = inboxOf(runId);
  const rights = {
    pub: { allow: workerSubjects(yard, runId) },
    sub: { allow: [`${inbox}.>`] },
    issuer_account: signer.account,
  };
  const key = fromSeed(bytes(signer.seed));
  const jwt = await encodeUser(`${yard}-${runId}`, user, key, rights, {
    algorithm: Algorithms.v2,
  });
  return { creds: credsText(jwt, user), inbox };
}

export function credsText(jwt: string, user: KeyPair): string {
  return new TextDecoder().decode(fmtCreds(jwt, user));
}

/** Whether credentials are what would be minted now: by this key, for these subjects. */
export function isCurrent(creds: string, signer: Signer, yard: string, runId: string): boolean {
  try {
    const jwt = /^[\w-]+\.([\w-]+)\.[\w-]+$/m.exec(creds)?.[1] ?? '';
    const { iss, nats } = JSON.parse(Buffer.from(jwt, 'base64url').toString()) as {
      iss: string;
      nats: { issuer_account?: string; pub?: { allow?: string[] } };
    };
    return (
      iss === signer.issuer &&
      nats.issuer_account === signer.account &&
      String(nats.pub?.allow) === String(workerSubjects(yard, runId))
    );
  } catch {
    return false;
  }
}

/** Answers come to subjects that no other run may listen to. */
function inboxOf(runId: string): string {
  return `_INBOX_${runId}`;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
