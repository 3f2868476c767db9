import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fill, formatChange, niceTop, periods, tickSteps, windowsOf } from '../src/lib/period.ts';

test('a period ends with the running step, and the one before ends where it begins', () => {
  for (const period of periods) {
    assert.equal(period.seconds % period.step, 0);
    const { current, previous } = windowsOf(period, 1_795_217_123);
    assert.ok(current.end > 1_795_217_123 && current.end - 1_795_217_123 <= period.step);
    assert.equal(current.start % period.step, 0);
    assert.equal(current.end - current.start, period.seconds);
    assert.deepEqual([previous.end, previous.end - previous.start], [current.start, period.seconds]);
  }
});

test('steps without a point stay empty, and points outside are left out', () => {
  const points = [60, 120, 185, 300].map((timestamp) => ({ timestamp, value: timestamp }));
  assert.deepEqual(fill(points, { start: 60, end: 300 }, 60), [60, 120, 185, null]);
});

test('a change reads as a percentage, a factor, or news', () => {
  assert.equal(formatChange(112, 100), '+12%');
  assert.equal(formatChange(97, 100), '−3%');
  assert.equal(formatChange(420, 100), '×4.2');
  assert.equal(formatChange(1200, 100), '×12');
  assert.equal(formatChange(5, 0), 'new');
  assert.equal(formatChange(0, 0), '');
  assert.equal(formatChange(100.1, 100), '±0%');
});

test('an axis ends on a round number', () => {
  assert.deepEqual([0, 0.7, 1, 1.2, 23, 26, 51, 999].map(niceTop), [1, 1, 1, 2, 25, 50, 100, 1000]);
});

test('steps are named at round times of the local day, and not too many of them', () => {
  const hour = { start: 7200 + 240, end: 7200 + 240 + 3600 };
  assert.deepEqual(tickSteps(hour, 60, 8, 0), [6, 16, 26, 36, 46, 56]);
  assert.deepEqual(tickSteps(hour, 60, 2, 0), [26, 56]);
  const day = { start: 900, end: 900 + 86_400 };
  const inIndia = tickSteps(day, 900, 4, 19_800).map((step) => (day.start + step * 900 + 19_800) % 21_600);
  assert.deepEqual(inIndia, [0, 0, 0, 0]);
});
