/** For `sort`: by what `<` says, which of times of RFC 3339 is the earlier first. */
export function order<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
