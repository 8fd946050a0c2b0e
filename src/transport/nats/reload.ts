/** Has a live nats-server of ours read its configuration again, and finds out whether it did. */
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { messageOf, RunyardError } from '../../errors.ts';
import type { BusCredentials } from './accounts.ts';
import type { Address } from './server.ts';

const answerMs = 10_000;
const pauseMs = 20;

/**
 * Resolves when the configuration is in force. Throws bus_unavailable, with the server's own words.
 *
 * It is read twice: nats-server (2.15) sets up what a new account imports only when it finds that account
 * there already, so that after one reading a new reader would be let in and get no answer to anything.
 */
export async function reload(address: Address, system: BusCredentials): Promise<void> {
  try {
    const known = await join(address, system);
    if (known !== null) return await readTwice(known);
    // A server of an older version of ours does not know this user before it has read its configuration.
    process.kill(address.identity.pid, 'SIGHUP');
    const deadline = Date.now() + answerMs;
    while (Date.now() < deadline) {
      const joined = await join(address, system);
      if (joined !== null) return await readTwice(joined);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    throw new Error('it does not take up its new configuration; its log says why');
  } catch (cause) {
    const text = `nats-server did not take up who may read: ${messageOf(cause)}`;
    throw new RunyardError('bus_unavailable', text, { cause });
  }
}

/** Null when the server refuses this user. */
async function join(address: Address, system: BusCredentials): Promise<NatsConnection | null> {
  try {
    return await connect({
      servers: address.url,
      user: system.user,
      pass: system.password,
      name: 'runyard-system',
      reconnect: false,
      timeout: answerMs,
    });
  } catch (error) {
    if (/authorization/i.test(messageOf(error))) return null;
    throw error;
  }
}

async function readTwice(nc: NatsConnection): Promise<void> {
  const subject = `$SYS.REQ.SERVER.${nc.info?.server_id}.RELOAD`;
  try {
    for (let pass = 1; pass <= 2; pass += 1) {
      const reply = await nc.request(subject, '', { timeout: answerMs });
      const { error } = JSON.parse(reply.string()) as { error?: { description?: string } };
      if (error !== undefined) throw new Error(error.description ?? 'for no given reason');
    }
  } finally {
    await nc.close();
  }
}
