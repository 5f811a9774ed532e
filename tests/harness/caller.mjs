// A client on a bare socket: what came, byte for byte, and how the connection ended. It leaves as
// a test wants it to, and asks to keep the connection, so that a close is the server's own.

import net from 'node:net';

export class Caller {
  end = 'open'; // then 'fin' or 'reset'
  left_at = null; // CLOCK_MONOTONIC nanoseconds
  #parts = [];
  #size = 0;
  #tail = '';
  #head = null;
  #read = null;
  #wakers = [];
  #socket;

  constructor(port, { method = 'POST', path, key, headers = {}, body }) {
    const text = body === undefined ? '' : JSON.stringify(body);
    const fields = { host: `127.0.0.1:${port}`, authorization: `Bearer ${key}`, ...headers };
    if (body !== undefined) {
      fields['content-type'] = 'application/json';
      fields['content-length'] = Buffer.byteLength(text);
    }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`);
    this.#socket.on('data', (bytes) => this.#note(() => {
      this.#parts.push(bytes);
      this.#size += bytes.length;
      this.#tail = (this.#tail + bytes.subarray(-5).toString('latin1')).slice(-5);
    }));
    const over = (how) => this.#note(() => {
      if (this.end === 'open') this.end = how;
    });
    this.#socket.on('end', () => over('fin'));
    this.#socket.on('error', () => over('reset'));
    this.#socket.on('close', () => over('reset'));
  }

  #note(change) {
    change();
    for (const wake of this.#wakers.splice(0)) wake();
  }

  #bytes() {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] ?? Buffer.alloc(0);
  }

  // { status, headers, length } once the head has come, else null.
  get head() {
    if (this.#head || this.#size === 0) return this.#head;
    const bytes = this.#bytes();
    const length = bytes.indexOf('\r\n\r\n') + 4;
    if (length < 4) return null;
    const [line, ...fields] = bytes.subarray(0, length - 4).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }));
    this.#head = { status: Number(line.split(' ')[1]), headers, length };
    return this.#head;
  }

  get size() {
    return this.#size;
  }

  // The HTTP message has come to its proper end.
  get whole() {
    const { head } = this;
    if (!head) return false;
    if (head.headers['transfer-encoding'] === 'chunked') return this.#tail === '0\r\n\r\n';
    return this.#size >= head.length + Number(head.headers['content-length'] ?? 0);
  }

  // The body so far.
  get text() {
    if (!this.head) return '';
    if (this.#read?.size === this.#size) return this.#read.text;
    const body = this.#bytes().subarray(this.head.length);
    const chunked = this.head.headers['transfer-encoding'] === 'chunked';
    const text = (chunked ? Buffer.concat(chunks_of(body)) : body).toString('utf8');
    this.#read = { size: this.#size, text };
    return text;
  }

  get json() {
    return JSON.parse(this.text);
  }

  async until(wanted, within = 15_000) {
    for (const end = Date.now() + within; !(await wanted(this));) {
      const left = end - Date.now();
      if (left <= 0) throw new Error(`too late; ${this.end}; so far: ${this.text.slice(-1000)}`);
      await new Promise((wake) => {
        const timer = setTimeout(wake, Math.min(left, 20));
        this.#wakers.push(() => (clearTimeout(timer), wake()));
      });
    }
    return this;
  }

  // The end of the answer, however it comes.
  finished(within) {
    return this.until(() => this.whole || this.end !== 'open', within);
  }

  // 'fin' closes the sending half, as a client does that has seen enough; 'reset' drops it all.
  leave(how) {
    this.left_at = Number(process.hrtime.bigint());
    if (how === 'fin') this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  hang_up() {
    this.#socket.destroy();
  }

  // Takes no bytes from the socket until `resume`.
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }
}

function chunks_of(bytes) {
  const chunks = [];
  for (let at = 0; at < bytes.length;) {
    const line_end = bytes.indexOf('\r\n', at);
    const size = parseInt(bytes.subarray(at, line_end).toString('latin1'), 16);
    if (line_end < 0 || !(size > 0)) break;
    chunks.push(bytes.subarray(line_end + 2, line_end + 2 + size));
    at = line_end + 2 + size + 2;
  }
  return chunks;
}
