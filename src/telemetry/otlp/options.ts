/**
 * Where traces and metrics go by OTLP: the yard's settings, and over them the variables that OpenTelemetry has
 * made standard. Without an endpoint nothing goes anywhere.
 */
import fs from 'node:fs';
import { messageOf } from '../../errors.ts';

export type Protocol = 'http/protobuf' | 'grpc';
export type Signal = 'traces' | 'metrics';

/** Where one signal goes, and how. */
export type Target = {
  url: string;
  protocol: Protocol;
  headers: Record<string, string>;
  timeoutMs: number;
  gzip: boolean;
  /** PEM of the authority that the collector's certificate is of; null: those of the system. */
  ca: string | null;
};

export type OtlpOptions = {
  /** Null: that signal goes nowhere. */
  targets: Record<Signal, Target | null>;
  metricsEveryMs: number;
  /** Attributes of the resource that were asked for. */
  attributes: Record<string, string>;
  /** What could not be used, for the log. */
  troubles: string[];
};

export type OtlpSettings = {
  otlp_endpoint: string;
  otlp_protocol: Protocol;
  otlp_headers_file: string;
};

type Env = Readonly<Record<string, string | undefined>>;

const timeoutDefaultMs = 10_000;
const metricsDefaultMs = 60_000;
const grpcMethods = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
} as const;

export function grpcMethodOf(signal: Signal): string {
  return grpcMethods[signal];
}

export function otlpOptions(settings: OtlpSettings, env: Env): OtlpOptions {
  const troubles: string[] = [];
  const attributes = {
    ...pairsOf(env.OTEL_RESOURCE_ATTRIBUTES ?? ''),
    ...(env.OTEL_SERVICE_NAME ? { 'service.name': env.OTEL_SERVICE_NAME } : {}),
  };
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
  const target = (signal: Signal): Target | null => {
    const exporter = env[`OTEL_${signal.toUpperCase()}_EXPORTER`];
    return isOff || exporter === 'none' ? null : targetOf(signal, settings, env, troubles);
  };
  return {
    targets: { traces: target('traces'), metrics: target('metrics') },
    metricsEveryMs: numberOf(env.OTEL_METRIC_EXPORT_INTERVAL) ?? metricsDefaultMs,
    attributes,
    troubles,
  };
}

function targetOf(
  signal: Signal,
  settings: OtlpSettings,
  env: Env,
  troubles: string[],
): Target | null {
  const variable = (name: string): string =>
    env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`] ||
    env[`OTEL_EXPORTER_OTLP_${name}`] ||
    '';
  const own = env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`] || '';
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT || settings.otlp_endpoint;
  if (own === '' && base === '') return null;
  const wanted = variable('PROTOCOL') || settings.otlp_protocol;
  const protocol = wanted === 'grpc' || wanted === 'http/protobuf' ? wanted : null;
  if (protocol === null) {
    troubles.push(`OTLP by ${wanted} is not known here: grpc or http/protobuf; nothing is sent`);
    return null;
  }
  const url = urlOf(own, base, protocol, signal);
  if (url === null) {
    troubles.push(`${own || base} is no http:// or https:// address of a collector`);
    return null;
  }
  return {
    url,
    protocol,
    headers: {
      ...headersIn(settings.otlp_headers_file, troubles),
      ...pairsOf(env.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
      ...pairsOf(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`] ?? ''),
    },
    timeoutMs: numberOf(variable('TIMEOUT')) ?? timeoutDefaultMs,
    gzip: variable('COMPRESSION') === 'gzip',
    ca: readIf(variable('CERTIFICATE'), troubles),
  };
}

/** An address of one signal is used as it is; of a common one, each signal has its own path. */
function urlOf(own: string, base: string, protocol: Protocol, signal: Signal): string | null {
  try {
    const url = new URL(own || base);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
    if (protocol === 'http/protobuf' && own === '')
      url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${signal}`;
    return url.href;
  } catch {
    return null;
  }
}

/** `name=value` with commas between, values percent-encoded, as the standard variables have them. */
function pairsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of text.split(/[,\n]/)) {
    const [name = '', ...value] = pair.split('=');
    if (name.trim() === '' || name.trim().startsWith('#') || value.length === 0) continue;
    found[name.trim()] = decoded(value.join('=').trim());
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A line each, so that a secret is in a file of its own and in no setting that is printed. */
function headersIn(file: string, troubles: string[]): Record<string, string> {
  return pairsOf(readIf(file, troubles) ?? '');
}

function readIf(file: string, troubles: string[]): string | null {
  if (file === '') return null;
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    troubles.push(messageOf(error));
    return null;
  }
}

function numberOf(text: string | undefined): number | null {
  const value = Number(text);
  return text === undefined || text === '' || !(value > 0) ? null : value;
}
