/** Names of metrics as people ask for them: `*` is anything, `?` any one character. */

/** Whether a name is asked for. An empty pattern asks for all. Takes time by length alone, never more. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  if (pattern === '' || pattern === '*') return () => true;
  if (!/[*?]/.test(pattern)) return (name) => name === pattern;
  const known = new Map<string, boolean>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= knownMost) known.clear();
    const is = matches(pattern, name);
    known.set(name, is);
    return is;
  };
}

const knownMost = 10_000;

/** Goes back to the last star only: what it took before can never have to be given back further. */
function matches(pattern: string, name: string): boolean {
  let [at, seen] = [0, 0];
  let star = -1;
  let taken = 0;
  while (seen < name.length) {
    const sign = pattern[at];
    if (sign === '*') {
      star = at;
      taken = seen;
      at += 1;
    } else if (sign === '?' || sign === name[seen]) {
      at += 1;
      seen += 1;
    } else if (star >= 0) {
      at = star + 1;
      taken += 1;
      seen = taken;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
