import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laneOf, positionOf, scaleMarks, shortestMs, spanFor } from '../src/lib/glass.ts';

test('an older request lies further right, and none lies outside', () => {
  const ages = [0, shortestMs, ...scaleMarks.map(([age]) => age), 1e9];
  const places = ages.map((age) => positionOf(age, 120_000));
  assert.equal(places[0], 0);
  assert.equal(places.at(-1), 1);
  for (let i = 1; i < places.length; i++) assert.ok(places[i]! >= places[i - 1]!);
});

test('the glass is long enough for the oldest request, and no longer than its step', () => {
  assert.deepEqual([0, 15_000, 17_000, 200_000, 1e7].map(spanFor), [20_000, 20_000, 120_000, 600_000, 3_600_000]);
});

test('a request keeps its lane, and lanes spread', () => {
  const lanes = Array.from({ length: 500 }, (_, i) => laneOf(`request-${i}`));
  assert.equal(laneOf('request-7'), lanes[7]);
  for (const third of [0, 1, 2]) {
    const inside = lanes.filter((lane) => lane >= third / 3 && lane <= (third + 1) / 3).length;
    assert.ok(inside > 100, `${inside} of 500 in third ${third}`);
  }
});
