/**
 * The accounts of the daemon's own nats-server: who may use what.
 *
 * A client's reply subject is not checked against its permissions, and JetStream sends its answer there
 * with the power of its own account: from within that account anybody could have an answer stored in any
 * stream. So only the daemon lives in it. Workers import just the subjects that they write and the look-up
 * of their own last message, readers just what reading takes; through an import the answer can go nowhere
 * but to who asked.
 *
 * Nobody imports messages from the account of the streams: a subscription through an import counts as one
 * in that account, and a consumer can be told to deliver to any subject on which somebody listens. A reader
 * that listened on `….events` could have messages copied there, and so stored. Signs of life, which are not
 * stored, go from the workers' account to the readers'.
 *
 * Each reader that was exported has an account of its own, so that its inboxes are nobody else's.
 */
import { busGate } from '../../gate.ts';
import { type StreamKind, streamNames, subjects } from './names.ts';
import type { KeptReader } from './readers.ts';

export type BusCredentials = { user: string; password: string };
export type AllCredentials = Record<'daemon' | 'worker' | 'reader' | 'system', BusCredentials>;

type Kind = keyof typeof busGate;
const kinds = Object.keys(busGate) as Kind[];
/** Signs of life and questions are not stored, and go other ways. */
const stored = kinds.filter((kind): kind is StreamKind => kind !== 'beat' && kind !== 'talk');
/** What workers write, and what readers read. */
const published = stored.filter((kind) => busGate[kind].write === 'worker');
export const readable = stored.filter((kind) => busGate[kind].read === 'viewer');

export type Service = { subject: string; replies: 'Singleton' | 'Stream' };

export function accountsText(
  yard: string,
  credentials: AllCredentials,
  readers: readonly KeptReader[],
): string {
  const workers = workerServices(yard);
  const all = readerServices(yard, null);
  const beat = subjects(yard).beat('*');
  return `accounts {
  YARD {
    jetstream: enabled
    users: [ { ${login(credentials.daemon)} } ]
    exports: [
      ${[...workers, ...all].map(exported).join('\n      ')}
    ]
  }
  WORKERS {
    users: [ { ${login(credentials.worker)}, permissions: {
      publish: [${list(workers)}, "${beat}"]
      subscribe: ["_INBOX.>"]
    } } ]
    exports: [ { stream: "${beat}" } ]
    imports: [
      ${workers.map(imported).join('\n      ')}
    ]
  }
${[
  readerText(yard, 'READERS', credentials.reader, null),
  ...readers.map(({ name, password_hash: password, runs }) =>
    readerText(yard, `READER_${name}`, { user: name, password }, runs),
  ),
].join('\n')}
  SYS { users: [ { ${login(credentials.system)} } ] }
}
system_account: SYS
`;
}

/** An account that reads: everything, or, with `runs`, these runs alone. */
function readerText(
  yard: string,
  account: string,
  who: BusCredentials,
  runs: readonly string[] | null,
): string {
  const services = readerServices(yard, runs);
  const beats = (runs ?? ['*']).map(subjects(yard).beat);
  return `  "${account}" {
    users: [ { ${login(who)}, permissions: {
      publish: [${list(services)}]
      subscribe: ["_INBOX.>", ${beats.map((subject) => JSON.stringify(subject)).join(', ')}]
    } } ]
    imports: [
      ${services.map(imported).join('\n      ')}
      ${beats.map((s) => `{ stream: { account: WORKERS, subject: "${s}" } }`).join('\n      ')}
    ]
  }`;
}

/** What workers of a run may publish to and ask; `*`: of any run. */
export function workerSubjects(yard: string, runId: string): string[] {
  return [...storedSubjects(yard, runId), subjects(yard).beat(runId)];
}

function storedSubjects(yard: string, runId: string): string[] {
  const of = subjects(yard);
  const streams = streamNames(yard);
  return [
    ...published.map((kind) => of[kind](runId)),
    of.talk(runId),
    // A worker looks up the last message that it wrote.
    ...published.map((kind) => `$JS.API.DIRECT.GET.${streams[kind]}.${of[kind](runId)}`),
  ];
}

export function workerServices(yard: string): Service[] {
  return storedSubjects(yard, '*').map((subject) => ({ subject, replies: 'Singleton' }));
}

/**
 * A consumer of a reader of some runs must be filtered to one of them: the server compares what it is
 * asked for with the subject of the request.
 */
export function readerServices(yard: string, runs: readonly string[] | null): Service[] {
  const streams = streamNames(yard);
  const general = ['$JS.API.INFO', '$JS.API.STREAM.NAMES', '$JS.API.STREAM.LIST'];
  const create = (kind: StreamKind): string[] => {
    const base = `$JS.API.CONSUMER.CREATE.${streams[kind]}`;
    if (runs === null) return [base, `${base}.>`];
    return runs.map((run) => `${base}.*.${subjects(yard)[kind](run)}`);
  };
  const singles = readable.flatMap((kind) => [
    `$JS.API.STREAM.INFO.${streams[kind]}`,
    ...create(kind),
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
  return `user: "${user}", password: "${password}"`;
}
