// HTTP as bytes: what fetch would decode, merge or follow stays as it was sent.
import http from 'node:http';
import { patienceMs } from './child.mjs';

// {status, headers, body: Buffer, text, broken}: `broken` when the connection ended too early.
export function request(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers, agent: false }, (answer) => {
      const pieces = [];
      const finish = (broken) => {
        const whole = Buffer.concat(pieces);
        resolve({ status: answer.statusCode, headers: answer.headers, body: whole, text: whole.toString('utf8'), broken });
      };
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => finish(!answer.complete));
      answer.on('error', () => finish(true));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

// An open event stream, frame by frame, as bytes on the wire say: {event, data} or {comment}.
export class EventStream {
  #frames = [];
  #waiting = [];
  #text = '';

  static open(url, headers = {}) {
    return new Promise((resolve, reject) => {
      const stream = new EventStream();
      stream.outgoing = http.request(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, (answer) => {
        stream.status = answer.statusCode;
        stream.headers = answer.headers;
        answer.setEncoding('utf8');
        answer.on('data', (text) => stream.#take(text));
        answer.on('end', () => stream.#push({ end: true, clean: answer.complete }));
        answer.on('error', () => stream.#push({ end: true, clean: false }));
        resolve(stream);
      });
      stream.outgoing.on('error', reject);
      stream.outgoing.end();
    });
  }

  #take(text) {
    this.#text += text;
    for (let at; (at = this.#text.indexOf('\n\n')) >= 0; this.#text = this.#text.slice(at + 2)) {
      const frame = {};
      for (const line of this.#text.slice(0, at).split('\n')) {
        if (line.startsWith(':')) frame.comment = line.slice(1).trim();
        else if (line.startsWith('data: ')) frame.data = JSON.parse(line.slice(6));
        else if (line.startsWith('event: ')) frame.event = line.slice(7);
        else frame.other = line;
      }
      this.#push(frame);
    }
  }

  #push(frame) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(frame);
    else this.#frames.push(frame);
  }

  next(deadlineMs = patienceMs) {
    const ready = this.#frames.shift();
    if (ready) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no frame within ${deadlineMs} ms`)), deadlineMs);
      this.#waiting.push((frame) => {
        clearTimeout(late);
        resolve(frame);
      });
    });
  }

  // The next frame that `wanted` accepts; others are passed over.
  async find(wanted) {
    for (;;) {
      const frame = await this.next();
      if (frame.end) throw new Error('the stream ended');
      if (wanted(frame)) return frame;
    }
  }

  close() {
    this.outgoing.destroy();
  }
}
