/** Shown at first when a run has them, in this order. */
const wanted = [/return|reward/i, /^(train[/_])?loss$/i, /loss/i, /acc|score/i];

/** Of these metrics the ones that most people want to see first. */
export function firstOf(names: readonly string[], most: number): string[] {
  const found = new Set(wanted.flatMap((pattern) => names.filter((name) => pattern.test(name))));
  return [...found, ...names.filter((name) => !found.has(name))].slice(0, most);
}
