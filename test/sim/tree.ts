/** The processes of an attempt, as a worker or the daemon signals them. */

import type { Tree } from '../../src/processes/index.ts';
import type { Identity } from '../../src/rundir/index.ts';
import type { Life } from './schedule.ts';
import type { Stage } from './stage.ts';

export function createTree(stage: Stage, life: Life, trainer: Identity, marker: string): Tree {
  const { machine, random } = stage;
  const send = (signal: string): number => {
    const found = life.dead ? [] : machine.marked(marker);
    for (const process of found) process.onSignal(signal);
    return found.length;
  };
  return {
    signal(name) {
      if (life.dead || machine.find(trainer) === null) return false;
      send(name);
      return true;
    },
    killAll: () => send('SIGKILL'),
    pauseAll() {
      send('SIGSTOP');
      // Some of it was forking just then.
      return random.chance(0.6);
    },
    resumeAll: () => void send('SIGCONT'),
  };
}
