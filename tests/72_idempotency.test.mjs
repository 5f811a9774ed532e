// Idempotency-Key: one request is answered, and paid, once, however often it is sent.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { sim_text, start_sim } from './harness/sim.mjs';
import { parse_events, read_chat } from './harness/sse.mjs';
import { make_home, serve, sim_config, start_weir } from './harness/weir.mjs';

const MODEL = 'sim:chunks=6,size=20';
const SLOW = 'sim:chunks=40,size=20,delay=10ms';

async function start(t, extra = {}) {
  const sim = await start_sim(t);
  return { sim, weir: await start_weir(t, { config: sim_config(sim, { workers: 4, ...extra }) }) };
}

const with_key = (name, key) => ({ headers: { 'idempotency-key': name }, key });
const chat = (weir, name, model = MODEL, extra = {}, key = weir.key) =>
  weir.chat(model, extra, with_key(name, key));
const content = (answer) => answer.json.choices[0].message.content;

async function charged(weir, key = weir.key) {
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual(report.faults, []);
  assert.equal(report.holds_open, 0);
  return (await weir.json('ledger', 'show', '--key', key)).requests;
}

describe('a retry', () => {
  test('after the end gets the same answer, and nothing is asked or charged', async (t) => {
    const { sim, weir } = await start(t);
    const first = await chat(weir, 'one');
    assert.equal(first.headers['x-weir-idempotent'], undefined);
    const again = await chat(weir, 'one');
    assert.equal(again.status, 200);
    assert.equal(again.headers['x-weir-idempotent'], 'replayed');
    assert.deepEqual(again.json, first.json);
    assert.equal((await sim.bill()).requests, 1);
    assert.equal(await charged(weir), 1);
  });

  test('may ask for the other mode', async (t) => {
    const { weir } = await start(t);
    const whole = await chat(weir, 'one');
    const streamed = read_chat((await chat(weir, 'one', MODEL, { stream: true })).text);
    assert.equal(streamed.text, content(whole));
    assert.equal(streamed.finish, 'stop');
    assert.ok(streamed.done);
    const first = read_chat((await chat(weir, 'two', MODEL, { stream: true })).text);
    const later = await chat(weir, 'two');
    assert.equal(content(later), first.text);
    assert.ok(later.json.usage.completion_tokens > 0);
    assert.equal(await charged(weir), 2);
  });

  test('while it runs joins it, in its own mode', async (t) => {
    const { sim, weir } = await start(t);
    const modes = [{ stream: true }, {}, { stream: true }, {}];
    const answers = await Promise.all(modes.map((extra) => chat(weir, 'one', SLOW, extra)));
    for (const [n, answer] of answers.entries()) {
      assert.equal(answer.status, 200, answer.text);
      const text = modes[n].stream ? read_chat(answer.text).text : content(answer);
      assert.equal(text, sim_text(40, 20));
    }
    assert.equal((await sim.bill()).requests, 1);
    assert.equal(await charged(weir), 1);
    const how = answers.map(({ headers }) => headers['x-weir-idempotent']);
    assert.deepEqual(how.filter((word) => word === undefined).length, 1, 'one of them made it');
  });

  test('finds an answer finished that its first client did not wait for', async (t) => {
    const { sim, weir } = await start(t);
    const body = { model: SLOW, messages: [{ role: 'user', content: 'hello' }], stream: true };
    const options = { ...with_key('one'), key: weir.key, body };
    const stream = await weir.open('/v1/chat/completions', options);
    await stream.until(({ text }) => text.includes('2:'));
    stream.leave();
    const again = await chat(weir, 'one', SLOW);
    assert.equal(content(again), sim_text(40, 20));
    assert.equal((await sim.bill(SLOW)).completed, 1, 'it ran to its end');
    assert.equal(await charged(weir), 1);
  });

  test('needs no quota', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '1');
    assert.equal((await chat(weir, 'one', MODEL, {}, key)).status, 200);
    assert.equal((await chat(weir, 'one', MODEL, {}, key)).status, 200);
    assert.equal((await chat(weir, 'two', MODEL, {}, key)).status, 429);
    assert.equal(await charged(weir, key), 1);
  });

  test('after a restart, and after kill -9, still gets it', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    const answer = await chat(first, 'one');
    await first.program.kill();
    const second = await serve(t, home);
    const again = await chat(second, 'one');
    assert.equal(again.headers['x-weir-idempotent'], 'replayed');
    assert.deepEqual(again.json, answer.json);
    assert.equal((await sim.bill()).requests, 1);
    assert.equal(await charged(second), 1);
  });

  test('has its tool calls, reasoning and unknown fields', async (t) => {
    const { weir } = await start(t);
    const models = ['sim:chunks=6,tools=2', 'sim:chunks=4,reasoning=3', 'sim:chunks=4,extra'];
    for (const model of models) {
      const first = await chat(weir, model, model);
      assert.deepEqual((await chat(weir, model, model)).json, first.json);
    }
  });

  test('works at the plain door', async (t) => {
    const { weir } = await start(t);
    const ask = (stream) => weir.request('/api/v1/chat', {
      ...with_key('one'), key: weir.key, body: { prompt: 'hi', model: MODEL, stream },
    });
    const whole = await ask(false);
    const streamed = await ask(true);
    assert.equal(streamed.headers['x-weir-idempotent'], 'replayed');
    const said = parse_events(streamed.text).map(({ data }) => data).filter((d) => d !== '[DONE]');
    const text = said.map((data) => JSON.parse(data).content ?? '').join('');
    assert.equal(text, whole.json.content);
    assert.equal(await charged(weir), 1);
  });
});

describe('a key', () => {
  test('means one request: another under it is 422', async (t) => {
    const { weir } = await start(t);
    await chat(weir, 'one');
    const other = await chat(weir, 'one', MODEL, { temperature: 0.5 });
    assert.equal(other.status, 422);
    assert.equal(other.error.code, 'idempotency_key_reused');
    const spaced = await weir.request('/v1/chat/completions', {
      ...with_key('one'), key: weir.key,
      body: `{ "stream_options": {"include_usage": true}, "messages": [ {"content":"hel\\u006co",` +
        ` "role":"user"} ], "stream": true, "model":"${MODEL}" }`,
    });
    assert.equal(spaced.status, 200, 'the same request, written differently');
    assert.equal(spaced.headers['x-weir-idempotent'], 'replayed');
    assert.equal(await charged(weir), 1);
  });

  test('holds its place among those at once, also after its client has left', async (t) => {
    const { weir } = await start(t, { limits: { concurrent_per_key: 2 } });
    for (const name of ['one', 'two']) {
      const options = { ...with_key(name), key: weir.key };
      const stream = await weir.open_chat('sim:chunks=200,size=20,delay=10ms', {}, options);
      await stream.until(({ text }) => text.includes('1:'));
      stream.leave();
    }
    const third = await chat(weir, 'three');
    assert.equal(third.status, 429, third.text);
  });

  test('belongs to one API key', async (t) => {
    const { sim, weir } = await start(t);
    const other = await weir.create_key();
    await chat(weir, 'one');
    const answer = await chat(weir, 'one', MODEL, { temperature: 0.5 }, other);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-weir-idempotent'], undefined);
    assert.equal((await sim.bill()).requests, 2);
  });

  test('is free again where every attempt failed, or the answer broke', async (t) => {
    const { weir } = await start(t);
    for (const fault of ['status=500,times=2', 'cut=2,times=1']) {
      const model = `sim:chunks=5,size=20,${fault}`;
      const failed = await chat(weir, fault, model, { stream: true });
      assert.ok(failed.status >= 500 || read_chat(failed.text).error, failed.text);
      const again = await chat(weir, fault, model, { stream: true });
      const last = again.status === 200 ? again : await chat(weir, fault, model, { stream: true });
      assert.equal(read_chat(last.text).text, sim_text(5, 20));
      assert.equal(last.headers['x-weir-idempotent'], undefined);
    }
    await charged(weir);
  });

  test('whose answer was too large to keep says so', { timeout: 60_000 }, async (t) => {
    const { sim, weir } = await start(t);
    const large = 'sim:chunks=300,size=4000';
    const first = await chat(weir, 'one', large);
    assert.equal(content(first).length, 1_200_000);
    const again = await chat(weir, 'one', large);
    assert.equal(again.status, 409, again.text.slice(0, 200));
    assert.equal(again.error.code, 'idempotency_answer_too_large');
    assert.equal((await sim.bill()).requests, 1);
  });

  test('that is none is refused', async (t) => {
    const { weir } = await start(t);
    for (const name of ['', 'x'.repeat(256)]) {
      const answer = await chat(weir, name);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.error.param, 'Idempotency-Key');
    }
  });
});
