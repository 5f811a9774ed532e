// Quota is money: what is used is what was answered, exactly, however many ask at once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { WEIR, run } from './harness/program.mjs';
import { start_sim } from './harness/sim.mjs';
import { make_home, serve, sim_config, start_weir } from './harness/weir.mjs';

const PRICE = { input: 1, output: 2 }; // USD per million tokens
const PRICED = {
  priced: {
    targets: [{ provider: 'sim', model: 'sim:usage_in=1000,usage_out=500', price: PRICE }],
  },
};

async function start(t, extra = {}) {
  const sim = await start_sim(t);
  return { sim, weir: await start_weir(t, { config: sim_config(sim, extra) }) };
}

const ask = (weir, key = weir.key, extra = {}) =>
  weir.request('/api/v1/chat', { key, body: { prompt: 'test', ...extra } });
const at_once = (count, what) => Promise.all(Array.from({ length: count }, what));
const budget = (quota, unit, scope) =>
  quota.budgets.find((one) => one.unit === unit && (!scope || one.scope === scope));

async function assert_sound(weir) {
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual(report.faults, []);
  assert.equal(report.ok, true);
  assert.equal(report.holds_open, 0);
  return report;
}

function assert_used_up(answer) {
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.error.type, 'insufficient_quota');
  assert.equal(answer.error.code, 'quota_exceeded');
  assert.equal(answer.headers['x-should-retry'], 'false');
  assert.ok(Number(answer.headers['retry-after']) > 0, 'retry-after');
  assert.ok(Number(answer.headers['retry-after-ms']) > 0, 'retry-after-ms');
}

describe('the loop', () => {
  test('ten at once leave used 10 and held 0', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '50');
    const answers = await at_once(10, () => ask(weir, key));
    assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200));
    for (const { text } of answers) assert.match(text, /data: \[DONE\]/);
    const quota = await weir.quota(key);
    assert.equal(quota.used, 10);
    assert.equal(quota.held, 0);
    assert.equal(quota.limit, 50);
    assert.equal(quota.remaining, 40);
    assert.ok(Date.parse(quota.resets_at) > Date.now(), `resets_at ${quota.resets_at}`);
    await assert_sound(weir);
  });

  test('used is up to date before the last byte of the answer', async (t) => {
    const { weir } = await start(t);
    for (let n = 1; n <= 20; ++n) {
      const stream = await weir.open('/api/v1/chat', { body: { prompt: 'test' } });
      await stream.until(({ text }) => text.includes('[DONE]'));
      const { used, held } = await weir.quota();
      assert.deepEqual({ used, held }, { used: n, held: 0 });
    }
  });
});

describe('the limit', () => {
  const open = { limits: { per_key: 'off', concurrent_per_key: 'off' } };

  test('with 40 left, 200 at once get exactly 40 answers', { timeout: 60_000 }, async (t) => {
    const { sim, weir } = await start(t, open);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '50');
    for (let n = 0; n < 10; ++n) assert.equal((await ask(weir, key)).status, 200);
    const before = (await sim.bill()).requests;

    const answers = await at_once(200, () => ask(weir, key));
    const good = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status !== 200);
    assert.equal(good.length, 40);
    for (const { text } of good) assert.match(text, /data: \[DONE\]/);
    assert.equal(refused.length, 160);
    for (const answer of refused) assert_used_up(answer);

    assert.equal((await sim.bill()).requests - before, 40, 'the provider was asked 40 times');
    const quota = await weir.quota(key);
    assert.deepEqual([quota.used, quota.held, quota.remaining], [50, 0, 0]);
    const report = await assert_sound(weir);
    assert.equal(report.spent.requests, 50);
    const shown = await weir.json('ledger', 'show', '--key', key);
    assert.equal(shown.requests, 50);
    assert.equal(shown.holds_open, 0);
    assert.equal(shown.overages, 0);
    assert.equal((await weir.cli(['ledger', 'verify'])).code, 0);
  });

  test('holds for the first requests of a key that was never seen', async (t) => {
    const { weir } = await start(t, { quota: { key: [{ requests: 3, per: 'day' }] } });
    const key = await weir.create_key();
    const answers = await at_once(20, () => ask(weir, key));
    assert.equal(answers.filter(({ status }) => status === 200).length, 3);
  });

  test('is free again where every attempt failed before any output', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '2');
    for (let n = 0; n < 5; ++n) {
      const answer = await weir.chat(`sim:status=400,code=no${n}`, {}, { key });
      assert.notEqual(answer.status, 200);
      assert.notEqual(answer.status, 429, 'a failure was charged');
    }
    const quota = await weir.quota(key);
    assert.deepEqual([quota.used, quota.held], [0, 0]);
    assert.equal((await ask(weir, key)).status, 200);
    await assert_sound(weir);
  });

  test('says whose it is, what it counts, and when it resets', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '1');
    assert.equal((await ask(weir, key)).status, 200);
    const answer = await ask(weir, key);
    assert_used_up(answer);
    assert.match(answer.error.message, /key/);
    assert.match(answer.error.message, /request/);
    assert.match(answer.error.message, /\d{4}-\d{2}-\d{2}|\d+:\d+|reset/);
    const seconds = Number(answer.headers['retry-after']);
    assert.ok(seconds <= 86_400, 'a day at most');
    const { resets_at } = await weir.quota(key);
    assert.ok(Math.abs(Date.parse(resets_at) - Date.now() - seconds * 1000) < 5000);
    assert.equal(Date.parse(resets_at) % 86_400_000, 0, 'midnight in UTC');
  });
});

describe('whose', () => {
  test('a user\'s keys share the user\'s budget', async (t) => {
    const { weir } = await start(t);
    await weir.say('user', 'add', 'ada@example.org');
    const keys = [];
    for (let n = 0; n < 2; ++n) {
      keys.push(await weir.say('key', 'create', '--user', 'ada@example.org'));
    }
    await weir.say('quota', 'set', '--user', 'ada@example.org', '--requests', '3');
    const seen = [];
    for (let n = 0; n < 4; ++n) seen.push((await ask(weir, keys[n % 2])).status);
    assert.deepEqual(seen, [200, 200, 200, 429]);
    assert.equal((await ask(weir)).status, 200, 'another user goes on');
    const quota = await weir.quota(keys[0]);
    assert.deepEqual([quota.used, quota.limit], [3, 3]);
    assert.equal(budget(quota, 'requests', 'user').used, 3);
  });

  test('everyone shares everyone\'s budget', async (t) => {
    const { weir } = await start(t);
    await weir.say('user', 'add', 'ada@example.org');
    const other = await weir.say('key', 'create', '--user', 'ada@example.org');
    await weir.say('quota', 'set', '--everyone', '--requests', '5');
    const answers = await at_once(20, (_, n) => ask(weir, n % 2 ? other : undefined));
    assert.equal(answers.filter(({ status }) => status === 200).length, 5);
    await assert_sound(weir);
  });

  test('the narrowest budget decides, and a refusal charges none', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--everyone', '--requests', '100');
    await weir.say('quota', 'set', '--user', weir.admin, '--requests', '10');
    await weir.say('quota', 'set', '--key', key, '--requests', '2');
    for (const status of [200, 200, 429, 429]) assert.equal((await ask(weir, key)).status, status);
    const quota = await weir.quota(key);
    assert.deepEqual([quota.used, quota.limit, quota.remaining], [2, 2, 0]);
    for (const [scope, limit] of [['key', 2], ['user', 10], ['everyone', 100]]) {
      const one = budget(quota, 'requests', scope);
      assert.deepEqual([one.used, one.held, one.limit], [2, 0, limit], scope);
      assert.equal(one.remaining, limit - 2);
      assert.equal(one.per, 'day');
      assert.ok('subject' in one && 'resets_at' in one);
    }
  });

  test('the file\'s default is for every user, a command for one', async (t) => {
    const { weir } = await start(t, { quota: { user: [{ requests: 2, per: 'day' }] } });
    await weir.say('user', 'add', 'ada@example.org');
    const key = await weir.say('key', 'create', '--user', 'ada@example.org');
    assert.equal((await weir.quota(key)).limit, 2);
    await weir.say('quota', 'set', '--user', 'ada@example.org', '--requests', '7');
    assert.equal((await weir.quota(key)).limit, 7);
    assert.equal((await weir.quota()).limit, 2);
  });
});

describe('quota set', () => {
  test('replaces the budget of the same unit and period, and none removes it', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    const set = (...args) => weir.say('quota', 'set', '--key', key, ...args);
    const budgets = async () => (await weir.json('quota', 'show', '--key', key))
      .filter(({ scope }) => scope === 'key')
      .map(({ unit, per, limit }) => `${unit} ${per} ${limit}`).sort();
    await set('--requests', '5');
    await set('--requests', '8');
    await set('--requests', '100', '--per', 'total');
    await set('--tokens', '5000', '--per', 'week');
    assert.deepEqual(await budgets(), ['requests day 8', 'requests total 100', 'tokens week 5000']);
    await set('--requests', 'none');
    assert.deepEqual(await budgets(), ['requests total 100', 'tokens week 5000']);
  });

  test('takes what was used before into account', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '10');
    for (let n = 0; n < 3; ++n) await ask(weir, key);
    await weir.say('quota', 'set', '--key', key, '--requests', '3');
    assert_used_up(await ask(weir, key));
    await weir.say('quota', 'set', '--key', key, '--requests', '4');
    assert.equal((await ask(weir, key)).status, 200);
    assert_used_up(await ask(weir, key));
  });

  test('refuses what is no budget', async (t) => {
    const { weir } = await start(t);
    const bad = [
      ['--requests', '5'], // whose?
      ['--everyone', '--requests', '-1'], ['--everyone', '--requests', 'many'],
      ['--everyone', '--requests', '5', '--per', 'fortnight'], ['--everyone'],
      ['--everyone', '--usd', 'NaN'], ['--everyone', '--requests', '99999999999999999999'],
    ];
    for (const args of bad) {
      const end = await weir.cli(['quota', 'set', ...args]);
      assert.equal(end.code, 2, `${args.join(' ')}: ${end.stdout}${end.stderr}`);
    }
    const nobody = await weir.cli(['quota', 'set', '--user', 'no@one.org', '--requests', '5']);
    assert.equal(nobody.code, 1);
  });

  test('survives a restart, and a total knows no day', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    await first.say('quota', 'set', '--user', first.admin, '--requests', '3', '--per', 'total');
    for (let n = 0; n < 2; ++n) await ask(first);
    await first.program.stop();
    const second = await serve(t, home);
    const total = budget(await second.quota(), 'requests', 'user');
    assert.deepEqual([total.per, total.used, total.limit], ['total', 2, 3]);
    assert.equal(total.resets_at, null);
    assert.deepEqual([(await ask(second)).status, (await ask(second)).status], [200, 429]);
    await assert_sound(second);
  });
});

describe('tokens', () => {
  test('are what the provider counted, in and out', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '100000');
    await weir.chat('sim:usage_in=100,usage_out=50', {}, { key });
    await weir.chat('sim:usage_in=7,usage_out=3', { stream: true }, { key });
    const one = budget(await weir.quota(key), 'tokens', 'key');
    assert.deepEqual([one.used, one.held], [160, 0]);
    const shown = await weir.json('ledger', 'show', '--key', key);
    assert.deepEqual([shown.requests, shown.tokens_in, shown.tokens_out], [2, 107, 53]);
    await assert_sound(weir);
  });

  test('refuse a request that may need more than is left, and say what fits', async (t) => {
    const { sim, weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '100');
    const answer = await weir.chat('sim:chunks=4', { max_tokens: 500 }, { key });
    assert_used_up(answer);
    assert.match(answer.error.message, /max_tokens/);
    assert.equal((await sim.bill()).requests, 0);
    const fitting = await weir.chat('sim:chunks=4,size=8', { max_tokens: 50 }, { key });
    assert.equal(fitting.status, 200, fitting.text);
    assert.equal(budget(await weir.quota(key), 'tokens').used, 10);
  });

  test('are estimated where the provider counts nothing', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    const answer = await weir.chat('sim:chunks=20,size=40,nousage', {}, { key });
    assert.equal(answer.status, 200, answer.text);
    const shown = await weir.json('ledger', 'show', '--key', key);
    assert.ok(shown.tokens_in > 0 && shown.tokens_out >= 100, JSON.stringify(shown));
    assert.ok(shown.tokens_out <= 800, 'not more tokens than bytes');
  });

  test('over what was held are written down as an overage', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '1000');
    await weir.chat('sim:chunks=1,usage_in=2,usage_out=5000', { max_tokens: 10 }, { key });
    const shown = await weir.json('ledger', 'show', '--key', key);
    assert.equal(shown.tokens_out, 5000, 'never dropped');
    assert.equal(shown.overages, 1);
    assert_used_up(await ask(weir, key));
    await assert_sound(weir);
  });
});

describe('a soft limit', () => {
  const reached = (weir) => weir.stderr.split('\n')
    .filter((line) => line.includes('budget_reached')).map((line) => JSON.parse(line).detail);

  test('tells the operator once, with whose budget it is', async (t) => {
    const { weir } = await start(t, {
      quota: { user: [{ requests: 4, per: 'day', soft: [50, 100] }] },
    });
    for (let n = 0; n < 4; ++n) assert.equal((await ask(weir)).status, 200);
    assert.equal((await ask(weir)).status, 429);
    await weir.program.stop();
    assert.deepEqual(reached(weir), [
      `50 % of the daily requests budget of user ${weir.admin} is spent: 2 of 4`,
      `100 % of the daily requests budget of user ${weir.admin} is spent: 4 of 4`,
    ]);
  });

  test('that is no percentage is a fault in the file', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({
      config: sim_config(sim, { quota: { user: [{ requests: 4, per: 'day', soft: [0, 120] }] } }),
    });
    const { code, stdout, stderr } = await run(WEIR,
      ['config', 'check', '--config', home.config], { env: home.env });
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /'0' is not a percentage from 1 to 100/);
    assert.match(stdout + stderr, /'120' is not a percentage/);
  });
});

describe('money', () => {
  test('is tokens times price, in whole nanodollars', async (t) => {
    const { weir } = await start(t, { models: PRICED });
    const key = await weir.create_key();
    const answer = await weir.chat('priced', {}, { key });
    assert.equal(answer.status, 200, answer.text);
    const shown = await weir.json('ledger', 'show', '--key', key);
    assert.equal(shown.nanousd, 1000 * 1000 + 500 * 2000);
    assert.equal(Number(answer.headers['x-weir-cost-usd']), 0.002);
  });

  test('budgets refuse when it is spent', async (t) => {
    const { weir } = await start(t, { models: PRICED });
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--usd', '0.005');
    const seen = [];
    for (let n = 0; n < 4; ++n) {
      seen.push((await weir.chat('priced', { max_tokens: 500 }, { key })).status);
    }
    assert.deepEqual(seen.slice(0, 2), [200, 200]);
    assert.equal(seen[3], 429);
    const one = budget(await weir.quota(key), 'usd');
    assert.ok(one, 'a budget in usd is listed');
    await assert_sound(weir);
  });

  test('does not go to a model without a price', async (t) => {
    const { weir } = await start(t, { models: PRICED });
    const key = await weir.create_key();
    const end = await weir.cli(['quota', 'set', '--key', key, '--usd', '1']);
    if (end.code === 0) {
      const answer = await weir.chat('fast', {}, { key });
      assert.notEqual(answer.status, 200, 'a USD budget cannot be kept without a price');
    } else {
      assert.match(end.stderr, /price/);
    }
  });
});

test('without a budget, used counts the day, and nothing is limited', async (t) => {
  const { weir } = await start(t);
  await ask(weir);
  const quota = await weir.quota();
  assert.deepEqual(
    [quota.used, quota.held, quota.limit, quota.remaining, quota.resets_at],
    [1, 0, null, null, null]);
  assert.ok(Array.isArray(quota.budgets));
});

test('ledger verify finds what was changed behind its back', async (t) => {
  const sim = await start_sim(t);
  const home = make_home({ config: sim_config(sim) });
  const weir = await serve(t, home);
  for (let n = 0; n < 3; ++n) await ask(weir);
  await weir.program.stop();
  assert.equal((await weir.cli(['ledger', 'verify'])).code, 0, 'it reads a stopped store too');

  // Take one row from whichever table holds the entries.
  const files = await run('grep', ['-rlaF', '--exclude=*-wal', 'SQLite format 3', weir.data_dir]);
  const store = files.stdout.trim().split('\n')[0];
  const sql = (text) => run('sqlite3', [store, text]);
  const tables = (await sql('.tables')).stdout.split(/\s+/)
    .filter((name) => /journal|ledger|entr|batch/.test(name));
  assert.ok(tables.length > 0, 'a table of entries');
  await sql(`DELETE FROM ${tables[0]} WHERE rowid = (SELECT max(rowid) - 1 FROM ${tables[0]})`);
  const end = await weir.cli(['ledger', 'verify', '--json']);
  assert.equal(end.code, 1, end.stdout + end.stderr);
  const report = JSON.parse(end.stdout);
  assert.equal(report.ok, false);
  assert.ok(report.faults.length > 0 && report.faults[0].detail);
});
