// A provider in the test's own hands: it answers a chat request when the test says so, so that no
// test depends on how fast the machine is.
import http from 'node:http';
import { once } from 'node:events';

export class HeldProvider {
  #answers = new Map(); // prompt → the open answer
  #released = new Set(); // prompts whose answer need not wait
  #count = 0;

  static async start() {
    const held = new HeldProvider();
    held.server = http.createServer((request, response) => held.#take(request, response));
    held.server.listen(0, '127.0.0.1');
    await once(held.server, 'listening');
    held.port = held.server.address().port;
    return held;
  }

  // A prompt that no other request has.
  prompt() {
    return `hold number ${++this.#count}`;
  }

  async #take(request, response) {
    let text = '';
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    const prompt = body.messages.at(-1).content;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(this.#chunk({ role: 'assistant', content: '' }, null));
    this.#answers.set(prompt, response);
    if (this.#released.delete(prompt)) this.release(prompt);
  }

  // Ends the answer to `prompt`, now or as soon as it is asked for.
  release(prompt) {
    const response = this.#answers.get(prompt);
    if (!response) return void this.#released.add(prompt);
    this.#answers.delete(prompt);
    response.write(this.#chunk({ content: 'done' }, null) + this.#chunk({}, 'stop'));
    response.end('data: [DONE]\n\n');
  }

  #chunk(delta, finish) {
    const choice = { index: 0, delta, finish_reason: finish };
    const chunk = { id: 'chatcmpl-held', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini', choices: [choice] };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }

  async stop() {
    for (const prompt of [...this.#answers.keys()]) this.release(prompt);
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
