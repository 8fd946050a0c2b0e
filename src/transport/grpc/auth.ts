/** On TCP every method but health needs the token: this API runs commands. */
import crypto from 'node:crypto';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { toStatus } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';

const open = '/grpc.health.v1.Health/';

/** Denies by default, before any handler sees the call. */
export function requireToken(definition: PackageDefinition, token: string): ServerInterceptor {
  const expected = digest(`Bearer ${token}`);
  const refused = toStatus(
    definition,
    new RunyardError(
      'unauthenticated',
      'this call needs the metadata `authorization: Bearer <token>`; see the file `token` in the state directory',
    ),
  );
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, forward) {
            const given = String(metadata.get('authorization')[0] ?? '');
            const right = crypto.timingSafeEqual(digest(given), expected);
            if (right || method.path.startsWith(open)) forward(metadata);
            else {
              call.sendStatus(refused);
            }
          },
        });
      },
    });
}

function digest(text: string): Buffer {
  return crypto.createHash('sha256').update(text).digest();
}
