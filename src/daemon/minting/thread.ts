/** The thread that signs: 10 to 20 ms of computing for each run, that nothing else has to wait for. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { type BusAccess, mintWorker, type Signer } from '../../transport/nats/index.ts';

export type MintThreadData = { yard: string };
export type ToMintThread = { signer: Signer; runId: string };
export type FromMintThread = { runId: string } & (
  | { access: Pick<BusAccess, 'creds' | 'inbox'> }
  | { trouble: string }
);

const port = parentPort;
if (port !== null) {
  const { yard } = workerData as MintThreadData;
  const tell = (message: FromMintThread): void => port.postMessage(message);
  port.on('message', ({ signer, runId }: ToMintThread) => {
    void mintWorker(signer, yard, runId).then(
      (access) => tell({ runId, access }),
      (error) => tell({ runId, trouble: messageOf(error) }),
    );
  });
}
