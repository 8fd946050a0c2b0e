/** Policies of retries: what they default to, how long they wait, what they know a failure by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryPolicy } from '../../src/actors/retrying.ts';
import { validateConfig } from '../../src/contracts/index.ts';
import type { RunyardError } from '../../src/errors.ts';
import { backoffOf, type Outcome, retryCausesOf } from '../../src/machines/index.ts';

const command: [string] = ['x'];
const policyOf = (retry: object) => {
  const policy = retryPolicy(validateConfig({ command, retry }));
  return policy ?? assert.fail('it has a policy');
};

test('without a word about it nothing is tried again; with one, all but a time limit', () => {
  assert.equal(retryPolicy({ command }), null);
  assert.equal(retryPolicy({ command, retry: { max: 0 } }), null);
  const { on } = policyOf({ max: 3 });
  assert.ok(!on.includes('time_limit'));
  for (const cause of ['exit', 'signal', 'oom', 'stall', 'lost', 'unobserved', 'launch'] as const)
    assert.ok(on.includes(cause), cause);
});

test('a wait grows by its factor, and never beyond its maximum', () => {
  const seconds = (retry: object, retries: number): number =>
    backoffOf(policyOf({ max: 9, ...retry }), retries) / 1000;
  assert.deepEqual(
    [0, 1, 2, 3].map((retries) => seconds({}, retries)),
    [10, 20, 40, 80],
  );
  assert.equal(seconds({}, 50), 600);
  assert.equal(seconds({ backoff_s: 3600 }, 0), 3600);
  assert.equal(seconds({ backoff_s: 3600 }, 5), 3600);
  assert.equal(seconds({ backoff_s: 1, backoff_factor: 100, backoff_max_s: 7 }, 99), 7);
  assert.equal(seconds({ backoff_s: 0 }, 4), 0);
});

test('a failure is known by its cause, its exit code, and want of memory', () => {
  const causes = (code: string, exitCode?: number, cause?: string) =>
    retryCausesOf({
      outcome: { status: 'failed', code, text: '' } satisfies Outcome,
      exit: exitCode === undefined ? null : { kind: 'exited', code: exitCode },
      cause: cause === undefined ? null : { code: cause, text: '' },
    });
  assert.deepEqual(causes('exit_nonzero', 137), ['exit', 137]);
  assert.deepEqual(causes('exit_nonzero', 1, 'cuda_out_of_memory'), ['exit', 1, 'oom']);
  assert.deepEqual(causes('exit_nonzero', 1, 'missing_module'), ['exit', 1]);
  assert.deepEqual(causes('signal', undefined, 'oom_kill'), ['signal', 'oom']);
  assert.deepEqual(causes('time_limit', 1, 'out_of_memory'), ['time_limit']);
  for (const never of ['completed', 'stop_rule', 'unkillable', 'noexec', 'preflight_failed'])
    assert.deepEqual(causes(never, 0), [], never);
});

test('a cause that nobody knows is refused, with those that there are', () => {
  assert.throws(
    () => policyOf({ max: 1, on: ['gremlins'] }),
    (error: RunyardError) =>
      error.violations.some(
        ({ field, hint }) => field === '/retry/on/0' && /unobserved/.test(hint),
      ),
  );
});
