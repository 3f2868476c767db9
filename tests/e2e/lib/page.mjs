// A real browser, and a page whose connections, timers and troubles a test can count.
import { chromium } from 'playwright-core';
import { patienceMs } from './child.mjs';

export function launch() {
  return chromium.launch({
    timeout: patienceMs,
    executablePath: process.env.SIGHTGLASS_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
}

// Runs in the page before its own script. EventSource, timers and frames stay what they are.
function watch() {
  const seen = { sources: [], frames: 0, violations: [], timers: 0, animationFrames: 0, fetches: 0 };
  window.seen = seen;
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(url) {
      super(url);
      this.entry = { at: performance.now(), url: String(url), closed: false };
      seen.sources.push(this.entry);
      this.addEventListener('update', () => (seen.frames += 1));
    }
    close() {
      this.entry.closed = true;
      super.close();
    }
  };
  for (const [name, counter] of [['setTimeout', 'timers'], ['setInterval', 'timers'], ['requestAnimationFrame', 'animationFrames'], ['fetch', 'fetches']]) {
    const real = window[name].bind(window);
    window[name] = (...rest) => {
      seen[counter] += 1;
      return real(...rest);
    };
  }
  document.addEventListener('securitypolicyviolation', (event) => seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
}

export class Watched {
  static async open(browser, stack, { place = '/', headers = {}, storage = {}, ...options } = {}) {
    const watched = new Watched();
    watched.context = await browser.newContext({ viewport: { width: 1440, height: 900 }, extraHTTPHeaders: headers, ...options });
    watched.context.setDefaultTimeout(patienceMs);
    watched.page = await watched.context.newPage();
    watched.errors = [];
    watched.foreign = [];
    watched.page.on('console', (message) => message.type() === 'error' && watched.errors.push(message.text()));
    watched.page.on('pageerror', (error) => watched.errors.push(String(error)));
    watched.page.on('request', (request) => request.url().startsWith(stack.url) || watched.foreign.push(request.url()));
    await watched.page.addInitScript(watch);
    await watched.page.addInitScript((items) => {
      for (const [key, value] of Object.entries(items)) if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
    }, storage);
    watched.home = stack.url;
    await watched.page.goto(stack.url + place);
    return watched;
  }

  seen() {
    return this.page.evaluate(() => JSON.parse(JSON.stringify(window.seen)));
  }
  async openSources() {
    return (await this.seen()).sources.filter((source) => !source.closed).length;
  }
  // The browser has no switch for this from outside: the document says so, and tells its listeners.
  async setVisible(visible) {
    await this.page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => state === 'hidden' });
      document.dispatchEvent(new Event('visibilitychange'));
    }, visible ? 'visible' : 'hidden');
  }
  async connection(state) {
    await this.page.waitForSelector(`[data-connection="${state}"]`);
  }
  close() {
    return this.context.close();
  }
}
