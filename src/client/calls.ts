/** Typed calls over one gRPC channel; every error comes out as a RunyardError. */
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { fromStatus, hostOf, loadProto, orchestratorService } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { nobodyThere, notRunning } from './discover.ts';
import type { Target } from './target.ts';
import { credentialsFor, nameOptions, tlsFailure } from './tls.ts';
import { userName } from './user.ts';

export type Calls = {
  unary<A>(method: string, request: object): Promise<A>;
  /** Sends `messages`, one after another, and resolves with the one reply. */
  upload<A>(method: string, messages: readonly object[]): Promise<A>;
  read<A>(method: string, request: object): ClientReadableStream<A>;
  duplex<Q, A>(method: string): ClientDuplexStream<Q, A>;
  failure(error: unknown): RunyardError;
  close(): void;
};

const channelOptions: ChannelOptions = {
  // A proxy of the user's shell has no business between us and loopback.
  'grpc.enable_http_proxy': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  // What may be on its way to us: with HTTP/2's 64 KiB, a batch of points would be asked for in eight parts.
  'grpc-node.flow_control_window': 1 << 20,
};

export function openCalls(options: Target & { deadlineMs: number }): Calls {
  const { address, token, ca, deadlineMs, where } = options;
  const definition = loadProto();
  const service = orchestratorService(definition);
  const client = new Client(address, credentialsFor(ca, hostOf(address)), {
    ...channelOptions,
    ...nameOptions(ca, hostOf(address)),
  });
  const metadata = new Metadata();
  // For the audit log: requests have a place for it only where runs are asked for. Names need not be ASCII.
  metadata.set('runyard-user', encodeURIComponent(userName()));
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const methodOf = (name: string): MethodDefinition<unknown, unknown> => {
    const method = service[name];
    if (method === undefined) throw new TypeError(`the API has no method ${name}`);
    return method;
  };
  const failure = (error: unknown): RunyardError => {
    if (error instanceof RunyardError) return error;
    const ours = fromStatus(definition, error as ServiceError);
    // Without a detail nobody answered; say so in our words, not in gRPC's.
    const { code, metadata: sent } = error as ServiceError;
    const typed = sent?.get('grpc-status-details-bin').length;
    if (code === status.UNAVAILABLE && !typed)
      return (
        tlsFailure(where, ca, error as ServiceError) ??
        (address.startsWith('unix:') ? notRunning : nobodyThere)(where, error)
      );
    if (code === status.DEADLINE_EXCEEDED && !typed) {
      return new RunyardError(
        'daemon_unresponsive',
        `the daemon for ${where} did not answer within ${deadlineMs / 1000} s; see: runyard doctor`,
        { cause: error },
      );
    }
    return ours;
  };
  const deadline = () => ({ deadline: Date.now() + deadlineMs });
  return {
    unary: <A>(name: string, request: object) =>
      new Promise<A>((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = methodOf(name);
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          deadline(),
          (error, reply) => (error ? reject(failure(error)) : resolve(reply as A)),
        );
      }),
    upload: <A>(name: string, messages: readonly object[]) =>
      new Promise<A>((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = methodOf(name);
        const call = client.makeClientStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          deadline(),
          (error, reply) => (error ? reject(failure(error)) : resolve(reply as A)),
        );
        // At most 16 MiB, which we hold anyway: no need to wait for drain.
        for (const message of messages) call.write(message);
        call.end();
      }),
    read: <A>(name: string, request: object) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(name);
      return client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize as (bytes: Buffer) => A,
        request,
        metadata,
      );
    },
    duplex: <Q, A>(name: string) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(name);
      return client.makeBidiStreamRequest(
        path,
        requestSerialize as (value: Q) => Buffer,
        responseDeserialize as (bytes: Buffer) => A,
        metadata,
      );
    },
    failure,
    close: () => client.close(),
  };
}
