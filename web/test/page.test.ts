import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageOf } from '../src/lib/age.ts';
import { columns, columnsFor, defaultColumns, loadColumns } from '../src/lib/columns.ts';
import { latencies, rateOver, rates, remember, type Sample } from '../src/lib/history.ts';
import { hueOf, shapeOf } from '../src/lib/provider.ts';
import { formatRoute, parseRoute } from '../src/lib/route.ts';
import { clampTick, loadTick, tickStorageKey } from '../src/lib/ticker.ts';
import { totalsRows, type Split } from '../src/lib/totals.ts';
import { row } from './row.ts';

// S2-B56
test('each of the 18 fields of a row, and its gateway, is a column', () => {
  assert.deepEqual(columns.map((each) => each.key).sort(), Object.keys(row('a')).sort());
});

test('where there is one gateway, no column names it', () => {
  const names = (gateways: number) => columnsFor(gateways).map((each) => each.key);
  assert.deepEqual([0, 1, 2].map((count) => names(count).includes('gateway')), [false, false, true]);
  assert.equal(names(1).length, 18);
});

test('a stored choice of columns survives names that are no more', () => {
  assert.deepEqual(loadColumns({ getItem: () => '["gone","provider"]' }), ['provider']);
  assert.deepEqual(loadColumns({ getItem: () => '["gone"]' }), defaultColumns());
  assert.deepEqual(loadColumns({ getItem: () => '{' }), defaultColumns());
  assert.deepEqual(loadColumns({ getItem: () => null }), defaultColumns());
});

test('the tick is 2 s unless stored, and never under 250 ms', () => {
  assert.equal(tickStorageKey, 'vdm.metrics.activeRequests.durationTickMs');
  assert.equal(loadTick({ getItem: () => null }), 2000);
  assert.equal(loadTick({ getItem: () => '500' }), 500);
  assert.equal(loadTick({ getItem: () => '10' }), 250);
  assert.equal(clampTick('soon'), 2000);
});

// S2-D05
test('a view is an address that reopens the same', () => {
  const view = { provider: 'open*', model: 'gpt-4o & co', kind: 'plain' as const };
  assert.deepEqual(parseRoute(formatRoute('live', view)), { place: 'live', view });
  assert.equal(formatRoute('connect'), '#/connect');
  assert.equal(parseRoute('').place, 'live');
  assert.equal(parseRoute('#/nowhere').place, 'live');
  assert.equal(parseRoute('#/live?kind=odd').view.kind, '');
});

// S2-D03
test('a provider has one colour, whatever its case, and the two usual ones differ', () => {
  assert.equal(hueOf('OpenRouter'), hueOf('openrouter'));
  assert.equal(shapeOf('OpenRouter'), shapeOf('openrouter'));
  assert.notEqual(hueOf('openai'), hueOf('anthropic'));
  for (const name of ['', 'a', 'mistral', 'ünicode']) assert.ok(hueOf(name) >= 2 && hueOf(name) < 8);
});

test('age has four steps', () => {
  assert.deepEqual([0, 10_000, 60_000, 300_000].map(ageOf), ['fresh', 'recent', 'aging', 'old']);
});

const sample = (atMs: number, requests: number): Sample => ({ atMs, requests, errors: 0, tokens: 0, costUsd: 0, durationMs: 5 * requests, inFlight: 0 });

test('rates come from neighbouring samples and counters that fell begin anew', () => {
  let samples = remember(remember(remember([], sample(0, 10)), sample(1000, 14)), sample(3000, 16));
  assert.deepEqual(rates(samples, 'requests'), [4, 1]);
  assert.equal(rateOver(samples, 'requests', 60_000), 2);
  assert.equal(rateOver(samples, 'requests', 2500), 1);
  assert.deepEqual(latencies(samples), [5, 5]);
  samples = remember(samples, sample(4000, 1));
  assert.equal(samples.length, 1);
  assert.equal(rateOver(samples, 'requests', 60_000), null);
});

test('where nothing completed the latency before stands', () => {
  assert.deepEqual(latencies([sample(0, 1), sample(1, 1), sample(2, 3), sample(3, 3)]), [5, 5]);
});

test('totals stand provider by provider, the busiest first, each with its models', () => {
  const split = (requests: number): Split => ({
    requests, errors: 0, input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0,
    tool_uses: 0, tool_results: 0, tool_calls: 0, average_duration_ms: 0, total_duration_ms: 0,
  });
  const rows = totalsRows({
    providers: {
      anthropic: { rollup: { total: split(2) } },
      openai: {
        rollup: { total: split(9), streaming: split(4), non_streaming: split(5) },
        models: { 'gpt-4o': { total: split(3) }, 'gpt-4o-mini': { total: split(6) } },
      },
    },
  });
  assert.deepEqual(
    rows.map((each) => [each.provider, each.model, each.streaming?.requests ?? null]),
    [['openai', null, 4], ['openai', 'gpt-4o-mini', null], ['openai', 'gpt-4o', null], ['anthropic', null, null]],
  );
  assert.deepEqual(totalsRows({ _metrics_enabled: false }), []);
});
