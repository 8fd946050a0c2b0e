/** The configuration and the credentials of the daemon's own nats-server. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import { writeAtomic } from '../../rundir/index.ts';
import { type StreamKind, streamNames, subjects } from './names.ts';

export type BusCredentials = { user: string; password: string };
export type AllCredentials = Record<'daemon' | 'worker' | 'reader', BusCredentials>;

export type ServerConfig = {
  dir: string;
  yard: string;
  port: number;
  maxFileBytes: number;
  credentials: AllCredentials;
};

/** What workers write. */
const published = ['facts', 'metrics', 'logs', 'artifacts', 'beat'] as const;
/** Streams in which a worker looks up the last message that it wrote. */
const lookedUp = ['facts', 'metrics', 'logs', 'artifacts'] as const;
/** Facts are a conversation of worker and daemon: a reader that made consumers there could disturb it. */
const readable: readonly StreamKind[] = ['events', 'metrics', 'logs', 'artifacts'];

type Service = { subject: string; replies: 'Singleton' | 'Stream' };

/** Reads the generated passwords, or generates them. The file is private to the user. */
export function loadCredentials(file: string): AllCredentials {
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')) as AllCredentials;
    } catch (cause) {
      throw new RunyardError('bus_unavailable', `${file} cannot be read`, { cause });
    }
  }
  const make = (user: string): BusCredentials => ({
    user,
    password: crypto.randomBytes(24).toString('hex'),
  });
  const made = { daemon: make('daemon'), worker: make('worker'), reader: make('reader') };
  writeAtomic(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/**
 * Three accounts. A client's reply subject is not checked against its permissions, and JetStream sends
 * its answer there with the power of its own account: from within that account anybody could have an
 * answer stored in any stream. So only the daemon lives in it. Workers import just the subjects that
 * they write and the look-up of their own last message, readers just what reading takes; through an
 * import the answer can go nowhere but to who asked.
 */
export function configText(config: ServerConfig): string {
  const { yard, port, dir, credentials, maxFileBytes } = config;
  const workers = workerServices(yard);
  const readers = readerServices(yard);
  const live = `${yard}.runs.>`;
  return `# Written by the daemon at each start of the server: edits are lost.
listen: "127.0.0.1:${port}"
server_name: "runyard-${yard}"
pid_file: ${JSON.stringify(path.join(dir, 'nats.pid'))}
log_file: ${JSON.stringify(path.join(dir, 'nats.log'))}
logfile_size_limit: 16MB
logfile_max_num: 3
max_payload: 1MB
jetstream {
  store_dir: ${JSON.stringify(path.join(dir, 'store'))}
  # Ordered consumers keep their state in memory; nothing else is stored there.
  max_mem: 16MB
  max_file: ${Math.floor(maxFileBytes)}
  # An acknowledged message survives a power loss.
  sync_interval: always
}
accounts {
  YARD {
    jetstream: enabled
    users: [ { ${login(credentials.daemon)} } ]
    exports: [
      ${[...workers, ...readers].map(exported).join('\n      ')}
      { stream: "${live}" }
    ]
  }
  WORKERS {
    users: [ { ${login(credentials.worker)}, permissions: {
      publish: [${list(workers)}]
      subscribe: ["_INBOX.>"]
    } } ]
    imports: [
      ${workers.map(imported).join('\n      ')}
    ]
  }
  READERS {
    users: [ { ${login(credentials.reader)}, permissions: {
      publish: [${list(readers)}]
      subscribe: ["_INBOX.>", "${live}"]
    } } ]
    imports: [
      ${readers.map(imported).join('\n      ')}
      { stream: { account: YARD, subject: "${live}" } }
    ]
  }
  SYS {}
}
system_account: SYS
`;
}

function workerServices(yard: string): Service[] {
  const of = subjects(yard);
  const streams = streamNames(yard);
  return [
    ...published.map((kind) => of[kind]('*')),
    ...lookedUp.map((kind) => `$JS.API.DIRECT.GET.${streams[kind]}.${of[kind]('*')}`),
  ].map((subject) => ({ subject, replies: 'Singleton' }));
}

function readerServices(yard: string): Service[] {
  const streams = streamNames(yard);
  const general = ['$JS.API.INFO', '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST'];
  const singles = readable.flatMap((kind) => [
    `$JS.API.STREAM.INFO.${streams[kind]}`,
    `$JS.API.CONSUMER.CREATE.${streams[kind]}`,
    `$JS.API.CONSUMER.CREATE.${streams[kind]}.>`,
    `$JS.API.CONSUMER.INFO.${streams[kind]}.*`,
    `$JS.API.CONSUMER.DELETE.${streams[kind]}.*`,
    `$JS.ACK.${streams[kind]}.>`,
  ]);
  const many = readable.map((kind) => `$JS.API.CONSUMER.MSG.NEXT.${streams[kind]}.*`);
  return [
    ...[...general, ...singles].map((subject): Service => ({ subject, replies: 'Singleton' })),
    // One request, many messages.
    ...many.map((subject): Service => ({ subject, replies: 'Stream' })),
  ];
}

function exported({ subject, replies }: Service): string {
  return `{ service: "${subject}", response_type: ${replies} }`;
}

function imported({ subject }: Service): string {
  return `{ service: { account: YARD, subject: "${subject}" } }`;
}

function list(services: readonly Service[]): string {
  return services.map(({ subject }) => JSON.stringify(subject)).join(', ');
}

function login({ user, password }: BusCredentials): string {
  return `user: ${user}, password: "${password}"`;
}
