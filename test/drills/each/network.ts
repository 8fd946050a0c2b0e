/** The drill of a slow and lossy way to a bus that is not ours: a network namespace with a rate and a loss. */
import { execa } from 'execa';
import { startLabServer } from '../../fixtures/nats-server.ts';
import { until } from '../../integration/yard.ts';
import type { Drill } from '../drill.ts';

const commands = ['ip', 'nft', 'nsenter', 'tc'];

export const slowNetwork: Drill = {
  name: 'slow-network',
  provoked: 'the way to an external bus: 512 kbit/s with 10 % loss, then nothing passes',
  async lacks() {
    for (const command of commands) {
      const { failed } = await execa('which', [command], { reject: false });
      if (failed) return `there is no ${command} (Debian: iproute2, nftables, util-linux)`;
    }
    const name = namespaceName('try');
    const made = await execa('ip', ['netns', 'add', name], { reject: false });
    if (made.failed) return `no network namespace can be made: ${made.stderr.slice(0, 100)}`;
    await execa('ip', ['netns', 'del', name]);
    return null;
  },
  async begin(defer) {
    const name = namespaceName('bus');
    await execa('ip', ['netns', 'add', name]);
    defer(() => execa('ip', ['netns', 'del', name]));
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    const within = ['nsenter', `--net=/run/netns/${name}`];
    const inside = (command: string): Promise<unknown> => {
      const [program = '', ...args] = [...within, ...command.split(' ')];
      return execa(program, args);
    };
    const lab = await startLabServer('', { within });
    defer(() => lab[Symbol.asyncDispose]());
    /** Of every hundred packets to and from the server, so many are dropped. */
    const lose = async (share: number): Promise<void> => {
      await inside('nft add table ip drill');
      await inside('nft add chain ip drill in { type filter hook input priority 0 ; }');
      await inside('nft flush chain ip drill in');
      if (share === 0) return;
      const chance = share < 100 ? `numgen random mod 100 < ${share} ` : '';
      for (const port of ['dport', 'sport'])
        await inside(`nft add rule ip drill in tcp ${port} ${lab.port} ${chance}drop`);
    };
    const slow = 'root tbf rate 512kbit burst 32kb latency 400ms';
    const env = { RUNYARD_NATS_URL: `nats://127.0.0.1:${lab.port}` };
    return {
      options: { within, daemonEnv: env },
      async play({ scene, ledger, provoke, told, repair, healed }) {
        await ledger.start('goes-on', 0);
        const ends = await ledger.start('ends', 3);
        await inside(`tc qdisc add dev lo ${slow}`);
        await lose(10);
        // Slow, and nothing else: what was submitted gets there.
        (await ledger.submit('slowly', 5)).end();
        const isThere = async () => (await scene.client.health()).outbox_depth === 0;
        await until(isThere, 'events to get through', 120_000);
        await provoke(() => lose(100));
        ends.end();
        (await ledger.submit('during', 5)).end();
        await told();
        await repair({}, [
          async () => {
            await lose(0);
            await inside('tc qdisc del dev lo root');
          },
        ]);
        await healed();
      },
    };
  },
};

function namespaceName(what: string): string {
  return `ryd-${process.pid}-${what}`;
}
