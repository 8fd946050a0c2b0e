/** The files of `runyard bus init`: keys, credentials, and what nats-server reads. */
import type { BusKeys, BusPlan } from './operator.ts';
import { workersAccount } from './operator.ts';

export type PlannedFile = {
  name: string;
  mode: number;
  /** What it is for, in words. */
  what: string;
  text(keys: BusKeys): string;
};

export type ServersPlan = {
  /** Hosts as the servers and their clients know them. */
  hosts: readonly string[];
  /** Directory of the store on each. */
  store: string;
};

const ports = { clients: 4222, routes: 6222 } as const;
const secret = 0o600;
const open = 0o644;

export function plannedFiles(plan: BusPlan, servers: ServersPlan): PlannedFile[] {
  const account = (keys: BusKeys, name: string) => {
    const found = keys.accounts[name];
    if (found === undefined) throw new Error(`no account ${name} was made`);
    return found;
  };
  return [
    file('operator.seed', secret, 'signs accounts; keep it off the servers', (keys) =>
      line(keys.operatorSeed),
    ),
    ...plan.accounts.map(({ name }) =>
      file(`${name}.seed`, secret, `the key of account ${name}`, (keys) =>
        line(account(keys, name).seed),
      ),
    ),
    ...plan.accounts.map(({ name }) =>
      file(`${name}.jwt`, open, `the claims of account ${name}`, (keys) =>
        line(account(keys, name).jwt),
      ),
    ),
    ...plan.yards.map((yard) =>
      file(`${yard}.signing`, secret, `signs workers of yard ${yard}: bus_signing_key`, (keys) =>
        line(account(keys, workersAccount(yard)).signingSeed ?? ''),
      ),
    ),
    ...plan.users.map(({ name }) =>
      file(
        `${name}.creds`,
        secret,
        `credentials of user ${name}`,
        (keys) => keys.creds[name] ?? '',
      ),
    ),
    file('accounts.conf', open, 'who may enter, for every server', (keys) =>
      accountsConf(plan, servers, keys),
    ),
    ...servers.hosts.map((host, index) =>
      file(`server-${index + 1}.conf`, secret, `nats-server on ${host}`, (keys) =>
        serverConf(servers, index, keys),
      ),
    ),
  ];
}

/** Keys that are not made yet, as what they will be. */
export function unmadeKeys(plan: BusPlan): BusKeys {
  const of = (name: string) => ({
    id: `<${name}>`,
    jwt: `<claims of ${name}>`,
    seed: '',
    signingSeed: '',
  });
  return {
    operatorSeed: '',
    operatorJwt: '<operator>',
    routePassword: '<password>',
    accounts: Object.fromEntries(plan.accounts.map(({ name }) => [name, of(name)])),
    creds: {},
  };
}

/** Its directory is the servers' own: they keep changed claims there, such as revocations. */
function accountsConf(plan: BusPlan, { store }: ServersPlan, keys: BusKeys): string {
  const preload = plan.accounts.map(({ name }) => {
    const { id = '', jwt = '' } = keys.accounts[name] ?? {};
    return `  # ${name}\n  ${id}: "${jwt}"`;
  });
  return `operator: "${keys.operatorJwt}"
system_account: ${keys.accounts.SYS?.id}
resolver: {
  type: full
  dir: ${JSON.stringify(`${store}/claims`)}
  allow_delete: false
  interval: "2m"
}
resolver_preload: {
${preload.join('\n')}
}
`;
}

function serverConf({ hosts, store }: ServersPlan, index: number, keys: BusKeys): string {
  const { routePassword: password } = keys;
  const routes = hosts.map((host) => `    "nats://route:${password}@${host}:${ports.routes}"`);
  const cluster = `cluster {
  name: runyard
  listen: "${hosts[index]}:${ports.routes}"
  authorization { user: route, password: "${password}" }
  routes: [
${routes.join('\n')}
  ]
}
`;
  return `server_name: runyard-${index + 1}
listen: "${hosts[index]}:${ports.clients}"
max_payload: 1MB
jetstream {
  store_dir: ${JSON.stringify(store)}
  # An acknowledged message survives a power loss.
  sync_interval: always
}
${hosts.length > 1 ? cluster : ''}include "accounts.conf"
`;
}

/** Addresses for RUNYARD_NATS_URL. */
export function serversUrl({ hosts }: Pick<ServersPlan, 'hosts'>): string {
  return hosts.map((host) => `nats://${host}:${ports.clients}`).join(',');
}

function file(
  name: string,
  mode: number,
  what: string,
  text: (keys: BusKeys) => string,
): PlannedFile {
  return { name, mode, what, text };
}

function line(text: string): string {
  return `${text}\n`;
}
