// The Responses API over any provider: answers are kept and gone on with, made in the background,
// and told again from any event on.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { CALLS, QUESTION, RESULTS, TOOLS } from './harness/material.mjs';
import { start_scripted_provider } from './harness/scripted_provider.mjs';
import { sim_text, start_sim } from './harness/sim.mjs';
import { parse_events } from './harness/sse.mjs';
import { make_home, serve, sim_config, start_weir } from './harness/weir.mjs';

const MODEL = 'sim:chunks=6,size=20';
const TEXT = sim_text(6, 20);
const SLOW = 'sim:chunks=60,size=20,delay=10ms';
const SLOW_TEXT = sim_text(60, 20);
const ECHO = 'sim:echo,size=4';
const PATH = '/v1/responses';

async function start(t, extra = {}) {
  const sim = await start_sim(t);
  return { sim, weir: await start_weir(t, { config: sim_config(sim, { workers: 4, ...extra }) }) };
}

const post = (weir, body, options = {}) =>
  weir.request(PATH, { ...options, body: { model: MODEL, input: 'hello', ...body } });
const open = (weir, body, options = {}) => weir.open(PATH, {
  ...options, body: { model: MODEL, input: 'hello', stream: true, ...body },
});
const get = (weir, id, query = '', options = {}) =>
  weir.request(`${PATH}/${id}${query}`, options);
// After -1 come all of them.
const join = (weir, id, after = -1) =>
  weir.open(`${PATH}/${id}?stream=true${after < 0 ? '' : `&starting_after=${after}`}`);
const cancel = (weir, id, options = {}) =>
  weir.request(`${PATH}/${id}/cancel`, { method: 'POST', body: {}, ...options });
const drop = (weir, id, options = {}) =>
  weir.request(`${PATH}/${id}`, { method: 'DELETE', ...options });

// One that has to work: its object.
async function answer(weir, body, options) {
  const { status, json, text } = await post(weir, body, options);
  assert.equal(status, 200, text);
  assert.match(json.id, /^resp_\w+$/);
  return json;
}

const text_of = ({ output }) => output.filter(({ type }) => type === 'message')
  .flatMap(({ content }) => content).map(({ text }) => text).join('');

// The events of a stream, each as its data; their numbers have no gap.
function events_of(text, first = 0) {
  const events = parse_events(text).map(({ event, data }) => {
    const said = JSON.parse(data);
    assert.equal(said.type, event);
    return said;
  });
  const numbers = events.map(({ sequence_number }) => sequence_number);
  assert.deepEqual(numbers, events.map((_, index) => first + index), 'numbered without a gap');
  return events;
}
const said_by = (events) => events.filter(({ type }) => type === 'response.output_text.delta')
  .map(({ delta }) => delta).join('');
// As they were written, one by one; heartbeats are none.
const frames_of = (text) => text.replace(/^: hb\n/gm, '').split(/(?<=\n\n)/);
const frames_after = (text, after = -1) => frames_of(text).slice(after + 1).join('');
const id_in = ({ text }) => /"id":"(resp_\w+)"/.exec(text)[1];

async function assert_sound(weir) {
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual([report.ok, report.faults, report.holds_open], [true, [], 0]);
}

const charged = (weir, key = weir.key) => weir.json('ledger', 'show', '--key', key);

function assert_not_found(answered, param = null) {
  assert.equal(answered.status, 404, answered.text);
  assert.equal(answered.error.code, 'not_found');
  assert.equal(answered.error.param, param);
}

// Asks again until the answer is over; until then it is told as far as it is.
async function polled(weir, id, whole = SLOW_TEXT, within = 5000) {
  for (const end = Date.now() + within; ; await sleep(20)) {
    const { status, json, text } = await get(weir, id);
    assert.equal(status, 200, text);
    if (!['queued', 'in_progress'].includes(json.status)) return json;
    assert.ok(whole.startsWith(text_of(json)), `not the beginning of it: ${text_of(json)}`);
    assert.ok(Date.now() < end, `too late: ${text}`);
  }
}

async function stranger(weir) {
  await weir.say('user', 'add', 'eve@example.org');
  return weir.say('key', 'create', '--user', 'eve@example.org');
}

describe('a response', () => {
  for (const way of ['stop', 'kill']) {
    const how = way === 'stop' ? 'a restart' : 'kill -9';
    test(`is found again after ${how}, as it was told`, async (t) => {
      const sim = await start_sim(t);
      const home = make_home({ config: sim_config(sim) });
      const first = await serve(t, home);
      const whole = await answer(first, { metadata: { a: 'b' } });
      const stream = await (await open(first, {})).whole();
      const streamed = events_of(stream.text).at(-1).response;
      await first.program[way]();
      const second = await serve(t, home);
      for (const told of [whole, streamed]) {
        assert.equal(told.status, 'completed');
        assert.equal(text_of(told), TEXT);
        const { status, json } = await get(second, told.id);
        assert.equal(status, 200);
        assert.deepEqual(json, told);
      }
      const more = await answer(second, { model: ECHO, previous_response_id: whole.id });
      assert.equal(more.previous_response_id, whole.id);
      const [{ body }] = await sim.requests();
      assert.deepEqual(body.messages.map(({ role }) => role), ['user', 'assistant', 'user']);
      await assert_sound(second);
    });
  }

  test('is for its own user, by whichever key', async (t) => {
    const { weir } = await start(t);
    const { id } = await answer(weir, {});
    const eve = { key: await stranger(weir) };
    assert_not_found(await get(weir, id, '', eve));
    assert_not_found(await get(weir, id, '?stream=true', eve));
    assert_not_found(await drop(weir, id, eve));
    assert_not_found(await cancel(weir, id, eve));
    assert_not_found(await post(weir, { previous_response_id: id }, eve), 'previous_response_id');
    const other = { key: await weir.create_key() };
    assert.equal((await get(weir, id, '', other)).status, 200);
    await answer(weir, { previous_response_id: id }, other);
    await assert_sound(weir);
  });

  test('of somebody else that is being made is not found either', async (t) => {
    const { weir } = await start(t);
    const { id } = await answer(weir, { model: SLOW, background: true });
    const eve = { key: await stranger(weir) };
    assert_not_found(await get(weir, id, '', eve));
    assert_not_found(await get(weir, id, '?stream=true', eve));
    assert_not_found(await cancel(weir, id, eve));
    assert.equal((await polled(weir, id)).status, 'completed', 'and goes on');
    await assert_sound(weir);
  });

  test('can be deleted, once', async (t) => {
    const { weir } = await start(t);
    const { id } = await answer(weir, {});
    const dropped = await drop(weir, id);
    assert.equal(dropped.status, 200, dropped.text);
    assert.deepEqual(dropped.json, { id, object: 'response', deleted: true });
    assert_not_found(await get(weir, id));
    assert_not_found(await get(weir, id, '?stream=true'));
    assert_not_found(await drop(weir, id));
    assert_not_found(await post(weir, { previous_response_id: id }), 'previous_response_id');
    await assert_sound(weir);
  });

  test('that shall not be stored is not', async (t) => {
    const { weir } = await start(t);
    const whole = await answer(weir, { store: false });
    assert.equal(whole.store, false);
    const stream = await (await open(weir, { store: false })).whole();
    for (const id of [whole.id, id_in(stream)]) {
      assert_not_found(await get(weir, id));
      assert_not_found(await post(weir, { previous_response_id: id }), 'previous_response_id');
    }
    await assert_sound(weir);
  });

  test('under an Idempotency-Key is one, also after a restart', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    const once = { headers: { 'idempotency-key': 'one' } };
    const told = await answer(first, {}, once);
    assert.deepEqual(await answer(first, {}, once), told);
    const streamed = events_of((await post(first, { stream: true }, once)).text).at(-1).response;
    assert.equal(streamed.id, told.id);
    const twice = { headers: { 'idempotency-key': 'two' } };
    const begun = await answer(first, { model: SLOW, background: true }, twice);
    const again = await answer(first, { model: SLOW, background: true }, twice);
    assert.equal(again.id, begun.id);
    assert.ok(['queued', 'in_progress'].includes(again.status), 'it is not waited for either');
    await polled(first, begun.id);
    await first.program.stop();
    const second = await serve(t, home);
    assert.deepEqual(await answer(second, {}, once), told);
    assert.deepEqual((await get(second, told.id)).json, told);
    assert.equal((await answer(second, { model: SLOW, background: true }, twice)).id, begun.id);
    assert.equal((await sim.bill()).requests, 2);
    await assert_sound(second);
  });

  test('that is kept is nobody else\'s answer, where answers are shared', async (t) => {
    const target = { targets: [{ provider: 'sim', model: 'sim:*' }], cache: { when: 'always' } };
    const { sim, weir } = await start(t, { models: { 'sim:*': target } });
    for (const [store, requests, status] of [[true, 2, 200], [false, 1, 404]]) {
      const model = `sim:chunks=${store ? 60 : 61},size=20,delay=10ms`;
      const stream = await open(weir, { model, store });
      await stream.until(({ text }) => text.includes('response.output_text.delta'));
      const second = await open(weir, { model, store });
      for (const { text } of await Promise.all([stream.whole(), second.whole()])) {
        const { id } = events_of(text).at(-1).response;
        assert.equal((await get(weir, id)).status, status);
      }
      assert.equal((await sim.bill(model)).requests, requests, `store: ${store}`);
    }
  });

  test('that nobody made is not found', async (t) => {
    const { weir } = await start(t);
    for (const id of ['resp_none', 'none', 'resp_', `resp_${'x'.repeat(500)}`]) {
      assert_not_found(await get(weir, id));
      assert_not_found(await get(weir, id, '?stream=true&starting_after=1'));
      assert_not_found(await drop(weir, id));
      assert_not_found(await cancel(weir, id));
    }
  });
});

describe('a talk', () => {
  // Turns as they are sent, in all the forms there are.
  const ASKED = ['one', 'two "quoted"', 'three\nlines', 'vier ☂', 'five'];
  const forms = [
    (text) => text,
    (text) => [{ role: 'user', content: text }],
    (text) => [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
  ];
  // What was said, whatever the form of it.
  const plain = (messages) => messages.map(({ role, content }) =>
    [role, typeof content === 'string' ? content : content.map(({ text }) => text).join('')]);

  test('of five turns reaches the provider in its order', async (t) => {
    const { sim, weir } = await start(t);
    const ids = [];
    const talk = [];
    for (const [turn, text] of ASKED.entries()) {
      const body = { model: ECHO, input: forms[turn % 3](text), previous_response_id: ids.at(-1) };
      let told;
      if (turn % 2 === 0) {
        told = await answer(weir, body);
      } else {
        const stream = await (await open(weir, body)).whole();
        told = events_of(stream.text).at(-1).response;
      }
      ids.push(told.id);
      talk.push(['user', text]);
      assert.deepEqual(plain((await sim.requests())[0].body.messages), talk);
      assert.equal(text_of(told), text, 'the simulator repeats what it was asked last');
      talk.push(['assistant', text]);
    }
    // Any turn can be gone on from, also for a second time.
    await answer(weir, { model: ECHO, input: 'else', previous_response_id: ids[1] });
    assert.deepEqual(plain((await sim.requests())[0].body.messages),
      [...talk.slice(0, 4), ['user', 'else']]);
    await assert_sound(weir);
  });

  test('does not carry instructions over, and shows the new ones first', async (t) => {
    const { sim, weir } = await start(t);
    const { id } = await answer(weir, { model: ECHO, instructions: 'old', input: 'a' });
    const next = { model: ECHO, input: 'b', previous_response_id: id };
    await answer(weir, { ...next, instructions: 'new' });
    const { messages } = (await sim.requests())[0].body;
    assert.deepEqual(plain(messages),
      [['system', 'new'], ['user', 'a'], ['assistant', 'a'], ['user', 'b']]);
  });

  test('that goes on from nothing is refused, and nobody is asked or charged', async (t) => {
    const { sim, weir } = await start(t);
    for (const stream of [false, true]) {
      const refused = await post(weir, { previous_response_id: 'resp_none', stream });
      assert_not_found(refused, 'previous_response_id');
      assert.match(refused.error.message, /resp_none/);
    }
    assert.equal((await sim.bill()).requests, 0);
    assert.equal((await charged(weir)).requests, 0);
    await assert_sound(weir);
  });

  test('may name an earlier item in place of repeating it', async (t) => {
    const { sim, weir } = await start(t);
    const { output: [{ id }] } = await answer(weir, { model: ECHO, input: 'said before' });
    const [before, after] = ['a', 'b'].map((content) => ({ role: 'user', content }));
    const input = [before, { type: 'item_reference', id }, after];
    await answer(weir, { model: ECHO, input });
    assert.deepEqual(plain((await sim.requests())[0].body.messages),
      [['user', 'a'], ['assistant', 'said before'], ['user', 'b']]);
    const unknown = await post(weir, { input: [{ type: 'item_reference', id: 'msg_none_0' }] });
    assert.equal(unknown.status, 400, unknown.text);
    assert.equal(unknown.error.param, 'input[0]');
  });

  for (const dialect of ['openai', 'anthropic', 'gemini']) {
    test(`with calls and their results is taken by a provider of ${dialect}'s`, async (t) => {
      const scripted = await start_scripted_provider(t);
      const weir = await start_weir(t, {
        config: {
          providers: { one: scripted.config(dialect) },
          models: { '*': { targets: [{ provider: 'one', model: '*' }] } },
        },
      });
      const tools = TOOLS.map((tool) => ({ type: 'function', strict: false, ...tool }));
      const body = { model: 'say-two-tools', max_output_tokens: 4096, tools };
      const first = await answer(weir, { ...body, input: QUESTION });
      const calls = first.output.filter(({ type }) => type === 'function_call');
      assert.deepEqual(calls.map(({ name, arguments: given }) =>
        ({ name, arguments: JSON.parse(given) })), CALLS);
      const input = calls.map(({ call_id, name }) =>
        ({ type: 'function_call_output', call_id, output: RESULTS[name] }));
      const second = await answer(weir, { ...body, input, previous_response_id: first.id });
      assert.equal(second.status, 'completed');
      for (const { faults } of scripted.records) assert.deepEqual(faults, []);
      const { messages } = scripted.records.at(-1).read;
      const results = messages.flatMap((message) => message.results ?? []);
      assert.deepEqual(results.map(({ text }) => text), calls.map(({ name }) => RESULTS[name]));
      await assert_sound(weir);
    });
  }
});

describe('in the background', () => {
  test('an answer is begun at once, polled to its end and charged once', async (t) => {
    const { sim, weir } = await start(t);
    const begun = await answer(weir, { model: SLOW, background: true });
    assert.ok(['queued', 'in_progress'].includes(begun.status), 'it is not waited for');
    assert.equal(begun.background, true);
    const told = await polled(weir, begun.id);
    assert.equal(told.status, 'completed');
    assert.equal(told.id, begun.id);
    assert.equal(text_of(told), SLOW_TEXT);
    assert.ok(told.usage.output_tokens > 0);
    assert.deepEqual((await get(weir, begun.id)).json, told, 'again and again');
    assert.equal((await sim.bill(SLOW)).requests, 1);
    const { requests, tokens_out } = await charged(weir);
    assert.deepEqual([requests, tokens_out], [1, told.usage.output_tokens]);
    await assert_sound(weir);
  });

  test('an answer outlives its client, and is charged whole', async (t) => {
    const { sim, weir } = await start(t);
    const stream = await open(weir, { model: SLOW, background: true });
    await stream.until(({ text }) => text.includes('3:'));
    stream.leave();
    const told = await polled(weir, id_in(stream));
    assert.equal(told.status, 'completed');
    assert.equal(text_of(told), SLOW_TEXT);
    assert.equal((await sim.bill(SLOW)).completed, 1);
    assert.equal((await charged(weir)).tokens_out, told.usage.output_tokens);
    await assert_sound(weir);
  });

  test('an answer is kept, whatever is said about storing it', async (t) => {
    const { weir } = await start(t);
    const { id } = await answer(weir, { background: true, store: false });
    assert.equal((await polled(weir, id, TEXT)).status, 'completed');
  });

  test('a long answer is kept whole, whoever looks at it meanwhile', async (t) => {
    const { weir } = await start(t);
    const [chunks, size] = [45_000, 8]; // more events than a stream's log holds
    const model = `sim:chunks=${chunks},size=${size}`;
    const { id } = await answer(weir, { model, background: true });
    const look = async () => {
      for (;;) {
        const { json } = await get(weir, id);
        if (json.status === 'completed') return json;
        assert.equal(json.status, 'in_progress');
      }
    };
    while ((await get(weir, id)).json.status === 'queued') await sleep(1);
    const [told] = await Promise.all([look(), look(), look(), look()]);
    assert.ok(text_of(told) === sim_text(chunks, size), `${text_of(told).length} bytes of it`);
    await assert_sound(weir);
  });

  test('answers that nobody reads do not hold up each other', async (t) => {
    const { weir } = await start(t, { streams: { memory: '256KiB' } });
    const model = 'sim:chunks=4000,size=40'; // each is more than that
    const begun = await Promise.all(Array.from({ length: 6 }, (_, n) =>
      answer(weir, { model, background: true, metadata: { n: `${n}` } })));
    for (const { id } of begun) {
      const told = await polled(weir, id, sim_text(4000, 40), 20_000);
      assert.equal(told.status, 'completed');
      assert.ok(text_of(told) === sim_text(4000, 40), `${text_of(told).length} bytes of it`);
    }
    await assert_sound(weir);
  });

  test('an answer that fails says so when it is asked for', async (t) => {
    const { weir } = await start(t);
    for (const model of ['sim:chunks=6,size=20,status=500', 'sim:chunks=6,size=20,cut=3']) {
      const { id } = await answer(weir, { model, background: true });
      const told = await polled(weir, id, TEXT);
      assert.equal(told.status, 'failed', JSON.stringify(told));
      assert.ok(told.error.code && told.error.message, JSON.stringify(told));
    }
    await assert_sound(weir);
  });

  test('an answer can be cancelled: what was made is charged and kept', async (t) => {
    const { sim, weir } = await start(t);
    const stream = await open(weir, { model: SLOW, background: true });
    await stream.until(({ text }) => text.includes('9:'));
    const id = id_in(stream);
    const told = await cancel(weir, id);
    assert.equal(told.status, 200, told.text);
    assert.equal(told.json.status, 'cancelled');
    const text = text_of(told.json);
    assert.ok(text.startsWith(sim_text(10, 20)) && SLOW_TEXT.startsWith(text));
    assert.notEqual(text, SLOW_TEXT);
    await sim.departure(SLOW);
    await stream.whole();
    const [error, last] = events_of(stream.text).slice(-2);
    assert.deepEqual([error.type, error.code], ['error', 'stream_cancelled']);
    assert.equal(last.type, 'response.failed');
    assert.deepEqual((await get(weir, id)).json, told.json);
    assert.deepEqual((await cancel(weir, id)).json, told.json, 'once more changes nothing');
    const { requests, tokens_out } = await charged(weir);
    assert.equal(requests, 1);
    assert.ok(tokens_out >= text.length / 4 && tokens_out < SLOW_TEXT.length / 4, `${tokens_out}`);
    await assert_sound(weir);
  });

  test('only what was begun there can be cancelled', async (t) => {
    const { weir } = await start(t);
    const stream = await open(weir, { model: SLOW });
    await stream.until(({ text }) => text.includes('3:'));
    const refused = await cancel(weir, id_in(stream));
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.error.code, 'invalid_value');
    assert.match(refused.error.message, /background/);
    await stream.whole();
    assert.equal(said_by(events_of(stream.text)), SLOW_TEXT, 'and the stream goes on');
    const { id } = await answer(weir, { background: true });
    const told = await polled(weir, id, TEXT);
    assert.deepEqual((await cancel(weir, id)).json, told, 'what has ended stays as it is');
    await assert_sound(weir);
  });
});

describe('the events after a number', () => {
  test('are exactly the rest, while the answer is made and after its end', async (t) => {
    const { weir } = await start(t);
    for (const background of [true, false]) {
      const stream = await open(weir, { model: SLOW, background });
      await stream.until(({ text }) => text.includes('9:'));
      const id = id_in(stream);
      const places = [-1, 0, 1, 4, 11, 40];
      const joined = await Promise.all(places.map((after) => join(weir, id, after)));
      await Promise.all([stream, ...joined].map((one) => one.whole()));
      const all = events_of(stream.text);
      assert.equal(said_by(all), SLOW_TEXT);
      for (const [n, after] of places.entries()) {
        const rest = frames_after(stream.text, after);
        assert.equal(frames_after(joined[n].text), rest, `after ${after}, while it runs`);
        const later = await (await join(weir, id, after)).whole();
        assert.equal(later.text, rest, `after ${after}, when it has ended`);
      }
      assert.equal((await (await join(weir, id, all.length - 1)).whole()).text, '');
    }
    await assert_sound(weir);
  });

  test('come again and again, as often as a client is cut off', async (t) => {
    const { weir } = await start(t);
    const stream = await open(weir, { model: SLOW, background: true });
    await stream.until(({ text }) => text.includes('"response.created"'));
    const id = id_in(stream);
    let text = '';
    for (let turn = 0; !text.includes('response.completed'); ++turn) {
      const one = await join(weir, id, parse_events(text).length - 1);
      const wanted = 1 + ((turn * 7) % 11);
      await one.until(({ text: so_far, closed }) => closed
        || parse_events(so_far).length >= wanted || so_far.includes('response.completed'));
      text += frames_after(one.text.slice(0, one.text.lastIndexOf('\n\n') + 2));
      one.leave();
    }
    assert.equal(text, (await stream.whole()).text);
  });

  test('of an answer that broke tell how', async (t) => {
    const { weir } = await start(t);
    const stream = await (await open(weir, { model: 'sim:chunks=5,size=20,cut=3' })).whole();
    const { length } = events_of(stream.text);
    for (const after of [0, length - 3, length - 2]) {
      const again = await (await join(weir, id_in(stream), after)).whole();
      assert.equal(again.text, frames_after(stream.text, after));
    }
  });

  test('are asked for by a number', async (t) => {
    const { weir } = await start(t);
    const { id } = await answer(weir, {});
    for (const after of ['x', '-1', '1.5', '99999999999999999999']) {
      const refused = await get(weir, id, `?stream=true&starting_after=${after}`);
      assert.equal(refused.status, 400, refused.text);
      assert.equal(refused.error.param, 'starting_after');
    }
  });

  test('are gone after a restart; the answer is not', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    const told = await answer(first, {});
    await first.program.stop();
    const second = await serve(t, home);
    assert_not_found(await get(second, told.id, '?stream=true'));
    assert.deepEqual((await get(second, told.id)).json, told);
  });
});

describe('the end', () => {
  test('of a stream comes with its client, and what was made is charged', async (t) => {
    const { sim, weir } = await start(t);
    const stream = await open(weir, { model: SLOW });
    await stream.until(({ text }) => text.includes('9:'));
    const id = id_in(stream);
    stream.leave();
    await sim.departure(SLOW);
    for (const end = Date.now() + 3000; (await weir.quota()).held > 0 && Date.now() < end;) {
      await sleep(20);
    }
    const { requests, tokens_out } = await charged(weir);
    assert.equal(requests, 1);
    assert.ok(tokens_out >= 40 && tokens_out < SLOW_TEXT.length / 4, `${tokens_out}`);
    assert_not_found(await get(weir, id));
    await assert_sound(weir);
  });

  test('that a budget makes is incomplete, and kept as such', async (t) => {
    const { weir } = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '700');
    const model = 'sim:chunks=200,size=100';
    const stream = await (await open(weir, { model }, { key })).whole();
    const events = events_of(stream.text);
    const { type, response } = events.at(-1);
    assert.equal(type, 'response.incomplete');
    assert.equal(response.status, 'incomplete');
    assert.deepEqual(response.incomplete_details, { reason: 'max_output_tokens' });
    const text = text_of(response);
    assert.equal(said_by(events), text);
    assert.ok(text.length > 0 && sim_text(200, 100).startsWith(text), 'a beginning of it');
    assert.deepEqual((await get(weir, response.id)).json, response);
    const shown = await charged(weir, key);
    assert.ok(shown.tokens_in + shown.tokens_out <= 700, JSON.stringify(shown));
    assert.equal(shown.overages, 0);
    await assert_sound(weir);
  });

  for (const [finish, reason] of [
    ['length', 'max_output_tokens'], ['content_filter', 'content_filter'],
  ]) {
    test(`that is ${finish} is incomplete, streamed or whole`, async (t) => {
      const { weir } = await start(t);
      const model = `sim:chunks=4,size=20,finish=${finish}`;
      const whole = await answer(weir, { model });
      const stream = await (await open(weir, { model })).whole();
      const last = events_of(stream.text).at(-1);
      assert.equal(last.type, 'response.incomplete');
      for (const told of [whole, last.response]) {
        assert.equal(told.status, 'incomplete');
        assert.deepEqual(told.incomplete_details, { reason });
        assert.equal(text_of(told), sim_text(4, 20));
      }
    });
  }

  for (const [fault, code, chunks] of [
    ['cut=3', 'upstream_error', 3], ['eof=3', 'stream_truncated', 3],
    ['malformed=3', 'upstream_malformed', 3], ['error_in=3', 'upstream_error', 3],
  ]) {
    test(`by a provider's death (${fault}) is an error, then response.failed`, async (t) => {
      const { weir } = await start(t);
      const stream = await open(weir, { model: `sim:chunks=6,size=20,${fault}` });
      await stream.whole();
      assert.ok(stream.ended, 'the HTTP message is whole');
      const events = events_of(stream.text);
      const [error, { type, response }] = events.slice(-2);
      const { type: kind, sequence_number, ...rest } = error;
      assert.equal(kind, 'error');
      assert.equal(sequence_number, events.length - 2);
      assert.deepEqual(Object.keys(rest).sort(), ['code', 'message', 'param']);
      assert.deepEqual([rest.code, rest.param], [code, null]);
      assert.equal(type, 'response.failed');
      assert.equal(response.status, 'failed');
      assert.equal(response.error.code, code);
      assert.doesNotMatch(stream.text, /127\.0\.0\.1|provider-key|\[DONE\]/);
      assert.equal(said_by(events), sim_text(chunks, 20), 'what came before is not lost');
      assert.equal(text_of(response), sim_text(chunks, 20));
      const kept = (await get(weir, response.id)).json;
      assert.equal(kept.status, 'failed');
      assert.equal(kept.error.code, code);
      assert.equal(text_of(kept), sim_text(chunks, 20));
      assert.equal((await charged(weir)).requests, 1);
      await assert_sound(weir);
    });
  }

  test('of an answer that never began is a status', async (t) => {
    const { weir } = await start(t);
    for (const stream of [false, true]) {
      const failed = await post(weir, { model: 'sim:chunks=6,status=500', stream });
      assert.equal(failed.status, 502, failed.text);
      assert.equal(failed.error.code, 'upstream_error');
    }
    assert.equal((await charged(weir)).requests, 0);
    await assert_sound(weir);
  });
});
