/** Connections to the bus, each in a role. */
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
} from '@nats-io/transport-node';
import type { BusAccess } from './access.ts';
import type { BusCredentials } from './accounts.ts';

export type { NatsConnection };

/** Else each request notes twice where it was made, which is a thirtieth of what a transition costs the daemon. */
const cheap = { noAsyncTraces: true };

/** Where a bus is, one server or several with commas between them, and how it is entered. */
export type BusPlace = {
  url: string;
  credentials: BusCredentials | null;
  access?: BusAccess | null;
};

/**
 * On an existing bus. A server that was stopped, or that the network has cut off, says nothing and closes
 * nothing: after so many unanswered pings the connection is lost. What was asked over a lost one is never
 * answered, so all of it ends at once, and the caller makes another connection, to another server.
 */
const restless = { pingInterval: 2000, maxPingOut: 2, reconnect: false } as const;

/** A connection that gives up quickly: the caller tries again with a fresh address, for as long as it takes. */
export function connectWorker(where: BusPlace): Promise<NatsConnection> {
  return connectAs('runyard-worker', where, 10);
}

export function connectDaemon(where: BusPlace): Promise<NatsConnection> {
  return connectAs('runyard-daemon', where, 5);
}

function connectAs(name: string, where: BusPlace, attempts: number): Promise<NatsConnection> {
  const isExisting = (where.access ?? null) !== null;
  return connect({
    ...target(where),
    ...cheap,
    name,
    timeout: 3000,
    ...(isExisting ? restless : { maxReconnectAttempts: attempts, reconnectTimeWait: 100 }),
  });
}

/** The client takes no credentials inside an address. There, a user without a password is a token. */
function target({ url, credentials, access = null }: BusPlace): ConnectionOptions {
  let login: ConnectionOptions = {};
  let encrypted = false;
  const servers = url.split(',').map((part) => {
    const text = part.trim();
    const at = new URL(text.includes('://') ? text : `nats://${text}`);
    const [user, pass] = [at.username, at.password].map(decodeURIComponent);
    if (user) login = pass ? { user, pass } : { token: user };
    encrypted ||= at.protocol === 'tls:';
    return `${at.protocol}//${at.host}`;
  });
  if (credentials !== null) login = { user: credentials.user, pass: credentials.password };
  const { ca = null, cert = null, key = null, creds = null, inbox = null } = access ?? {};
  if (creds !== null) {
    login = { authenticator: credsAuthenticator(new TextEncoder().encode(creds)) };
  }
  const pem = Object.fromEntries(
    Object.entries({ ca, cert, key }).filter(([, text]) => text !== null),
  ) as { ca?: string; cert?: string; key?: string };
  return {
    servers,
    ...login,
    ...(encrypted || Object.keys(pem).length > 0 ? { tls: pem } : {}),
    ...(inbox === null ? {} : { inboxPrefix: inbox }),
  };
}
