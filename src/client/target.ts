/** Which daemon is called, and how it is reached. */
import { resolveHome } from '../contracts/index.ts';
import { discover } from './discover.ts';

export type ConnectOptions = {
  /** State directory; default: $RUNYARD_HOME or the XDG one. */
  home?: string;
  /** A UNIX socket, instead of looking for one. */
  socket?: string;
  /** What that socket leads to, for messages. */
  where?: string;
  /** `host:port`, with the token; default of the token: $RUNYARD_TOKEN. */
  address?: string;
  token?: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a call with one answer may take; default 10 s. */
  deadlineMs?: number;
};

export function target(options: ConnectOptions): {
  address: string;
  where: string;
  token?: string | undefined;
} {
  const { env = process.env, socket, address } = options;
  if (socket !== undefined) return { address: `unix:${socket}`, where: options.where ?? socket };
  if (address !== undefined) {
    return { address, where: address, token: options.token ?? env.RUNYARD_TOKEN };
  }
  const home = options.home ?? resolveHome(env);
  return { address: `unix:${discover({ home, env }).socket}`, where: home };
}
