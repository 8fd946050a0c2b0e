import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyActorLogic, createActor, createMachine, fromCallback } from 'xstate';
import { type EffectDeps, provideRun } from '../../src/actors/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';

test('what no worker comes to kill the daemon kills itself, until the state is left', async () => {
  const done: string[] = [];
  let ring: () => void = () => undefined;
  const clock = {
    after: (_: number, act: () => void) => {
      ring = act;
      return () => undefined;
    },
  };
  const executor = {
    voidUnlaunched: () => false,
    wish: (_run: string, _attempt: number, { kind }: { kind: string }) => void done.push(kind),
    swept: () => done.push('swept') > 0,
    exitOf: () => null,
  };
  const synced = async (): Promise<void> => undefined;
  const machine = provideRun({ clock, executor, synced } as unknown as EffectDeps);
  const logic = machine.implementations.actors.kill as AnyActorLogic;
  const killing = createActor(logic, { input: { runId: 'k3f9a2mx', attempt: 1 } });
  const turn = async (): Promise<void> => {
    ring();
    await new Promise((resolve) => setImmediate(resolve));
  };
  killing.start();
  await turn();
  assert.deepEqual(done, ['kill']);
  await turn();
  await turn();
  assert.deepEqual(done, ['kill', 'swept', 'swept']);
  killing.stop();
  await turn();
  assert.deepEqual(done, ['kill', 'swept', 'swept']);
});

test('what ended while no worker lived to tell is no survivor: its exit is read from its directory', async () => {
  const at = '2026-11-25T20:00:00Z';
  const exit = { kind: 'signaled', signal: 'SIGTERM' } as const;
  const clock = {
    after(_: number, act: () => void) {
      setImmediate(act);
      return () => undefined;
    },
    iso: () => at,
  };
  const executor = {
    voidUnlaunched: () => false,
    wish: () => undefined,
    swept: () => true,
    exitOf: () => exit,
  };
  const synced = async (): Promise<void> => undefined;
  const logic = provideRun({ clock, executor, synced } as unknown as EffectDeps).implementations
    .actors.kill as AnyActorLogic;
  const told = Promise.withResolvers<unknown>();
  const parent = createActor(fromCallback(({ receive }) => receive(told.resolve))).start();
  createActor(logic, { input: { runId: 'k3f9a2mx', attempt: 1 }, parent }).start();
  assert.deepEqual(await told.promise, { type: 'trainer.exited', exit, at });
});

test('a trainer is made to end when that was decided on the disk, or when the disk refuses or hangs', async () => {
  for (const disks of ['takes it', 'refuses', 'hangs'] as const) {
    for (const name of ['terminate', 'kill'] as const) {
      const done: string[] = [];
      const disk = Promise.withResolvers<void>();
      const executor = {
        voidUnlaunched: () => false,
        wish: (_run: string, _attempt: number, wish: { kind: string }) => void done.push(wish.kind),
      };
      let ring: () => void = () => undefined;
      const clock = {
        after: (_: number, act: () => void) => {
          ring = act;
          return () => undefined;
        },
      };
      const deps = { clock, executor, synced: () => disk.promise } as unknown as EffectDeps;
      const logic = provideRun(deps).implementations.actors[name] as AnyActorLogic;
      const ending = createActor(logic, {
        input: { runId: 'k3f9a2mx', attempt: 1, signal: 'SIGTERM' },
      });
      ending.start();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(done, []);
      if (disks === 'refuses') disk.reject(new Error('EIO'));
      else if (disks === 'takes it') disk.resolve();
      else ring();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(done, [name]);
      ending.stop();
    }
  }
});

test('after a restart killing and starting have their time again, whatever the old deadlines say', () => {
  const at = (ms: number) => ({ boot_id: 'b', mono_ms: ms, wall_ms: ms });
  let now = 1_000_000;
  const timers: { due: number; act: () => void }[] = [];
  const clock = {
    now: () => at(now),
    after: (ms: number, act: () => void) => {
      timers.push({ due: now + ms, act });
      return () => undefined;
    },
  };
  const pass = (ms: number): void => {
    now += ms;
    for (const timer of timers.splice(0)) {
      if (timer.due <= now) timer.act();
      else timers.push(timer);
    }
  };
  const deps = { clock, executor: {}, leftoversMs: 30_000 } as unknown as EffectDeps;
  const logic = provideRun(deps).implementations.actors.alarm as AnyActorLogic;
  const rung: string[] = [];
  for (const ring of ['kill.timed_out', 'start.timed_out', 'grace.ended']) {
    const hearing = createMachine({
      invoke: { src: logic, input: { at: at(5), ring } },
      on: { '*': { actions: ({ event }) => void rung.push(event.type) } },
    });
    createActor(hearing).start();
  }
  pass(0);
  assert.deepEqual(rung, ['grace.ended']);
  pass(29_999);
  assert.deepEqual(rung, ['grace.ended']);
  pass(1);
  assert.deepEqual(rung, ['grace.ended', 'kill.timed_out', 'start.timed_out']);
});

test('a deadline of another boot is not believed, because the wall clock may have been set', () => {
  let now = 0;
  const timers: { due: number; act: () => void }[] = [];
  const clock = {
    now: () => ({ boot_id: 'this', mono_ms: now, wall_ms: now }),
    after: (ms: number, act: () => void) => {
      timers.push({ due: now + ms, act });
      return () => undefined;
    },
  };
  const deps = { clock, executor: {}, leftoversMs: 30_000 } as unknown as EffectDeps;
  const logic = provideRun(deps).implementations.actors.alarm as AnyActorLogic;
  const rung: string[] = [];
  const hourAhead = { boot_id: 'other', mono_ms: 5, wall_ms: 3_600_000 };
  const hearing = createMachine({
    invoke: { src: logic, input: { at: hourAhead, ring: 'start.timed_out' } },
    on: { '*': { actions: ({ event }) => void rung.push(event.type) } },
  });
  createActor(hearing).start();
  for (const at of [0, 29_999, 30_000]) {
    now = at;
    for (const timer of timers.splice(0)) {
      if (timer.due <= now) timer.act();
      else timers.push(timer);
    }
    assert.deepEqual(rung, at < 30_000 ? [] : ['start.timed_out']);
  }
});

test('what was stopped while its launch was put together is not prepared any more', async () => {
  const launched: string[] = [];
  let give: (spec: object) => void = () => undefined;
  const deps = {
    clock: systemClock(),
    executor: { launch: async (spec: { runId: string }) => void launched.push(spec.runId) },
    spec: () => new Promise((resolve) => (give = resolve)),
  } as unknown as EffectDeps;
  const logic = provideRun(deps).implementations.actors.launch as AnyActorLogic;
  for (const stopped of [true, false]) {
    const launching = createActor(logic, { input: { runId: 'k3f9a2mx', attempt: 1 } });
    launching.start();
    if (stopped) launching.stop();
    give({ runId: `stopped ${stopped}` });
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(launched, ['stopped false']);
});
