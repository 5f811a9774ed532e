// Who may use it: keys, users and teams, made by command and used over HTTP.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { start_sim } from './harness/sim.mjs';
import { make_home, serve, sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, { config: sim_config(sim) });

const KEY = /^sk-weir-[0-9A-Za-z]+-[0-9A-Za-z]+$/;
const public_id = (key) => key.split('-')[2];
const status = async (key) => (await weir.chat('fast', {}, { key })).status;
const listed = async (key) =>
  (await weir.json('key', 'list')).find(({ id }) => id === public_id(key));

function assert_unauthorized(answer) {
  assert.equal(answer.status, 401, answer.text);
  assert.equal(answer.error.type, 'invalid_request_error');
  assert.equal(answer.error.code, 'invalid_api_key');
  assert.equal(typeof answer.error.message, 'string');
  assert.ok(answer.headers['x-request-id']);
}

describe('a key', () => {
  test('is printed alone, once, and opens the doors', async () => {
    const key = await weir.create_key('--name', 'laptop');
    assert.match(key, KEY);
    assert.equal(await status(key), 200);
    const entry = await listed(key);
    assert.equal(entry.name, 'laptop');
    assert.equal(entry.user, weir.admin);
    assert.equal(entry.revoked, false);
    for (const field of ['team', 'models', 'created_at', 'expires_at', 'last_used_at']) {
      assert.ok(field in entry, field);
    }
    const everything = JSON.stringify(await weir.json('key', 'list'));
    assert.ok(!everything.includes(key.split('-')[3]), 'a listing shows the secret');
  });

  test('works as x-api-key too', async () => {
    const answer = await weir.request('/v1/models', {
      key: null, headers: { 'x-api-key': weir.key },
    });
    assert.equal(answer.status, 200);
  });

  test('is asked for', async () => {
    for (const path of ['/v1/models', '/api/v1/quota', '/api/v1/models']) {
      assert_unauthorized(await weir.request(path, { key: null }));
    }
    assert_unauthorized(await weir.chat('fast', {}, { key: null }));
    const body = { prompt: 'hi' };
    assert_unauthorized(await weir.request('/api/v1/chat', { key: null, body }));
  });

  test('is refused when a character of it is wrong', async () => {
    const [, , id, secret] = weir.key.split('-');
    const other = (text) => (text[0] === 'a' ? 'b' : 'a') + text.slice(1);
    const last = (text) => text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a');
    const wrong = [
      `sk-weir-${other(id)}-${secret}`, `sk-weir-${id}-${other(secret)}`,
      `sk-weir-${id}-${last(secret)}`, `sk-weir-${id}`, `sk-weir-${id}-`, 'sk-weir--', 'x',
      `${weir.key}a`, weir.key.slice(0, -1), weir.key.toUpperCase(), 'sk-' + 'a'.repeat(3000),
    ];
    for (const key of wrong) assert_unauthorized(await weir.request('/v1/models', { key }));
    for (const authorization of ['Bearer', `Basic ${weir.key}`, 'Bearer  ', weir.key]) {
      assert_unauthorized(
        await weir.request('/v1/models', { key: null, headers: { authorization } }));
    }
  });

  test('is not repeated to the one who sent a wrong one', async () => {
    const key = `sk-weir-abcdefgh-${'s'.repeat(60)}`;
    const answer = await weir.request('/v1/models', { key });
    assert_unauthorized(answer);
    assert.ok(!answer.text.includes('ssssssssssssssss'));
  });

  test('in the query string is refused', async () => {
    for (const name of ['api_key', 'key', 'access_token', 'x-api-key']) {
      const path = `/v1/models?${name}=${weir.key}`;
      const answer = await weir.request(path, { key: null });
      assert_unauthorized(answer);
      assert.ok(!answer.text.includes(weir.key.split('-')[3]));
    }
    assert.ok(!weir.stderr.includes(weir.key.split('-')[3]), 'the log has it');
  });

  test('is refused at once after it is revoked', async () => {
    const key = await weir.create_key();
    assert.equal(await status(key), 200);
    await weir.say('key', 'revoke', public_id(key));
    assert.equal(await status(key), 401);
    assert.equal((await listed(key)).revoked, true);
  });

  test('is revoked by its name, or as a whole, too', async () => {
    for (const by of [() => 'lost phone', (key) => key]) {
      const key = await weir.create_key('--name', 'lost phone');
      await weir.say('key', 'revoke', by(key));
      assert.equal(await status(key), 401);
    }
  });

  test('that nobody has cannot be revoked', async () => {
    const end = await weir.cli(['key', 'revoke', 'nosuchkey']);
    assert.equal(end.code, 1);
    assert.ok(end.stderr.trim(), 'it says why');
  });

  test('ends when it expires', async () => {
    const key = await weir.create_key('--expires', '2s');
    assert.equal(await status(key), 200);
    assert.ok((await listed(key)).expires_at);
    await sleep(2300);
    assert_unauthorized(await weir.chat('fast', {}, { key }));
  });

  test('is rotated: the new one works at once, the old one for the overlap', async () => {
    const old = await weir.create_key('--name', 'turning');
    const key = await weir.say('key', 'rotate', public_id(old), '--overlap', '2s');
    assert.match(key, KEY);
    assert.notEqual(key, old);
    assert.deepEqual([await status(key), await status(old)], [200, 200]);
    await sleep(2300);
    assert.deepEqual([await status(key), await status(old)], [200, 401]);
  });

  test('sees and uses its own models only', async () => {
    const key = await weir.create_key('--models', 'fast');
    assert.equal(await status(key), 200);
    const refused = await weir.chat('sim:chunks=1', {}, { key });
    assert.equal(refused.status, 403);
    assert.equal(refused.error.type, 'permission_error');
    assert.equal(refused.error.code, 'model_not_allowed');
    const list = (await weir.request('/v1/models', { key })).json;
    assert.deepEqual(list.data.map(({ id }) => id), ['fast']);
    assert.deepEqual((await listed(key)).models, ['fast']);
    const unknown = await weir.chat('no-such-model', {}, { key });
    assert.ok([403, 404].includes(unknown.status), unknown.text);
  });

  test('with a rate of its own is slowed down', async () => {
    const key = await weir.create_key('--rate', '2/min');
    const answers = [];
    for (let n = 0; n < 4; ++n) answers.push(await weir.chat('fast', {}, { key }));
    const refused = answers.at(-1);
    assert.equal(answers[0].status, 200);
    assert.equal(refused.status, 429, refused.text);
    assert.equal(refused.error.type, 'rate_limit_error');
    assert.equal(refused.error.code, 'rate_limit_exceeded');
    assert.ok(Number(refused.headers['retry-after']) >= 1, 'retry-after');
    assert.ok(Number(refused.headers['retry-after-ms']) > 0, 'retry-after-ms');
    assert.equal(refused.headers['x-ratelimit-limit-requests'], '2');
    assert.equal(refused.headers['x-ratelimit-remaining-requests'], '0');
    assert.match(refused.headers['x-ratelimit-reset-requests'], /^(\d+m)?(\d+(\.\d+)?s|\d+ms)$/);
    assert.equal(await status(weir.key), 200, 'others are not slowed down');
  });
});

describe('a user', () => {
  test('is added with a one-time password, and listed', async () => {
    const password = await weir.say('user', 'add', 'ada@example.org', '--role', 'operator');
    assert.match(password, /^\S{12,}$/);
    const user = (await weir.json('user', 'list')).find(({ email }) => email === 'ada@example.org');
    assert.equal(user.role, 'operator');
    assert.equal(user.disabled, false);
    assert.ok('team' in user && user.created_at);
  });

  test('is added once', async () => {
    await weir.say('user', 'add', 'bob@example.org');
    const again = await weir.cli(['user', 'add', 'bob@example.org']);
    assert.equal(again.code, 1);
  });

  test('that is disabled takes all keys along, and brings them back', async () => {
    await weir.say('user', 'add', 'eve@example.org');
    const key = await weir.say('key', 'create', '--user', 'eve@example.org');
    assert.equal(await status(key), 200);
    await weir.say('user', 'disable', 'eve@example.org');
    assert.equal(await status(key), 401);
    await weir.say('user', 'enable', 'eve@example.org');
    assert.equal(await status(key), 200);
  });

  test('gets a new password from stdin', async () => {
    await weir.say('user', 'add', 'may@example.org');
    const end = await weir.cli(['user', 'set-password', 'may@example.org'],
      { input: 'correct horse battery staple\n' });
    assert.equal(end.code, 0, end.stderr);
    assert.ok(!(end.stdout + end.stderr).includes('battery'), 'it is not repeated');
  });

  test('has to exist to get a key', async () => {
    const end = await weir.cli(['key', 'create', '--user', 'nobody@example.org']);
    assert.equal(end.code, 1);
    assert.equal(end.stdout, '');
  });

  test('has a role that exists', async () => {
    const end = await weir.cli(['user', 'add', 'x@example.org', '--role', 'emperor']);
    assert.equal(end.code, 2);
  });
});

describe('a team', () => {
  test('is added, listed, and has users', async () => {
    await weir.say('team', 'add', 'blue');
    assert.ok((await weir.json('team', 'list')).some(({ name }) => name === 'blue'));
    await weir.say('user', 'add', 'tim@example.org', '--team', 'blue');
    const user = (await weir.json('user', 'list')).find(({ email }) => email === 'tim@example.org');
    assert.equal(user.team, 'blue');
    const key = await weir.say('key', 'create', '--user', 'tim@example.org');
    assert.equal((await listed(key)).team, 'blue');
  });

  test('has to exist', async () => {
    const end = await weir.cli(['user', 'add', 'y@example.org', '--team', 'nosuch']);
    assert.equal(end.code, 1);
  });
});

test('changes of keys survive a restart', async (t) => {
  const home = make_home({ config: sim_config(sim) });
  const first = await serve(t, home);
  const [kept, lost] = [await first.create_key(), await first.create_key()];
  await first.say('key', 'revoke', public_id(lost));
  await first.program.kill();
  const second = await serve(t, home);
  const models = async (key) => (await second.request('/v1/models', { key })).status;
  assert.deepEqual([await models(kept), await models(lost)], [200, 401]);
});
