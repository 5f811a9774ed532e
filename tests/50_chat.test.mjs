// The main job: a question in, an answer out, whole and streamed, through every door there is.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { request } from './harness/http.mjs';
import { sim_text, start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, { config: sim_config(sim) });

const TEXT = sim_text(4, 8); // what the alias `fast` says

describe('/v1/chat/completions', () => {
  test('answers whole', async () => {
    const answer = await weir.chat('fast');
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const { id, object, created, model, choices, usage } = answer.json;
    assert.equal(object, 'chat.completion');
    assert.ok(typeof id === 'string' && id.length > 0);
    assert.ok(Number.isInteger(created) && typeof model === 'string');
    assert.equal(choices.length, 1);
    assert.equal(choices[0].index, 0);
    assert.equal(choices[0].message.role, 'assistant');
    assert.equal(choices[0].message.content, TEXT);
    assert.equal(choices[0].finish_reason, 'stop');
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.equal(usage.prompt_tokens, 2);
    assert.equal(usage.completion_tokens, 8);
  });

  test('answers as a stream', async () => {
    const stream = await weir.open_chat('fast');
    assert.equal(stream.status, 200);
    assert.equal(stream.headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.equal(stream.headers['cache-control'], 'no-cache, no-transform');
    assert.equal(stream.headers['x-accel-buffering'], 'no');
    await stream.whole();
    assert.ok(stream.ended, 'the HTTP message is ended properly');
    const said = read_chat(stream.text);
    assert.equal(said.text, TEXT);
    assert.equal(said.finish, 'stop');
    assert.ok(said.done);
    assert.equal(stream.events.at(-1).data, '[DONE]');
    for (const chunk of said.chunks) assert.equal(chunk.object, 'chat.completion.chunk');
    assert.equal(new Set(said.chunks.map(({ id }) => id)).size, 1, 'one id');
    assert.equal(said.chunks[0].choices[0].delta.role, 'assistant');
    assert.ok(stream.events.every((event) => !('id' in event)), 'no id: lines here');
  });

  test('sends what is there as it comes, not at the end', async () => {
    const stream = await weir.open_chat('sim:chunks=10,delay=100ms,size=8');
    await stream.until(({ text }) => read_chat(text).text.length >= 8, 800);
    assert.ok(!stream.closed);
    await stream.whole();
    assert.equal(read_chat(stream.text).text, sim_text(10, 8));
  });

  test('tells the usage of a stream only to those who ask', async () => {
    const quiet = read_chat((await (await weir.open_chat('fast')).whole()).text);
    assert.equal(quiet.usage, null);
    assert.ok(quiet.chunks.every(({ choices }) => choices.length > 0), 'no chunk without a choice');

    const asked = { stream_options: { include_usage: true } };
    const told = read_chat((await (await weir.open_chat('fast', asked)).whole()).text);
    const last = told.chunks.at(-1);
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.prompt_tokens, 2);
    assert.equal(last.usage.completion_tokens, 8);
    assert.equal(last.usage.total_tokens, 10);
    assert.ok(told.done);
    const [{ body }] = await sim.requests();
    assert.equal(body.stream_options.include_usage, true, 'the provider is always asked');
  });

  test('passes text through unharmed', async () => {
    const content = 'Grüße, 世界 \u{1f469}\u200d\u{1f680} "a" \\ \n\t\u2028 </b> data: x\n\n';
    const messages = [{ role: 'user', content }];
    const whole = await weir.chat('sim:echo,size=5', { messages });
    assert.equal(whole.json.choices[0].message.content, content);
    const stream = await (await weir.open_chat('sim:echo,size=5', { messages })).whole();
    assert.equal(read_chat(stream.text).text, content);
  });

  test('passes long answers through', async () => {
    const model = 'sim:chunks=2000,size=200';
    const stream = await (await weir.open_chat(model)).whole();
    assert.equal(read_chat(stream.text).text, sim_text(2000, 200));
    const answer = await weir.chat(model);
    assert.equal(answer.json.choices[0].message.content, sim_text(2000, 200));
  });

  test('passes one huge event through', async () => {
    const stream = await (await weir.open_chat('sim:chunks=2,huge=200000,size=10')).whole();
    const said = read_chat(stream.text);
    assert.equal(said.text.length, 200_010);
    assert.ok(said.done);
  });

  test('passes tool calls through, whole and streamed', async () => {
    const tools = [{ type: 'function', function: { name: 'simulate', parameters: {} } }];
    const answer = await weir.chat('sim:tools=2,chunks=6', { tools });
    const { message, finish_reason } = answer.json.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 2);
    const wanted = message.tool_calls.map((call) => JSON.parse(call.function.arguments));

    const stream = await (await weir.open_chat('sim:tools=2,chunks=6', { tools })).whole();
    const said = read_chat(stream.text);
    assert.equal(said.finish, 'tool_calls');
    const parts = ['', ''];
    for (const chunk of said.chunks) {
      for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
        parts[call.index] += call.function.arguments ?? '';
      }
    }
    assert.deepEqual(parts.map((text) => JSON.parse(text)), wanted);
  });

  test('passes unknown fields of chunks through', async () => {
    const direct = await request(`${sim.url}/v1/chat/completions`, {
      body: { model: 'sim:extra,chunks=1', messages: [], stream: true },
    });
    const known = new Set(['id', 'object', 'created', 'model', 'choices', 'usage']);
    const with_text = (text) =>
      read_chat(text).chunks.find(({ choices }) => choices[0]?.delta.content);
    const sent = with_text(direct.text);
    const extra = Object.keys(sent).filter((name) => !known.has(name));
    assert.ok(extra.length > 0);
    const stream = await (await weir.open_chat('sim:extra,chunks=1')).whole();
    const chunk = with_text(stream.text);
    for (const name of extra) assert.deepEqual(chunk[name], sent[name], name);
  });

  test('passes reasoning through', async () => {
    const stream = await (await weir.open_chat('sim:reasoning=2,chunks=2')).whole();
    const thought = read_chat(stream.text).chunks
      .map(({ choices }) => choices[0]?.delta.reasoning_content ?? '').join('');
    assert.ok(thought.length > 0);
  });

  for (const finish of ['length', 'content_filter']) {
    test(`passes the ending '${finish}' through`, async () => {
      const model = `sim:chunks=1,finish=${finish}`;
      assert.equal((await weir.chat(model)).json.choices[0].finish_reason, finish);
      const stream = await (await weir.open_chat(model)).whole();
      assert.equal(read_chat(stream.text).finish, finish);
    });
  }

  test('asks the provider with the provider\'s key and model, not with the caller\'s', async () => {
    await weir.chat('fast', { temperature: 0.5 });
    const [{ head, body }] = await sim.requests();
    assert.match(head, /^authorization: Bearer provider-key-1\r?$/im);
    assert.ok(!head.includes(weir.key) && !JSON.stringify(body).includes(weir.key));
    assert.equal(body.model, 'sim:chunks=4,size=8');
    assert.equal(body.temperature, 0.5);
  });

  test('an unknown model is 404', async () => {
    const answer = await weir.chat('no-such-model');
    assert.equal(answer.status, 404);
    assert.equal(answer.error.type, 'invalid_request_error');
    assert.equal(answer.error.code, 'model_not_found');
    assert.match(answer.error.message, /no-such-model/);
  });

  test('many at once, each its own answer', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, async (_, n) => {
      const messages = [{ role: 'user', content: `caller ${n}` }];
      const stream = await weir.open_chat('sim:echo,size=3,delay=5ms', { messages });
      return read_chat((await stream.whole()).text).text;
    }));
    assert.deepEqual(all, all.map((_, n) => `caller ${n}`));
  });
});

describe('/api/v1/chat', () => {
  test('streams to the alias fast when nothing else is said', async () => {
    const stream = await weir.open('/api/v1/chat', { body: { prompt: 'test' } });
    assert.equal(stream.status, 200);
    assert.equal(stream.headers['content-type'], 'text/event-stream; charset=utf-8');
    await stream.whole();
    const data = stream.events.map((event) => event.data);
    assert.equal(data.at(-1), '[DONE]');
    const events = data.slice(0, -1).map((text) => JSON.parse(text));
    const end = events.pop();
    assert.ok(events.every(({ content }) => typeof content === 'string'));
    assert.equal(events.map(({ content }) => content).join(''), TEXT);
    assert.equal(end.finish_reason, 'stop');
    assert.ok(end.usage);
  });

  test('answers whole with model, usage and quota', async () => {
    const body = { prompt: 'test', stream: false };
    const answer = await weir.request('/api/v1/chat', { body });
    assert.equal(answer.status, 200, answer.text);
    const { id, model, content, finish_reason, usage, quota } = answer.json;
    assert.ok(id && model && usage && quota, answer.text);
    assert.equal(content, TEXT);
    assert.equal(finish_reason, 'stop');
    assert.ok('used' in quota && 'remaining' in quota, answer.text);
  });

  test('takes another model', async () => {
    const body = { prompt: 'say it', model: 'sim:echo', stream: false };
    const answer = await weir.request('/api/v1/chat', { body });
    assert.equal(answer.json.content, 'say it');
  });

  test('has the same errors', async () => {
    const answer = await weir.request('/api/v1/chat', { body: { prompt: 'a', model: 'nothing' } });
    assert.equal(answer.status, 404);
    assert.equal(answer.error.code, 'model_not_found');
  });
});

describe('models', () => {
  test('are listed as OpenAI lists them', async () => {
    const { object, data } = (await weir.request('/v1/models')).json;
    assert.equal(object, 'list');
    assert.ok(data.some(({ id }) => id === 'fast'));
    for (const model of data) {
      assert.equal(model.object, 'model');
      assert.ok(Number.isInteger(model.created) && typeof model.owned_by === 'string');
    }
  });

  test('can be asked for one by one', async () => {
    const model = await weir.request('/v1/models/fast');
    assert.equal(model.status, 200);
    assert.equal(model.json.id, 'fast');
    const none = await weir.request('/v1/models/nothing');
    assert.equal(none.status, 404);
    assert.equal(none.error.code, 'model_not_found');
  });

  test('have an availability', async () => {
    const answer = await weir.request('/api/v1/models');
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.text.includes('"fast"'));
  });
});

describe('headers', () => {
  test('x-request-id is made up, or the caller\'s', async () => {
    const one = (await weir.request('/livez', { key: null })).headers['x-request-id'];
    const two = (await weir.request('/livez', { key: null })).headers['x-request-id'];
    assert.ok(one && two && one !== two);
    const mine = await weir.chat('fast', {}, { headers: { 'x-request-id': 'my-id-42' } });
    assert.equal(mine.headers['x-request-id'], 'my-id-42');
    const headers = { 'x-request-id': 'a b\t<c>'.repeat(200) };
    const bad = await weir.chat('fast', {}, { headers });
    assert.ok(bad.headers['x-request-id'].length <= 200, 'nothing endless is repeated');
  });

  test('x-weir-… say who answered', async () => {
    for (const stream of [false, true]) {
      const { headers } = await weir.chat('fast', { stream });
      assert.equal(headers['x-weir-provider'], 'sim');
      assert.ok(headers['x-weir-model']);
    }
  });

  test('x-ratelimit-… say how much is left', async () => {
    const key = await weir.create_key();
    const { headers } = await weir.chat('fast', {}, { key });
    assert.equal(headers['x-ratelimit-limit-requests'], '600');
    assert.match(headers['x-ratelimit-remaining-requests'], /^\d+$/);
    assert.match(headers['x-ratelimit-reset-requests'], /^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$|^\d+ms$/);
  });

  test('a provider\'s headers stay behind', async () => {
    const { headers } = await weir.chat('fast');
    assert.ok(!headers['x-request-id'].startsWith('sim-'));
  });
});

describe('health', () => {
  test('livez and readyz need no key', async () => {
    for (const path of ['/livez', '/readyz']) {
      assert.equal((await weir.request(path, { key: null })).status, 200, path);
    }
  });

  test('health answers in JSON, with no more than a stranger may see', async () => {
    const near = await weir.request('/health', { key: null });
    assert.equal(near.status, 200);
    assert.equal(typeof near.json, 'object');
    const far = await weir.request('/health', {
      key: null, headers: { 'x-forwarded-for': '203.0.113.9' },
    });
    assert.equal(far.status, 200);
    assert.ok(far.text.length <= near.text.length);
    assert.ok(!far.text.includes('provider-key'));
  });
});

test('the log has one JSON line a request, and no text of it', async (t) => {
  const own = await start_weir(t, { config: sim_config(sim) });
  const messages = [{ role: 'user', content: 'a-very-private-question' }];
  await own.chat('sim:echo', { messages }, { headers: { 'x-request-id': 'find-me-1' } });
  await own.program.stop();
  const lines = own.stderr.trim().split('\n').map((line) => JSON.parse(line));
  const mine = lines.filter((line) => JSON.stringify(line).includes('find-me-1'));
  assert.equal(mine.length, 1);
  assert.ok(!own.stderr.includes('a-very-private-question'));
  assert.ok(!own.stderr.includes('provider-key-1'));
});
