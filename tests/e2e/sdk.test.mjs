// The providers' own SDKs, unmodified, through the gateway; and the same bytes with and without it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { eventually, sleep } from './lib/child.mjs';
import { request } from './lib/http.mjs';
import { Stack, adminKey, clientKey } from './lib/stack.mjs';
import { query, storeTotals } from './lib/witness.mjs';

const user = (content) => [{ role: 'user', content }];
const lookup = { name: 'lookup', description: 'finds', parameters: { type: 'object', properties: { q: { type: 'string' } } } };

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// The totals once every request has ended and been counted.
async function settled(stack, requests) {
  return eventually(async () => {
    const totals = await stack.json('/metrics/running-totals?include_active=false');
    const { total_requests: seen, active_requests: active } = totals.summary;
    if (active !== 0 || seen < requests) throw new Error(`${seen} of ${requests} counted, ${active} in flight`);
    assert.equal(seen, requests);
    return totals;
  }, `${requests} requests counted`);
}

describe('SDKs', () => {
  let stack, openai, anthropic;
  let sent = 0; // requests that the gateway must have counted by now

  before(async () => {
    stack = await Stack.start();
    openai = new OpenAI({ apiKey: clientKey, baseURL: `${stack.url}/v1`, maxRetries: 0 });
    anthropic = new Anthropic({ apiKey: clientKey, baseURL: stack.url, maxRetries: 0 });
  });
  after(() => stack?.stop());

  test('openai: a plain completion', async () => {
    sent += 1;
    const answer = await openai.chat.completions.create({ model: 'gpt-4o', messages: user('sim: tokens=3\nsay three words') });
    assert.equal(answer.choices[0].message.content, 'tok tok tok');
    assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [3, 3]);
  });

  test('openai: a stream looks as the client asked for it, yet its usage is counted', async () => {
    const before = (await settled(stack, sent)).summary;
    sent += 1;
    const chunks = await collect(
      await openai.chat.completions.create({
        model: 'gpt-4o', stream: true, messages: user('sim: tokens=12 chunks=6\none two three four'),
      }),
    );
    assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join(''), Array(12).fill('tok').join(' '));
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1), 'no usage-only chunk that nobody asked for');
    const { summary } = await settled(stack, sent);
    assert.equal(summary.total_input_tokens - before.total_input_tokens, 4);
    assert.equal(summary.total_output_tokens - before.total_output_tokens, 12);
  });

  test('openai: a stream whose client asked for usage gets it', async () => {
    sent += 1;
    const chunks = await collect(
      await openai.chat.completions.create({
        model: 'gpt-4o', stream: true, stream_options: { include_usage: true }, messages: user('sim: tokens=2\nhello there'),
      }),
    );
    assert.deepEqual([chunks.at(-1).usage.prompt_tokens, chunks.at(-1).usage.completion_tokens], [2, 2]);
    assert.equal(chunks.at(-1).choices.length, 0);
  });

  test('openai: tool calls, plain and streamed by the SDK’s own helper', async () => {
    sent += 2;
    const tools = [{ type: 'function', function: lookup }];
    const plain = await openai.chat.completions.create({ model: 'gpt-4o', tools, messages: user('sim: tools=2 tokens=1\nlook it up') });
    assert.equal(plain.choices[0].message.tool_calls.length, 2);
    assert.equal(plain.choices[0].message.tool_calls[0].function.name, 'lookup');
    const streamed = await openai.chat.completions
      .stream({ model: 'gpt-4o', tools, messages: user('sim: tools=1 tokens=1\nlook it up again') })
      .finalChatCompletion();
    assert.deepEqual(JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments), { q: 'x' });
    const totals = await settled(stack, sent);
    assert.equal(totals.providers.openai.models['gpt-4o'].total.tool_calls, 3);
  });

  test('openai: responses, plain and streamed', async () => {
    sent += 2;
    const plain = await openai.responses.create({ model: 'gpt-4o', input: 'sim: tokens=5\nrespond please' });
    assert.equal(plain.output_text, 'tok tok tok tok tok');
    assert.deepEqual([plain.usage.input_tokens, plain.usage.output_tokens], [2, 5]);
    const events = await collect(await openai.responses.create({ model: 'gpt-4o', stream: true, input: 'sim: tokens=4\nrespond' }));
    assert.equal(events.at(-1).type, 'response.completed');
    assert.equal(events.at(-1).response.usage.output_tokens, 4);
  });

  test('openai: embeddings and the list of models', async () => {
    sent += 1;
    const answer = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'five words in one input' });
    assert.ok(answer.data[0].embedding.length > 0);
    assert.equal(answer.usage.prompt_tokens, 5);
    const names = (await collect(await openai.models.list())).map((model) => model.id);
    assert.ok(names.includes('gpt-4o'));
    sent += 1;
  });

  test('anthropic: a plain message with all four kinds of input tokens', async () => {
    sent += 1;
    const answer = await anthropic.messages.create({
      model: 'claude-sonnet-4-5', max_tokens: 6,
      messages: user('sim: cached=3 write5m=2 write1h=1\na b c d e f g h'),
    });
    assert.equal(answer.content[0].text, Array(6).fill('tok').join(' '));
    assert.equal(answer.usage.input_tokens, 2);
    assert.equal(answer.usage.cache_read_input_tokens, 3);
    assert.equal(answer.usage.cache_creation_input_tokens, 3);
    const split = (await settled(stack, sent)).providers.anthropic.models['claude-sonnet-4-5'].total;
    assert.deepEqual(
      [split.input_tokens, split.cache_read_tokens, split.cache_creation_tokens, split.output_tokens], [2, 3, 3, 6],
    );
  });

  test('anthropic: a stream, with tools, by the SDK’s own helper', async () => {
    sent += 1;
    const message = await anthropic.messages
      .stream({
        model: 'claude-haiku-4-5', max_tokens: 9,
        tools: [{ name: 'lookup', description: 'finds', input_schema: lookup.parameters }],
        messages: user('sim: tools=1 chunks=3\nstream this to me'),
      })
      .finalMessage();
    assert.equal(message.content[0].text, Array(9).fill('tok').join(' '));
    assert.deepEqual(message.content[1].input, { q: 'x' });
    assert.equal(message.stop_reason, 'tool_use');
    assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [4, 9]);
  });

  test('anthropic: counting tokens', async () => {
    sent += 1;
    const answer = await anthropic.messages.countTokens({ model: 'claude-haiku-4-5', messages: user('four words of text') });
    assert.equal(answer.input_tokens, 4);
  });

  for (const [status, type] of [
    [400, OpenAI.BadRequestError],
    [401, OpenAI.AuthenticationError],
    [404, OpenAI.NotFoundError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
  ]) {
    test(`openai: the provider’s ${status} reaches the SDK as its ${type.name}`, async () => {
      sent += 1;
      const wanted = openai.chat.completions.create({ model: 'gpt-4o', messages: user(`sim: status=${status}\nfail`) });
      await assert.rejects(wanted, (error) => {
        assert.ok(error instanceof type, `${error}`);
        assert.equal(error.status, status);
        assert.match(error.message, /simulated error/);
        if (status === 429) assert.equal(error.headers.get('retry-after'), '1');
        return true;
      });
    });
  }

  for (const [status, type, kind] of [
    [400, Anthropic.BadRequestError, 'invalid_request_error'],
    [404, Anthropic.NotFoundError, 'not_found_error'],
    [429, Anthropic.RateLimitError, 'rate_limit_error'],
    [500, Anthropic.InternalServerError, 'api_error'],
    [529, Anthropic.InternalServerError, 'overloaded_error'],
  ]) {
    test(`anthropic: the provider’s ${status} reaches the SDK as ${kind}`, async () => {
      sent += 1;
      const wanted = anthropic.messages.create({ model: 'claude-haiku-4-5', max_tokens: 5, messages: user(`sim: status=${status}\nfail`) });
      await assert.rejects(wanted, (error) => {
        assert.ok(error instanceof type, `${error}`);
        assert.equal(error.error.error.type, kind);
        return true;
      });
    });
  }

  test('a key that is not a client’s is refused in each dialect’s own words, and never sent on', async () => {
    const before = (await stack.tally()).total.requests;
    const stranger = new OpenAI({ apiKey: 'sg_not_a_client_0123456789', baseURL: `${stack.url}/v1`, maxRetries: 0 });
    await assert.rejects(stranger.chat.completions.create({ model: 'gpt-4o', messages: user('hi') }), OpenAI.AuthenticationError);
    const other = new Anthropic({ apiKey: 'sg_not_a_client_0123456789', baseURL: stack.url, maxRetries: 0 });
    await assert.rejects(
      other.messages.create({ model: 'claude-haiku-4-5', max_tokens: 5, messages: user('hi') }),
      (error) => error instanceof Anthropic.AuthenticationError && error.error.error.type === 'authentication_error',
    );
    assert.equal((await stack.tally()).total.requests, before);
  });

  test('a client that leaves in mid-stream is counted as gone, and its request ends', async () => {
    sent += 1;
    const stream = await openai.chat.completions.create({
      model: 'gpt-4o-mini', stream: true, messages: user('sim: tokens=200 chunks=200 gap_ms=50\nlong story'), // so that it leaves before the end
    });
    let seen = 0;
    for await (const _ of stream) if (++seen === 4) break; // the SDK aborts the request
    await settled(stack, sent);
    await eventually(async () => {
      const rows = await query(stack.data, `SELECT outcome, usage_state FROM rows WHERE terminal AND outcome = 'client_gone'`);
      assert.equal(rows.length, 1);
      assert.notEqual(rows[0].usage_state, 'none'); // never a silent zero
      return true;
    }, 'the row of the client that left');
  });

  test('a provider that breaks off in mid-stream is an error at the SDK too', async () => {
    sent += 1;
    const broken = (async () => {
      const stream = await openai.chat.completions.create({
        model: 'gpt-4o-mini', stream: true, messages: user('sim: tokens=50 chunks=50 gap_ms=5 reset_after=5\nbreak'),
      });
      return collect(stream);
    })();
    await assert.rejects(broken);
    await settled(stack, sent);
    const { errors } = await stack.json('/metrics/logs');
    assert.equal(errors[0].error_type, 'provider_stream_broken');
  });

  test('what the SDKs did agrees in the provider’s tally, the live totals and the store', async () => {
    const { summary: totals, sightglass } = await settled(stack, sent);
    const { total: tally } = await stack.tally();
    const input = totals.total_input_tokens + totals.total_cache_read_tokens + totals.total_cache_creation_tokens;
    const store = await eventually(async () => {
      const now = await storeTotals(stack.data);
      assert.equal(now.requests, sent);
      return now;
    }, 'every row in a Parquet file');
    assert.equal(store.input_tokens, input);
    assert.equal(store.output_tokens, totals.total_output_tokens);
    assert.equal(store.errors, totals.total_errors);
    // The stream that broke off told no usage, and the one whose client left was read to its end.
    assert.deepEqual([tally.requests, tally.cut], [sent - 1, 1]); // the list of models is not in the tally
    assert.deepEqual(
      [store.input_tokens, store.output_tokens, store.cost_nanousd],
      [tally.input_tokens, tally.output_tokens, tally.cost_nanousd],
    );
    assert.equal(Math.round(sightglass.cost_usd * 1e9), tally.cost_nanousd);
  });

  test('nothing of a prompt, an answer or a key is in any file of the data folder or the log', async () => {
    const { execFileSync } = await import('node:child_process');
    for (const canary of ['long story', 'look it up', clientKey, 'sk-e2e-openai', adminKey, 'simulated error']) {
      const found = (() => {
        try {
          return execFileSync('grep', ['-rlaF', '--', canary, stack.data, stack.file('llm.log')], { encoding: 'utf8' });
        } catch {
          return ''; // grep found nothing
        }
      })();
      assert.equal(found, '', `"${canary}"`);
    }
    // What may be there is there, so that the search is known to see.
    const marker = execFileSync('grep', ['-rlaF', '--', 'gpt-4o-mini', stack.file('llm.log')], { encoding: 'utf8' });
    assert.notEqual(marker, '');
  });
});

describe('without clients', () => {
  let stack;
  before(async () => (stack = await Stack.start({ clients: false })));
  after(() => stack?.stop());

  test('callers’ own provider keys pass through, on loopback, and the provider judges them', async () => {
    const own = (apiKey) => [
      new OpenAI({ apiKey: `sk-${apiKey}`, baseURL: `${stack.url}/v1`, maxRetries: 0 }).chat.completions.create({
        model: 'gpt-4o', messages: user('hi'),
      }),
      new Anthropic({ apiKey: `sk-ant-${apiKey}`, baseURL: stack.url, maxRetries: 0 }).messages.create({
        model: 'claude-haiku-4-5', max_tokens: 3, messages: user('hi'),
      }),
    ];
    const [openai, anthropic] = await Promise.all(own('own-key-0123456789'));
    assert.deepEqual([openai.usage.prompt_tokens, anthropic.usage.input_tokens], [1, 1]);
    const [refused, denied] = (await Promise.allSettled(own('own-key-0123456789-bad'))).map((each) => each.reason);
    assert.ok(refused instanceof OpenAI.AuthenticationError && /Incorrect API key/.test(refused.message), `${refused}`);
    assert.ok(denied instanceof Anthropic.AuthenticationError, `${denied}`);
    assert.equal((await stack.tally()).total.requests, 4);
  });
});

describe('bytes', () => {
  let stack;
  before(async () => (stack = await Stack.start({ faults: 'standard' })));
  after(() => stack?.stop());

  // The same request to the provider itself and through the gateway.
  async function both(pathname, body, headers = {}) {
    const text = JSON.stringify(body);
    const common = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers };
    const key = pathname.startsWith('/v1/messages') ? { 'x-api-key': clientKey } : { authorization: `Bearer ${clientKey}` };
    const [direct, through] = await Promise.all(
      [stack.providerUrl, stack.url].map((base) =>
        request(base + pathname, { method: 'POST', headers: { ...common, ...key }, body: text }),
      ),
    );
    return { direct, through };
  }

  function assertSame({ direct, through }, what) {
    assert.equal(through.status, direct.status, what);
    assert.equal(through.broken, direct.broken, what);
    assert.ok(through.body.equals(direct.body), `${what}: ${through.body.length} bytes, not ${direct.body.length}`);
    for (const name of ['content-type', 'content-encoding', 'retry-after', 'openai-processing-ms', 'x-ratelimit-remaining-requests']) {
      assert.equal(through.headers[name], direct.headers[name], `${what}: ${name}`);
    }
  }

  test('300 requests under the fault plan come through byte for byte: LF and CRLF, gzip, 429s, nulls', async () => {
    const kinds = [
      (n) => ['/v1/chat/completions', { model: 'gpt-4o', messages: user(`plain ${n}`) }],
      (n) => ['/v1/chat/completions', { model: 'gpt-4o-mini', stream: true, stream_options: { include_usage: true }, messages: user(`usage ${n}`) }],
      (n) => ['/v1/chat/completions', { model: 'gpt-4o-mini', stream: true, stream_options: { include_usage: false }, messages: user(`no usage ${n}`) }],
      (n) => ['/v1/responses', { model: 'gpt-4o', stream: true, input: `respond ${n}` }],
      (n) => ['/v1/messages', { model: 'claude-haiku-4-5', max_tokens: 30, stream: true, messages: user(`anthropic ${n}`) }],
      (n) => ['/v1/embeddings', { model: 'text-embedding-3-small', input: `embed ${n}` }],
    ];
    const seen = { statuses: new Set(), encodings: new Set(), crlf: 0 };
    for (let n = 0; n < 300; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const [pathname, body] = kinds[(n + i) % kinds.length](n + i);
          const headers = (n + i) % 2 === 0 ? { 'accept-encoding': 'gzip' } : {};
          const pair = await both(pathname, body, headers);
          // A reset cuts both at the same event, but not at the same byte of the socket.
          if (pair.direct.broken) return assert.ok(pair.through.broken || pair.through.status >= 500);
          assertSame(pair, `${pathname} ${n + i}`);
          seen.statuses.add(pair.direct.status);
          seen.encodings.add(pair.direct.headers['content-encoding']);
          if (pair.direct.text.includes('\r\n')) seen.crlf += 1;
        }),
      );
    }
    assert.ok(seen.statuses.has(200) && seen.statuses.has(429), [...seen.statuses].join());
    assert.ok(seen.encodings.has('gzip') && seen.encodings.has(undefined));
    assert.ok(seen.crlf > 0);
  });

  test('where the client left usage open, only the chunk that the gateway asked for is missing', async () => {
    const body = { model: 'gpt-4o', stream: true, messages: user('sim: nulls=0 crlf=0 tokens=7\nopen question') };
    const asked = await both('/v1/chat/completions', { ...body, stream_options: { include_usage: true } });
    const left = await both('/v1/chat/completions', body);
    // Ids are made from the request's bytes, which differ by what was asked for.
    const plain = (text) => text.replace(/chatcmpl-[0-9a-f]+/g, 'chatcmpl-');
    assert.equal(plain(left.through.text), plain(left.direct.text));
    assert.ok(!left.through.text.includes('prompt_tokens'));
    assert.ok(asked.through.text.includes('prompt_tokens'));
  });
});
