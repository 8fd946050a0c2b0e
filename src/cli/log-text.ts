/** What of a trainer's line may reach a terminal or a file: colours at most, and nothing that moves about. */
import { stripVTControlCharacters } from 'node:util';

/** Control characters other than the tab. */
const controls = /(?!\t)\p{Cc}/gu;
const esc = '\u001b';
const colour = new RegExp(`${esc}\\[[\\d;:]*m`, 'g');
const reset = `${esc}[0m`;

/** Without colours, or with them and no others left switched on. */
export function shownText(text: string, color: boolean): string {
  // Most lines have neither.
  if (!/\p{Cc}/u.test(text)) return text;
  if (!color) return plainText(text);
  let shown = '';
  let at = 0;
  for (const found of text.matchAll(colour)) {
    shown += plainText(text.slice(at, found.index)) + found[0];
    at = found.index + found[0].length;
  }
  const isColoured = at > 0;
  return `${shown}${plainText(text.slice(at))}${isColoured ? reset : ''}`;
}

export function plainText(text: string): string {
  return stripVTControlCharacters(text).replaceAll(controls, '');
}
