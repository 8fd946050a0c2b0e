/** A yard's settings: a YAML file, environment variables over it, options over those. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { RunyardError, type Violation } from '../errors.ts';
import { isLoopback } from './addresses.ts';
import type { Notify, Settings as SettingsFile } from './gen/settings.v1.ts';
import { validatorOf, violationsOf } from './schemas.ts';

export type { NotifyMessage } from './gen/notify-message.v1.ts';
export type { Notify };
export type Settings = Required<SettingsFile>;
export type Origins = Record<keyof Settings, string>;

type Env = Readonly<Record<string, string | undefined>>;

/** `$RUNYARD_HOME`, else the XDG state directory. */
export function resolveHome(env: Env): string {
  if (env.RUNYARD_HOME) return path.resolve(env.RUNYARD_HOME);
  const state = env.XDG_STATE_HOME || path.join(env.HOME || os.homedir(), '.local', 'state');
  return path.join(state, 'runyard');
}

export function settingsFile(env: Env): string {
  const base = env.XDG_CONFIG_HOME || path.join(env.HOME || os.homedir(), '.config');
  return path.join(base, 'runyard', 'config.yaml');
}

/** Throws settings_invalid. `origins` tells of each value where it came from. */
export function loadSettings(
  env: Env,
  overrides: SettingsFile = {},
): { values: Settings; origins: Origins } {
  const file = settingsFile(env);
  const values: Settings = {
    home: resolveHome(env),
    yard:
      os
        .hostname()
        .split('.')[0]
        ?.replaceAll(/[^A-Za-z0-9_-]/g, '-')
        .slice(0, 32) || 'yard',
    listen: '127.0.0.1:0',
    console_listen: '127.0.0.1:0',
    tls_cert: '',
    tls_key: '',
    listen_insecure: false,
    parallel: os.availableParallelism(),
    gpus: 'auto',
    memory_mib: 0,
    user_runs: 0,
    user_gpus: 0,
    project_runs: 0,
    project_gpus: 0,
    gpu_foreign: 'wait',
    gpu_foreign_mib: 1024,
    gpu_deaths: 3,
    gpu_deaths_within_s: 10,
    gpu_strays: 'report',
    gpu_locks: '',
    grace_s: 10,
    kill_patience_s: 30,
    output_limit_mib: 64,
    disk_floor_mib: 256,
    bus_limit_mib: 1024,
    bus_replicas: 1,
    bus_cluster: '',
    bus_tags: [],
    bus_creds: '',
    bus_ca: '',
    bus_cert: '',
    bus_key: '',
    bus_signing_key: '',
    bus_publishers: '',
    warm_workers: 1,
    artifacts_max_age_days: 0,
    artifacts_max_gib: 0,
    artifacts_max_runs: 0,
    cgroup: 'auto',
    otlp_endpoint: '',
    otlp_protocol: 'http/protobuf',
    otlp_headers_file: '',
    otlp_backlog: 100_000,
    otlp_max_age_h: 24,
    notify: [],
    executor: 'local',
    executor_rules: [],
    slurm: {},
  };
  const names = Object.keys(values) as (keyof Settings)[];
  const origins = Object.fromEntries(names.map((name) => [name, 'default'])) as Origins;
  const take = (from: SettingsFile, origin: string): void => {
    const validate = validatorOf('settings.v1');
    if (!validate(from)) {
      throw new RunyardError('settings_invalid', `the settings from ${origin} are not valid`, {
        violations: violationsOf(validate),
      });
    }
    for (const name of names) {
      if (from[name] === undefined) continue;
      Object.assign(values, { [name]: from[name] });
      origins[name] = origin;
    }
  };
  if (fs.existsSync(file)) take(readYaml(file), file);
  take(fromEnv(env), 'environment');
  take(overrides, 'option');
  refuseOpen(values);
  return { values, origins };
}

/** Whoever may submit is a shell of this account: no token goes over a network as it is, unless somebody says so. */
function refuseOpen(values: Settings): void {
  const { tls_cert: cert, tls_key: key, listen_insecure: insecure } = values;
  const violations: Violation[] = [];
  const [one, other] = cert === '' ? ['tls_key', 'tls_cert'] : ['tls_cert', 'tls_key'];
  if ((cert === '') !== (key === ''))
    violations.push({ field: `/${one}`, rule: `needs ${other} beside it`, hint: '' });
  for (const field of ['listen', 'console_listen'] as const) {
    if (values[field] === 'off' || isLoopback(values[field])) continue;
    if (insecure || (cert !== '' && key !== '')) continue;
    violations.push({
      field: `/${field}`,
      rule: 'leads beyond this machine, where nothing is encrypted without a certificate',
      hint: 'say tls_cert and tls_key, or keep to 127.0.0.1 and come by ssh (runyard -H); listen_insecure: true for a network that you trust',
    });
  }
  if (violations.length === 0) return;
  const text = 'the settings would open the daemon to the network';
  throw new RunyardError('settings_invalid', text, { violations });
}

function readYaml(file: string): SettingsFile {
  try {
    return (parse(fs.readFileSync(file, 'utf8')) ?? {}) as SettingsFile;
  } catch (cause) {
    throw new RunyardError('settings_invalid', `${file} is not readable YAML`, { cause });
  }
}

function fromEnv(env: Env): SettingsFile {
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === '' ? undefined : Number(text);
  const found = {
    home: env.RUNYARD_HOME ? path.resolve(env.RUNYARD_HOME) : undefined,
    yard: env.RUNYARD_YARD || undefined,
    listen: env.RUNYARD_LISTEN || undefined,
    console_listen: env.RUNYARD_CONSOLE_LISTEN || undefined,
    parallel: number(env.RUNYARD_PARALLEL),
    gpus: env.RUNYARD_GPUS || undefined,
    kill_patience_s: number(env.RUNYARD_KILL_PATIENCE_S),
    cgroup: (env.RUNYARD_CGROUP || undefined) as SettingsFile['cgroup'],
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
