import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesView, matchesWildcard, reduceSnapshot, sortRows, troubleElsewhere, type Gateway } from '../src/lib/rows.ts';
import { row } from './row.ts';

// S2-B49
test('a frame replaces the rows, without doubles, newest first', () => {
  const first = reduceSnapshot([], { active_requests: [row('a', { start_time: 1 }), row('b', { start_time: 2 })] }, 10);
  assert.deepEqual(first.map((each) => each.request_id), ['b', 'a']);
  const twice = [row('b', { start_time: 2, output_tokens: 7 }), row('b', { start_time: 2, output_tokens: 9 })];
  const second = reduceSnapshot(first, { active_requests: twice }, 20);
  assert.deepEqual(second.map((each) => [each.request_id, each.output_tokens]), [['b', 7]]);
});

test('a row keeps every field with the value the server wrote', () => {
  const sent = row('a', { request_size: 123_456, start_time: 1795217100.11, tool_results: 3 });
  const { began_ms, ...kept } = reduceSnapshot([], { active_requests: [sent] }, 50)[0]!;
  assert.deepEqual(kept, sent);
  assert.equal(Object.keys(kept).length, 19);
  assert.equal(began_ms, 50);
});

// S2-B55: nothing here reads the wall clock.
test('a frame that was delayed does not set a duration back', () => {
  const first = reduceSnapshot([], { active_requests: [row('a', { duration_ms: 1000 })] }, 5000);
  assert.equal(first[0]!.began_ms, 4000);
  const late = reduceSnapshot(first, { active_requests: [row('a', { duration_ms: 3000 })] }, 7900);
  assert.equal(late[0]!.began_ms, 4000);
  const prompt = reduceSnapshot(late, { active_requests: [row('a', { duration_ms: 5100 })] }, 9000);
  assert.equal(prompt[0]!.began_ms, 3900);
});

test('wildcards match the whole string, whatever its case', () => {
  assert.ok(matchesWildcard('OpenAI', 'open*'));
  assert.ok(matchesWildcard('gpt-4o', 'GPT-?o'));
  assert.ok(!matchesWildcard('gpt-4o-mini', 'gpt-4o'));
  assert.ok(!matchesWildcard('gptx4o', 'gpt.4o'));
  assert.ok(matchesWildcard('anything', ''));
});

test('a view filters by provider, model and kind', () => {
  const view = { provider: 'open*', model: 'fast', kind: 'streaming' as const };
  assert.ok(matchesView(row('a', { model: 'fast' }), view));
  assert.ok(matchesView(row('a', { model: 'x', resolved_model: 'fast' }), view));
  assert.ok(!matchesView(row('a', { model: 'fast', is_streaming: false }), view));
  assert.ok(!matchesView(row('a', { model: 'fast', provider: 'anthropic' }), view));
});

test('sorting by duration goes by the moment a request began', () => {
  const rows = reduceSnapshot([], { active_requests: [row('young', { duration_ms: 10 }), row('old', { duration_ms: 900 })] }, 1000);
  const longest = sortRows(rows, { by: 'duration_ms', descending: true });
  assert.deepEqual(longest.map((each) => each.request_id), ['old', 'young']);
});

test('two gateways may each have a request of one id', () => {
  const both = [row('a', { gateway: 'one', duration_ms: 100 }), row('a', { gateway: 'two', duration_ms: 300 })];
  const rows = reduceSnapshot([], { active_requests: both }, 1000);
  assert.deepEqual(rows.map((each) => [each.gateway, each.began_ms]), [['one', 900], ['two', 700]]);
  const ordered = sortRows(rows, { by: 'gateway', descending: true });
  assert.deepEqual(ordered.map((each) => each.gateway), ['two', 'one']);
});

test('a gateway that is not heard is named, and only then', () => {
  const gateway = (name: string, change: Partial<Gateway> = {}): Gateway => ({ gateway: name, state: 'ok', requests: 1, left_out: 0, ...change });
  assert.equal(troubleElsewhere([gateway('a', { state: 'here' }), gateway('b')], ''), '');
  assert.match(troubleElsewhere([gateway('b', { state: 'stale', heard_ms_ago: 6400 })], ''), /Not heard for a while: b \(6 s\)\./);
  const many = ['b', 'c', 'd', 'e', 'f'].map((name) => gateway(name, { state: 'stale', heard_ms_ago: 7000 }));
  assert.match(troubleElsewhere(many, ''), /b \(7 s\), c \(7 s\), d \(7 s\) and 2 more/);
  assert.equal(troubleElsewhere(many, 'Redis does not answer'), 'Redis does not answer');
});
