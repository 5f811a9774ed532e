// Plays one cell of the stream contract against a running Weir and questions five witnesses: the
// bytes the client saw, the ledger, the provider's own bill, the log line, and the counters.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Caller } from './caller.mjs';
import { sim_text } from './sim.mjs';
import { parse_events, read_chat } from './sse.mjs';

export const PRICE = { input: 1, output: 2 }; // dollars a million tokens: 1,000 nanodollars each
const QUESTION = 'hello';
const TOKENS_IN = 2; // four bytes a token, rounded up; the simulator counts the same

function read_plain(text) {
  const out = { text: '', finish: null, usage: null, error: null, done: false };
  for (const { data } of parse_events(text)) {
    if (data === '[DONE]') {
      out.done = true;
      continue;
    }
    const said = JSON.parse(data);
    out.text += said.content ?? '';
    out.finish = said.finish_reason ?? out.finish;
    out.usage = said.usage ?? out.usage;
    out.error = said.error ?? out.error;
  }
  return out;
}

const chat = (model, stream) => ({
  model, stream, messages: [{ role: 'user', content: QUESTION }],
  ...(stream && { stream_options: { include_usage: true } }),
});
const plain = (model, stream) => ({ model, stream, prompt: QUESTION });
const whole_chat = ({ choices: [{ message, finish_reason }], usage }) =>
  ({ text: message.content, finish: finish_reason, usage });
const whole_plain = ({ content, finish_reason, usage }) =>
  ({ text: content, finish: finish_reason, usage });

const DOORS = [
  { name: 'chat, streamed', path: '/v1/chat/completions', streamed: true, ask: chat,
    read: read_chat },
  { name: 'plain, streamed', path: '/api/v1/chat', streamed: true, ask: plain, read: read_plain },
  { name: 'chat, whole', path: '/v1/chat/completions', streamed: false, ask: chat,
    read: whole_chat },
  { name: 'plain, whole', path: '/api/v1/chat', streamed: false, ask: plain, read: whole_plain },
];
export const ALL = DOORS;
export const STREAMED = DOORS.filter(({ streamed }) => streamed);
export const WHOLE = DOORS.filter(({ streamed }) => !streamed);

// --- How a generation may end, and with it what every witness has to say. `text` is what the
// client got: all of it, or a function that judges it. `out` is the output that is charged: nothing
// at all (null), four bytes a token of what was said (undefined), a number, or [least, most].

const STATUS = {
  quota_exceeded: 429, upstream_credentials_exhausted: 502, upstream_error: 502,
  upstream_malformed: 502, stream_truncated: 502, upstream_unavailable: 503, shutting_down: 503,
  upstream_timeout: 504,
};
const chunks_text = (chunks) => (typeof chunks === 'number' ? sim_text(chunks, 16) : chunks);

export const complete = (chunks, more = {}) =>
  ({ status: 200, outcome: 'complete', finish: 'stop', text: chunks_text(chunks), ...more });
// An error frame after `chunks`; where that is none, every attempt failed and nothing is charged.
export const interrupted = (code, chunks, more = {}) => ({
  status: 200, outcome: 'interrupted', code, text: chunks_text(chunks),
  ...(chunks === 0 && { out: null }), ...more,
});
export const failed = (code, more = {}) =>
  ({ status: STATUS[code], outcome: 'interrupted', code, out: null, ...more });
export const refused = (code, more = {}) => failed(code, { outcome: 'refused', ...more });
// A budget ended it: as if the limit of the answer were reached.
export const ended_by_budget = (text, more = {}) => ({
  status: 200, outcome: 'complete', code: 'quota_exceeded', finish: 'length', text, ...more,
});
export const cancelled = (text, more = {}) =>
  ({ status: 200, outcome: 'cancelled', code: 'stream_cancelled', text, ...more });
// The client is gone: it pays for what was produced, between what it saw and what was billed.
export const left = (status, more = {}) =>
  ({ status, outcome: 'cancelled', code: 'client_left', gone: true, out: 'seen..billed', ...more });

// --- The first witness: the bytes.

function check_head(cell, { headers }) {
  assert.equal(headers['content-type'], 'text/event-stream; charset=utf-8');
  assert.equal(headers['cache-control'], 'no-cache, no-transform');
  assert.equal(headers['x-accel-buffering'], 'no');
  assert.match(headers['x-weir-stream-id'], /^strm_[0-9A-Za-z]{22}$/);
  // An `id:` beside a comment makes a client in wide use fail; they belong to /v1/streams alone.
  assert.doesNotMatch(cell.caller.text, /^id:/m);
  const opened = cell.caller.text.startsWith(': hb\n');
  assert.equal(opened, cell.row.phase === 'Opened', 'a heartbeat first, if nothing came in time');
  assert.doesNotMatch(cell.caller.text, /: hb\r?\n\r?\n/, 'a heartbeat is a single line');
}

function check_error(error, code) {
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
  assert.equal(error.code, code, JSON.stringify(error));
  assert.equal(error.param, null);
  assert.ok(error.message.length > 0);
  assert.doesNotMatch(JSON.stringify(error), /127\.0\.0\.1|provider-key/);
}

function check_text(text, wanted) {
  if (typeof wanted === 'function') assert.ok(wanted(text), `not this text: ${text.slice(0, 200)}`);
  else assert.equal(text, wanted);
}

// What the client read: { text, usage }.
async function check_bytes({ caller, door, row }, ends) {
  assert.ok(caller.whole, `the HTTP message is not ended (${caller.end}): ${caller.text}`);
  assert.equal(caller.head.status, ends.status, caller.text);
  if (ends.status !== 200) {
    check_error(caller.json.error, ends.code);
    const again = ['retry-after', 'retry-after-ms'].every((name) => name in caller.head.headers);
    if (ends.status === 503) assert.ok(again, 'a 503 says when to try again');
    if (ends.code === 'quota_exceeded')
      assert.equal(caller.head.headers['x-should-retry'], 'false');
    return { text: '' };
  }
  if (!door.streamed) {
    const said = door.read(caller.json);
    check_text(said.text, ends.text);
    assert.equal(said.finish, ends.finish);
    return said;
  }
  check_head({ caller, row }, caller.head);
  const said = door.read(caller.text);
  check_text(said.text, ends.text);
  assert.equal(said.finish, ends.finish ?? null);
  assert.equal(said.done, Boolean(ends.finish), '[DONE] is the mark of a complete answer');
  if (ends.finish) {
    assert.equal(said.error, null);
    assert.ok(caller.text.endsWith('data: [DONE]\n\n'), 'and its last event');
  } else {
    assert.ok(said.error, `no error frame: ${caller.text.slice(-300)}`);
    check_error(said.error, ends.code);
    assert.ok('error' in JSON.parse(parse_events(caller.text).at(-1).data), 'it is the last event');
    await caller.until(() => caller.end !== 'open', 3000);
    assert.equal(caller.end, 'fin', 'the connection closes in order after it');
  }
  return said;
}

// --- The second: the ledger. What was charged: { requests, tokens_in, tokens_out, nanousd }.

function output_range(ends, said, bill) {
  const counted = Math.ceil(Buffer.byteLength(said.text) / 4);
  if (ends.out === undefined) return [counted, counted];
  if (ends.out === 'seen..billed') return [ends.least ?? counted, bill.tokens_out];
  return [ends.out].flat().length === 2 ? ends.out : [ends.out, ends.out];
}

async function check_ledger({ weir, key, row }, ends, said, bill) {
  const wanted = ends.out === null ? 0 : 1;
  const shown = await weir.json('ledger', 'show', '--key', key);
  assert.equal(shown.holds_open, 0);
  assert.equal(shown.requests, wanted, 'requests charged');
  assert.equal(shown.overages, 0);
  assert.equal(shown.tokens_in, wanted * (ends.in ?? TOKENS_IN), 'the input');
  const [least, most] = wanted ? output_range(ends, said, bill) : [0, 0];
  const tokens = shown.tokens_out;
  assert.ok(tokens >= least && tokens <= most, `${tokens} of output: not ${least} to ${most}`);
  assert.equal(shown.nanousd, 1000 * (shown.tokens_in * PRICE.input + tokens * PRICE.output));
  if (row.budget) assert.ok(shown.tokens_in + tokens <= row.budget, 'within the budget');
  if (said.usage) {
    assert.equal(said.usage.prompt_tokens, shown.tokens_in, 'the client was told the same');
    assert.equal(said.usage.completion_tokens, tokens);
  }
  return shown;
}

// --- The third: the provider's bill.

async function provider_bill({ provider, upstream, row }) {
  let bill = await provider.bill(upstream);
  for (let tries = 0; tries < 100 && bill.open > 0; ++tries) {
    await sleep(10);
    bill = await provider.bill(upstream);
  }
  const { requests, completed, aborted, failed: broken, open } = bill;
  const wanted = { completed: 0, aborted: 0, failed: 0, ...row.bill };
  const asked = wanted.completed + wanted.aborted + wanted.failed;
  assert.deepEqual({ requests, completed, aborted, failed: broken, open },
    { requests: asked, ...wanted, open: 0 }, 'how the provider saw its answers end');
  return bill;
}

// Where the answer is cut from this side, the provider may have written more than was said.
function check_bill(bill, { row }, ends, said) {
  const counted = Math.ceil(Buffer.byteLength(said.text) / 4);
  const open = ends.gone || row.billed === 'more';
  const usual = [counted, open ? Infinity : counted];
  const [least, most] = Array.isArray(row.billed) ? row.billed : usual;
  assert.ok(bill.tokens_out >= least && bill.tokens_out <= most,
    `the provider bills ${bill.tokens_out} tokens: not ${least} to ${most}`);
}

// --- The fourth: the log line.

// By the id that the client was told, else by the model: each cell has its own.
async function log_line({ weir, model, row, caller }) {
  const id = caller.head?.headers['x-request-id'];
  const mark = id ? `"request_id":"${id}"` : `"model":"${model}"`;
  for (const end = Date.now() + 3000; Date.now() < end; await sleep(30)) {
    const at = weir.stderr.indexOf(mark);
    if (at < 0 || weir.stderr.indexOf('\n', at) < 0) continue;
    const start = weir.stderr.lastIndexOf('\n', at) + 1;
    return JSON.parse(weir.stderr.slice(start, weir.stderr.indexOf('\n', at)));
  }
  throw new Error(`no line of the log tells of ${model} (${row.event})`);
}

async function check_log(cell, ends, shown) {
  const line = await log_line(cell);
  const { outcome, code, status, path, streamed, tokens_in, tokens_out, nanousd } = line;
  const { outcome: ending, code: why, status: told } = ends;
  assert.deepEqual({ outcome, code, status, path },
    { outcome: ending, code: why, status: told, path: cell.door.path }, JSON.stringify(line));
  if (ends.unread) return; // refused before the question was read
  assert.equal(streamed, cell.door.streamed);
  const charged = shown.requests === 0
    ? { tokens_in: 0, tokens_out: 0, nanousd: 0 }
    : { tokens_in: shown.tokens_in, tokens_out: shown.tokens_out, nanousd: shown.nanousd };
  assert.deepEqual({ tokens_in, tokens_out, nanousd }, charged, 'the log and the ledger agree');
  if (ends.estimated !== undefined) assert.equal(line.estimated, ends.estimated, 'estimated');
  if (ends.logged) assert.match(JSON.stringify(line), ends.logged);
}

// --- A cell from its request to its witnesses.

async function settled_soon({ weir, key }) {
  for (const end = Date.now() + 3000; Date.now() < end; await sleep(20)) {
    const { used, held } = await weir.quota(key);
    if (held === 0 && used > 0) return;
  }
  assert.fail('the answer of a client that left is settled');
}

export async function play(cell) {
  const { weir, row, door } = cell;
  cell.key = await weir.create_key();
  if (row.budget) await weir.say('quota', 'set', '--key', cell.key, '--tokens', `${row.budget}`);
  await cell.starts;
  const asked_at = Date.now();
  cell.caller = new Caller(weir.port, {
    path: door.path, key: cell.key, body: door.ask(cell.model, door.streamed),
    headers: row.kept ? { 'idempotency-key': cell.model } : {},
  });
  try {
    await row.act?.(cell);
    const ends = typeof row.ends === 'function' ? row.ends(cell) : row.ends;
    if (!ends.gone) await cell.caller.finished(50_000);
    const took = Date.now() - asked_at;
    if (row.soon) assert.ok(took < row.soon, `${took} ms: it ended far too late`);
    const { drained } = cell;
    if (ends.gone) await settled_soon(cell);
    const quota = drained ? null : await weir.quota(cell.key); // the very next thing
    const seen = () => ({ text: door.streamed ? door.read(whole_events(cell.caller)).text : '' });
    const said = ends.gone ? seen() : await check_bytes(cell, ends);
    if (quota) assert.deepEqual([quota.used, quota.held], [ends.out === null ? 0 : 1, 0],
      'a settlement shows before the last byte is written');
    await drained;
    const bill = cell.provider ? await provider_bill(cell) : { tokens_out: 0 };
    if (cell.provider) check_bill(bill, cell, ends, said);
    const shown = await check_ledger(cell, ends, said, bill);
    await check_log(cell, ends, shown);
    await row.also?.(cell);
    return ends.out === null ? 0 : 1;
  } finally {
    cell.caller.hang_up();
  }
}

// A client that left has perhaps half an event.
const whole_events = ({ text }) => text.slice(0, text.lastIndexOf('\n\n') + 2);

// The fifth witness: what a page of state shows once `cells` are over.
export async function check_counters(weir, before, charged, cells) {
  const status = await weir.json('status');
  assert.equal(status.streams, 0, 'no stream is left running');
  assert.equal(status.requests - before.requests, charged, 'requests counted');
  const names = new Set(cells.flatMap(({ providers }) => Object.keys(providers)));
  for (const { name, keys } of status.providers) {
    if (!names.has(name)) continue;
    for (const key of keys) assert.equal(key.in_flight, 0, `${name}: in flight`);
  }
}
