// Provider keys that come and go while the server runs: sealed at rest, tried out, drained, and no
// request fails for it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { make_home, serve as serve_home } from './harness/weir.mjs';

const scope = { after };
const OLD = 'old-provider-secret-000000';
const NEW = 'new-provider-secret-111111';

// A provider that knows some keys and counts what each is asked.
async function provider() {
  const self = { good: new Set([OLD, NEW]), asked: new Map(), gap: 0 };
  const server = http.createServer(async (request, response) => {
    const key = (request.headers.authorization ?? '').replace('Bearer ', '');
    request.resume();
    await once(request, 'end');
    self.asked.set(key, (self.asked.get(key) ?? 0) + 1);
    if (!self.good.has(key)) {
      response.writeHead(401, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ error: { code: 'invalid_api_key', message: 'no' } }));
    }
    if (request.url.endsWith('/models')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ data: [{ id: 'm' }] }));
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 5; ++i) {
      const delta = { content: `${i} ` };
      const chunk = { id: 'c', model: 'm', choices: [{ index: 0, delta }] };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      if (self.gap) await new Promise((go) => { setTimeout(go, self.gap); });
    }
    const last = { index: 0, delta: {}, finish_reason: 'stop' };
    response.write(`data: ${JSON.stringify({ id: 'c', choices: [last] })}\n\n`);
    return response.end('data: [DONE]\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => { server.closeAllConnections(); server.close(); });
  self.url = `http://127.0.0.1:${server.address().port}/v1`;
  self.count = (key) => self.asked.get(key) ?? 0;
  return self;
}

async function start() {
  const p = await provider();
  const home = make_home({ config: {
    providers: { p: { dialect: 'openai', base_url: p.url, keys: [{ name: 'old', value: OLD }] } },
    models: { m: { targets: [{ provider: 'p', model: 'm' }] } },
    limits: { per_key: 'off', concurrent_per_key: 10_000 },
  } });
  return { p, home, weir: await serve_home(scope, home) };
}

async function ask(weir) {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${weir.key}` },
    body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
  });
  const text = await response.text();
  return response.status === 200 && text.includes('[DONE]') && !text.includes('"error"');
}

async function keys_of(weir) {
  const { stdout } = await weir.cli(['provider', 'list', '--json']);
  return Object.fromEntries(JSON.parse(stdout).find(({ name }) => name === 'p').keys
    .map((key) => [key.name, key]));
}

const add = (weir, name, value, ...more) =>
  weir.cli(['provider', 'key', 'add', 'p', name, ...more], { input: `${value}\n` });

describe('a provider key added at run time', () => {
  test('proves itself as a canary, takes over, and outlives a restart', async () => {
    const { p, home, weir } = await start();
    const added = await add(weir, 'new', NEW);
    assert.equal(added.code, 0, added.stderr);
    assert.equal((await keys_of(weir)).new.state, 'canary');
    for (let i = 0; i < 100; ++i) assert.ok(await ask(weir));
    assert.ok(p.count(NEW) >= 4 && p.count(NEW) <= 6, `asked ${p.count(NEW)} times of 100`);
    for (let i = 0; i < 120; ++i) assert.ok(await ask(weir));
    assert.equal((await keys_of(weir)).new.state, 'ok');
    await weir.program.stop();

    const again = await serve_home(scope, home);
    const before = p.count(NEW);
    for (let i = 0; i < 10; ++i) assert.ok(await ask(again));
    assert.equal(p.count(NEW), before + 5);
    const bytes = readdirSync(home.data_dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('');
    assert.ok(bytes.length > 0 && !bytes.includes(NEW), 'the key lies open on the disk');
  });

  test('goes back to be staged when the provider refuses it', async () => {
    const { weir } = await start();
    assert.equal((await add(weir, 'bad', 'no-such-key')).code, 0);
    for (let i = 0; i < 25; ++i) assert.ok(await ask(weir), 'a bad canary cost an answer');
    assert.equal((await keys_of(weir)).bad.state, 'staged');
  });

  test('takes over from another under load, and no request fails', async () => {
    const { p, weir } = await start();
    p.gap = 4;
    let stop = false;
    let answered = 0;
    const load = Array.from({ length: 32 }, async () => {
      while (!stop) {
        assert.ok(await ask(weir), 'a request failed');
        ++answered;
      }
    });
    const some = async () => {
      for (const wanted = answered + 100; answered < wanted;)
        await new Promise((go) => { setTimeout(go, 10); });
    };
    await some();
    assert.equal((await add(weir, 'a', NEW, '--stage', 'active')).code, 0);
    await some();
    assert.ok(p.count(NEW) > 0);
    for (const stage of ['draining', 'active', 'staged', 'canary', 'draining']) {
      const said = await weir.cli(['provider', 'key', 'stage', 'p/a', stage]);
      assert.equal(said.code, 0, said.stderr);
      await some();
    }
    const drained = p.count(NEW);
    await some();
    assert.equal(p.count(NEW), drained, 'asked while it drains');
    const { a } = await keys_of(weir);
    assert.deepEqual([a.state, a.in_flight], ['draining', 0]);
    assert.equal((await weir.cli(['provider', 'key', 'revoke', 'p/a'])).code, 0);
    await some();
    stop = true;
    await Promise.all(load);
    assert.deepEqual(Object.keys(await keys_of(weir)), ['old']);
  });

  test('is tried out with `provider test` while it is only kept', async () => {
    const { p, weir } = await start();
    assert.equal((await add(weir, 'kept', NEW, '--stage', 'staged')).code, 0);
    const tested = JSON.parse((await weir.cli(['provider', 'test', 'p', '--json'])).stdout);
    assert.deepEqual(tested.keys.map(({ name, result }) => [name, result]),
      [['old', 'ok'], ['kept', 'ok']]);
    for (let i = 0; i < 30; ++i) assert.ok(await ask(weir));
    assert.equal(p.count(NEW), 1);
  });

  test('is refused where it makes no sense', async () => {
    const { weir } = await start();
    const cases = [
      [['provider', 'key', 'stage', 'p/old', 'draining'], /configuration file/],
      [['provider', 'key', 'revoke', 'p/old'], /configuration file/],
      [['provider', 'key', 'stage', 'p/none', 'active'], /no provider key 'p\/none'/],
      [['provider', 'key', 'revoke', 'none'], /There is no|not found|not_found/i],
    ];
    for (const [args, words] of cases) {
      const said = await weir.cli(args);
      assert.equal(said.code, 1, args.join(' '));
      assert.match(said.stderr, words, args.join(' '));
    }
    assert.equal((await add(weir, 'old', NEW)).code, 1, 'its name is taken by the file');
    assert.equal((await add(weir, 'a b', NEW)).code, 2);
    assert.equal((await add(weir, 'a', 'two words')).code, 2);
    assert.equal((await add(weir, 'a', '')).code, 2);
    assert.equal((await add(weir, 'a', NEW, '--stage', 'nonsense')).code, 2);
    assert.equal((await add(weir, 'a', NEW, '--weight', '0')).code, 2);
    assert.equal((await add(weir, 'a', NEW)).code, 0);
    assert.equal((await add(weir, 'a', NEW)).code, 1, 'its name is taken');
    assert.deepEqual(Object.keys(await keys_of(weir)).sort(), ['a', 'old']);
  });
});
