// One child process of a test: started, watched, and always ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export const binary = process.env.SIGHTGLASS_BIN ?? '';
// How long a test waits for what must come: nothing where all is well; a loaded machine may stand
// still for many seconds.
export const patienceMs = 120_000;

export class Child {
  #process;
  #stderr = '';
  #exited;

  constructor(args, env = {}) {
    if (binary === '') throw new Error('SIGHTGLASS_BIN must name the sightglass program');
    this.args = args;
    // A clean environment: nobody's settings but the test's own.
    this.#process = spawn(binary, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, HOME: '/nonexistent', TZ: 'UTC', ...env },
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-65_536);
    });
    this.#exited = once(this.#process, 'exit');
    this.#exited.catch(() => {});
  }

  get stderr() {
    return this.#stderr;
  }
  get running() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  // The port that the program wrote into `file` once it listened.
  async port(file) {
    return eventually(() => {
      if (!this.running) throw new Stop(`${this.args[0]} ended before it listened:\n${this.#stderr}`);
      const text = readFileSync(file, 'utf8');
      if (!/^\d+\n$/.test(text)) throw new Error('no port yet');
      return Number(text);
    }, `the port file of ${this.args[0]}`);
  }

  async kill() {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  // Asks it to end; one that does not within the deadline is killed, and that is an error.
  async stop(deadlineMs = patienceMs) {
    if (!this.running) return;
    this.#process.kill('SIGTERM');
    const late = setTimeout(() => this.#process.kill('SIGKILL'), deadlineMs);
    const [code, signal] = await this.#exited;
    clearTimeout(late);
    if (code !== 0) throw new Error(`${this.args[0]} ended with ${signal ?? code}:\n${this.#stderr}`);
  }
}

// An error that waiting longer cannot cure.
export class Stop extends Error {}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Repeats `probe` until it neither throws nor yields undefined; then its value.
export async function eventually(probe, what, deadlineMs = patienceMs) {
  const end = Date.now() + deadlineMs;
  let last;
  do {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      if (error instanceof Stop) throw error;
      last = error;
    }
    await sleep(25);
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${deadlineMs} ms`, { cause: last });
}
