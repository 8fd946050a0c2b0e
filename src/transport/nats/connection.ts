/** Connections to the bus, each in a role. */
import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import type { BusCredentials } from './accounts.ts';

export type { NatsConnection };

/** Else each request notes twice where it was made, which is a thirtieth of what a transition costs the daemon. */
const cheap = { noAsyncTraces: true };

/** A connection that gives up quickly: the caller tries again with a fresh address. */
export function connectWorker(where: {
  url: string;
  credentials: BusCredentials | null;
}): Promise<NatsConnection> {
  return connect({
    ...target(where),
    ...cheap,
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
    ...target(where),
    ...cheap,
    name: 'runyard-daemon',
    maxReconnectAttempts: 5,
    reconnectTimeWait: 100,
    timeout: 3000,
  });
}

type Login = { user?: string; pass?: string; token?: string };

/** The client takes no credentials inside an address. There, a user without a password is a token. */
function target(where: { url: string; credentials: BusCredentials | null }): Login & {
  servers: string[];
} {
  let login: Login = {};
  const servers = where.url.split(',').map((part) => {
    const text = part.trim();
    const at = new URL(text.includes('://') ? text : `nats://${text}`);
    const [user, pass] = [at.username, at.password].map(decodeURIComponent);
    if (user) login = pass ? { user, pass } : { token: user };
    return `${at.protocol}//${at.host}`;
  });
  const { credentials } = where;
  if (credentials !== null) login = { user: credentials.user, pass: credentials.password };
  return { servers, ...login };
}
