/** Every call asks the gate before any handler sees it; what the gate does not know is refused. */
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { toStatus } from '../../contracts/index.ts';
import { type Role, refusalOf } from '../../gate.ts';

/** `roleOf` is asked for the caller's role by its `authorization`; null: nobody that we know. */
export function askGate(
  definition: PackageDefinition,
  roleOf: (authorization: string) => Role | null,
): ServerInterceptor {
  return (method, call) => {
    let authorization = '';
    const refusal = () => refusalOf('grpc', method.path, roleOf(authorization));
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, forward) {
            authorization = String(metadata.get('authorization')[0] ?? '');
            const refused = refusal();
            if (refused === null) forward(metadata);
            else call.sendStatus(toStatus(definition, refused));
          },
        });
      },
      sendMessage(message, next) {
        // A stream goes on for as long as its credential does. One answer is owed to who was let in.
        const refused = method.responseStream ? refusal() : null;
        if (refused === null) next(message);
        else call.sendStatus(toStatus(definition, refused));
      },
    });
  };
}
