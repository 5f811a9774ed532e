// An answer is paid for a slab at a time: nothing is passed on that the ledger does not hold, and
// where a budget ends the answer ends, as if its limit were reached.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sim_text, start_sim } from './harness/sim.mjs';
import { parse_events, read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const PRICE = { input: 1, output: 2 };
const LONG = 'sim:chunks=200,size=100'; // 20,000 bytes: at two bytes a token 10,000 of them
const MODELS = {
  'sim:*': { targets: [{ provider: 'sim', model: 'sim:*', price: PRICE }] },
};

async function start(t, extra = {}) {
  const sim = await start_sim(t);
  const config = sim_config(sim, { models: MODELS, ...extra });
  return { sim, weir: await start_weir(t, { config }) };
}

async function assert_sound(weir) {
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual(report.faults, []);
  assert.equal(report.holds_open, 0);
}

async function budget_of(weir, key, unit = 'tokens') {
  const { budgets } = await weir.quota(key);
  return budgets.find((one) => one.unit === unit && one.scope === 'key');
}

// The four ways to ask; each gives { status, text, finish, done }.
const DOORS = {
  'chat, streamed': async (weir, model, key) => {
    const answer = await weir.chat(model, { stream: true }, { key });
    return { status: answer.status, ...read_chat(answer.text) };
  },
  'chat, whole': async (weir, model, key) => {
    const answer = await weir.chat(model, {}, { key });
    const choice = answer.json.choices?.[0];
    return {
      status: answer.status, text: choice?.message.content, finish: choice?.finish_reason,
      done: true,
    };
  },
  'api, streamed': async (weir, model, key) => {
    const body = { prompt: 'hello', model };
    const answer = await weir.request('/api/v1/chat', { key, body });
    const events = parse_events(answer.text).map(({ data }) => data);
    const said = events.filter((data) => data !== '[DONE]').map((data) => JSON.parse(data));
    return {
      status: answer.status, text: said.map(({ content }) => content ?? '').join(''),
      finish: said.at(-1)?.finish_reason, done: events.includes('[DONE]'),
    };
  },
  'api, whole': async (weir, model, key) => {
    const body = { prompt: 'hello', model, stream: false };
    const answer = await weir.request('/api/v1/chat', { key, body });
    return {
      status: answer.status, text: answer.json.content, finish: answer.json.finish_reason,
      done: true,
    };
  },
};

describe('an answer larger than a slab', () => {
  for (const [door, ask] of Object.entries(DOORS)) {
    test(`comes whole where the budget allows it (${door})`, async (t) => {
      const { weir } = await start(t);
      const key = await weir.create_key();
      await weir.say('quota', 'set', '--key', key, '--tokens', '1000000');
      const answer = await ask(weir, LONG, key);
      assert.equal(answer.text, sim_text(200, 100));
      assert.equal(answer.finish, 'stop');
      assert.ok(answer.done);
      const { held, used } = await budget_of(weir, key);
      assert.equal(held, 0);
      assert.ok(used > 1000, `used ${used}`);
      await assert_sound(weir);
    });

    test(`ends with "length" where a budget is used up (${door})`, async (t) => {
      const { weir } = await start(t);
      const key = await weir.create_key();
      await weir.say('quota', 'set', '--key', key, '--tokens', '3000');
      const answer = await ask(weir, LONG, key);
      assert.equal(answer.status, 200);
      assert.equal(answer.finish, 'length');
      assert.ok(answer.done);
      assert.ok(sim_text(200, 100).startsWith(answer.text), 'a beginning of the answer');
      assert.ok(answer.text.length >= 2000, `only ${answer.text.length} bytes`);
      assert.ok(answer.text.length <= 6000, `${answer.text.length} bytes for 3000 tokens`);
      const { held, used, limit } = await budget_of(weir, key);
      assert.equal(held, 0);
      assert.ok(used <= limit, `${used} of ${limit}`);
      const shown = await weir.json('ledger', 'show', '--key', key);
      assert.equal(shown.overages, 0);
      await assert_sound(weir);
    });

    test(`ends with "length" where dollars are used up (${door})`, async (t) => {
      const { weir } = await start(t);
      const key = await weir.create_key();
      await weir.say('quota', 'set', '--key', key, '--usd', '0.006'); // 3,000 tokens of output
      const answer = await ask(weir, LONG, key);
      assert.equal(answer.finish, 'length');
      assert.ok(answer.text.length >= 2000 && answer.text.length <= 6000, `${answer.text.length}`);
      const { used, limit } = await budget_of(weir, key, 'usd');
      assert.ok(used <= limit, `${used} of ${limit}`);
      await assert_sound(weir);
    });
  }

  test('hangs up on the provider when the budget ends', async (t) => {
    const { sim, weir } = await start(t);
    const slow = 'sim:chunks=2000,size=100,delay=1ms';
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '3000');
    const answer = read_chat((await weir.chat(slow, { stream: true }, { key })).text);
    assert.equal(answer.finish, 'length');
    await sim.departure(slow);
    assert.equal((await sim.bill(slow)).aborted, 1);
  });

  test('holds a slab or two ahead of what was said, not its whole bound', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '1000000');
    const model = 'sim:chunks=40,size=400,stall=20';
    const stream = await weir.open_chat(model, { max_tokens: 100000 }, { key });
    await stream.until(({ text }) => text.includes('19:'));
    await sleep(50);
    const { held } = await budget_of(weir, key);
    // 8,000 bytes are 4,000 tokens at most; half a slab to a slab and a half more are held.
    assert.ok(held >= 4000 && held <= 4000 + 1024, `held ${held}`);
    stream.leave();
  });

  test('is not asked to stop by a budget that many share', { timeout: 60_000 }, async (t) => {
    const { weir } = await start(t, { limits: { per_key: 'off' } });
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '40000');
    const asked = Array.from({ length: 24 }, () => weir.chat(LONG, { stream: true }, { key }));
    const answers = await Promise.all(asked);
    const seen = answers.map((answer) =>
      answer.status === 200 ? read_chat(answer.text).finish : answer.status);
    for (const how of seen) assert.ok(['stop', 'length', 429].includes(how), `${how}`);
    assert.ok(seen.includes('length') || seen.includes(429), 'the budget is too small for all');
    const { held, used, limit } = await budget_of(weir, key);
    assert.equal(held, 0);
    assert.ok(used <= limit, `${used} of ${limit}`);
    assert.equal((await weir.json('ledger', 'show', '--key', key)).overages, 0);
    await assert_sound(weir);
  });
});

describe('a provider that does not keep max_tokens', () => {
  for (const stream of [true, false]) {
    test(`cannot take a budget past its limit (${stream ? 'streamed' : 'whole'})`, async (t) => {
      const { weir } = await start(t);
      const key = await weir.create_key();
      await weir.say('quota', 'set', '--key', key, '--tokens', '1500');
      const model = 'sim:chunks=2000,size=40,delay=1ms,nousage';
      const answer = await weir.chat(model, { max_tokens: 5, stream }, { key });
      const finish = stream ? read_chat(answer.text).finish
        : answer.json.choices[0].finish_reason;
      assert.equal(finish, 'length');
      const { used, limit } = await budget_of(weir, key);
      assert.ok(used > 5 && used <= limit, `${used} of ${limit}`);
      await assert_sound(weir);
    });
  }
});

describe('quota.reserve: full', () => {
  test('holds the whole bound at once, and refuses what does not fit', async (t) => {
    const { weir } = await start(t, { quota: { reserve: 'full' } });
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '3000');
    const refused = await weir.chat(LONG, { max_tokens: 5000 }, { key });
    assert.equal(refused.status, 429, refused.text);
    assert.match(refused.error.message, /max_tokens of at most \d+ would fit/);
    const model = 'sim:chunks=4,size=8,stall=2';
    const stream = await weir.open_chat(model, { max_tokens: 2000 }, { key });
    await stream.until(({ text }) => text.includes('1:'));
    assert.ok((await budget_of(weir, key)).held >= 2000);
    stream.leave();
  });

  test('asks for whole answers whole', async (t) => {
    const { sim, weir } = await start(t, { quota: { reserve: 'full' } });
    assert.equal((await weir.chat('sim:chunks=4')).status, 200);
    const [{ body }] = await sim.requests();
    assert.equal(body.stream ?? false, false);
  });
});

describe('a whole answer', () => {
  test('is made from a streamed one', async (t) => {
    const { sim, weir } = await start(t);
    const answer = await weir.chat('sim:chunks=4,size=16');
    assert.equal(answer.json.object, 'chat.completion');
    assert.equal(answer.json.choices[0].message.content, sim_text(4, 16));
    assert.equal(answer.json.choices[0].finish_reason, 'stop');
    assert.ok(answer.json.usage.completion_tokens > 0);
    const [{ body }] = await sim.requests();
    assert.equal(body.stream, true);
    assert.deepEqual(body.stream_options, { include_usage: true });
  });

  test('has each unknown field of the chunks once', async (t) => {
    const { weir } = await start(t);
    const streamed = read_chat((await weir.chat('sim:chunks=4,extra', { stream: true })).text);
    const whole = await weir.chat('sim:chunks=4,extra');
    for (const [name, value] of Object.entries(streamed.chunks.at(-2))) {
      if (['id', 'object', 'created', 'model', 'choices', 'usage'].includes(name)) continue;
      assert.equal(whole.text.split(`"${name}":`).length, 2, `${name} stands once`);
      assert.notEqual(whole.json[name], undefined, `${name}: ${JSON.stringify(value)}`);
    }
  });

  test('of very many small pieces comes whole', { timeout: 60_000 }, async (t) => {
    const { weir } = await start(t);
    const answer = await weir.chat('sim:chunks=25000,size=8', {}, { within: 40_000 });
    assert.equal(answer.json.choices[0].message.content, sim_text(25000, 8));
    await assert_sound(weir);
  });

  test('whose client leaves is charged what was made of it', async (t) => {
    const { sim, weir } = await start(t);
    const model = 'sim:chunks=1000,size=400,delay=3ms';
    const body = { model, messages: [{ role: 'user', content: 'hello' }] };
    const left = weir.request('/v1/chat/completions', { body, signal: AbortSignal.timeout(1000) });
    await assert.rejects(left);
    await sim.departure(model);
    const { tokens_out, requests } = await weir.json('ledger', 'show', '--key', weir.key);
    const bill = await sim.bill(model);
    assert.equal(requests, 1);
    assert.ok(tokens_out > bill.tokens_out / 2, `${tokens_out} charged, ${bill.tokens_out} billed`);
    await assert_sound(weir);
  });

  for (const stream of [true, false]) {
    test(`is logged with what it cost when its client leaves (stream: ${stream})`, async (t) => {
      const { sim, weir } = await start(t);
      const model = 'sim:chunks=1000,size=400,delay=3ms';
      const body = { model, messages: [{ role: 'user', content: 'hello' }], stream };
      const signal = AbortSignal.timeout(800);
      await assert.rejects(async () => {
        await weir.request('/v1/chat/completions', { body, signal });
        throw new Error('it was cut');
      });
      await sim.departure(model);
      const shown = await weir.json('ledger', 'show', '--key', weir.key);
      await weir.program.stop();
      const line = weir.stderr.split('\n').find((one) => one.includes('"client_left"'));
      const { outcome, tokens_in, tokens_out, nanousd } = JSON.parse(line);
      assert.equal(outcome, 'cancelled');
      assert.deepEqual([tokens_in, tokens_out, nanousd],
        [shown.tokens_in, shown.tokens_out, shown.nanousd]);
      assert.ok(tokens_out > 100, `${tokens_out}`);
    });
  }

  test('has its tool calls whole', async (t) => {
    const { weir } = await start(t);
    const { message, finish_reason } = (await weir.chat('sim:chunks=6,tools=2')).json.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 2);
    for (const call of message.tool_calls) JSON.parse(call.function.arguments);
  });

  for (const fault of ['cut=2', 'eof=2', 'malformed=2', 'error_in=2', 'fin=2']) {
    test(`is asked for elsewhere when it dies in the middle (${fault})`, async (t) => {
      const { weir } = await start(t, {
        models: {
          twice: {
            targets: [
              { provider: 'sim', model: `sim:chunks=4,size=16,${fault}`, tier: 1 },
              { provider: 'sim', model: 'sim:chunks=5,size=16', tier: 2 },
            ],
          },
        },
      });
      const answer = await weir.chat('twice');
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.choices[0].message.content, sim_text(5, 16));
      const shown = await weir.json('ledger', 'show', '--key', weir.key);
      assert.equal(shown.requests, 1);
      assert.equal(shown.tokens_out, answer.json.usage.completion_tokens, 'the dead one is free');
      await assert_sound(weir);
    });
  }

  test('is asked for whole where the target cannot stream', async (t) => {
    const { sim, weir } = await start(t, {
      models: {
        still: { targets: [{ provider: 'sim', model: 'sim:chunks=4,size=16', stream: false }] },
      },
    });
    const answer = await weir.chat('still');
    assert.equal(answer.json.choices[0].message.content, sim_text(4, 16));
    const streamed = read_chat((await weir.chat('still', { stream: true })).text);
    assert.equal(streamed.text, sim_text(4, 16));
    assert.ok(streamed.done);
    for (const { body } of await sim.requests()) assert.equal(body.stream ?? false, false);
  });
});
