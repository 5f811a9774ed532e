// Providers that do what none should: what they say is passed on whole or refused, and paid for.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { parse_events, read_chat } from './harness/sse.mjs';
import { start_weir } from './harness/weir.mjs';

// A provider whose answer to every request is `say(response, request body)`.
async function start(t, say) {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    response.on('error', () => {});
    say(response, JSON.parse(text));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const base_url = `http://127.0.0.1:${server.address().port}/v1`;
  return start_weir(t, {
    config: {
      providers: { odd: { dialect: 'openai', base_url, keys: ['k'], allow_private: true } },
      models: { odd: { targets: [{ provider: 'odd', model: 'odd' }] } },
    },
  });
}

const head = (response) => response.writeHead(200, { 'content-type': 'text/event-stream' });
const chunk = (choice, more = {}) => ({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'odd', choices: [choice], ...more,
});
const event = (value) => `data: ${JSON.stringify(value)}\n\n`;
const text = (content, index = 0) => ({ index, delta: { content }, finish_reason: null });
const finish = (index = 0) => ({ index, delta: {}, finish_reason: 'stop' });

const PRETTY = JSON.stringify({
  id: 'c1', object: 'chat.completion', created: 1, model: 'odd',
  choices: [{
    index: 0, finish_reason: 'stop',
    message: { role: 'assistant', content: 'hello', annotations: [{ a: 1 }, { b: [2] }] },
  }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  system_info: { a: 1, b: { c: 2 } },
}, null, 2);

function pretty(response) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(PRETTY);
}

test('JSON over many lines is one line of a stream', async (t) => {
  const weir = await start(t, pretty);
  const answer = await weir.chat('odd', { stream: true, stream_options: { include_usage: true } });
  const said = read_chat(answer.text); // each data line is JSON of its own
  assert.equal(said.text, 'hello');
  assert.ok(said.done);
  assert.deepEqual(said.usage.total_tokens, 5);
  assert.ok(parse_events(answer.text).some(({ data }) => data.includes('system_info')));
});

test('JSON over many lines is stored and said again whole', async (t) => {
  const weir = await start(t, pretty);
  const options = { headers: { 'idempotency-key': 'one' } };
  const first = await weir.chat('odd', {}, options);
  const again = await weir.chat('odd', {}, options);
  assert.equal(again.headers['x-weir-idempotent'], 'replayed');
  assert.deepEqual(again.json, first.json);
  assert.equal(again.json.choices[0].message.content, 'hello');
  assert.deepEqual(again.json.choices[0].message.annotations, [{ a: 1 }, { b: [2] }]);
});

test('a count that came too early is not believed where the client leaves', async (t) => {
  const usage = { prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 };
  const weir = await start(t, async (response) => {
    head(response);
    response.write(event(chunk(text('.'), { usage })));
    for (let n = 0; n < 500 && !response.destroyed; ++n) {
      response.write(event(chunk(text('x'.repeat(400)))));
      await sleep(2);
    }
  });
  const stream = await weir.open_chat('odd');
  await stream.until(({ text: so_far }) => so_far.length > 40_000);
  stream.leave();
  await sleep(300);
  const { tokens_out } = await weir.json('ledger', 'show', '--key', weir.key);
  assert.ok(tokens_out > 5000, `${tokens_out} tokens charged`);
});

test('output in fields that are not known is metered too', async (t) => {
  const weir = await start(t, async (response) => {
    head(response);
    for (let n = 0; n < 300; ++n) {
      const delta = { function_call: { arguments: 'y'.repeat(200) } };
      response.write(event(chunk({ index: 0, delta, finish_reason: null })));
    }
    response.end(event(chunk(finish())) + 'data: [DONE]\n\n');
  });
  const key = await weir.create_key();
  await weir.say('quota', 'set', '--key', key, '--tokens', '1000');
  const answer = read_chat((await weir.chat('odd', { stream: true }, { key })).text);
  assert.equal(answer.finish, 'length');
  assert.ok(answer.chunks.length < 20, `${answer.chunks.length} chunks for 1000 tokens`);
});

test('what comes in one piece with an error is said before it', async (t) => {
  const weir = await start(t, (response) => {
    head(response);
    response.write(event(chunk(text('first '))));
    const last = event(chunk(text('last'))) + event({ error: { message: 'boom' } });
    setTimeout(() => response.end(last), 100);
  });
  const answer = read_chat((await weir.chat('odd', { stream: true })).text);
  assert.equal(answer.text, 'first last');
  assert.ok(answer.error);
  assert.ok(!answer.done);
});

test('an end before every choice was begun is no end', async (t) => {
  const weir = await start(t, (response) => {
    head(response);
    response.end(event(chunk(text('one'))) + event(chunk(finish())));
  });
  const answer = read_chat((await weir.chat('odd', { stream: true, n: 2 })).text);
  assert.equal(answer.error.code, 'stream_truncated');
  assert.ok(!answer.done);
});

test('much before the first word is refused', async (t) => {
  const weir = await start(t, async (response) => {
    head(response);
    for (let n = 0; n < 40 && !response.destroyed; ++n) {
      const delta = { padding: 'z'.repeat(500_000) };
      response.write(event(chunk({ index: 0, delta, finish_reason: null })));
      await sleep(1);
    }
    response.end();
  });
  const answer = await weir.chat('odd', { stream: true });
  assert.ok(answer.status === 502, `${answer.status} ${answer.text.slice(0, 200)}`);
});
