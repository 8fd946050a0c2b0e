/** TLS for gRPC whose certificate can be another one for the connections to come. */
import { ServerCredentials } from '@grpc/grpc-js';
import type { Pair, Tls } from '../tls/index.ts';

type Context = { cert: Buffer[]; key: Buffer[] };

class RenewedCredentials extends ServerCredentials {
  constructor(tls: Tls) {
    // ALPN is the library's. What is older than 1.2 no client of gRPC speaks.
    super({ minVersion: 'TLSv1.2' }, contextOf(tls.pair()));
    tls.onRenewed((pair) => this.updateSecureContextOptions(contextOf(pair)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

export function credentialsOf(tls: Tls | null): ServerCredentials {
  return tls === null ? ServerCredentials.createInsecure() : new RenewedCredentials(tls);
}

function contextOf({ cert, key }: Pair): Context {
  return { cert: [cert], key: [key] };
}
