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
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, forward) {
            const role = roleOf(String(metadata.get('authorization')[0] ?? ''));
            const refused = refusalOf('grpc', method.path, role);
            if (refused === null) forward(metadata);
            else call.sendStatus(toStatus(definition, refused));
          },
        });
      },
    });
}
