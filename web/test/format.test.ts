import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../src/lib/format.ts';

test('durations read as seconds, minutes with two-digit seconds, hours with two-digit minutes', () => {
  // S2-F37, S2-F38
  assert.equal(format.formatDuration(12_400), '12s');
  assert.equal(format.formatDuration(184_000), '3m 04s');
  assert.equal(format.formatDuration(0), '0s');
  assert.equal(format.formatDuration(-5), '0s');
  assert.equal(format.formatDuration(59_999), '59s');
  assert.equal(format.formatDuration(60_000), '1m 00s');
  assert.equal(format.formatDuration(3_720_000), '1h 02m');
});

test('latencies have the precision one reads them at', () => {
  assert.equal(format.formatLatency(0), '0 ms');
  assert.equal(format.formatLatency(0.4), '<1 ms');
  assert.equal(format.formatLatency(842.3), '842 ms');
  assert.equal(format.formatLatency(999.7), '1.00 s');
  assert.equal(format.formatLatency(1240), '1.24 s');
  assert.equal(format.formatLatency(9_996), '10.0 s');
  assert.equal(format.formatLatency(75_000), '1m 15s');
});

test('compact counts never read 1000 of a unit', () => {
  assert.equal(format.formatCompact(999), '999');
  assert.equal(format.formatCompact(1000), '1k');
  assert.equal(format.formatCompact(12_430), '12.4k');
  assert.equal(format.formatCompact(999_960), '1M');
  assert.equal(format.formatCompact(1_250_000), '1.25M');
  assert.equal(format.formatCompact(3_100_000_000), '3.1B');
});

test('dollars keep the digits that matter', () => {
  assert.equal(format.formatDollars(0), '$0');
  assert.equal(format.formatDollars(0.00042), '$0.00042');
  assert.equal(format.formatDollars(0.0315), '$0.0315');
  assert.equal(format.formatDollars(0.5), '$0.50');
  assert.equal(format.formatDollars(12.4), '$12.40');
  assert.equal(format.formatDollars(1204.4), '$1,204');
  assert.equal(format.formatDollars(1e-9), '<$0.000001');
});

test('a share that is not zero never reads 0%', () => {
  assert.equal(format.formatShare(0, 10), '0%');
  assert.equal(format.formatShare(1, 100_000), '<0.1%');
  assert.equal(format.formatShare(24, 1000), '2.4%');
  assert.equal(format.formatShare(38, 100), '38%');
  assert.equal(format.formatShare(3, 0), '0%');
});

test('rates change to a minute below one a second', () => {
  assert.equal(format.formatRate(0), '0/s');
  assert.equal(format.formatRate(0.1), '6/min');
  assert.equal(format.formatRate(4.2), '4.2/s');
  assert.equal(format.formatRate(1500), '1.5k/s');
});

test('a success rate is never rounded up to 100%', () => {
  assert.equal(format.formatSuccess(1), '100%');
  assert.equal(format.formatSuccess(0.9999), '99.9%');
  assert.equal(format.formatSuccess(0.987), '98.7%');
  assert.equal(format.formatSuccess(0), '0%');
});
