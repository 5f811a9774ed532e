// The disk fails under a running server: no balance gets wrong, nothing is paid that is not
// charged, and the server goes on by itself when the disk is well again.
//
// Every fault is one call that fails, the first one, the second one, and so on, so that no place
// is left out where a failure was not thought of. WEIR_DISK_SWEEP=full leaves out none at all.

import assert from 'node:assert/strict';
import { statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { KIND, make_disk, mount_small } from './harness/disk.mjs';
import { make_folder } from './harness/program.mjs';
import { start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { make_home, serve, sim_config } from './harness/weir.mjs';

const FULL = process.env.WEIR_DISK_SWEEP === 'full';
const AT_ONCE = 3; // servers, which mostly wait
const HEALS_WITHIN = 5000;
const SLAB = 512;
const HOLDS_AHEAD = 1.5 * SLAB;

const config = (sim, durability) => sim_config(sim, {
  workers: 1,
  limits: { per_key: 'off', concurrent_per_key: 'off' },
  ledger: { durability },
});

// Every test has models of its own: `code` does nothing here but tell bills apart.
let models = 0;
const model_of = (script) => `sim:${script},code=n${++models}`;
const SHORT = 'chunks=4,size=8';
// Six slabs, at two bytes a token; slow enough that little is written that nobody reads.
const LONG = 'chunks=60,size=100,delay=1ms';

// What the clients of one data directory were told, however many servers it had.
class Clients {
  constructor(sim) {
    this.sim = sim;
    this.asked = [];
    this.odd = []; // what no client should see
  }

  count(outcome) {
    return this.asked.filter((one) => one.outcome === outcome).length;
  }

  get tokens_out() {
    return this.asked.reduce((sum, { tokens_out = 0 }) => sum + tokens_out, 0);
  }

  // 'answered', 'refused' by the ledger, 'spent' (429) or 'interrupted' by the ledger in the
  // middle; anything else is odd.
  async ask(weir, { script = SHORT, stream = false, key = weir.key, headers } = {}) {
    const one = { model: model_of(script), outcome: 'odd' };
    this.asked.push(one);
    try {
      const extra = stream ? { stream, stream_options: { include_usage: true } } : {};
      const answer = await weir.chat(one.model, extra, { key, headers });
      one.outcome = this.#judge(one, answer, stream);
    } catch (error) {
      this.odd.push(`${one.model}: ${error}`);
    }
    return one.outcome;
  }

  #judge(one, answer, stream) {
    if (answer.status === 200) {
      const said = stream ? read_chat(answer.text) : { ...answer.json, done: true };
      if (said.done && !said.error) {
        one.tokens_out = said.usage.completion_tokens;
        return 'answered';
      }
      if (said.error?.code === 'ledger_unavailable') return 'interrupted';
    }
    if (answer.status === 429 && answer.error.code === 'quota_exceeded') return 'spent';
    if (answer.status === 503 && answer.error.code === 'ledger_unavailable') {
      if (!(Number(answer.headers['retry-after']) > 0)) {
        this.odd.push(`${one.model}: 503 without retry-after`);
      }
      return 'refused';
    }
    this.odd.push(`${one.model}: ${answer.status} ${answer.text.slice(0, 300)}`);
    return 'odd';
  }

  // What the provider bills for them, and everything it bills although they were refused.
  async bill() {
    const { by_model } = await this.sim.bill();
    const bill = { requests: 0, tokens_out: 0 };
    for (const { model, outcome } of this.asked) {
      const of_model = by_model[model];
      if (!of_model) continue;
      bill.requests += of_model.requests;
      bill.tokens_out += of_model.tokens_out;
      if (outcome === 'refused' || outcome === 'spent') {
        this.odd.push(`${model} was ${outcome}, and the provider was asked: ${of_model.requests}`);
      }
    }
    return bill;
  }

  // A little of everything: whole and streamed, alone and together, one that needs more slabs, one
  // whose answer is kept. Ends early when `enough()` holds.
  async ask_around(weir, enough = () => false) {
    const steps = [
      () => this.ask(weir),
      () => this.ask(weir, { stream: true }),
      () => Promise.all([this.ask(weir), this.ask(weir, { stream: true }), this.ask(weir)]),
      () => this.ask(weir, { script: LONG, stream: true }),
      () => this.ask(weir, { headers: { 'idempotency-key': `once-${models}` } }),
      () => this.ask(weir),
      () => this.ask(weir, { script: `${SHORT},delay=10ms`, stream: true }),
      () => this.ask(weir),
    ];
    for (const step of steps) {
      if (enough()) return;
      await step();
    }
  }

  // Asks until a request is answered; null when none is in time, else the milliseconds it took.
  async until_answered(weir, within = HEALS_WITHIN) {
    const begun = performance.now();
    while (performance.now() - begun < within) {
      const outcome = await this.ask(weir);
      if (outcome === 'answered') return performance.now() - begun;
      if (outcome === 'odd') break;
      await sleep(50);
    }
    return null;
  }
}

// The books of a live server that heals: exactly what the provider was asked for is charged.
async function live_faults(weir, clients, { keys = 1 } = {}) {
  let report;
  let shown;
  const end = Date.now() + 3000;
  do { // a settlement is written a little later
    report = await weir.json('ledger', 'verify');
    shown = await weir.json('ledger', 'show');
    if (report.holds_open === 0 && shown.holds_open === 0) break;
    await sleep(50);
  } while (Date.now() < end);
  const bill = await clients.bill();
  const faults = [];
  const say = JSON.stringify({ shown, bill, report });
  if (!report.ok) faults.push(`live: verify finds ${JSON.stringify(report.faults)}`);
  if (report.holds_open + shown.holds_open > 0) faults.push(`live: a hold stays open: ${say}`);
  if (shown.requests !== bill.requests) faults.push(`live: charged is not billed: ${say}`);
  if (report.spent.requests !== shown.requests) faults.push(`live: disk and memory differ: ${say}`);
  const { used, held } = await weir.quota();
  if (held !== 0 || (keys === 1 && used !== shown.requests)) {
    faults.push(`live: ${used} used and ${held} held, ${shown.requests} charged`);
  }
  return faults;
}

// The books after the end of a server, read by the next one. What was refused may be charged only
// where the server died before it could take the hold back.
async function books_faults(weir, clients, what) {
  const faults = [];
  const end = await weir.cli(['ledger', 'verify', '--json']);
  if (end.code !== 0) faults.push(`${what}: ledger verify: ${end.code} ${end.stdout}${end.stderr}`);
  const shown = await weir.json('ledger', 'show');
  const bill = await clients.bill();
  const say = JSON.stringify({
    shown, bill, answered: clients.count('answered'), refused: clients.count('refused'),
    interrupted: clients.count('interrupted'), tokens_out: clients.tokens_out,
  });
  const most = clients.asked.length;
  if (shown.holds_open !== 0) faults.push(`${what}: a hold stays open: ${say}`);
  if (shown.requests < clients.count('answered')) faults.push(`${what}: answered, free: ${say}`);
  if (shown.requests < bill.requests) faults.push(`${what}: billed, not charged: ${say}`);
  if (shown.requests > most) faults.push(`${what}: charged twice: ${say}`);
  if (shown.tokens_out < clients.tokens_out) faults.push(`${what}: told, not charged: ${say}`);
  const open = most - clients.count('answered');
  if (shown.tokens_out < bill.tokens_out - open * SLAB) {
    faults.push(`${what}: tokens billed, not charged: ${say}`);
  }
  // Each request that was not answered may have been held; each answer's last settlement may be
  // lost with the server.
  if (shown.tokens_out > 2 * bill.tokens_out + most * HOLDS_AHEAD) {
    faults.push(`${what}: tokens charged that nobody used: ${say}`);
  }
  return faults;
}

// Kills the server and lets another one open what it left; with `cut`, also what a power cut would
// have left of it.
async function faults_after_the_end(t, { disk, home, weir, clients, cut }) {
  const faults = [];
  if (!weir.program.alive) faults.push(`the server ended by itself: ${weir.stderr.slice(-1000)}`);
  await weir.program.kill();
  disk?.mend();
  const places = [['after kill -9', home]];
  if (cut) {
    const data_dir = join(make_folder(), 'weir-data');
    disk.leave_after_power_cut(data_dir);
    const env = { ...home.env, WEIR_DATA_DIR: data_dir };
    places.push(['after a power cut', { ...home, data_dir, env }]);
  }
  for (const [what, place] of places) {
    let again;
    try {
      again = await serve(t, place);
    } catch (error) {
      faults.push(`${what}: does not start: ${error.message}`);
      continue;
    }
    faults.push(...await books_faults(again, clients, what));
    if (await clients.ask(again) !== 'answered') faults.push(`${what}: does not answer`);
    await again.program.kill();
    // What the second server was asked is no business of the first one's power cut.
    clients.asked.pop();
  }
  return faults;
}

// Works through `items`, a few at a time; throws with all that was found wrong. Each has a scope of
// its own, so that its servers end with it.
async function sweep(t, items, examine) {
  const wrong = [];
  const left = [...items];
  const work = async () => {
    while (left.length > 0 && !t.signal.aborted) {
      const item = left.shift();
      const ends = [];
      const faults = await examine({ after: (end) => ends.push(end) }, item)
        .catch((error) => [error.stack]);
      for (const end of ends) await end().catch((error) => faults.push(error.message));
      if (faults.length > 0) wrong.push(`${JSON.stringify(item)}:\n    ${faults.join('\n    ')}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const what = `${wrong.length} of ${items.length} went wrong:\n${wrong.join('\n')}`;
  assert.ok(wrong.length === 0, what);
}

// Each `step`th from `from` to `last`.
const each = (last, step, from = 1) => Array.from({ length: last }, (_, n) => n + 1)
  .filter((nth) => nth >= from && (nth - from) % step === 0);

describe('the start', () => {
  // It is refused with one line, and works as soon as the disk does; or it succeeds all the same.
  async function examine(t, sim, { nth, ...how }) {
    const home = make_home({ config: config(sim, 'power') });
    const disk = await make_disk(home);
    const clients = new Clients(sim);
    const faults = [];
    disk.break({ nth, ...how });
    let weir;
    try {
      weir = await serve(t, disk.home);
      home.first = disk.home.first;
    } catch ({ end, stderr, message }) {
      if (!end) return [`neither ready nor ended: ${message}`];
      if (end.signal || end.code === 0) faults.push(`ended with ${JSON.stringify(end)}`);
      const lines = stderr.trimEnd().split('\n').filter((line) => !line.startsWith('{'));
      if (lines.length !== 1 || !/^weir: ./.test(lines[0])) {
        faults.push(`does not say why in one line: ${JSON.stringify(stderr)}`);
      }
    }
    if (weir) {
      disk.mend();
      if (!weir.key) {
        await weir.program.kill();
        return [...faults, `is ready, and nobody has a key: ${weir.stderr}`];
      }
      if (await clients.until_answered(weir) === null) faults.push('does not heal');
      else faults.push(...await live_faults(weir, clients));
      faults.push(...await faults_after_the_end(t, { disk, home, weir, clients }));
      return [...faults, ...clients.odd];
    }
    disk.mend();
    try {
      weir = await serve(t, home);
    } catch (error) {
      return [...faults, `does not start afterwards: ${error.message}`];
    }
    // The first key is printed only when it is made: there has to be one all the same.
    const key = weir.key ?? await weir.say('key', 'create', '--user', 'admin@localhost');
    if (await clients.ask(weir, { key }) !== 'answered') faults.push('does not answer afterwards');
    faults.push(...await books_faults(weir, clients, 'afterwards'));
    await weir.program.kill();
    return [...faults, ...clients.odd];
  }

  // How many calls a start makes.
  async function calls(t, sim) {
    const home = make_home({ config: config(sim, 'power') });
    const disk = await make_disk(home);
    const weir = await serve(t, disk.home);
    await weir.program.kill();
    assert.ok(disk.calls > 20, `${disk.calls} calls were seen`);
    return disk.calls;
  }

  test('fails once, at any call', { timeout: 240_000 }, async (t) => {
    const sim = await start_sim(t);
    const last = await calls(t, sim);
    // The first calls make the key of all keys, the last ones the first user.
    const places = [
      ...each(4, 1), ...each(last - 16, FULL ? 1 : 7, 5), ...each(last, FULL ? 1 : 2, last - 15),
    ];
    const items = places.map((nth) => ({ nth, times: 1, torn: nth % 4 === 1 }));
    await sweep(t, items, (scope, item) => examine(scope, sim, item));
    t.diagnostic(`${items.length} of ${last} calls`);
  });

  test('finds the disk broken from a call on', { timeout: 240_000 }, async (t) => {
    const sim = await start_sim(t);
    const last = await calls(t, sim);
    const items = each(last, FULL ? 1 : 9, 2).map((nth) => ({ nth, error: 'ENOSPC' }));
    await sweep(t, items, (scope, item) => examine(scope, sim, item));
  });
});

for (const durability of ['power', 'process']) {
  describe(`a running server (durability ${durability})`, () => {
    async function start(t, sim) {
      const home = make_home({ config: config(sim, durability) });
      const disk = await make_disk(home);
      const weir = await serve(t, disk.home);
      home.first = disk.home.first;
      return { sim, home, disk, weir, clients: new Clients(sim), cut: durability === 'power' };
    }

    async function examine(t, sim, { lasts, ...how }) {
      const one = await start(t, sim);
      const { disk, weir, clients } = one;
      const faults = [];
      disk.break(how);
      for (let n = 0; n < 3 && disk.failed === 0; ++n) {
        await clients.ask_around(weir, () => disk.failed > 0);
      }
      if (disk.failed === 0) faults.push(`the call was not reached: ${disk.calls}`);
      await clients.ask_around(weir); // some wait, some come while it is broken
      if (lasts) {
        await sleep(lasts);
        await clients.ask(weir);
        disk.mend();
      }
      const healed = await clients.until_answered(weir);
      if (healed === null) faults.push('does not heal');
      else faults.push(...await live_faults(weir, clients));
      faults.push(...await faults_after_the_end(t, { ...one }));
      return [...faults, ...clients.odd];
    }

    test('meets one call that fails', { timeout: 240_000 }, async (t) => {
      const sim = await start_sim(t);
      const fails_once = (nth, kinds) => ({ nth, times: 1, kinds, torn: nth % 2 === 0 });
      const items = durability === 'power'
        ? [...each(50, FULL ? 1 : 7).map((nth) => fails_once(nth, KIND.all)),
          ...each(12, FULL ? 1 : 7).map((nth) => fails_once(nth, KIND.sync))]
        : each(50, FULL ? 1 : 11).map((nth) => fails_once(nth, KIND.all)); // it does not sync here
      await sweep(t, items, (scope, item) => examine(scope, sim, item));
    });

    test('meets a disk that fails for a while', { timeout: 240_000 }, async (t) => {
      const sim = await start_sim(t);
      const items = each(50, FULL ? 1 : 16, 2).map((nth) => ({
        nth, lasts: 300 + 37 * nth % 1200, error: nth % 2 ? 'EIO' : 'ENOSPC', torn: nth % 3 === 0,
      }));
      await sweep(t, items, (scope, item) => examine(scope, sim, item));
    });

    test('refuses while every call fails, and says why', { timeout: 60_000 }, async (t) => {
      const one = await start(t, await start_sim(t));
      const { disk, weir, clients } = one;
      assert.equal(await clients.ask(weir), 'answered');
      disk.break();
      for (let n = 0; n < 5; ++n) assert.equal(await clients.ask(weir), 'refused');
      await weir.is_alive();
      const health = await weir.cli(['health']);
      assert.equal(health.code, 3);
      assert.match(health.stderr, /ledger/);
      for (const command of [
        ['key', 'create', '--user', weir.admin],
        ['quota', 'set', '--user', weir.admin, '--requests', '5000'],
      ]) {
        const end = await weir.cli(command);
        assert.equal(end.code, 1, `${command}: ${end.stdout}`);
        assert.match(end.stderr, /^weir: .*ledger.*\n$/);
      }
      await sleep(1500); // whoever tries to heal, fails
      for (let n = 0; n < 5; ++n) assert.equal(await clients.ask(weir), 'refused');
      const faults = [];
      const said = weir.stderr.split('\n').filter((line) => !/"event":"request"/.test(line));
      if (!said.some((line) => /I\/O error/.test(line))) {
        faults.push(`the log does not tell what the disk said: ${JSON.stringify(said)}`);
      }
      disk.mend();
      if (await clients.until_answered(weir) === null) faults.push('does not heal');
      else if ((await weir.cli(['health'])).code !== 0) faults.push('answers, and is not healthy');
      faults.push(...await faults_after_the_end(t, one), ...clients.odd);
      assert.deepEqual(faults, []);
    });

    // What a command was told holds in memory and on the disk: after a refusal it can be given
    // again, and what was listed before a restart is listed after it.
    test('takes a command again that it refused', { timeout: 60_000 }, async (t) => {
      for (const kinds of [KIND.sync | KIND.name, KIND.all]) {
        const { disk, home, weir } = await start(t, await start_sim(t));
        const add = () => weir.cli(['user', 'add', 'ada@example.org']);
        disk.break({ kinds });
        const refused = await add();
        // Without a sync to fail, the command succeeds at once.
        if (durability === 'power' || kinds === KIND.all) assert.equal(refused.code, 1);
        await sleep(1500); // the repair fails too
        disk.mend();
        const healed = async () => (await weir.cli(['health'])).code === 0;
        for (let n = 0; n < 50 && !await healed(); ++n) await sleep(100);
        if (refused.code !== 0) {
          const again = await add();
          assert.equal(again.code, 0, `refused, and then: ${again.stderr}`);
        }
        const users = await weir.json('user', 'list');
        assert.equal(users.filter(({ email }) => email === 'ada@example.org').length, 1);
        await weir.program.kill();
        const later = await serve(t, home);
        assert.deepEqual(await later.json('user', 'list'), users);
        await later.program.kill();
      }
    });

    // Nothing is lost over many failures: with money for N requests, N are answered, then none.
    test('heals again and again, to the last request of a budget', { timeout: 120_000 },
      async (t) => {
        const one = await start(t, await start_sim(t));
        const { disk, weir, clients } = one;
        const rounds = FULL ? 24 : 3;
        const limit = 80 * rounds;
        const key = await weir.create_key();
        await weir.say('quota', 'set', '--key', key, '--requests', String(limit),
          '--per', 'total');
        const burst = () => Promise.all(Array.from({ length: 8 }, async (_, n) => {
          for (let turn = 0; turn < 3; ++turn) {
            await clients.ask(weir, { key, stream: n % 2 === 0 });
          }
        }));
        for (let round = 0; round < rounds; ++round) {
          const before = disk.failed;
          disk.break({ nth: 2 + 3 * (round % 8), times: 1 + round % 3, torn: round % 2 === 1 });
          for (let n = 0; n < 3 && disk.failed === before; ++n) await burst();
          assert.ok(disk.failed > before, `round ${round} meets a failure`);
          assert.notEqual(await clients.until_answered(weir), null, `round ${round} heals`);
        }
        disk.mend();
        const rest = await Promise.all(Array.from({ length: limit },
          () => clients.ask(weir, { key })));
        assert.ok(rest.includes('answered') && rest.includes('spent'), `${rest}`);
        const charged = await weir.json('ledger', 'show', '--key', key);
        assert.equal(charged.requests, limit, 'neither more than the budget nor less');
        assert.equal(charged.overages, 0);
        const faults = [
          ...await live_faults(weir, clients, { keys: 2 }), ...await faults_after_the_end(t, one),
        ];
        assert.deepEqual([...faults, ...clients.odd], []);
      });

    // 2,000 pages, of answers that are kept, and SQLite copies its log into the database. A
    // failure there has no answer that waits for it.
    test('meets a failure while the log is copied back', { timeout: 240_000 }, async (t) => {
      const sim = await start_sim(t);
      const items = each(400, FULL ? 19 : 133)
        .map((nth) => ({ nth, times: nth % 2 ? 1 : 30, copies: true }));
      await sweep(t, items, async (scope, how) => {
        const one = await start(scope, sim);
        const { disk, weir, clients } = one;
        disk.break(how);
        for (let n = 0; n < 20 && disk.failed === 0; ++n) {
          await clients.ask(weir, {
            script: 'chunks=30,size=30000', headers: { 'idempotency-key': `big-${n}` },
          });
        }
        const faults = disk.failed > 0 ? [] : [`the call was not reached: ${disk.calls}`];
        await clients.ask_around(weir);
        if (await clients.until_answered(weir) === null) faults.push('does not heal');
        else faults.push(...await live_faults(weir, clients));
        return [...faults, ...await faults_after_the_end(scope, one), ...clients.odd];
      });
    });

    test('meets a failure while it stops', { timeout: 120_000 }, async (t) => {
      const sim = await start_sim(t);
      const items = each(40, FULL ? 1 : 9).map((nth) => ({ nth, times: nth % 2 ? 1 : 1000 }));
      await sweep(t, items, async (scope, how) => {
        const one = await start(scope, sim);
        const { disk, home, weir, clients } = one;
        await clients.ask_around(weir);
        const faults = await live_faults(weir, clients);
        disk.break(how);
        weir.program.signal('SIGTERM');
        const end = await Promise.race([weir.program.exited, sleep(8000)]);
        if (!end) faults.push('does not end');
        else if (end.signal) faults.push(`ended with ${JSON.stringify(end)}`);
        await weir.program.kill();
        disk.mend();
        const again = await serve(scope, home);
        faults.push(...await books_faults(again, clients, 'after SIGTERM'));
        await again.program.kill();
        return [...faults, ...clients.odd];
      });
    });
  });
}

// The real thing: a file system without room. The interposed calls prove the order of things,
// this proves that they fail as a kernel makes them fail.
for (const durability of ['power', 'process']) {
  test(`a disk that is full, and has room again (durability ${durability})`, { timeout: 60_000 },
    async (t) => {
      const sim = await start_sim(t);
      const home = make_home({ config: config(sim, durability) });
      if (!await mount_small(t, home.data_dir, '2m')) {
        t.skip('a small file system cannot be mounted here; the interposed ENOSPC has to do');
        return;
      }
      const weir = await serve(t, home);
      const clients = new Clients(sim);
      const faults = [];
      const filler = join(home.data_dir, 'filler');
      const fill = () => {
        for (let size = 4 << 20; size >= 1; size = Math.floor(size / 2)) {
          try {
            writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
          } catch (error) {
            assert.equal(error.code, 'ENOSPC');
          }
        }
        assert.equal(statfsSync(home.data_dir).bavail, 0);
      };
      for (let round = 0; round < 2; ++round) {
        await clients.ask_around(weir);
        fill();
        // What the log has room for already is still written.
        let refused = 0;
        for (let n = 0; n < 300 && refused < 5; ++n) {
          if (await clients.ask(weir) === 'refused') ++refused;
        }
        if (refused < 5) faults.push(`refused only ${refused} times on a full disk`);
        await weir.is_alive();
        unlinkSync(filler);
        if (await clients.until_answered(weir) === null) {
          faults.push(`does not heal (round ${round})`);
          break;
        }
        faults.push(...await live_faults(weir, clients));
      }
      faults.push(...await faults_after_the_end(t, { home, weir, clients }), ...clients.odd);
      assert.deepEqual(faults, []);
    });
}

test('a power cut takes nothing that was answered', { timeout: 60_000 }, async (t) => {
  const sim = await start_sim(t);
  const home = make_home({ config: config(sim, 'power') });
  const disk = await make_disk(home);
  const weir = await serve(t, disk.home);
  home.first = disk.home.first;
  const clients = new Clients(sim);
  await clients.ask_around(weir);
  await Promise.all(Array.from({ length: 20 }, () => clients.ask(weir)));
  const one = { disk, home, weir, clients, cut: true };
  assert.deepEqual([...await faults_after_the_end(t, one), ...clients.odd], []);
});
