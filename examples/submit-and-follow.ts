/** Submits a run and prints its states: `node_modules/.bin/node examples/submit-and-follow.ts`. */
import { connect } from '../src/client/index.ts';

const client = await connect();
try {
  const command = ['python3', '-c', 'print("global_step=1, episodic_return=[9.]")'];
  const { run_id: runId } = await client.submit(
    { command, isolate: true },
    { env: { PATH: process.env.PATH } },
  );
  for await (const { seq, to } of client.events(runId, { untilDone: true })) console.log(seq, to);
  const { status, exit_code: code } = await client.get(runId);
  console.log(`${runId} ${status}, exit code ${code}`);
} finally {
  client.close();
}
