// HTTP/1.1 to the letter: what is refused, with which status, and that the server goes on serving.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { start_sim } from './harness/sim.mjs';
import { talk } from './harness/wire.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, {
  config: sim_config(sim, { limits: { body_bytes: '256KiB' } }),
});

const HOST = 'Host: 127.0.0.1\r\n';
const AUTH = `Authorization: Bearer ${weir.key}\r\n`;
const get = (fields = '', target = '/livez') => `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields, body = '') =>
  `POST /v1/chat/completions HTTP/1.1\r\n${HOST}${AUTH}` +
  `Content-Type: application/json\r\n${fields}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
const CHAT = JSON.stringify({ model: 'fast', messages: [{ role: 'user', content: 'hello' }] });

// What follows a refused request must never be taken for a second one.
const SMUGGLED = `GET /livez HTTP/1.1\r\n${HOST}\r\n`;

async function assert_refused(bytes, statuses, options = {}) {
  const { responses, end, text } = await talk(weir.port, bytes, options);
  assert.ok(responses.length > 0, `no answer (${end}): ${JSON.stringify(text)}`);
  const [{ status, headers, body }] = responses;
  assert.ok([statuses].flat().includes(status), `${status}, wanted ${statuses}: ${body}`);
  assert.equal(responses.length, 1, `a second answer: ${text}`);
  assert.equal(end, 'fin', 'the connection is closed, in order');
  assert.equal(headers.connection?.toLowerCase(), 'close');
  assert.match(headers['content-type'], /^application\/json/);
  const { error } = JSON.parse(body);
  assert.ok(error.message && error.type, body);
  assert.ok(headers['x-request-id'], 'x-request-id');
  return responses[0];
}

// name: [bytes, status]
const refused = {
  // The request line
  'a version to come': ['GET /livez HTTP/2.0\r\n' + HOST + '\r\n', 505],
  'a version of three digits': ['GET /livez HTTP/1.10\r\n' + HOST + '\r\n', [400, 505]],
  'a version in small letters': ['GET /livez http/1.1\r\n' + HOST + '\r\n', 400],
  'another protocol': ['GET /livez RTSP/1.0\r\n' + HOST + '\r\n', [400, 505]],
  'no version': ['GET /livez\r\n' + HOST + '\r\n', [400, 505]],
  'no target': ['GET HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'two spaces': ['GET  /livez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a tab for a space': ['GET\t/livez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a space at the end': ['GET /livez HTTP/1.1 \r\n' + HOST + '\r\n', 400],
  'a space in the target': ['GET /li vez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a method with a bracket': ['G(T /livez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a method nobody knows': ['BREW /livez HTTP/1.1\r\n' + HOST + '\r\n', [405, 501]],
  'a byte over 0x7f in the target': ['GET /liv\xe9 HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a control byte in the target': ['GET /liv\x01 HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a fragment in the target': ['GET /livez#a HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a relative target': ['GET livez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'an absolute target': ['GET http://127.0.0.1/livez HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'an absolute target elsewhere': ['GET http://example.org/ HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'CONNECT': ['CONNECT 127.0.0.1:80 HTTP/1.1\r\n' + HOST + '\r\n', [400, 405, 501]],
  'an authority for a target': ['GET 127.0.0.1:80 HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'an asterisk for GET': ['GET * HTTP/1.1\r\n' + HOST + '\r\n', 400],
  'a long target': [get('', '/' + 'a'.repeat(70_000)), 414],
  'TLS on a plain port': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + 'x'.repeat(64), 400],

  // Host
  'no Host': ['GET /livez HTTP/1.1\r\n\r\n', 400],
  'two Hosts': ['GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  'two equal Hosts': ['GET /livez HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
  'a Host list': ['GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
  'a Host with a user': ['GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
  'a Host with a path': ['GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],

  // Fields
  'a folded line': [get('X-A: 1\r\n 2\r\n'), 400],
  'a line folded with a tab': [get('X-A: 1\r\n\t2\r\n'), 400],
  'a space before the first field': ['GET /livez HTTP/1.1\r\n ' + HOST + '\r\n', 400],
  'a space before the colon': [get('X-A : 1\r\n'), 400],
  'a tab before the colon': [get('X-A\t: 1\r\n'), 400],
  'a field without a colon': [get('X-A\r\n'), 400],
  'a field without a name': [get(': 1\r\n'), 400],
  'a space in a name': [get('X A: 1\r\n'), 400],
  'a byte over 0x7f in a name': [get('X-\xe4: 1\r\n'), 400],
  'a control byte in a name': [get('X-\x02: 1\r\n'), 400],
  'NUL in a value': [get('X-A: 1\x002\r\n'), 400],
  'a control byte in a value': [get('X-A: 1\x012\r\n'), 400],
  'DEL in a value': [get('X-A: 1\x7f2\r\n'), 400],
  'LF alone at the end of a line': [`GET /livez HTTP/1.1\n${HOST}\r\n`, 400],
  'LF alone after a field': ['GET /livez HTTP/1.1\r\nHost: a\n\r\n', 400],
  'LF alone for the empty line': ['GET /livez HTTP/1.1\r\nHost: a\r\n\n', 400],
  'LF alone in a value': [get('X-A: 1\n2\r\n'), 400],
  'CR alone in a value': [get('X-A: 1\r2\r\n'), 400],
  'CR alone at the end of a line': ['GET /livez HTTP/1.1\rHost: a\r\n\r\n', 400],
  'two CRs': ['GET /livez HTTP/1.1\r\r\nHost: a\r\n\r\n', 400],
  'a long field': [get(`X-A: ${'a'.repeat(200_000)}\r\n`), 431],
  'many fields': [get('X-A: 1\r\n'.repeat(2000)), 431],
  'a long name': [get(`${'a'.repeat(100_000)}: 1\r\n`), 431],

  // Length
  'two lengths that differ': [post('Content-Length: 2\r\nContent-Length: 3\r\n', '{}'), 400],
  'two equal lengths': [post('Content-Length: 2\r\nContent-Length: 2\r\n', '{}'), 400],
  'a list of lengths': [post('Content-Length: 2, 2\r\n', '{}'), 400],
  'a length with a plus': [post('Content-Length: +2\r\n', '{}'), 400],
  'a negative length': [post('Content-Length: -2\r\n', '{}'), 400],
  'a hexadecimal length': [post('Content-Length: 0x2\r\n', '{}'), 400],
  'a length with a space inside': [post('Content-Length: 1 2\r\n', '{}'), 400],
  'a length with a fraction': [post('Content-Length: 2.0\r\n', '{}'), 400],
  'an empty length': [post('Content-Length: \r\n', '{}'), 400],
  'a length over 64 bits': [post('Content-Length: 99999999999999999999\r\n', '{}'), [400, 413]],
  'a length that wraps to 2': [post('Content-Length: 18446744073709551618\r\n', '{}'), [400, 413]],
  'a body without a length': [post('', ''), 411],
  'a body over the limit': [post('Content-Length: 262145\r\n', '{}'), 413],
  'length and coding':
    [post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  'coding and length':
    [post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'), 400],

  // Codings
  'gzip': [post('Transfer-Encoding: gzip\r\n'), [400, 501]],
  'gzip, chunked': [post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 501],
  'chunked, gzip': [post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n'), [400, 501]],
  'chunked twice': [post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), [400, 501]],
  'chunked in two fields': [
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), [400, 501]],
  'identity': [post('Transfer-Encoding: identity\r\n'), [400, 501]],
  'xchunked': [post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), [400, 501]],
  'chunked with a parameter': [post('Transfer-Encoding: chunked;a=b\r\n', '0\r\n\r\n'), [400, 501]],
  'a vertical tab before chunked': [post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), 400],
  'an empty coding': [post('Transfer-Encoding: \r\n', '0\r\n\r\n'), [400, 501]],
  'HTTP/1.0 with a coding': [
    'POST /v1/chat/completions HTTP/1.0\r\n' + AUTH +
    'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],

  // Chunks
  'a size that is no number': [chunked('xyz\r\n{}\r\n0\r\n\r\n'), 400],
  'an empty size': [chunked('\r\n{}\r\n0\r\n\r\n'), 400],
  'a negative size': [chunked('-2\r\n{}\r\n0\r\n\r\n'), 400],
  'a size with 0x': [chunked('0x2\r\n{}\r\n0\r\n\r\n'), 400],
  'a size with a space before': [chunked(' 2\r\n{}\r\n0\r\n\r\n'), 400],
  'a size that overflows': [chunked('10000000000000002\r\n{}\r\n0\r\n\r\n'), [400, 413]],
  'a size of 64 set bits': [chunked('FFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n'), [400, 413]],
  'a size of many zeros': [chunked('0'.repeat(5000) + '2\r\n{}\r\n0\r\n\r\n'), 400],
  'a chunk over the limit': [chunked('40001\r\n'), 413],
  'LF alone after a size': [chunked('2\n{}\r\n0\r\n\r\n'), 400],
  'a chunk longer than its size': [chunked('2\r\n{}x\r\n0\r\n\r\n'), 400],
  'LF alone after a chunk': [chunked('2\r\n{}\n0\r\n\r\n'), 400],
  'a long chunk extension':
    [chunked(`2;a=${'b'.repeat(70_000)}\r\n{}\r\n0\r\n\r\n`), [400, 413, 431]],
  'many chunk extensions':
    [chunked(`1;${'a'.repeat(60)}\r\n \r\n`.repeat(3000)), [400, 413, 431]],
  'CR alone in a chunk extension': [chunked('2;a\rb\r\n{}\r\n0\r\n\r\n'), 400],
  'LF alone in a chunk extension': [chunked('2;a\nb\r\n{}\r\n0\r\n\r\n'), 400],
  'a long trailer': [chunked(`0\r\nX-A: ${'b'.repeat(200_000)}\r\n\r\n`), [400, 431]],
  'many trailers': [chunked('0\r\n' + 'X-A: b\r\n'.repeat(5000) + '\r\n'), [400, 431]],
  'a broken trailer': [chunked('0\r\nX-A : b\r\n\r\n'), 400],
};

describe('refused', { concurrency: 4 }, () => {
  for (const [what, [bytes, status]] of Object.entries(refused)) {
    test(what, () => assert_refused([bytes + SMUGGLED], status));
  }

  test('a head that comes too slowly', async () => {
    const started = Date.now();
    const slowly = ['GET /livez HTTP/1.1\r\n', 3000, 'Host: a\r\n', 3000, 'X-A: 1\r\n', 3000, 'X'];
    await assert_refused(slowly, 408, { within: 20_000 });
    const took = Date.now() - started;
    assert.ok(took > 9000 && took < 14_000, `10 s for all of it, not for each part: ${took} ms`);
  });
});

test('the server goes on serving after all of that', () => weir.is_alive());

test('a refusal is read in whole while the body still comes', async () => {
  const body = 'x'.repeat(200_000);
  const { responses, end } = await talk(weir.port, [
    'POST /v1/chat/completions HTTP/1.1\r\n' + HOST +
    `Content-Length: ${body.length}\r\n\r\n`, 50, body.slice(0, 100_000), 50, body.slice(100_000),
  ]);
  assert.equal(responses[0]?.status, 401, `no answer: ${end}`);
  assert.notEqual(end, 'reset', 'the answer may be lost by a reset');
  JSON.parse(responses[0].body);
});

describe('served', () => {
  test('requests in a row on one connection', async () => {
    const bytes = get() + get('', '/v1/models') + get('Connection: close\r\n', '/readyz');
    const { responses, end } = await talk(weir.port, bytes);
    assert.deepEqual(responses.map(({ status }) => status), [200, 401, 200]);
    assert.equal(end, 'fin');
  });

  test('pipelined answers, in order, also behind one that takes its time', async () => {
    const slow = JSON.stringify({ prompt: 'a', model: 'sim:first=300ms,chunks=1', stream: false });
    const bytes = `POST /api/v1/chat HTTP/1.1\r\n${HOST}${AUTH}Content-Length: ${slow.length}\r\n` +
      `\r\n${slow}` + get() + get(`${AUTH}Connection: close\r\n`, '/v1/models');
    const { responses } = await talk(weir.port, bytes);
    assert.deepEqual(responses.map(({ status }) => status), [200, 200, 200]);
    assert.ok(JSON.parse(responses[0].body).content);
    assert.equal(JSON.parse(responses[2].body).object, 'list');
  });

  test('a request that comes byte by byte', async () => {
    const parts = [...get('Connection: close\r\n')].flatMap((byte) => [byte, 1]);
    const { responses } = await talk(weir.port, parts);
    assert.equal(responses[0]?.status, 200);
  });

  test('HEAD as GET, without the body', async () => {
    const bytes = `HEAD /livez HTTP/1.1\r\n${HOST}\r\n` + get('Connection: close\r\n');
    const { responses } = await talk(weir.port, bytes, { heads: [0] });
    assert.deepEqual(responses.map(({ status }) => status), [200, 200]);
    const [head, body] = responses;
    assert.equal(head.headers['content-length'], String(body.body.length));
  });

  test('Expect: 100-continue', async () => {
    const { responses } = await talk(weir.port, [
      post(`Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${CHAT.length}\r\n`),
      300, CHAT]);
    assert.deepEqual(responses.map(({ status }) => status), [100, 200]);
  });

  test('Expect: 100-continue is answered at once where the body is not wanted', async () => {
    const { responses } = await talk(weir.port,
      post('Expect: 100-continue\r\nContent-Length: 300000\r\n'));
    assert.deepEqual(responses.map(({ status }) => status), [413]);
  });

  test('a chunked body, with extensions and trailers', async () => {
    const parts = [CHAT.slice(0, 5), CHAT.slice(5, 30), CHAT.slice(30)];
    const body = parts.map((part) => `${part.length.toString(16)};a="b"\r\n${part}\r\n`).join('') +
      '0\r\nX-Trailer: 1\r\n\r\n';
    const { responses } = await talk(weir.port,
      post('Transfer-Encoding: Chunked\r\nConnection: close\r\n', body));
    assert.equal(responses[0]?.status, 200, responses[0]?.body);
  });

  test('a chunked body in pieces that cut the framing everywhere', async () => {
    const bytes = post('Transfer-Encoding: chunked\r\nConnection: close\r\n',
      `${CHAT.length.toString(16)}\r\n${CHAT}\r\n0\r\n\r\n`);
    const start = bytes.indexOf('\r\n\r\n') - 2;
    const parts = [bytes.slice(0, start), ...[...bytes.slice(start)].flatMap((byte) => [byte, 1])];
    const { responses } = await talk(weir.port, parts, { within: 10_000 });
    assert.equal(responses[0]?.status, 200, responses[0]?.body);
  });

  test('HTTP/1.0, without a Host, and closes', async () => {
    const { responses, end } = await talk(weir.port, 'GET /livez HTTP/1.0\r\n\r\n');
    assert.equal(responses[0]?.status, 200);
    assert.equal(end, 'fin');
  });

  test('a stream to HTTP/1.0, which knows no chunks', async () => {
    const body = JSON.stringify({ ...JSON.parse(CHAT), stream: true });
    const { responses, end } = await talk(weir.port,
      `POST /v1/chat/completions HTTP/1.0\r\n${AUTH}Content-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(responses[0]?.status, 200);
    assert.equal(responses[0].headers['transfer-encoding'], undefined);
    assert.match(responses[0].body, /data: \[DONE\]/);
    assert.equal(end, 'fin');
  });

  test('another connection while one says nothing', async () => {
    const mute = talk(weir.port, 'GET /livez HT', { within: 1000 });
    await weir.is_alive();
    assert.equal((await mute).end, 'open');
  });

  test('a client that hangs up in the middle of its body', async () => {
    await talk(weir.port, post('Content-Length: 100\r\n', '{"model"'), { within: 100 });
    await weir.is_alive();
  });

  test('bytes over 0x7f in a value', async () => {
    const { responses } = await talk(weir.port, get('X-A: \xe4\r\nConnection: close\r\n'));
    assert.equal(responses[0]?.status, 200);
  });
});

describe('paths and methods', () => {
  test('an unknown path is 404 not_found', async () => {
    for (const path of ['/v1/nothing', '/v1//models', '//livez', '/livez/', '/%2e%2e/livez']) {
      const { responses } = await talk(weir.port, get(AUTH + 'Connection: close\r\n', path));
      assert.equal(responses[0]?.status, 404, path);
      assert.equal(JSON.parse(responses[0].body).error.code, 'not_found');
    }
  });

  test('a wrong method is 405 with Allow', async () => {
    const answer = await weir.request('/v1/chat/completions', { method: 'GET' });
    assert.equal(answer.status, 405);
    assert.equal(answer.error.code, 'method_not_allowed');
    assert.equal(answer.headers.allow, 'POST');
  });

  test('a query is no part of the path', async () => {
    assert.equal((await weir.request('/livez?a=b&c', { key: null })).status, 200);
  });
});
