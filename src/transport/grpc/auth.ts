/** On TCP every method but health needs the token: this API runs commands. */
import crypto from 'node:crypto';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

const open = '/grpc.health.v1.Health/';

/** Denies by default, before any handler sees the call. */
export function requireToken(token: string): ServerInterceptor {
  const expected = digest(`Bearer ${token}`);
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, forward) {
            const given = String(metadata.get('authorization')[0] ?? '');
            const right = crypto.timingSafeEqual(digest(given), expected);
            if (right || method.path.startsWith(open)) forward(metadata);
            else {
              call.sendStatus({
                code: status.UNAUTHENTICATED,
                details:
                  'this call needs the metadata `authorization: Bearer <token>`; see the file `token` in the state directory',
                metadata: new Metadata(),
              });
            }
          },
        });
      },
    });
}

function digest(text: string): Buffer {
  return crypto.createHash('sha256').update(text).digest();
}
