// The page in a real browser against the real server. Ids: the Live seed's rows about its client.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, sleep } from './lib/child.mjs';
import { request } from './lib/http.mjs';
import { Watched, launch } from './lib/page.mjs';
import { Stack, adminKey, clientKey } from './lib/stack.mjs';

// At least these; the server may forbid more.
const policy = [
  "default-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", "frame-ancestors 'none'",
  "base-uri 'none'", "form-action 'self'",
];
const tickKey = 'vdm.metrics.activeRequests.durationTickMs';

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

async function withPage(stack, options, body) {
  const watched = await Watched.open(browser, stack, options);
  try {
    await body(watched, watched.page);
  } finally {
    await watched.close();
  }
}

const secondsShown = (text) => {
  const [, minutes = '0', seconds] = /^(?:(\d+)m )?(\d+)s$/.exec(text.trim()) ?? [];
  return Number(minutes) * 60 + Number(seconds);
};
const soon = (probe, what) => eventually(async () => (await probe()) || undefined, what);

describe('the page', () => {
  let stack;
  // Frames only on changes: what moves in between, the page moves by itself.
  before(async () => (stack = await Stack.start({ env: { VDM_ACTIVE_REQUESTS_SSE_INTERVAL: '3600' } })));
  after(() => stack?.stop());

  test('logs in with the admin key, says what to do when it is wrong, and logs out', async () => {
    await withPage(stack, { place: '/#/login' }, async ({ context }, page) => {
      assert.equal(await page.inputValue('[name=admin_id]'), 'admin');
      await page.fill('[name=password]', 'not the key');
      await page.click('[type=submit]');
      assert.match(await page.textContent('[role=alert]'), /admin-key/);
      await page.fill('[name=password]', adminKey);
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-tile=requests]');
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
      assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).includes(cookie.value));
      await page.click('text=Log out');
      await page.waitForSelector('[name=password]');
      assert.deepEqual(await context.cookies(), []);
    });
  });

  // S2-A01: EventSource cannot set headers, so the login's cookie lets it in.
  test('behind a proxy nothing shows without a login, and everything with one', async () => {
    await withPage(stack, { headers: { 'x-forwarded-for': '203.0.113.9' } }, async (watched, page) => {
      await page.waitForSelector('[name=password]');
      await page.fill('[name=password]', adminKey);
      await page.click('[type=submit]');
      await watched.connection('open');
      await page.waitForFunction(() => document.querySelector('[data-tile=requests] dd').textContent !== '–');
    });
  });

  // S2-B43, S2-B45, S2-B49, S2-D03, S2-D04, S2-B56
  test('a request in flight is a row with its provider, short id, and all 18 fields as columns', async () => {
    await withPage(stack, {}, async (watched, page) => {
      await watched.connection('open');
      const held = stack.hold({ headers: { 'x-request-id': '5f0c9d3e-1b7a-4c55-8f2d-6e4b1a2c3d4e' } });
      const row = page.locator('[data-request-id="5f0c9d3e-1b7a-4c55-8f2d-6e4b1a2c3d4e"]');
      await row.waitFor();
      assert.equal((await row.locator('[data-field=request_id]').textContent()).trim(), '5f0c9d3e');
      assert.match(await row.locator('[data-field=request_id] button').getAttribute('title'), /5f0c9d3e-1b7a-4c55-8f2d-6e4b1a2c3d4e/);
      assert.equal((await row.locator('[data-field=provider]').textContent()).trim(), 'held');
      await page.click('text=Columns');
      for (const box of await page.locator('#display-menu [type=checkbox]').all()) await box.check();
      await row.locator('[data-field=start_time]').waitFor();
      const cells = await row.locator('td').evaluateAll((all) => all.map((cell) => [cell.dataset.field, cell.title]));
      assert.equal(cells.length, 18);
      const [served] = (await stack.json('/metrics/active-requests')).active_requests;
      assert.deepEqual(cells.map(([field]) => field).sort(), Object.keys(served).sort());
      // Values unchanged, but for those that move while the request runs.
      const moving = ['duration_ms', 'output_tokens', 'input_tokens', 'request_id'];
      for (const [field, value] of cells) if (!moving.includes(field)) assert.equal(value, String(served[field]), field);
      held.abort();
      await row.waitFor({ state: 'detached' });
      await page.reload();
      assert.equal((await watched.page.evaluate(() => JSON.parse(localStorage.getItem('sightglass.live.columns')))).length, 19); // and the gateway, for where there are several
    });
  });

  // S2-D01, S2-B53, S2-B55
  test('durations tick without frames, agree with the server, and ignore the wall clock', async () => {
    await withPage(stack, { storage: { [tickKey]: '250' } }, async (watched, page) => {
      await watched.connection('open');
      const held = stack.hold();
      const text = page.locator('[data-field=duration_ms] .text');
      await text.waitFor();
      const shown = async () => secondsShown(await text.textContent());
      const { frames } = await watched.seen();
      const first = await shown();
      await soon(async () => (await shown()) >= first + 2, 'two seconds more');
      assert.equal((await watched.seen()).frames, frames, 'no frame came meanwhile');
      // What is shown before and after the server is asked lies around its answer.
      const before = await shown();
      const [served] = (await stack.json('/metrics/active-requests')).active_requests;
      assert.ok(before <= served.duration_ms / 1000 + 0.5, `${before} s shown, ${served.duration_ms} ms served later`);
      await soon(async () => (await shown()) >= served.duration_ms / 1000 - 0.5, `${served.duration_ms} ms to be shown`);
      await page.evaluate(() => {
        const real = Date.now.bind(Date);
        Date.now = () => real() + 3_600_000;
      });
      const now = await shown();
      await soon(async () => (await shown()) > now, 'a tick');
      assert.ok((await shown()) < now + 1800);
      held.abort();
    });
  });

  test('the tick is adjustable, at least 250 ms, and kept', async () => {
    await withPage(stack, {}, async (_, page) => {
      await page.click('text=Columns');
      assert.equal(await page.inputValue('[name=tick]'), '2000');
      for (const [typed, kept] of [['500', '500'], ['10', '250']]) {
        await page.fill('[name=tick]', typed);
        await page.press('[name=tick]', 'Tab');
        assert.equal(await page.evaluate((key) => localStorage.getItem(key), tickKey), kept);
      }
      await page.reload();
      await page.click('text=Columns');
      assert.equal(await page.inputValue('[name=tick]'), '250');
    });
  });

  // S2-B50, S2-B51, S2-B54
  test('a hidden page has no stream, no timer, no question; a visible one is up to date again', async () => {
    await withPage(stack, { storage: { [tickKey]: '250' } }, async (watched, page) => {
      await watched.connection('open');
      const held = stack.hold();
      await page.waitForSelector('[data-request-id]');
      await watched.setVisible(false);
      assert.equal(await watched.openSources(), 0);
      const still = async () => JSON.stringify(await watched.seen());
      await soon(async () => {
        const now = await still();
        await sleep(500);
        return now === (await still());
      }, 'answers that were under way');
      const before = await watched.seen();
      const text = await page.textContent('[data-field=duration_ms] .text');
      await sleep(3500); // longer than the poll and the tick
      const later = await watched.seen();
      assert.deepEqual([later.timers, later.animationFrames, later.fetches, later.frames],
        [before.timers, before.animationFrames, before.fetches, before.frames]);
      assert.equal(await page.textContent('[data-field=duration_ms] .text'), text);
      held.abort();
      await eventually(async () => (await stack.json('/metrics/active-requests')).active_requests.length === 0 || undefined, 'its end');
      await watched.setVisible(true);
      await page.waitForSelector('[data-request-id]', { state: 'detached' });
      assert.equal(await watched.openSources(), 1);
    });
  });

  // S2-B46, S2-B47, S2-B48
  test('there is one stream on the live view and none elsewhere', async () => {
    await withPage(stack, { place: '/#/connect' }, async (watched, page) => {
      await page.waitForSelector('h1');
      assert.match(await page.textContent('main'), new RegExp(`OpenAI\\(base_url="${stack.url}/v1"\\)`));
      await sleep(300);
      assert.equal((await watched.seen()).sources.length, 0);
      await page.click('nav >> text=Live');
      await watched.connection('open');
      assert.equal(await watched.openSources(), 1);
      await page.click('nav >> text=Connect');
      await soon(async () => (await watched.openSources()) === 0, 'the stream to be closed');
      await page.click('nav >> text=Live');
      await watched.connection('open');
      assert.equal(await watched.openSources(), 1);
      assert.equal((await watched.seen()).sources.length, 2);
    });
  });

  test('the page’s end closes the stream', async () => {
    await withPage(stack, {}, async (watched, page) => {
      await watched.connection('open');
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
      assert.equal(await watched.openSources(), 0);
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
      await watched.connection('open');
    });
  });

  // S2-B40
  test('the live table asks for nothing periodically: its only source is the stream', async () => {
    await withPage(stack, {}, async (watched, page) => {
      const asked = new Map();
      page.on('request', (each) => {
        const { pathname } = new URL(each.url());
        asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
      });
      // Several rounds of what is asked periodically.
      await eventually(() => asked.get('/metrics/running-totals') >= 4 || undefined, 'four rounds');
      const again = [...asked].filter(([, times]) => times > 1).map(([pathname]) => pathname);
      assert.deepEqual(again.sort(), ['/metrics/logs', '/metrics/running-totals']);
    });
  });

  // S2-D05
  test('a filter is part of the address, and the address reopens it', async () => {
    await withPage(stack, { place: '/#/live?provider=anth*' }, async (watched, page) => {
      const held = stack.hold();
      await page.waitForSelector('text=None of the 1 requests in flight matches');
      await page.click('text=Clear');
      await page.waitForSelector('[data-request-id]');
      await page.keyboard.press('/');
      await page.keyboard.type('HEL*');
      await soon(() => /#\/live\?provider=HEL\*$/.test(page.url()), 'the filter in the address');
      await soon(async () => (await page.locator('[data-request-id]').count()) === 1, 'one row');
      held.abort();
    });
  });

  // S4-B29: requests, errors and latency are on the first view.
  test('tiles, recent calls and totals show what completed', async () => {
    const headers = { 'x-api-key': clientKey, 'content-type': 'application/json' };
    for (const [status, id] of [[200, 'aaaaaaaa-1111-4222-8333-444444444444'], [529, 'bbbbbbbb-1111-4222-8333-444444444444']]) {
      const content = `sim: status=${status}\nsome words for the tiles`;
      const body = JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 50, messages: [{ role: 'user', content }] });
      const answer = await request(`${stack.url}/v1/messages`, { method: 'POST', headers: { ...headers, 'x-request-id': id }, body });
      assert.equal(answer.status, status);
    }
    await withPage(stack, {}, async (watched, page) => {
      await page.waitForSelector('[data-trace="aaaaaaaa-1111-4222-8333-444444444444"]');
      const tile = async (name) => (await page.textContent(`[data-tile=${name}] dd`)).trim();
      // Abandoned requests of earlier tests may still come to their end meanwhile.
      const { sightglass } = await eventually(async () => {
        const totals = await stack.json('/metrics/running-totals?include_active=false');
        assert.equal(await tile('requests'), String(totals.summary.total_requests));
        assert.equal(await tile('errors'), String(totals.summary.total_errors));
        return totals;
      }, 'the totals on the tiles');
      assert.ok(sightglass.cost_usd > 0);
      assert.match(await tile('cost'), /^\$0\.\d+$/);
      assert.match(await tile('latency'), /\d/);
      await page.click('text=Errors 1');
      const failed = page.locator('[data-trace="bbbbbbbb-1111-4222-8333-444444444444"]');
      assert.match(await failed.textContent(), /provider_overloaded/);
      const row = page.locator('section[aria-label=Totals] tr', { hasText: 'claude-sonnet-4-5' });
      assert.match(await row.textContent(), /2/);
      await row.locator('button').click();
      assert.match(page.url(), /provider=anthropic&model=claude-sonnet-4-5/);
    });
  });

  // S2-D06
  test('history shows a period beside the one before, to those who are logged in', async () => {
    await withPage(stack, { place: '/#/history' }, async (watched, page) => {
      await page.click('main >> text=Log in');
      await page.fill('[name=password]', adminKey);
      await page.click('[type=submit]');
      await page.waitForSelector('[data-figure=Requests]');
      // Abandoned requests of earlier tests may still come to their end meanwhile.
      await eventually(async () => {
        await page.reload();
        const shown = (await page.textContent('[data-figure=Requests] dd')).trim();
        const served = await page.evaluate(async () => (await fetch('/admin/v1/metrics/global')).json());
        assert.ok(served.total_requests > 0);
        assert.equal(shown, String(served.total_requests));
        return true;
      }, 'the same number');
      assert.match(await page.textContent('[data-figure=Requests] .change'), /new\s+before: 0/);
      await page.click('text=30 days');
      await page.waitForSelector('text=The last 30 days');
      assert.equal(await watched.openSources(), 0);
      assert.deepEqual((await watched.seen()).violations, []);
    });
  });

  test('the policy is strict, nothing breaks it, nothing comes from elsewhere, nothing complains', async () => {
    const home = await request(`${stack.url}/`);
    assert.equal(home.status, 200);
    const directives = home.headers['content-security-policy'].split('; ');
    for (const directive of policy) assert.ok(directives.includes(directive), directive);
    assert.ok(!directives.join().includes('unsafe'));
    assert.equal(home.headers['x-content-type-options'], 'nosniff');
    for (const scheme of ['dark', 'light']) {
      await withPage(stack, { colorScheme: scheme }, async (watched, page) => {
        await watched.connection('open');
        const held = stack.hold();
        await page.waitForSelector('[data-request-id]');
        await page.click('text=Columns');
        await page.keyboard.press('Escape');
        await page.click('nav >> text=Connect');
        await page.click('text=curl');
        await page.click('nav >> text=Live');
        await watched.connection('open');
        held.abort();
        const { violations } = await watched.seen();
        assert.deepEqual([violations, watched.errors, watched.foreign], [[], [], []]);
      });
    }
  });

  // S2-D08
  test('5,000 requests in flight cost the table no more than what is in sight', async () => {
    const row = (i) => ({
      request_id: `${String(i).padStart(8, '0')}-0000-4000-8000-000000000000`, provider: 'openai', model: 'gpt-4o',
      requested_model: 'gpt-4o', resolved_model: 'gpt-4o', qualified_model: 'openai:gpt-4o', is_streaming: true,
      start_time: 1_795_217_100 - i, duration_ms: 1000 * i, input_tokens: i, output_tokens: 0, cache_read_tokens: 0,
      cache_creation_tokens: 0, tool_uses: 0, tool_results: 0, tool_calls: 0, request_size: 10, message_count: 1,
    });
    const frame = { disabled: false, active_requests: Array.from({ length: 5000 }, (_, i) => row(i)), timestamp: 1, truncated: true };
    await withPage(stack, { place: '/#/connect' }, async (watched, page) => {
      await page.route('**/metrics/active-requests/stream*', (route) =>
        route.fulfill({ contentType: 'text/event-stream', body: `event: update\ndata: ${JSON.stringify(frame)}\n\n` }));
      await page.click('nav >> text=Live');
      await page.waitForSelector('[data-request-id^="00000000"]');
      assert.ok((await page.locator('[data-request-id]').count()) < 100);
      await page.locator('[aria-label="Requests in flight"]').evaluate((region) => (region.scrollTop = region.scrollHeight));
      await page.waitForSelector('[data-request-id^="00004999"]');
      assert.ok((await page.locator('[data-request-id]').count()) < 100);
      assert.match(await page.textContent('main'), /More requests are in flight than one frame carries/);
    });
  });
});

describe('several gateways', () => {
  let stack;
  before(async () => (stack = await Stack.start()));
  after(() => stack?.stop());

  const row = (id, gateway) => ({
    request_id: id, provider: 'openai', model: 'gpt-4o', requested_model: 'gpt-4o', resolved_model: 'gpt-4o',
    qualified_model: 'openai:gpt-4o', is_streaming: true, start_time: 1_795_217_100, duration_ms: 1000, input_tokens: 1,
    output_tokens: 0, cache_read_tokens: 0, cache_creation_tokens: 0, tool_uses: 0, tool_results: 0, tool_calls: 0,
    request_size: 10, message_count: 1, gateway,
  });

  async function shown(frame, body) {
    await withPage(stack, { place: '/#/connect' }, async (watched, page) => {
      await page.route('**/metrics/active-requests/stream*', (route) =>
        route.fulfill({ contentType: 'text/event-stream', body: `event: update\ndata: ${JSON.stringify(frame)}\n\n` }));
      await page.click('nav >> text=Live');
      await page.waitForSelector('[data-request-id]');
      await body(page);
    });
  }

  test('each row names its gateway, and one that is not heard is told', async () => {
    const id = '0b5cf1a2-7f6e-4a53-9df0-3a5b6f0e9d11'; // of one request on each
    const gateways = [
      { gateway: 'east', state: 'here', requests: 1, left_out: 0 },
      { gateway: 'west', state: 'stale', requests: 1, left_out: 0, heard_ms_ago: 6200 },
    ];
    await shown({ disabled: false, active_requests: [row(id, 'east'), row(id, 'west')], gateways, timestamp: 1 }, async (page) => {
      assert.deepEqual((await page.locator('[data-field=gateway]').allTextContents()).map((text) => text.trim()), ['east', 'west']);
      assert.match(await page.textContent('[data-notice=gateways]'), /west \(6 s\)/);
    });
  });

  test('where there is one, nothing speaks of gateways', async () => {
    const gateways = [{ gateway: 'east', state: 'here', requests: 1, left_out: 0 }];
    await shown({ disabled: false, active_requests: [row('a', 'east')], gateways, timestamp: 1 }, async (page) => {
      assert.equal(await page.locator('[data-field=gateway], [data-notice=gateways]').count(), 0);
    });
  });
});

describe('a server that comes and goes', () => {
  // S2-B44, S2-B52: the full cycle.
  test('killed, the page waits ever longer; back, it shows what runs', async () => {
    const stack = await Stack.start();
    try {
      await withPage(stack, {}, async (watched, page) => {
        await watched.connection('open');
        await stack.server.kill();
        await watched.connection('waiting');
        const attempts = async () => (await watched.seen()).sources.map((source) => source.at);
        const times = await eventually(async () => ((await attempts()).length >= 5 ? attempts() : undefined), 'four attempts');
        // The first source is the one that was open; each later one came after its wait.
        for (let n = 0; n + 2 < times.length; n++) {
          const wait = times[n + 2] - times[n + 1];
          assert.ok(wait >= 0.75 * 750 * 1.6 ** (n + 1) - 10, `attempt ${n + 2} after ${wait} ms`);
        }
        assert.ok((await watched.openSources()) <= 1);
        await stack.startServer();
        await watched.connection('open');
        const held = stack.hold();
        await page.waitForSelector('[data-request-id]');
        await page.waitForSelector('[role=alert]', { state: 'detached' });
        held.abort();
      });
    } finally {
      await stack.stop();
    }
  });

  // S2-F35
  test('switched off, the page says so and never asks for the stream again', async () => {
    const stack = await Stack.start({ env: { LOG_REQUEST_METRICS: 'false' } });
    try {
      await withPage(stack, {}, async (watched, page) => {
        await watched.connection('disabled');
        assert.match(await page.textContent('[data-notice=disabled]'), /LOG_REQUEST_METRICS=true/);
        await page.click('nav >> text=Connect');
        await page.click('nav >> text=Live');
        await watched.setVisible(false);
        await watched.setVisible(true);
        await sleep(2500);
        assert.equal((await watched.seen()).sources.length, 1);
      });
    } finally {
      await stack.stop();
    }
  });
});
