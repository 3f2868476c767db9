// Takes the README's picture: the live view under the demo's own traffic.
// node screenshot.mjs OUT.png [seconds of traffic] [dark|light]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Child, eventually, sleep } from './lib/child.mjs';
import { request } from './lib/http.mjs';
import { Watched, launch } from './lib/page.mjs';

const [out = 'page.png', seconds = '90', colorScheme = 'dark'] = process.argv.slice(2);
const port = 20_000 + (process.pid % 10_000);
const folder = mkdtempSync(path.join(tmpdir(), 'sightglass-shot-'));
const url = `http://127.0.0.1:${port}`;
const server = new Child(['demo', '--listen', `127.0.0.1:${port}`, '--faults', 'standard', '--data', path.join(folder, 'data')]);
const browser = await launch();
try {
  await eventually(async () => (await request(`${url}/health`)).status === 200 || undefined, '/health');
  const watched = await Watched.open(browser, { url }, { colorScheme, viewport: { width: 1440, height: 960 }, deviceScaleFactor: 1 });
  await sleep(Number(seconds) * 1000);
  await watched.page.screenshot({ path: out });
  console.log(`${out}: ${readFileSync(out).length} bytes; complaints: ${JSON.stringify(watched.errors)}`);
} finally {
  await browser.close();
  await server.stop().catch((error) => console.error(String(error)));
  rmSync(folder, { recursive: true, force: true });
}
