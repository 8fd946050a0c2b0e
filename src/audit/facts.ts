/**
 * What of a call's messages is told. Fields are named here, one by one: what is not, such as an environment, an
 * argument, a link or a password, cannot get into the log.
 */
import path from 'node:path';
import { type Asked, runsMost } from './entry.ts';

export type Facts = Pick<Asked, 'user' | 'runs' | 'count' | 'about' | 'why'>;

/** Gathers over the messages of a call; of ten thousand submits it keeps a number and the first ids. */
export type Gathering = {
  asked(request: unknown): void;
  answered(reply: unknown): void;
  facts(): Facts;
};

/** Told when they say something: `false` and 0 are the same as nothing there. */
const told = [
  ...['group', 'target', 'name', 'project', 'now', 'dry_run', 'viewer', 'scrape', 'keep_bus'],
  ...['keep_sessions', 'expires_s', 'max_age_s', 'max_bytes', 'max_runs'],
] as const;
/** Where `false` is the other half of what can be asked. */
const eitherWay = ['on', 'pinned'] as const;
const textMost = 200;
const whyMost = 1000;

export function gather(): Gathering {
  const refs: string[] = [];
  const ids: string[] = [];
  let [refCount, idCount, groupCount, submits] = [0, 0, 0, 0];
  let [user, why] = ['', ''];
  const about: Record<string, string | number | boolean> = {};
  const addRef = (ref: unknown): void => {
    const text = typeof ref === 'string' ? ref : textOf(ref, 'ref');
    if (text === '') return;
    refCount += 1;
    if (refs.length < runsMost) refs.push(text.slice(0, textMost));
  };
  return {
    asked(request) {
      if (!isObject(request)) return;
      user ||= textOf(request, 'user');
      why ||= textOf(request, 'reason').slice(0, whyMost);
      addRef(request.run);
      if (Array.isArray(request.runs)) request.runs.forEach(addRef);
      for (const name of told) {
        const value = request[name];
        if (isTold(value) && value) about[name] = shortened(value);
      }
      for (const name of eitherWay) {
        const value = request[name];
        if (typeof value === 'boolean') about[name] = value;
      }
      if (isObject(request.config) || isObject(request.config_ref)) submits += 1;
      const program = programOf(request.config);
      if (program !== '') about.program ??= program;
    },
    answered(reply) {
      if (!isObject(reply)) return;
      const id = textOf(reply, 'run_id');
      if (id !== '') {
        idCount += 1;
        if (ids.length < runsMost) ids.push(id);
      }
      // A group tells how it is again and again.
      if (typeof reply.runs === 'number') groupCount = reply.runs;
      if ('on' in about && textOf(reply, 'target') !== '') about.target = textOf(reply, 'target');
    },
    facts: () => ({
      user,
      runs: ids.length > 0 ? ids : refs,
      // What was to be submitted, when nothing came of it.
      count: idCount || groupCount || refCount || submits,
      about,
      why,
    }),
  };
}

/** The name of the program of a configuration, without its place: arguments may be anything. */
function programOf(config: unknown): string {
  if (!isObject(config) || !Array.isArray(config.command)) return '';
  const [program] = config.command as unknown[];
  return typeof program === 'string' ? path.basename(program).slice(0, textMost) : '';
}

function isTold(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function shortened<T extends string | number | boolean>(value: T): T | string {
  return typeof value === 'string' ? value.slice(0, textMost) : value;
}

function textOf(value: unknown, name: string): string {
  const text = isObject(value) ? value[name] : undefined;
  return typeof text === 'string' ? text.slice(0, whyMost) : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
