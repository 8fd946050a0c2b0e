/**
 * Every call asks the gate before any handler sees it; what the gate does not know is refused. What changes
 * something is told to the audit log, with what came of it, and so is what was refused.
 */
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { type Audit, callerAt } from '../../audit/index.ts';
import { toStatus } from '../../contracts/index.ts';
import type { RunyardError } from '../../errors.ts';
import { isRecorded, type Role, refusalOf } from '../../gate.ts';
import { outcomeOf, type Seen, seeing } from './seen.ts';

export type Asking = {
  /** The caller's role by its `authorization`; null: nobody that we know. */
  roleOf(authorization: string): Role | null;
  /** Whether it is the socket that they come by. */
  local: boolean;
  audit: Audit;
};

export function askGate(
  definition: PackageDefinition,
  { roleOf, local, audit }: Asking,
): ServerInterceptor {
  return (method, call) => {
    let authorization = '';
    let seen: Seen | null = null;
    let ended = false;
    const end = (outcome: string): void => {
      if (!ended) seen?.done(outcome);
      ended = true;
    };
    const refusal = () => refusalOf('grpc', method.path, roleOf(authorization));
    const refuse = (error: RunyardError): void => {
      if (!ended) audit.refused((seen ?? open()).asked(), error.code);
      ended = true;
      call.sendStatus(toStatus(definition, error));
    };
    const open = (said = ''): Seen =>
      seeing({
        audit,
        path: method.path,
        by: local ? 'socket' : authorization === '' ? 'none' : 'header',
        role: roleOf(authorization),
        from: local ? 'unix' : peerOf(call.getPeer()),
        said,
      });
    return new ServerInterceptingCall(call, {
      start(next) {
        let begun = false;
        next({
          onReceiveMetadata(metadata, forward) {
            authorization = String(metadata.get('authorization')[0] ?? '');
            const refused = refusal();
            if (refused !== null) {
              refuse(refused);
              return;
            }
            if (isRecorded('grpc', method.path))
              seen = open(String(metadata.get('runyard-user')[0] ?? ''));
            forward(metadata);
          },
          onReceiveMessage(message, forward) {
            seen?.took(message);
            forward(message);
          },
          onReceiveHalfClose(forward) {
            begun = true;
            forward();
          },
          onCancel() {
            // One that has begun and has one answer goes on to it; nobody will be told, but the log is.
            if (method.responseStream || !begun) end('cancelled');
          },
        });
      },
      sendMessage(message, next) {
        // A stream goes on for as long as its credential does. One answer is owed to who was let in.
        const refused = method.responseStream ? refusal() : null;
        if (refused !== null) {
          refuse(refused);
          return;
        }
        seen?.gave(message);
        if (!method.responseStream) end('ok');
        next(message);
      },
      sendStatus(status, next) {
        if (seen !== null && !ended) end(outcomeOf(definition, status));
        next(status);
      },
    });
  };
}

/** The library puts both together, and has a word for a caller that is gone. */
function peerOf(peer: string): string {
  const colon = peer.lastIndexOf(':');
  return colon === -1 ? '' : callerAt(peer.slice(0, colon), peer.slice(colon + 1));
}
