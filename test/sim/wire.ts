/** The control sockets between daemons and workers: in order while they last, cut at any time. */
import type { Dial } from '../../src/executors/local/socket.ts';
import type { Life } from './schedule.ts';
import type { Stage } from './stage.ts';

/** Whoever listens on a socket. */
export type Listener = {
  readonly life: Life;
  readonly runId: string;
  joined(peer: { write(message: object): void }): void;
  left(peer: { write(message: object): void }): void;
  receive(message: { type: string }): void;
};

export type Wires = {
  listen(at: string, listener: Listener): () => void;
  dial(from: Life): Dial;
  /** Cuts every connection of an attempt: what was under way is lost in both directions. */
  cut(runId: string): boolean;
  /** A daemon's life ended: its ends of all connections are closed. */
  dropped(life: Life): void;
  /** Holds back what the workers of a run say. */
  mute(runId: string, ms: number): void;
  /** Holds back what is said in both directions. */
  hold(runId: string, ms: number): void;
};

const controlMax = 4096;
/** What may be lost or repeated by itself: what the protocol says again. */
const resent = ['fact', 'ack', 'beat'];

type Wire = { runId: string; from: Life; cut: () => void };

export function createWires(stage: Stage): Wires {
  const { schedule, random, faults } = stage;
  const listeners = new Map<string, Listener>();
  const wires = new Set<Wire>();
  const mutedUntil = new Map<string, number>();
  const heldUntil = new Map<string, number>();
  /** Some yards are slow: their runs stay longer between a wish and its fulfilment. */
  const lagMs = random.pick([3, 3, 3, 3, 300, 1_200]);

  /** One direction: in order, each message a little later. */
  const direction = (runId: string, towards: Life, deliver: (line: string) => void) => {
    let last = 0;
    return (line: string, isMuted: boolean): void => {
      if (Buffer.byteLength(line) > controlMax) {
        stage.violate('small-control', `${Buffer.byteLength(line)} bytes: ${line.slice(0, 200)}`);
      }
      const { type } = JSON.parse(line) as { type: string };
      const lossy = resent.includes(type);
      if (lossy && faults.chance('wire.loss', 0.05, runId)) return;
      const count = lossy && faults.chance('wire.repeat', 0.08, runId) ? 2 : 1;
      const muted = isMuted ? (mutedUntil.get(runId) ?? 0) : 0;
      const held = Math.max(muted, heldUntil.get(runId) ?? 0);
      for (let copy = 0; copy < count; copy += 1) {
        const slowMs = faults.chance('wire.late', 0.06, runId) ? random.int(1_500) : 0;
        last = Math.max(
          last,
          held,
          schedule.now() + slowMs + random.next() * (faults.healed() ? 3 : lagMs),
        );
        schedule.after(last - schedule.now(), towards, () => deliver(line));
      }
    };
  };

  return {
    listen(at, listener) {
      listeners.set(at, listener);
      return () => {
        if (listeners.get(at) === listener) listeners.delete(at);
      };
    },
    dial: (from) => (at, hear) => {
      const listener = listeners.get(at);
      let state: 'connecting' | 'open' | 'closed' = 'connecting';
      const buffered: string[] = [];
      const runId = listener?.runId ?? '';
      /** Both ends learn of it, each a little later. */
      const close = (): void => {
        if (state === 'closed') return;
        state = 'closed';
        wires.delete(wire);
        schedule.after(random.next() * 2, from, () => hear.closed());
        if (listener !== undefined) {
          schedule.after(random.next() * 2, listener.life, () => listener.left(peer));
        }
      };
      const wire: Wire = { runId, from, cut: close };
      const toDaemon = direction(runId, from, (line) => {
        if (state === 'open') hear.line(line);
      });
      const toWorker = direction(runId, listener?.life ?? from, (line) => {
        if (state === 'open') listener?.receive(JSON.parse(line));
      });
      const peer = {
        write: (message: object): void => {
          if (state === 'open') toDaemon(JSON.stringify(message), true);
        },
      };
      schedule.after(random.next() * 2, from, () => {
        if (state === 'closed') return;
        if (listener === undefined || listener.life.dead || listeners.get(at) !== listener) {
          close();
          return;
        }
        state = 'open';
        wires.add(wire);
        listener.joined(peer);
        for (const line of buffered.splice(0)) toWorker(line, false);
        hear.connected();
      });
      return {
        write(line) {
          if (state === 'open') toWorker(line, false);
          else if (state === 'connecting') buffered.push(line);
        },
        // What was written before still arrives.
        end: () => void schedule.after(5, null, close),
      };
    },
    cut(runId) {
      const found = [...wires].filter((wire) => wire.runId === runId);
      for (const wire of found) wire.cut();
      return found.length > 0;
    },
    dropped(life) {
      for (const wire of [...wires]) if (wire.from === life) wire.cut();
    },
    mute(runId, ms) {
      mutedUntil.set(runId, schedule.now() + ms);
    },
    hold(runId, ms) {
      heldUntil.set(runId, schedule.now() + ms);
    },
  };
}
