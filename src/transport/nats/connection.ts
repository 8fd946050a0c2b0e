/** Connections to the bus, each in a role. */
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import type { BusCredentials } from './server.ts';

export type { NatsConnection };

/** A connection that gives up quickly: the caller tries again with a fresh address. */
export function connectWorker(where: {
  url: string;
  credentials: BusCredentials | null;
}): Promise<NatsConnection> {
  return connect({
    servers: where.url,
    ...login(where.credentials),
    name: 'runyard-worker',
    maxReconnectAttempts: 10,
    reconnectTimeWait: 100,
    timeout: 3000,
  });
}

export function connectDaemon(where: {
  url: string;
  credentials: BusCredentials | null;
}): Promise<NatsConnection> {
  return connect({
    servers: where.url,
    ...login(where.credentials),
    name: 'runyard-daemon',
    maxReconnectAttempts: 5,
    reconnectTimeWait: 100,
    timeout: 3000,
  });
}

function login(credentials: BusCredentials | null): { user?: string; pass?: string } {
  return credentials === null ? {} : { user: credentials.user, pass: credentials.password };
}
