// Where no provider has counted, Weir does: exactly, for models whose vocabulary it has.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { ROOT } from './harness/program.mjs';
import { DONE, END, FINISH, RESET, event, start_raw_provider } from './harness/raw_provider.mjs';
import { read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const require = createRequire(join(ROOT, '.tools/tokens/package.json'));
const { Tiktoken } = require('js-tiktoken/lite');
const o200k = new Tiktoken(require('js-tiktoken/ranks/o200k_base'));
const tokens_of = (text) => o200k.encode(text, [], []).length;

const SENTENCE = 'The quick brown fox jumps over the lazy dog, and nobody counts its tokens. ';
const PIECES = Array.from({ length: 40 }, (_, n) => `${n}. ${SENTENCE}`);
const chunk = (content) => event({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'raw',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});

async function start(t) {
  const raw = await start_raw_provider(t);
  raw.plan('*', [...PIECES.map(chunk), FINISH, DONE, END]);
  const burst = Array(8).fill(PIECES).flat().map(chunk).join('');
  raw.plan('gpt-4o-burst', [burst, 300, FINISH, DONE, END]);
  raw.plan('gpt-4o-broken', [...PIECES.slice(0, 10).map(chunk), 100, RESET]);
  const weir = await start_weir(t, {
    config: sim_config(raw, {
      models: Object.fromEntries(['gpt-4o', 'gpt-4o-broken', 'gpt-4o-burst', 'llama'].map((name) =>
        [name, { targets: [{ provider: 'sim', model: name }] }])),
    }),
  });
  return weir;
}
const said = (answer, stream) =>
  (stream ? read_chat(answer.text).text : answer.json.choices[0].message.content);

describe('an answer without usage', () => {
  for (const stream of [true, false]) {
    test(`is counted exactly (${stream ? 'streamed' : 'whole'})`, async (t) => {
      const weir = await start(t);
      const answer = await weir.chat('gpt-4o', { stream });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(said(answer, stream), PIECES.join(''));
      const shown = await weir.json('ledger', 'show');
      assert.equal(shown.tokens_out, tokens_of(PIECES.join('')));
      assert.equal(shown.tokens_in, tokens_of('hello\n') + 8);
    });
  }

  test('is taken at four bytes a token where nobody knows its tokens', async (t) => {
    const weir = await start(t);
    await weir.chat('llama', { stream: true });
    const shown = await weir.json('ledger', 'show');
    assert.equal(shown.tokens_out, Math.ceil(PIECES.join('').length / 4));
  });

  test('that breaks off costs what was said', async (t) => {
    const weir = await start(t);
    const answer = await weir.chat('gpt-4o-broken', { stream: true });
    assert.ok(read_chat(answer.text).error);
    const shown = await weir.json('ledger', 'show');
    assert.equal(shown.tokens_out, tokens_of(PIECES.slice(0, 10).join('')));
  });
});

describe('a budget that is nearly spent', () => {
  const needed = tokens_of(PIECES.join(''));

  for (const stream of [true, false]) {
    test(`is used to its end (${stream ? 'streamed' : 'whole'})`, async (t) => {
      const weir = await start(t);
      const key = await weir.create_key();
      // Half of the bytes would be more than three times that.
      await weir.say('quota', 'set', '--key', key, '--tokens', String(needed + 60));
      const answer = await weir.chat('gpt-4o', { stream }, { key });
      assert.equal(said(answer, stream), PIECES.join(''));
      const report = await weir.json('ledger', 'verify');
      assert.deepEqual([report.ok, report.holds_open], [true, 0]);
    });

    test(`ends an answer that is longer (${stream ? 'streamed' : 'whole'})`, async (t) => {
      const weir = await start(t);
      const key = await weir.create_key();
      const limit = Math.floor(needed * 0.8);
      await weir.say('quota', 'set', '--key', key, '--tokens', String(limit));
      const answer = await weir.chat('gpt-4o', { stream }, { key });
      const text = said(answer, stream);
      assert.ok(PIECES.join('').startsWith(text));
      assert.ok(tokens_of(text) > limit - 80, `${tokens_of(text)} of ${limit}`);
      const { budgets } = await weir.quota(key);
      const budget = budgets.find(({ unit }) => unit === 'tokens');
      assert.ok(budget.used <= limit && budget.held === 0, JSON.stringify(budget));
    });
  }

  for (const stream of [true, false]) {
    test(`holds against a burst (${stream ? 'streamed' : 'whole'})`, async (t) => {
      const weir = await start(t);
      const key = await weir.create_key();
      await weir.say('quota', 'set', '--key', key, '--tokens', '1000');
      const answer = await weir.chat('gpt-4o-burst', { stream }, { key });
      assert.ok(tokens_of(said(answer, stream)) > 500);
      const { budgets } = await weir.quota(key);
      const budget = budgets.find(({ unit }) => unit === 'tokens');
      assert.ok(budget.used <= 1000 && budget.held === 0, JSON.stringify(budget));
      assert.equal((await weir.json('ledger', 'show')).overages, 0);
    });
  }

  test('holds against a question that is all tokens', async (t) => {
    const weir = await start(t);
    const key = await weir.create_key();
    await weir.say('quota', 'set', '--key', key, '--tokens', '3600');
    const messages = [{ role: 'user', content: 'q;Z~'.repeat(1500) }];
    const body = { model: 'gpt-4o', max_tokens: 10, messages };
    const answer = await weir.request('/v1/chat/completions', { key, body });
    assert.equal(answer.status, 429, answer.text);
  });

  test('admits a long question that fits', async (t) => {
    const weir = await start(t);
    const key = await weir.create_key();
    const prompt = SENTENCE.repeat(60);
    const input = tokens_of(prompt);
    await weir.say('quota', 'set', '--key', key, '--tokens', String(input + 100));
    const body = { model: 'gpt-4o', max_tokens: 10, messages: [{ role: 'user', content: prompt }] };
    const answer = await weir.request('/v1/chat/completions', { key, body });
    assert.equal(answer.status, 200, answer.text);
    const unknown = await weir.request('/v1/chat/completions',
      { key: await weir.create_key(), body: { ...body, model: 'llama' } });
    assert.equal(unknown.status, 200, unknown.text);
  });
});
