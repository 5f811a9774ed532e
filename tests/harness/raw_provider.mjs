// A provider that writes exactly the bytes it is told to, where the simulator has no word for a
// misbehaviour: what comes after a finish, and bytes split at a chosen place. It keeps a bill as
// the simulator does.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { sim_text } from './sim.mjs';

// Steps of an answer are strings or buffers (one HTTP chunk each), numbers (milliseconds to wait),
// what `said` makes, and at the end one of these.
export const END = Symbol('the body ends properly');
export const RESET = Symbol('the connection is reset');
export const FIN = Symbol('the connection is closed before the body is ended');
export const STALL = Symbol('not a byte more');

export const event = (value) => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (choice) => event({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'raw',
  choices: [{ index: 0, delta: {}, finish_reason: null, ...choice }],
});
// The text of the simulator's chunk `k`, billed at four bytes a token.
export const said = (k, size = 16) => {
  const content = sim_text(k + 1, size).slice(k * size);
  return { bytes: chunk({ delta: { content } }), tokens: size / 4 };
};
export const FINISH = chunk({ finish_reason: 'stop' });
export const DONE = 'data: [DONE]\n\n';
export const usage = (prompt_tokens, completion_tokens) => event({
  id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'raw', choices: [],
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
});

class RawProvider {
  #plans = new Map();
  #bills = new Map();
  #departures = new Map();

  // `plan` is a list of steps, or a function of the model's name that gives one.
  plan(model, plan) {
    this.#plans.set(model, plan);
  }

  async bill(model) {
    const nothing = {
      requests: 0, completed: 0, aborted: 0, failed: 0, open: 0, tokens_in: 0, tokens_out: 0,
    };
    return this.#bills.get(model) ?? nothing;
  }

  async departure(model, within = 3000) {
    for (const end = Date.now() + within; Date.now() < end; await sleep(10)) {
      if (this.#departures.has(model)) return this.#departures.get(model);
    }
    throw new Error(`the provider saw nobody leave ${model} within ${within} ms`);
  }

  serve(socket) {
    let input = Buffer.alloc(0);
    let left = null;
    const leave = () => left?.();
    socket.setNoDelay(true);
    socket.on('error', leave);
    socket.on('end', leave);
    socket.on('close', leave);
    socket.on('data', async (bytes) => {
      input = Buffer.concat([input, bytes]);
      const head_end = input.indexOf('\r\n\r\n');
      if (head_end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(input.toString('latin1'))?.[1] ?? 0);
      if (input.length < head_end + 4 + length) return;
      const { model } = JSON.parse(input.subarray(head_end + 4, head_end + 4 + length));
      input = input.subarray(head_end + 4 + length);
      const gone = new Promise((done) => (left = done)).then(() => 'gone');
      await this.#answer(socket, model, gone);
      left = null;
    });
  }

  async #answer(socket, model, gone) {
    const bill = { ...(await this.bill(model)) };
    this.#bills.set(model, bill);
    ++bill.requests;
    ++bill.open;
    const end = (how) => {
      --bill.open;
      ++bill[how];
      const closed_at_monotonic_ns = Number(process.hrtime.bigint());
      if (how === 'aborted') this.#departures.set(model, { closed_at_monotonic_ns });
    };
    let plan = this.#plans.get(model) ?? this.#plans.get('*');
    if (typeof plan === 'function') plan = plan(model);
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
      + 'transfer-encoding: chunked\r\n\r\n');
    let finished = false;
    for (const step of plan) {
      if (step === END) {
        socket.write('0\r\n\r\n');
      } else if (step === RESET) {
        socket.resetAndDestroy();
      } else if (step === FIN) {
        socket.end();
      } else if (step === STALL || typeof step === 'number') {
        const timer = step === STALL ? new Promise(() => {}) : sleep(step);
        if (await Promise.race([timer, gone]) === 'gone') return end('aborted');
      } else {
        const bytes = Buffer.from(step.bytes ?? step);
        if (bytes.length === 0) continue; // an empty HTTP chunk would be the last one
        socket.write(Buffer.concat(
          [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]));
        bill.tokens_out += step.tokens ?? 0;
        finished ||= step === FINISH;
      }
    }
    end(finished ? 'completed' : 'failed');
  }
}

export async function start_raw_provider(scope) {
  const provider = new RawProvider();
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    provider.serve(socket);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  provider.url = `http://127.0.0.1:${server.address().port}`;
  scope.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return provider;
}
