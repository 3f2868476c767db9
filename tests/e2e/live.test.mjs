// The live shapes over HTTP, read by independent parsers. Ids: the Live seed's rows.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parse as parseYaml, parseDocument } from 'yaml';
import { eventually } from './lib/child.mjs';
import { EventStream, request } from './lib/http.mjs';
import { Stack, clientKey } from './lib/stack.mjs';

const rowFields = [
  'request_id', 'provider', 'model', 'requested_model', 'resolved_model', 'qualified_model', 'is_streaming',
  'start_time', 'duration_ms', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens',
  'tool_uses', 'tool_results', 'tool_calls', 'request_size', 'message_count',
];
const splitFields = [
  'requests', 'errors', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens',
  'tool_uses', 'tool_results', 'tool_calls', 'average_duration_ms', 'total_duration_ms',
];

async function chat(stack, body) {
  const text = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'sim: tokens=3\none two' }], ...body });
  const headers = { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' };
  const answer = await request(`${stack.url}/v1/chat/completions`, { method: 'POST', headers, body: text });
  return answer.status;
}

async function idle(stack) {
  await eventually(async () => {
    const { active_requests: rows } = await stack.json('/metrics/active-requests');
    if (rows.length > 0) throw new Error(`${rows.length} in flight`);
    return true;
  }, 'nothing in flight');
}

describe('requests in flight', () => {
  let stack;
  before(async () => {
    stack = await Stack.start({ env: { VDM_ACTIVE_REQUESTS_SSE_INTERVAL: '0.2', VDM_ACTIVE_REQUESTS_SSE_HEARTBEAT: '0.3' } });
  });
  after(() => stack?.stop());

  test('a request that is held open is a row with the 18 fields in order', async () => {
    const held = stack.hold({ headers: { 'x-request-id': '0b5cf1a2-7f6e-4a53-9df0-3a5b6f0e9d11' } });
    const answer = await eventually(async () => {
      const now = await stack.json('/metrics/active-requests');
      return now.active_requests.length === 1 ? now : undefined;
    }, 'the held request');
    assert.deepEqual(Object.keys(answer), ['disabled', 'active_requests']);
    assert.equal(answer.disabled, false);
    const [row] = answer.active_requests;
    assert.deepEqual(Object.keys(row), rowFields);
    assert.equal(row.request_id, '0b5cf1a2-7f6e-4a53-9df0-3a5b6f0e9d11');
    assert.deepEqual(
      [row.provider, row.model, row.requested_model, row.resolved_model, row.qualified_model],
      ['held', 'gpt-4o-mini', 'held:gpt-4o-mini', 'gpt-4o-mini', 'held:gpt-4o-mini'],
    );
    assert.equal(row.is_streaming, true);
    assert.equal(row.message_count, 1);
    assert.ok(row.request_size > 80);
    assert.ok(Number.isInteger(row.duration_ms) && row.duration_ms >= 0);
    // Unix seconds with a fraction, by the same clock as ours.
    assert.ok(Math.abs(Date.now() / 1000 - row.start_time - row.duration_ms / 1000) < 60);
    held.abort();
    await idle(stack);
  });

  test('a client that leaves takes its row along, within the drain', async () => {
    const held = stack.hold();
    await eventually(async () => (await stack.json('/metrics/active-requests')).active_requests.length === 1 || undefined, 'the row');
    held.abort();
    await idle(stack);
  });

  // S2-A01, S2-F34: the first frame comes at once, whether or not anything happens.
  test('the stream’s first frame is the state on connecting', async () => {
    const stream = await EventStream.open(`${stack.url}/metrics/active-requests/stream`);
    assert.equal(stream.status, 200);
    assert.match(stream.headers['content-type'], /^text\/event-stream/);
    assert.equal(stream.headers['cache-control'], 'no-cache');
    assert.equal(stream.headers['access-control-allow-origin'], undefined);
    const first = await stream.next();
    assert.equal(first.event, 'update');
    assert.deepEqual(Object.keys(first.data), ['disabled', 'active_requests', 'timestamp']);
    assert.deepEqual(first.data.active_requests, []);
    stream.close();
  });

  // S2-B35, S2-B36, S2-B37
  test('a start, each interval while it runs, and an end each bring a full snapshot', async () => {
    const stream = await EventStream.open(`${stack.url}/metrics/active-requests/stream`);
    await stream.next();
    const held = stack.hold();
    const started = await stream.find((frame) => frame.data?.active_requests.length === 1);
    assert.deepEqual(Object.keys(started.data.active_requests[0]), rowFields);
    // Of a stalled server two frames may be of one millisecond.
    const [{ duration_ms: begun }] = started.data.active_requests;
    const later = await stream.find((frame) => frame.data?.active_requests[0]?.duration_ms > begun);
    assert.ok(later.data.timestamp > started.data.timestamp);
    held.end();
    await stream.find((frame) => frame.data?.active_requests.length === 0);
    assert.equal((await held.answer).status, 200);
    stream.close();
  });

  // S2-B38, S2-F36
  test('an idle stream carries heartbeats as comments and no further update', async () => {
    await idle(stack);
    const stream = await EventStream.open(`${stack.url}/metrics/active-requests/stream`);
    const frames = [await stream.next()];
    for (let beats = 0; beats < 3; ) {
      const frame = await stream.next();
      frames.push(frame);
      if (frame.comment === 'heartbeat') beats += 1;
    }
    assert.equal(frames.filter((frame) => frame.event === 'update').length, 1);
    assert.ok(frames.every((frame) => frame.other === undefined), 'no id: and no retry: lines');
    stream.close();
  });

  test('rows come newest first', async () => {
    const all = [];
    for (let i = 0; i < 3; i++) {
      all.push(stack.hold());
      await eventually(async () => (await stack.json('/metrics/active-requests')).active_requests.length > i || undefined, 'the row');
    }
    const starts = (await stack.json('/metrics/active-requests')).active_requests.map((row) => row.start_time);
    assert.deepEqual(starts, [...starts].sort((a, b) => b - a));
    assert.equal(starts.length, 3);
    for (const held of all) held.abort();
    await idle(stack);
  });
});

describe('running totals', () => {
  let stack;
  before(async () => {
    stack = await Stack.start();
    // 3 streaming and 2 plain calls of one model, an error, and another provider.
    for (let i = 0; i < 3; i++) assert.equal(await chat(stack, { stream: true }), 200);
    for (let i = 0; i < 2; i++) assert.equal(await chat(stack, {}), 200);
    assert.equal(await chat(stack, { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'sim: status=500\nx' }] }), 500);
    const headers = { 'x-api-key': clientKey, 'content-type': 'application/json' };
    const body = JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 4, messages: [{ role: 'user', content: 'sim: cached=1\na b c' }] });
    assert.equal((await request(`${stack.url}/v1/messages`, { method: 'POST', headers, body })).status, 200);
    await eventually(async () => (await stack.json('/metrics/running-totals')).summary.total_requests === 7 || undefined, 'seven counted');
  });
  after(() => stack?.stop());

  const yamlOf = async (query = '') => {
    const answer = await request(`${stack.url}/metrics/running-totals${query}`);
    assert.equal(answer.status, 200);
    return { text: answer.text, headers: answer.headers, value: parseYaml(answer.text) };
  };

  // S2-B23
  test('the report is YAML to a stock reader, with the printed keys in order', async () => {
    const { text, headers, value } = await yamlOf();
    assert.equal(headers['content-type'], 'text/yaml; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.match(headers['content-disposition'], /^inline; filename="?running-totals-\d{8}-\d{6}\.yaml"?$/);
    assert.deepEqual(parseDocument(text).errors, []);
    assert.ok(text.startsWith('# Running Totals Report\n'));
    assert.deepEqual(Object.keys(value), ['summary', 'providers']);
    assert.deepEqual(Object.keys(value.summary), [
      'last_accessed', 'total_requests', 'total_errors', 'total_input_tokens', 'total_output_tokens',
      'total_cache_read_tokens', 'total_cache_creation_tokens', 'total_tool_uses', 'total_tool_results',
      'total_tool_calls', 'active_requests', 'average_duration_ms', 'total_duration_ms',
    ]);
    assert.deepEqual(Object.keys(value.providers), ['anthropic', 'openai']);
    const { openai } = value.providers;
    assert.deepEqual(Object.keys(openai), ['last_accessed', 'rollup', 'models']);
    assert.deepEqual(Object.keys(openai.models), ['gpt-4o', 'gpt-4o-mini']);
    for (const split of [openai.rollup.total, openai.models['gpt-4o'].streaming]) assert.deepEqual(Object.keys(split), splitFields);
  });

  // S2-B08, S2-B20, S2-B21, S2-F15…F28
  test('each level is the sum of the one below, and the halves make the whole', async () => {
    const { summary, providers } = (await yamlOf()).value;
    const model = providers.openai.models['gpt-4o'];
    assert.deepEqual([model.streaming.requests, model.non_streaming.requests], [3, 2]);
    assert.deepEqual([model.total.input_tokens, model.total.output_tokens], [10, 15]);
    assert.equal(providers.openai.models['gpt-4o-mini'].total.errors, 1);
    assert.equal(providers.anthropic.models['claude-haiku-4-5'].total.cache_read_tokens, 1);
    assert.equal(providers.anthropic.models['claude-haiku-4-5'].streaming, undefined);
    const counts = splitFields.slice(0, 9);
    const none = Object.fromEntries(counts.map((name) => [name, 0]));
    for (const { rollup, models } of Object.values(providers)) {
      for (const name of counts) {
        const below = Object.values(models).reduce((sum, each) => sum + each.total[name], 0);
        assert.equal(rollup.total[name], below, name);
        for (const { total, streaming = none, non_streaming: plain = none } of [rollup, ...Object.values(models)]) {
          assert.equal(total[name], streaming[name] + plain[name], name);
        }
      }
    }
    for (const name of counts) {
      assert.equal(summary[`total_${name}`], Object.values(providers).reduce((sum, each) => sum + each.rollup.total[name], 0), name);
    }
  });

  // S2-B16, S2-B22
  test('filters are wildcards on the whole name, whatever its case, and the summary follows them', async () => {
    const { text, value } = await yamlOf('?provider=OPEN*&model=gpt*');
    assert.match(text, /^# Filter: provider=OPEN\* & model=gpt\*$/m);
    assert.deepEqual(Object.keys(value.providers), ['openai']);
    assert.equal(value.summary.total_requests, 6);
    assert.equal((await yamlOf('?model=gpt-4%3F')).value.summary.total_requests, 5);
    assert.equal((await yamlOf('?model=gpt-4[no]')).value.summary.total_requests, 5);
    const nearMiss = (await yamlOf('?provider=openai&model=gpt')).value;
    assert.deepEqual(Object.keys(nearMiss.providers.openai?.models ?? {}), []);
    assert.equal(nearMiss.summary.total_requests, 0);
    assert.deepEqual((await yamlOf('?provider=nobody')).value.providers, {});
  });

  test('the JSON form has the YAML’s keys and values', async () => {
    const { sightglass, ...json } = await stack.json('/metrics/running-totals');
    assert.deepEqual(json, (await yamlOf()).value);
    // Prices from the providers’ public lists: gpt-4o 2.5/10, haiku 1/0.1/5 dollars a million.
    const expected = (10 * 2.5 + 15 * 10 + 2 * 1 + 1 * 0.1 + 4 * 5) / 1e6;
    assert.ok(Math.abs(sightglass.cost_usd - expected) < 1e-9, `${sightglass.cost_usd}, not ${expected}`);
  });

  // S2-B19
  test('a request in flight counts once with include_active, never in averages, not at all without', async () => {
    const held = stack.hold();
    const active = await eventually(async () => {
      const { value } = await yamlOf();
      return value.summary.active_requests === 1 ? value : undefined;
    }, 'the held request');
    assert.equal(active.summary.total_requests, 8);
    assert.equal(active.providers.held.rollup.streaming.requests, 1);
    const without = (await yamlOf('?include_active=false')).value;
    assert.equal(without.summary.total_requests, 7);
    assert.deepEqual(Object.keys(without.providers), ['anthropic', 'openai']);
    assert.equal(active.summary.average_duration_ms, without.summary.average_duration_ms);
    held.abort();
    await idle(stack);
  });

  test('recent errors and traces have the printed shape, newest first', async () => {
    const logs = await stack.json('/metrics/logs');
    assert.deepEqual(Object.keys(logs), ['systemd', 'errors', 'traces']);
    assert.deepEqual(Object.keys(logs.systemd), ['requested', 'effective', 'handler']);
    assert.deepEqual(Object.keys(logs.traces[0]), [
      'seq', 'ts', 'request_id', 'provider', 'model', 'is_streaming', 'duration_ms', 'input_tokens', 'output_tokens',
      'cache_read_tokens', 'cache_creation_tokens', 'tool_use_count', 'tool_call_count', 'tool_result_count', 'status',
      'error', 'error_type',
    ]);
    const order = logs.traces.map((trace) => trace.seq);
    assert.deepEqual(order, [...order].sort((a, b) => b - a));
    const failed = logs.traces.filter((trace) => trace.status === 'error');
    assert.ok(failed.some((trace) => trace.error_type === 'provider_server_error'), JSON.stringify(failed));
    assert.ok(!JSON.stringify(logs).includes('simulated error'), 'a provider’s words are not repeated');
    assert.equal((await stack.json('/metrics/logs?limit_traces=2')).traces.length, 2);
    for (const query of ['limit_errors=0', 'limit_errors=1001', 'limit_traces=2001', 'limit_traces=x']) {
      const { status } = await request(`${stack.url}/metrics/logs?${query}`);
      assert.equal(status, 422, query);
    }
  });
});

describe('switched off', () => {
  // S2-F35
  test('with LOG_REQUEST_METRICS=false each shape says so, and the stream once', async () => {
    const stack = await Stack.start({ env: { LOG_REQUEST_METRICS: 'false' } });
    try {
      const stream = await EventStream.open(`${stack.url}/metrics/active-requests/stream`);
      const frame = await stream.next();
      assert.equal(frame.event, 'disabled');
      assert.equal(frame.data.disabled, true);
      assert.equal(frame.data.message, 'Request metrics logging is disabled');
      assert.match(frame.data.suggestion, /LOG_REQUEST_METRICS=true/);
      assert.deepEqual(await stream.next(), { end: true, clean: true });

      const rows = await stack.json('/metrics/active-requests');
      assert.deepEqual([rows.disabled, rows.active_requests], [true, []]);
      const totals = await request(`${stack.url}/metrics/running-totals`);
      assert.equal(totals.status, 200);
      assert.deepEqual(parseYaml(totals.text), { _metrics_enabled: false });
      assert.equal((await stack.json('/metrics/running-totals'))._metrics_enabled, false);
    } finally {
      await stack.stop();
    }
  });

  test('with VDM_ACTIVE_REQUESTS_SSE_ENABLED=false only the stream is off', async () => {
    const stack = await Stack.start({ env: { VDM_ACTIVE_REQUESTS_SSE_ENABLED: 'false' } });
    try {
      const stream = await EventStream.open(`${stack.url}/metrics/active-requests/stream`);
      const frame = await stream.next();
      assert.equal(frame.event, 'disabled');
      assert.equal(frame.data.message, 'SSE for active requests is disabled');
      assert.equal(frame.data.suggestion, 'Unset VDM_ACTIVE_REQUESTS_SSE_ENABLED (or set to true)');
      assert.deepEqual(await stream.next(), { end: true, clean: true });
      assert.equal((await stack.json('/metrics/active-requests')).disabled, false);
    } finally {
      await stack.stop();
    }
  });
});
