/**
 * What a trainer that failed probably failed of: the last exception of its output, told apart by what it
 * says, or its last words. Only a hint for people; how it ended is what the recorder saw.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Cause, CauseCode } from '../contracts/index.ts';

/** How the trainer ended, as far as it matters here. */
export type Ending = { kind: string; code?: number; signal?: string; core?: boolean };
export type Evidence = {
  stdout: string;
  stderr: string;
  /** Whether the kernel's out-of-memory killer was at work meanwhile; null where nobody knows. */
  oomKills: { count: number; whose: 'run' | 'machine' } | null;
};

/** Characters of a cause: it is part of a fact and of a summary. */
const textMax = 240;
/** Characters of a line that are looked at: patterns must not take long over one without an end. */
const lineMax = 1000;

/** Told apart by what is said, the most telling first. */
const said: readonly [CauseCode, RegExp][] = [
  [
    'cuda_out_of_memory',
    /CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|cuda\.OutOfMemoryError|HIP out of memory|RESOURCE_EXHAUSTED: Out of memory|OOM when allocating tensor/,
  ],
  [
    'out_of_memory',
    /^(\w+\.)*_?(Array)?MemoryError\b|std::bad_alloc|Cannot allocate memory|Unable to allocate [\d.]+ \w+ for an array|can't allocate memory/,
  ],
  ['no_space', /No space left on device|Disk quota exceeded|\[Errno (28|122)\]/],
  [
    'missing_module',
    /\bModuleNotFoundError\b|No module named |cannot find module|ERR_MODULE_NOT_FOUND/i,
  ],
  ['missing_library', /cannot open shared object file|undefined symbol: |version `\S+' not found/],
  [
    'cuda_error',
    /CUDA error|cudaError|CUBLAS_STATUS_|CUDNN_STATUS_|NCCL error|CUDA driver|NVIDIA driver/,
  ],
  [
    'not_a_number',
    /\bnan\b.*\b(loss|value|found|detected|invalid|gradient|output)|\b(loss|values?|invalid values|gradients?|found|contains?|returned|is|are|became|input)\b.{0,80}\bnan\b|\bNaN or Inf\b|non-finite/i,
  ],
  ['missing_file', /\bFileNotFoundError\b|No such file or directory/],
];

/** These only pass on what another process or exception said before. */
const wrappers =
  /^(\w+\.)*(CalledProcessError|ChildFailedError|ProcessRaisedException|ProcessExitedException|RemoteTraceback|BrokenProcessPool)\b|DataLoader worker/;

/** An exception as Python and others print it: at the beginning of a line, a name and a colon. */
const exception =
  /^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Iteration)\b(?::|$)/;
const traceback = 'Traceback (most recent call last):';

/** Null when it ended well, or nothing that it left says why not. */
export function causeOf(ending: Ending, evidence: Evidence): Cause | null {
  if (ending.kind === 'exited' && ending.code === 0) return null;
  if (ending.kind !== 'exited' && ending.kind !== 'signaled') return null;
  const killed = killedForMemory(ending, evidence);
  if (killed !== null) return killed;
  const errors = linesOf(evidence.stderr);
  // Some write their errors to where everything else goes.
  for (const lines of [errors, linesOf(evidence.stdout)]) {
    const cause = exceptionIn(lines) ?? complaintIn(lines);
    if (cause !== null) return cause;
  }
  if (ending.kind === 'signaled') return null;
  const last = errors.at(-1);
  return last === undefined ? null : { code: 'last_words', text: cut(last) };
}

function killedForMemory(ending: Ending, { oomKills }: Evidence): Cause | null {
  const killed = ending.signal === 'SIGKILL' || ending.code === 137;
  if (!killed || oomKills === null || oomKills.count === 0) return null;
  const text =
    oomKills.whose === 'run'
      ? 'the kernel killed it: out of memory'
      : 'probably the kernel killed it: out of memory (its killer was at work on this machine meanwhile)';
  return { code: 'oom_kill', text };
}

/** The last exception that was not caught; of one that only passes another on, that other. */
function exceptionIn(lines: readonly string[]): Cause | null {
  const found: Cause[] = [];
  let wrapped: Cause | null = null;
  let inside = false;
  for (const line of lines) {
    // Groups of exceptions and processes of a launcher put something before each line.
    const bare = line.replace(/^(\[[\w. -]+\]:?\s?|\s*[|+] )+/, '');
    if (bare.startsWith(traceback)) inside = true;
    else if (inside ? /^\S/.test(bare) : exception.test(bare)) {
      inside = false;
      if (wrappers.test(bare)) wrapped = classed(bare);
      else found.push(classed(bare));
    }
  }
  return found.at(-1) ?? wrapped;
}

/** The last line that says something known, of programs that print no exception. */
function complaintIn(lines: readonly string[]): Cause | null {
  for (const line of lines.slice(-linesBack).reverse()) {
    if (
      /^Fatal Python error: |^Segmentation fault|^terminate called |panicked at |^\*\*\* .*: terminated/.test(
        line,
      )
    )
      return { code: 'crash', text: cut(line) };
    if (/: (command )?not found$/.test(line)) return { code: 'missing_command', text: cut(line) };
    const code = codeOf(line);
    // Without an exception round it, this much is in many a harmless line.
    if (code !== null && !vague.includes(code)) return { code, text: cut(line) };
  }
  return null;
}

const linesBack = 40;
const vague: readonly CauseCode[] = ['not_a_number', 'missing_file', 'cuda_error'];

function classed(line: string): Cause {
  return { code: codeOf(line) ?? 'exception', text: cut(line) };
}

function codeOf(line: string): CauseCode | null {
  return said.find(([, pattern]) => pattern.test(line))?.[0] ?? null;
}

/** As they were last seen: without colours, and of a progress bar its last state. */
function linesOf(text: string): string[] {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) => {
      const shown = line.replace(/\r+$/, '');
      return shown
        .slice(shown.lastIndexOf('\r') + 1)
        .slice(0, lineMax)
        .trimEnd();
    })
    .filter((line) => line.trim() !== '');
}

function cut(line: string): string {
  const plain = line
    .trim()
    .replaceAll(/\p{Cc}+/gu, ' ')
    .toWellFormed();
  return plain.length <= textMax ? plain : `${plain.slice(0, textMax - 1).toWellFormed()}…`;
}
