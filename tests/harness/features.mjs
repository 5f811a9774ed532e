// What is tried in every cell of the matrix: which script the provider plays, what the client has
// to end up with, and what has to have arrived at the provider. A provider's request is given as
// its dialect read it, so one expectation serves all of them.

import assert from 'node:assert/strict';

import {
  AFTER_TOOLS, CALLS, IMAGE, MAX_TOKENS, OBJECT, QUESTION, RESULTS, SCHEMA, STOP, SYSTEM, TEXT,
  THOUGHT, TOOLS, USAGE, VECTOR,
} from './material.mjs';

const all_text = TEXT.join('');
const usage = (more = 0) =>
  ({ input: USAGE.input, output: USAGE.output + more, cached: USAGE.cached });

// Keywords that a provider may have no words for are left out of both sides.
const WORDLESS = {
  openai: ['$schema'], anthropic: ['$schema'], gemini: ['$schema', 'additionalProperties'],
};
function bare(schema, dialect) {
  if (Array.isArray(schema)) return schema.map((entry) => bare(entry, dialect));
  if (schema === null || typeof schema !== 'object') return schema;
  const kept = Object.entries(schema).filter(([name]) => !WORDLESS[dialect].includes(name));
  return Object.fromEntries(kept.map(([name, value]) =>
    [name, name === 'type' && typeof value === 'string' ? value.toLowerCase()
      : bare(value, dialect)]));
}

const answered = ({ result }, text, finish = 'stop') => {
  assert.equal(result.error, null, JSON.stringify(result.error));
  assert.equal(result.text, text);
  assert.equal(result.finish, finish);
};

const called = ({ result }, calls) => {
  answered({ result }, '', 'tool_calls');
  const got = result.toolCalls;
  assert.deepEqual(got.map(({ name, arguments: given }) => ({ name, arguments: given })), calls);
  for (const { id } of got) assert.ok(typeof id === 'string' && id.length > 0, `the id is ${id}`);
  assert.equal(new Set(got.map(({ id }) => id)).size, calls.length, 'ids are unique');
};

const offered_tools = ({ provider, requests }) => {
  for (const { read } of requests) {
    assert.equal(read.tools.length, TOOLS.length);
    TOOLS.forEach(({ name, description, parameters }, index) => {
      const tool = read.tools[index];
      assert.equal(tool.name, name);
      assert.equal(tool.description, description);
      assert.deepEqual(bare(tool.parameters, provider), bare(parameters, provider));
    });
  }
};

const asked = (stream) => ({ requests: [{ read }] }) => {
  assert.equal(read.messages.length, 1);
  assert.equal(read.messages[0].role, 'user');
  assert.equal(read.messages[0].text, QUESTION);
  assert.deepEqual(read.system, []);
  if (stream) assert.equal(read.stream, true, 'a stream is asked for as one');
};

// Every result stands with the call it belongs to, as that provider tells them apart.
const linked_results = (expected) => ({ requests }) => {
  assert.equal(requests.length, 2);
  const { messages } = requests[1].read;
  const calls = messages.flatMap((message) => message.calls ?? []);
  const asked_for = calls.map(({ name, arguments: given }) => ({ name, arguments: given }));
  assert.deepEqual(asked_for, expected);
  const results = messages.flatMap((message) => message.results ?? []);
  assert.equal(results.length, expected.length);
  for (const { id, name } of calls) {
    const own = results.find((result) => (id ? result.id === id : result.name === name));
    assert.ok(own, `${name} (${id}) has a result: ${JSON.stringify(results)}`);
    assert.equal(own.text, RESULTS[name]);
  }
};

const broke = ({ result }) => {
  assert.ok(result.error, 'the client raises an error');
  assert.doesNotMatch(result.error.kind, /Abort/);
  assert.equal(result.text, TEXT.slice(0, 2).join(''), 'what came before is not lost');
  assert.equal(result.finish, null, 'a broken answer does not look finished');
};

const refused = ({ client, result, requests }) => {
  assert.ok(result.error, 'the client raises an error');
  assert.equal(result.error.kind, client.not_found);
  assert.equal(result.error.status, 404);
  if (client.dialect === 'messages') assert.equal(result.error.type, 'not_found_error');
  else assert.equal(result.error.code, 'model_not_found');
  // Each client looks for the request's id in the header that its own provider sends.
  assert.notStrictEqual(result.error.request_id, null, 'the client finds the request\'s id');
  assert.deepEqual(requests, []);
};

const left_early = async ({ departure }) => {
  const { steps } = await departure();
  assert.ok(steps < 200, `the provider had played ${steps} steps`);
};

const NOT_THERE = 'not in this API';
const responses_only = { chat: NOT_THERE, messages: NOT_THERE };

// `short` heads a column. `cannot` says why a client's dialect, or a provider's, has it not. `api`
// is what serves it, where that is not the client's dialect; what is `local` need ask no provider.
export const FEATURES = [
  {
    name: 'text', short: 'txt', model: 'say-text', sent: asked(false),
    got(cell) {
      answered(cell, all_text);
      assert.deepEqual(cell.result.usage, usage());
    },
  },
  {
    name: 'text_stream', short: 'txs', model: 'say-text', sent: asked(true),
    got(cell) {
      answered(cell, all_text);
      assert.ok(cell.result.events >= TEXT.length, `${cell.result.events} events`);
    },
  },
  {
    name: 'system', short: 'sys', model: 'say-text',
    got: (cell) => answered(cell, all_text),
    sent({ requests: [{ read }] }) {
      assert.deepEqual(read.system, [SYSTEM]);
      assert.deepEqual(read.messages.map(({ role, text }) => ({ role, text })),
        [{ role: 'user', text: QUESTION }]);
    },
  },
  {
    name: 'tools', short: 'too', model: 'say-tool', sent: offered_tools,
    got: (cell) => called(cell, CALLS.slice(0, 1)),
  },
  {
    name: 'tools_stream', short: 'tos', model: 'say-two-tools', sent: offered_tools,
    got: (cell) => called(cell, CALLS),
  },
  {
    name: 'tool_result', short: 'tor', model: 'say-two-tools',
    got(cell) {
      answered(cell, AFTER_TOOLS.join(''));
      assert.equal(new Set(cell.result.called).size, CALLS.length);
    },
    sent(cell) {
      offered_tools(cell);
      linked_results(CALLS)(cell);
    },
  },
  {
    name: 'forced_tool', short: 'fct', model: 'say-tool',
    got: ({ result }) => assert.equal(result.toolCalls.length, 1, JSON.stringify(result.error)),
    sent(cell) {
      offered_tools(cell);
      assert.equal(cell.requests[0].read.choice, CALLS[0].name);
    },
  },
  {
    name: 'image', short: 'img', model: 'say-text',
    got: (cell) => answered(cell, all_text),
    sent({ requests: [{ read }] }) {
      assert.deepEqual(read.messages[0].images, [IMAGE]);
      assert.equal(read.messages[0].text, QUESTION);
    },
  },
  {
    name: 'structured', short: 'jsn', model: 'say-json',
    got: (cell) => assert.deepEqual(cell.result.object, OBJECT, JSON.stringify(cell.result)),
    sent: ({ client, provider, requests: [{ read }] }) =>
      assert.deepEqual(bare(read.schema, provider), bare(client.schema ?? SCHEMA, provider)),
  },
  {
    name: 'stop', short: 'stp', model: 'say-text', cannot: { responses: NOT_THERE },
    got: (cell) => answered(cell, all_text),
    sent: ({ requests: [{ read }] }) => assert.deepEqual(read.stop, STOP),
  },
  {
    name: 'reasoning_stream', short: 'rea', model: 'say-thought',
    got(cell) {
      answered(cell, all_text);
      assert.equal(cell.result.reasoning, THOUGHT.join(''));
    },
    sent: ({ requests: [{ read }] }) => assert.ok(read.thoughts, 'thoughts are asked for'),
  },
  {
    // A thought, a call that came of it, and its result: what a provider signed has to come back,
    // and where it cannot, the provider must not be asked to go on thinking.
    name: 'thinking_tool', short: 'tht', model: 'think-then-tool',
    got: (cell) => answered(cell, AFTER_TOOLS.join('')),
    sent: linked_results(CALLS.slice(0, 1)),
  },
  {
    name: 'usage_stream', short: 'use', model: 'say-text',
    got(cell) {
      answered(cell, all_text);
      assert.deepEqual(cell.result.usage, usage());
    },
  },
  {
    name: 'length_stream', short: 'len', model: 'say-cut',
    got: (cell) => answered(cell, TEXT.slice(0, 2).join(''), 'length'),
  },
  {
    name: 'filtered_stream', short: 'flt', model: 'say-nothing-more',
    got: (cell) => answered(cell, TEXT[0], 'content_filter'),
  },
  { name: 'error', short: 'err', model: null, got: refused },
  {
    name: 'abort', short: 'abo', model: 'slow',
    async got(cell) {
      assert.match(cell.result.text, /^0 /);
      await left_early(cell);
    },
  },
  { name: 'error_in_stream', short: 'die', model: 'die-midway', got: broke },
  { name: 'truncated_stream', short: 'cut', model: 'die-quietly', got: broke },
  { name: 'failed_stream', short: 'fai', model: 'fail-midway', got: broke },
  {
    name: 'embeddings', short: 'emb', model: 'say-text', api: 'embeddings',
    cannot: { responses: NOT_THERE, messages: NOT_THERE, anthropic: 'it embeds nothing' },
    got: ({ result }) => assert.deepEqual(result.vectors, [VECTOR, VECTOR],
      JSON.stringify(result.error)),
  },
  {
    name: 'count_tokens', short: 'cnt', model: 'say-text', local: true,
    cannot: { chat: NOT_THERE, responses: NOT_THERE },
    got: ({ result }) => assert.ok(result.counted > 0, JSON.stringify(result)),
  },
  {
    name: 'stored', short: 'sto', model: 'say-text', cannot: responses_only,
    got(cell) {
      answered(cell, all_text);
      assert.equal(cell.result.kept, all_text);
      assert.equal(cell.result.gone.status, 404);
    },
    sent: ({ requests }) => assert.deepEqual(
      requests[1].read.messages.map(({ role, text }) => ({ role, text })), [
        { role: 'user', text: QUESTION },
        { role: 'assistant', text: all_text },
        { role: 'user', text: 'And tomorrow?' },
      ]),
  },
  {
    name: 'resume', short: 'res', model: 'say-text', cannot: responses_only,
    got: (cell) => answered(cell, all_text),
  },
  {
    name: 'cancel', short: 'can', model: 'slow', cannot: responses_only,
    async got(cell) {
      answered(cell, '0 ', 'cancelled');
      await left_early(cell);
    },
  },
];

const THINKING = ['reasoning_stream', 'thinking_tool'];

// What holds of every request that any cell makes.
export function sent_well({ feature, requests, secret }) {
  for (const { kind, read, headers, faults } of requests) {
    assert.deepEqual(faults, [], 'the provider takes the request');
    assert.ok(!JSON.stringify(headers).includes(secret), 'the caller\'s key stays here');
    if (kind !== 'chat') continue;
    // Room to think may be added to what was asked for.
    if (THINKING.includes(feature.name)) assert.ok(read.max_tokens >= MAX_TOKENS);
    else assert.equal(read.max_tokens, MAX_TOKENS);
  }
}
