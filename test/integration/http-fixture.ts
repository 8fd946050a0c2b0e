/** The HTTP door of a yard, as a program and as a browser would use it. */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { until, type Yard } from './yard.ts';

export type Answer = { status: number; headers: http.IncomingHttpHeaders; text: string };
export type Asked = {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
};

/** Nothing is added, so that a test can leave out or forge any header. */
export function ask(address: string, place: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = asked;
  const colon = address.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: address.slice(0, colon),
        port: Number(address.slice(colon + 1)),
        method,
        path: place,
        headers,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headers: got } = response;
          resolve({ status: statusCode, headers: got, text: Buffer.concat(chunks).toString() });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

export function json(value: unknown): { headers: Record<string, string>; body: string } {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** `host:port`, once it listens. */
export function consoleOf(yard: Yard): Promise<string> {
  return until(async () => (await yard.client.health()).console, 'the console');
}

export function tokenOf(yard: Yard): string {
  return fs.readFileSync(path.join(yard.home, 'token'), 'utf8').trim();
}

export type Login = { cookie: string; csrf: string; role: string; secret: string };

/** Logs in by a link, as the page does. */
export async function logIn(yard: Yard, viewer = false): Promise<Login> {
  const { url } = await yard.client.openConsole({ viewer });
  const { host, hash } = new URL(url);
  const answer = await ask(host, '/api/session', {
    method: 'POST',
    ...json({ link: hash.slice('#login='.length) }),
  });
  const [set = ''] = answer.headers['set-cookie'] ?? [];
  const [cookie = ''] = set.split(';');
  const { csrf, role } = JSON.parse(answer.text) as { csrf: string; role: string };
  return { cookie, csrf, role, secret: cookie.slice(cookie.indexOf('=') + 1) };
}

export type SentEvent = { id: string; event: string; data: unknown };

/** Reads server-sent events by the rules of the HTML standard, as far as they are used. */
export async function* readEvents(
  address: string,
  place: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): AsyncGenerator<SentEvent> {
  const response = await fetch(`http://${address}${place}`, { headers, signal });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  let rest = '';
  let id = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    for (;;) {
      const end = rest.indexOf('\n\n');
      if (end === -1) break;
      const fields = new Map<string, string>();
      for (const line of rest.slice(0, end).split('\n')) {
        const at = line.indexOf(': ');
        if (at > 0) fields.set(line.slice(0, at), line.slice(at + 2));
      }
      rest = rest.slice(end + 2);
      id = fields.get('id') ?? id;
      const data = fields.get('data');
      if (data !== undefined)
        yield { id, event: fields.get('event') ?? 'message', data: JSON.parse(data) };
    }
  }
}
