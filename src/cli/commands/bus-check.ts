/** `runyard bus check`: whether an existing bus has what this yard needs. */
import type { Settings } from '../../contracts/index.ts';
import { messageOf } from '../../errors.ts';
import type { BusToCheck } from '../../transport/nats/index.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Finding, printFindings } from '../findings.ts';

export type BusFlags = { url?: string; creds?: string };

/** Exit code 1 when something is missing that the daemon cannot make by itself. */
export async function busCheck(context: Context, flags: BusFlags): Promise<number> {
  const { shownUrl, checkBus } = await import('../../transport/nats/index.ts');
  const asked = await busOf(context, flags);
  const findings: Finding[] = [{ part: 'bus', state: 'ok', text: shownUrl(asked.url), hint: '' }];
  try {
    findings.push(...(await checkBus(asked)));
  } catch (error) {
    const hint = 'see RUNYARD_NATS_URL, bus_creds, bus_ca, and docs/bus-cluster.md';
    findings[0] = {
      part: 'bus',
      state: 'fail',
      text: `${shownUrl(asked.url)}: ${messageOf(error)}`,
      hint,
    };
  }
  return printFindings(context, findings) ? exitCodes.error : exitCodes.ok;
}

/** The bus that settings and options name. Throws usage, bus_unavailable for files that cannot be read. */
export async function busOf(context: Context, flags: BusFlags): Promise<BusToCheck> {
  const { readAccess, readSigner } = await import('../../transport/nats/index.ts');
  const url = flags.url || context.env.RUNYARD_NATS_URL;
  if (!url) {
    const rule =
      'is needed, or RUNYARD_NATS_URL; a server of the daemon’s own is looked at by doctor';
    throw usage('--url', rule, 'runyard bus check --url nats://n1:4222,nats://n2:4222');
  }
  const overrides: Partial<Settings> =
    flags.creds === undefined ? {} : { bus_creds: absolute(context, flags.creds) };
  const settings = await context.settings(overrides);
  return {
    url,
    access: readAccess(settings),
    signer: readSigner(settings),
    yard: settings.yard,
    shape: {
      replicas: settings.bus_replicas,
      cluster: settings.bus_cluster,
      tags: settings.bus_tags,
    },
    bytes: settings.bus_limit_mib * 2 ** 20,
  };
}

function absolute({ cwd }: Context, file: string): string {
  return file.startsWith('/') ? file : `${cwd}/${file}`;
}
