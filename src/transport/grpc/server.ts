/** Serves the control API on a UNIX socket and on TCP. Holds no state of runs. */
import fs from 'node:fs';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, service as healthService } from 'grpc-health-check';
import type { Audit } from '../../audit/index.ts';
import {
  loadProto,
  type OrchestratorPort,
  orchestratorService,
  serviceName,
} from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import type { Role } from '../../gate.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Tls } from '../tls/index.ts';
import { type Asking, askGate } from './auth.ts';
import { credentialsOf } from './credentials.ts';
import { fitting } from './fit.ts';
import { createHandlers, limited } from './handlers.ts';
import { inOneBlock } from './metric-bytes.ts';
import { reflectable } from './reflection.ts';

export type GrpcServer = { tcp: string; close(): Promise<void> };
export type GrpcServerOptions = {
  port: OrchestratorPort;
  /** Its directory is private; the caller holds the daemon's lock, so an old socket is stale. */
  socketPath: string;
  /** `host:port`. */
  listen: string;
  /** Null: in the clear. */
  tls: Tls | null;
  /** Who calls over TCP, by its `authorization`; null: nobody that we know. */
  roleOf: (authorization: string) => Role | null;
  audit: Audit;
  log: Logger;
};

/** Uploads come in chunks of up to 64 KiB; every control method has its own, smaller limit. */
const receiveMaxBytes = 128 * 1024;
const closeMs = 1000;

/** Throws port_in_use. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { port, socketPath, listen, log } = options;
  const definition = loadProto();
  // Who can open the socket is the user, and could do all of it without us.
  const { audit, roleOf } = options;
  const local = build(definition, port, log, { audit, roleOf: () => 'operator', local: true });
  const remote = build(definition, port, log, { audit, roleOf, local: false });
  fs.rmSync(socketPath, { force: true });
  await bind(local, `unix:${socketPath}`, credentialsOf(null));
  fs.chmodSync(socketPath, 0o600);
  const bound = await bind(remote, listen, credentialsOf(options.tls)).catch((cause: unknown) => {
    local.forceShutdown();
    throw new RunyardError(
      'port_in_use',
      `${listen} cannot be listened on: another program has it, or it is no address of this machine; choose one by RUNYARD_LISTEN or \`listen\``,
      { cause },
    );
  });
  const tcp = `${listen.slice(0, listen.lastIndexOf(':'))}:${bound}`;
  return {
    tcp,
    async close() {
      await Promise.all([local, remote].map(shutDown));
      fs.rmSync(socketPath, { force: true });
    },
  };
}

function build(
  definition: PackageDefinition,
  port: OrchestratorPort,
  log: Logger,
  asking: Asking,
): Server {
  const server = new Server({
    'grpc.max_receive_message_length': receiveMaxBytes,
    interceptors: [askGate(definition, asking)],
  });
  const service = inOneBlock(fitting(limited(orchestratorService(definition))));
  server.addService(service, createHandlers(definition, port, log));
  const health = new HealthImplementation({ '': 'SERVING', [serviceName]: 'SERVING' });
  health.addToServer(server);
  new ReflectionService(reflectable(definition, [healthService])).addToServer(server);
  return server;
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** Gracefully first; streams that go on for ever are cut. */
function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, closeMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
