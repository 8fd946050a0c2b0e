/**
 * What a cluster of one's own needs to know its users by JWT: an operator, an account of the streams, one of
 * the workers of each yard, one of those who read. Who lives where, and why, is that of `accounts.ts`.
 */
import crypto from 'node:crypto';
import { Algorithms, encodeAccount, encodeOperator, encodeUser } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';
import { readerServices, type Service, workerServices } from './accounts.ts';
import { credsText } from './minting.ts';
import { subjects } from './names.ts';

export type BusPlan = {
  yards: readonly string[];
  accounts: AccountPlan[];
  users: UserPlan[];
};
export type AccountPlan = {
  name: string;
  /** Whether streams may be made in it. */
  jetstream: boolean;
  /** Whether credentials are made with a key of its own, beside the account's. */
  signing: boolean;
  exports: Exchange[];
  imports: Exchange[];
};
export type Exchange = {
  subject: string;
  type: 'service' | 'stream';
  replies?: Service['replies'];
  /** The account that it comes from. */
  account?: string;
};
export type UserPlan = {
  name: string;
  account: string;
  /** Null: everything. */
  rights: { publish: string[]; subscribe: string[] } | null;
};

export type BusKeys = {
  operatorSeed: string;
  operatorJwt: string;
  /** Servers know each other by it: who is taken for a server sees every message. */
  routePassword: string;
  accounts: Record<string, { id: string; jwt: string; seed: string; signingSeed: string | null }>;
  /** By user. */
  creds: Record<string, string>;
};

const [system, streams, readers] = ['SYS', 'STREAMS', 'READERS'] as const;

/** The account in which the workers of a yard live. */
export function workersAccount(yard: string): string {
  return `WORKERS_${yard}`;
}

/** What would be made, without a key so far. */
export function planBus(yards: readonly string[]): BusPlan {
  const beatOf = (yard: string): string => subjects(yard).beat('*');
  const reading = unique(yards.flatMap((yard) => readerServices(yard, null)));
  const exported = ({ subject, replies }: Service): Exchange => ({
    subject,
    type: 'service',
    replies,
  });
  const imported = ({ subject }: Service): Exchange => ({
    subject,
    type: 'service',
    account: streams,
  });
  const beats = yards.map(
    (yard): Exchange => ({ subject: beatOf(yard), type: 'stream', account: workersAccount(yard) }),
  );
  const plain = { jetstream: false, signing: false, exports: [], imports: [] };
  return {
    yards,
    accounts: [
      { ...plain, name: system },
      {
        ...plain,
        name: streams,
        jetstream: true,
        exports: [...yards.flatMap(workerServices), ...reading].map(exported),
      },
      ...yards.map(
        (yard): AccountPlan => ({
          ...plain,
          name: workersAccount(yard),
          signing: true,
          exports: [{ subject: beatOf(yard), type: 'stream' }],
          imports: workerServices(yard).map(imported),
        }),
      ),
      { ...plain, name: readers, imports: [...reading.map(imported), ...beats] },
    ],
    users: [
      { name: 'sys', account: system, rights: null },
      ...yards.map((yard) => ({ name: `daemon-${yard}`, account: streams, rights: null })),
      {
        name: 'reader',
        account: readers,
        rights: {
          publish: reading.map(({ subject }) => subject),
          subscribe: ['_INBOX.>', ...yards.map(beatOf)],
        },
      },
    ],
  };
}

/** Makes the keys, and signs. Each call makes others. */
export async function makeKeys(plan: BusPlan): Promise<BusKeys> {
  const operator = createOperator();
  const keys = new Map<string, { account: KeyPair; signing: KeyPair | null }>(
    plan.accounts.map(({ name, signing }) => [
      name,
      { account: createAccount(), signing: signing ? createAccount() : null },
    ]),
  );
  const keyOf = (name = ''): { account: KeyPair; signing: KeyPair | null } => {
    const found = keys.get(name);
    if (found === undefined) throw new Error(`no account ${name} is planned`);
    return found;
  };
  const idOf = (name?: string): string => keyOf(name).account.getPublicKey();
  const v2 = { algorithm: Algorithms.v2 };
  const operatorJwt = await encodeOperator(
    'runyard',
    operator,
    { system_account: idOf(system) },
    v2,
  );
  const accounts: BusKeys['accounts'] = {};
  for (const each of plan.accounts) {
    const { account, signing } = keyOf(each.name);
    const claims = {
      limits: limitsOf(each),
      exports: each.exports.map(({ subject, type, replies }) => ({
        name: subject,
        subject,
        type,
        ...(replies === undefined ? {} : { response_type: replies }),
      })),
      imports: each.imports.map(({ subject, type, account: from }) => ({
        name: subject,
        subject,
        type,
        account: idOf(from),
      })),
      ...(signing === null ? {} : { signing_keys: [signing.getPublicKey()] }),
    };
    accounts[each.name] = {
      id: idOf(each.name),
      jwt: await encodeAccount(each.name, account, claims, { signer: operator, ...v2 }),
      seed: seedOf(account),
      signingSeed: signing === null ? null : seedOf(signing),
    };
  }
  const creds: BusKeys['creds'] = {};
  for (const { name, account, rights } of plan.users) {
    const user = createUser();
    const claims =
      rights === null ? {} : { pub: { allow: rights.publish }, sub: { allow: rights.subscribe } };
    creds[name] = credsText(await encodeUser(name, user, keyOf(account).account, claims, v2), user);
  }
  const routePassword = crypto.randomBytes(24).toString('hex');
  return { operatorSeed: seedOf(operator), operatorJwt, routePassword, accounts, creds };
}

/** Without limits in its claims an account may have no connection at all, and no JetStream. */
function limitsOf({ jetstream }: AccountPlan) {
  return {
    ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1 },
    wildcards: true,
    ...(jetstream ? { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } : {}),
  };
}

/** Yards have some questions in common. */
function unique(services: readonly Service[]): Service[] {
  return [...new Map(services.map((service) => [service.subject, service])).values()];
}

function seedOf(pair: KeyPair): string {
  return new TextDecoder().decode(pair.getSeed());
}
