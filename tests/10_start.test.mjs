// Starting and ending: what the first start prints, what a later one does not, what a bad
// configuration is told, and how a server drains.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { WEIR, bare_environment, make_folder, run, start_program } from './harness/program.mjs';
import { start_sim } from './harness/sim.mjs';
import { read_chat } from './harness/sse.mjs';
import { talk } from './harness/wire.mjs';
import { make_home, serve, set_config, sim_config, start_weir } from './harness/weir.mjs';

const KEY = /^sk-weir-[0-9A-Za-z]+-[0-9A-Za-z]+$/;

describe('the first start', () => {
  test('prints url, admin, password, key and ready, and nothing else', async (t) => {
    const weir = await start_weir(t);
    const lines = weir.program.stdout.trimEnd().split('\n');
    assert.deepEqual(lines.map((line) => line.split(' ')[0]),
      ['url:', 'admin:', 'password:', 'key:', 'ready']);
    assert.match(weir.url, /^http:\/\/127\.0\.0\.1:\d+\/?$/);
    assert.match(weir.admin, /^[^@\s]+@[^@\s]+$/);
    assert.ok(weir.password.length >= 12, 'the password is not a short one');
    assert.match(weir.key, KEY);
    assert.equal((await weir.request('/v1/models')).status, 200, 'the key works');
  });

  test('needs no argument but a place: everything lands in ./weir-data', async (t) => {
    const folder = make_folder();
    const program = start_program(t, WEIR, ['serve', '--listen', '127.0.0.1:0'],
      { cwd: folder, env: bare_environment() });
    await program.wait_for(/^ready$/m);
    const socket = join(folder, 'weir-data', 'control.sock');
    assert.ok(existsSync(socket), 'control.sock');
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'weir-data')).mode & 0o077, 0, 'nobody else may look');
  });

  test('offers the demo provider, which says that it is no language model', async (t) => {
    const weir = await start_weir(t);
    for (const model of ['fast', 'balanced', 'smart']) {
      const answer = await weir.chat(model);
      assert.equal(answer.status, 200, `${model}: ${answer.text}`);
      assert.match(answer.json.choices[0].message.content, /(no|not a) language model/i);
      assert.equal(answer.json.choices[0].finish_reason, 'stop');
    }
  });

  test('raises its own limit of open files', async (t) => {
    const weir = await start_weir(t);
    const limits = readFileSync(`/proc/${weir.program.pid}/limits`, 'utf8');
    const [, soft, hard] = limits.match(/^Max open files\s+(\d+)\s+(\d+)/m);
    assert.equal(soft, hard);
  });
});

describe('a later start', () => {
  test('prints url and ready alone, and the key still works', async (t) => {
    const home = make_home();
    const first = await serve(t, home);
    await first.program.stop();
    const second = await serve(t, home);
    const lines = second.program.stdout.trimEnd().split('\n');
    assert.deepEqual(lines.map((line) => line.split(' ')[0]), ['url:', 'ready']);
    assert.equal((await second.request('/v1/models', { key: first.key })).status, 200);
  });

  test('beside a running server is refused: the store has one owner', async (t) => {
    const home = make_home();
    const first = await serve(t, home);
    const end = await run(WEIR, ['serve', '--listen', '127.0.0.1:0'],
      { cwd: home.folder, env: home.env, within: 15_000 });
    assert.ok(end.code > 0, `exit ${end.code}`);
    assert.ok(end.stderr.trim(), 'it says why');
    await first.is_alive();
  });

  test('keeps no word of a key or password in what it logs and stores', async (t) => {
    const weir = await start_weir(t);
    await weir.chat('fast');
    const secret = weir.key.split('-').at(-1);
    await weir.program.stop();
    assert.ok(!weir.stderr.includes(secret), 'the log');
    const found = await run('grep', ['-rlF', '-e', secret, '-e', weir.password, weir.data_dir]);
    assert.equal(found.stdout, '', 'a file holds the secret');
  });
});

describe('--listen', () => {
  test('with port 0 picks a port', async (t) => {
    const [one, two] = await Promise.all([start_weir(t), start_weir(t)]);
    assert.ok(one.port > 0 && two.port > 0);
    assert.notEqual(one.port, two.port);
  });

  test('on a taken port ends with one clear line', async (t) => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await new Promise((done) => taken.on('listening', done));
    const place = `127.0.0.1:${taken.address().port}`;
    const home = make_home();
    const end = await run(WEIR, ['serve', '--listen', place],
      { cwd: home.folder, env: home.env });
    assert.ok(end.code > 0, `exit ${end.code}, signal ${end.signal}`);
    assert.ok(end.stderr.includes(place), end.stderr);
    assert.doesNotMatch(end.stdout, /^ready$/m);
  });
});

describe('SIGTERM', () => {
  test('ends an idle server at once with 0', async (t) => {
    const weir = await start_weir(t);
    const started = Date.now();
    assert.deepEqual(await weir.program.stop(), { code: 0, signal: null });
    assert.ok(Date.now() - started < 3000, 'nothing to wait for');
    assert.ok(!existsSync(join(weir.data_dir, 'control.sock')), 'the control socket is gone');
  });

  test('lets a stream finish, and answers new requests 503', async (t) => {
    const sim = await start_sim(t);
    const weir = await start_weir(t, { config: sim_config(sim) });
    const stream = await weir.open_chat('sim:chunks=20,delay=100ms');
    await stream.until(({ text }) => read_chat(text).text.length > 0);
    weir.program.signal('SIGTERM');
    await sleep(200);
    const refused = await weir.chat('fast');
    assert.equal(refused.status, 503);
    assert.equal(refused.error.code, 'shutting_down');
    assert.ok(refused.headers['retry-after'] !== undefined, 'retry-after');
    assert.equal((await weir.request('/readyz', { key: null })).status, 503);
    await stream.whole();
    const said = read_chat(stream.text);
    assert.ok(said.done && said.finish === 'stop', stream.text.slice(-500));
    assert.deepEqual(await weir.program.exited, { code: 0, signal: null });
  });

  test('does not wait for a connection that is idle', async (t) => {
    const weir = await start_weir(t);
    const idle = talk(weir.port, 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n', { within: 10_000 });
    await sleep(200);
    const started = Date.now();
    await weir.program.stop();
    assert.ok(Date.now() - started < 3000);
    const { end, responses } = await idle;
    assert.equal(responses[0].status, 200);
    assert.notEqual(end, 'open');
  });
});

describe('a bad configuration', () => {
  const check = async (text, env = {}) => {
    const home = make_home({ config: text, env });
    return run(WEIR, ['config', 'check', '--config', home.config],
      { cwd: home.folder, env: home.env });
  };

  const faults = [
    ['an unknown key', 'listen: 127.0.0.1:8000\nlisten_on: 1\n', /:2:1\b.*listen_on/],
    ['an unknown key inside', 'log:\n  level: info\n  colour: red\n', /:3:3\b.*colour/],
    ['a wrong type', 'limits:\n  per_key: [1]\n', /:2:\d+\b.*per_key/],
    ['a rate that is none', 'limits: {per_key: 5/fortnight}\n', /:1:\d+\b/],
    ['an unknown dialect', 'providers:\n  a:\n    dialect: klingon\n', /:3:\d+\b.*klingon/],
    ['an unknown provider', 'models:\n  m:\n    targets: [{provider: nobody, model: x}]\n',
      /:3:\d+\b.*nobody/],
    ['no YAML', 'listen: [1\nlog: }\n', /:[12]:\d+\b/],
    ['a missing variable', 'providers: {a: {dialect: openai, keys: ["${WEIR_ABSENT}"]}}\n',
      /:1:\d+\b.*WEIR_ABSENT/],
    ['a key named twice', 'listen: 127.0.0.1:1\nlog: {level: info}\nlisten: 127.0.0.1:2\n',
      /:3:1\b.*listen/],
    ['a USD budget over a target without a price',
      'providers: {a: {dialect: openai, base_url: "http://127.0.0.1:9/v1", keys: [k]}}\n' +
      'models: {m: {targets: [{provider: a, model: x}]}}\n' +
      'quota: {user: [{usd: 5, per: day}]}\n', /:\d+:\d+\b.*price/],
  ];
  for (const [what, text, expected] of faults) {
    test(`is told where: ${what}`, async () => {
      const { code, stdout, stderr } = await check(text);
      assert.equal(code, 1, stdout + stderr);
      assert.match(stdout + stderr, expected);
      assert.match(stdout + stderr, /weir\.yaml:\d+:\d+/);
    });
  }

  test('is told all its faults at once', async () => {
    const { stdout, stderr } = await check('one: 1\ntwo: 2\nlog: {level: loud}\n');
    for (const place of [/:1:1\b/, /:2:1\b/, /:3:\d+\b/]) assert.match(stdout + stderr, place);
  });

  test('keeps the server from starting, with the same words', async () => {
    const home = make_home({ config: 'listen_on: 1\n' });
    const end = await run(WEIR, ['serve'], { cwd: home.folder, env: home.env });
    assert.ok(end.code > 0, `exit ${end.code}`);
    assert.match(end.stderr, /weir\.yaml:1:1\b.*listen_on/);
    assert.equal(end.stdout, '');
  });

  test('names a file that is not there', async () => {
    const home = make_home();
    const end = await run(WEIR, ['serve', '--config', 'absent.yaml'],
      { cwd: home.folder, env: home.env });
    assert.ok(end.code > 0, `exit ${end.code}`);
    assert.match(end.stderr, /absent\.yaml/);
  });

  for (const text of ['store: postgres://u:p@127.0.0.1/w\n', 'shared: redis://127.0.0.1:6379\n']) {
    test(`says what is not built yet: ${text.trim()}`, async () => {
      const { code, stdout, stderr } = await check(text);
      assert.equal(code, 1);
      assert.match(stdout + stderr, /:1:\d+\b.*not built yet/);
    });
  }
});

describe('weir config', () => {
  test('check accepts a good file', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim, { quota: { user: [{ requests: 50 }] } }) });
    const end = await run(WEIR, ['config', 'check', '--config', home.config], { env: home.env });
    assert.equal(end.code, 0, end.stdout + end.stderr);
  });

  test('check says that a provider nobody knows needs a base_url', async () => {
    const home = make_home({ config: 'providers:\n  somewhere:\n    keys: [x]\n' });
    const end = await run(WEIR, ['config', 'check'], { cwd: home.folder, env: home.env });
    assert.equal(end.code, 1);
    assert.match(end.stderr, /weir\.yaml:\d+:\d+: providers\.somewhere: needs a base_url/);
  });
  test('show tells where every value comes from, and no secret', async () => {
    const home = make_home({
      config: 'log:\n  level: debug\nproviders:\n  a:\n    dialect: openai\n' +
        '    base_url: https://a.example/v1\n    keys: ["${A_KEY}"]\n',
      env: { A_KEY: 'provider-secret-42' },
    });
    const end = await run(WEIR, ['config', 'show'], { cwd: home.folder, env: home.env });
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /level.*debug.*weir\.yaml:2\b/);
    assert.match(end.stdout, /body_bytes.*default/);
    assert.ok(!end.stdout.includes('provider-secret-42'), 'the key is shown');
  });

  test('show names the environment as an origin', async () => {
    const home = make_home({ env: { OPENAI_API_KEY: 'sk-provider-secret-43' } });
    const end = await run(WEIR, ['config', 'show'], { cwd: home.folder, env: home.env });
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /openai.*environment/);
    assert.ok(!end.stdout.includes('sk-provider-secret-43'), 'the key is shown');
  });

  test('schema is a JSON Schema that knows the keys', async () => {
    const end = await run(WEIR, ['config', 'schema'], { env: bare_environment() });
    assert.equal(end.code, 0, end.stderr);
    const schema = JSON.parse(end.stdout);
    assert.match(schema.$schema, /json-schema\.org/);
    for (const key of ['listen', 'providers', 'models', 'quota', 'limits', 'log']) {
      assert.ok(schema.properties[key], key);
    }
    assert.equal(schema.additionalProperties, false);
  });
});

describe('SIGHUP', () => {
  const models = async (weir) => (await weir.request('/v1/models')).json.data.map(({ id }) => id);
  const soon = async (holds) => {
    for (let tries = 0; tries < 50 && !(await holds()); ++tries) await sleep(100);
    assert.ok(await holds());
  };

  test('takes a good file, and keeps the old one when the new one is bad', async (t) => {
    const sim = await start_sim(t);
    const home = make_home({ config: sim_config(sim) });
    const weir = await serve(t, home);
    assert.ok(!(await models(weir)).includes('late'));

    const late = { late: { targets: [{ provider: 'sim', model: 'sim:chunks=1' }] } };
    set_config(home, sim_config(sim, { models: late }));
    weir.program.signal('SIGHUP');
    await soon(async () => (await models(weir)).includes('late'));

    writeFileSync(home.config, 'nonsense: 1\n');
    const said = weir.stderr.length;
    weir.program.signal('SIGHUP');
    await soon(async () => /weir\.yaml:1:1/.test(weir.stderr.slice(said)));
    assert.ok((await models(weir)).includes('late'), 'the old one stays in force');
    assert.equal((await weir.chat('late')).status, 200);
  });
});
