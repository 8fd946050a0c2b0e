/** What people may call a run: its id, a beginning of it, its name, `@last`, or `g:` and a group of one. */
import type { TrainRunConfig } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { RunRow, RunStore } from '../persistence/index.ts';

/** The run's id, or undefined. Throws `run_ambiguous`. */
export function refOf(store: RunStore, ref: string): string | undefined {
  if (ref === '') return undefined;
  if (ref === '@last') return store.newest();
  if (ref.startsWith('g:')) return onlyOf(store, ref.slice(2));
  if (/^[a-z2-7]{1,8}$/.test(ref)) {
    const ids = store.idsByPrefix(ref);
    if (ids.length === 1) return ids[0];
    if (ids.length > 1 && store.newestByName(ref) === undefined) {
      throw new RunyardError(
        'run_ambiguous',
        `"${ref}" could be ${ids.join(', ')}; give more of it`,
      );
    }
  }
  return store.newestByName(ref);
}

/** The run of a group, where one run is meant. */
function onlyOf(store: RunStore, group: string): string | undefined {
  const filter = { all: true, user: '', status: '', group, limit: 2 };
  const [first, second] = group === '' ? [] : store.list(filter);
  if (second === undefined) return first?.run_id;
  throw new RunyardError(
    'run_ambiguous',
    `the group "${group}" has several runs, and one is meant here; see: runyard ls -a g:${group}`,
  );
}

/** The configuration with the ids of the runs that it is to come after. Throws `config_invalid`. */
export function withDependencies(store: RunStore, config: TrainRunConfig): TrainRunConfig {
  if (config.after === undefined) return config;
  const after = config.after.map(({ run, on }, index) => {
    const id = refOf(store, run);
    if (id !== undefined) return { run: id, ...(on === undefined ? {} : { on }) };
    throw new RunyardError('config_invalid', `there is no run "${run}" to come after`, {
      violations: [
        {
          field: `/after/${index}/run`,
          rule: `"${run}" must be a run of this yard`,
          hint: 'give an id, a unique prefix of one, or a name; see: runyard ls -a',
        },
      ],
    });
  });
  return { ...config, after };
}

/** Throws `config_invalid`: nobody would be told, and nobody would know why. */
export function refuseUnknownHooks(
  hooks: readonly string[],
  { notify = [] }: TrainRunConfig,
): void {
  const unknown = notify.flatMap((name, index) => (hooks.includes(name) ? [] : [{ name, index }]));
  const [first] = unknown;
  if (first === undefined) return;
  const known = hooks.length === 0 ? 'no hook there has a name' : `there are ${hooks.join(', ')}`;
  throw new RunyardError('config_invalid', `the settings have no hook "${first.name}"`, {
    violations: unknown.map(({ name, index }) => ({
      field: `/notify/${index}`,
      rule: `"${name}" must be the name of a hook in the settings of the yard`,
      hint: `${known}; see: docs/notify.md`,
    })),
  });
}

/** The attempt asked for; 0 means the newest. Throws `run_not_found`. */
export function attemptOf(row: RunRow, asked: number): { runId: string; attempt: number } {
  if (asked > row.attempt) {
    throw new RunyardError('run_not_found', `run ${row.run_id} has no attempt ${asked}`);
  }
  return { runId: row.run_id, attempt: asked === 0 ? row.attempt : asked };
}
