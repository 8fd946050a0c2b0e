/** Has real daemons take paths of the abstract model, several at a time. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTestModel } from 'xstate/graph';
import type { RunEvent } from '../../src/contracts/index.ts';
import { startYard, type Yard } from '../integration/yard.ts';
import { lifecycle, type Shows } from './lifecycle.ts';
import { tours } from './tours.ts';
import { createWorld } from './world.ts';

const model = createTestModel(lifecycle);
/** Daemons, each with one path at a time. Most of a path is waiting. */
const lanes = 4;
/** Time and stall limits, in seconds, of a first try and of further ones. */
const limitsS = [2, 8, 32];

type Path = ReturnType<typeof model.getPaths>[number];

export type Walked = {
  /** What of the model was seen on a real daemon; a transition is `state event`. */
  states: Set<string>;
  transitions: Set<string>;
  paths: number;
  /** The recorded events of each path's run, and the state of the model that it ended in. */
  histories: { end: string; events: RunEvent[] }[];
  failures: string[];
  /** Paths that were taken again because a limit passed before the model let it. */
  again: string[];
};

export async function walk(): Promise<Walked> {
  const paths = model.getPaths(() => tours(lifecycle) as never);
  const walked: Walked = {
    states: new Set(['absent']),
    transitions: new Set(),
    paths: paths.length,
    histories: [],
    failures: [],
    again: [],
  };
  const config = settings();
  try {
    // The longest first, so that the lanes end together.
    const waiting = paths.sort((a, b) => b.steps.length - a.steps.length);
    const lane = async (): Promise<void> => {
      await using yard = await startYard({
        RUNYARD_GPUS: 'fake:1',
        RUNYARD_PARALLEL: '2',
        XDG_CONFIG_HOME: config,
      });
      for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
        await takeAtLeisure(walked, yard, each);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    fs.rmSync(config, { recursive: true });
  }
  return walked;
}

/** In the model a limit passes when the path says so; on a busy machine it may pass sooner. */
async function takeAtLeisure(walked: Walked, yard: Yard, each: Path): Promise<void> {
  const limited = each.steps.some(({ event }) => event.type.includes('limit'));
  for (const limitS of limitsS) {
    try {
      await take(walked, yard, each, limitS);
      return;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (limited && limitS !== limitsS.at(-1)) walked.again.push(text);
      else {
        walked.failures.push(text);
        return;
      }
    }
  }
}

async function take(walked: Walked, yard: Yard, each: Path, limitS: number): Promise<void> {
  const world = createWorld(yard, limitS);
  let at = 'absent';
  try {
    await each.test({
      events: world.events as never,
      states: { '*': (state) => world.expect(Object.values(state.getMeta())[0] as Shows) },
    });
    for (const { event, state } of each.steps) {
      walked.transitions.add(`${at} ${event.type}`);
      at = String(state.value);
      walked.states.add(at);
    }
    walked.histories.push({ end: at, events: await world.history() });
  } finally {
    await world.leave();
  }
}

/** Patient enough that a worker which does not answer is replaced before a run is called unkillable. */
function settings(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-config-'));
  fs.mkdirSync(path.join(dir, 'runyard'));
  fs.writeFileSync(
    path.join(dir, 'runyard', 'config.yaml'),
    'kill_patience_s: 10\ngpu_deaths: 0\n',
  );
  return dir;
}
