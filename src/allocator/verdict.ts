/** What is decided about a waiting run, and why: data. `words.ts` makes sentences of it. */
import type { DependencyEnd } from './request.ts';

/** How a run that others wait for has ended: `open` when it has not, `gone` when nothing is known of it. */
export type Fate = 'open' | 'ok' | 'fail' | 'gone';

/** More than the yard has at all, as it is now. Such a run waits, and keeps nothing from anybody. */
export type Lack =
  /** `has`: GPUs with that much memory; `shut`: how many of these are given to nobody. */
  | { readonly what: 'gpus'; readonly need: number; readonly has: number; readonly shut: number }
  | { readonly what: 'cpus' | 'memory'; readonly need: number; readonly has: number };

/** What there is too little of now. `keptFor`: there is enough, but it is kept for that run. */
export type Short =
  | {
      readonly what: 'gpus';
      readonly need: number;
      readonly room: number;
      readonly keptFor: string | null;
    }
  | {
      readonly what: 'cpus' | 'memory';
      readonly need: number;
      readonly free: number;
      readonly of: number;
      readonly keptFor: string | null;
    };

export type Verdict =
  | { readonly kind: 'starts'; readonly slots: readonly string[] }
  /** A dependency has ended in another way than was asked for. */
  | {
      readonly kind: 'hopeless';
      readonly run: string;
      readonly on: DependencyEnd;
      readonly fate: Fate;
    }
  | {
      readonly kind: 'after';
      readonly run: string;
      readonly on: DependencyEnd;
      readonly more: number;
    }
  | { readonly kind: 'held'; readonly by: string; readonly reason: string }
  | { readonly kind: 'later'; readonly atMs: number }
  | {
      readonly kind: 'backoff';
      readonly atMs: number;
      readonly attempt: string;
      readonly ended: string;
    }
  | { readonly kind: 'drained'; readonly by: string; readonly reason: string }
  | { readonly kind: 'impossible'; readonly lacks: readonly Lack[] }
  | {
      readonly kind: 'limit';
      readonly of: 'user' | 'project' | 'group';
      readonly name: string;
      readonly what: 'runs' | 'gpus';
      readonly most: number;
      /** How much of it is taken by live runs. */
      readonly now: number;
      readonly need: number;
      /** What is left of it is kept for that run, which was there first. */
      readonly keptFor: string | null;
    }
  | {
      readonly kind: 'short';
      readonly shorts: readonly Short[];
      /** How many runs stand before it that are short of something too, and the last of them. */
      readonly ahead: number;
      readonly behind: string | null;
    };

export type Ending = { readonly runId: string; readonly verdict: Verdict & { kind: 'hopeless' } };
