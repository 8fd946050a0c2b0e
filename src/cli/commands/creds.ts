/** `runyard creds export`, `creds ls` and `creds revoke`. */
import type { Reader, ReaderCredential } from '../../contracts/index.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand } from '../groups.ts';
import { cut, duration, plainCell, table } from '../render.ts';
import { parseSeconds } from '../spans.ts';

export type ExportFlags = {
  reader: string;
  expires?: string;
  run?: string[];
  format: 'env' | 'json' | 'nats-context';
};

export async function exportReader(context: Context, flags: ExportFlags): Promise<number> {
  const { terminal, json, host, address } = context;
  const expiresS = flags.expires === undefined ? 0 : parseSeconds(flags.expires, '--expires');
  if (flags.expires !== undefined && expiresS === 0)
    throw usage('--expires', 'must be more than nothing', 'without it: no end');
  const client = await context.connect();
  const runs = await expand(client, flags.run ?? []);
  const made = await client.exportReader(flags.reader, { expiresS, runs });
  const format = json ? 'json' : flags.format;
  if (format === 'json') terminal.json(made);
  else for (const line of formats[format](made)) terminal.print(line);
  const { expires_at: until } = made.reader;
  if (until !== '')
    terminal.note(`ends ${until}; while no daemon runs, it lasts until the next one starts`);
  if (host !== null || address !== null) {
    const { port } = new URL(made.url);
    const to = host ?? 'HOST';
    terminal.note(`the bus is on that machine alone: ssh -N -L ${port}:127.0.0.1:${port} ${to}`);
  }
  return exitCodes.ok;
}

const formats: Record<'env' | 'nats-context', (made: ReaderCredential) => string[]> = {
  // The names that the nats command reads by itself. Nothing in the values needs quoting.
  env: ({ url, user, password, yard }) =>
    Object.entries({
      NATS_URL: url,
      NATS_USER: user,
      NATS_PASSWORD: password,
      RUNYARD_YARD: yard,
    }).map(([name, value]) => `export ${name}='${value}'`),
  'nats-context': ({ url, user, password, yard }) =>
    JSON.stringify(
      { description: `Runyard ${yard}, reader ${user}`, url, user, password },
      null,
      2,
    ).split('\n'),
};

export async function list(context: Context): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const readers: Reader[] = [];
  for await (const reader of client.readers()) {
    if (json) terminal.json(reader);
    else readers.push(reader);
  }
  if (json) return exitCodes.ok;
  if (!terminal.tty) {
    for (const { name, created_at, expires_at, runs } of readers)
      terminal.print([name, created_at, expires_at, runs.join(' ')].map(plainCell).join('\t'));
    return exitCodes.ok;
  }
  if (readers.length === 0) terminal.print('nobody was given a credential');
  else {
    const head = ['READER', 'MADE', 'ENDS', 'RUNS'].map((text) => terminal.paint('dim', text));
    for (const line of table([head, ...readers.map(cellsOf)])) terminal.print(line);
  }
  return exitCodes.ok;
}

function cellsOf({ name, created_at, expires_at, runs }: Reader): string[] {
  const ends = expires_at === '' ? 'never' : `in ${duration(Date.parse(expires_at) - Date.now())}`;
  const made = `${duration(Date.now() - Date.parse(created_at))} ago`;
  return [name, made, ends, runs.length === 0 ? 'all' : cut(runs.join(' '), 60)];
}

export async function revoke(context: Context, names: readonly string[]): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  for (const name of names) {
    const reader = await client.revokeReader(name);
    if (json) terminal.json(reader);
    else terminal.print(terminal.tty ? `${name} ended` : name);
  }
  return exitCodes.ok;
}
