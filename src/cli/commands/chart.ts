/** `runyard chart run|daemon|worker`: the state charts of the product, drawn from what runs. */
import type { AnyStateMachine } from 'xstate';
import type { ChartStep, Lighting } from '../../chart/index.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export async function chart(
  context: Context,
  name: string,
  flags: { svg?: boolean; mermaid?: boolean; run?: string },
): Promise<number> {
  const machine = await machineOf(name);
  if (flags.svg === true && flags.mermaid === true) {
    throw usage('--mermaid', 'excludes --svg: a chart is drawn in one way');
  }
  if (flags.run !== undefined && (name !== 'run' || flags.mermaid === true)) {
    throw usage('--run', 'lights up the SVG of the chart "run", and no other');
  }
  const { graphOf, layoutOf, mermaidOf, svgOf } = await import('../../chart/index.ts');
  const graph = graphOf(machine);
  const text =
    flags.mermaid === true
      ? mermaidOf(graph)
      : svgOf(
          await layoutOf(graph),
          flags.run === undefined ? {} : await lightingOf(context, flags.run),
        );
  context.terminal.print(text.trimEnd());
  return exitCodes.ok;
}

async function machineOf(name: string): Promise<AnyStateMachine> {
  const { daemonMachine, runMachine, workerMachine } = await import('../../machines/index.ts');
  if (name === 'run') return runMachine;
  if (name === 'daemon') return daemonMachine;
  if (name === 'worker') return workerMachine;
  throw usage('machine', `must be run, daemon or worker, not "${name}"`);
}

/** Where a run is, and the ways that it has taken. */
async function lightingOf(context: Context, ref: string): Promise<Lighting> {
  const client = await context.connect();
  const run = await client.get(ref);
  const steps: ChartStep[] = [];
  for await (const { event, from, to, seq } of client.events(run.run_id, {
    fromSeq: 1,
    untilDone: true,
  })) {
    steps.push({ event, from, to });
    if (seq >= run.last_seq) break;
  }
  return { active: steps.at(-1)?.to ?? run.state, steps };
}
