import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { causeCodes } from '../../src/contracts/index.ts';
import { causeOf, type Ending, type Evidence } from '../../src/worker/cause.ts';

const failed: Ending = { kind: 'exited', code: 1 };
const nothing: Evidence = { stdout: '', stderr: '', oomKills: null };

function ofStderr(stderr: string, ending: Ending = failed): string {
  const cause = causeOf(ending, { ...nothing, stderr });
  return cause === null ? 'none' : `${cause.code}: ${cause.text}`;
}

const traceback = (last: string): string => `Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
    ~~~~^^
${last}
`;

test('the last line of a traceback is the cause, and tells its kind', () => {
  const expected: [string, string][] = [
    ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.', 'cuda_out_of_memory'],
    ['RuntimeError: CUDA out of memory.', 'cuda_out_of_memory'],
    [
      'jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory',
      'cuda_out_of_memory',
    ],
    ['RuntimeError: CUDA error: device-side assert triggered', 'cuda_error'],
    ["ModuleNotFoundError: No module named 'gym'", 'missing_module'],
    ['ImportError: libGL.so.1: cannot open shared object file: No such file', 'missing_library'],
    ['MemoryError', 'out_of_memory'],
    [
      'numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9.3 GiB for an array',
      'out_of_memory',
    ],
    ['OSError: [Errno 28] No space left on device', 'no_space'],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'data.h5'", 'missing_file'],
    [
      'ValueError: Expected parameter loc to satisfy Real(), but found invalid values: tensor([nan])',
      'not_a_number',
    ],
    [
      "RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.",
      'not_a_number',
    ],
    ["KeyError: 'banana'", 'exception'],
    ['KeyboardInterrupt', 'exception'],
    ['my.lib.Strange: no ending that says what it is', 'exception'],
  ];
  for (const [line, code] of expected) assert.equal(ofStderr(traceback(line)), `${code}: ${line}`);
});

test('of several exceptions the last counts, but not one that only passes another on', () => {
  const chained = `${traceback("KeyError: 'a'")}
During handling of the above exception, another exception occurred:

${traceback('ValueError: b')}`;
  assert.equal(ofStderr(chained), 'exception: ValueError: b');
  const launcher = `[rank0]: ${traceback('RuntimeError: CUDA out of memory.').split('\n').join('\n[rank0]: ')}
${traceback('torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ')}`;
  assert.match(ofStderr(launcher), /^cuda_out_of_memory: RuntimeError/);
});

test('a syntax error has no traceback above it', () => {
  const text = '  File "x.py", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n';
  assert.equal(ofStderr(text), 'exception: SyntaxError: invalid syntax');
});

test('colours and progress bars do not hide it', () => {
  const text = `10%|#   |\r20%|##  |\r\u001b[31m${traceback("ModuleNotFoundError: No module named 'x'")}\u001b[0m`;
  assert.equal(ofStderr(text), "missing_module: ModuleNotFoundError: No module named 'x'");
  assert.equal(ofStderr('10%|#\r20%|##\rstopped here\r\n'), 'last_words: stopped here');
});

test('programs without exceptions: what they said last, if it is known, else their last words', () => {
  assert.equal(ofStderr('sh: 1: pyhton: not found\n'), 'missing_command: sh: 1: pyhton: not found');
  assert.match(ofStderr("thread 'main' panicked at src/main.rs:2:5:\nboom\n"), /^crash: thread/);
  const usage = 'usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --sed 1\n';
  assert.equal(ofStderr(usage), 'last_words: train.py: error: unrecognized arguments: --sed 1');
  assert.equal(ofStderr(''), 'none');
});

test('an error that was written to standard output is found too', () => {
  const cause = causeOf(failed, { ...nothing, stdout: traceback('ValueError: x') });
  assert.deepEqual(cause, { code: 'exception', text: 'ValueError: x' });
});

test('what ended well, or could not be begun, has no such cause', () => {
  const stderr = traceback('ValueError: x');
  assert.equal(ofStderr(stderr, { kind: 'exited', code: 0 }), 'none');
  assert.equal(ofStderr(stderr, { kind: 'noexec' }), 'none');
});

test('SIGKILL while the kernel killed for want of memory is told as that, and how sure it is', () => {
  const killed: Ending = { kind: 'signaled', signal: 'SIGKILL' };
  const tell = (oomKills: Evidence['oomKills'], ending = killed): string =>
    causeOf(ending, { ...nothing, oomKills })?.text ?? 'none';
  assert.equal(tell({ count: 1, whose: 'run' }), 'the kernel killed it: out of memory');
  assert.match(tell({ count: 2, whose: 'machine' }), /^probably the kernel killed it/);
  assert.equal(tell({ count: 0, whose: 'machine' }), 'none');
  assert.equal(tell(null), 'none');
  assert.equal(tell({ count: 1, whose: 'run' }, { kind: 'signaled', signal: 'SIGSEGV' }), 'none');
  // A shell in between makes a code of the signal.
  assert.match(tell({ count: 1, whose: 'run' }, { kind: 'exited', code: 137 }), /out of memory/);
});

test('whatever was written, a cause is short, printable and of the list', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 3000, size: 'max' }), fc.string());
  fc.assert(
    fc.property(text, text, fc.boolean(), (a, b, inTraceback) => {
      const stderr = inTraceback ? traceback(a) : `${a}\n${b}`;
      const cause = causeOf(failed, { stdout: b, stderr, oomKills: null });
      if (cause === null) return;
      assert.ok(causeCodes.includes(cause.code));
      assert.ok(cause.text.length <= 240 && cause.text.isWellFormed());
      assert.doesNotMatch(cause.text, /\p{Cc}/u);
    }),
    { numRuns: 300 },
  );
});

test('docs/reasons.md has a line for each cause and for no other', () => {
  const text = fs.readFileSync(path.join(import.meta.dirname, '../../docs/reasons.md'), 'utf8');
  const [, part = ''] = text.split('## Likely causes');
  const told = [...(part.split('\n## ')[0] ?? '').matchAll(/^\| `(\w+)`/gm)].map(
    ([, code]) => code,
  );
  assert.deepEqual(told, [...causeCodes]);
});
