// Rates beyond the request of one key: wrong keys, networks, tokens.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { start_sim } from './harness/sim.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const start = (limits) => start_weir(scope,
  { config: sim_config(sim, { trusted_proxies: ['127.0.0.0/8'], limits }) });

describe('addresses', () => {
  test('one that shows wrong keys is not listened to, and others are', async () => {
    const weir = await start({ per_ip: 'off' });
    const ask = (address, key) => weir.request('/v1/models',
      { key, headers: { 'x-forwarded-for': address } });
    const statuses = [];
    for (let i = 0; i < 30; ++i)
      statuses.push((await ask('203.0.113.7', `sk-weir-none${i}`)).status);
    assert.equal(statuses.filter((status) => status === 401).length, 20);
    assert.deepEqual([...new Set(statuses.slice(20))], [429]);
    const refused = await ask('203.0.113.7', weir.key);
    assert.equal(refused.status, 429, 'a right key from there waits too');
    assert.match(refused.text, /bad_keys/);
    assert.ok(Number(refused.headers['retry-after-ms']) > 0);
    assert.equal((await ask('203.0.113.8', weir.key)).status, 200);
    assert.equal((await weir.request('/v1/models')).status, 200, 'loopback is not counted');
  });

  test('a network may do more than one of its addresses, and not without end', async () => {
    const weir = await start({ per_ip: '60/hour burst 3' });
    const ask = async (address) => (await weir.request('/v1/models',
      { headers: { 'x-forwarded-for': address } })).status;
    let admitted = 0;
    for (let i = 0; i < 8; ++i) admitted += await ask('198.51.100.1') === 200;
    assert.equal(admitted, 3);
    admitted = 0;
    for (let i = 10; i < 60; ++i) admitted += await ask(`198.51.100.${i}`) === 200;
    assert.equal(admitted, 8 * 3 - 3);
    assert.equal(await ask('198.51.101.1'), 200);
  });
});

describe('tokens of a key', () => {
  test('are charged as estimated and corrected to what there was', async () => {
    const weir = await start({ tokens_per_key: '2000/hour burst 2000' });
    const first = await weir.chat('sim:chunks=200,size=20', { max_tokens: 5000 });
    assert.equal(first.status, 200, first.text);
    const { usage } = JSON.parse(first.text);
    assert.equal(first.headers['x-ratelimit-limit-tokens'], '2000');
    const second = await weir.chat('sim:chunks=1');
    const left = Number(second.headers['x-ratelimit-remaining-tokens']);
    const used = 2000 - left;
    assert.ok(used >= usage.total_tokens && used < usage.total_tokens + 40,
      `${used} used, ${usage.total_tokens} told`);
  });

  test('refuse when they are used up, and name the rule', async () => {
    const weir = await start({ tokens_per_key: '100/hour burst 100' });
    assert.equal((await weir.chat('sim:chunks=300,size=20', { max_tokens: 5000 })).status, 200);
    const refused = await weir.chat('sim:chunks=1');
    assert.equal(refused.status, 429, refused.text);
    assert.equal(JSON.parse(refused.text).error.code, 'rate_limit_exceeded');
    assert.match(refused.text, /tokens_per_key/);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    const other = await weir.create_key('--name', 'other');
    assert.equal((await weir.chat('sim:chunks=1', {}, { key: other })).status, 200);
  });

  test('stay where they were when a request comes to nothing', async () => {
    const weir = await start({ tokens_per_key: '1000/hour burst 1000' });
    const remaining = async (model) => Number((await weir.chat(model))
      .headers['x-ratelimit-remaining-tokens']);
    const before = await remaining('sim:chunks=1');
    for (let i = 0; i < 5; ++i) await weir.chat('sim:status=500');
    const after_them = await remaining('sim:chunks=1');
    assert.ok(before - after_them < 60, `${before} and then ${after_them}`);
  });
});
