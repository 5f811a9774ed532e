// The command line: exit codes, what stands on stdout, and the JSON that other programs read.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { WEIR, bare_environment, make_folder, run } from './harness/program.mjs';
import { sim_text, start_sim } from './harness/sim.mjs';
import { make_home, serve, set_config, sim_config, start_weir } from './harness/weir.mjs';

const scope = { after };
const sim = await start_sim(scope);
const weir = await start_weir(scope, { config: sim_config(sim) });

const alone = (args, options = {}) =>
  run(WEIR, args, { env: bare_environment(), cwd: make_folder(), ...options });
const fields = (object) => Object.keys(object).sort();

describe('import', () => {
  test('a configuration of LiteLLM becomes a good one, and what is left out is said', async () => {
    const folder = make_folder();
    writeFileSync(join(folder, 'config.yaml'), `
model_list:
  - model_name: fast
    litellm_params: {model: groq/llama-3.1-8b-instant, api_key: sk-a-secret, rpm: 30}
general_settings: {master_key: sk-1234}
`);
    const made = await run(WEIR, ['import', 'litellm', 'config.yaml'],
      { env: bare_environment(), cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /left out: model_list\.fast\.rpm/);
    assert.match(made.stderr, /left out: general_settings\.master_key/);
    assert.doesNotMatch(made.stdout + made.stderr, /sk-a-secret|sk-1234/);
    writeFileSync(join(folder, 'weir.yaml'), made.stdout);
    const env = { ...bare_environment(), GROQ_API_KEY: 'k' };
    const check = await run(WEIR, ['config', 'check'], { env, cwd: folder });
    assert.equal(check.code, 0, check.stderr);
    for (const [file, code] of [['weir.yaml', 1], ['none.yaml', 1]])
      assert.equal((await run(WEIR, ['import', 'litellm', file], { env, cwd: folder })).code, code);
  });
});

describe('usage', () => {
  test('version', async () => {
    const end = await alone(['version']);
    assert.equal(end.code, 0);
    assert.match(end.stdout, /\d+\.\d+\.\d+/);
  });

  test('help goes to stdout and is a success', async () => {
    for (const args of [['--help'], ['serve', '--help'], ['key', 'create', '--help']]) {
      const end = await alone(args);
      assert.equal(end.code, 0, args.join(' '));
      assert.ok(end.stdout.length > 50, args.join(' '));
    }
    const { stdout } = await alone(['--help']);
    for (const command of ['serve', 'chat', 'status', 'health', 'config', 'user', 'team', 'key',
      'quota', 'ledger', 'version']) assert.match(stdout, new RegExp(`\\b${command}\\b`));
  });

  test('mistakes are 2, on stderr', async () => {
    const mistakes = [
      [], ['nothing'], ['serve', '--nothing'], ['serve', '--listen'], ['serve', '--listen', 'x'],
      ['serve', '--listen', '127.0.0.1:99999'], ['key'], ['key', 'nothing'], ['key', 'create'],
      ['key', 'revoke'], ['quota', 'set'], ['ledger'], ['ledger', 'nothing'], ['config'],
      ['user', 'add'], ['version', 'extra'],
    ];
    for (const args of mistakes) {
      const end = await alone(args);
      assert.equal(end.code, 2, `weir ${args.join(' ')}: ${end.code} ${end.stdout}${end.stderr}`);
      assert.equal(end.stdout, '', `weir ${args.join(' ')}`);
      assert.ok(end.stderr.trim(), `weir ${args.join(' ')}`);
    }
  });

  test('bad values of key create are 2', async () => {
    for (const args of [['--expires', 'soon'], ['--rate', 'fast'], ['--expires', '-5d']]) {
      const end = await weir.cli(['key', 'create', '--user', weir.admin, ...args]);
      assert.equal(end.code, 2, `${args.join(' ')}: ${end.stdout}${end.stderr}`);
    }
  });
});

describe('with a server', () => {
  test('health is 0', async () => {
    assert.equal((await weir.cli(['health'])).code, 0);
  });

  test('status', async () => {
    const status = await weir.json('status');
    for (const field of ['version', 'ready', 'uptime_s', 'streams', 'requests', 'providers',
      'store']) assert.ok(field in status, field);
    assert.equal(status.ready, true);
    assert.ok((await weir.say('status')).length > 0);
  });

  test('the lists are arrays with their fields', async () => {
    await weir.say('team', 'add', 'red');
    assert.deepEqual(fields((await weir.json('user', 'list'))[0]),
      ['created_at', 'disabled', 'email', 'role', 'team']);
    assert.deepEqual(fields((await weir.json('key', 'list'))[0]), ['created_at', 'expires_at', 'id',
      'last_used_at', 'models', 'name', 'revoked', 'team', 'user']);
    assert.ok(Array.isArray(await weir.json('team', 'list')));
    const providers = await weir.json('provider', 'list');
    assert.deepEqual(fields(providers[0]), ['dialect', 'keys', 'name']);
    assert.equal(providers[0].name, 'sim');
    assert.deepEqual(fields(providers[0].keys[0]),
      ['in_flight', 'last_error', 'name', 'state', 'until']);
  });

  test('last_used_at is filled in', async () => {
    const key = await weir.create_key();
    const entry = async () =>
      (await weir.json('key', 'list')).find(({ id }) => id === key.split('-')[2]);
    assert.equal((await entry()).last_used_at, null);
    await weir.chat('fast', {}, { key });
    const { last_used_at } = await entry();
    assert.ok(Math.abs(Date.parse(last_used_at) - Date.now()) < 60_000, last_used_at);
  });

  test('quota show', async () => {
    await weir.say('quota', 'set', '--user', weir.admin, '--requests', '1000');
    const [budget] = (await weir.json('quota', 'show', '--user', weir.admin))
      .filter(({ scope }) => scope === 'user');
    assert.deepEqual(fields(budget), ['held', 'holds', 'limit', 'per', 'remaining', 'resets_at',
      'scope', 'set_by', 'starts_at', 'subject', 'timezone', 'unit', 'used']);
    assert.deepEqual([budget.unit, budget.per, budget.limit], ['requests', 'day', 1000]);
    assert.deepEqual([budget.set_by, budget.timezone, budget.holds], ['command', 'UTC', 0]);
    assert.match(await weir.say('quota', 'show'), /1000/);
    await weir.say('quota', 'set', '--user', weir.admin, '--requests', 'none');
  });

  test('quota set --timezone', async () => {
    const email = 'zoe@example.org';
    await weir.say('user', 'add', email);
    await weir.say('quota', 'set', '--user', email, '--requests', '900', '--timezone',
      'Asia/Kolkata');
    const [budget] = await weir.json('quota', 'show', '--user', email);
    assert.equal(budget.timezone, 'Asia/Kolkata');
    assert.match(budget.starts_at, /T18:30:00Z$/);
    assert.match(budget.resets_at, /T18:30:00Z$/);
    assert.equal(Date.parse(budget.resets_at) - Date.parse(budget.starts_at), 86_400_000);
    const wrong = await weir.cli(['quota', 'set', '--user', email, '--timezone', 'Mars']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /time zone/);
    const nothing = await weir.cli(['quota', 'set', '--everyone', '--timezone', 'UTC']);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /no budget/);
  });

  test('ledger show and verify', async () => {
    const shown = await weir.json('ledger', 'show');
    assert.deepEqual(fields(shown),
      ['holds_open', 'nanousd', 'overages', 'requests', 'tokens_in', 'tokens_out']);
    const report = await weir.json('ledger', 'verify');
    assert.deepEqual(fields(report), ['entries', 'faults', 'holds_open', 'ok', 'spent']);
    assert.deepEqual(fields(report.spent), ['nanousd', 'requests', 'tokens']);
    assert.ok(Number.isInteger(report.entries));
  });

  test('ledger show takes a user, and a key by name or id', async () => {
    const key = await weir.create_key('--name', 'counted');
    await weir.chat('fast', {}, { key });
    for (const x of [key, key.split('-')[2], 'counted']) {
      assert.equal((await weir.json('ledger', 'show', '--key', x)).requests, 1, x);
    }
    assert.ok((await weir.json('ledger', 'show', '--user', weir.admin)).requests >= 1);
    for (const args of [['--key', 'nosuch'], ['--user', 'no@one.org']]) {
      assert.equal((await weir.cli(['ledger', 'show', ...args])).code, 1);
    }
  });

  test('chat streams an answer to the terminal', async () => {
    assert.equal(await weir.say('chat', '--model', 'fast', 'hello'), sim_text(4, 8).trimEnd());
    const end = await weir.cli(['chat', '--model', 'sim:echo'], { input: 'from stdin' });
    assert.equal(end.code, 0, end.stderr);
    assert.equal(end.stdout.trim(), 'from stdin');
  });

  test('chat says what went wrong', async () => {
    const end = await weir.cli(['chat', '--model', 'nothing', 'hello']);
    assert.equal(end.code, 1);
    assert.match(end.stderr, /nothing/);
    const cut = await weir.cli(['chat', '--model', 'sim:chunks=5,cut=2,delay=10ms', 'hello']);
    assert.equal(cut.code, 1, 'an answer that was cut is no success');
  });

  test('finds the server by --data-dir and by WEIR_DATA_DIR', async () => {
    const by_flag = await alone(['health', '--data-dir', weir.data_dir]);
    assert.equal(by_flag.code, 0, by_flag.stderr);
    const by_name = await alone(['health'],
      { env: bare_environment({ WEIR_DATA_DIR: weir.data_dir }) });
    assert.equal(by_name.code, 0, by_name.stderr);
  });

  test('finds the server by the data_dir of a configuration', async (t) => {
    const home = make_home();
    const config = JSON.stringify({ data_dir: home.data_dir, ...sim_config(sim) });
    set_config(home, config);
    delete home.env.WEIR_DATA_DIR;
    await serve(t, home);
    const end = await alone(['health', '--config', home.config]);
    assert.equal(end.code, 0, end.stderr);
  });
});

describe('without a server', () => {
  test('health is 3, with one line why', async () => {
    const end = await alone(['health']);
    assert.equal(end.code, 3);
    assert.equal((end.stdout + end.stderr).trim().split('\n').length, 1);
  });

  test('show and verify read the store, others change it', async (t) => {
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    await first.chat('fast');
    await first.program.stop();
    assert.equal((await first.json('ledger', 'show')).requests, 1);
    assert.equal((await first.json('ledger', 'verify')).ok, true);
    const key = await first.create_key('--name', 'made in the dark');
    assert.ok((await first.json('key', 'list')).some(({ name }) => name === 'made in the dark'));
    const second = await serve(t, home);
    assert.equal((await second.chat('fast', {}, { key })).status, 200);
  });

  test('verify never recovers: what a crash left open is still open', async (t) => {
    const home = make_home({ config: sim_config(sim) });
    const first = await serve(t, home);
    const asked = first.open_chat('sim:chunks=100,delay=50ms').catch(() => null);
    const stream = await asked;
    await stream.until(({ text }) => text.includes('data:'));
    await first.program.kill();
    for (let n = 0; n < 2; ++n) {
      const report = await first.json('ledger', 'verify');
      assert.deepEqual([report.ok, report.holds_open], [true, 1]);
    }
    const second = await serve(t, home);
    assert.equal((await second.json('ledger', 'verify')).holds_open, 0);
  });

  test('a store that is not there is 1, and is not made', async () => {
    const folder = make_folder();
    const end = await run(WEIR, ['ledger', 'verify'], { env: bare_environment(), cwd: folder });
    assert.equal(end.code, 1);
    const found = await run('find', [folder, '-type', 'f']);
    assert.equal(found.stdout, '');
  });
});

test('output to a closed pipe is no crash', async () => {
  const end = await run('sh', ['-c', `"${WEIR}" config schema | head -c 10 >/dev/null; echo done`],
    { env: weir.env });
  assert.match(end.stdout, /done/);
  assert.doesNotMatch(end.stderr, /terminate|abort|Sanitizer/i);
});
