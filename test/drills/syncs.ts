/** What strace wrote down of a daemon: whether each answer came after the sync of what it says. */

/** Something that is told of a run: to the registry's log, and then to clients. */
type Told = { run: string; words: string };

type Call = {
  name: string;
  /** Its arguments, with what the first descriptor is. */
  text: string;
  /** Lines of the trace in which it began and returned. */
  began: number;
  ended: number;
  isOk: boolean;
};

const sends = ['write', 'writev', 'sendto', 'sendmsg'];
const syncs = ['fdatasync', 'fsync'];

/**
 * What is wrong, in words; empty: nothing. Looks at the acknowledgement of each run, and at the end of those that
 * came to one. Made with `strace -f -yy -s MANY`, of writes, sends and syncs.
 */
export function unsyncedAnswers(trace: string, home: string, runs: readonly string[]): string[] {
  const calls = callsOf(trace);
  const log = calls.filter(({ text }) => text.includes(`<${home}/registry.db-wal>`));
  const commits = log.filter(({ name }) => name === 'pwrite64' || name === 'write');
  const synced = log.filter(({ name, isOk }) => syncs.includes(name) && isOk);
  const answers = calls.filter(
    ({ name, text }) => sends.includes(name) && /^\d+<UNIX-STREAM:/.test(text),
  );
  const has = (told: Told) => (call: Call) =>
    call.text.includes(told.run) && call.text.includes(told.words);
  return runs.flatMap((run) => {
    const wrong: string[] = [];
    for (const words of ['', 'done.']) {
      const told = { run, words };
      const answer = answers.find(has(told));
      // Not every run is over.
      if (answer === undefined && words !== '') continue;
      const commit = commits.find(has(told));
      const what = `${run} ${words}`.trim();
      if (answer === undefined) wrong.push(`no answer of ${what} was seen`);
      else if (commit === undefined) wrong.push(`no commit of ${what} was seen`);
      else if (!synced.some(({ began, ended }) => began > commit.ended && ended < answer.began))
        wrong.push(`${what} was answered before it was synced`);
    }
    return wrong;
  });
}

function callsOf(trace: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<string, Call>();
  trace.split('\n').forEach((line, at) => {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const call = open.get(thread);
      open.delete(thread);
      if (call === undefined) return;
      call.text += resumed[1] ?? '';
      call.ended = at;
      call.isOk = isOk(rest);
      return;
    }
    const [, name, text = ''] = /^(\w+)\((.*)$/.exec(rest) ?? [];
    if (name === undefined) return;
    const call = { name, text, began: at, ended: at, isOk: isOk(rest) };
    calls.push(call);
    if (!text.endsWith('<unfinished ...>')) return;
    call.ended = Number.POSITIVE_INFINITY;
    open.set(thread, call);
  });
  return calls;
}

function isOk(line: string): boolean {
  return /= \d+$/.test(line.trimEnd());
}
