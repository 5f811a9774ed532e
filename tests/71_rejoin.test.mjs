// A stream can be joined again, from anywhere, during and after: no event is lost or comes twice.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sim_text, start_sim } from './harness/sim.mjs';
import { parse_events, read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const SLOW = 'sim:chunks=60,size=20,delay=10ms';

async function start(t, extra = {}) {
  const sim = await start_sim(t);
  return { sim, weir: await start_weir(t, { config: sim_config(sim, { workers: 4, ...extra }) }) };
}

async function begin(weir, model, extra = {}) {
  const stream = await weir.open_chat(model, extra);
  assert.equal(stream.status, 200);
  const id = stream.headers['x-weir-stream-id'];
  assert.match(id, /^strm_[0-9A-Za-z]{22}$/);
  return { stream, id };
}

const join = (weir, id, query = '', options = {}) =>
  weir.open(`/v1/streams/${id}${query}`, options);
const numbers = (text) => parse_events(text).map(({ id }) => Number(id));

function assert_run(found, from) {
  assert.deepEqual(found, found.map((_, index) => from + index), 'numbered without a gap');
}

async function assert_sound(weir) {
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual(report.faults, []);
  assert.equal(report.holds_open, 0);
}

describe('joining', () => {
  test('gives every event its number, and the same answer', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    const joined = await join(weir, id);
    assert.equal(joined.headers['x-weir-stream-id'], id);
    await Promise.all([stream.whole(), joined.whole()]);
    assert_run(numbers(joined.text), 1);
    assert.equal(joined.text.replace(/^id: \d+\n/gm, ''), stream.text, 'byte for byte');
    assert.equal(read_chat(joined.text).text, sim_text(60, 20));
    await assert_sound(weir);
  });

  test('again and again misses nothing and repeats nothing', { timeout: 60_000 }, async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW, { stream_options: { include_usage: true } });
    let text = '';
    let last = 0;
    for (let turn = 0; !text.includes('[DONE]'); ++turn) {
      const joined = await join(weir, id, `?after=${last}`);
      const wanted = last + 1 + ((turn * 7) % 11);
      const enough = ({ closed, text: so_far }) =>
        closed || numbers(so_far).at(-1) >= wanted || so_far.includes('[DONE]');
      await joined.until(enough);
      const whole_events = joined.text.slice(0, joined.text.lastIndexOf('\n\n') + 2);
      assert_run(numbers(whole_events), last + 1);
      last = numbers(whole_events).at(-1) ?? last;
      text += whole_events;
      joined.leave();
    }
    await stream.whole();
    assert.equal(text.replace(/^id: \d+\n/gm, '').replace(/^: hb\n/gm, ''), stream.text);
  });

  test('works after the end, in either dialect', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, 'sim:chunks=5,size=10');
    await stream.whole();
    const again = await (await join(weir, id)).whole();
    assert.equal(again.text.replace(/^id: \d+\n/gm, ''), stream.text);
    const rest = await (await join(weir, id, '?after=4')).whole();
    assert_run(numbers(rest.text), 5);
    const nothing = await (await join(weir, id, `?after=${numbers(again.text).length}`)).whole();
    assert.equal(nothing.status, 204, 'an EventSource stops asking');
    const plain = await (await join(weir, id, '?format=weir')).whole();
    const said = parse_events(plain.text).map(({ data }) => data).filter((d) => d !== '[DONE]');
    assert.equal(said.map((d) => JSON.parse(d).content ?? '').join(''), sim_text(5, 10));
    const event_source = await join(weir, id, '', { headers: { 'last-event-id': '6' } });
    assert_run(numbers((await event_source.whole()).text), 7);
  });

  test('keeps an answer going whose first client has left', async (t) => {
    const { sim, weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    const joined = await join(weir, id);
    await joined.until(({ text }) => text.includes('3:'));
    stream.leave();
    await joined.whole();
    assert.equal(read_chat(joined.text).text, sim_text(60, 20));
    assert.equal((await sim.bill(SLOW)).completed, 1);
  });

  test('does not keep one going that everyone has left', async (t) => {
    const { sim, weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    const joined = await join(weir, id);
    await joined.until(({ text }) => text.includes('3:'));
    stream.leave();
    joined.leave();
    await sim.departure(SLOW);
    await assert_sound(weir);
  });

  test('an answer that failed tells how', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, 'sim:chunks=5,size=10,cut=3');
    await stream.whole();
    const again = await (await join(weir, id)).whole();
    assert.ok(read_chat(again.text).error, again.text);
    assert.ok(!again.text.includes('[DONE]'));
    assert_run(numbers(again.text), 1);
  });

  test('is refused with words', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, 'sim:chunks=2');
    await stream.whole();
    const get = (path, options) => weir.request(path, options);
    const unknown = await get('/v1/streams/strm_none');
    assert.equal(unknown.status, 404);
    assert.equal(unknown.error.code, 'stream_not_found');
    await weir.say('user', 'add', 'eve@example.org');
    const eve = await weir.say('key', 'create', '--user', 'eve@example.org');
    const foreign = await get(`/v1/streams/${id}`, { key: eve });
    assert.equal(foreign.status, 404);
    assert.equal(foreign.error.code, 'stream_not_found');
    assert.equal((await get(`/v1/streams/${id}`, { key: null })).status, 401);
    const faults = [['after=x', 'after'], ['after=-1', 'after'], ['format=tea', 'format']];
    for (const [query, param] of faults) {
      const wrong = await get(`/v1/streams/${id}?${query}`);
      assert.equal(wrong.status, 400, wrong.text);
      assert.equal(wrong.error.param, param);
    }
    assert.equal((await get(`/v1/streams/${id}?after=99999999999999999999`)).status, 400);
    assert.equal((await get(`/v1/streams/${id}?after=1000000`)).status, 204);
  });

  test('of a running stream from beyond its end skips nothing that is still to come', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    await stream.until(({ text }) => text.includes('5:'));
    const joined = await join(weir, id, '?after=1000000');
    await Promise.all([stream.whole(), joined.whole()]);
    assert.ok(joined.text.includes('[DONE]'));
    assert.ok(numbers(joined.text).length > 30, 'what came after it joined');
  });

  test('a whole answer has no stream to join', async (t) => {
    const { weir } = await start(t);
    const answer = await weir.chat('sim:chunks=2');
    assert.equal(answer.headers['x-weir-stream-id'], undefined);
  });
});

describe('memory for streams', () => {
  test('that is too small slows answers down and loses nothing', { timeout: 60_000 }, async (t) => {
    const { weir } = await start(t, { streams: { memory: '1MiB' } });
    const model = 'sim:chunks=3000,size=8,delay=1ms';
    const asked = Array.from({ length: 4 }, () => weir.chat(model, { stream: true }));
    const answers = await Promise.all(asked);
    for (const { text } of answers) assert.equal(read_chat(text).text, sim_text(3000, 8));
    await assert_sound(weir);
  });

  test('held by clients that do not read is free when they leave', async (t) => {
    const { sim, weir } = await start(t, { streams: { memory: '1MiB' } });
    const model = 'sim:chunks=400,size=40000,delay=2ms';
    const streams = [];
    for (let n = 0; n < 4; ++n) {
      const { stream } = await begin(weir, model);
      stream.pause();
      streams.push(stream);
    }
    await sleep(1500);
    for (const stream of streams) stream.leave();
    await sim.departure(model);
    const other = await weir.chat('sim:chunks=5,size=10', { stream: true });
    assert.equal(read_chat(other.text).text, sim_text(5, 10));
    await assert_sound(weir);
  });
});

describe('DELETE /v1/streams/{id}', () => {
  const stop = (weir, id, options = {}) =>
    weir.request(`/v1/streams/${id}`, { method: 'DELETE', ...options });

  test('ends it for every reader, hangs up, and charges what was produced', async (t) => {
    const { sim, weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    const joined = await join(weir, id);
    await joined.until(({ text }) => text.includes('9:'));
    const begun = Date.now();
    const answer = await stop(weir, id);
    assert.deepEqual(answer.json, { id, state: 'cancelled' });
    for (const reader of [stream, joined]) {
      await reader.whole();
      assert.equal(read_chat(reader.text).error.code, 'stream_cancelled');
      assert.ok(!reader.text.includes('[DONE]'));
    }
    await sim.departure(SLOW);
    assert.ok(Date.now() - begun < 1000, 'at once');
    const shown = await weir.json('ledger', 'show', '--key', weir.key);
    assert.equal(shown.requests, 1);
    assert.ok(shown.tokens_out >= 40 && shown.tokens_out < 300, `${shown.tokens_out}`);
    assert.deepEqual((await stop(weir, id)).json, { id, state: 'ended' });
    await assert_sound(weir);
  });

  test('is only for the owner', async (t) => {
    const { weir } = await start(t);
    const { stream, id } = await begin(weir, SLOW);
    await weir.say('user', 'add', 'eve@example.org');
    const eve = await weir.say('key', 'create', '--user', 'eve@example.org');
    assert.equal((await stop(weir, id, { key: eve })).status, 404);
    await stream.whole();
    assert.equal(read_chat(stream.text).text, sim_text(60, 20));
  });
});
