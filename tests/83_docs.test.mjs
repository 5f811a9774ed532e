// The documents are run as they stand: configurations are checked, programs are run against a real
// Weir and have to print what they say, and the tables of docs/providers.md are tried cell by cell.

import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { TEXT } from './harness/material.mjs';
import { ROOT, WEIR, bare_environment, make_folder, run } from './harness/program.mjs';
import { start_scripted_provider } from './harness/scripted_provider.mjs';
import { sim_text, start_sim } from './harness/sim.mjs';
import { start_weir } from './harness/weir.mjs';

const scope = { after };
const read = (name) => readFileSync(join(ROOT, 'docs', name), 'utf8');

// The fenced blocks of a document: { language, no_run, text, name }.
function snippets(document) {
  const lines = read(document).split('\n');
  const out = [];
  let heading = '';
  for (let at = 0; at < lines.length; ++at) {
    heading = lines[at].match(/^#+ (.+)/)?.[1] ?? heading;
    const [, language, word] = lines[at].match(/^```(\S+) ?(.*)$/) ?? [];
    if (!language) continue;
    assert.ok(['', 'no-run'].includes(word), `${document}:${at + 1}: '${word}' means nothing`);
    const end = lines.indexOf('```', at);
    assert.ok(end > at, `${document}:${at + 1} is not closed`);
    const text = lines.slice(at + 1, end).join('\n') + '\n';
    const name = `${document}:${at + 1} ${language}, ${heading}`;
    out.push({ language, no_run: word === 'no-run', text, name });
    at = end;
  }
  return out;
}

const all = ['providers.md', 'clients.md'].flatMap(snippets);
const of = (...languages) =>
  all.filter(({ language, no_run }) => languages.includes(language) && !no_run);

// --- Who is asked by programs: `fast` answers at once, `smart` takes two seconds.

const SLOW = { chunks: 40, size: 8 };
const answers = [TEXT.join(''), sim_text(SLOW.chunks, SLOW.size)];
const model = (provider, name) => ({ targets: [{ provider, model: name }] });
const scripted = await start_scripted_provider(scope);
const sim = await start_sim(scope);
const weir = await start_weir(scope, {
  config: {
    providers: {
      openai: scripted.config('openai'),
      sim: { base_url: `${sim.url}/v1`, keys: ['dummy'] },
    },
    models: {
      fast: model('openai', 'say-text'),
      smart: model('sim', `sim:chunks=${SLOW.chunks},size=${SLOW.size},delay=50ms`),
    },
  },
});

// --- Who is asked by tables: a provider of every dialect that keeps what it was asked last.

const DIALECTS = {
  openai: '/v1', azure: '', anthropic: '/v1', gemini: '/v1beta', ollama: '', demo: null,
};

function least_answer(path, body) {
  const choices = (count, choice) => Array.from({ length: count ?? 1 }, (_, index) =>
    ({ index, ...choice }));
  if (path.includes('/chat/completions')) {
    const message = { role: 'assistant', content: 'yes' };
    return { id: 'a', choices: choices(body.n, { message, finish_reason: 'stop' }) };
  }
  if (path.endsWith('/messages')) {
    return { id: 'a', content: [{ type: 'text', text: 'yes' }], stop_reason: 'end_turn' };
  }
  if (path.endsWith('/api/chat')) return { message: { content: 'yes' }, done: true };
  const { candidateCount } = body.generationConfig;
  const said = { content: { parts: [{ text: 'yes' }] }, finishReason: 'STOP' };
  return { candidates: choices(candidateCount, said) };
}

async function start_keeper() {
  const keeper = { asked: null };
  const server = http.createServer(async (request, response) => {
    const pieces = await request.toArray();
    const body = JSON.parse(Buffer.concat(pieces).toString());
    keeper.asked = { path: request.url, headers: request.headers, body };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(least_answer(request.url, body)));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  scope.after(() => (server.closeAllConnections(), server.close()));
  return Object.assign(keeper, { url: `http://127.0.0.1:${server.address().port}` });
}

const keeper = await start_keeper();
const asks = { providers: {}, models: {}, limits: { per_key: 'off' } };
for (const [dialect, base] of Object.entries(DIALECTS)) {
  const place = base === null ? {} : { base_url: keeper.url + base, keys: ['the-key'] };
  asks.providers[dialect] = { dialect, ...place };
  asks.models[dialect] = model(dialect, 'claude-haiku-4-5');
  asks.models[`strict-${dialect}`] = { ...asks.models[dialect], strict: true };
}
const tried = await start_weir(scope, { config: asks });

// --- The documents.

describe('configurations', { concurrency: 4 }, () => {
  for (const { name, text } of of('yaml')) {
    test(name, async () => {
      const folder = make_folder();
      writeFileSync(join(folder, 'weir.yaml'), text);
      const variables = [...text.replace(/#.*/g, '').matchAll(/\$\{(\w+)\}/g)]
        .map(([, variable]) => variable);
      const check = (env) => run(WEIR, ['config', 'check', '--config', 'weir.yaml'],
        { cwd: folder, env: bare_environment(env) });
      const dummies = Object.fromEntries(variables.map((variable) => [variable, 'dummy']));
      const end = await check(dummies);
      assert.equal(end.code, 0, end.stdout + end.stderr);
      assert.match(text, /^ {2}"?[^ "]*\*"?:/m, 'it shows a pattern');
      if (variables.length === 0) return;
      const bare = await check({});
      assert.equal(bare.code, 1, 'keys come from the environment');
      assert.match(bare.stderr, new RegExp(variables[0]));
    });
  }

  test('there is one for every dialect and every provider by name', () => {
    const shown = of('yaml').map(({ text }) => text).join('\n');
    for (const name of ['openai', 'anthropic', 'gemini', 'ollama', 'azure', 'demo', 'groq',
      'openrouter', 'mistral', 'together', 'deepseek', 'vllm', 'llamacpp', 'huggingface', 'xai']) {
      assert.match(shown, new RegExp(`^ {2}${name}:`, 'm'));
    }
  });
});

describe('programs', { concurrency: 4 }, () => {
  const programs = { js: [process.execPath, 'snippet.mjs'], sh: ['bash', '-eu', 'snippet.sh'] };
  for (const { name, language, text } of of('js', 'sh')) {
    test(name, async () => {
      const folder = make_folder();
      symlinkSync(join(ROOT, 'tests/node_modules'), join(folder, 'node_modules'));
      const [program, ...args] = programs[language];
      const here = weir.url.replace(/\/$/, '');
      writeFileSync(join(folder, args.at(-1)), text.replaceAll('http://127.0.0.1:8000', here));
      const end = await run(program, args,
        { cwd: folder, env: bare_environment({ KEY: weir.key }) });
      const said = `${end.stdout}\n${end.stderr}`;
      assert.equal(end.code, 0, said);
      const expected = [...text.matchAll(/(?:\/\/|#) prints (.+)$/gm)].map(([, words]) => words);
      assert.ok(expected.length > 0, 'it says what it prints');
      for (const words of expected) {
        const found = words === 'the answer' ? answers.some((answer) => said.includes(answer))
          : end.stdout.includes(words);
        assert.ok(found, `it does not print ${words}:\n${said}`);
      }
    });
  }
});

test('what the examples ask is what a provider takes', () => {
  assert.ok(scripted.records.length > 10);
  assert.deepEqual(scripted.records.flatMap(({ faults }) => faults), []);
});

test('what is not run is what cannot be: software that is not here', () => {
  const unrun = all.filter(({ no_run }) => no_run).map(({ language }) => language).sort();
  assert.deepEqual([...new Set(unrun)], ['json', 'python', 'sh', 'toml']);
  for (const { language, no_run, text: shown, name } of all) {
    if (language === 'json') assert.doesNotThrow(() => JSON.parse(shown), name);
    if (language === 'python') assert.ok(no_run, name);
  }
});

// --- The tables.

const say = (...content) => ({ messages: [{ role: 'user', content }] });
const q = { type: 'text', text: 'q' };
const picture = (url, more = {}) => ({ type: 'image_url', image_url: { url, ...more } });
const png = 'data:image/png;base64,iVBORw0KGgo=';
const pdf = { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' };
const tool = (more = {}) =>
  ({ type: 'function', function: { name: 'f', parameters: { type: 'object' }, ...more } });
const custom = { type: 'custom', custom: { name: 'c' } };
const chosen = (tool_choice) => [{ tools: [tool()], tool_choice }, { tools: [tool()] }];

// Each field as a request, and, where that is not a bare question, the request without it.
const FIELDS = {
  'system and developer messages': [{
    messages: ['system', 'developer', 'user'].map((role) => ({ role, content: 'q' })),
  }],
  'image as a `data:` URL': [say(q, picture(png)), say(q)],
  'image as an `https:` URL': [say(q, picture('https://example.org/a.png')), say(q)],
  '`detail` of an image': [say(q, picture(png, { detail: 'low' })), say(q, picture(png))],
  '`input_audio`':
    [say(q, { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }), say(q)],
  '`file` with a PDF in it': [say(q, { type: 'file', file: pdf }), say(q)],
  '`file` by `file_id`': [say(q, { type: 'file', file: { file_id: 'file-1' } }), say(q)],
  '`tools`: functions': [{ tools: [tool()] }],
  '`strict` of a function': [{ tools: [tool({ strict: true })] }, { tools: [tool()] }],
  '`tools`: of another type': [{ tools: [custom, tool()] }, { tools: [tool()] }],
  '`tool_choice`: `none`': chosen('none'),
  '`tool_choice`: `required`': chosen('required'),
  '`tool_choice`: a function': chosen({ type: 'function', function: { name: 'f' } }),
  '`parallel_tool_calls: false`':
    [{ tools: [tool()], parallel_tool_calls: false }, { tools: [tool()] }],
  '`response_format`: `json_schema`':
    [{ response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {} } } }],
  '`response_format`: `json_object`': [{ response_format: { type: 'json_object' } }],
  '`reasoning_effort`': [{ reasoning_effort: 'low' }],
  '`temperature`': [{ temperature: 0.5 }],
  '`top_p`': [{ top_p: 0.5 }],
  '`max_tokens`': [{ max_tokens: 5 }],
  '`max_completion_tokens`': [{ max_completion_tokens: 5 }],
  '`stop`': [{ stop: ['§'] }],
  '`seed`': [{ seed: 7 }],
  '`presence_penalty`': [{ presence_penalty: 0.5 }],
  '`frequency_penalty`': [{ frequency_penalty: 0.5 }],
  '`n` above 1': [{ n: 2 }],
  '`logprobs`': [{ logprobs: true }],
  '`logit_bias`': [{ logit_bias: { 5: 1 } }],
  '`user`': [{ user: 'ada' }],
  '`service_tier`': [{ service_tier: 'flex' }],
  '`metadata`': [{ metadata: { a: 'b' } }],
  '`functions`': [{ functions: [{ name: 'f' }] }],
  'any field Weir does not know': [{ whatever: { a: 1 } }],
};

// The rows of the table under a heading, by their first cell: { column: cell }.
function table_under(heading) {
  const [, section] = read('providers.md').split(`\n## ${heading}\n`);
  const [head, , ...rows] = section.match(/(?:^\|.*\n)+/m)[0].trim().split('\n')
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  return Object.fromEntries(rows.map((cells) =>
    [cells[0], Object.fromEntries(head.map((name, at) => [name, cells[at]]))]));
}

describe('tables', () => {
  async function ask(name, request) {
    keeper.asked = null;
    const body = { model: name, messages: [{ role: 'user', content: 'q' }], ...request };
    const answer = await tried.request('/v1/chat/completions', { body });
    const warned = answer.headers['x-weir-warnings'];
    const told = keeper.asked?.body ?? answer.json.choices?.map(({ message }) => message.content);
    return { status: answer.status, code: answer.json.error?.code, warned, told };
  }

  // What became of a field, in the words of the table.
  async function end_of(dialect, request, bare) {
    const { status, warned, told } = await ask(dialect, request);
    if (status === 400) return 'refused';
    assert.equal(status, 200);
    if (warned) return 'dropped';
    if (isDeepStrictEqual(told, (await ask(dialect, bare)).told)) return 'silent';
    const fields = Object.keys(request).filter((key) =>
      !isDeepStrictEqual(request[key], bare[key]));
    const same = fields.every((key) => isDeepStrictEqual(told[key], request[key]));
    return same ? 'same' : 'translated';
  }

  const rows = table_under('What is said, and what is not');
  test('every field is tried', () =>
    assert.deepEqual(Object.keys(rows), Object.keys(FIELDS)));
  for (const [field, { field: _, ...cells }] of Object.entries(rows)) {
    test(field, async () => {
      const [request, bare = {}] = FIELDS[field];
      const found = {};
      for (const dialect of Object.keys(cells)) {
        found[dialect] = await end_of(dialect, request, bare);
        const strict = await ask(`strict-${dialect}`, request);
        const refused = ['refused', 'dropped'].includes(found[dialect]);
        assert.equal(strict.status, refused ? 400 : 200, `strict-${dialect}`);
        if (found[dialect] === 'dropped') assert.equal(strict.code, 'unknown_parameter');
      }
      assert.deepEqual(found, cells);
    });
  }

  for (const [cell, row] of Object.entries(
    table_under('Where a request goes, and with which credential'))) {
    const dialect = cell.replaceAll('`', '');
    if (DIALECTS[dialect] === null) continue;
    test(`where ${dialect} is asked`, async () => {
      await ask(dialect, {});
      const { path, headers } = keeper.asked;
      const wanted = row['below it, chat goes to'].match(/`([^`]+)`/)[1]
        .replace('MODEL', 'claude-haiku-4-5').split('…')[0];
      assert.ok(path.startsWith(DIALECTS[dialect] + wanted), path);
      const [, header, value] =
        row['the credential is shown as'].match(/`([a-z-]+): ([^`]+)`/);
      assert.equal(headers[header], value.replace('KEY', 'the-key'));
    });
  }
});
