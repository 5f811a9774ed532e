// A plain HTTP client: one connection a request, no retries, nothing hidden.

import http from 'node:http';
import https from 'node:https';

import { parse_events } from './sse.mjs';

class Answer {
  constructor(response, text) {
    this.status = response.statusCode;
    this.headers = response.headers;
    this.text = text;
  }

  get json() {
    try {
      return JSON.parse(this.text);
    } catch (error) {
      throw new Error(`${this.status}, no JSON: ${this.text.slice(0, 500)}`, { cause: error });
    }
  }

  get error() {
    return this.json.error;
  }

  get events() {
    return parse_events(this.text);
  }
}

// An answer whose head has come: the body arrives while the test looks.
class Exchange {
  text = '';
  ended = false; // properly: the last chunk came
  broken = null; // the connection's error
  #response;
  #request;
  #wakers = [];

  constructor(request, response) {
    this.#request = request;
    this.#response = response;
    this.status = response.statusCode;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (text) => this.#note(() => (this.text += text)));
    response.on('end', () => this.#note(() => (this.ended = response.complete)));
    response.on('error', (error) => this.#note(() => (this.broken = error)));
    response.on('close', () => this.#note(() => (this.closed = true)));
  }

  closed = false;

  #note(change) {
    change();
    for (const wake of this.#wakers.splice(0)) wake();
  }

  get events() {
    return parse_events(this.text);
  }

  // Waits until `wanted(exchange)` holds; throws when the body ends before, or time is up.
  async until(wanted, within = 10_000) {
    const end = Date.now() + within;
    while (!wanted(this)) {
      const left = end - Date.now();
      if (this.closed || left <= 0) {
        throw new Error(`${this.closed ? 'ended' : 'too late'}; so far: ${this.text.slice(-2000)}`);
      }
      await new Promise((wake) => {
        const timer = setTimeout(wake, left);
        this.#wakers.push(() => (clearTimeout(timer), wake()));
      });
    }
    return this;
  }

  // The whole answer, however it ends.
  async whole(within = 20_000) {
    return this.until(() => this.closed, within);
  }

  // Hangs up, as a client does that has seen enough.
  leave() {
    this.#response.on('error', () => {});
    this.#request.on('error', () => {});
    this.#request.destroy();
  }

  // Stops taking bytes from the socket; `resume` goes on.
  pause() {
    this.#response.pause();
  }

  resume() {
    this.#response.resume();
  }
}

function begin(url, { method, key, headers = {}, body, agent = false, signal, ca, within }) {
  const all = { ...headers };
  let bytes;
  if (body !== undefined) {
    bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    bytes = Buffer.from(bytes);
    all['content-type'] ??= 'application/json';
    all['content-length'] ??= bytes.length;
  }
  if (key) all.authorization ??= `Bearer ${key}`;
  const client = url.startsWith('https:') ? https : http;
  return new Promise((done, fail) => {
    const sent = client.request(url, {
      method: method ?? (bytes ? 'POST' : 'GET'), headers: all, agent, signal, ca,
      timeout: within ?? 30_000,
    });
    sent.on('response', (response) => done({ sent, response }));
    sent.on('error', fail);
    sent.on('timeout', () => sent.destroy(new Error(`no answer in time from ${url}`)));
    sent.end(bytes);
  });
}

export async function open(url, options = {}) {
  const { sent, response } = await begin(url, options);
  return new Exchange(sent, response);
}

export async function request(url, options = {}) {
  const { response } = await begin(url, options);
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return new Answer(response, text);
}
