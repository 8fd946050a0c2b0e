/** What the daemon wants of an attempt: done as far as the attempt is by now, and again once it is further. */
import { failpoint } from '../failpoints.ts';
import type { Tree } from '../processes/index.ts';
import type { Wish } from './conversation.ts';

export type Wishes = {
  receive(wish: Wish): void;
  /** Does what was last wished, if there is anything to do it to. */
  obey(): void;
  /** Whether its end is wished. */
  isEnd(): boolean;
};

export type WishesOptions = {
  /** The trainer's processes; null before it was found, and once its end was seen. */
  tree: () => Tree | null;
  pauseStall: (paused: boolean) => void;
  fact: (name: 'trainer.paused' | 'trainer.resumed') => void;
  /** Resolves after so many milliseconds. */
  passed: (ms: number) => Promise<void>;
};

/** Stopping a tree is tried again at first and at most after this long: some of it may be forking. */
const pauseRetryMs = { first: 10, most: 500 };

export function createWishes(options: WishesOptions): Wishes {
  let wish: Wish | null = null;
  let termed = false;

  const pause = async (): Promise<void> => {
    let wait = pauseRetryMs.first;
    while (wish?.kind === 'pause') {
      const tree = options.tree();
      if (tree === null) return;
      if (tree.pauseAll()) {
        options.fact('trainer.paused');
        return;
      }
      await options.passed(wait);
      wait = Math.min(pauseRetryMs.most, wait * 2);
    }
  };

  const obey = (): void => {
    const tree = wish === null ? null : options.tree();
    if (wish === null || tree === null) return;
    options.pauseStall(wish.kind === 'pause');
    if (wish.kind === 'kill') tree.killAll();
    else if (wish.kind === 'pause') void pause();
    else if (wish.kind === 'resume') {
      tree.resumeAll();
      options.fact('trainer.resumed');
    } else if (!termed) {
      termed = true;
      // A group that is gone already, with members that left it: only a kill reaches those.
      tree.signal(wish.signal);
      failpoint('worker.signalled');
      // A stopped process would not see the signal before it goes on.
      tree.resumeAll();
    }
  };

  return {
    receive(wished) {
      wish = wished;
    },
    obey,
    isEnd: () => wish?.kind === 'terminate' || wish?.kind === 'kill',
  };
}
