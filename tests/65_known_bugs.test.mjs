// Bugs that other gateways had where money is counted, each tried on this one. What is wanted is
// exact everywhere: one request too many, or one row that is lost, is the whole bug.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Caller } from './harness/caller.mjs';
import { KIND, make_disk } from './harness/disk.mjs';
import { DONE, END, FINISH, said, start_raw_provider, usage } from './harness/raw_provider.mjs';
import { start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { make_home, serve, sim_config } from './harness/weir.mjs';

const OFF = { per_key: 'off', per_ip: 'off', concurrent_per_key: 'off' };
const LARGE = ['requests', 'tokens'].map((unit) => ({ [unit]: 1_000_000, per: 'total' }));
const PRICE = { input: 1, output: 2 }; // dollars a million tokens: 1,000 nanodollars each
const SLAB = 512; // tokens of output that are held at first
const TOKENS_IN = 2; // of "hello", as the simulator counts it

const config_of = (sim, extra = {}) => sim_config(sim, {
  limits: OFF, ...extra,
  models: { 'sim:*': { targets: [{ provider: 'sim', model: 'sim:*', price: PRICE }] } },
});
async function start(t, extra) {
  const sim = await start_sim(t);
  const home = make_home({ config: config_of(sim, extra) });
  return { sim, home, weir: await serve(t, home) };
}
const at_once = (count, what) => Promise.all(Array.from({ length: count }, (_, n) => what(n)));
const sum = (list) => list.reduce((total, n) => total + n, 0);
// Each has a bill of its own: `code` does nothing here but tell them apart.
let models = 0;
const own_model = (script) => `sim:${script},code=n${++models}`;

async function post(weir, what, body) {
  const answer = await weir.request(`/api/v1/admin/${what}`, { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}
const make_key = async (weir, extra = {}) =>
  (await post(weir, 'keys', { user: weir.admin, ...extra })).key;
const budget = (quota, unit, scope = 'key', per = 'total') =>
  quota.budgets.find((one) => one.unit === unit && one.scope === scope && one.per === per);
// Of each key: [requests, tokens].
const balances = (weir, keys, what = 'used') => Promise.all(keys.map(async (key) => {
  const quota = await weir.quota(key);
  return ['requests', 'tokens'].map((unit) => budget(quota, unit)[what]);
}));

// How many were answered whole; all others have to be refused with `code`.
function count_answered(answers, code = 'quota_exceeded') {
  const whole = /data: \[DONE\]\n\n$|"finish_reason":"stop"/;
  for (const { status, text } of answers) {
    if (status === 200) assert.match(text, whole);
    else assert.deepEqual([status, JSON.parse(text).error.code], [429, code], text);
  }
  return answers.filter(({ status }) => status === 200).length;
}

// One stream a key, as soon as its first words are there.
const open_all = (weir, keys, model) => Promise.all(keys.map(async (key) =>
  (await weir.open_chat(model, {}, { key })).until(({ text }) => text.includes('0:'))));

// Asks, and leaves when the provider has written all it is going to write, `out` tokens: so what
// is billed does not depend on the moment. Gives the model, which has a bill of its own.
async function cancel({ sim, weir, key }, [script, out], how, stream = true) {
  const model = own_model(script);
  const body = { model, stream, messages: [{ role: 'user', content: 'hello' }] };
  const caller = new Caller(weir.port, { path: '/v1/chat/completions', key, body });
  await caller.until(async () => {
    const { requests, tokens_out } = await sim.bill(model);
    return requests === 1 && tokens_out === out;
  });
  if (stream && out > 0) await caller.until(({ text }) => text.includes('19:'));
  else await sleep(200); // for what is on its way to the server, where nobody can see it
  if (how === 'DELETE') {
    const path = `/v1/streams/${caller.head.headers['x-weir-stream-id']}`;
    assert.equal((await weir.request(path, { method: how, key })).json.state, 'cancelled');
    await caller.finished();
  }
  caller.leave(how === 'fin' ? 'fin' : 'reset');
  await sim.departure(model);
  for (let n = 0; n < 100 && (await weir.quota(key)).held > 0; ++n) await sleep(20);
  return model;
}
const TALKS = ['chunks=40,size=40,stall=20', 200];
const COUNTS = ['chunks=40,size=40,stall=20,running', 200];
const SILENT = ['chunks=40,size=40,first=60s', 0];

// The books are sound, `requests` were charged in all, and nothing is held.
async function assert_books(weir, requests, keys = []) {
  const shown = await weir.json('ledger', 'show'); // waits for what is not on the disk yet
  const { code, stdout, stderr } = await weir.cli(['ledger', 'verify', '--json']);
  assert.equal(code, 0, stdout + stderr);
  const { ok, faults, holds_open, spent } = JSON.parse(stdout);
  assert.deepEqual({ ok, faults, holds_open }, { ok: true, faults: [], holds_open: 0 });
  assert.deepEqual([shown.requests, spent.requests, shown.overages], [requests, requests, 0]);
  const quotas = await Promise.all([weir.key, ...keys].map((key) => weir.quota(key)));
  const held = quotas.map((one) => one.held + sum(one.budgets.map((of) => of.held)));
  assert.deepEqual(held, held.map(() => 0));
}

// What is settled is what was held, so that the number of those who fit does not depend on who
// comes first: an answer that returned something would make room for one more.
test('check-then-add races', { timeout: 60_000 }, async (t) => {
  const { sim, weir } = await start(t, { workers: 4, quota: { user: LARGE, everyone: LARGE } });
  const [probe] = await open_all(weir, [weir.key], 'sim:chunks=2,stall=1');
  const input = budget(await weir.quota(), 'tokens', 'user').held - SLAB;
  probe.leave();
  while ((await weir.quota()).held > 0) await sleep(10);
  const most = 100;
  const fit = 20;
  const dollars = (input * PRICE.input + most * PRICE.output) / 1e6;
  const cost = { requests: 1, tokens: input + most, usd: dollars };
  const rounds = [['requests', 'key'], ['tokens', 'user'], ['usd', 'everyone'], ['usd', 'key']];
  for (const [n, [unit, scope]] of rounds.entries()) {
    const user = `${unit}-${scope}@example.org`;
    await post(weir, 'users', { email: user });
    const key = await make_key(weir, { user });
    const whose = { key: ['--key', key], user: ['--user', user], everyone: ['--everyone'] }[scope];
    const set = (to) => weir.say('quota', 'set', ...whose, `--${unit}`, to, '--per', 'total');
    const limit = (fit + 0.9) * cost[unit]; // room for twenty, and for most of another one
    await set(unit === 'usd' ? limit.toFixed(9) : String(Math.floor(limit)));
    const model = own_model(`usage_in=${input},usage_out=${most},chunks=4`);
    const answers = await at_once(100, (turn) =>
      weir.chat(model, { max_tokens: most, stream: turn % 2 === 0 }, { key }));
    assert.equal(count_answered(answers), fit, `${unit} of ${scope}`);
    assert.equal((await sim.bill(model)).requests, fit, 'the provider was asked as often');
    const quota = await weir.quota(key);
    const { used, held } = budget(quota, unit, scope);
    assert.deepEqual([used.toFixed(9), held], [(fit * cost[unit]).toFixed(9), 0]);
    const of_all = budget(quota, 'requests', 'everyone').used;
    assert.equal(of_all, 1 + (n + 1) * fit, 'a refusal charges no other budget');
    await set('none');
  }
  await assert_books(weir, 1 + rounds.length * fit);
});

// Budgets of three scopes that nobody has touched yet, met by all keys at once: by people who were
// just added, and by people who were added before a kill and ask only after it.
test('the first requests of a new user passing unchecked', { timeout: 60_000 }, async (t) => {
  const of = (requests) => [{ requests, per: 'total' }];
  const { sim, home, weir } = await start(t, { quota: { key: of(2), user: of(3), team: of(5) } });
  const add_team = async (team) => {
    await post(weir, 'teams', { name: team });
    const users = ['a', 'b'].map((one) => `${one}@${team}.example.org`);
    for (const email of users) await post(weir, 'users', { email, team });
    return Promise.all([...users, ...users].map(async (user) =>
      ({ key: await make_key(weir, { user }), user, team })));
  };
  const add_teams = async (...names) => (await Promise.all(names.map(add_team))).flat();
  // A user's three are less than two keys have, and a team's five less than two users have: so
  // whoever comes first, five are answered.
  async function meet(server, callers) {
    await Promise.all(callers.map(async (caller) => {
      const ask = () => server.chat('fast', { stream: true }, { key: caller.key });
      caller.answered = count_answered(await at_once(8, ask));
    }));
    for (const caller of callers) {
      const quota = await server.quota(caller.key);
      const [key, user, team] = ['key', 'user', 'team'].map((scope) => {
        const all = callers.filter((one) => one[scope] === caller[scope]);
        const count = sum(all.map(({ answered }) => answered));
        assert.equal(budget(quota, 'requests', scope).used, count, scope);
        return count;
      });
      assert.ok(key <= 2 && user <= 3 && team === 5, `${key}, ${user}, ${team}`);
    }
    return callers.map(({ key }) => key);
  }
  const keys = await meet(weir, await add_teams('one', 'two', 'three'));
  const waiting = await add_teams('four', 'five', 'six');
  await assert_books(weir, 15, keys);
  await weir.program.kill();
  const again = await serve(t, home);
  keys.push(...await meet(again, waiting));
  await assert_books(again, 30, keys);
  assert.equal((await sim.bill()).requests, 30);
});

// Every way a request ends, many at once; then all of the budget that they left can be spent.
test('leaked reservations that refuse with money left', { timeout: 60_000 }, async (t) => {
  const sim = await start_sim(t);
  const quota = { key: [{ requests: 150, per: 'total' }], user: LARGE };
  const config = config_of(sim, { quota });
  config.providers.dead = { ...config.providers.sim, base_url: 'http://127.0.0.1:9/v1' };
  config.models.dead = { targets: [{ provider: 'dead', model: 'm' }] };
  const home = make_home({ config });
  let weir = await serve(t, home);
  const key = await make_key(weir);
  const ask = (model, extra = {}, headers = {}) => weir.chat(model, extra, { key, headers });
  const fails = ['status=500', 'garbage', 'eof=0', 'malformed=0', 'error_in=0'];
  const leaves = [[SILENT, 'fin'], [SILENT, 'reset', false], [TALKS, 'fin', false],
    [TALKS, 'reset'], [COUNTS, 'DELETE']];
  // Each with how many requests it costs, however little came of it.
  const ways = [
    ...['dead', ...fails.map((script) => `sim:${script}`)].flatMap((model) =>
      [true, false].map((stream) => [0, async () => {
        const { status, text } = await ask(model, { stream });
        assert.ok(status >= 500, `${model}: ${status} ${text}`);
      }])),
    ...leaves.map((way) => [1, () => cancel({ sim, weir, key }, ...way)]),
    [1, async () => { // it breaks off
      assert.ok(read_chat((await ask('sim:cut=2', { stream: true })).text).error);
    }],
    [1, async () => { // the same once more joins, or is told what was said
      const headers = { 'idempotency-key': own_model('') };
      await at_once(2, async () => assert.equal((await ask('fast', {}, headers)).status, 200));
    }],
  ];
  await at_once(4 * ways.length, (n) => ways[n % ways.length][1]());
  let charged = 4 * sum(ways.map(([cost]) => cost));
  await assert_books(weir, charged, [key]);

  // And those that run when the server is killed: each is charged, and none is held for ever.
  const open = await open_all(weir, Array(10).fill(key), 'sim:chunks=9,stall=1');
  await weir.program.kill();
  await Promise.all(open.map((one) => one.whole()));
  weir = await serve(t, home);
  charged += open.length;
  await assert_books(weir, charged, [key]);
  const answers = await at_once(150, () => ask('fast'));
  assert.equal(count_answered(answers), 150 - charged, 'all that is left, and no more');
  await assert_books(weir, 150, [key]);
});

test('cancelled streams never billed', { timeout: 60_000 }, async (t) => {
  const { sim, weir } = await start(t);
  const ways = [TALKS, COUNTS, SILENT].flatMap((what) => ['fin', 'reset'].flatMap((how) =>
    [[what, how, true], [what, how, false]]));
  ways.push([TALKS, 'DELETE', true], [COUNTS, 'DELETE', true]);
  await Promise.all(ways.map(async (way) => {
    const [[, out]] = way;
    const key = await make_key(weir);
    const bill = await sim.bill(await cancel({ sim, weir, key }, ...way));
    const shown = await weir.json('ledger', 'show', '--key', key);
    const nanousd = 1000 * (TOKENS_IN * PRICE.input + out * PRICE.output);
    assert.deepEqual([shown.requests, shown.tokens_in, shown.tokens_out, shown.nanousd],
      [1, TOKENS_IN, out, nanousd], `${way}`);
    assert.deepEqual([bill.aborted, bill.tokens_in, bill.tokens_out], [1, TOKENS_IN, out]);
  }));
  await assert_books(weir, ways.length);
});

// The frame comes in two reads, cut at each of its bytes, and each time it tells another count. The
// client asks for the count, or it does not, or it takes the answer whole.
test('usage lost when an SSE frame is split across reads', { timeout: 60_000 }, async (t) => {
  const provider = await start_raw_provider(t);
  const config = config_of(provider, { quota: { key: LARGE } });
  const weir = await serve(t, make_home({ config }));
  const frame_of = (at) => Buffer.from(usage(7, 100 + at));
  provider.plan('*', (model) => {
    const at = Number(model.match(/at=(\d+)/)[1]);
    const frame = frame_of(at);
    return [said(0), FINISH, frame.subarray(0, at), 300, frame.subarray(at), DONE, END];
  });
  const ways = [{ stream: true, stream_options: { include_usage: true } }, { stream: true }, {}];
  const cases = ways.flatMap((way) =>
    Array.from({ length: frame_of(100).length - 1 }, (_, n) => ({ way, at: n + 1 })));
  assert.ok(cases.length > 300, `${cases.length} places to cut at`);
  const keys = await at_once(cases.length, () => make_key(weir));
  const answers = await Promise.all(cases.map(({ way, at }, n) =>
    weir.chat(`sim:at=${at}`, way, { key: keys[n] })));
  assert.equal(count_answered(answers), cases.length);
  assert.deepEqual(await balances(weir, keys), cases.map(({ at }) => [1, 7 + 100 + at]));
  await assert_books(weir, cases.length);
});

// Forty keys write into what fails: with its rows gone, or one of them, or all of them twice, their
// balances would differ from what they were told and from the bill.
test('a failed batch dropping rows', { timeout: 60_000 }, async (t) => {
  const unsynced = { kinds: KIND.sync, error: 'EIO' };
  const half_written = { kinds: KIND.write, error: 'ENOSPC', torn: true };
  await Promise.all([unsynced, half_written].map(async (fault) => {
    const sim = await start_sim(t);
    const home = make_home({ config: config_of(sim, { quota: { key: LARGE } }) });
    const disk = await make_disk(home);
    const weir = await serve(t, disk.home);
    home.first = disk.home.first;
    const keys = await at_once(40, () => make_key(weir));
    const answered = keys.map(() => 0);
    let refused = 0;
    const ask_all = (model) => Promise.all(keys.map(async (key, n) => {
      const answer = await weir.chat(model, { stream: true }, { key });
      if (answer.status !== 503) return void (answered[n] += count_answered([answer]));
      assert.equal(answer.error.code, 'ledger_unavailable');
      ++refused;
    }));
    const heal = async () => { // it does so by itself
      disk.mend();
      while ((await weir.cli(['health'])).code !== 0) await sleep(50);
    };
    async function assert_balances(server) {
      const wanted = answered.map((count) => [count, count * (TOKENS_IN + 4)]);
      assert.deepEqual(await balances(server, keys), wanted);
      const { requests, tokens_out } = await sim.bill();
      assert.deepEqual([requests, tokens_out], [sum(answered), 4 * sum(answered)]);
      await assert_books(server, sum(answered), keys);
    }

    // Reservations: who was refused is charged nothing, and who was answered is charged once.
    for (const nth of [1, 2, 3, 5]) {
      const before = disk.failed;
      disk.break({ ...fault, nth, times: 1 });
      for (let n = 0; n < 5 && disk.failed === before; ++n) await ask_all('sim:chunks=2,size=8');
      assert.equal(disk.failed, before + 1, 'a call failed');
      await heal();
    }
    assert.ok(refused > 0, 'somebody waited for a batch that failed');
    await assert_balances(weir);

    // Settlements, of which nobody hears: forty answers end while nothing can be written.
    const ends = ask_all('sim:chunks=2,size=8,delay=1500ms');
    while ((await sim.bill()).open < keys.length) await sleep(10);
    await sleep(400); // what is written late of their beginnings
    const before = disk.failed;
    disk.break(fault);
    await ends;
    assert.ok(disk.failed > before, 'the settlements met the fault');
    await heal();
    await assert_balances(weir);
    await weir.program.kill();
    await assert_balances(await serve(t, home));
  }));
});

// 1,200 keys of three accounts each. Twice all of them are asked for as quickly as can be, and the
// server ends at once, before what is written late is written. The third time all are open when it
// is killed: the next start settles them, and writes all that changed in one flush.
test('only the first N rows of a flush written', { timeout: 60_000 }, async (t) => {
  const begun = await start(t, { quota: { key: LARGE } });
  const { sim, home } = begun;
  let { weir } = begun;
  const keys = await at_once(1200, () => make_key(weir));
  const wanted = keys.map(() => [0, 0]);
  const charge = (n, tokens) => (wanted[n][0] += 1, wanted[n][1] += tokens);
  async function restart(how) {
    await (how === 'SIGKILL' ? weir.program.kill() : weir.program.stop());
    weir = await serve(t, home);
    const found = await balances(weir, keys);
    const wrong = keys.flatMap((_, n) =>
      (`${found[n]}` === `${wanted[n]}` ? [] : [`key ${n}: ${found[n]}, not ${wanted[n]}`]));
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} balances are wrong`);
    await assert_books(weir, sum(wanted.map(([requests]) => requests)));
  }

  for (const how of ['SIGKILL', 'SIGTERM']) {
    await Promise.all(keys.map(async (key, n) => {
      const out = 1 + (n % 499); // so that hardly two of them are alike
      const answer = await weir.chat(`sim:chunks=1,usage_out=${out}`, { stream: true }, { key });
      assert.equal(count_answered([answer]), 1);
      charge(n, TOKENS_IN + out);
    }));
    await restart(how);
  }
  const open = await open_all(weir, keys, 'sim:chunks=2,stall=1');
  for (const [n, [requests, tokens]] of (await balances(weir, keys, 'held')).entries()) {
    assert.ok(requests === 1 && tokens > SLAB, `${requests} requests, ${tokens} tokens held`);
    charge(n, tokens);
  }
  await restart('SIGKILL');
  await Promise.all(open.map((one) => one.whole()));
  await restart('SIGTERM');
  await restart('SIGKILL');
  assert.equal((await sim.bill()).requests, 3 * keys.length);
});

// Four workers, each with a socket of its own; the kernel deals connections between them by their
// ports, so that of two hundred each gets some. A limit is the whole server's all the same.
test('per-replica limits', { timeout: 60_000 }, async (t) => {
  const rate = '40/hour burst 40';
  const cases = {
    per_key: { limits: { per_key: rate } }, per_user: { limits: { per_user: rate } },
    per_ip: { limits: { per_ip: rate } }, concurrent: { limits: { concurrent_per_key: 40 } },
    quota: { quota: { everyone: [{ requests: 40, per: 'total' }] } },
  };
  for (const [name, extra] of Object.entries(cases)) {
    const { sim, weir } = await start(t, {
      ...extra, limits: { ...OFF, ...extra.limits }, workers: 4, trusted_proxies: ['127.0.0.1'],
    });
    const port = weir.port.toString(16).toUpperCase().padStart(4, '0');
    const listening = new RegExp(`: 0100007F:${port} 00000000:0000 0A `, 'g');
    assert.equal(readFileSync('/proc/net/tcp', 'utf8').match(listening)?.length, 4);
    const second = /user|quota/.test(name) ? await make_key(weir) : weir.key;
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    const asked = await at_once(200, (n) =>
      weir.open_chat('sim:chunks=2,stall=1', {}, { headers, key: n % 2 ? weir.key : second }));
    const refused = asked.filter(({ status }) => status !== 200);
    await Promise.all(refused.map((one) => one.whole()));
    count_answered(refused, name === 'quota' ? 'quota_exceeded' : 'rate_limit_exceeded');
    assert.equal(asked.length - refused.length, 40, name);
    for (const one of asked) if (one.status === 200) one.leave();
    while ((await weir.json('ledger', 'show')).holds_open > 0) await sleep(20);
    assert.equal((await sim.bill()).requests, 40, 'asked of the provider');
    await assert_books(weir, 40);
  }
});
