/** `runyard console`: a link that opens the web console, once. */
import { spawn } from 'node:child_process';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export async function openConsole(
  context: Context,
  flags: { viewer?: boolean; open?: boolean },
): Promise<number> {
  const { terminal, json, env, host } = context;
  const client = await context.connect();
  const { isLoopback } = await import('../../contracts/index.ts');
  const link = await client.openConsole({ viewer: flags.viewer === true });
  if (json) {
    terminal.json(link);
    return exitCodes.ok;
  }
  terminal.print(link.url);
  const { host: at, port } = new URL(link.url);
  const ends = link.expires_at.slice(11, 16);
  terminal.note(`good for one log-in as ${link.role}, until ${ends} UTC`);
  if (!isLoopback(at)) terminal.note('it listens on the network: no tunnel is needed');
  else if (host !== null || env.SSH_CONNECTION) {
    const target = host ?? `${env.USER ?? 'you'}@${(env.SSH_CONNECTION ?? '').split(' ')[2] ?? ''}`;
    terminal.note(`on your own machine first: ssh -N -L ${port}:127.0.0.1:${port} ${target}`);
  } else if (flags.open !== false && terminal.tty && hasDesktop(env)) {
    // Not waited for: the browser may stay open for hours.
    const browser = spawn('xdg-open', [link.url], { detached: true, stdio: 'ignore' });
    // The link is printed in any case.
    browser.on('error', () => undefined).unref();
  }
  return exitCodes.ok;
}

function hasDesktop(env: Context['env']): boolean {
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}
