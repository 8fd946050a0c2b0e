/** What an existing nats-server says of itself to whoever connects, before anything is asked or proved. */
import net from 'node:net';
import { messageOf } from '../errors.ts';

export type Greeting = { version: string; jetstream: boolean; tls: boolean };

const greetMs = 3000;
const defaultPort = 4222;

/** The greeting of the first server of `url` that gives one, or in words why none does. */
export async function greetingOf(url: string): Promise<Greeting | string> {
  let why = '';
  for (const server of url.split(',')) {
    const found = await greetingFrom(server);
    if (typeof found !== 'string') return found;
    why ||= found;
  }
  return why;
}

function greetingFrom(first: string): Promise<Greeting | string> {
  let at: URL;
  try {
    at = new URL(first.includes('://') ? first.trim() : `nats://${first.trim()}`);
  } catch {
    return Promise.resolve('is no address of a server');
  }
  return new Promise((resolve) => {
    const host = at.hostname.replace(/^\[|\]$/g, '');
    const socket = net.connect(Number(at.port) || defaultPort, host);
    const finish = (found: Greeting | string): void => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(greetMs, () => finish('did not greet'));
    socket.once('error', (error) => finish(messageOf(error)));
    socket.once('close', () => finish('did not greet'));
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('utf8');
      const line = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
      if (line !== undefined) finish(parsed(line));
      else if (!'INFO '.startsWith(text.slice(0, 5))) finish('is no nats-server');
    });
  });
}

function parsed(line: string): Greeting | string {
  try {
    const { version, jetstream, tls_required: tls } = JSON.parse(line) as Record<string, unknown>;
    return { version: String(version), jetstream: jetstream === true, tls: tls === true };
  } catch {
    return 'is no nats-server';
  }
}
