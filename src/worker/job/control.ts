/** The worker's end of the conversation with its daemon, over the bus: it asks, and is answered. */
import crypto from 'node:crypto';
import {
  encodeTalk,
  type FileMessage,
  type JobClaim,
  type TalkMessage,
  type TalkReply,
} from '../../executors/on-node/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { type Control, createConversation, type Message, type Wish } from '../conversation.ts';

/** One request over the bus; throws when nobody answers. */
export type Ask = (data: Uint8Array) => Promise<Uint8Array>;

export type JobTalk = {
  /** Throws when nobody answers: the bus or the daemon is away, or does not know the attempt. */
  send(message: TalkMessage, data?: Uint8Array): Promise<TalkReply>;
  open(hear: { onWish(wish: Wish): void; onGo(): void; onFact(fact: object): void }): Control;
  /** The daemon is done with the attempt. */
  isOver(): boolean;
};

const retryMs = 500;

export function createJobTalk(options: {
  runId: string;
  attempt: number;
  claim: JobClaim;
  ask: Ask;
  /** Told once the daemon says that it is over. */
  onOver: () => void;
}): JobTalk {
  const { runId, attempt, claim, ask } = options;
  const session = crypto.randomUUID();
  let over = false;
  let closed = false;
  let version = -1;
  let receive: (message: Message) => void = () => undefined;

  const send = async (message: TalkMessage, data?: Uint8Array): Promise<TalkReply> => {
    const request = { v: 1, run_id: runId, attempt, session, claim, message } as const;
    const answer = await ask(encodeTalk(request, data));
    const reply = JSON.parse(Buffer.from(answer).toString('utf8')) as TalkReply;
    for (const each of reply.messages) {
      if (each.type === 'over' && !over) {
        over = true;
        options.onOver();
      }
      receive(each);
    }
    if (message.type === 'listen') version = reply.version;
    return reply;
  };

  const listen = async (): Promise<void> => {
    while (!closed && !over) {
      try {
        await send({ type: 'listen', version });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
    }
  };

  return {
    send,
    isOver: () => over,
    open(hear) {
      const conversation = createConversation({
        about: { run_id: runId, attempt, generation: 0 },
        clock: systemClock(),
        ...hear,
      });
      receive = (message) => conversation.receive(message);
      conversation.joined({
        write(message) {
          // What is not heard is said again: facts until they are acknowledged, signs of life a second later.
          void send(message as TalkMessage).catch(() => undefined);
        },
      });
      void listen();
      return {
        ...conversation,
        close() {
          closed = true;
          conversation.close();
        },
      };
    },
  };
}

/** A piece of a file, tried until it is taken. Throws once the daemon wants no more of the attempt. */
export async function sendPiece(
  talk: Pick<JobTalk, 'send' | 'isOver'>,
  message: FileMessage,
  data: Uint8Array,
): Promise<void> {
  for (;;) {
    if (talk.isOver()) throw new Error('the daemon wants no more of the attempt');
    try {
      const reply = await talk.send(message, data);
      if (reply.refused === undefined) return;
    } catch {
      // The bus or the daemon is away.
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}
