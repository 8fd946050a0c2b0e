/** Entry point of `runyard`. */
import fs from 'node:fs';
import { enableCompileCache } from 'node:module';
import os from 'node:os';
import path from 'node:path';

// Compiled code is kept from one start to the next, before anything of ours is loaded: it halves what
// a command, a daemon and each worker need to start. Where it cannot be kept, nothing is lost.
const ofCheckout = path.resolve(import.meta.dirname, '../../.cache');
const ofUser = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
enableCompileCache(
  fs.existsSync(ofCheckout) ? path.join(ofCheckout, 'code') : path.join(ofUser, 'runyard/code'),
);

const { main } = await import('./index.ts');
process.exitCode = await main(process.argv.slice(2));
