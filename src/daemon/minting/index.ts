/**
 * Each run's own credentials for an existing bus, where a signing key was named. They are made beside the
 * start of a run, in a thread: a worker connects when its file is there, and starts its trainer meanwhile.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf, RunyardError } from '../../errors.ts';
import { runDir, runFiles } from '../../rundir/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import {
  type BusAccess,
  type BusFile,
  isCurrent,
  readBusFile,
  type Signer,
  writeBusFile,
} from '../../transport/nats/index.ts';
import type { FromMintThread, MintThreadData, ToMintThread } from './thread.ts';

export type Minting = {
  /** Sees to it that the run's directory has its credentials. Nobody waits for it. */
  want(runId: string): void;
  /**
   * All that a worker of this run needs to reach the bus from another machine: written to a file there, that
   * file is its `address_file`. Throws bus_unavailable.
   */
  fileOf(runId: string): Promise<BusFile>;
  close(): Promise<void>;
};

export type MintingOptions = {
  /** The state directory. */
  root: string;
  yard: string;
  url: string | null;
  /** Read anew each time; both throw bus_unavailable. */
  access: () => BusAccess;
  signer: () => Signer | null;
  log: Logger;
};

type Minted = Pick<BusAccess, 'creds' | 'inbox'>;

export function createMinting(options: MintingOptions): Minting {
  const { root, yard, url, log } = options;
  const waiting = new Map<string, ((minted: Minted | Error) => void)[]>();
  let thread: Worker | null = null;

  const hear = (message: FromMintThread): void => {
    const { runId } = message;
    const asked = waiting.get(runId) ?? [];
    waiting.delete(runId);
    const answer = 'access' in message ? message.access : new Error(message.trouble);
    for (const tell of asked) tell(answer);
  };
  const started = (): Worker => {
    if (thread !== null) return thread;
    const file = path.join(import.meta.dirname, `thread${path.extname(import.meta.filename)}`);
    const workerData: MintThreadData = { yard };
    const made = new Worker(file, { workerData });
    made.unref();
    made.on('message', hear);
    made.on('error', (error) => log.error({ err: error }, 'the thread that signs failed'));
    made.on('exit', () => {
      if (thread === made) thread = null;
      for (const runId of [...waiting.keys()]) hear({ runId, trouble: 'the thread ended' });
    });
    thread = made;
    return made;
  };
  const mint = (signer: Signer, runId: string): Promise<Minted> =>
    new Promise((resolve, reject) => {
      const asked = waiting.get(runId) ?? [];
      asked.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      waiting.set(runId, asked);
      const message: ToMintThread = { signer, runId };
      if (asked.length === 1) started().postMessage(message);
    });

  const fileAt = (runId: string): string => path.join(runDir(root, runId), runFiles.bus);
  /** What an earlier daemon made stays, if it would be made the same now. */
  const kept = (signer: Signer, runId: string): Minted | null => {
    const { creds = null, inbox = null } = readBusFile(fileAt(runId))?.access ?? {};
    return creds !== null && isCurrent(creds, signer, yard, runId) ? { creds, inbox } : null;
  };
  const fileOf = async (runId: string): Promise<BusFile> => {
    if (url === null) throw new RunyardError('bus_unavailable', 'the bus is on this machine alone');
    const signer = options.signer();
    const access = options.access();
    const own = signer === null ? {} : (kept(signer, runId) ?? (await mint(signer, runId)));
    return { v: 1, url, access: { ...access, ...own }, run_file: null };
  };
  return {
    fileOf,
    want(runId) {
      if (url === null) return;
      const write = async (): Promise<void> => {
        if (options.signer() !== null) writeBusFile(fileAt(runId), await fileOf(runId));
      };
      write().catch((error) =>
        log.error({ runId, why: messageOf(error) }, 'a run has no credentials for the bus'),
      );
    },
    async close() {
      await thread?.terminate();
    },
  };
}
