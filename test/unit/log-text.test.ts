import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { plainText, shownText } from '../../src/cli/log-text.ts';

const red = '\u001b[31m';
const off = '\u001b[0m';
const colour = new RegExp(`${red.charAt(0)}\\[[\\d;:]*m`, 'g');

test('colours are shown where there are any, and end with their line', () => {
  assert.equal(shownText(`${red}bad${off} rest`, true), `${red}bad${off} rest${off}`);
  assert.equal(shownText(`${red}bad`, true), `${red}bad${off}`);
  assert.equal(shownText(`${red}bad${off} rest`, false), 'bad rest');
  assert.equal(shownText('\u001b[38;2;1;2;3mx', true), `\u001b[38;2;1;2;3mx${off}`);
});

test('nothing that moves the cursor, clears, rings or names the window gets through', () => {
  const text = `a\u001b[2Jb\u001b[3Ac\u001b]0;title\u0007d\u001b[?25le\u0007f\bg\rh\tı✓`;
  for (const color of [true, false]) assert.equal(shownText(text, color), 'abcdefgh\tı✓');
});

test('whatever was written, plain text has no control characters but tabs, and other text is left alone', () => {
  const pieces = fc.constantFrom(
    '\u001b',
    '[',
    '31m',
    ']',
    '\u0007',
    'x',
    ';',
    '\u009b',
    '\t',
    'é',
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: pieces })), (text) => {
      assert.doesNotMatch(plainText(text).replaceAll('\t', ''), /\p{Cc}/u);
      const rest = shownText(text, true).replaceAll(colour, '');
      assert.doesNotMatch(rest.replaceAll('\t', ''), /\p{Cc}/u);
      if (!/\p{Cc}/u.test(text)) assert.equal(shownText(text, true), text);
    }),
    { numRuns: 500 },
  );
});
