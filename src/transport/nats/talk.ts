/** The daemon's end of what workers on nodes ask. */
import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import { subjects } from './names.ts';

/** Answers each question of the yard until the connection closes; null is no answer. */
export function answerTalk(
  nc: NatsConnection,
  yard: string,
  answer: (data: Uint8Array) => Promise<object | null>,
  log: Logger,
): void {
  nc.subscribe(subjects(yard).talk('*'), {
    callback(error, message) {
      if (error !== null) return;
      answer(message.data).then(
        (reply) => {
          if (reply !== null && !nc.isClosed()) message.respond(JSON.stringify(reply));
        },
        (cause: unknown) =>
          log.warn({ why: messageOf(cause) }, 'a question of a job was not answered'),
      );
    },
  });
}
