/** What the HTTP door stands on. It holds no state of runs, and knows no more than gRPC does. */
import type { Audit } from '../../audit/index.ts';
import type { OrchestratorPort } from '../../contracts/index.ts';
import type { Role } from '../../gate.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Tls } from '../tls/index.ts';

export type SessionMade = {
  /** For the cookie, which no script reads. */
  secret: string;
  /** For the page, which sends it with whatever changes something. */
  csrf: string;
  role: Role;
  expires_at: string;
  max_age_s: number;
};
/** Who is logged in. Secrets come as the browser sent them. */
export type Sessions = {
  readonly cookieName: string;
  /** A link's secret for a session; null when it is unknown, over, or was used before. */
  exchange(secret: string): SessionMade | null;
  find(secret: string): { role: Role; expires_at: string } | null;
  isCsrf(secret: string, csrf: string): boolean;
  end(secret: string): void;
};

/** What the API is made of. */
export type Door = {
  port: OrchestratorPort;
  sessions: Sessions;
  /** Who calls, by an `authorization`; null: nobody that we know. */
  roleOf(authorization: string): Role | null;
  audit: Audit;
  /** The daemon's figures, for Prometheus. */
  figures(): Promise<{ contentType: string; text: string }>;
  /** In whose name runs are submitted and stopped by a page that names nobody. */
  user: string;
  /** Where the built page lies, or will. */
  pageDir: string;
  schemasDir: string;
  /** Whether the page comes by https. */
  secure: boolean;
  /** Whether the page may be asked for by that name or address, besides those of loopback. */
  isCalled(host: string): boolean;
  log: Logger;
  /** Milliseconds that a stream may stand still because its reader does not read; left out: 30,000. */
  stallMs?: number;
};
export type HttpServerOptions = Omit<Door, 'secure'> & {
  /** `host:port`. */
  listen: string;
  /** Null: in the clear. */
  tls: Tls | null;
};
export type HttpServer = {
  /** `host:port`, with the port that was found. */
  address: string;
  close(): Promise<void>;
};
