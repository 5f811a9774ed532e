// The official client, unchanged: what it can do with OpenAI it can do with Weir.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import OpenAI from 'openai';

import { sim_text, start_sim } from './harness/sim.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, { config: sim_config(sim) });

const connect = (options = {}) => new OpenAI({
  apiKey: weir.key, baseURL: `${weir.url.replace(/\/$/, '')}/v1`, maxRetries: 0, ...options,
});
const client = connect();
const messages = [{ role: 'user', content: 'hello' }];
const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const text_of = (chunks) => chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

describe('models', () => {
  test('list', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes('fast'));
  });

  test('retrieve', async () => {
    assert.equal((await client.models.retrieve('fast')).id, 'fast');
  });
});

describe('chat', () => {
  test('whole', async () => {
    const answer = await client.chat.completions.create({ model: 'fast', messages });
    assert.equal(answer.choices[0].message.content, sim_text(4, 8));
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.total_tokens, 10);
    assert.ok(answer._request_id);
  });

  test('streamed', async () => {
    const chunks = await collect(
      await client.chat.completions.create({ model: 'fast', messages, stream: true }));
    assert.equal(text_of(chunks), sim_text(4, 8));
    assert.equal(chunks.findLast(({ choices }) => choices.length).choices[0].finish_reason, 'stop');
  });

  test('streamed, with usage', async () => {
    const chunks = await collect(await client.chat.completions.create({
      model: 'fast', messages, stream: true, stream_options: { include_usage: true },
    }));
    const last = chunks.at(-1);
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.completion_tokens, 8);
    for (const chunk of chunks.slice(0, -1)) assert.equal(chunk.usage ?? null, null);
  });

  test('streamed, through the client\'s own helper', async () => {
    const stream = client.chat.completions.stream({ model: 'sim:chunks=20,size=30', messages });
    const answer = await stream.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, sim_text(20, 30));
  });

  test('streamed, and given up', async () => {
    const model = 'sim:chunks=500,delay=20ms,size=31';
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    let seen = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content && ++seen === 3) break; // the client aborts
    }
    const { chunks } = await sim.departure(model);
    assert.ok(chunks < 100, `the provider wrote ${chunks} chunks`);
  });

  test('given up before the answer', async () => {
    const model = 'sim:first=5s,size=32';
    const leaving = new AbortController();
    const answer = client.chat.completions.create(
      { model, messages, stream: true }, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 300);
    await assert.rejects(answer, OpenAI.APIUserAbortError);
    await sim.departure(model);
  });

  const tools = [{
    type: 'function',
    function: {
      name: 'simulate',
      parameters: { type: 'object', properties: { text: { type: 'string' } } },
    },
  }];

  test('with tools, whole', async () => {
    const model = 'sim:tools=2,chunks=4';
    const answer = await client.chat.completions.create({ model, messages, tools });
    const { finish_reason, message } = answer.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 2);
    for (const call of message.tool_calls) {
      assert.equal(call.function.name, 'simulate');
      assert.equal(typeof JSON.parse(call.function.arguments).text, 'string');
    }
    const [{ body }] = await sim.requests();
    assert.deepEqual(body.tools, tools);
  });

  test('with tools, streamed', async () => {
    const model = 'sim:tools=1,chunks=4';
    const stream = client.chat.completions.stream({ model, messages, tools });
    const answer = await stream.finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, 'simulate');
    JSON.parse(call.function.arguments);
  });

  test('with images, formats and everything else there is', async () => {
    const request = {
      model: 'fast',
      messages: [{
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
        ],
      }],
      temperature: 0.2, top_p: 0.9, presence_penalty: 0.1, frequency_penalty: 0.1, seed: 7,
      stop: ['END'], max_completion_tokens: 100, logit_bias: { 50256: -100 }, logprobs: true,
      top_logprobs: 2, user: 'someone', metadata: { a: 'b' }, store: false,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'thing', schema: { type: 'object' }, strict: true },
      },
      reasoning_effort: 'low', parallel_tool_calls: false, tools, tool_choice: 'auto',
    };
    const answer = await client.chat.completions.create(request);
    assert.equal(answer.choices[0].message.content, sim_text(4, 8));
    const [{ body }] = await sim.requests();
    for (const name of Object.keys(request).filter((key) => key !== 'model')) {
      assert.deepEqual(body[name], request[name], name);
    }
  });

  test('ten at once on kept connections', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, async (_, n) => {
      const own = [{ role: 'user', content: `number ${n}` }];
      const chunks = await collect(await client.chat.completions.create(
        { model: 'sim:echo,size=3', messages: own, stream: true }));
      return text_of(chunks);
    }));
    assert.deepEqual(all, all.map((_, n) => `number ${n}`));
  });
});

describe('errors', () => {
  const rejected = async (promise, kind, status, code) => {
    const error = await promise.then(() => assert.fail('it was answered'), (fault) => fault);
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    if (code) assert.equal(error.code, code);
    assert.ok(error.requestID, 'the request id is found');
    return error;
  };
  const ask = (from, extra = {}) =>
    from.chat.completions.create({ model: 'fast', messages, ...extra });

  test('a bad key is AuthenticationError', async () => {
    const stranger = connect({ apiKey: 'sk-weir-nobody-nothing' });
    await rejected(ask(stranger), OpenAI.AuthenticationError, 401, 'invalid_api_key');
    await rejected(stranger.models.list(), OpenAI.AuthenticationError, 401, 'invalid_api_key');
  });

  test('an unknown model is NotFoundError', async () => {
    await rejected(ask(client, { model: 'nothing' }), OpenAI.NotFoundError, 404, 'model_not_found');
  });

  test('a model the key may not use is PermissionDeniedError', async () => {
    const narrow = connect({ apiKey: await weir.create_key('--models', 'fast') });
    await rejected(ask(narrow, { model: 'sim:chunks=1' }), OpenAI.PermissionDeniedError, 403,
      'model_not_allowed');
  });

  test('a malformed request is BadRequestError, with the place', async () => {
    const wrong = [...messages, { role: 'user', content: 5 }];
    const error = await rejected(ask(client, { messages: wrong }), OpenAI.BadRequestError, 400,
      'invalid_type');
    assert.equal(error.param, 'messages[1].content');
  });

  test('a malformed request is one before a stream, too', async () => {
    await rejected(ask(client, { stream: true, temperature: 'hot' }), OpenAI.BadRequestError, 400,
      'invalid_type');
  });

  test('a used-up quota is RateLimitError, and is not tried again', async () => {
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--requests', '1');
    const poor = connect({ apiKey: key, maxRetries: 5 });
    await ask(poor);
    const started = Date.now();
    const error = await rejected(ask(poor), OpenAI.RateLimitError, 429, 'quota_exceeded');
    assert.equal(error.type, 'insufficient_quota');
    assert.ok(Date.now() - started < 400, 'x-should-retry: false is obeyed');
  });

  test('a rate is RateLimitError, and trying again helps', async () => {
    const slow = await weir.create_key('--rate', '1/s');
    const hasty = connect({ apiKey: slow });
    await ask(hasty);
    let refused = null;
    for (let n = 0; n < 5 && !refused; ++n) await ask(hasty).catch((error) => (refused = error));
    assert.ok(refused instanceof OpenAI.RateLimitError, String(refused));
    assert.equal(refused.type, 'rate_limit_error');
    const patient = connect({ apiKey: slow, maxRetries: 3 });
    assert.ok((await ask(patient)).choices.length, 'retry-after is what the client waits');
  });

  test('a stream that breaks is thrown, not ended', async () => {
    const model = 'sim:chunks=10,cut=5,delay=10ms';
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    }, OpenAI.APIError);
    assert.equal(text, sim_text(5, 16));
  });

  test('an unreachable provider is InternalServerError', async () => {
    const model = 'sim:status=500,code=x';
    await rejected(ask(client, { model }), OpenAI.InternalServerError, 502);
  });

  test('an unknown path is NotFoundError', async () => {
    await rejected(client.get('/nothing'), OpenAI.NotFoundError, 404, 'not_found');
  });
});
