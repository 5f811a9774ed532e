// Choosing among targets and keys: what a failing one costs, and how it comes back. The providers
// are real ones on loopback that answer as they are told.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import http from 'node:http';

import { make_home, serve as serve_home } from './harness/weir.mjs';

const scope = { after };

// An OpenAI-compatible provider whose manner can be changed while it runs.
async function provider(name) {
  const sockets = new Set();
  const self = { name, asked: [], down: false, refuse: null, chunks: 3, gap: 0 };
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => answer(request, response, body));
  });
  async function answer(request, response, body) {
    const key = (request.headers.authorization ?? '').replace('Bearer ', '');
    self.asked.push({ key, at: performance.now(), body });
    const refusal = self.refuse?.(key);
    if (refusal?.inside) return say_inside(response, refusal);
    if (self.down) return request.socket.destroy();
    if (refusal) {
      const type = { 'content-type': 'application/json' };
      response.writeHead(refusal.status, { ...type, ...refusal.headers });
      return response.end(JSON.stringify({ error: refusal.error }));
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', ...self.headers?.(key) });
    for (let i = 0; i < self.chunks; ++i) {
      response.write(`data: ${JSON.stringify({ id: 'c', model: 'm', created: 1,
        choices: [{ index: 0, delta: { content: `${name} ` } }] })}\n\n`);
      if (self.gap) await new Promise((go) => { setTimeout(go, self.gap); });
      if (response.destroyed) return undefined;
    }
    const last = { index: 0, delta: {}, finish_reason: 'stop' };
    response.write(`data: ${JSON.stringify({ id: 'c', choices: [last] })}\n\n`);
    return response.end('data: [DONE]\n\n');
  }
  // An error in the place of an answer, cut in the middle.
  async function say_inside(response, { inside, error }) {
    response.writeHead(200, { 'content-type': inside });
    const words = JSON.stringify({ error });
    if (inside === 'application/json') return response.end(words);
    response.write(`data: ${words.slice(0, 20)}`);
    await new Promise((go) => { setTimeout(go, 20); });
    return response.end(`${words.slice(20)}\n\n`);
  }
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
  after(() => { server.closeAllConnections(); server.close(); });
  self.url = `http://127.0.0.1:${server.address().port}/v1`;
  self.kill = () => { self.down = true; for (const socket of sockets) socket.destroy(); };
  return self;
}

async function ask(weir, model, { stream = false, ...more } = {}) {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${weir.key}` },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hi' }], ...more }),
  });
  return { status: response.status, provider: response.headers.get('x-weir-provider'),
    retry_after_ms: Number(response.headers.get('retry-after-ms')),
    text: await response.text() };
}

const only = { m: { targets: [{ provider: 'p' }] } };
const limits = { per_key: 'off', concurrent_per_key: 10_000 };
const one = (p, keys = ['k1']) => ({ dialect: 'openai', base_url: p.url, keys });

async function serve(providers, models) {
  const home = make_home({ config: { providers, models, limits } });
  const weir = await serve_home(scope, home);
  return Object.assign(weir, { home });
}

async function keys_of(weir, name) {
  const { stdout } = await weir.cli(['provider', 'list', '--json']);
  return JSON.parse(stdout).find((p) => p.name === name).keys;
}

describe('keys', () => {
  test('a refused key is retired at once, the next answers, and a command shows it', async () => {
    const p = await provider('p');
    p.refuse = (key) => (key === 'bad-key-0001' ? { status: 401, error: { code: 'invalid_api_key',
      message: 'Incorrect API key provided: bad-key-0001' } } : null);
    const weir = await serve({ p: one(p, ['bad-key-0001', 'good']) }, only);
    for (let i = 0; i < 6; ++i) assert.equal((await ask(weir, 'm')).status, 200);
    assert.equal(p.asked.filter(({ key }) => key === 'bad-key-0001').length, 1);
    const [bad, good] = await keys_of(weir, 'p');
    assert.equal(bad.state, 'suspended (auth)');
    assert.ok(bad.until && !bad.last_error.includes('provided: bad-key-0001'), JSON.stringify(bad));
    assert.equal(good.state, 'ok');
  });

  for (const inside of ['text/event-stream', 'application/json'])
    test(`is judged by an error inside a 200 of ${inside}, as by any other`, async () => {
      const p = await provider('p');
      p.refuse = (key) => (key === 'poor' ? { inside, error: { code: 'insufficient_quota',
        message: 'You exceeded your current quota' } } : null);
      const weir = await serve({ p: one(p, ['poor', 'rich']) }, only);
      for (const stream of [true, false, true, false])
        assert.equal((await ask(weir, 'm', { stream })).status, 200);
      assert.equal(p.asked.filter(({ key }) => key === 'poor').length, 1);
      const [poor, rich] = await keys_of(weir, 'p');
      assert.deepEqual([poor.state, rich.state], ['suspended (billing)', 'ok']);
      p.refuse = () => ({ inside,
        error: { code: 'context_length_exceeded', message: 'too long' } });
      const asked = p.asked.length;
      const told = await ask(weir, 'm');
      assert.equal(told.status, 400, told.text);
      assert.match(told.text, /too long/);
      assert.equal(p.asked.length, asked + 1, 'the request itself was refused: no other helps');
    });

  test('its state outlives a restart', async () => {
    const p = await provider('p');
    p.refuse = (key) => (key === 'poor' ? { status: 429, error: { code: 'insufficient_quota',
      message: 'You exceeded your current quota' } } : null);
    const weir = await serve({ p: one(p, ['poor', 'rich']) }, only);
    for (let i = 0; i < 4; ++i) assert.equal((await ask(weir, 'm')).status, 200);
    await weir.program.stop();
    const again = await serve_home(scope, weir.home);
    for (let i = 0; i < 4; ++i) assert.equal((await ask(again, 'm')).status, 200);
    assert.equal(p.asked.filter(({ key }) => key === 'poor').length, 1);
    assert.equal((await keys_of(again, 'p'))[0].state, 'suspended (billing)');
  });

  test('is not asked while it has said that nothing is left', async () => {
    const p = await provider('p');
    p.headers = (key) => (key === 'few' ? { 'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m0s' } : {});
    const weir = await serve({ p: one(p, ['few', 'many']), q: one(p, ['few']) },
      { m: { targets: [{ provider: 'p' }] }, alone: { targets: [{ provider: 'q' }] } });
    for (let i = 0; i < 6; ++i) assert.equal((await ask(weir, 'm')).status, 200);
    const few = () => p.asked.filter(({ key }) => key === 'few').length;
    assert.equal(few(), 1, 'asked again though nothing was left');
    assert.equal((await ask(weir, 'alone')).status, 200);
    const told = await ask(weir, 'alone');
    assert.equal(told.status, 503, told.text);
    assert.ok(told.retry_after_ms > 0 && told.retry_after_ms <= 1000, `${told.retry_after_ms}`);
    await new Promise((go) => { setTimeout(go, told.retry_after_ms); });
    assert.equal((await ask(weir, 'alone')).status, 200);
  });

  test('keys of one organisation rest together, for as long as the provider asks', async () => {
    const p = await provider('p');
    let fast = true;
    p.refuse = (key) => (fast && key !== 'c' ? { status: 429, headers: { 'retry-after-ms': '700' },
      error: { code: 'rate_limit_exceeded', message: 'too fast' } } : null);
    const keys = [{ name: 'a', value: 'a', group: 'org' }, { name: 'b', value: 'b', group: 'org' },
      { name: 'c', value: 'c', group: 'other' }];
    const weir = await serve({ p: one(p, keys) }, only);
    for (let i = 0; i < 8; ++i) assert.equal((await ask(weir, 'm')).status, 200);
    const early = p.asked.filter(({ key }) => key !== 'c');
    assert.equal(early.length, 1, 'the other key of the organisation was asked too');
    fast = false;
    await new Promise((go) => { setTimeout(go, 750); });
    for (let i = 0; i < 3; ++i) assert.equal((await ask(weir, 'm')).status, 200);
    const late = p.asked.filter(({ key }) => key !== 'c')[1];
    assert.ok(late.at - early[0].at >= 700, 'asked before its time');
  });
});

describe('targets', () => {
  test('one of three killed under 200 streams: only visible ones are cut', async () => {
    const three = await Promise.all(['a', 'b', 'c'].map(provider));
    for (const p of three) Object.assign(p, { chunks: 20, gap: 20 });
    const weir = await serve(Object.fromEntries(three.map((p) => [p.name, one(p)])),
      { m: { targets: three.map((p) => ({ provider: p.name })) } });
    const streams = [];
    for (let i = 0; i < 200; ++i) {
      streams.push(ask(weir, 'm', { stream: true }));
      if (i === 100) three[1].kill();
      await new Promise((go) => { setTimeout(go, 4); });
    }
    const ended = await Promise.all(streams);
    const broken = ended.filter(({ text }) => !text.includes('[DONE]'));
    assert.ok(ended.every(({ status }) => status === 200));
    for (const { text } of broken) {
      assert.match(text, /"error":\{/, 'a stream that ended without a word');
      assert.match(text, /"content":"b "/, 'one that nobody had seen anything of');
    }
    assert.ok(broken.length > 0 && broken.length <= 40, `${broken.length} were cut`);
    assert.ok(three[1].asked.length < 100, 'a dead provider is asked again and again');
    const verify = await weir.cli(['ledger', 'verify']);
    assert.equal(verify.code, 0, verify.stderr);
  });

  test('what a target cannot do goes to one that can, or is refused by name', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(provider));
    const weir = await serve({ a: one(a), b: one(b) }, { m: { targets: [
      { provider: 'a', features: ['json'], context: 50 },
      { provider: 'b', tier: 2, context: 500 }] } });
    const tools = [{ type: 'function', function: { name: 'f' } }];
    assert.equal((await ask(weir, 'm', { tools })).provider, 'b');
    const long = await ask(weir, 'm', { messages: [{ role: 'user', content: 'x'.repeat(4000) }] });
    assert.equal(long.status, 400);
    assert.equal(JSON.parse(long.text).error.param, 'messages');
    assert.equal((await ask(weir, 'm')).provider, 'a');
  });

  test('stability, status and explain tell which are well', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map(provider));
    a.down = true;
    const weir = await serve({ a: one(a), b: one(b) },
      { m: { targets: [{ provider: 'a' }, { provider: 'b' }] } });
    for (let i = 0; i < 16; ++i) assert.equal((await ask(weir, 'm')).provider, 'b');
    assert.ok(a.asked.length <= 6, `asked ${a.asked.length} times`);
    const get = async (path) => (await fetch(`${weir.url}${path}`,
      { headers: { authorization: `Bearer ${weir.key}` } })).json();
    const stability = await get('/api/v1/stability');
    const [first, second] = stability.models.find(({ id }) => id === 'm').targets;
    assert.equal(first.breaker, 'open');
    assert.equal(first.score, 0);
    assert.equal(second.score, 100);
    assert.match(stability.recommendations.join('\n'), /m: a\/m: its circuit is open/);
    assert.equal((await get('/api/v1/status')).status, 'ok');
    const explained = await weir.cli(['explain', '--key', weir.key, '--model', 'm', '--json']);
    assert.match(explained.stdout, /circuit is open/);
  });
});
