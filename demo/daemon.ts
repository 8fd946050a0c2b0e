/** The demo's daemon: in the user's own home on a terminal, in a temporary one elsewhere. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { resolveHome } from '../src/contracts/index.ts';
import { messageOf, RunyardError } from '../src/errors.ts';
import { type Identity, identityOf, isAlive } from '../src/rundir/index.ts';
import type { Show } from './show.ts';

export type DemoDaemon = {
  home: string;
  /** What to put before a `runyard` command so that it finds this home; often nothing. */
  prefix: string;
  /** Ends the daemon and its bus and removes the home, if that was temporary. */
  close(): Promise<void>;
};

const downTimeoutMs = 60_000;
const homePrefix = 'runyard-demo-';
/** Who uses a temporary home: when that process is gone, nobody does. */
const ownerFile = 'demo.json';

/** Starts a daemon (or finds the one that is up). */
export async function startDaemon(options: {
  checkout: string;
  temporary: boolean;
  show: Show;
}): Promise<DemoDaemon> {
  const { checkout, temporary, show } = options;
  const runyard = path.join(checkout, 'bin', 'runyard');
  if (temporary) await endAbandoned(runyard, show);
  const home = temporary ? temporaryHome() : resolveHome(process.env);
  const env = {
    RUNYARD_HOME: home,
    // Streams on a lab's server would outlive a home that is thrown away.
    ...(temporary ? { RUNYARD_NATS_URL: '' } : {}),
  };
  const isDefault = home === resolveHome({ ...process.env, RUNYARD_HOME: undefined });
  const prefix = isDefault ? '' : `RUNYARD_HOME=${home} `;
  const close = async (): Promise<void> => {
    if (temporary) await takeDown(runyard, home);
  };
  try {
    const said = await show.step('runyard up', [runyard, 'up'], env, true);
    for (const line of String(said).split('\n')) if (line !== '') show.line(`  ${line}`);
    const end = temporary ? 'if this is killed, end what it started' : 'it stays; end it';
    const how = temporary ? ' --stop-runs' : '';
    show.line(`  ${end} by: ${prefix}bin/runyard down${how}`);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  return { home, prefix, close };
}

function temporaryHome(): string {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), homePrefix));
  fs.writeFileSync(path.join(home, ownerFile), JSON.stringify(identityOf(process.pid)));
  return home;
}

/** Ends what is live in a temporary home, then removes it. */
async function takeDown(runyard: string, home: string): Promise<void> {
  const { failed, stderr } = await execa(runyard, ['down', '--stop-runs'], {
    env: { RUNYARD_HOME: home },
    stdin: 'ignore',
    reject: false,
    // ^C is for us: what it began is ended in order.
    detached: true,
    cleanup: false,
    timeout: downTimeoutMs,
  });
  // The home stays when its daemon may be alive: the only way left to look at it.
  if (failed) {
    throw new RunyardError('daemon_unresponsive', `runyard down in ${home} failed: ${stderr}`);
  }
  fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

/** A demo that was killed with -9 could end nothing: the next one does it. */
async function endAbandoned(runyard: string, show: Show): Promise<void> {
  const names = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith(homePrefix));
  for (const home of names.map((name) => path.join(os.tmpdir(), name))) {
    if (!isAbandoned(home)) continue;
    show.line(`An earlier demo was killed; what it left in ${home} is ended.`);
    await takeDown(runyard, home).catch((error) => show.line(`  ${messageOf(error)}`));
  }
}

function isAbandoned(home: string): boolean {
  try {
    if (fs.statSync(home).uid !== process.getuid?.()) return false;
    const owner = JSON.parse(fs.readFileSync(path.join(home, ownerFile), 'utf8')) as Identity;
    return !isAlive(owner);
  } catch {
    return false;
  }
}
