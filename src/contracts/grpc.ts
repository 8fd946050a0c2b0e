/** The proto in TypeScript: service definition, Struct values, and errors on the wire. */
import path from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { type ErrorCode, errorCodes, grpcStatus, RunyardError, type Violation } from '../errors.ts';

const schemas = path.resolve(import.meta.dirname, '../../schemas');
export const serviceName = 'runyard.v1.Orchestrator';
/** Requests and replies of the control plane stay below this many bytes. */
export const controlMaxBytes = 4096;

/** Messages as plain objects with the proto's own names. */
export function loadProto(): PackageDefinition {
  return loadSync('runyard/v1/orchestrator.proto', {
    includeDirs: [schemas],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  });
}

export function orchestratorService(definition: PackageDefinition): ServiceDefinition {
  let node: unknown = loadPackageDefinition(definition);
  for (const part of serviceName.split('.')) node = (node as GrpcObject)[part];
  return (node as { service: ServiceDefinition }).service;
}

type StructValue = {
  nullValue?: unknown;
  numberValue?: number;
  stringValue?: string;
  boolValue?: boolean;
  structValue?: Struct;
  listValue?: { values?: StructValue[] };
};
export type Struct = { fields?: Record<string, StructValue> };

/** google.protobuf.Struct to a plain value. */
export function fromStruct(struct: Struct): Record<string, unknown> {
  const entries = Object.entries(struct.fields ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, fromValue(value)]));
}

function fromValue(value: StructValue): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(fromValue);
  return value.structValue === undefined ? null : fromStruct(value.structValue);
}

export function toStruct(value: object): Struct {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return { fields: Object.fromEntries(entries.map(([key, item]) => [key, toValue(item)])) };
}

function toValue(value: unknown): StructValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  if (typeof value === 'object' && value !== null) return { structValue: toStruct(value) };
  return { nullValue: 0 };
}

const detailsKey = 'grpc-status-details-bin';
const detailType = 'type.googleapis.com/runyard.v1.ErrorDetail';
type Codec = { serialize(value: object): Buffer; deserialize(bytes: Buffer): object };
type Detail = { code: string; retryable: boolean; who: string; violations: Violation[] };

function codec(definition: PackageDefinition, name: string): Codec {
  const type = definition[`runyard.v1.${name}`] as unknown as {
    serialize?: Codec['serialize'];
    deserialize?: Codec['deserialize'];
  };
  const { serialize, deserialize } = type;
  if (serialize === undefined || deserialize === undefined) throw new Error(`no codec of ${name}`);
  return { serialize, deserialize };
}

/** An error as a gRPC status whose typed detail any client can read. */
export function toStatus(
  definition: PackageDefinition,
  error: RunyardError,
): { code: number; details: string; metadata: Metadata } {
  const { grpc, retryable, who } = errorCodes[error.code];
  const code = grpcStatus[grpc];
  // Trailers are limited too: what does not fit is cut, not lost as a whole.
  const violations = error.violations.slice(0, 16).map(({ field, rule, hint }) => ({
    field: field.slice(0, 100),
    rule: rule.slice(0, 200),
    hint: hint.slice(0, 300),
  }));
  const detail = codec(definition, 'ErrorDetail').serialize({
    code: error.code,
    retryable,
    who,
    violations,
  });
  const message = error.message.slice(0, 1000);
  const status = codec(definition, 'StatusDetails').serialize({
    code,
    message,
    details: [{ type_url: detailType, value: detail }],
  });
  const metadata = new Metadata();
  metadata.set(detailsKey, status);
  return { code, details: message, metadata };
}

/** A gRPC error as ours, with code and violations if the daemon sent them. */
export function fromStatus(
  definition: PackageDefinition,
  error: { code: number; details?: string; message: string; metadata?: Metadata },
): RunyardError {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  const text = error.details ?? error.message;
  if (bytes instanceof Buffer) {
    const { details } = codec(definition, 'StatusDetails').deserialize(bytes) as {
      details: { type_url: string; value: Buffer }[];
    };
    const found = details.find(({ type_url }) => type_url === detailType);
    if (found !== undefined) {
      const detail = codec(definition, 'ErrorDetail').deserialize(found.value) as Detail;
      if (detail.code in errorCodes) {
        return new RunyardError(detail.code as ErrorCode, text, { violations: detail.violations });
      }
    }
  }
  const code: ErrorCode =
    error.code === grpcStatus.UNAVAILABLE
      ? 'daemon_not_running'
      : error.code === grpcStatus.DEADLINE_EXCEEDED
        ? 'daemon_unresponsive'
        : error.code === grpcStatus.UNAUTHENTICATED
          ? 'unauthenticated'
          : error.code === grpcStatus.RESOURCE_EXHAUSTED
            ? 'message_too_large'
            : 'internal';
  return new RunyardError(code, text, { cause: error });
}
