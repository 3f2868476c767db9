import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../src/lib/backoff.ts';

// S2-B44
test('without jitter the delays are 750 ms × 1.6^n, at most 30 s', () => {
  const middle = () => 0.5;
  assert.deepEqual([0, 1, 2, 3].map((n) => backoffMs(n, middle)), [750, 1200, 1920, 3072]);
  assert.equal(backoffMs(8, middle), 30_000);
  assert.equal(backoffMs(500, middle), 30_000);
});

test('the jitter is a quarter either way', () => {
  assert.equal(backoffMs(0, () => 0), 563);
  assert.equal(backoffMs(0, () => 0.999999), 937);
  for (let n = 0; n < 40; n++) {
    const delay = backoffMs(n);
    assert.ok(delay >= 250 && delay <= 37_500, `${delay}`);
  }
});
