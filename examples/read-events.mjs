// A run's events and artifacts from the bus, by a client that is no code of Runyard: plain Node and the
// packages of NATS. `RUNYARD_HOME=… node examples/read-events.mjs RUN_ID` prints a JSON object a line and
// ends with the run; afterwards it prints the whole history again.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const runId = process.argv[2];
const state = process.env.XDG_STATE_HOME || path.join(os.homedir(), '.local', 'state');
const home = process.env.RUNYARD_HOME || path.join(state, 'runyard');
const read = (name) => JSON.parse(fs.readFileSync(path.join(home, name), 'utf8'));

const { yard } = read('daemon.json');
const { url } = read('bus/address.json');
// The account `reader` may read everything and write nothing.
const { user, password: pass } = read('bus/credentials.json').reader;

const nc = await connect({ servers: url, user, pass });
// A reader may not ask for the account's limits, so they are not checked first.
const js = jetstream(nc, { checkAPI: false });
const stream = yard.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '_');

/** Every message of the run of one kind, from the first, then as they come. */
async function* messages(kind) {
  const consumer = await js.consumers.get(`${stream}_${kind.toUpperCase()}`, {
    filter_subjects: `${yard}.runs.${runId}.${kind}`,
    deliver_policy: DeliverPolicy.All,
  });
  for await (const message of await consumer.consume()) yield message.json();
}

let collected = 0;
for await (const event of messages('events')) {
  console.log(JSON.stringify(event));
  if (event.event === 'output.collected') collected = event.detail.artifacts;
  if (event.to.startsWith('done.')) break;
}
if (collected > 0) {
  for await (const artifacts of messages('artifacts')) {
    // While the run went on, some were taken already; the last message is of all.
    if (artifacts.complete === false) continue;
    console.log(JSON.stringify(artifacts));
    break;
  }
}
await nc.close();
