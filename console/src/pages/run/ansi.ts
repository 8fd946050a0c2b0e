/**
 * Lines as trainers write them for terminals. Colours go, since colour means state here; what is bold or dim stays
 * so. All other sequences and control characters go too. Pure.
 */
export type Piece = { text: string; look: '' | 'bold' | 'dim' };

/** CSI with its parameters and its end; OSC up to its end; other escapes of two characters. */
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /\u001b\[([0-9:;<=>?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function piecesOf(line: string): Piece[] {
  // Most lines have none.
  if (!line.includes('\u001b')) return [{ text: line.replaceAll(controls, ''), look: '' }];
  const pieces: Piece[] = [];
  let look: Piece['look'] = '';
  let from = 0;
  const add = (to: number): void => {
    const text = line.slice(from, to).replaceAll(controls, '');
    if (text !== '') pieces.push({ text, look });
  };
  for (const found of line.matchAll(sequences)) {
    add(found.index);
    from = found.index + found[0].length;
    if (found[2] === 'm') look = lookAfter(found[1] ?? '', look);
  }
  add(line.length);
  return pieces;
}

function lookAfter(parameters: string, before: Piece['look']): Piece['look'] {
  let look = before;
  const codes = parameters.split(';');
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? '';
    // 38;5;N and 38;2;R;G;B are colours: what follows is no code of its own.
    if (code === '38' || code === '48') at += codes[at + 1] === '5' ? 2 : 4;
    else if (code === '' || code === '0' || code === '22') look = '';
    else if (code === '1') look = 'bold';
    else if (code === '2') look = 'dim';
  }
  return look;
}
