/** A bug to be built into a copy of the product: what test/sim/mutants holds, one a file. */
import fs from 'node:fs';
import path from 'node:path';

export type Edit = { file: string; find: string; replace: string };
export type Mutant = {
  name: string;
  file: string;
  /** Kinds of fault that it takes: other worlds would show it too, but seldom. */
  weather: string;
  /** Where runs are struck: see `--ambush`. */
  ambush: string;
  edits: Edit[];
};

const folder = path.join(import.meta.dirname, 'mutants');

export function readMutants(): Mutant[] {
  return fs
    .readdirSync(folder)
    .sort()
    .map((file) => read(path.join(folder, file)));
}

/** Builds the bug in below `root`. Throws where the source is no longer what the mutant knows. */
export function mutate(root: string, { name, edits }: Mutant): void {
  const changed = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const source = changed.get(file) ?? fs.readFileSync(path.join(root, file), 'utf8');
    const count = source.split(find).length - 1;
    if (count !== 1) {
      throw new Error(`"${name}": ${file} has its text ${count} times, not once:\n${find}`);
    }
    changed.set(
      file,
      source.replace(find, () => replace),
    );
  }
  for (const [file, source] of changed) fs.writeFileSync(path.join(root, file), source);
}

function read(file: string): Mutant {
  let [name, weather, ambush] = ['', '', ''];
  const edits: Edit[] = [];
  let into: 'find' | 'replace' | null = null;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const [, key, value = ''] =
      /^(name|weather|ambush|file|find|replace):\s*(.*)$/.exec(line) ?? [];
    if (key === 'name') name = value;
    else if (key === 'weather') weather = value;
    else if (key === 'ambush') ambush = value;
    else if (key === 'file') edits.push({ file: value, find: '', replace: '' });
    if (key !== undefined) into = key === 'find' || key === 'replace' ? key : null;
    else if (into !== null && line.startsWith('  ')) {
      const edit = edits.at(-1);
      if (edit === undefined) throw new Error(`${file}: a file comes before what is found in it`);
      edit[into] += `${line.slice(2)}\n`;
    }
  }
  return { name, file: path.basename(file, '.mutant'), weather, ambush, edits };
}
