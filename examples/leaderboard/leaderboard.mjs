// The best value of one metric for each run, from the bus. See README.md.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const { values: args } = parseArgs({
  options: {
    key: { type: 'string', default: 'charts/episodic_return' },
    state: { type: 'string', default: 'leaderboard.state.json' },
    min: { type: 'boolean', default: false },
    once: { type: 'boolean', default: false },
  },
});
const { NATS_URL, NATS_USER, NATS_PASSWORD, RUNYARD_YARD = '' } = process.env;
const streamOf = (kind) => {
  const token = RUNYARD_YARD.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '_');
  return `${token}_${kind.toUpperCase()}`;
};

/** How far each stream was read, and what was found: one file, so that they never disagree. */
const state = fs.existsSync(args.state)
  ? JSON.parse(fs.readFileSync(args.state, 'utf8'))
  : { v: 1, cursors: {}, runs: {}, deleted: [] };
const save = () => {
  const draft = `${args.state}.${process.pid}`;
  fs.writeFileSync(draft, JSON.stringify(state));
  fs.renameSync(draft, args.state);
};

const runOf = (id) => {
  state.runs[id] ??= { status: '', seen: {}, points: 0, nan: 0, missing: 0, best: null };
  return state.runs[id];
};

const apply = {
  events({ run_id: id, event, to }) {
    if (event === 'run.deleted') {
      delete state.runs[id];
      if (!state.deleted.includes(id)) state.deleted.push(id);
    } else runOf(id).status = to;
  },
  metrics({ run_id: id, attempt, first_seq, last_seq, points }) {
    // Some of its points may be read after it was removed.
    if (state.deleted.includes(id)) return;
    const run = runOf(id);
    const seen = run.seen[attempt] ?? 0;
    // What the bus no longer has is told, not passed over.
    run.missing += Math.max(0, first_seq - seen - 1);
    run.seen[attempt] = Math.max(seen, last_seq);
    for (const { seq, key, value, step } of points) {
      // A number identifies a point: what was counted before a new epoch is not counted again.
      if (key !== args.key || seq <= seen) continue;
      run.points += 1;
      // The bus writes NaN, Infinity and -Infinity as strings.
      const number = Number(value);
      if (Number.isNaN(number)) run.nan += 1;
      else if (run.best === null || isBetter(number, Number(run.best.value)))
        run.best = { value, step: step === null ? null : String(step), attempt };
    }
  },
};
const isBetter = (one, other) => (args.min ? one < other : one > other);

const print = () => {
  const shown = Object.entries(state.runs).filter(([, { status }]) => status !== '');
  const worst = args.min ? Infinity : -Infinity;
  const numberOf = ({ best }) => (best === null ? worst : Number(best.value));
  shown.sort(([idA, a], [idB, b]) => {
    if ((a.best === null) !== (b.best === null)) return a.best === null ? 1 : -1;
    if (numberOf(a) !== numberOf(b)) return isBetter(numberOf(a), numberOf(b)) ? -1 : 1;
    return idA < idB ? -1 : 1;
  });
  for (const [run, { best, points, nan, missing, status }] of shown) {
    const { value = null, step = null, attempt = null } = best ?? {};
    console.log(JSON.stringify({ run, best: value, step, attempt, points, nan, missing, status }));
  }
};

const nc = await connect({ servers: NATS_URL, user: NATS_USER, pass: NATS_PASSWORD });
// A reader may not ask for all of an account's limits, so they are not checked first.
const js = jetstream(nc, { checkAPI: false });
const jsm = await jetstreamManager(nc, { checkAPI: false });
const consumers = {};

/** The consumer of a stream from the cursor on; a new one when the stream is a new one. */
async function consumerOf(kind) {
  const { config } = await jsm.streams.info(streamOf(kind));
  const { epoch } = config.metadata;
  const cursor = state.cursors[kind];
  if (cursor !== undefined && cursor.epoch !== epoch)
    console.error(`${kind}: a new epoch, read again from the beginning`);
  if (cursor?.epoch !== epoch) {
    state.cursors[kind] = { epoch, seq: 0 };
    consumers[kind] = undefined;
    // Runs of which the new history says nothing are no longer there.
    if (kind === 'events') for (const run of Object.values(state.runs)) run.status = '';
  }
  if (consumers[kind] === undefined) {
    const made = await jsm.consumers.add(streamOf(kind), {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: state.cursors[kind].seq + 1,
      ack_policy: AckPolicy.None,
      filter_subject: `${RUNYARD_YARD}.runs.*.${kind}`,
      inactive_threshold: 300e9,
    });
    consumers[kind] = js.consumers.getConsumerFromInfo(made);
  }
  return consumers[kind];
}

/** Applies what is there; without anything waits up to a second for it. Returns how many messages came. */
async function read(kind, wait) {
  const consumer = await consumerOf(kind);
  const { num_pending: pending } = await consumer.info();
  if (pending === 0 && !wait) return 0;
  const batch = await consumer.fetch({
    max_messages: Math.min(Math.max(pending, 1), 500),
    expires: 1000,
  });
  let count = 0;
  for await (const message of batch) {
    apply[kind](message.json());
    state.cursors[kind].seq = message.seq;
    count += 1;
  }
  if (count > 0) save();
  return count;
}

for (;;) {
  try {
    // Events first: then it is known which runs there are.
    let count = 0;
    for (let more = 1; more > 0; count += more) more = await read('events', false);
    count += await read('metrics', !args.once && count === 0);
    if (count === 0 && args.once) break;
    if (count > 0 && !args.once) print();
  } catch (error) {
    if (args.once || nc.isClosed()) throw error;
    // A stream that is just being made anew, or a server that restarts.
    console.error(`trying again: ${error.message}`);
    for (const kind of Object.keys(consumers)) consumers[kind] = undefined;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
print();
await nc.close();
