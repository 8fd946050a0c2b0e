/** Errors as HTTP tells them: the same codes and words as over gRPC and on the command line. */
import type { ErrorDetail } from '../../contracts/index.ts';
import { errorCodes, RunyardError } from '../../errors.ts';
import type { Logger } from '../../telemetry/index.ts';

export type Failure = { error: ErrorDetail & { message: string } };

const statuses: Readonly<Record<(typeof errorCodes)[keyof typeof errorCodes]['grpc'], number>> = {
  INVALID_ARGUMENT: 400,
  CANCELLED: 499,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  OUT_OF_RANGE: 410,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  DATA_LOSS: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

export function statusOf({ code }: RunyardError): number {
  if (code === 'message_too_large' || code === 'input_too_large') return 413;
  if (code === 'disk_full') return 507;
  return statuses[errorCodes[code].grpc];
}

export function failureOf(error: RunyardError): Failure {
  const { code, message, violations } = error;
  const { retryable, who } = errorCodes[code];
  return { error: { code, message, retryable, who, violations: [...violations] } };
}

/** Ours as it is; what the framework refuses in our words; anything else is told to the log alone. */
export function refusalFrom(error: unknown, log: Logger): RunyardError {
  if (error instanceof RunyardError) return error;
  const { statusCode = 500, message = '' } = error as { statusCode?: number; message?: string };
  if (statusCode === 413) {
    return new RunyardError('message_too_large', `the request is too large: ${message}`);
  }
  if (statusCode >= 400 && statusCode < 500) {
    return new RunyardError('usage', `the request cannot be read: ${message}`);
  }
  log.error({ err: error }, 'request failed');
  return new RunyardError('internal', 'the daemon failed; its log says why');
}
