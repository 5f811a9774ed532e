// kill -9 in the middle: nothing is lost, nothing is charged twice, nothing goes past the limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { start_sim } from './harness/sim.mjs';
import { make_home, serve, sim_config } from './harness/weir.mjs';

const LEFT = 40;

// One request, however it goes: whether its whole answer came.
async function ask(weir, key, model) {
  try {
    const answer = await weir.request('/api/v1/chat', { key, body: { prompt: 'test', model } });
    return answer.status === 200 && answer.text.includes('data: [DONE]');
  } catch {
    return false; // the connection died with the server
  }
}

for (const durability of ['power', 'process']) {
  test(`with 40 left, killed among 200 requests (durability ${durability})`,
    { timeout: 120_000 }, async (t) => {
      const sim = await start_sim(t);
      const home = make_home({
        config: sim_config(sim, {
          limits: { per_key: 'off', concurrent_per_key: 'off' }, ledger: { durability },
        }),
      });
      const first = await serve(t, home);
      const key = await first.create_key();
      await first.say('quota', 'set', '--key', key, '--requests', String(LEFT), '--per', 'total');

      // Answers of different lengths, so that some are done and some are not when it dies.
      let before = 0;
      const asked = Array.from({ length: 200 }, async (_, n) => {
        const model = `sim:chunks=${1 + (n % 20)},delay=20ms`;
        if (await ask(first, key, model)) ++before;
      });
      while (before < 8) await sleep(2);
      await first.program.kill();
      await Promise.all(asked);
      assert.ok(before >= 8 && before <= LEFT, `${before} answers before`);

      const second = await serve(t, home);
      const shown = await second.json('ledger', 'show', '--key', key);
      assert.ok(shown.requests >= before, `${before} answers, ${shown.requests} charged`);
      assert.ok(shown.requests <= LEFT);
      assert.equal(shown.holds_open, 0, 'every open hold is settled before requests are taken');
      const crashed = shown.requests - before; // answered in part or not at all, and charged

      const later = Array.from({ length: 200 }, () => ask(second, key, 'fast'));
      const answers = await Promise.all(later);
      const after = answers.filter(Boolean).length;
      assert.equal(before + crashed + after, LEFT);
      const end = await second.json('ledger', 'show', '--key', key);
      assert.equal(end.requests, LEFT);
      assert.equal(end.holds_open, 0);
      assert.equal(end.overages, 0);

      const quota = await second.quota(key);
      const total = quota.budgets.find(({ unit, scope }) => unit === 'requests' && scope === 'key');
      assert.deepEqual([total.used, total.held, total.remaining], [LEFT, 0, 0]);
      const report = await second.json('ledger', 'verify');
      assert.deepEqual([report.ok, report.faults], [true, []]);
    });
}

test('killed again and again, the books stay right', { timeout: 120_000 }, async (t) => {
  const sim = await start_sim(t);
  const home = make_home({
    config: sim_config(sim, { limits: { per_key: 'off', concurrent_per_key: 'off' } }),
  });
  let answers = 0;
  for (let round = 0; round < 5; ++round) {
    const weir = await serve(t, home);
    let done = 0;
    const asked = Array.from({ length: 30 }, async (_, n) => {
      if (await ask(weir, weir.key, `sim:chunks=${1 + (n % 10)},delay=10ms,size=40`)) ++done;
    });
    await sleep(30 + 40 * round);
    await weir.program.kill();
    await Promise.all(asked);
    answers += done;
  }
  const weir = await serve(t, home);
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual([report.ok, report.faults, report.holds_open], [true, [], 0]);
  const shown = await weir.json('ledger', 'show');
  const bill = await sim.bill();
  assert.ok(shown.requests >= answers, 'what was answered is charged');
  assert.ok(shown.requests <= 150, 'nothing is charged that was not asked');
  assert.ok(bill.requests <= shown.requests, 'nothing was asked of the provider unpaid');
  assert.ok(shown.tokens_out >= answers, 'and its tokens');
});

test('what was acknowledged before a kill is there after it', async (t) => {
  const sim = await start_sim(t);
  const home = make_home({ config: sim_config(sim) });
  const first = await serve(t, home);
  const key = await first.create_key('--name', 'kept');
  await first.say('quota', 'set', '--key', key, '--requests', '5');
  await first.program.kill();
  const second = await serve(t, home);
  assert.equal((await second.quota(key)).limit, 5);
  assert.ok((await second.json('key', 'list')).some(({ name }) => name === 'kept'));
});
