// Who a request is from when a proxy stands before the server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { read_responses, talk } from './harness/wire.mjs';
import { start_weir } from './harness/weir.mjs';

// The statuses of `count` requests that carry these X-Forwarded-For lines.
async function statuses(weir, lines, count) {
  const seen = [];
  const fields = lines.map((line) => `X-Forwarded-For: ${line}\r\n`).join('');
  for (let n = 0; n < count; ++n) {
    const said = await talk(weir.port, [
      `GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${weir.key}\r\n${fields}` +
      'Connection: close\r\n\r\n']);
    seen.push(read_responses(said.text)[0].status);
  }
  return seen;
}

test('only a trusted proxy is believed, and only about whom it speaks for', async (t) => {
  const limits = { per_ip: '3/day burst 3' };
  const weir = await start_weir(t, { config: { trusted_proxies: ['127.0.0.0/8'], limits } });
  assert.deepEqual(await statuses(weir, ['203.0.113.1'], 4), [200, 200, 200, 429]);
  assert.deepEqual(await statuses(weir, ['203.0.113.2'], 1), [200],
    'another client is another client');
  assert.deepEqual(await statuses(weir, ['127.0.0.1', '203.0.113.1'], 1), [429],
    'what a client wrote itself, in a line before the proxy\'s');
  assert.deepEqual(await statuses(weir, ['198.51.100.9, 203.0.113.1'], 1), [429],
    'or in the same line');
});

test('without trusted proxies nobody is', async (t) => {
  const weir = await start_weir(t, { config: { limits: { per_ip: '3/day burst 3' } } });
  assert.deepEqual(await statuses(weir, ['203.0.113.1'], 5), [200, 200, 200, 200, 200],
    'the peer is loopback, which is not counted');
});
