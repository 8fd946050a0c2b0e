/** What the audit log is told of a call of gRPC. */
import { type Metadata, status } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { type Asked, type Audit, gather } from '../../audit/index.ts';
import { fromStatus, fromStruct, type Struct } from '../../contracts/index.ts';

/** Its messages as they come and go. */
export type Seen = {
  took(request: unknown): void;
  gave(reply: unknown): void;
  asked(): Asked;
  done(outcome: string): void;
};

export function seeing(call: {
  audit: Audit;
  path: string;
  by: Asked['by'];
  role: Asked['role'];
  from: string;
  /** Who calls, as the client says of all its calls. */
  said: string;
}): Seen {
  const { audit, path, by, role, from, said } = call;
  const messages = gather();
  const asked = (): Asked => {
    const { user, ...facts } = messages.facts();
    const what = path.slice(path.lastIndexOf('/') + 1);
    return { what, via: 'grpc', by, role, from, user: user || decoded(said), ...facts };
  };
  return {
    took: (request) => messages.asked(withProgram(request)),
    gave: messages.answered,
    asked,
    done: (outcome) => audit.done(asked(), outcome),
  };
}

/** `ok`, or the code of the error. */
export function outcomeOf(
  definition: PackageDefinition,
  sent: {
    code?: number | null | undefined;
    details?: string | null | undefined;
    metadata?: Metadata | null | undefined;
  },
): string {
  const { code, details, metadata } = sent;
  if (code == null || code === status.OK) return 'ok';
  const error = { code, message: details ?? '', ...(metadata == null ? {} : { metadata }) };
  return fromStatus(definition, error).code;
}

/** Of a configuration the command alone is looked at. */
function withProgram(request: unknown): unknown {
  const { config, changes } = (request ?? {}) as { config?: Struct; changes?: Struct };
  const command = (config ?? changes)?.fields?.command;
  if (command === undefined) return request;
  return { ...(request as object), config: fromStruct({ fields: { command } }) };
}

/** Metadata are ASCII; names are not. */
function decoded(said: string): string {
  try {
    return decodeURIComponent(said).slice(0, 200);
  } catch {
    return said.slice(0, 200);
  }
}
