// kill -9 again and again under 32 callers. The simulator keeps its own bill: what clients were
// told is charged, what the provider billed is charged but for what nobody had read, and what is
// charged beyond that is no more than the slabs that were open. script/soak runs more rounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { make_home, serve, sim_config } from './harness/weir.mjs';

const ROUNDS = Number(process.env.WEIR_CRASH_ROUNDS ?? 20);
const CALLERS = 32;
const LIMIT = 2000 * ROUNDS; // tokens, for the callers with the small budget
const SLAB = 512;
const LONGEST = 150; // chunks of 40 bytes, ten tokens each

// A caller's life until the server is gone.
async function call(weir, key, seed, seen) {
  for (let n = seed; ; n = (n * 1103515245 + 12345) % 2147483648) {
    const chunks = 1 + (n % LONGEST);
    const model = `sim:chunks=${chunks},size=40,delay=${n % 5}ms`;
    const stream = n % 3 > 0;
    ++seen.asked;
    try {
      const extra = stream ? { stream, stream_options: { include_usage: true } } : {};
      const answer = await weir.chat(model, extra, { key });
      if (answer.status === 429) {
        await sleep(20);
        continue;
      }
      assert.equal(answer.status, 200, answer.text);
      const said = stream ? read_chat(answer.text) : { ...answer.json, done: true };
      if (!said.done) continue;
      ++seen.requests;
      seen.tokens_out += said.usage.completion_tokens;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return; // the connection died with the server
    }
  }
}

test(`${ROUNDS} rounds of kill -9`, { timeout: 60_000 + ROUNDS * 6000 }, async (t) => {
  const sim = await start_sim(t);
  const home = make_home({
    config: sim_config(sim, {
      workers: 2, limits: { per_key: 'off', concurrent_per_key: 'off' },
    }),
  });
  const seen = { asked: 0, requests: 0, tokens_out: 0 };
  let small;
  let slowest = 0;
  for (let round = 0; round < ROUNDS; ++round) {
    const weir = await serve(t, home);
    if (round === 0) {
      small = await weir.create_key();
      await weir.say('quota', 'set', '--key', small, '--tokens', String(LIMIT), '--per', 'total');
    }
    const callers = Array.from({ length: CALLERS }, (_, n) =>
      call(weir, n % 4 === 0 ? small : weir.key, 7919 * (round + 1) + 104729 * n, seen));
    await sleep(150 + ((round * 137) % 350));
    await weir.program.kill();
    await Promise.all(callers);

    const begun = performance.now();
    const again = await serve(t, home);
    slowest = Math.max(slowest, performance.now() - begun);
    const [shown, report, bill] = await Promise.all([
      again.json('ledger', 'show'), again.json('ledger', 'verify'), sim.bill(),
    ]);
    assert.deepEqual([report.ok, report.faults, report.holds_open], [true, [], 0]);
    const say = JSON.stringify({ round, seen, shown, bill: { ...bill, by_model: undefined } });
    const open = CALLERS * (round + 1); // at most
    assert.ok(seen.requests <= shown.requests && shown.requests <= seen.asked, say);
    assert.ok(bill.requests <= shown.requests, `asked of the provider and not charged: ${say}`);
    assert.ok(seen.tokens_out <= shown.tokens_out, `told and not charged: ${say}`);
    assert.ok(bill.tokens_out - open * SLAB <= shown.tokens_out, `billed and not charged: ${say}`);
    // A slab is spent at two bytes a token, and up to one and a half are held ahead.
    const most = 2 * LONGEST * 10 + 1.5 * SLAB;
    assert.ok(shown.tokens_out <= bill.tokens_out + open * most, `charged too much: ${say}`);
    const { budgets } = await again.quota(small);
    const { used, held, limit } = budgets.find((one) =>
      one.unit === 'tokens' && one.scope === 'key');
    assert.ok(used <= limit && held === 0, `${used} used, ${held} held of ${limit}`);
    assert.equal((await again.json('ledger', 'show', '--key', small)).overages, 0);
    await again.program.kill();
  }
  assert.ok(seen.requests > ROUNDS, 'something was answered');
  assert.ok(slowest < 2000, `ready again after ${slowest} ms`);
  t.diagnostic(`answered ${seen.requests} of ${seen.asked}; ready again within ${slowest} ms`);
});
