/**
 * The closed list of error codes. Every error that leaves a folder of ours carries one of them;
 * `docs/errors.md` has a line for each (a test compares), and retired codes are never used again.
 */

/** gRPC status codes by name, as numbered by the gRPC specification. */
export const grpcStatus = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

type Entry = {
  readonly grpc: keyof typeof grpcStatus;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** Who has to act. */
  readonly who: 'user' | 'operator' | 'developer';
};

export const errorCodes = {
  config_invalid: { grpc: 'INVALID_ARGUMENT', retryable: false, who: 'user' },
  usage: { grpc: 'INVALID_ARGUMENT', retryable: false, who: 'user' },
  message_too_large: { grpc: 'RESOURCE_EXHAUSTED', retryable: false, who: 'user' },
  key_conflict: { grpc: 'ALREADY_EXISTS', retryable: false, who: 'user' },
  run_not_found: { grpc: 'NOT_FOUND', retryable: false, who: 'user' },
  run_ambiguous: { grpc: 'INVALID_ARGUMENT', retryable: false, who: 'user' },
  input_missing: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  input_too_large: { grpc: 'RESOURCE_EXHAUSTED', retryable: false, who: 'user' },
  unauthenticated: { grpc: 'UNAUTHENTICATED', retryable: false, who: 'user' },
  forbidden: { grpc: 'PERMISSION_DENIED', retryable: false, who: 'user' },
  artifact_not_found: { grpc: 'NOT_FOUND', retryable: false, who: 'user' },
  route_not_found: { grpc: 'NOT_FOUND', retryable: false, who: 'user' },
  streams_exhausted: { grpc: 'RESOURCE_EXHAUSTED', retryable: true, who: 'user' },
  console_off: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  history_gone: { grpc: 'OUT_OF_RANGE', retryable: false, who: 'user' },
  daemon_not_running: { grpc: 'UNAVAILABLE', retryable: true, who: 'user' },
  host_unreachable: { grpc: 'UNAVAILABLE', retryable: true, who: 'user' },
  tls_failed: { grpc: 'UNAVAILABLE', retryable: false, who: 'user' },
  daemon_unresponsive: { grpc: 'DEADLINE_EXCEEDED', retryable: true, who: 'operator' },
  daemon_already_running: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  daemon_stopping: { grpc: 'UNAVAILABLE', retryable: true, who: 'user' },
  port_in_use: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  home_unusable: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  home_on_network_fs: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  settings_invalid: { grpc: 'INVALID_ARGUMENT', retryable: false, who: 'operator' },
  sqlite_unsafe: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  registry_from_future: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  registry_corrupt: { grpc: 'DATA_LOSS', retryable: false, who: 'operator' },
  registry_lost: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  registry_unavailable: { grpc: 'UNAVAILABLE', retryable: true, who: 'operator' },
  disk_full: { grpc: 'RESOURCE_EXHAUSTED', retryable: true, who: 'operator' },
  bus_missing: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  bus_unavailable: { grpc: 'UNAVAILABLE', retryable: true, who: 'operator' },
  slurm_away: { grpc: 'UNAVAILABLE', retryable: true, who: 'operator' },
  slurm_refused: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  recorder_missing: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  rundir_lost: { grpc: 'DATA_LOSS', retryable: false, who: 'operator' },
  run_not_running: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  run_not_queued: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  run_not_over: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  run_pinned: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'user' },
  rundir_corrupt: { grpc: 'DATA_LOSS', retryable: false, who: 'operator' },
  bus_external: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  reader_exists: { grpc: 'ALREADY_EXISTS', retryable: false, who: 'user' },
  reader_not_found: { grpc: 'NOT_FOUND', retryable: false, who: 'user' },
  backup_exists: { grpc: 'ALREADY_EXISTS', retryable: false, who: 'operator' },
  backup_invalid: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  home_not_empty: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  service_failed: { grpc: 'FAILED_PRECONDITION', retryable: false, who: 'operator' },
  readers_exhausted: { grpc: 'RESOURCE_EXHAUSTED', retryable: false, who: 'user' },
  cancelled: { grpc: 'CANCELLED', retryable: false, who: 'user' },
  internal: { grpc: 'INTERNAL', retryable: false, who: 'developer' },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof errorCodes;

/** One rule that an input broke: where, which rule, and the way out. */
export type Violation = { readonly field: string; readonly rule: string; readonly hint: string };

/** The one error class of the project. `cause` holds why, and is not repeated in the message. */
export class RunyardError extends Error {
  override readonly name = 'RunyardError';
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; violations?: readonly Violation[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.violations = options.violations ?? [];
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `code` of a system error (`ENOENT`, …), if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
