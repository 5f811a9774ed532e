// Bytes on a socket, for what no HTTP client would send.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// Sends `parts` one after the other (strings are latin1; a number waits that many milliseconds) and
// collects what comes until the server closes, `until(text)` holds or time is up:
// { text, end: 'fin' | 'reset' | 'open', ms, responses }.
export async function talk(port, parts, { within = 4000, until = () => false, heads = [] } = {}) {
  const started = Date.now();
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  const bytes = [];
  let end = 'open';
  const text = () => Buffer.concat(bytes).toString('latin1');
  const finished = new Promise((done) => {
    socket.on('data', (part) => {
      bytes.push(part);
      if (until(text())) done();
    });
    socket.on('end', () => ((end = 'fin'), done()));
    socket.on('error', (error) => {
      const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      if (end === 'open') end = reset ? 'reset' : error.code;
      done();
    });
    socket.on('close', done);
    setTimeout(done, within).unref();
  });
  for (const part of [parts].flat()) {
    if (end !== 'open') break;
    if (typeof part === 'number') await Promise.race([sleep(part), finished]);
    else socket.write(Buffer.isBuffer(part) ? part : Buffer.from(part, 'latin1'));
  }
  await finished;
  socket.destroy();
  return { text: text(), end, ms: Date.now() - started, responses: read_responses(text(), heads) };
}

// The responses in a text. `heads` lists which of them answer a HEAD, counted without the 1xx ones.
export function read_responses(text, heads = []) {
  const responses = [];
  let finals = 0;
  while (text.startsWith('HTTP/')) {
    const head_end = text.indexOf('\r\n\r\n');
    if (head_end < 0) break;
    const [line, ...fields] = text.slice(0, head_end).split('\r\n');
    const headers = {};
    for (const field of fields) {
      const colon = field.indexOf(':');
      headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
    }
    const status = Number(line.split(' ')[1]);
    text = text.slice(head_end + 4);
    let body = '';
    const bodiless = status < 200 || status === 204 || status === 304 || heads.includes(finals);
    if (status >= 200) ++finals;
    if (!bodiless && headers['transfer-encoding'] === 'chunked') [body, text] = read_chunks(text);
    else if (!bodiless) {
      const length = Number(headers['content-length'] ?? text.length);
      [body, text] = [text.slice(0, length), text.slice(length)];
    }
    responses.push({ status, line, headers, body });
  }
  return responses;
}

// [body, rest]. A body that is cut short is told by a rest of null.
export function read_chunks(text) {
  let body = '';
  for (;;) {
    const line_end = text.indexOf('\r\n');
    const size = parseInt(text, 16);
    if (line_end < 0 || Number.isNaN(size)) return [body, ''];
    text = text.slice(line_end + 2);
    if (size === 0) return [body, text.slice(text.indexOf('\r\n') + 2)];
    body += text.slice(0, size);
    text = text.slice(size + 2);
  }
}
