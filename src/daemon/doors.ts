/** Where the daemon is asked: the socket and TCP of gRPC, and the HTTP of the console; written down for who looks. */
import type { Audit } from '../audit/index.ts';
import type { OrchestratorPort } from '../contracts/index.ts';
import { failpoint } from '../failpoints.ts';
import type { Home } from '../persistence/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { type GrpcServer, startGrpcServer } from '../transport/grpc/index.ts';
import type { Console } from './console/index.ts';
import type { Encryption } from './encryption.ts';
import { addressesFor, firstOf, readAddress, writeAddress } from './endpoint.ts';

export type DoorsOptions = {
  home: Home;
  yard: string;
  version: string;
  /** An address of TCP; port 0: one that is free, the same as before while it can be had. */
  listen: string;
  console: Console;
  audit: Audit;
  tls: Encryption;
  log: Logger;
};

export type Doors = {
  /** Resolves once gRPC serves. Throws when nobody can listen there. */
  open(port: OrchestratorPort): Promise<{ socket: string; tcp: string }>;
  /** The address of TCP; empty before it serves. */
  tcp(): string;
  close(): Promise<void>;
};

export function createDoors(options: DoorsOptions): Doors {
  const { home, yard, version, listen, console, audit, tls, log } = options;
  let server: GrpcServer | null = null;
  let closed = false;
  return {
    async open(port) {
      const before = readAddress(home.daemonFile);
      server = await firstOf(addressesFor(listen, before.tcp), (address) =>
        startGrpcServer({
          port,
          socketPath: home.socket,
          listen: address,
          tls: tls.of(listen),
          roleOf: console.roleOf,
          audit,
          log,
        }),
      );
      const about = { yard, version, tcp: server.tcp };
      writeAddress(home, { ...about, console: before.console ?? '' });
      log.info({ socket: home.socket, tcp: server.tcp }, 'serving');
      failpoint('daemon.served');
      void console.start(port).then(() => {
        if (!closed) writeAddress(home, { ...about, console: console.address() });
      });
      return { socket: home.socket, tcp: server.tcp };
    },
    tcp: () => server?.tcp ?? '',
    async close() {
      closed = true;
      await Promise.all([server?.close(), console.close()]);
    },
  };
}
