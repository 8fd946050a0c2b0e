/** The systemd unit of the daemon, as text. Pure. */

export type Scope = 'user' | 'system';

export type UnitPlan = {
  scope: Scope;
  /** The account, for a system unit. */
  user: string;
  command: readonly string[];
  /** Of the daemon; no secrets: a unit can be read by everybody. */
  env: Readonly<Record<string, string>>;
  home: string;
};

/**
 * What matters in it: `KillMode=process` and `OOMPolicy=continue`, so that a restart, a stop or one kill for want of
 * memory ends no other run; `Delegate=yes`, so that each run gets a control group of its own; a watchdog that begins
 * the daemon anew when it stands still.
 */
export function unitText({ scope, user, command, env, home }: UnitPlan): string {
  const variables = Object.entries({ ...env, RUNYARD_SERVICE: scope });
  const lines = [
    '# Written by `runyard service install`; changes belong into a drop-in: systemctl edit runyard',
    '[Unit]',
    'Description=Runyard, owner of training runs',
    'Documentation=https://runyard.dev/docs/service',
    'StartLimitIntervalSec=300',
    'StartLimitBurst=5',
    ...(scope === 'system' ? ['After=network.target local-fs.target'] : []),
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=all',
    `ExecStart=${command.map(quoted).join(' ')}`,
    ...(scope === 'system' ? [`User=${user}`] : []),
    ...variables.map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    'WorkingDirectory=/',
    'UMask=0077',
    `StandardOutput=append:${escaped(home)}/logs/daemon.out`,
    'StandardError=inherit',
    'Restart=on-failure',
    'RestartSec=2',
    '# The first start may build nats-server.',
    'TimeoutStartSec=300',
    'TimeoutStopSec=90',
    'WatchdogSec=60',
    'KillMode=process',
    'OOMPolicy=continue',
    'Delegate=yes',
    'LimitNOFILE=65536',
    'TasksMax=infinity',
    '',
    '[Install]',
    `WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** As systemd reads a word: its own specifiers and variables doubled, quotes and backslashes escaped. */
function quoted(word: string): string {
  const text = escaped(word)
    .replaceAll('$', '$$$$')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"');
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text}"`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%%');
}
