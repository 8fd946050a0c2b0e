/** What the TypeScript client says for the same mistakes: JSON lines of code, message, violations. */
import { connect } from '../../../src/client/index.ts';
import { RunyardError } from '../../../src/errors.ts';

const [home = '', none = ''] = process.argv.slice(2);
const client = await connect({ home, deadlineMs: 60_000 });
const config = { command: ['true'], cwd: home };
const calls: (() => Promise<unknown>)[] = [
  () => connect({ home: none }),
  () => client.get('no-such-run'),
  () => client.submit({ command: [], cwd: 'relative', gpus: -1 }),
  () => client.submit({ ...config, name: 'one' }, { key: 'conflict' }),
  () => client.submit({ ...config, name: 'two' }, { key: 'conflict' }),
  () => client.submitMany([{ config }, { config: { ...config, cwd: 'relative' } }]).next(),
  () => client.pause('conflict-run'),
  () => client.events('no-such-run').next(),
  () => client.group('no-such-group'),
  () => client.putInput(new Uint8Array(17 * 2 ** 20)),
  () => client.revokeReader('nobody'),
];
for (const call of calls) {
  try {
    await call();
    console.log('null');
  } catch (error) {
    if (!(error instanceof RunyardError)) throw error;
    const { code, message, violations, retryable } = error;
    console.log(JSON.stringify({ code, message, violations, retryable }));
  }
}
client.close();
