/** docs/acceptance.md as a table: what each requirement is proven by. For its test, and for the end of `npm test`. */
import fs from 'node:fs';
import path from 'node:path';

export type Proof =
  | { kind: 'test'; file: string; title: string }
  | { kind: 'drill' | 'bench'; name: string };

export type Requirement = { id: string; what: string; proofs: Proof[]; state: string };

const page = path.join(import.meta.dirname, '../docs/acceptance.md');

/** Throws for a row or a proof that is not of the page's form. */
export function readAcceptance(text = fs.readFileSync(page, 'utf8')): Requirement[] {
  return [...text.matchAll(/^\| ([A-Z]\d+) +\|(.*)\|$/gm)].map(([, id = '', rest = '']) => {
    const [what = '', proof = '', state = '', ...more] = rest.split('|').map((cell) => cell.trim());
    if (more.length > 0 || state === '') throw new Error(`the row of ${id} has not four cells`);
    const proofs = proof === '–' ? [] : proof.split('<br>').map((each) => proofOf(each, id));
    return { id, what, proofs, state };
  });
}

/** Tests in Python are run by one in TypeScript, which is named beside them. */
export function isOfPython(proof: Proof): boolean {
  return proof.kind === 'test' && proof.file.endsWith('.py');
}

/** What of the named tests was not run or did not pass, in words. `ran`: by file and title, how each ended. */
export function unproven(
  requirements: readonly Requirement[],
  ran: ReadonlyMap<string, 'passed' | 'failed' | 'skipped'>,
): { failed: string[]; skipped: string[] } {
  const failed: string[] = [];
  const skipped: string[] = [];
  for (const { id, proofs } of requirements) {
    for (const proof of proofs) {
      if (proof.kind !== 'test' || isOfPython(proof)) continue;
      const end = ran.get(keyOf(proof));
      const text = `${id}: "${proof.title}" (${proof.file})`;
      if (end === undefined) failed.push(`${text} was not run`);
      else if (end === 'failed') failed.push(`${text} failed`);
      else if (end === 'skipped') skipped.push(`${text} was skipped`);
    }
  }
  return { failed, skipped };
}

export function keyOf({ file, title }: { file: string; title: string }): string {
  return `${file}\n${title}`;
}

function proofOf(text: string, id: string): Proof {
  const [, kind, name] = /^(drill|bench) `([\w-]+)`$/.exec(text) ?? [];
  if (kind !== undefined && name !== undefined) return { kind: kind as 'drill' | 'bench', name };
  const [, file, title] = /^`([^`]+\.(?:test\.ts|py))` (.+)$/.exec(text) ?? [];
  if (file === undefined || title === undefined)
    throw new Error(`${id} names "${text}", which is neither test, drill nor bench`);
  return { kind: 'test', file, title };
}
