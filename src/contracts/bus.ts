/**
 * The messages of the bus: their types (derived from `schemas/bus`) and their validation. Schemas change
 * additively, so unknown fields are accepted.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RunyardError, type Violation } from '../errors.ts';
import type { ArtifactsMessage } from './gen/artifacts.v1.ts';
import type { BeatMessage } from './gen/beat.v1.ts';
import type { EventMessage } from './gen/event.v1.ts';
import type { FactMessage } from './gen/fact.v1.ts';
import type { BusGap, BusLine, BusSkipped, LogsMessage } from './gen/logs.v1.ts';
import type { BusPoint, MetricsMessage } from './gen/metrics.v1.ts';

export { fromBusNumber, toBusInteger, toBusNumber } from '../numbers.ts';
export type {
  ArtifactsMessage,
  BeatMessage,
  BusGap,
  BusLine,
  BusPoint,
  BusSkipped,
  EventMessage,
  FactMessage,
  LogsMessage,
  MetricsMessage,
};

/** Every message by the name of its kind, which is also the last token of its subject in singular. */
export type BusMessages = {
  fact: FactMessage;
  event: EventMessage;
  metrics: MetricsMessage;
  logs: LogsMessage;
  artifacts: ArtifactsMessage;
  beat: BeatMessage;
};
export type BusKind = keyof BusMessages;

/** Most bytes of a control message (fact, event, beat). */
export const controlBytesMax = 4096;

/** The message as it travels. Throws internal if it breaks its schema, message_too_large if too big. */
export function encode<K extends BusKind>(kind: K, message: BusMessages[K]): string {
  const violations = validate(kind, message);
  if (violations.length > 0) {
    throw new RunyardError('internal', `a ${kind} to publish breaks its schema`, { violations });
  }
  const text = JSON.stringify(message);
  const isControl = kind === 'fact' || kind === 'event' || kind === 'beat';
  if (isControl && Buffer.byteLength(text) > controlBytesMax) {
    throw new RunyardError(
      'message_too_large',
      `a ${kind} of run ${message.run_id} has more than ${controlBytesMax} bytes`,
    );
  }
  return text;
}

/** A message as it came. Throws internal, with the violations, if it is none. */
export function decode<K extends BusKind>(kind: K, data: Uint8Array | string): BusMessages[K] {
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RunyardError('internal', `a ${kind} from the bus is no JSON`, { cause });
  }
  const violations = validate(kind, value);
  if (violations.length > 0) {
    throw new RunyardError('internal', `a ${kind} from the bus breaks its schema`, { violations });
  }
  return value as BusMessages[K];
}

/** What in `value` breaks the schema of `kind`; empty when it is valid. */
export function validate(kind: BusKind, value: unknown): Violation[] {
  const check = validatorOf(kind);
  if (check(value)) return [];
  return (check.errors ?? []).map((error) => ({
    field: error.instancePath,
    rule: error.keyword,
    hint: error.message ?? '',
  }));
}

const validators = new Map<BusKind, ValidateFunction>();
let ajv: Ajv2020 | null = null;

const rfc3339Utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Compiled on first use: most processes need one or two of them. */
function validatorOf(kind: BusKind): ValidateFunction {
  const found = validators.get(kind);
  if (found !== undefined) return found;
  ajv ??= new Ajv2020({ strict: true }).addFormat('date-time', rfc3339Utc) as Ajv2020;
  const file = path.join(import.meta.dirname, '../../schemas/bus', `${kind}.v1.schema.json`);
  const compiled = ajv.compile(JSON.parse(fs.readFileSync(file, 'utf8')));
  validators.set(kind, compiled);
  return compiled;
}
