/**
 * Who may do what, over every transport, in one table. What is not in it is refused, so that nothing new
 * is open by being forgotten; `test/integration/gate.test.ts` calls all that there is.
 */
import { RunyardError } from './errors.ts';

/**
 * A scraper gets the daemon's figures and nothing of any run; a viewer sees everything and changes nothing; an
 * operator does all that a user of the machine may.
 */
export type Role = 'scraper' | 'viewer' | 'operator';
export type Need = Role | 'anyone';

/** Methods by their paths. */
const grpc: Readonly<Record<string, Need>> = {
  ...named('/grpc.health.v1.Health', 'anyone', ['Check', 'Watch', 'List']),
  ...named('/grpc.reflection.v1.ServerReflection', 'viewer', ['ServerReflectionInfo']),
  ...named('/grpc.reflection.v1alpha.ServerReflection', 'viewer', ['ServerReflectionInfo']),
  ...named('/runyard.v1.Orchestrator', 'viewer', [
    ...['StreamStatus', 'StreamYard', 'PlanRun', 'ListGpus', 'GetHealth', 'GetRun', 'ListRuns'],
    ...['GetRunDetails', 'ListTransitions', 'StreamLogs', 'StreamMetrics', 'ListMetrics'],
    ...['ListArtifacts', 'ReadArtifact', 'GetChart', 'GetSchema', 'ListGroups', 'WatchGroup'],
    ...['ListStreams', 'ListSubscribers'],
  ]),
  ...named('/runyard.v1.Orchestrator', 'operator', [
    ...[
      'SubmitRun',
      'RetryRun',
      'StopRun',
      'PauseRun',
      'ResumeRun',
      'HoldRun',
      'ReleaseRun',
      'SetDrain',
    ],
    ...['PutInput', 'PinRun', 'CollectGarbage', 'RemoveRun', 'Shutdown', 'OpenConsole'],
    'RotateToken',
    ...['ExportReader', 'ListReaders', 'RevokeReader', 'SubmitRuns', 'StopGroup'],
  ]),
};

/** Routes by method and pattern. */
const http: Readonly<Record<string, Need>> = {
  // The page itself, which knows nothing; and the exchange of a link, which is a credential of its own.
  'GET /': 'anyone',
  'GET /*': 'anyone',
  'POST /api/session': 'anyone',
  'GET /metrics': 'scraper',
  // For probes: whether it lives, and whether it takes runs; nothing else is said.
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /api/session': 'viewer',
  'DELETE /api/session': 'viewer',
  'GET /api/openapi.json': 'viewer',
  'GET /api/schemas/:name': 'viewer',
  'GET /api/charts/:machine': 'viewer',
  'GET /api/health': 'viewer',
  'GET /api/gpus': 'viewer',
  'GET /api/bus/streams': 'viewer',
  'GET /api/bus/subscribers': 'viewer',
  'GET /api/bus/readers': 'operator',
  'POST /api/drain': 'operator',
  'POST /api/inputs': 'operator',
  'GET /api/runs': 'viewer',
  'POST /api/runs': 'operator',
  'POST /api/plan': 'viewer',
  'GET /api/runs/:run': 'viewer',
  'DELETE /api/runs/:run': 'operator',
  'POST /api/runs/:run/retry': 'operator',
  'POST /api/runs/:run/stop': 'operator',
  'POST /api/runs/:run/pause': 'operator',
  'POST /api/runs/:run/resume': 'operator',
  'POST /api/runs/:run/hold': 'operator',
  'POST /api/runs/:run/release': 'operator',
  'POST /api/runs/:run/pin': 'operator',
  'GET /api/groups': 'viewer',
  'GET /api/groups/:group': 'viewer',
  'POST /api/groups/:group/stop': 'operator',
  'GET /api/runs/:run/events': 'viewer',
  'GET /api/runs/:run/transitions': 'viewer',
  'GET /api/runs/:run/logs': 'viewer',
  'GET /api/runs/:run/metrics': 'viewer',
  'GET /api/metric-keys': 'viewer',
  'GET /api/runs/:run/artifacts': 'viewer',
  'GET /api/runs/:run/artifacts/:attempt/*': 'viewer',
  'GET /api/events': 'viewer',
  'GET /api/stream': 'viewer',
  'POST /api/streams/:id/subscriptions': 'viewer',
};

/**
 * Subjects of the bus by their last token: who reads them, and who writes. A reader's credential is a
 * viewer's; `daemon` and `worker` are our own processes. nats-server holds it (`transport/nats/accounts.ts`).
 */
export const busGate = {
  events: { read: 'viewer', write: 'daemon' },
  // A conversation of worker and daemon: a reader that made consumers there could disturb it.
  facts: { read: 'daemon', write: 'worker' },
  metrics: { read: 'viewer', write: 'worker' },
  logs: { read: 'viewer', write: 'worker' },
  artifacts: { read: 'viewer', write: 'worker' },
  // Which start of a job has an attempt.
  claims: { read: 'daemon', write: 'worker' },
  // Questions of a job's worker, each answered by the daemon; nothing is stored.
  talk: { read: 'daemon', write: 'worker' },
  beat: { read: 'viewer', write: 'worker' },
} as const satisfies Record<string, { read: 'viewer' | 'daemon'; write: 'daemon' | 'worker' }>;

export type Gated = 'grpc' | 'http';
const table = { grpc, http };

/** An operator's, and no change: it looks, or it makes ready what the call after it says and is recorded for. */
const unrecorded: readonly string[] = [
  '/runyard.v1.Orchestrator/ListReaders',
  '/runyard.v1.Orchestrator/PutInput',
  'GET /api/bus/readers',
  'POST /api/inputs',
];
/** No operator's, and yet a change: who is logged in. */
const recordedToo: readonly string[] = ['POST /api/session', 'DELETE /api/session'];

/** Whether the audit log has a line for each of these calls (decision 89); it has one for refusals of any call. */
export function isRecorded(transport: Gated, name: string): boolean {
  if (recordedToo.includes(name)) return true;
  return needOf(transport, name) === 'operator' && !unrecorded.includes(name);
}

/** What a method or a route needs; null: nobody may. */
export function needOf(transport: Gated, name: string): Need | null {
  return Object.hasOwn(table[transport], name) ? (table[transport][name] ?? null) : null;
}

/** Everything that is in the table, for whoever compares it with what is served. */
export function gatedNames(transport: Gated): string[] {
  return Object.keys(table[transport]);
}

/** Why this caller may not, or null. `role` is null for one without a credential that we know. */
export function refusalOf(transport: Gated, name: string, role: Role | null): RunyardError | null {
  const need = needOf(transport, name);
  if (need === 'anyone') return null;
  if (role === null) {
    const way =
      transport === 'http'
        ? 'open the page by the link that `runyard console` prints, or send `Authorization: Bearer <token>`'
        : 'send the metadata `authorization: Bearer <token>`';
    return new RunyardError(
      'unauthenticated',
      `this call needs a credential: ${way}; the token is in the file \`token\` of the state directory`,
    );
  }
  if (need === null) return new RunyardError('forbidden', `${name} is open to nobody`);
  if (role === 'scraper' && need !== 'scraper') {
    return new RunyardError(
      'forbidden',
      'this token opens /metrics alone; the file `token` of the state directory has one for the rest',
    );
  }
  if (need === 'operator' && role !== 'operator') {
    return new RunyardError(
      'forbidden',
      'a viewer may look and change nothing; an operator’s link comes from: runyard console',
    );
  }
  return null;
}

function named(service: string, need: Need, methods: readonly string[]): Record<string, Need> {
  return Object.fromEntries(methods.map((method) => [`${service}/${method}`, need]));
}
