/** TLS as the client has it, and what goes wrong with it in words that lead out. */
import net from 'node:net';
import tls from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { RunyardError } from '../errors.ts';
import type { Target } from './target.ts';

/** Throws tls_failed for what is no PEM. */
export function credentialsFor(ca: Target['ca'], host: string): ChannelCredentials {
  if (ca === undefined) return credentials.createInsecure();
  // See nameOptions: what is asked for is not what has to be in the certificate.
  const checkServerIdentity = (name: string, certificate: tls.PeerCertificate): Error | undefined =>
    tls.checkServerIdentity(net.isIP(host) === 0 ? name : host, certificate);
  if (ca === 'public') return credentials.createSsl(null, null, null, { checkServerIdentity });
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) {
    const hint = 'a file that begins with -----BEGIN CERTIFICATE-----';
    throw new RunyardError('tls_failed', 'the authority is no certificate in PEM', {
      violations: [{ field: 'ca', rule: 'must hold certificates in PEM', hint }],
    });
  }
  return credentials.createSsl(ca, null, null, { checkServerIdentity });
}

/** The library asks the server for the name by which it is called; TLS has no such question for an address. */
export function nameOptions(ca: Target['ca'], host: string): ChannelOptions {
  const asksByAddress = ca !== undefined && net.isIP(host) !== 0;
  return asksByAddress ? { 'grpc.ssl_target_name_override': 'localhost' } : {};
}

type Trouble = readonly [pattern: RegExp, rule: string, hint: string];

/** By what OpenSSL and Node say of it. */
const troubles: readonly Trouble[] = [
  [
    /altnames|hostname/i,
    'does not have that name in its certificate',
    'use a name or address that it has, or have it made for this one too (subjectAltName)',
  ],
  [/expired/i, 'has a certificate that is over', 'renew the files of tls_cert and tls_key there'],
  [/not yet valid/i, 'has a certificate that is not valid yet', 'look at the clocks of both'],
  [
    /self[- ]signed|unable to (verify|get)|certificate/i,
    'has a certificate that this authority did not sign',
    '`ca` or RUNYARD_CA: the PEM file of the authority that signed its tls_cert, or `public`',
  ],
  [
    /wrong version number|packet length|ssl3_get_record|record layer/i,
    'does not encrypt there',
    'leave `ca` and RUNYARD_CA out, or set tls_cert and tls_key in its settings',
  ],
];

/** Null: it is not about TLS. */
export function tlsFailure(
  where: string,
  ca: Target['ca'],
  error: { details?: string },
): RunyardError | null {
  const { details = '' } = error;
  if (ca === undefined) return null;
  const found = troubles.find(([pattern]) => pattern.test(details));
  if (found === undefined) return null;
  const [, rule, hint] = found;
  return new RunyardError('tls_failed', `no safe connection to ${where}`, {
    cause: error,
    violations: [{ field: where, rule, hint }],
  });
}
