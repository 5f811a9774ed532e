// A real Weir on a free port, with everything it writes in a folder of its own.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { request, open } from './http.mjs';
import { WEIR, bare_environment, make_folder, run, start_program } from './program.mjs';

// The configuration of most tests: every model `sim:…` and the alias `fast` go to the simulator.
// It is an object because JSON is YAML; `extra` replaces whole sections.
export function sim_config(sim, extra = {}) {
  const { provider = {}, models = {}, ...sections } = extra;
  return {
    providers: {
      sim: {
        dialect: 'openai',
        base_url: `${sim.url}/v1`,
        keys: ['provider-key-1'],
        allow_private: true,
        ...provider,
      },
    },
    models: {
      fast: { targets: [{ provider: 'sim', model: 'sim:chunks=4,size=8' }] },
      'sim:*': { targets: [{ provider: 'sim', model: 'sim:*' }] },
      ...models,
    },
    ...sections,
  };
}

class Weir {
  constructor(program, home) {
    this.program = program;
    this.folder = home.folder;
    this.data_dir = home.data_dir;
    this.env = home.env;
    const said = (name) => program.stdout.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
    this.url = said('url');
    this.admin = said('admin');
    this.password = said('password');
    this.key = said('key');
    this.port = Number(new URL(this.url).port);
  }

  get stderr() {
    return this.program.stderr;
  }

  // One request, its whole answer. The first key is sent unless `key` says otherwise (null: none).
  request(path, options = {}) {
    return request(this.url + path, { key: this.key, ...options });
  }

  // The same, as soon as the head is there: for streams.
  open(path, options = {}) {
    return open(this.url + path, { key: this.key, ...options });
  }

  chat(model, extra = {}, options = {}) {
    const body = { model, messages: [{ role: 'user', content: 'hello' }], ...extra };
    return this.request('/v1/chat/completions', { ...options, body });
  }

  open_chat(model, extra = {}, options = {}) {
    const body = { model, messages: [{ role: 'user', content: 'hello' }], stream: true, ...extra };
    return this.open('/v1/chat/completions', { ...options, body });
  }

  // `weir ARGS` against this server: { code, stdout, stderr }.
  cli(args, options = {}) {
    return run(WEIR, args, { env: this.env, cwd: this.folder, ...options });
  }

  // The same, for commands that have to work: what they printed.
  async say(...args) {
    const end = await this.cli(args);
    assert.equal(end.code, 0, `weir ${args.join(' ')}: ${end.code}\n${end.stdout}${end.stderr}`);
    return end.stdout.trimEnd();
  }

  async json(...args) {
    const text = await this.say(...args, '--json');
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`weir ${args.join(' ')} --json printed no JSON: ${text}`, { cause: error });
    }
  }

  create_key(...args) {
    return this.say('key', 'create', '--user', this.admin, ...args);
  }

  async quota(key = this.key) {
    const answer = await this.request('/api/v1/quota', { key });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async is_alive() {
    const answer = await this.request('/livez', { key: null });
    assert.equal(answer.status, 200, 'the server goes on serving');
  }
}

// Where a test's server lives. `config` is an object, or the text of the file.
export function make_home({ config, env = {} } = {}) {
  const folder = make_folder();
  const data_dir = join(folder, 'weir-data');
  mkdirSync(data_dir, { mode: 0o700 });
  const home = { folder, data_dir, env: bare_environment({ WEIR_DATA_DIR: data_dir, ...env }) };
  if (config !== undefined) set_config(home, config);
  return home;
}

export function set_config(home, config) {
  const file = join(home.folder, 'weir.yaml');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2) + '\n');
  home.config = file;
  home.env.WEIR_CONFIG = file;
}

// Starts a server in an existing home, for example a second time.
export async function serve(scope, home, { args = [] } = {}) {
  const program = start_program(
    scope, WEIR, ['serve', '--listen', '127.0.0.1:0', ...args],
    { cwd: home.folder, env: home.env });
  await program.wait_for(/^ready$/m);
  const weir = new Weir(program, home);
  // A later start prints neither; the home remembers them.
  home.first ??= { admin: weir.admin, password: weir.password, key: weir.key };
  return Object.assign(weir, home.first);
}

export async function start_weir(scope, options = {}) {
  return serve(scope, make_home(options), options);
}
