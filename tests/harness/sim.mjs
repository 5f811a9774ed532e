// The provider simulator: what it was asked, what it believes it delivered, who hung up on it.

import { setTimeout as sleep } from 'node:timers/promises';

import { request } from './http.mjs';
import { WEIR_SIM, bare_environment, start_program } from './program.mjs';

class Sim {
  constructor(program, url) {
    this.program = program;
    this.url = url;
  }

  async #get(path) {
    return (await request(this.url + path)).json;
  }

  // The whole bill, or one model's.
  async bill(model) {
    const bill = await this.#get('/bill');
    const nothing = {
      requests: 0, completed: 0, aborted: 0, failed: 0, open: 0, tokens_in: 0, tokens_out: 0,
    };
    return model === undefined ? bill : (bill.by_model[model] ?? nothing);
  }

  // Newest first: { head, body }, the body parsed and its text in `raw`.
  async requests() {
    const { requests } = await this.#get('/requests');
    return requests.map(({ head, body }) => ({ head, raw: body, body: JSON.parse(body) }));
  }

  // Waits until the simulator saw an answer of this model left early, and returns what it noted.
  async departure(model, within = 3000) {
    const end = Date.now() + within;
    while (Date.now() < end) {
      const { closes } = await this.#get('/connections');
      const found = closes.find((close) => close.model === model);
      if (found) return found;
      await sleep(10);
    }
    throw new Error(`the simulator saw nobody leave ${model} within ${within} ms`);
  }
}

export async function start_sim(scope, { args = [] } = {}) {
  const program = start_program(
    scope, WEIR_SIM, ['--listen', '127.0.0.1:0', '--record', '200', ...args],
    { env: bare_environment() });
  await program.wait_for(/^ready$/m);
  return new Sim(program, program.stdout.match(/^listening: (\S+)$/m)[1]);
}

// The text the simulator writes: chunk k begins with `k:` and is `size` bytes long.
export function sim_text(chunks, size) {
  let text = '';
  for (let chunk = 0; chunk < chunks; ++chunk) {
    let part = `${chunk}:`;
    for (let letter = 0; part.length < size - 1; ++letter) {
      part += String.fromCharCode(97 + ((chunk + letter) % 26));
    }
    text += part + ' ';
  }
  return text;
}
