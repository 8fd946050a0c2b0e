/** The other half of the histories of `npm test`: a file of its own, so that two run at once. */
import { test } from 'node:test';
import { simulate } from './histories.ts';

test('among faults no invariant is broken, and all that began comes to its end', (t) =>
  simulate(t, 5001, 2500));
