// A provider that plays what a model's name says (scripted/plans.mjs) in the dialect of the path it
// is asked at, and is as strict about requests as the real ones are. It remembers every request, so
// that a test can see what arrived; what was wrong with one stands in `faults`.

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { anthropic } from './scripted/anthropic.mjs';
import { gemini } from './scripted/gemini.mjs';
import { openai } from './scripted/openai.mjs';
import { plan_of, whole } from './scripted/plans.mjs';

const DIALECTS = { openai, anthropic, gemini };
const BASES = { openai: '/v1', anthropic: '/v1', gemini: '/v1beta' };

const unique = (prefix) => prefix + randomBytes(12).toString('hex');

class ScriptedProvider {
  // Oldest first: { dialect, kind, model, path, headers, body, read, faults, left }.
  records = [];
  #signatures = new Set();

  key(dialect) {
    return `key-of-${dialect}`;
  }

  // What stands under `providers` in weir.yaml.
  config(dialect) {
    return { dialect, base_url: this.url + BASES[dialect], keys: [this.key(dialect)] };
  }

  requests(model) {
    return this.records.filter((record) => record.model === model);
  }

  // What went wrong with requests of which it is not known whose they were.
  get stray_faults() {
    return this.records.filter(({ model }) => !model).flatMap(({ faults }) => faults);
  }

  // Waits until somebody left an answer of this model early; tells how many steps were played.
  async departure(model, within = 4000) {
    for (const end = Date.now() + within; Date.now() < end; await sleep(10)) {
      const left = this.requests(model).find((record) => record.left);
      if (left) return { steps: left.steps };
    }
    throw new Error(`the provider saw nobody leave ${model} within ${within} ms`);
  }

  async serve(request, response) {
    const url = new URL(request.url, this.url);
    const { dialect, route } = this.#find(request.method, url);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (!dialect) return send(response, 404, { error: { message: 'no such path' } });
    if (dialect.id_header) response.setHeader(dialect.id_header, unique('req_'));
    const record = {
      dialect: dialect.name, kind: route.kind, path: request.url, headers: request.headers,
      faults: [], left: false, steps: 0,
    };
    this.records.push(record);
    const refuse = (status, message) => send(response, status, dialect.refusal(status, message));
    try {
      record.body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch (error) {
      record.faults.push(`the body is no JSON: ${error.message}`);
      return refuse(400, record.faults[0]);
    }
    record.model = route.model ?? String(record.body?.model);
    const key = dialect.key_of(request.headers, url);
    if (key !== this.key(dialect.name)) {
      record.faults.push(`the key is ${key}`);
      return refuse(401, 'invalid key');
    }
    this.#judge(dialect, route, record);
    if (record.faults.length) return refuse(400, record.faults.join('; '));
    return this.#answer(dialect, route, record, response, refuse);
  }

  #find(method, url) {
    for (const dialect of Object.values(DIALECTS)) {
      const route = dialect.route(method, url);
      if (route) return { dialect, route };
    }
    return {};
  }

  #judge(dialect, route, record) {
    if (!/^application\/json\b/.test(record.headers['content-type'] ?? '')) {
      record.faults.push(`the content-type is ${record.headers['content-type']}`);
    }
    const signed = (signature) => this.#signatures.has(signature);
    record.faults.push(...dialect.faults({ ...record, route, signed }));
    // A request that breaks the rules may not be readable at all.
    if (!record.faults.length) record.read = dialect.read(record.body, route);
  }

  async #answer(dialect, route, record, response, refuse) {
    const { body, model, read } = record;
    if (record.kind !== 'chat') return send(response, 200, dialect.extra(record));
    const asked = {
      results: (read.messages.at(-1)?.results ?? []).length > 0, thoughts: read.thoughts,
    };
    const plan = plan_of(model, asked);
    if (!plan) return refuse(404, `The model ${model} does not exist`);
    const context = {
      id: unique(dialect === anthropic ? 'msg_01' : 'chatcmpl-'), model, body, plan,
      call_id: unique,
      sign: () => {
        const signature = randomBytes(24).toString('base64');
        this.#signatures.add(signature);
        return signature;
      },
    };
    if (!read.stream) {
      if (whole(plan).dies) return response.socket.resetAndDestroy();
      return send(response, 200, dialect.answer(plan, context));
    }
    return this.#play(dialect.stream(context), plan, record, response);
  }

  async #play(stream, plan, record, response) {
    response.on('close', () => (record.left = !response.writableFinished && !record.dying));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.write(stream.open() || ': open\n\n');
    for (const step of plan.steps) {
      if (response.destroyed) return undefined;
      ++record.steps;
      if ('wait' in step) await sleep(step.wait);
      else if ('die' in step) return this.#die(step.die, stream, record, response);
      else response.write(stream.step(step));
    }
    return response.end(stream.close(plan));
  }

  #die(how, stream, record, response) {
    record.dying = true;
    if (how === 'reset') return response.socket.resetAndDestroy();
    return response.end(how === 'event' ? stream.fail() : '');
  }
}

function send(response, status, value) {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length });
  response.end(text);
}

export async function start_scripted_provider(scope) {
  const provider = new ScriptedProvider();
  const server = http.createServer((request, response) => {
    provider.serve(request, response).catch((error) => {
      provider.records.push({ faults: [`the provider itself failed: ${error.stack}`] });
      response.destroy();
    });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  provider.url = `http://127.0.0.1:${server.address().port}`;
  scope.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return provider;
}
