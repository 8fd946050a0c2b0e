/** What runs were started with, as far as it tells them apart: for the command line and the console. Pure. */
export type Params = Readonly<Record<string, string>>;
/** What of a run is looked at, as every API tells it. */
export type Started = { params: Params; command: string; code: string; project: string };

/** Names of an option that says which random numbers, and not what is tried. */
export const seedNames = ['seed', 'random-seed', 'random_seed'];

/** Options and words of a command as it is shown: `--lr 3e-4`, `--lr=3e-4`, `lr=3e-4`, `--cuda`. */
export function paramsOf(command: string): Params {
  const params: Record<string, string> = {};
  const words = wordsOf(command).slice(1);
  let count = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [, dashes = '', name = '', value] =
      /^(--?)?([A-Za-z_][\w.-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== '' && value !== undefined) params[name] = value;
    else if (name !== '' && dashes !== '') {
      const next = words[at + 1];
      const isValue = next !== undefined && (!next.startsWith('-') || !Number.isNaN(Number(next)));
      params[name] = isValue ? next : 'yes';
      if (isValue) at += 1;
    } else {
      count += 1;
      params[`word ${count}`] = word;
    }
  }
  return params;
}

/** By run, what differs between any two of them; in the order in which the names come. */
export function differences(runs: readonly Started[]): { names: string[]; of: Params[] } {
  // What a sweep was told to vary says it better than the words of its commands.
  const isSweep = runs.every((run) => Object.keys(run.params).length > 0);
  const all = runs.map((run) => ({
    ...(isSweep ? run.params : paramsOf(run.command)),
    ...(run.code === '' ? {} : { code: run.code }),
    ...(run.project === '' ? {} : { project: run.project }),
  })) as Params[];
  const names = [...new Set(all.flatMap((params) => Object.keys(params)))].filter(
    (name) => new Set(all.map((params) => params[name])).size > 1,
  );
  const of = all.map((params) =>
    Object.fromEntries(
      names.flatMap((name) => (name in params ? [[name, params[name] ?? '']] : [])),
    ),
  );
  return { names, of };
}

/** Indexes of runs that differ in their seed alone, where there are at least two. */
export function seedGroups(names: readonly string[], of: readonly Params[]): number[][] {
  if (!names.some((name) => seedNames.includes(name))) return [];
  const groups = new Map<string, number[]>();
  of.forEach((params, index) => {
    const rest = names
      .filter((name) => !seedNames.includes(name))
      .map((name) => [name, params[name] ?? null]);
    const id = JSON.stringify(rest);
    groups.set(id, [...(groups.get(id) ?? []), index]);
  });
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Words as a shell would take them. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:'[^']*'|\\.|[^\s'\\])+/gs) ?? [];
  return words.map((word) =>
    word.replaceAll(
      /'([^']*)'|\\(.)/gs,
      (_, quoted: string | undefined, one: string | undefined) => quoted ?? one ?? '',
    ),
  );
}
