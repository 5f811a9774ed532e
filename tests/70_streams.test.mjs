// A client is never left to guess: what a provider can do wrong, what the client is told about it,
// and what is charged.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sim_text, start_sim } from './harness/sim.mjs';
import { comments, read_chat } from './harness/sse.mjs';
import { sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope, {
  args: ['--revoked-key', 'revoked-key', '--limited-key', 'limited-key'],
});

const provider = (keys, timeouts) => ({
  dialect: 'openai', base_url: `${sim.url}/v1`, keys, allow_private: true,
  ...(timeouts && { timeouts }),
});

// A test that makes a provider look bad has one of its own: `fresh()` is the prefix of its models.
const own = Array.from({ length: 80 }, (_, n) => `own${n}`);
const fresh = () => own.pop();

const weir = await start_weir(scope, {
  config: sim_config(sim, {
    limits: { per_key: 'off' },
    providers: {
      ...Object.fromEntries([...own, 'sim'].map((name) => [name, provider(['good-key'])])),
      hasty: provider(['good-key'], { connect: '1s', first_event: '400ms', idle: '400ms' }),
      one_revoked: provider(['revoked-key', 'good-key']),
      one_limited: provider(['limited-key', 'good-key']),
      all_revoked: provider(['revoked-key']),
      nobody: { ...provider(['good-key']), base_url: 'http://127.0.0.1:1/v1' },
    },
    models: {
      // The first target fails as the name says, the second is fine.
      ...Object.fromEntries(own.flatMap((name) => {
        const first = { provider: name, model: 'sim:*' };
        const second = { provider: 'hasty', model: 'sim:chunks=3,size=8', tier: 2 };
        return [[`${name}:*`, { targets: [first] }], [`${name}+:*`, { targets: [first, second] }]];
      })),
      'hasty:*': { targets: [{ provider: 'hasty', model: 'sim:*' }] },
      'one_revoked:*': { targets: [{ provider: 'one_revoked', model: 'sim:*' }] },
      'one_limited:*': { targets: [{ provider: 'one_limited', model: 'sim:*' }] },
      'all_revoked:*': { targets: [{ provider: 'all_revoked', model: 'sim:*' }] },
      'nobody:*': { targets: [{ provider: 'nobody', model: 'sim:*' }] },
    },
  }),
});

const stream = async (model, extra) => {
  const exchange = await weir.open_chat(model, extra);
  await exchange.whole();
  return exchange;
};
const ledger = () => weir.json('ledger', 'show');

// The stream was cut: an error frame, no [DONE], no finish, and the HTTP message ends properly.
function assert_interrupted(exchange, code) {
  assert.equal(exchange.status, 200);
  const said = read_chat(exchange.text);
  assert.ok(said.error, `no error frame: ${exchange.text.slice(-500)}`);
  assert.equal(said.done, false, 'no [DONE] after an error');
  assert.equal(said.finish, null);
  for (const field of ['message', 'type', 'param', 'code']) assert.ok(field in said.error, field);
  assert.equal(said.error.param, null);
  if (code) assert.ok([code].flat().includes(said.error.code), JSON.stringify(said.error));
  assert.ok('error' in JSON.parse(exchange.events.at(-1).data), 'the error frame is the last one');
  assert.ok(exchange.ended, 'the last chunk of the HTTP message came');
  return said;
}

function assert_complete(exchange, text) {
  const said = read_chat(exchange.text);
  assert.equal(said.error, null, JSON.stringify(said.error));
  assert.equal(said.text, text);
  assert.equal(said.finish, 'stop');
  assert.ok(said.done);
}

function assert_failed(answer, status, code) {
  assert.ok([status].flat().includes(answer.status), `${answer.status}: ${answer.text}`);
  if (code) assert.ok([code].flat().includes(answer.error.code), answer.text);
  assert.ok(!answer.text.includes('good-key') && !answer.text.includes(sim.url), answer.text);
}

describe('a client that leaves', () => {
  // Milliseconds between the client's close and the moment the simulator saw its own.
  async function leave(model, after_ms) {
    const exchange = await weir.open_chat(model);
    await exchange.until(({ text }) => read_chat(text).text.length > 0);
    await sleep(after_ms);
    exchange.leave();
    const left = process.hrtime.bigint();
    const { closed_at_monotonic_ns } = await sim.departure(model);
    return (closed_at_monotonic_ns - Number(left)) / 1e6;
  }

  test('is noticed at the provider within 50 ms', async () => {
    const times = [];
    for (let n = 0; n < 5; ++n) {
      times.push(await leave(`sim:chunks=200,delay=20ms,size=${40 + n}`, 200));
    }
    const median = times.sort((a, b) => a - b)[2];
    assert.ok(median < 50, `${times.map((ms) => ms.toFixed(1)).join(' ')} ms`);
  });

  test('also while the provider says nothing', async () => {
    const took = await leave('sim:chunks=20,stall=2', 100);
    assert.ok(took < 100, `${took} ms`);
  });

  test('also before anything came, and when it does not stream', async () => {
    for (const [model, extra] of [
      ['sim:first=5s,size=21', { stream: true }],
      ['sim:hold=5s,chunks=200,delay=20ms,size=22', { stream: false }],
    ]) {
      const leaving = new AbortController();
      const body = { model, messages: [{ role: 'user', content: 'a' }], ...extra };
      const answer = weir.request('/v1/chat/completions', { body, signal: leaving.signal });
      answer.catch(() => {});
      while ((await sim.bill(model)).open === 0) await sleep(10);
      await sleep(100);
      leaving.abort();
      const left = process.hrtime.bigint();
      const { closed_at_monotonic_ns } = await sim.departure(model);
      assert.ok((closed_at_monotonic_ns - Number(left)) / 1e6 < 100, model);
    }
  });

  test('pays for what was produced, and nothing stays held', async () => {
    const model = 'sim:chunks=200,delay=20ms,size=48';
    const before = await ledger();
    await leave(model, 400);
    let end = await ledger();
    for (let tries = 0; tries < 40 && end.holds_open > 0; ++tries) {
      await sleep(50);
      end = await ledger();
    }
    assert.equal(end.holds_open, 0);
    assert.equal(end.requests - before.requests, 1);
    const bill = await sim.bill(model);
    assert.ok(bill.tokens_out > 0 && bill.tokens_out < 1000, `${bill.tokens_out} billed`);
    const charged = end.tokens_out - before.tokens_out;
    assert.ok(charged >= bill.tokens_out / 4, `charged ${charged}, billed ${bill.tokens_out}`);
    assert.ok(charged <= bill.tokens_out * 4 + 64, `charged ${charged}, billed ${bill.tokens_out}`);
    assert.ok(end.tokens_in > before.tokens_in, 'and the input');
  });

  test('is told from one that only reads slowly', async () => {
    const exchange = await weir.open_chat('sim:chunks=300,size=2000');
    exchange.pause();
    await sleep(500);
    exchange.resume();
    await exchange.whole();
    assert_complete(exchange, sim_text(300, 2000));
  });
});

describe('a stream that breaks after it began', () => {
  for (const [what, model, code] of [
    ['a reset', 'chunks=10,cut=5,delay=10ms', undefined],
    ['a connection closed inside a chunk', 'chunks=10,fin=5,delay=10ms', undefined],
    ['an end without a finish', 'chunks=10,eof=5', 'stream_truncated'],
    ['[DONE] without a finish', 'chunks=5,nofinish', 'stream_truncated'],
    ['an error inside the 200', 'chunks=10,error_in=5', undefined],
    ['a damaged event', 'chunks=10,malformed=5', 'upstream_malformed'],
  ]) {
    test(`${what} is an error frame, and no [DONE]`, async () => {
      const before = await ledger();
      const exchange = await stream(`${fresh()}:${model}`);
      const said = assert_interrupted(exchange, code);
      assert.equal(said.text, sim_text(5, 16), 'all that came before is there');
      const end = await ledger();
      assert.equal(end.requests - before.requests, 1, 'charged once');
      assert.ok(end.tokens_out > before.tokens_out, 'with what was produced');
      assert.equal(end.holds_open, 0);
    });
  }

  test('a stall is an error frame when idle is over, and the provider is left', async () => {
    const started = Date.now();
    const exchange = await stream('hasty:chunks=10,stall=5,size=19');
    const took = Date.now() - started;
    const said = assert_interrupted(exchange, ['upstream_timeout', 'stream_truncated']);
    assert.equal(said.text, sim_text(5, 19));
    assert.ok(took > 350 && took < 3000, `${took} ms`);
    await sim.departure('sim:chunks=10,stall=5,size=19');
  });

  test('slow but steady is no stall: any byte counts', async () => {
    assert_complete(await stream('hasty:chunks=6,delay=200ms,size=8'), sim_text(6, 8));
    assert_complete(await stream('hasty:chunks=2,size=8,role=0,split=64,gap=60ms'), sim_text(2, 8));
  });

  test('the same on /api/v1/chat', async () => {
    const body = { prompt: 'test', model: `${fresh()}:chunks=10,cut=5,delay=10ms` };
    const exchange = await weir.open('/api/v1/chat', { body });
    await exchange.whole();
    const data = exchange.events.map((event) => event.data);
    assert.ok(!data.includes('[DONE]'));
    const last = JSON.parse(data.at(-1));
    assert.ok(last.error.code && last.error.message);
    assert.ok(exchange.ended);
  });

  test('a whole answer does not show it: there is an answer, or there is none', async () => {
    for (const fault of ['cut=5', 'fin=5', 'eof=5', 'nofinish', 'error_in=5', 'malformed=5']) {
      const answer = await weir.chat(`${fresh()}:chunks=10,${fault},size=17`);
      assert_failed(answer, [502, 503, 504]);
    }
  });
});

describe('harmless oddities', () => {
  const odd = [
    'crlf', 'cr', 'bom', 'comments', 'multiline', 'noise', 'split=1', 'split=2', 'split=3',
    'split=7', 'wire=1', 'wire=5', 'utf8,split=1', 'role=0', 'running', 'nodone', 'untilclose',
    'hints', 'crlf,split=1', 'bom,cr,split=1,comments,multiline,noise',
  ];
  for (const how of odd) {
    test(`${how}: the text is the same`, async () => {
      const model = `sim:chunks=6,size=20,${how}`;
      const utf8 = how.includes('utf8');
      const whole = await weir.chat(model);
      assert.equal(whole.status, 200, whole.text);
      const exchange = await stream(model);
      if (!utf8) {
        assert_complete(exchange, sim_text(6, 20));
        assert.equal(whole.json.choices[0].message.content, sim_text(6, 20));
      } else {
        assert_complete(exchange, whole.json.choices[0].message.content);
        assert.ok(!exchange.text.includes('\ufffd'), 'no character is cut');
      }
    });
  }
});

describe('a failure before the first event', () => {
  for (const [what, fault] of [
    ['500', 'status=500'], ['503', 'status=503'], ['a 429', 'status=429,retry_after=1'],
    ['a reset', 'cut=0'], ['an early end', 'eof=0'], ['an error inside the 200', 'error_in=0'],
    ['a damaged event', 'malformed=0'], ['bytes that are not HTTP', 'garbage'],
    ['a page of HTML', 'html'], ['a redirect', 'redirect'],
  ]) {
    test(`${what}: the second target answers, and nobody notices`, async () => {
      const before = await ledger();
      const exchange = await stream(`${fresh()}+:${fault}`);
      assert.equal(exchange.status, 200, exchange.text);
      assert_complete(exchange, sim_text(3, 8));
      assert.equal(exchange.headers['x-weir-provider'], 'hasty');
      const answer = await weir.chat(`${fresh()}+:${fault}`);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.choices[0].message.content, sim_text(3, 8));
      const end = await ledger();
      assert.equal(end.requests - before.requests, 2, 'dead attempts are charged nothing');
    });
  }

  test('a whole answer fails over also when it broke in the middle', async () => {
    const answer = await weir.chat(`${fresh()}+:chunks=10,cut=5`);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.choices[0].message.content, sim_text(3, 8));
  });

  test('a redirect is not followed', async () => {
    assert.equal((await sim.bill()).followed, 0);
  });

  test('a revoked key gives way to the next', async () => {
    for (let n = 0; n < 3; ++n) {
      const answer = await weir.chat('one_revoked:chunks=1,size=8');
      assert.equal(answer.status, 200, answer.text);
    }
  });

  test('a limited key gives way to the next', async () => {
    for (let n = 0; n < 3; ++n) {
      const answer = await weir.chat('one_limited:chunks=1,size=8');
      assert.equal(answer.status, 200, answer.text);
    }
  });

  test('where every key is dead, it is 502 upstream_credentials_exhausted', async () => {
    const answer = await weir.chat('all_revoked:chunks=1');
    assert_failed(answer, 502, 'upstream_credentials_exhausted');
    assert.ok(!answer.text.includes('revoked-key'));
  });

  test('where nobody listens, it is 502 or 503', async () => {
    assert_failed(await weir.chat('nobody:chunks=1'), [502, 503],
      ['upstream_error', 'upstream_unavailable']);
  });

  test('no event in time is 504, streamed or not', async () => {
    for (const streaming of [true, false]) {
      const answer = await weir.chat('hasty:first=5s,hold=5s,size=18', { stream: streaming });
      assert_failed(answer, 504, 'upstream_timeout');
    }
  });

  for (const fault of [
    'status=500', 'garbage', 'html', 'redirect', 'gzip', 'head_bytes=1000000', 'badlength=100',
    'cut=0', 'eof=0', 'error_in=0', 'malformed=0',
  ]) {
    test(`${fault}, and no second target: a proper status, and nothing is charged`, async () => {
      for (const streaming of [true, false]) {
        const key = await weir.create_key();
        const model = `${fresh()}:${fault},size=23`;
        const answer = await weir.chat(model, { stream: streaming }, { key });
        if (answer.status === 200) {
          assert.match(fault, /gzip|badlength/, `${fault} taken for an answer: ${answer.text}`);
          continue;
        }
        assert_failed(answer, [502, 503]);
        const quota = await weir.quota(key);
        assert.deepEqual([quota.used, quota.held], [0, 0]);
      }
    });
  }

  test('a provider that refuses the request as wrong is believed', async () => {
    const answer = await weir.chat(`${fresh()}:status=400,code=too_strange`);
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.error.type, 'invalid_request_error');
  });
});

describe('a provider that recovers', () => {
  test('500 once, then fine', async () => {
    const model = `${fresh()}:status=500,times=1,chunks=2,size=8`;
    const first = await weir.chat(model);
    assert.ok([200, 502, 503].includes(first.status), first.text);
    let answer = first;
    for (let tries = 0; tries < 40 && answer.status !== 200; ++tries) {
      await sleep(250);
      answer = await weir.chat(model);
    }
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.choices[0].message.content, sim_text(2, 8));
  });

  test('429 with Retry-After once, then fine', async () => {
    const model = `${fresh()}:status=429,retry_after=1,times=1,chunks=2,size=9`;
    const first = await weir.chat(model);
    if (first.status !== 200) {
      assert.ok([429, 502, 503].includes(first.status), first.text);
      if (first.status !== 502) assert.ok(first.headers['retry-after'], 'it says when');
      await sleep(1300);
      const answer = await weir.chat(model);
      assert.equal(answer.status, 200, answer.text);
    }
  });
});

describe('waiting', { concurrency: 2 }, () => {
  test('10 s without an event open the stream with a heartbeat', async () => {
    const started = Date.now();
    const exchange = await weir.open_chat('sim:first=11500ms,chunks=2,size=8');
    const opened = Date.now() - started;
    assert.ok(opened > 9000 && opened < 11_000, `the head came after ${opened} ms`);
    await exchange.until(({ text }) => comments(text).length > 0, 1000);
    assert.deepEqual(comments(exchange.text), [': hb']);
    assert.ok(!exchange.text.includes(': hb\n\n'), 'a single line end');
    await exchange.whole();
    assert_complete(exchange, sim_text(2, 8));
  });

  test('a late failure after that is an error frame', async () => {
    const exchange = await weir.open_chat(`${fresh()}:first=10800ms,chunks=2,cut=0,size=25`);
    await exchange.whole();
    assert_interrupted(exchange);
    assert.equal(read_chat(exchange.text).text, '');
  });
});

test('after all of that it serves, and the books are right', async () => {
  await weir.is_alive();
  assert.equal((await weir.chat('fast')).status, 200);
  await sleep(200); // a settlement rides with the next commit, at most some 20 ms later
  const report = await weir.json('ledger', 'verify');
  assert.deepEqual([report.ok, report.faults, report.holds_open], [true, [], 0]);
  assert.equal((await sim.bill()).open, 0, 'no request is left open at the provider');
});
