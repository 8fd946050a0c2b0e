/** A page of docs/runbooks, read as what it is to a drill: words to wait for, and commands to run. */
import fs from 'node:fs';
import path from 'node:path';

export const runbooks = path.resolve(import.meta.dirname, '../../docs/runbooks');

/** A command, and lines that its output has, in any order and among others. */
export type Expectation = { command: string; lines: string[] };

/** `isOutside`: what people do to the machine, which a drill plays in its own way. */
export type Step = { text: string; isOutside: boolean };

export type Runbook = {
  title: string;
  /** Names of alerts that fire for it. */
  alerts: string[];
  see: Expectation[];
  steps: Step[];
  verify: Expectation[];
};

export const sections = {
  see: 'What you see',
  means: 'What it means',
  look: 'Look at',
  steps: 'Do',
  verify: 'Verify',
  kept: 'What is not lost',
} as const;

/** Throws with the page and what is wrong with it. */
export function readRunbook(name: string): Runbook {
  return parseRunbook(fs.readFileSync(path.join(runbooks, `${name}.md`), 'utf8'), name);
}

export function parseRunbook(text: string, name: string): Runbook {
  const parts = text.split(/^## /m);
  const bodies = new Map(
    parts.slice(1).map((part) => {
      const [head = '', ...rest] = part.split('\n');
      return [head.trim(), rest.join('\n')] as const;
    }),
  );
  const body = (section: keyof typeof sections): string => {
    const found = bodies.get(sections[section]);
    if (found === undefined) throw new Error(`${name}.md has no "## ${sections[section]}"`);
    return found;
  };
  for (const section of ['means', 'kept'] as const) body(section);
  return {
    alerts: [...(/^Alerts?: (.+)$/m.exec(parts[0] ?? '')?.[1]?.matchAll(/`(\w+)`/g) ?? [])].map(
      ([, alert = '']) => alert,
    ),
    title: /^# (.+)/.exec(parts[0] ?? '')?.[1] ?? '',
    see: blocks(body('see'), name).flatMap(({ info, code }) =>
      info === 'console' ? expectations(code, name) : [],
    ),
    steps: blocks(`${bodies.get(sections.look) ?? ''}${body('steps')}`, name).flatMap(
      ({ info, code }) =>
        info.startsWith('sh') ? [{ text: code, isOutside: info === 'sh outside' }] : [],
    ),
    verify: blocks(body('verify'), name).flatMap(({ info, code }) =>
      info === 'console' ? expectations(code, name) : [],
    ),
  };
}

/** Which of the lines are not in the output; `…` stands for anything. */
export function missingIn(output: string, lines: readonly string[]): string[] {
  const found = output.split('\n').map(squeezed);
  return lines.filter((line) => {
    const pattern = squeezed(line).split('…').map(escaped).join('.*');
    return !found.some((each) => new RegExp(`^${pattern}$`).test(each));
  });
}

const infos = ['console', 'sh', 'sh outside', 'text'];

function blocks(text: string, name: string): { info: string; code: string }[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info = '', code = '']) => {
    if (!infos.includes(info)) throw new Error(`${name}.md has a block of kind "${info}"`);
    return { info, code };
  });
}

function expectations(code: string, name: string): Expectation[] {
  const found: Expectation[] = [];
  for (const line of code.split('\n').filter((each) => each.trim() !== '')) {
    const last = found.at(-1);
    if (line.startsWith('$ ')) found.push({ command: line.slice(2), lines: [] });
    else if (last === undefined) throw new Error(`${name}.md shows "${line}" of no command`);
    else last.lines.push(line);
  }
  return found;
}

function squeezed(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
