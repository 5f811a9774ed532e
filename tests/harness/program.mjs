// Starts programs and makes sure that none of them outlives the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const WEIR = process.env.WEIR_BIN ?? join(ROOT, 'build/release/weir');
export const WEIR_SIM = process.env.WEIR_SIM_BIN ?? join(ROOT, 'build/release/weir-sim');

const running = new Set();
const folders = new Set();
const remove = (folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) remove(folder);
});
// How the test runner ends a file that takes too long.
process.on('SIGTERM', () => process.exit(143));

// A run that was killed could not tidy up; the next one does.
for (const name of readdirSync(tmpdir())) {
  const pid = name.match(/^weir-test-(\d+)-/)?.[1];
  if (pid && !existsSync(`/proc/${pid}`)) remove(join(tmpdir(), name));
}

// A folder that goes away with the test file, after every program that may write to it.
export function make_folder() {
  const folder = mkdtempSync(join(tmpdir(), `weir-test-${process.pid}-`));
  folders.add(folder);
  return folder;
}

// What a program sees of the world: nothing of the machine that runs the tests, above all no keys
// of real providers.
export function bare_environment(extra = {}) {
  return { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: '/nonexistent', ...extra };
}

class Program {
  stdout = '';
  stderr = '';
  #child;
  #file;
  #expected_end = false;

  constructor(file, args, options) {
    // It dies with this process, however that ends.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args],
      { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#file = file;
    running.add(this.#child);
    for (const name of ['stdout', 'stderr']) {
      this.#child[name].setEncoding('utf8').on('data', (text) => (this[name] += text));
    }
    this.exited = new Promise((done) => {
      this.#child.on('error', (error) => done({ code: null, signal: null, error }));
      this.#child.on('close', (code, signal) => done({ code, signal }));
    }).finally(() => running.delete(this.#child));
  }

  get pid() {
    return this.#child.pid;
  }

  get alive() {
    return running.has(this.#child);
  }

  // Resolves when stdout matches; throws with everything it said if it ends or stays silent:
  // `end` of the error tells how it ended, if it did.
  async wait_for(pattern, within = 20_000) {
    const started = Date.now();
    let ended = null;
    this.exited.then((end) => (ended = end));
    while (!pattern.test(this.stdout)) {
      if (ended || Date.now() - started > within) {
        const how = ended ? `ended with ${JSON.stringify(ended)}` : 'is not ready in time';
        await this.kill();
        const error = new Error(`${this.#file} ${how}\n${this.stdout}\n${this.stderr}`);
        throw Object.assign(error, { end: ended, stderr: this.stderr });
      }
      await Promise.race([
        once(this.#child.stdout, 'data').catch(() => {}),
        this.exited,
        sleep(50),
      ]);
    }
  }

  signal(name) {
    this.#child.kill(name);
  }

  async kill() {
    this.#expected_end = true;
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  // Asks it to end and tells how that went; a crash is never taken for a good end.
  async stop({ within = 8_000 } = {}) {
    if (this.#expected_end) return this.exited;
    this.#expected_end = true;
    this.#child.kill('SIGTERM');
    const end = await Promise.race([this.exited, sleep(within, null, { ref: false })]);
    if (end === null) {
      this.#child.kill('SIGKILL');
      await this.exited;
      throw new Error(`pid ${this.pid} did not end ${within} ms after SIGTERM\n${this.stderr}`);
    }
    if (end.code !== 0) {
      throw new Error(`ended with ${JSON.stringify(end)} after SIGTERM\n${this.stderr}`);
    }
    return end;
  }
}

// Starts a program that ends with `scope`: a test's context, or { after } of node:test.
export function start_program(scope, file, args, options) {
  const program = new Program(file, args, options);
  scope.after(() => program.stop());
  return program;
}

// Runs a program to its end: { code, signal, stdout, stderr }.
export async function run(file, args, { env, cwd, input, within = 20_000 } = {}) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args],
    { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
  }
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), within);
  const [code, signal] = await once(child, 'close').finally(() => {
    clearTimeout(timer);
    running.delete(child);
  });
  return { code, signal, ...out };
}
