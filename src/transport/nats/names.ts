/** Names on the bus. A yard's name is the first token, so that yards can be joined later. */
export function subjects(yard: string) {
  const of = (kind: string) => (runId: string) => `${yard}.runs.${runId}.${kind}`;
  return {
    events: of('events'),
    facts: of('facts'),
    logs: of('logs'),
    metrics: of('metrics'),
    artifacts: of('artifacts'),
    claims: of('claims'),
    talk: of('talk'),
    beat: of('beat'),
  };
}

export function streamNames(yard: string) {
  const token = yard.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '_');
  return {
    events: `${token}_EVENTS`,
    facts: `${token}_FACTS`,
    logs: `${token}_LOGS`,
    metrics: `${token}_METRICS`,
    artifacts: `${token}_ARTIFACTS`,
    claims: `${token}_CLAIMS`,
  };
}
export type StreamKind = keyof ReturnType<typeof streamNames>;
