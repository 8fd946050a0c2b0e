/** What a service manager (systemd) tells the process that it starts, in its environment. */
export type ServiceVariables = { socket: string; watchdogMs: number | null };

const ofManager =
  /^(NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID|LISTEN_FDS|LISTEN_PID|LISTEN_FDNAMES)$/;

/** Null when no manager is to be told. Takes the variables away: no child may speak in our name. */
export function takeServiceVariables(...envs: NodeJS.ProcessEnv[]): ServiceVariables | null {
  const [env = {}] = envs;
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  const watched = usec !== undefined && (pid === undefined || Number(pid) === process.pid);
  for (const each of envs)
    for (const name of Object.keys(each)) if (ofManager.test(name)) delete each[name];
  if (!socket) return null;
  return { socket, watchdogMs: watched ? Number(usec) / 1000 : null };
}
