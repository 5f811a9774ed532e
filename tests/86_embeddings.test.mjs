// POST /v1/embeddings: it walks the same road as a chat request, and pays for its input alone.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { start_weir } from './harness/weir.mjs';

const LIST = {
  object: 'list', model: 'e', usage: { prompt_tokens: 7, total_tokens: 7 },
  data: [{ object: 'embedding', index: 0, embedding: [0.25, -1e-7, 3] }],
  tomorrow: { kept: true },
};

async function start(t, quota = {}) {
  const asked = [];
  const provider = http.createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => {
      asked.push({ path: request.url, body: JSON.parse(body) });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(LIST));
    });
  });
  await new Promise((ready) => { provider.listen(0, '127.0.0.1', ready); });
  t.after(() => { provider.closeAllConnections(); provider.close(); });
  const base_url = `http://127.0.0.1:${provider.address().port}/v1`;
  const weir = await start_weir(t, { config: {
    providers: { a: { dialect: 'openai', base_url, keys: ['k'] },
      other: { dialect: 'anthropic', base_url, keys: ['k'] } },
    models: { e: { targets: [{ provider: 'a', model: 'real', price: { input: 2, output: 9 } }] },
      words: { targets: [{ provider: 'other' }] } },
    quota,
  } });
  const embed = (body, headers = {}) => weir.request('/v1/embeddings', { body, headers });
  return { weir, asked, embed };
}

describe('embeddings', () => {
  test('reach the provider as they are, and come back as they are', async (t) => {
    const { weir, asked, embed } = await start(t);
    const body = { model: 'e', input: ['a', [1, 2]], encoding_format: 'base64', new_field: [1] };
    const answer = await embed(body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, LIST);
    assert.deepEqual(asked, [{ path: '/v1/embeddings', body: { ...body, model: 'real' } }]);
    assert.equal(answer.headers['x-weir-cost-usd'], '0.000014');
    const shown = await weir.json('ledger', 'show');
    assert.deepEqual([shown.requests, shown.tokens_in, shown.tokens_out, shown.nanousd],
      [1, 7, 0, 14_000]);
  });

  test('are refused by a budget before the provider is asked', async (t) => {
    const { asked, embed } = await start(t, { user: [{ tokens: 50, per: 'day' }] });
    const answer = await embed({ model: 'e', input: 'x'.repeat(4000) });
    assert.equal(answer.status, 429);
    assert.equal(answer.json.error.code, 'quota_exceeded');
    assert.equal(asked.length, 0);
  });

  test('are paid once under a key, however often they are sent', async (t) => {
    const { weir, asked, embed } = await start(t);
    const headers = { 'idempotency-key': 'one' };
    const first = await embed({ model: 'e', input: 'x' }, headers);
    const again = await embed({ model: 'e', input: 'x' }, headers);
    assert.equal(again.headers['x-weir-idempotent'], 'replayed');
    assert.deepEqual(again.json, first.json);
    assert.equal(asked.length, 1);
    assert.equal((await weir.json('ledger', 'show')).requests, 1);
  });

  test('that are wrong are told where', async (t) => {
    const { embed } = await start(t);
    const wrong = [[{ model: 'e' }, 'input'], [{ model: 'e', input: [] }, 'input'],
      [{ model: 'e', input: [true] }, 'input[0]'], [{ model: 'e', input: 'x', dimensions: 0 },
        'dimensions'], [{ model: 'e', input: 'x', encoding_format: 'hex' }, 'encoding_format'],
      [{ input: 'x' }, 'model'], [{ model: 'words', input: 'x' }, 'model']];
    for (const [body, param] of wrong) {
      const answer = await embed(body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.json.error.param, param, answer.text);
    }
    assert.equal((await embed({ model: 'none', input: 'x' })).status, 404);
  });
});
