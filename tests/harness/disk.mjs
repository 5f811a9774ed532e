// A server's disk that fails when a test says so (disk_fault.c), and what a power cut leaves of it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

import { ROOT, make_folder, run } from './program.mjs';

export const KIND = { sync: 1, write: 2, size: 4, name: 8, all: 15 };
const WORDS = ['calls', 'first', 'last', 'error', 'kinds', 'torn', 'failed', 'copies'];
const FOR_EVER = 2 ** 50;
const PAGE = 4096;

let library;

// The shared library, compiled when the first test of a file wants it.
export function build_disk_fault() {
  library ??= (async () => {
    const file = join(make_folder(), 'disk_fault.so');
    const end = await run('clang-19', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror',
      '-o', file, join(ROOT, 'tests/harness/disk_fault.c'), '-ldl', '-pthread'],
    { env: process.env });
    assert.equal(end.code, 0, end.stderr);
    return file;
  })();
  return library;
}

class Disk {
  #control;

  constructor(home, library) {
    const folder = make_folder();
    const file = join(folder, 'control');
    writeFileSync(file, Buffer.alloc(WORDS.length * 8));
    this.#control = openSync(file, 'r+');
    this.log = join(folder, 'log');
    this.set('kinds', KIND.all);
    // The server's environment alone has it: commands see the disk as it is.
    this.home = {
      ...home,
      env: {
        ...home.env,
        LD_PRELOAD: library,
        DISK_FAULT_DIR: home.data_dir,
        DISK_FAULT_CONTROL: file,
        DISK_FAULT_LOG: this.log,
      },
    };
  }

  get(word) {
    const bytes = Buffer.alloc(8);
    readSync(this.#control, bytes, 0, 8, WORDS.indexOf(word) * 8);
    return Number(bytes.readBigUInt64LE());
  }

  set(word, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    writeSync(this.#control, bytes, 0, 8, WORDS.indexOf(word) * 8);
  }

  // Calls counted so far; those that failed.
  get calls() {
    return this.get('calls');
  }

  get failed() {
    return this.get('failed');
  }

  // The `nth` call from now fails, and `times - 1` after it. `torn`: a write that fails has still
  // written its first half. `copies`: only calls that copy the log back into the database count.
  break({
    nth = 1, times = FOR_EVER, error = 'EIO', kinds = KIND.all, torn = false, copies = false,
  } = {}) {
    this.set('first', 0);
    this.set('copies', copies ? 1 : 0);
    this.set('error', constants.errno[error]);
    this.set('torn', torn ? 1 : 0);
    this.set('kinds', kinds);
    const first = this.calls + nth;
    this.set('last', first + times - 1);
    this.set('first', first);
  }

  mend() {
    this.set('first', 0);
  }

  // Writes what the disk would hold after a power cut to `folder`. The model is the worst that
  // Linux does: what was not synced is gone, and after a failed sync the pages count as clean, so
  // that what stood in them is gone too unless the same page is written again.
  leave_after_power_cut(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [name, bytes] of disk_content(readFileSync(this.log))) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes, { mode: 0o600 });
    }
  }
}

class File {
  #seen = Buffer.alloc(0); // what a reader sees now, up to `size`; zeros beyond it
  #size = 0;
  #kept = Buffer.alloc(0); // what stands on the platter
  #kept_size = 0;
  #dirty = new Set();

  write(offset, bytes) {
    const end = offset + bytes.length;
    this.#seen = with_room(this.#seen, end);
    bytes.copy(this.#seen, offset);
    this.#size = Math.max(this.#size, end);
    for (let at = Math.floor(offset / PAGE); at * PAGE < end; ++at) this.#dirty.add(at);
  }

  sync() {
    this.#kept = with_room(this.#kept, this.#size);
    for (const at of this.#dirty) {
      this.#seen.copy(this.#kept, at * PAGE, at * PAGE, Math.min((at + 1) * PAGE, this.#size));
    }
    this.#kept_size = this.#size;
    this.#dirty.clear();
  }

  forget() {
    this.#dirty.clear();
  }

  resize(size) {
    this.#seen = with_room(this.#seen, size).fill(0, size);
    this.#kept.fill(0, size);
    this.#size = size;
    this.#kept_size = Math.min(this.#kept_size, size);
  }

  get kept() {
    return this.#kept.subarray(0, this.#kept_size);
  }
}

function with_room(buffer, size) {
  const enough = size <= buffer.length;
  return enough ? buffer : Buffer.concat([buffer], Math.max(size, 2 * buffer.length));
}

function disk_content(log) {
  const files = new Map();
  const file = (name) => files.get(name) ?? files.set(name, new File()).get(name);
  for (let at = 0; at < log.length;) {
    const end = log.indexOf('\n', at);
    const [what, name, offset, size] = log.toString('utf8', at, end).split(' ');
    at = end + 1;
    if (what === 'write') {
      file(name).write(Number(offset), log.subarray(at, at + Number(size)));
      at += Number(size);
    } else if (what === 'sync') {
      file(name).sync();
    } else if (what === 'failed') {
      file(name).forget();
    } else if (what === 'size') {
      file(name).resize(Number(offset));
    } else if (what === 'unlink') {
      files.delete(name);
    }
  }
  // The index of the write-ahead log is memory that happens to have a name.
  return [...files].filter(([name]) => !name.endsWith('-shm'))
    .map(([name, { kept }]) => [name, kept]);
}

export async function make_disk(home) {
  return new Disk(home, await build_disk_fault());
}

// A small file system of its own at `folder` until the test ends; false where that is not allowed.
// The shell waits for the end of its input, so that the mount goes away however this process ends.
export async function mount_small(scope, folder, size) {
  const script = 'mount -t tmpfs -o "size=$2,mode=700" weir-test "$1" || exit 1; echo mounted; ' +
    'cat; umount --lazy "$1"';
  const shell = spawn('sh', ['-c', script, 'sh', folder, size],
    { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(shell, 'close');
  scope.after(() => (shell.stdin.end(), ended));
  const [text] = await Promise.race([once(shell.stdout, 'data'), ended]);
  return String(text) === 'mounted\n';
}
