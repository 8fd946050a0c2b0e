/** What of a table is wanted, as far as anybody says so. */
export type Condition = readonly [wanted: boolean, sql: string, ...values: unknown[]];

/** `where` is empty when all of it is. */
export function conditions(rules: readonly Condition[]): [where: string, values: unknown[]] {
  const wanted = rules.filter(([holds]) => holds);
  const where = wanted.map(([, sql]) => sql).join(' AND ');
  return [where === '' ? '' : `WHERE ${where}`, wanted.flatMap(([, , ...values]) => values)];
}
