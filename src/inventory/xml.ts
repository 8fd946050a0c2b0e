/**
 * As much of XML as nvidia-smi writes: tags within tags, and text. Whatever is not that is refused as a whole:
 * half an inventory would be worse than none.
 */
import { RunyardError } from '../errors.ts';

export type Element = {
  readonly name: string;
  readonly id: string;
  readonly children: readonly Element[];
  readonly text: string;
};
type Open = { name: string; id: string; children: Element[]; text: string };

const deepest = 32;

/** The root element. Throws `internal` with what is wrong: the caller knows what was read. */
export function parseXml(source: string): Element {
  const root: Open = { name: '', id: '', children: [], text: '' };
  const open: Open[] = [root];
  let at = 0;
  for (const tag of source.matchAll(/<(\/?)([A-Za-z_][\w.-]*)([^<>]*?)(\/?)>|<[?!][^>]*>/g)) {
    const top = open.at(-1) as Open;
    top.text += source.slice(at, tag.index);
    at = tag.index + tag[0].length;
    const [, closing, name, attributes = '', empty] = tag;
    if (name === undefined) continue;
    if (closing === '/') {
      if (top === root || top.name !== name) throw broken(`</${name}> closes nothing`);
      open.pop();
      open.at(-1)?.children.push({ ...top, text: decoded(top.text.trim()) });
      continue;
    }
    const made: Open = {
      name,
      id: /\bid="([^"]*)"/.exec(attributes)?.[1] ?? '',
      children: [],
      text: '',
    };
    if (empty === '/') top.children.push(made);
    else open.push(made);
    if (open.length > deepest) throw broken('it is nested too deeply');
  }
  const [first] = root.children;
  if (open.length > 1) throw broken(`<${open.at(-1)?.name}> is not closed`);
  if (first === undefined) throw broken('there is no element');
  return first;
}

/** The element at the end of these names, or undefined. */
export function elementAt(from: Element, ...names: readonly string[]): Element | undefined {
  let found: Element | undefined = from;
  for (const name of names) found = found?.children.find((child) => child.name === name);
  return found;
}

export function textAt(from: Element, ...names: readonly string[]): string {
  return elementAt(from, ...names)?.text ?? '';
}

function decoded(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return text.replaceAll(/&(\w+);/g, (all, name: string) => named[name] ?? all);
}

function broken(why: string): RunyardError {
  return new RunyardError('internal', `not XML: ${why}`);
}
