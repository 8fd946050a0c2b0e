/** `runyard notify test`: runs each hook of the settings once, as the daemon would. */
import os from 'node:os';
import type { NotifyMessage } from '../../contracts/index.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

/** Exit code 1 when a hook fails, or there is none. */
export async function notifyTest(context: Context): Promise<number> {
  const { terminal, json, env } = context;
  const { notify, yard } = await context.settings();
  if (notify.length === 0) {
    if (!json) terminal.note('there are no hooks in the settings: see docs/notify.md');
    return exitCodes.error;
  }
  const { runHook } = await import('../../notify/index.ts');
  const at = new Date().toISOString();
  const run = { run_id: 'test0000', name: 'test', user: os.userInfo().username };
  let failed = false;
  for (const { name = '', on, command, timeout_s: timeoutS = 30 } of notify) {
    const message: NotifyMessage = {
      v: 1,
      id: `test:${at}`,
      event: 'test',
      at,
      yard,
      host: os.hostname(),
      text: `a test of runyard notify, for: ${on.join(', ')}`,
      run: { ...run, status: 'completed', why: '' },
    };
    const end = await runHook({ command, timeoutS }, message, { env: { ...env } });
    failed ||= end !== null;
    if (json) terminal.json({ name, command, on, ok: end === null, why: end ?? '' });
    else {
      const glyph = end === null ? terminal.paint('green', '✓') : terminal.paint('red', '✗');
      const called = name === '' ? '' : `${name}: `;
      terminal.print(`${glyph} ${called}${command.join(' ')}${end === null ? '' : `: ${end}`}`);
    }
  }
  return failed ? exitCodes.error : exitCodes.ok;
}
