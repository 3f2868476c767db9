import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveStream, streamPath, type Surroundings } from '../src/lib/stream.ts';
import { row } from './row.ts';

// A browser whose connections and timers the test moves by hand.
class FakeBrowser implements Surroundings {
  sources: FakeSource[] = [];
  timers: { action: () => void; at: number }[] = [];
  clock = 0;
  open(url: string): EventSource {
    const source = new FakeSource(url);
    this.sources.push(source);
    return source as unknown as EventSource;
  }
  now = () => this.clock;
  random = () => 0.5;
  setTimer(action: () => void, milliseconds: number): number {
    return this.timers.push({ action, at: this.clock + milliseconds }) - 1;
  }
  clearTimer(timer: number): void {
    this.timers[timer]!.at = Infinity;
  }
  advance(milliseconds: number): void {
    this.clock += milliseconds;
    for (const timer of this.timers) {
      if (timer.at > this.clock) continue;
      timer.at = Infinity;
      timer.action();
    }
  }
  get openCount(): number {
    return this.sources.filter((source) => !source.closed).length;
  }
  get last(): FakeSource {
    return this.sources.at(-1)!;
  }
}

class FakeSource extends EventTarget {
  closed = false;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
  }
  close(): void {
    this.closed = true;
  }
  frame(type: string, data: unknown): void {
    this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data) }));
  }
  fail(): void {
    this.dispatchEvent(new Event('error'));
  }
}

function entered(): { browser: FakeBrowser; stream: LiveStream } {
  const browser = new FakeBrowser();
  const stream = new LiveStream(browser);
  stream.enter();
  return { browser, stream };
}

// S2-B43, S2-B47
test('entering the live view opens one stream, entering again no second one', () => {
  const { browser, stream } = entered();
  stream.enter();
  assert.equal(browser.sources.length, 1);
  assert.equal(browser.last.url, streamPath);
});

// S2-B48
test('no stream is opened before the live view is entered', () => {
  const browser = new FakeBrowser();
  const stream = new LiveStream(browser);
  stream.setVisible(false);
  stream.setVisible(true);
  assert.equal(browser.sources.length, 0);
});

// S2-B46
test('leaving closes the stream and returning opens one anew', () => {
  const { browser, stream } = entered();
  stream.leave();
  assert.equal(browser.openCount, 0);
  stream.enter();
  assert.equal(browser.openCount, 1);
});

// S2-B50, S2-B51
test('a hidden page has no stream and no timer, a visible one connects at once', () => {
  const { browser, stream } = entered();
  browser.last.fail();
  stream.setVisible(false);
  assert.equal(stream.live.connection.state, 'paused');
  browser.advance(60_000);
  assert.equal(browser.openCount, 0);
  stream.setVisible(true);
  assert.equal(browser.openCount, 1);
});

// S2-B45
test('a frame that came before anybody looked is there for the first who does', () => {
  const { browser, stream } = entered();
  browser.last.frame('update', { disabled: false, active_requests: [row('a')], timestamp: 1 });
  let seen = 0;
  stream.subscribe((live) => (seen = live.rows.length));
  assert.equal(seen, 1);
});

test('what a frame says of other gateways is kept until the next one', () => {
  const { browser, stream } = entered();
  const gateways = [{ gateway: 'a', state: 'here', requests: 0, left_out: 0 }];
  browser.last.frame('update', { disabled: false, active_requests: [], gateways, problem: 'away', timestamp: 1 });
  assert.deepEqual([stream.live.gateways, stream.live.problem], [gateways, 'away']);
  browser.last.frame('update', { disabled: false, active_requests: [], timestamp: 2 });
  assert.deepEqual([stream.live.gateways, stream.live.problem], [[], '']);
});

// S2-B44, S2-B52
test('failures back off by 1.6 and a frame ends the series', () => {
  const { browser, stream } = entered();
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    browser.last.fail();
    assert.equal(browser.openCount, 0);
    const { connection } = stream.live;
    assert.equal(connection.state, 'waiting');
    const wait = connection.state === 'waiting' ? connection.untilMs - browser.clock : 0;
    waits.push(wait);
    browser.advance(wait - 1);
    assert.equal(browser.openCount, 0);
    browser.advance(1);
    assert.equal(browser.openCount, 1);
  }
  assert.deepEqual(waits, [750, 1200, 1920, 3072]);
  browser.last.frame('update', { disabled: false, active_requests: [], timestamp: 1 });
  assert.equal(stream.live.connection.state, 'open');
  browser.last.fail();
  browser.advance(750);
  assert.equal(browser.openCount, 1);
});

// S2-F35
test('after disabled nothing reconnects, not even returning', () => {
  const { browser, stream } = entered();
  const source = browser.last;
  source.frame('disabled', { disabled: true, message: 'off', suggestion: 'on' });
  source.fail();
  browser.advance(120_000);
  stream.leave();
  stream.enter();
  stream.setVisible(false);
  stream.setVisible(true);
  stream.retryNow();
  assert.equal(browser.sources.length, 1);
  assert.ok(source.closed);
  assert.deepEqual(stream.live.connection, { state: 'disabled', message: 'off', suggestion: 'on' });
});

test('events of a connection that was closed change nothing', () => {
  const { browser, stream } = entered();
  const old = browser.last;
  stream.leave();
  stream.enter();
  old.frame('update', { disabled: false, active_requests: [row('ghost')], timestamp: 1 });
  old.fail();
  assert.equal(stream.live.rows.length, 0);
  assert.equal(browser.openCount, 1);
});

test('a torn frame is passed over', () => {
  const { browser, stream } = entered();
  browser.last.dispatchEvent(Object.assign(new Event('update'), { data: '{"active_requests":[' }));
  assert.equal(stream.live.rows.length, 0);
  assert.equal(browser.openCount, 1);
});

test('the truncated mark of a frame is kept until a frame without it', () => {
  const { browser, stream } = entered();
  browser.last.frame('update', { active_requests: [], timestamp: 1, truncated: true });
  assert.equal(stream.live.truncated, true);
  browser.last.frame('update', { active_requests: [], timestamp: 2 });
  assert.equal(stream.live.truncated, false);
});
