// The stream contract, cell by cell: in which phase of an answer what happens, how the answer ends
// then, and what five witnesses say about it (see harness/cells.mjs). To be read beside
// docs/stream-contract.md. There are no cells for a filter that blocks output, nor for an answer
// that goes on elsewhere after a part of it was said: Weir has neither output rules nor that yet.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  ALL, PRICE, STREAMED, WHOLE, cancelled, check_counters, complete, ended_by_budget, failed,
  interrupted, left, play, refused,
} from './harness/cells.mjs';
import {
  DONE, END, FIN, FINISH, RESET, STALL, event, said, start_raw_provider, usage,
} from './harness/raw_provider.mjs';
import { sim_text, start_sim } from './harness/sim.mjs';
import { comments, parse_events } from './harness/sse.mjs';
import { start_weir } from './harness/weir.mjs';

// --- What a client does in the middle. Each waits for its moment first.

const asked = ({ provider, upstream, caller }) =>
  caller.until(async () => (await provider.bill(upstream)).open > 0);
const half_made = ({ provider, upstream, caller }) =>
  caller.until(async () => (await provider.bill(upstream)).tokens_out >= 8);
const opened = ({ caller }) => caller.until(() => caller.text.includes(': hb'));
const begun = ({ caller }) => caller.until(() => caller.text.includes('2:'));
const head_there = ({ caller }) => caller.until(() => caller.head !== null);
const much_was_said = ({ caller }) => caller.until(() => caller.size > 6_000_000);
const finished = async (cell) => {
  const { provider, upstream, caller } = cell;
  await caller.until(async () => (await provider.bill(upstream)).tokens_out === 12);
  await sleep(150); // the plain door says its finish with the usage, so there is nothing to see
};

const hang_up_times = [];
const leaves = (how, moment) => async (cell) => {
  await moment(cell);
  cell.caller.leave(how);
  if (cell.row.kept) return;
  const { closed_at_monotonic_ns } = await cell.provider.departure(cell.upstream);
  hang_up_times.push((closed_at_monotonic_ns - cell.caller.left_at) / 1e6);
};

const stream_of = ({ caller }) => `/v1/streams/${caller.head.headers['x-weir-stream-id']}`;
const stops = (moment) => async (cell) => {
  await moment(cell);
  const answer = await cell.weir.request(stream_of(cell), { method: 'DELETE', key: cell.key });
  assert.equal(answer.status, 200, answer.text);
};

// Someone who joins and has not been sent anything yet is told with a status.
const stops_beside_a_reader = async (cell) => {
  await opened(cell);
  const joined = cell.weir.request(stream_of(cell), { key: cell.key });
  await sleep(100);
  await stops(opened)(cell);
  const answer = await joined;
  assert.deepEqual([answer.status, answer.error.code], [499, 'stream_cancelled']);
};

// A kept answer is there for whoever asks again.
const is_kept = async ({ weir, door, model, key }) => {
  const answer = await weir.request(door.path, {
    key, body: door.ask(model, door.streamed), headers: { 'idempotency-key': model },
  });
  assert.equal(answer.headers['x-weir-idempotent'], 'replayed');
  assert.equal(door.read(door.streamed ? answer.text : answer.json).text, sim_text(8, 16));
};

const LARGE = 'chunks=200,size=60000,delay=5ms'; // three logs full
const large_text = sim_text(200, 60_000);

// Reads nothing while another reader takes everything.
const reads_too_slowly = async (cell) => {
  await head_there(cell);
  cell.caller.pause();
  cell.other = await cell.weir.open(stream_of(cell), { key: cell.key });
  await cell.other.whole();
  assert.equal(cell.door.read(cell.other.text).text, large_text, 'the other is not disturbed');
  cell.caller.resume();
};
const may_join_again = async ({ weir, key, caller, door, other }) => {
  const all = parse_events(other.text);
  const rejoin = (n) =>
    weir.request(`/v1/streams/${caller.head.headers['x-weir-stream-id']}?after=${n}`, { key });
  const newest = Number(all.at(-1).id);
  const rest = await rejoin(newest - 3);
  assert.equal(rest.status, 200, rest.text);
  assert.deepEqual(rest.events, all.filter(({ id }) => Number(id) > newest - 3));
  assert.ok(door.read(rest.text).done);
  const seen = parse_events(caller.text).length - 1;
  const late = await rejoin(seen);
  if (late.status === 200) assert.deepEqual(late.events, all.filter(({ id }) => Number(id) > seen));
  else assert.deepEqual([late.status, late.error.code], [410, 'stream_gone']);
};

// A reset throws away what was on its way: the megabytes in the server's buffer do not come.
const takes_nothing = async (cell) => {
  await head_there(cell);
  cell.caller.pause();
  await sleep(32_000);
  cell.caller.resume();
  await cell.caller.until(() => cell.caller.end !== 'open', 3000);
  assert.ok(!cell.caller.whole && cell.caller.size < 2_000_000, `${cell.caller.size} bytes came`);
};
// Takes everything, but only once the provider is done.
const reads_late = async (cell) => {
  const { caller, provider, upstream } = cell;
  await head_there(cell);
  caller.pause();
  while ((await provider.bill(upstream)).completed === 0) await sleep(20);
  await sleep(100);
  caller.resume();
};

// One opens a stream that was silent for 10 s, and one comes after each 15 s of silence.
const has_heartbeats = (count) => ({ caller }) =>
  assert.deepEqual(comments(caller.text), Array(count).fill(': hb'));

// --- The table: phase, event, doors, what the provider does (a script of the simulator, or steps
// of a raw provider), how the answer ends, how the provider sees its answers end, and more:
// `second` (a target or a key to fall back on), `timeouts` of the provider, `budget` in tokens,
// `billed` (output tokens on the provider's bill: [least, most], or 'more' than was said), `act`
// (what the client does), `also` (what else is asked once it is over), `soon` (ms it may take).

const row = (phase, what, where, script, ends, bill, more = {}) => ({
  phase, event: what, where, script, ends, ...more,
  bill: [bill].flat().reduce((sums, how) => ({ ...sums, [how]: (sums[how] ?? 0) + 1 }), {}),
});
const NONE = [];

// A failure that nothing was said of yet: it is told if there is nobody else to ask, and the answer
// of another target or key is all that the client sees where there is one.
const fails = (phase, what, where, script, code, bill, more = {}) => {
  const { elsewhere, ...rest } = more;
  const told = phase === 'Pending' ? failed(code) : interrupted(code, 0);
  const dead = rest.billed?.[0] ?? 0;
  return [
    row(phase, what, where, script, told, bill, rest),
    row(phase, `${what}; asked elsewhere`, where, script, complete(8), [bill, 'completed'].flat(),
      { ...rest, second: 'target', ...elsewhere, billed: [dead + 32, dead + 32] }),
  ];
};

const HASTY = { timeouts: { first_event: '400ms', idle: '400ms' } };
const QUIET = { timeouts: { first_event: '5s', idle: '400ms' } };
const SHORT = { timeouts: { total: '600ms' } };
const SLOW = 'chunks=200,delay=10ms';
const part_of = (text, least = 1) => (got) => got.length >= least && text.startsWith(got);
const part = part_of(sim_text(200, 16));
const dollars = sim_text(2000, 100);
const huge = sim_text(1, 16_000) + sim_text(8, 16).slice(16);
const MORE = { billed: 'more' };
const KEPT = { outcome: 'complete', code: undefined, out: 32 };
const nobody = null;
const ODD = ['data:\n\n', 'data: hello\n\n', ': comment\n\n', 'event: vendor\ndata: {"n":1}\n\n'];
const UNKNOWN = ['event: vendor\ndata: {"half":\n\n'];
const SAID = [said(0), said(1), said(2)];
const LAST = [FINISH, usage(2, 12), DONE, END];

const TABLE = [
  // Refuses, resets, times out.
  ...fails('Pending', 'nobody listens', ALL, nobody, 'upstream_error', NONE),
  ...fails('Pending', 'refuses with 500', ALL, 'status=500', 'upstream_error', 'failed'),
  ...fails('Pending', 'refuses with 503', ALL, 'status=503', 'upstream_error', 'failed'),
  ...fails('Pending', 'refuses with 429', ALL, 'status=429,retry_after=1', 'upstream_unavailable',
    'failed', { elsewhere: { second: 'key' } }),
  ...fails('Pending', 'refuses its key', ALL, 'status=401', 'upstream_credentials_exhausted',
    'failed', { elsewhere: { second: 'key' } }),
  ...fails('Pending', 'resets', ALL, 'cut=0', 'upstream_error', 'failed'),
  ...fails('Pending', 'resets in the middle', WHOLE, 'cut=5', 'upstream_error', 'failed',
    { billed: [20, 20] }),
  ...fails('Pending', 'times out before its head', ALL, 'header_delay=5s', 'upstream_timeout',
    'aborted', HASTY),
  ...fails('Pending', 'times out before its first event', ALL, 'first=5s', 'upstream_timeout',
    'aborted', HASTY),
  ...fails('Opened', 'refuses', STREAMED, 'header_delay=10500ms,status=500', 'upstream_error',
    'failed'),
  ...fails('Opened', 'resets', STREAMED, 'first=10500ms,cut=0', 'upstream_error', 'failed'),
  ...fails('Opened', 'times out', STREAMED, 'header_delay=60s', 'upstream_timeout', 'aborted',
    { timeouts: { first_event: '10500ms' } }),
  row('Visible', 'resets', STREAMED, 'cut=5', interrupted('upstream_error', 5), 'failed'),
  row('Visible', 'resets, with another target', STREAMED, 'cut=5',
    interrupted('upstream_error', 5), 'failed', { second: 'target' }),
  row('Pending', 'times out while single bytes come', ALL, 'chunks=1,split=1,gap=5ms',
    failed('upstream_timeout'), 'aborted', { ...HASTY, soon: 1200 }),
  row('Pending', 'refuses; asked elsewhere as often as is allowed', ALL, 'status=500',
    failed('upstream_error'), Array(3).fill('failed'), { targets: 8 }),
  row('Visible', 'times out', STREAMED, 'chunks=200,delay=100ms',
    interrupted('upstream_timeout', part), 'aborted', { ...SHORT, ...MORE }),
  row('Visible', 'times out in the middle of a flood', STREAMED, SLOW,
    interrupted('upstream_timeout', part), 'aborted', { ...SHORT, ...MORE, soon: 1500 }),
  row('Finished', 'resets', ALL, [...SAID, FINISH, 150, RESET], complete(3, { estimated: true }),
    'completed'),
  row('Finished', 'times out', ALL, [...SAID, FINISH, STALL], complete(3, { estimated: true }),
    'aborted', SHORT),

  // An error inside a 200.
  ...fails('Pending', 'error in a 200', ALL, 'error_in=0', 'upstream_error', 'failed'),
  ...fails('Pending', 'error in a 200, in the middle', WHOLE, 'error_in=5', 'upstream_error',
    'failed', { billed: [20, 20] }),
  ...fails('Opened', 'error in a 200', STREAMED, 'first=10500ms,error_in=0', 'upstream_error',
    'failed'),
  row('Visible', 'error in a 200', STREAMED, 'error_in=5', interrupted('upstream_error', 5),
    'failed'),
  row('Finished', 'error in a 200', ALL,
    [...SAID, FINISH, event({ error: { message: 'late trouble' } }), END],
    complete(3, { estimated: true, logged: /late trouble/ }), 'completed'),

  // An event that is harmless, and one that is damaged.
  row('Pending', 'harmless events', ALL, [...ODD, ...SAID, ...LAST], complete(3), 'completed'),
  row('Pending', 'an unknown event name', ALL, [...UNKNOWN, ...SAID, ...LAST], complete(3),
    'completed'),
  row('Opened', 'harmless events', STREAMED, 'first=10500ms,noise', complete(8), 'completed'),
  row('Visible', 'harmless events', ALL, 'noise', complete(8), 'completed'),
  row('Visible', 'an unknown event name', ALL,
    [said(0), ...UNKNOWN, said(1), ...ODD, said(2), ...LAST], complete(3), 'completed'),
  row('Finished', 'harmless events', ALL, [...SAID, FINISH, ...ODD, usage(2, 12), DONE, END],
    complete(3, { estimated: false }), 'completed'),
  row('Finished', 'an unknown event name', ALL,
    [...SAID, FINISH, ...UNKNOWN, usage(2, 12), DONE, END], complete(3, { estimated: false }),
    'completed'),
  ...fails('Pending', 'damaged event', ALL, 'malformed=0,delay=60ms', 'upstream_malformed',
    'aborted'),
  ...fails('Pending', 'damaged event in the middle', WHOLE, 'malformed=5,delay=60ms',
    'upstream_malformed', 'aborted', { billed: [20, 20] }),
  ...fails('Opened', 'damaged event', STREAMED, 'first=10500ms,malformed=0,delay=60ms',
    'upstream_malformed', 'aborted'),
  row('Visible', 'damaged event', STREAMED, 'malformed=5,delay=60ms',
    interrupted('upstream_malformed', 5), 'aborted'),
  row('Finished', 'damaged event', ALL, [...SAID, FINISH, 'data: {"half":\n\n', END],
    complete(3, { estimated: true, logged: /upstream_malformed|damaged/ }), 'completed'),

  // No byte for `idle`.
  ...fails('Pending', 'no byte for idle', ALL, 'stall=0', 'upstream_timeout', 'aborted', QUIET),
  ...fails('Pending', 'no byte for idle in the middle', WHOLE, 'stall=5', 'upstream_timeout',
    'aborted', { ...QUIET, billed: [20, 20] }),
  ...fails('Opened', 'no byte for idle', STREAMED, 'stall=0', 'upstream_timeout', 'aborted',
    { timeouts: { idle: '10500ms' } }),
  row('Visible', 'no byte for idle', STREAMED, 'stall=5', interrupted('upstream_timeout', 5),
    'aborted', QUIET),
  row('Finished', 'no byte for idle', ALL, [...SAID, FINISH, STALL],
    complete(3, { estimated: true }), 'aborted', QUIET),

  // The end of input without a finish.
  ...fails('Pending', 'end without a finish', ALL, 'eof=0', 'stream_truncated', 'failed'),
  ...fails('Pending', 'connection closed', ALL, 'fin=0', 'stream_truncated', 'failed'),
  ...fails('Pending', 'end without a finish in the middle', WHOLE, 'eof=5', 'stream_truncated',
    'failed', { billed: [20, 20] }),
  ...fails('Pending', 'connection closed in the middle', WHOLE, 'fin=5', 'stream_truncated',
    'failed', { billed: [20, 20] }),
  ...fails('Opened', 'end without a finish', STREAMED, 'first=10500ms,eof=0', 'stream_truncated',
    'failed'),
  ...fails('Opened', 'connection closed', STREAMED, 'first=10500ms,fin=0', 'stream_truncated',
    'failed'),
  row('Visible', 'end without a finish', STREAMED, 'eof=5', interrupted('stream_truncated', 5),
    'failed'),
  row('Visible', 'end without a finish, where the body has no length', STREAMED,
    'eof=5,untilclose', interrupted('stream_truncated', 5), 'failed'),
  row('Visible', '[DONE] without a finish', STREAMED, 'nofinish',
    interrupted('stream_truncated', 8), 'failed'),
  row('Visible', 'connection closed', STREAMED, 'fin=5', interrupted('stream_truncated', 5),
    'failed'),
  row('Finished', 'end without [DONE]', ALL, [...SAID, FINISH, END],
    complete(3, { estimated: true }), 'completed'),
  row('Finished', 'connection closed', ALL, [...SAID, FINISH, FIN],
    complete(3, { estimated: true }), 'completed'),

  // The last reader leaves.
  ...['fin', 'reset'].flatMap((how) => [
    row('Pending', `client leaves (${how})`, ALL, 'header_delay=20s', left(499), 'aborted',
      { act: leaves(how, asked) }),
    row('Pending', `client leaves in the middle (${how})`, WHOLE, SLOW, left(499, { least: 4 }),
      'aborted', { act: leaves(how, half_made) }),
    row('Opened', `client leaves (${how})`, STREAMED, 'first=60s', left(200), 'aborted',
      { act: leaves(how, opened) }),
    row('Visible', `client leaves (${how})`, STREAMED, SLOW, left(200), 'aborted',
      { act: leaves(how, begun) }),
    row('Finished', `client leaves (${how})`, STREAMED, [...SAID, FINISH, STALL],
      left(200, { outcome: 'complete', code: undefined }), 'aborted',
      { act: leaves(how, finished) }),
    row('Pending', `client leaves after the finish (${how})`, WHOLE, [...SAID, FINISH, STALL],
      left(499, { least: 12 }), 'aborted', { act: leaves(how, finished) }),
    row('Visible', `client leaves a long answer (${how})`, STREAMED, `${LARGE},delay=5ms`,
      left(200), 'aborted', { act: leaves(how, much_was_said) }),
    row('Pending', `client leaves a kept answer (${how})`, ALL, 'header_delay=1s',
      left(499, KEPT), 'completed', { kept: true, act: leaves(how, asked), also: is_kept }),
    row('Opened', `client leaves a kept answer (${how})`, STREAMED, 'first=11s',
      left(200, KEPT), 'completed', { kept: true, act: leaves(how, opened), also: is_kept }),
    row('Visible', `client leaves a kept answer (${how})`, STREAMED, 'delay=200ms',
      left(200, KEPT), 'completed', { kept: true, act: leaves(how, begun), also: is_kept }),
  ]),

  // DELETE /v1/streams/{id}. Its name is told with the head, so nobody can do it while Pending.
  row('Opened', 'DELETE', STREAMED, 'first=60s', cancelled(''), 'aborted', { act: stops(opened) }),
  row('Opened', 'DELETE beside a reader', STREAMED, 'first=60s', cancelled(''), 'aborted',
    { act: stops_beside_a_reader }),
  row('Visible', 'DELETE', STREAMED, SLOW, cancelled(part), 'aborted',
    { act: stops(begun), ...MORE }),
  row('Finished', 'DELETE', STREAMED, [...SAID, FINISH, 700, usage(2, 40), DONE, END],
    complete(3, { out: 40, estimated: false }), 'completed',
    { act: stops(finished), billed: [12, 12] }),

  // A reader that reads too slowly.
  row('Visible', 'too slow a reader', STREAMED, LARGE,
    interrupted('stream_gone', part_of(large_text), { out: 3_000_000 }), 'completed',
    { act: reads_too_slowly, also: may_join_again, billed: [3_000_000, 3_000_000] }),
  row('Visible', 'a reader that takes nothing for 30 s', STREAMED, LARGE,
    left(200, { outcome: 'interrupted', code: 'stream_gone', out: 3_000_000 }), 'completed',
    { act: takes_nothing, slow: true }),
  row('Finished', 'a reader that reads late', STREAMED, 'chunks=40,size=60000',
    complete(sim_text(40, 60_000)), 'completed', { act: reads_late }),

  // The reservation is used up.
  row('Pending', 'budget too small', ALL, '', refused('quota_exceeded'), NONE, { budget: 100 }),
  row('Pending', 'budget too small for a whole answer', ALL, '', failed('quota_exceeded'), NONE,
    { budget: 1000, target: { stream: false } }),
  row('Pending', 'budget too small for the first event', ALL, 'huge=16000,delay=60ms',
    failed('quota_exceeded', { out: 0 }), 'aborted', { budget: 1000, ...MORE }),
  row('Pending', 'more than a slab', ALL, 'huge=16000', complete(huge), 'completed',
    { budget: 20_000 }),
  row('Opened', 'budget used up', STREAMED, 'first=10500ms,huge=16000,delay=60ms',
    ended_by_budget(''), 'aborted', { budget: 1000, ...MORE }),
  row('Opened', 'more than a slab', STREAMED, 'first=10500ms,huge=16000', complete(huge),
    'completed', { budget: 20_000 }),
  row('Visible', 'budget used up', ALL, 'chunks=2000,size=100,delay=1ms',
    ended_by_budget(part_of(dollars, 2000)), 'aborted', { budget: 3000, ...MORE }),
  row('Visible', 'more than a slab', ALL, 'chunks=200,size=100', complete(sim_text(200, 100)),
    'completed', { budget: 20_000 }),

  // The server drains; the last column tells when it is asked: 12 s or 2 s before, or after.
  row('Pending', 'drain: new ones', ALL, '', refused('shutting_down', { unread: true }), NONE,
    { drain: 'after' }),
  row('Pending', 'drain: finishes', ALL, 'header_delay=3s', complete(8), 'completed',
    { drain: 'just before' }),
  row('Pending', 'drain: takes too long', WHOLE, 'header_delay=60s', failed('shutting_down'),
    'aborted', { drain: 'just before' }),
  row('Opened', 'drain: finishes', STREAMED, 'first=14s', complete(8), 'completed',
    { drain: 'before' }),
  row('Opened', 'drain: takes too long', STREAMED, 'first=60s', interrupted('shutting_down', 0),
    'aborted', { drain: 'before', also: has_heartbeats(3) }),
  row('Visible', 'drain: finishes', STREAMED, 'delay=400ms', complete(8), 'completed',
    { drain: 'just before' }),
  row('Visible', 'drain: takes too long', STREAMED, 'chunks=2000,delay=100ms',
    interrupted('shutting_down', part_of(sim_text(2000, 16))), 'aborted',
    { drain: 'just before', ...MORE }),
  row('Visible', 'drain: says nothing more', STREAMED, 'stall=5', interrupted('shutting_down', 5),
    'aborted', { drain: 'just before', also: has_heartbeats(2) }),
];

// --- The world: every cell has a model and a provider of its own, so that none makes another look
// bad, and a key, so that each one's money stands alone.

const scope = { after };
const sim = await start_sim(scope);
const raw = await start_raw_provider(scope);
let cells_made = 0;

function cells_of(one) {
  return one.where.map((door) => {
    const name = `c${++cells_made}`;
    const is_raw = Array.isArray(one.script);
    // The simulator is the other target too, where it meets the same name without its faults.
    const script = [one.script || [], one.second ? 'times=1' : [], `type=${name}`].flat();
    const upstream = is_raw ? `raw:${name}` : `sim:${script.join(',')}`;
    if (is_raw) raw.plan(upstream, one.script);
    const to = (url, keys) => ({
      dialect: 'openai', base_url: `${url}/v1`, allow_private: true, keys,
      ...(one.timeouts && { timeouts: one.timeouts }),
    });
    const url = is_raw ? raw.url : one.script === nobody ? 'http://127.0.0.1:1' : sim.url;
    const keys = ['provider-key-1', 'provider-key-2'].slice(0, one.second === 'key' ? 2 : 1);
    const providers = { [name]: to(url, keys) };
    const targets = [{ provider: name, model: upstream, price: PRICE, ...one.target }];
    const others = one.targets ?? (one.second === 'target' ? 2 : 1);
    for (let tier = 2; tier <= others; ++tier) {
      providers[`${name}-${tier}`] = to(sim.url, keys);
      targets.push({ provider: `${name}-${tier}`, model: upstream, price: PRICE, tier });
    }
    return {
      row: one, door, model: name, upstream, providers, targets, provider: is_raw ? raw : sim,
    };
  });
}

async function world_of(rows) {
  const table = rows.map((one) => ({ row: one, cells: cells_of(one) }));
  const cells = table.flatMap((entry) => entry.cells);
  const weir = await start_weir(scope, {
    config: {
      limits: { per_key: 'off' },
      providers: Object.assign({}, ...cells.map(({ providers }) => providers)),
      models: Object.fromEntries(cells.map(({ model, targets }) => [model, { targets }])),
    },
  });
  for (const cell of cells) cell.weir = weir;
  return { weir, table, cells };
}

const title = ({ phase, event: what }) => `${phase}: ${what}`;
const spoken = (results) => results.filter(({ status }) => status === 'fulfilled');
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
// What is thrown before anyone looks is kept until someone does.
const begin = (cell) => {
  const played = play(cell);
  played.catch(() => {});
  return played;
};

const draining = await world_of(TABLE.filter(({ drain }) => drain));
const is_slow = (one) => one.slow || one.phase === 'Opened';
const slow = await world_of(TABLE.filter((one) => !one.drain && is_slow(one)));
const worlds = { slow, draining };
for (const phase of ['Pending', 'Visible', 'Finished']) {
  const rows = TABLE.filter((one) => one.phase === phase && !one.drain && !is_slow(one));
  worlds[phase] = await world_of(rows);
}

// What takes its time begins first and is asked about last.
for (const cell of slow.cells) cell.played = begin(cell);

const drain = {};
{
  const late = sleep(10_000);
  const term = sleep(12_000).then(async () => {
    drain.before = await draining.weir.json('status');
    draining.weir.program.signal('SIGTERM');
    drain.began = Date.now();
    await sleep(200);
    drain.during = await draining.weir.json('status');
  });
  term.catch(() => {});
  drain.exited = draining.weir.program.exited.then((end) => {
    drain.took = Date.now() - drain.began;
    return end;
  });
  const starts = { 'before': undefined, 'just before': late, 'after': term };
  for (const cell of draining.cells) {
    Object.assign(cell, { starts: starts[cell.row.drain], drained: drain.exited });
    cell.played = begin(cell);
  }
}

function play_in_turn({ weir, table }) {
  for (const { row: one, cells } of table) {
    test(title(one), { concurrency: true }, async (t) => {
      const before = await weir.json('status');
      for (const cell of cells) cell.played = begin(cell);
      await Promise.all(cells.map((cell) => t.test(cell.door.name, () => cell.played)));
      const results = await Promise.allSettled(cells.map(({ played }) => played));
      if (spoken(results).length < cells.length) return; // told already
      await check_counters(weir, before, sum(results.map(({ value }) => value)), cells);
    });
  }
}

describe('every cell', { concurrency: 3 }, () => {
  for (const phase of ['Pending', 'Visible', 'Finished'])
    describe(phase, { concurrency: 1 }, () => play_in_turn(worlds[phase]));
});

describe('bytes of the provider split at every offset', () => {
  const TEXT = 'grün €5 😀';
  const choice = (content, finish_reason = null) =>
    ({ choices: [{ index: 0, delta: { content }, finish_reason }] });
  const lines = (value) => `data: ${JSON.stringify(value)}\n\n`;
  const plain = lines(choice('grün ')) + lines(choice('€5 😀')) + lines(choice('', 'stop')) + DONE;
  const rich = plain.replaceAll('data: {"', ': note\nid: 7\nevent: message\ndata:{\ndata: "');
  const STYLES = {
    'LF': plain,
    'CR LF': plain.replaceAll('\n', '\r\n'),
    'lone CR': plain.replaceAll('\n', '\r'),
    'BOM, comments, many data lines, CR LF': `\ufeff${rich.replaceAll('\n', '\r\n')}`,
  };
  const split = (style, offset) => {
    const bytes = Buffer.from(STYLES[style]);
    return [bytes.subarray(0, offset), 2, bytes.subarray(offset), END];
  };

  for (const style of Object.keys(STYLES)) {
    test(style, async (t) => {
      const offsets = Buffer.byteLength(STYLES[style]) + 1;
      const provider = {
        dialect: 'openai', base_url: `${raw.url}/v1`, allow_private: true, keys: ['k'],
      };
      const weir = await start_weir(t, {
        config: {
          limits: { per_key: 'off' }, providers: { raw: provider },
          models: { 'split:*': { targets: [{ provider: 'raw', model: `${style}:*` }] } },
        },
      });
      raw.plan('*', (model) => split(style, Number(model.slice(style.length + 1))));
      let next = 0;
      const ask_on = async () => {
        for (let offset = next++; offset < offsets; offset = next++) {
          const door = ALL[offset % ALL.length];
          const body = door.ask(`split:${offset}`, door.streamed);
          const answer = await weir.request(door.path, { body });
          assert.equal(answer.status, 200, `at ${offset}: ${answer.text}`);
          const got = door.read(door.streamed ? answer.text : answer.json);
          assert.deepEqual([got.text, got.finish], [TEXT, 'stop'], `at ${offset}`);
        }
      };
      await Promise.all(Array.from({ length: 16 }, ask_on));
      const shown = await weir.json('ledger', 'show');
      assert.deepEqual([shown.requests, shown.tokens_out, shown.holds_open],
        [offsets, offsets * Math.ceil(Buffer.byteLength(TEXT) / 4), 0]);
    });
  }
});

describe('every cell that begins with ten seconds of silence', () => {
  for (const { row: one, cells } of slow.table) {
    test(title(one), { concurrency: true }, (t) =>
      Promise.all(cells.map((cell) => t.test(cell.door.name, () => cell.played))));
  }
});

describe('every cell of a server that drains', () => {
  for (const { row: one, cells } of draining.table) {
    test(title(one), { concurrency: true }, (t) =>
      Promise.all(cells.map((cell) => t.test(cell.door.name, () => cell.played))));
  }
  test('it says so, gives thirty seconds, and ends well', async () => {
    const { code } = await drain.exited;
    assert.equal(code, 0);
    assert.ok(drain.took > 29_000 && drain.took < 34_000, `${drain.took} ms`);
    const running = draining.cells.filter(({ row: one }) => one.drain !== 'after').length;
    assert.deepEqual([drain.before.ready, drain.before.streams], [true, running]);
    assert.equal(drain.during.ready, false);
  });
});

describe('after all of that', () => {
  test('a provider is left within 50 ms of its client', () => {
    const times = hang_up_times.sort((a, b) => a - b);
    const shown = times.map((ms) => ms.toFixed(1)).join(' ');
    assert.ok(times[times.length >> 1] < 50, `median of ${shown} ms`);
    assert.ok(times.at(-1) < 500, `${shown} ms`);
  });

  for (const [name, { weir, cells }] of Object.entries(worlds)) {
    test(`${name}: the books are right, and nothing runs`, async () => {
      const results = await Promise.allSettled(cells.map(({ played }) => played));
      const report = await weir.json('ledger', 'verify');
      assert.deepEqual([report.ok, report.faults, report.holds_open], [true, [], 0]);
      const total = await weir.json('ledger', 'show');
      assert.equal(report.spent.requests, total.requests);
      assert.equal(report.spent.tokens, total.tokens_in + total.tokens_out);
      if (spoken(results).length === cells.length)
        assert.equal(total.requests, sum(results.map(({ value }) => value)));
      if (!weir.program.alive) return;
      assert.equal((await weir.json('status')).streams, 0);
      assert.equal((await sim.bill()).open, 0, 'no request is left open at the provider');
    });
  }
});
