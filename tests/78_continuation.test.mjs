// An answer that breaks off in the middle is gone on with by another target, where the model says
// so: plain text alone, once, for one hold and one settlement, and marked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  DONE, END, FIN, FINISH, RESET, event, start_raw_provider, usage,
} from './harness/raw_provider.mjs';
import { parse_events, read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const chunk = (delta) => event({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'raw',
  choices: [{ index: 0, delta, finish_reason: null }],
});
const SAID = ['Once upon a time ', 'there was a gateway ', 'that never cut '];
const REST = ['a gateway that never cut ', 'an answer silently.'];
const WHOLE = 'Once upon a time there was a gateway that never cut an answer silently.';
const first = (end) => [...SAID.map((content) => chunk({ content })), 50, end];
const second = [...REST.map((content) => chunk({ content })), FINISH, usage(50, 11), DONE, END];

async function start(t, continuation, plans) {
  const raw = await start_raw_provider(t);
  for (const [model, plan] of Object.entries(plans)) raw.plan(model, plan);
  const price = { input: 1, output: 2 };
  const target = (model, tier) => ({ provider: 'sim', model, tier, price });
  const weir = await start_weir(t, {
    config: sim_config(raw, {
      models: {
        story: { targets: [target('first', 1), target('second', 2)], continuation },
        twins: { targets: [target('first', 1), target('first', 2)], continuation },
      },
    }),
  });
  return { raw, weir };
}
const ask = async (weir, model = 'story', extra = {}) => {
  const answer = await weir.chat(model, { stream: true, ...extra });
  return { answer, ...read_chat(answer.text) };
};

for (const end of [RESET, FIN]) {
  test(`another target goes on after ${end.description}`, async (t) => {
    const { raw, weir } = await start(t, 'any', { first: first(end), second });
    const said = await ask(weir);
    assert.deepEqual([said.text, said.finish, said.done, said.error], [WHOLE, 'stop', true, null]);
    const marks = parse_events(said.answer.text)
      .filter(({ data }) => data.includes('continued_from'));
    assert.deepEqual(marks.map(({ data }) => JSON.parse(data).x_weir),
      [{ continued_from: 'sim/first' }]);
    const shown = await weir.json('ledger', 'show');
    // What the first had said, at four bytes a token, and what the second counted of its own.
    const before = Math.ceil(SAID.join('').length / 4);
    assert.deepEqual([shown.requests, shown.tokens_out], [1, before + 11]);
    const report = await weir.json('ledger', 'verify');
    assert.deepEqual([report.ok, report.holds_open], [true, 0]);
    assert.deepEqual([(await raw.bill('first')).requests, (await raw.bill('second')).requests],
      [1, 1]);
  });
}

test('it is off unless it is asked for', async (t) => {
  const { raw, weir } = await start(t, 'off', { first: first(RESET), second });
  const said = await ask(weir);
  assert.equal(said.text, SAID.join(''));
  assert.ok(said.error && !said.done);
  assert.equal((await raw.bill('second')).requests, 0);
});

test('same_model asks only targets of the same model', async (t) => {
  let asked = 0;
  const { raw, weir } = await start(t, 'same_model', {
    first: () => (++asked === 1 ? first(RESET) : second), second,
  });
  assert.equal((await ask(weir, 'twins')).text, WHOLE);
  assert.equal((await raw.bill('second')).requests, 0);
});

test('once, and then the error of the first is told', async (t) => {
  const { raw, weir } = await start(t, 'any', { first: first(RESET), second: first(FIN) });
  const said = await ask(weir);
  assert.ok(said.error && !said.done, said.answer.text);
  assert.ok(said.text.startsWith(SAID.join('')));
  assert.deepEqual([(await raw.bill('first')).requests, (await raw.bill('second')).requests],
    [1, 1]);
  assert.equal((await weir.json('ledger', 'show')).requests, 1);
});

const call = chunk({
  tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{' } }],
});
for (const [what, plan, extra] of [
  ['a tool call', [chunk({ content: 'Wait. ' }), call, 50, RESET], {}],
  ['a thought', [chunk({ reasoning_content: 'Hm.' }), chunk({ content: 'So' }), 50, RESET], {}],
  ['structured output', first(RESET), { response_format: { type: 'json_object' } }],
]) {
  test(`never once ${what} is open`, async (t) => {
    const { raw, weir } = await start(t, 'any', { first: plan, second });
    const said = await ask(weir, 'story', extra);
    assert.ok(said.error && !said.done);
    assert.equal((await raw.bill('second')).requests, 0);
  });
}
