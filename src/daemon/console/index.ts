/** The web console's side of the daemon: its address, its credentials, and what the page is made of. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Audit } from '../../audit/index.ts';
import type { ConsolePort, OrchestratorPort, Settings } from '../../contracts/index.ts';
import { messageOf, RunyardError } from '../../errors.ts';
import type { Role } from '../../gate.ts';
import { runMachineVersion } from '../../machines/index.ts';
import type { Home } from '../../persistence/index.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import { type Door, type HttpServer, startHttpServer } from '../../transport/http/index.ts';
import { calledBy, type Encryption, shownAddress } from '../encryption.ts';
import { addressesFor, firstOf, readAddress } from '../endpoint.ts';
import { createSessions } from './sessions.ts';
import { openTokens } from './tokens.ts';

export type Console = {
  port: ConsolePort;
  /** Who calls, by an `authorization` of gRPC or HTTP: the token is an operator's, a session is of its role. */
  roleOf(authorization: string): Role | null;
  /** Listens; what the API is made of is loaded when it is first asked for. Throws nothing. */
  start(orchestrator: OrchestratorPort): Promise<void>;
  /** `host:port`; empty while it is not there. */
  address(): string;
  /** Why it could not be opened, or null. */
  trouble(): string | null;
  close(): Promise<void>;
};

export type ConsoleOptions = {
  settings: Settings;
  home: Home;
  checkout: string;
  figures: Door['figures'];
  audit: Audit;
  tls: Encryption;
  clock: Clock;
  log: Logger;
};

const machines = ['run', 'run-overview', 'daemon', 'worker'];

export function createConsole(options: ConsoleOptions): Console {
  const { settings, home, checkout, clock, log } = options;
  const { console_listen: listen } = settings;
  const tls = options.tls.of(listen);
  const sessions = createSessions({
    file: path.join(home.root, 'console-sessions.json'),
    clock,
    log,
  });
  const tokens = openTokens(home);
  const roleOf = (authorization: string): Role | null => {
    const role = tokens.roleOf(authorization);
    if (role !== null) return role;
    const secret = /^Bearer ([\w-]{43})$/.exec(authorization)?.[1];
    return secret === undefined ? null : (sessions.find(secret)?.role ?? null);
  };
  let server: HttpServer | null = null;
  let trouble: string | null = null;
  let opening: Promise<void> = Promise.resolve();

  const open = async (port: OrchestratorPort): Promise<void> => {
    if (listen === 'off') return;
    const wanted = addressesFor(listen, readAddress(home.daemonFile).console);
    try {
      server = await firstOf(wanted, (address) =>
        startHttpServer({
          port,
          listen: address,
          tls,
          isCalled: calledBy(listen, tls),
          sessions,
          roleOf,
          figures: options.figures,
          audit: options.audit,
          user: userName(),
          pageDir: path.join(checkout, 'dist', 'console'),
          schemasDir: path.join(checkout, 'schemas'),
          log,
        }),
      );
    } catch (error) {
      // Runs go on without a page to look at them.
      trouble = messageOf(error);
      log.error({ err: error }, 'the console could not be opened');
    }
  };

  return {
    roleOf,
    address: () => server?.address ?? '',
    trouble: () => trouble,
    start(port) {
      opening = open(port);
      return opening;
    },
    async close() {
      await opening;
      await server?.close();
    },
    port: {
      chart(machine) {
        if (!machines.includes(machine)) {
          const rule = `must be ${machines.join(', ')}, not "${machine.slice(0, 100)}"`;
          const violations = [{ field: 'machine', rule, hint: '' }];
          throw new RunyardError('usage', 'there is no such chart', { violations });
        }
        // Laid out when it was built: a second of work that no daemon should do (docs/charts.md).
        const svg = fs.readFileSync(path.join(checkout, 'docs/charts', `${machine}.svg`), 'utf8');
        const version = machine === 'run' ? runMachineVersion : digestText(svg);
        return { machine, version, svg };
      },
      schema(name) {
        const known = schemaNames(checkout);
        if (!known.includes(name)) {
          const rule = `must be one of ${known.join(', ')}`;
          throw new RunyardError('usage', 'there is no such schema', {
            violations: [{ field: 'name', rule, hint: '' }],
          });
        }
        return fs.readFileSync(path.join(checkout, 'schemas', `${name}.schema.json`), 'utf8');
      },
      async openConsole({ viewer }) {
        await opening;
        if (server === null) {
          const why = trouble ?? 'the setting console_listen is off';
          throw new RunyardError('console_off', `there is no console: ${why}`);
        }
        const role: Role = viewer ? 'viewer' : 'operator';
        const { secret, expires_at } = sessions.link(role);
        // Behind the hash, which no browser sends and no log has.
        const url = `http${tls === null ? '' : 's'}://${shownAddress(server.address, tls)}`;
        return { url: `${url}/#login=${secret}`, expires_at, role };
      },
      async rotateToken({ scrape, keepSessions, reason, user }) {
        tokens.rotate(scrape ? 'scraper' : 'operator');
        // Whoever had the token may have made themselves a session by it.
        const ended = scrape || keepSessions ? 0 : sessions.endAll();
        const file = scrape ? home.scrapeTokenFile : home.tokenFile;
        log.warn({ file, ended, reason, user }, 'a token was replaced');
        return { file, sessions_ended: ended };
      },
    },
  };
}

function schemaNames(checkout: string): string[] {
  return fs
    .readdirSync(path.join(checkout, 'schemas'))
    .filter((file) => file.endsWith('.schema.json'))
    .map((file) => file.slice(0, -'.schema.json'.length))
    .sort();
}

function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

function digestText(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex').slice(0, 12);
}
