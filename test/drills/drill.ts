/** One drill: something is broken on purpose, the product says so, the page is followed, nothing is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlerted } from './alerts.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { type Expectation, missingIn, type Runbook, readRunbook } from './runbook.ts';
import { openScene, type Scene, type SceneOptions } from './scene.ts';

export type Drill = {
  /** Of the drill and, where nothing else is said, of its page in docs/runbooks. */
  name: string;
  page?: string;
  /** For the table: what is done to the yard. */
  provoked: string;
  /** Why it cannot be tried on this machine; null: it can. */
  lacks?: () => Promise<string | null>;
  /** Makes what is around the scene, to be undone when the drill is over, and says how it is played there. */
  begin: (defer: (undo: () => unknown) => void) => Promise<Begun>;
};

export type Begun = { options?: SceneOptions; play: (stage: Stage) => Promise<void> };

/** A drill that needs nothing around its scene. */
export function played(play: Begun['play']): Drill['begin'] {
  return async () => ({ play });
}

export type Stage = {
  scene: Scene;
  ledger: Ledger;
  /** Breaks something; the clock of the table starts. */
  provoke(act: () => unknown): Promise<void>;
  /** Waits until everything that the page says one sees can be seen. */
  told(variables?: Record<string, string>): Promise<void>;
  /** Does what the page says; each block that is done to the machine is played by the next of `outside`. */
  repair(variables?: Record<string, string>, outside?: (() => unknown)[]): Promise<void>;
  /** Waits until the page's own way of verifying says so, and the daemon is well. */
  healed(variables?: Record<string, string>): Promise<void>;
};

export type Result = {
  name: string;
  page: string;
  provoked: string;
  /** Seconds since it was provoked; null: it did not come to that. */
  toldS: number | null;
  healedS: number | null;
  /** Acknowledged runs that were looked at, and what is lost of them. */
  runs: number;
  lost: string[];
  skipped: string | null;
  /** Why it failed, other than by a loss. */
  failure: string | null;
};

/** How long anything may take before it counts as failed, on a busy machine. */
const waitMs = 1000 * Number(process.env.RUNYARD_DRILL_WAIT_S ?? 180);
const lookMs = 500;

/** Everything that it made is gone afterwards; `signal` ends it early. */
export async function runDrill(drill: Drill, signal: AbortSignal): Promise<Result> {
  const { name, provoked, page = name } = drill;
  const result: Result = {
    ...{ name, page, provoked, toldS: null, healedS: null, runs: 0, lost: [] },
    ...{ skipped: (await drill.lacks?.()) ?? null, failure: null },
  };
  if (result.skipped !== null) return result;
  const undone: (() => unknown)[] = [];
  try {
    const { options, play } = await drill.begin((undo) => void undone.push(undo));
    await using scene = await openScene(options);
    const ledger = openLedger(scene);
    await play(createStage(scene, ledger, readRunbook(page), { result, signal }));
    // It takes new work, and what it was told before is as it should be.
    (await ledger.submit('after', 0)).end();
    result.lost = await ledger.audit();
    result.runs = ledger.entries.length;
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error);
  } finally {
    for (const undo of undone.reverse()) await undo();
  }
  return result;
}

function createStage(
  scene: Scene,
  ledger: Ledger,
  page: Runbook,
  { result, signal }: { result: Result; signal: AbortSignal },
): Stage {
  let since = performance.now();
  const seconds = (): number => (performance.now() - since) / 1000;
  /** Waits until the command's output has all of the lines. */
  const shows = ({ command, lines }: Expectation, variables: Record<string, string>) =>
    eventually(
      command,
      async () => {
        const { output } = await scene.shell(command, variables);
        const missing = missingIn(output, lines);
        return missing.length === 0 ? null : `no line "${missing.join('", "')}" in:\n${output}`;
      },
      signal,
    );
  const all = async (expectations: Expectation[], variables: Record<string, string>) => {
    for (const each of expectations) await shows(each, variables);
  };
  const alerted = async (): Promise<string | null> =>
    (await isAlerted(page.alerts, scene.scrape)) === false
      ? `nothing that ${page.alerts.join(', ')} waits for is so`
      : null;
  const isSeen = async (): Promise<boolean> => {
    for (const { command, lines } of page.see)
      if (missingIn((await scene.shell(command)).output, lines).length > 0) return false;
    return true;
  };
  return {
    scene,
    ledger,
    async provoke(act) {
      if (await isSeen()) throw new Error('what the page shows can be seen before it happened');
      if ((await isAlerted(page.alerts, scene.scrape)) === true)
        throw new Error(`what is alerted of is so before it happened: ${page.alerts.join(', ')}`);
      since = performance.now();
      await act();
    },
    async told(variables = {}) {
      await all(page.see, variables);
      await eventually('the alert', alerted, signal);
      result.toldS = seconds();
    },
    async repair(variables = {}, outside = []) {
      const plays = [...outside];
      for (const { text, isOutside } of page.steps) {
        if (isOutside) {
          const play = plays.shift();
          if (play === undefined) throw new Error(`nobody plays: ${text}`);
          await play();
          continue;
        }
        const { code, output } = await scene.shell(text, variables);
        if (code !== 0) throw new Error(`exit code ${code} of: ${text}\n${output}`);
      }
      if (plays.length > 0) throw new Error('the page has fewer steps outside than are played');
    },
    async healed(variables = {}) {
      await all(page.verify, variables);
      await eventually('the daemon to be well', () => unwell(scene), signal);
      result.healedS = seconds();
    },
  };
}

async function unwell({ client }: Scene): Promise<string | null> {
  const { status, reasons, bus_connected: isOn, outbox_depth: depth } = await client.health();
  if (status === 'ok' && isOn && depth === 0) return null;
  return `${status}, ${depth} wait for the bus: ${reasons.map(({ text }) => text).join('; ')}`;
}

async function eventually(
  what: string,
  look: () => Promise<string | null>,
  signal: AbortSignal,
): Promise<void> {
  for (const deadline = Date.now() + waitMs; ; await sleep(lookMs)) {
    const wrong = await look().catch((error: unknown) => String(error));
    if (wrong === null) return;
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`in vain: ${what}: ${wrong}`);
  }
}
