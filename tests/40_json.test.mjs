// What may stand in a body, and what the answer says when something else does.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { start_sim } from './harness/sim.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, { config: sim_config(sim) });

const MESSAGES = [{ role: 'user', content: 'hello' }];
const send = (body, path = '/v1/chat/completions') => weir.request(path, { body });
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
const with_field = (text) =>
  `{"model":"fast","messages":[{"role":"user","content":"hello"}],${text}}`;

function assert_fault(answer, code, param) {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.error.type, 'invalid_request_error');
  if (code) assert.equal(answer.error.code, code, answer.text);
  if (param !== undefined) assert.equal(answer.error.param, param, answer.text);
  assert.ok(answer.error.message.length > 0);
}

describe('no JSON', () => {
  const bytes = (...list) => Buffer.from(list);
  const around = (...list) =>
    Buffer.concat([Buffer.from('{"model":"fast","x":"'), bytes(...list), Buffer.from('"}')]);
  const bodies = {
    'nothing': '',
    'white space': ' \n\t',
    'an open object': '{',
    'an open string': '{"model":"fa',
    'no value': '{"model":}',
    'a comma at the end': '{"model":"fast",}',
    'two values': '{"model":"fast"} {}',
    'text behind it': `${with_field('"n":1')}x`,
    'NUL behind it': `${with_field('"n":1')}\0`,
    'single quotes': "{'model':'fast'}",
    'a name without quotes': '{model:"fast"}',
    'a comment': '{"model":"fast"/**/}',
    'NaN': with_field('"temperature":NaN'),
    'a leading zero': with_field('"temperature":01'),
    'a leading plus': with_field('"temperature":+1'),
    'a point without digits': with_field('"temperature":1.'),
    'a leading point': with_field('"temperature":.5'),
    'an exponent without digits': with_field('"temperature":1e'),
    'a control byte in a string': '{"model":"fa\nst"}',
    'an unknown escape': '{"model":"\\x41"}',
    'a short escape': '{"model":"\\u12"}',
    'a lone surrogate': '{"model":"\\ud800"}',
    'a misspelt word': with_field('"stream":tru'),
    'a byte that begins nothing': around(0xff),
    'a cut sequence': around(0xe2, 0x82),
    'an overlong sequence': around(0xc0, 0xaf),
    'an encoded surrogate': around(0xed, 0xa0, 0x80),
    'a code point over the last': around(0xf4, 0x90, 0x80, 0x80),
    'UTF-16': Buffer.from(with_field('"n":1'), 'utf16le'),
    'a depth without end': with_field(`"x":${nested(5000)}`),
    'an open depth': '['.repeat(100_000),
    'a name twice': '{"model":"fast","model":"fast","messages":[]}',
    'a name twice, escaped': '{"model":"fast","mod\\u0065l":"other","messages":[]}',
    'a name twice in a message': with_field('"x":1').replace('"role"', '"content":"a","role"'),
    'a name twice in an unknown field': with_field('"x":{"a":{"b":1,"c":2,"b":3}}'),
    'a bad number in an unknown field': with_field('"x":[1,{"a":01}]'),
    'a bad string in an unknown field': with_field('"x":"\\q"'),
    'a bad word in an unknown field': with_field('"x":[nul]'),
    'a missing comma in an unknown field': with_field('"x":[1 2]'),
  };
  for (const [what, body] of Object.entries(bodies)) {
    for (const path of ['/v1/chat/completions', '/api/v1/chat']) {
      test(`${what}, to ${path}`, async () => {
        assert_fault(await send(body, path), 'invalid_json');
      });
    }
  }
});

describe('the wrong kind of value', () => {
  const chat = (extra) => ({ model: 'fast', messages: MESSAGES, ...extra });
  const message = (value) => chat({ messages: [...MESSAGES, ...MESSAGES, value] });
  const user = (content) => message({ role: 'user', content });
  // [what, body, code, param]; a code of null leaves it to the server.
  const cases = [
    ['an array for the whole', [], 'invalid_type', undefined],
    ['a string for the whole', '"fast"', 'invalid_type', undefined],
    ['no model', { messages: MESSAGES }, 'missing_required_parameter', 'model'],
    ['a number for the model', chat({ model: 5 }), 'invalid_type', 'model'],
    ['null for the model', chat({ model: null }), 'invalid_type', 'model'],
    ['no messages', { model: 'fast' }, 'missing_required_parameter', 'messages'],
    ['a string for messages', chat({ messages: 'hi' }), 'invalid_type', 'messages'],
    ['an object for messages', chat({ messages: {} }), 'invalid_type', 'messages'],
    ['no message', chat({ messages: [] }), null, 'messages'],
    ['a string for a message', message('hi'), 'invalid_type', 'messages[2]'],
    ['a message without a role', message({ content: 'a' }), 'missing_required_parameter',
      'messages[2].role'],
    ['a number for a role', message({ role: 1, content: 'a' }), 'invalid_type', 'messages[2].role'],
    ['a role nobody has', message({ role: 'king', content: 'a' }), 'invalid_value',
      'messages[2].role'],
    ['a number for content', user(5), 'invalid_type', 'messages[2].content'],
    ['a user without content', message({ role: 'user' }), 'missing_required_parameter',
      'messages[2].content'],
    ['null for a user\'s content', user(null), 'invalid_type', 'messages[2].content'],
    ['a number for a part', user([{ type: 'text', text: 'a' }, 5]), 'invalid_type',
      'messages[2].content[1]'],
    ['a part without a type', user([{ text: 'a' }]), 'missing_required_parameter',
      'messages[2].content[0].type'],
    ['a text part without text', user([{ type: 'text' }]), 'missing_required_parameter',
      'messages[2].content[0].text'],
    ['a number for a text', user([{ type: 'text', text: 5 }]), 'invalid_type',
      'messages[2].content[0].text'],
    ['a string for stream', chat({ stream: 'yes' }), 'invalid_type', 'stream'],
    ['a number for stream', chat({ stream: 1 }), 'invalid_type', 'stream'],
    ['a string for temperature', chat({ temperature: 'hot' }), 'invalid_type', 'temperature'],
    ['a temperature too high', chat({ temperature: 2.5 }), null, 'temperature'],
    ['a temperature too low', chat({ temperature: -0.5 }), null, 'temperature'],
    ['a top_p too high', chat({ top_p: 1.5 }), null, 'top_p'],
    ['a string for max_tokens', chat({ max_tokens: '5' }), 'invalid_type', 'max_tokens'],
    ['a fraction for max_tokens', chat({ max_tokens: 1.5 }), 'invalid_type', 'max_tokens'],
    ['a negative max_tokens', chat({ max_tokens: -1 }), null, 'max_tokens'],
    ['max_tokens past all bounds', with_field('"max_tokens":99999999999999999999'), null,
      'max_tokens'],
    ['a negative max_completion_tokens', chat({ max_completion_tokens: -1 }), null,
      'max_completion_tokens'],
    ['n of nothing', chat({ n: 0 }), null, 'n'],
    ['n of many', chat({ n: 1000 }), 'integer_above_max_value', 'n'],
    ['a number for stop', chat({ stop: 5 }), 'invalid_type', 'stop'],
    ['a number in stop', chat({ stop: ['a', 5] }), 'invalid_type', 'stop[1]'],
    ['an object for tools', chat({ tools: {} }), 'invalid_type', 'tools'],
    ['a string in tools', chat({ tools: ['a'] }), 'invalid_type', 'tools[0]'],
    ['a string for stream_options', chat({ stream: true, stream_options: 'a' }), 'invalid_type',
      'stream_options'],
    ['a string for include_usage',
      chat({ stream: true, stream_options: { include_usage: 'yes' } }), 'invalid_type',
      'stream_options.include_usage'],
  ];
  for (const [what, body, code, param] of cases) {
    test(what, async () => assert_fault(await send(body), code, param));
  }

  const plain = [
    ['no prompt', {}, 'missing_required_parameter', 'prompt'],
    ['a number for the prompt', { prompt: 5 }, 'invalid_type', 'prompt'],
    ['a number for the model', { prompt: 'a', model: 5 }, 'invalid_type', 'model'],
    ['a string for stream', { prompt: 'a', stream: 'no' }, 'invalid_type', 'stream'],
    ['a list', ['a'], 'invalid_type', undefined],
  ];
  for (const [what, body, code, param] of plain) {
    test(`${what}, to /api/v1/chat`, async () =>
      assert_fault(await send(body, '/api/v1/chat'), code, param));
  }

  test('nothing of it reached the provider, nothing of it was charged', async () => {
    assert.equal((await sim.bill()).requests, 0);
    const quota = await weir.quota();
    assert.equal(quota.used, 0);
    assert.equal(quota.held, 0);
  });
});

describe('an error', () => {
  test('repeats at most 64 characters of what was sent', async () => {
    const long = 'w'.repeat(500);
    const answers = [
      await send({ model: long, messages: MESSAGES }),
      await send({ model: 'fast', messages: [{ role: long, content: 'a' }] }),
      await weir.request(`/v1/${long}`),
      await weir.request(`/v1/models/${long}`),
    ];
    for (const { status, text } of answers) {
      assert.ok(status >= 400, text);
      assert.ok(!text.includes('w'.repeat(65)), text);
    }
  });

  test('is JSON whatever was sent', async () => {
    const answer = await send({ model: 'a"\u0001\u2028</script>\\', messages: MESSAGES });
    assert.equal(answer.status, 404);
    assert.equal(answer.error.code, 'model_not_found');
    assert.match(answer.headers['content-type'], /^application\/json/);
  });
});

describe('taken as it is', () => {
  test('unknown fields reach a provider of the same dialect untouched', async () => {
    const odd = '"x_odd":{"z":1.50,"a":[1E2,-0.0,"\\u00e9\\/",{"k":null}],"b":1234567890123456789}';
    const answer = await send(with_field(odd));
    assert.equal(answer.status, 200, answer.text);
    const [{ raw }] = await sim.requests();
    assert.ok(raw.includes(odd), raw);
  });

  test('unknown fields of messages and parts too', async () => {
    const messages = [{
      role: 'user', name: 'ada', x_note: [1],
      content: [{ type: 'text', text: 'hello', x_mark: { a: 1 } }],
    }];
    assert.equal((await send({ model: 'fast', messages })).status, 200);
    const [{ body }] = await sim.requests();
    assert.deepEqual(body.messages, messages);
  });

  test('null for what may be left out', async () => {
    const body = {
      model: 'fast', messages: MESSAGES, temperature: null, max_tokens: null, stop: null,
      stream: null, tools: null,
    };
    const answer = await send(body);
    assert.equal(answer.status, 200, answer.text);
  });

  test('every kind of message', async () => {
    const messages = [
      { role: 'system', content: 'be short' },
      { role: 'developer', content: 'be kind' },
      { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
      {
        role: 'assistant', content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'sunny' },
      { role: 'assistant', content: 'sunny' },
      { role: 'user', content: 'thanks \u{1f600} \u0000' },
    ];
    const answer = await send({ model: 'fast', messages });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual((await sim.requests())[0].body.messages, messages);
  });

  test('any Content-Type, for a caller with a key', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const answer = await weir.request('/api/v1/chat', {
        body: { prompt: 'test', stream: false }, headers: { 'content-type': type },
      });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  test('a body of many messages', async () => {
    const messages = Array.from({ length: 500 }, (_, n) => (
      { role: n % 2 ? 'assistant' : 'user', content: `message ${n}` }));
    const answer = await send({ model: 'fast', messages });
    assert.equal(answer.status, 200, answer.text);
  });
});
