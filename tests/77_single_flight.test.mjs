// Who asks the same at the same time shares one call of the provider, where the model's cache rule
// says so: each pays a request, the tokens are paid once, and nobody's leaving ends the others.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sim_text, start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const SLOW = 'sim:chunks=20,size=40,delay=25ms';
const TEXT = sim_text(20, 40);

async function start(t, when = 'always', extra = {}) {
  const sim = await start_sim(t);
  const target = { provider: 'sim', model: 'sim:*', price: { input: 1, output: 2 } };
  const weir = await start_weir(t, {
    config: sim_config(sim, {
      models: { 'sim:*': { targets: [target], cache: { when } } }, ...extra,
    }),
  });
  return { sim, weir };
}
const text_of = (answer, stream) =>
  (stream ? read_chat(answer.text).text : answer.json.choices[0].message.content);

describe('one call for all who ask the same', () => {
  for (const workers of [1, 3]) {
    test(`streamed or not, with ${workers} workers`, async (t) => {
      const { sim, weir } = await start(t, 'always', { workers });
      const first = await weir.open_chat(SLOW);
      await first.until(({ text }) => read_chat(text).text.length > 0);
      const others = await Promise.all(Array.from({ length: 12 }, async (_, n) => {
        const stream = n % 2 === 0;
        const answer = await weir.chat(SLOW, { stream });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers['x-weir-cache'], 'joined');
        return text_of(answer, stream);
      }));
      assert.deepEqual(others, others.map(() => TEXT));
      await first.whole();
      assert.equal((await sim.bill()).requests, 1);
      const shown = await weir.json('ledger', 'show');
      assert.equal(shown.requests, 13, 'each is charged its request');
      assert.equal(shown.tokens_out, 200, 'the tokens are paid once');
      const report = await weir.json('ledger', 'verify');
      assert.deepEqual([report.ok, report.holds_open], [true, 0]);
    });
  }

  test('goes on when the one who began it leaves', async (t) => {
    const { sim, weir } = await start(t);
    const first = await weir.open_chat(SLOW);
    await first.until(({ text }) => read_chat(text).text.length > 0);
    const second = weir.chat(SLOW, { stream: true });
    await sleep(100);
    first.leave();
    const said = read_chat((await second).text);
    assert.deepEqual([said.text, said.done], [TEXT, true]);
    assert.deepEqual([(await sim.bill()).requests, (await sim.bill()).completed], [1, 1]);
  });

  test('is not stopped for all by the one who began it', async (t) => {
    const { sim, weir } = await start(t);
    const first = await weir.open_chat(SLOW);
    await first.until(({ text }) => read_chat(text).text.length > 0);
    const second = weir.chat(SLOW, { stream: true });
    await sleep(100);
    const path = `/v1/streams/${first.headers['x-weir-stream-id']}`;
    const answer = await weir.request(path, { method: 'DELETE' });
    assert.equal(answer.json.state, 'shared', answer.text);
    assert.equal(read_chat((await second).text).text, TEXT);
    await first.whole();
    assert.equal((await sim.bill()).completed, 1);
  });

  test('ends when the last one leaves', async (t) => {
    const { sim, weir } = await start(t);
    const long = 'sim:chunks=200,size=40,delay=25ms';
    const first = await weir.open_chat(long);
    await first.until(({ text }) => read_chat(text).text.length > 0);
    const second = await weir.open_chat(long);
    await second.until(({ text }) => read_chat(text).text.length > 0);
    first.leave();
    await sleep(100);
    assert.equal((await sim.bill(long)).open, 1);
    second.leave();
    await sim.departure(long);
  });

  test('fails alike, and costs nobody anything where nothing was said', async (t) => {
    const { weir } = await start(t);
    const broken = 'sim:hold=300ms,status=500';
    const answers = await Promise.all([weir.chat(broken), sleep(50).then(() => weir.chat(broken))]);
    assert.deepEqual(answers.map(({ status }) => status), [502, 502]);
    assert.equal((await weir.json('ledger', 'show')).requests, 0);
  });

  test('needs a request of one\'s own', async (t) => {
    const { weir } = await start(t);
    const poor = await weir.create_key();
    await weir.say('quota', 'set', '--key', poor, '--requests', '1');
    const first = await weir.open_chat(SLOW);
    await first.until(({ text }) => read_chat(text).text.length > 0);
    const [once, twice] = await Promise.all([0, 60].map(async (ms) => {
      await sleep(ms);
      return weir.chat(SLOW, {}, { key: poor });
    }));
    assert.deepEqual([once.status, twice.status], [200, 429]);
    await first.whole();
  });
});

describe('is not shared', () => {
  const alone = async (t, when, ask) => {
    const { sim, weir } = await start(t, when);
    await Promise.all([ask(weir, 0), sleep(60).then(() => ask(weir, 1))]);
    return (await sim.bill()).requests;
  };

  test('without a cache rule', async (t) => {
    assert.equal(await alone(t, 'off', (weir) => weir.chat(SLOW)), 2);
  });
  test('what is not deterministic, where that is the rule', async (t) => {
    const when = 'deterministic';
    assert.equal(await alone(t, when, (weir) => weir.chat(SLOW)), 2);
    assert.equal(await alone(t, when, (weir) => weir.chat(SLOW, { temperature: 0 })), 1);
    assert.equal(await alone(t, when, (weir) => weir.chat(SLOW, { seed: 7 })), 1);
  });
  test('with Cache-Control: no-cache', async (t) => {
    const headers = { 'cache-control': 'no-cache' };
    assert.equal(await alone(t, 'always', (weir) => weir.chat(SLOW, {}, { headers })), 2);
  });
  test('another question', async (t) => {
    const ask = (weir, n) => weir.chat(SLOW, { max_tokens: 900 + n });
    assert.equal(await alone(t, 'always', ask), 2);
  });
  test('with other people', async (t) => {
    const { sim, weir } = await start(t);
    await weir.say('user', 'add', 'ada@example.org');
    const ada = await weir.say('key', 'create', '--user', 'ada@example.org');
    await Promise.all([weir.chat(SLOW), sleep(60).then(() => weir.chat(SLOW, {}, { key: ada }))]);
    assert.equal((await sim.bill()).requests, 2);
  });
});
