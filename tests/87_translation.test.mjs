// What a translation must not do: lose something without a word, point elsewhere, or tell a secret.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { start_weir } from './harness/weir.mjs';

const SECRET = 'provider-secret-0123456789';
const user = (content) => ({ role: 'user', content });

// A provider of every dialect that remembers what it was asked and answers as it is told.
async function start(t) {
  const self = { asked: [], answer: null };
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => {
      self.asked.push({ url: request.url, headers: request.headers, body: JSON.parse(body) });
      const { status = 200, type = 'application/json', text } = self.answer ?? said(request.url);
      response.writeHead(status, { 'content-type': type });
      response.end(text);
    });
  });
  await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  const at = (path) => `http://127.0.0.1:${server.address().port}/${path}`;
  const provider = (dialect, path) => ({ dialect, base_url: at(path), keys: [SECRET] });
  const target = (name) => ({ targets: [{ provider: name, model: 'm', stream: false }] });
  self.weir = await start_weir(t, { config: {
    providers: { oa: provider('openai', 'v1'), an: provider('anthropic', 'v1'),
      ge: provider('gemini', 'v1beta'), ol: provider('ollama', '') },
    models: { oa: target('oa'), an: target('an'), ge: target('ge'), ol: target('ol'),
      'ge/*': { targets: [{ provider: 'ge', model: 'models-*', stream: false }] },
      strict: { ...target('ge'), strict: true },
      two: { targets: [{ provider: 'an', model: 'm', stream: false },
        { provider: 'oa', model: 'm', tier: 2, stream: false }] } },
  } });
  self.messages = (body) => self.weir.request('/v1/messages',
    { body: { max_tokens: 50, messages: [user('hi')], ...body } });
  return self;
}

const said = (url) => ({ text: JSON.stringify(
  url.includes('generateContent') ? { responseId: 'r', candidates: [{ finishReason: 'STOP',
    content: { role: 'model', parts: [{ text: 'yes' }] } }] }
    : url.includes('/api/chat') ? { model: 'm', created_at: '2026-01-01T00:00:00.5Z', done: true,
      message: { role: 'assistant', content: 'yes' }, done_reason: 'stop' }
      : url.includes('/messages') ? { id: 'x', type: 'message', role: 'assistant', model: 'm',
        content: [{ type: 'text', text: 'yes' }], stop_reason: 'end_turn',
        usage: { input_tokens: 1, output_tokens: 1 } }
        : { id: 'c', choices: [{ index: 0, message: { role: 'assistant', content: 'yes' },
          finish_reason: 'stop' }] }) });

describe('translation', () => {
  test('asks the next target for what the first one has no words for', async (t) => {
    const { asked, weir } = await start(t);
    const ask = (more) => weir.request('/v1/chat/completions',
      { body: { model: 'two', messages: [user('hi')], ...more } });
    assert.equal((await ask({})).headers['x-weir-provider'], 'an');
    const answer = await ask({ n: 2 });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['x-weir-provider'], 'oa');
    assert.equal(asked.length, 2);
    const refused = await weir.request('/v1/chat/completions',
      { body: { model: 'an', messages: [user('hi')], n: 2 } });
    assert.equal(refused.status, 400, refused.text);
    assert.equal(JSON.parse(refused.text).error.param, 'n');
  });

  test('dates an answer whose provider does not', async (t) => {
    const { weir } = await start(t);
    for (const model of ['an', 'ge', 'oa']) {
      const answer = await weir.request('/v1/chat/completions',
        { body: { model, messages: [user('hi')] } });
      assert.equal(answer.status, 200, answer.text);
      assert.ok(Math.abs(JSON.parse(answer.text).created - Date.now() / 1000) < 60, answer.text);
    }
  });

  test('names what another provider was not told, or refuses it by rule', async (t) => {
    const { messages } = await start(t);
    const extra = { top_k: 5, container: 'c', tools: [{ type: 'web_search_20250305', name: 's' }] };
    for (const model of ['oa', 'ge', 'ol']) {
      const answer = await messages({ model, ...extra });
      assert.equal(answer.status, 200, answer.text);
      for (const name of ['top_k', 'container', 'tools[0]'])
        assert.ok(answer.headers['x-weir-warnings']?.includes(name), `${model}: ${name}`);
    }
    const native = await messages({ model: 'an', ...extra });
    assert.equal(native.headers['x-weir-warnings'], undefined);
    const strict = await messages({ model: 'strict', ...extra });
    assert.equal(strict.status, 400);
    assert.equal((await messages({ model: 'strict' })).status, 200);
  });

  test('takes a turn that has words in its own dialect alone', async (t) => {
    const { messages, asked } = await start(t);
    const block = { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } };
    const answer = await messages({ model: 'an', messages: [user([block])] });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asked[0].body.messages, [user([block])]);
  });

  test('passes on the betas that a client of the same dialect asks for', async (t) => {
    const { weir, asked } = await start(t);
    const headers = { 'anthropic-beta': 'one,two' };
    const body = { model: 'an', max_tokens: 5, messages: [user('x')] };
    await weir.request('/v1/messages', { body, headers });
    assert.equal(asked[0].headers['anthropic-beta'], 'one,two');
    await weir.request('/v1/messages', { body: { ...body, model: 'oa' }, headers });
    assert.equal(asked[1].headers['anthropic-beta'], undefined);
  });

  test('gives results to Gemini in the order of their calls', async (t) => {
    const { weir, asked } = await start(t);
    const call = (id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
    const result = (id) => ({ role: 'tool', tool_call_id: id, content: `of ${id}` });
    await weir.chat('ge', { messages: [user('x'),
      { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] },
      result('b'), result('a')] });
    const parts = asked[0].body.contents.at(-1).parts;
    assert.deepEqual(parts.map((p) => p.functionResponse.response.result), ['of a', 'of b']);
  });

  test('shows arguments that are no JSON instead of calling a tool without them', async (t) => {
    const self = await start(t);
    const tool_calls = [{ id: 't', type: 'function',
      function: { name: 'delete', arguments: '{"path": "/tmp/x", }' } }];
    const choice = { index: 0, finish_reason: 'tool_calls',
      message: { role: 'assistant', content: null, tool_calls } };
    self.answer = { text: JSON.stringify({ id: 'c', choices: [choice] }) };
    const { json } = await self.messages({ model: 'oa' });
    assert.deepEqual(json.content[0].input, { _not_json: '{"path": "/tmp/x", }' });
  });

  test('a name of a model climbs to no other path', async (t) => {
    const { weir, asked } = await start(t);
    for (const name of ['ge/../x', 'ge/a/../../b', 'ge/.'])
      assert.equal((await weir.chat(name)).status, 404, name);
    assert.equal((await weir.chat('ge/a?b#c%2e')).status, 200);
    assert.deepEqual(asked.map(({ url }) => url),
      ['/v1beta/models/models-a%3Fb%23c%252e:generateContent']);
  });

  test('a long list of faults costs no more than its first few', async (t) => {
    const { weir } = await start(t);
    const begun = performance.now();
    const answer = await weir.chat('oa', { stop: Array(100_000).fill(1) });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.param, 'stop[0]');
    assert.equal(answer.json.error.details.length, 8);
    assert.ok(performance.now() - begun < 5000, 'it takes longer, the longer the list is');
  });

  test('a provider that repeats its key tells nobody', async (t) => {
    const self = await start(t);
    const forms = [
      { status: 400, text: JSON.stringify({ error: { message: `${'x'.repeat(490)} ${SECRET}` } }) },
      { text: JSON.stringify({ error: { message: `no: ${SECRET}` } }) },
      { text: `{"${SECRET}":1,"${SECRET}":2}` }, { type: `text/${SECRET}`, text: 'x' }];
    for (const form of forms) {
      self.answer = form;
      for (const model of ['oa', 'an', 'ge', 'ol']) {
        const answer = await self.weir.chat(model);
        assert.notEqual(answer.status, 200);
        assert.ok(!answer.text.includes(SECRET.slice(0, 20)), answer.text);
      }
    }
    const listed = await self.weir.say('provider', 'list', '--json');
    assert.ok(!listed.includes(SECRET.slice(0, 20)), listed);
    assert.ok(!self.weir.stderr.includes(SECRET.slice(0, 20)));
  });
});
