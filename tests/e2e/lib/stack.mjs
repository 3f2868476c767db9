// Simulated providers and a Sightglass server before them, in a folder of their own.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Child, Stop, eventually } from './child.mjs';
import { HeldProvider } from './held.mjs';
import { request } from './http.mjs';

export const adminKey = 'e2e-admin-key-0123456789';
export const clientKey = 'sg_e2e_client_0123456789abcdef';

async function lowPort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer();
    const free = await new Promise((done) => {
      probe.once('error', () => done(false)).listen(port, '127.0.0.1', () => done(true));
    });
    if (!free) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

export class Stack {
  // env: of the server; faults: the simulator's plan; yaml: further lines of the configuration;
  // clients: false leaves callers to their own provider keys.
  static async start({ env = {}, faults = '', yaml = '', clients = true } = {}) {
    const stack = new Stack();
    stack.folder = mkdtempSync(path.join(tmpdir(), 'sightglass-e2e-'));
    stack.env = env;
    try {
      stack.held = await HeldProvider.start();
      await stack.#startSimulator(faults);
      stack.#configure(yaml, clients);
      await stack.startServer();
    } catch (error) {
      await stack.stop().catch(() => {});
      throw error;
    }
    return stack;
  }

  file(name) {
    return path.join(this.folder, name);
  }
  get data() {
    return this.file('data');
  }
  get tallyFile() {
    return this.file('tally.jsonl');
  }
  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
  get providerUrl() {
    return `http://127.0.0.1:${this.providerPort}`;
  }

  async #startSimulator(faults) {
    const args = ['simulate', '--listen', '127.0.0.1:0', '--tally', this.tallyFile, '--port-file', this.file('simulator.port')];
    this.simulator = new Child(faults ? [...args, '--faults', faults] : args);
    this.providerPort = await this.simulator.port(this.file('simulator.port'));
  }

  #configure(yaml, clients) {
    const keys = (key) => (clients ? `, api_keys: ["${key}"]` : '');
    // A restart has the same port. It lies below those that the system gives to others, so that nobody
    // has it meanwhile.
    this.configuration = (port) => `listen: "127.0.0.1:${port}"
port_file: ${this.file('server.port')}
data: ${this.data}
admin_key: ${adminKey}
keys: {path: ${this.file('keyring')}}
providers:
  - {id: openai, kind: openai, base_url: "http://127.0.0.1:${this.providerPort}/v1"${keys('sk-e2e-openai-0123456789')}}
  - {id: anthropic, kind: anthropic, base_url: "http://127.0.0.1:${this.providerPort}"${keys('sk-ant-e2e-0123456789')}}
  - {id: held, kind: openai, base_url: "http://127.0.0.1:${this.held.port}/v1"${keys('sk-e2e-held-0123456789')}}
${clients ? `clients: [{id: app, key: ${clientKey}}]` : ''}
store: {seal_age: 1s}
logging: {file: {enabled: true, path: ${this.file('llm.log')}}}
${yaml}
`;
  }

  async startServer() {
    rmSync(this.file('server.port'), { force: true });
    this.port ??= await lowPort();
    writeFileSync(this.file('sightglass.yaml'), this.configuration(this.port));
    this.server = new Child(['serve', '--config', this.file('sightglass.yaml')], this.env);
    this.port = await this.server.port(this.file('server.port'));
    await eventually(async () => {
      if (!this.server.running) throw new Stop(`the server ended:\n${this.server.stderr}`);
      const { status } = await request(`${this.url}/health`);
      if (status !== 200) throw new Error(`/health answers ${status}`);
      return true;
    }, '/health');
  }

  async json(pathname, headers = {}) {
    const answer = await request(this.url + pathname, { headers: { accept: 'application/json', ...headers } });
    if (answer.status !== 200) throw new Error(`${pathname} answers ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text);
  }

  async tally() {
    return JSON.parse((await request(`${this.providerUrl}/tally`)).text);
  }

  // A chat request that its provider holds open until end(), or until abort(), when the client
  // leaves and the provider then ends too.
  hold({ headers = {} } = {}) {
    const prompt = this.held.prompt();
    const gone = new AbortController();
    const send = () => fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'held:gpt-4o-mini', stream: true, messages: [{ role: 'user', content: prompt }] }),
    });
    const answer = (async () => {
      const response = await send();
      return { status: response.status, text: await response.text() };
    })();
    const quiet = answer.catch(() => null); // aborted, or the server was killed: the test means it
    const end = () => this.held.release(prompt);
    const abort = () => {
      gone.abort();
      end();
    };
    return { answer: quiet, end, abort };
  }

  async stop() {
    const failures = [];
    for (const part of [this.held, this.server, this.simulator]) {
      await part?.stop().catch((error) => failures.push(error));
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (failures.length > 0) throw failures[0];
  }
}
