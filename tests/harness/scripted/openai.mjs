// OpenAI's chat completions and embeddings, as its servers speak them.

import { USAGE, VECTOR } from '../material.mjs';
import { chat_faults, embedding_faults } from './openai_rules.mjs';
import { pieces, whole } from './plans.mjs';

const PATHS = { '/v1/chat/completions': 'chat', '/v1/embeddings': 'embeddings' };
const FINISH = { stop: 'stop', tool: 'tool_calls', length: 'length', filtered: 'content_filter' };
const event = (data) => `data: ${JSON.stringify(data)}\n\n`;

const parts = (content) => (typeof content === 'string' ? [{ type: 'text', text: content }]
  : (content ?? []));
const text_of = (content) => parts(content).map(({ text }) => text ?? '').join('');

function read_message({ role, content, tool_calls = [], tool_call_id }) {
  if (role === 'tool') {
    return { role: 'tool', results: [{ id: tool_call_id, text: text_of(content) }] };
  }
  return {
    role: role === 'developer' ? 'system' : role,
    text: text_of(content),
    images: parts(content).filter(({ type }) => type === 'image_url').map(({ image_url }) => {
      const [, mime, base64] = /^data:([^;]*);base64,(.*)$/s.exec(image_url.url) ?? [];
      return { mime, base64 };
    }),
    calls: tool_calls.map(({ id, function: { name, arguments: given } }) =>
      ({ id, name, arguments: JSON.parse(given) })),
  };
}

function usage(plan) {
  const output = USAGE.output + (plan.thoughts ? USAGE.thoughts : 0);
  return {
    prompt_tokens: USAGE.input, completion_tokens: output, total_tokens: USAGE.input + output,
    prompt_tokens_details: { cached_tokens: USAGE.cached },
    completion_tokens_details: { reasoning_tokens: plan.thoughts ? USAGE.thoughts : 0 },
  };
}

const called = (call, id, given) =>
  ({ id, type: 'function', function: { name: call.name, arguments: given } });

class Stream {
  #calls = 0;

  constructor(context) {
    this.context = context;
  }

  #chunk(choice, more = {}) {
    const { id, model } = this.context;
    const counted = this.context.body.stream_options?.include_usage ? { usage: null } : {};
    return event({
      id, object: 'chat.completion.chunk', created: 1_790_000_000, model, service_tier: 'default',
      system_fingerprint: 'fp_1', ...counted,
      choices: [{ index: 0, delta: {}, finish_reason: null, ...choice }], ...more,
    });
  }

  open() {
    return this.#chunk({ delta: { role: 'assistant', content: '', refusal: null } });
  }

  step({ text, thought, call }) {
    if (text !== undefined) return this.#chunk({ delta: { content: text } });
    // What those call it who serve open models; OpenAI itself keeps its models' thoughts.
    if (thought !== undefined) return this.#chunk({ delta: { reasoning_content: thought } });
    const index = this.#calls++;
    const first = called(call, this.context.call_id('call_'), '');
    const rest = pieces(call.arguments).map((piece) => ({ function: { arguments: piece } }));
    return [first, ...rest].map((part) =>
      this.#chunk({ delta: { tool_calls: [{ index, ...part }] } })).join('');
  }

  close(plan) {
    const end = this.#chunk({ finish_reason: FINISH[plan.finish] });
    const told = this.context.body.stream_options?.include_usage
      ? this.#chunk({}, { choices: [], usage: usage(plan) }) : '';
    return `${end}${told}data: [DONE]\n\n`;
  }

  fail() {
    return event({
      error: { message: 'The server had an error', type: 'server_error', param: null, code: null },
    });
  }
}

export const openai = {
  name: 'openai',
  id_header: 'x-request-id',

  route(method, url) {
    const kind = PATHS[url.pathname];
    return method === 'POST' && kind ? { kind } : null;
  },

  key_of: (headers) => /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],

  faults: ({ kind, body }) => (kind === 'chat' ? chat_faults(body) : embedding_faults(body)),

  // The request as all dialects could say it.
  read(body) {
    const messages = (body.messages ?? []).map(read_message);
    return {
      system: messages.filter(({ role }) => role === 'system').map(({ text }) => text),
      messages: messages.filter(({ role }) => role !== 'system'),
      max_tokens: body.max_completion_tokens ?? body.max_tokens,
      tools: (body.tools ?? []).map(({ function: tool }) => tool),
      schema: body.response_format?.json_schema?.schema,
      choice: body.tool_choice?.function?.name ?? body.tool_choice,
      stop: [body.stop ?? []].flat(),
      thoughts: true,
      stream: body.stream === true,
    };
  },

  refusal(status, message) {
    const code = status === 401 ? 'invalid_api_key' : status === 404 ? 'model_not_found' : null;
    return { error: { message, type: 'invalid_request_error', param: null, code } };
  },

  stream: (context) => new Stream(context),

  answer(plan, context) {
    const { text, thought, calls } = whole(plan);
    const message = { role: 'assistant', content: text || null, refusal: null, annotations: [] };
    if (thought) message.reasoning_content = thought;
    if (calls.length) {
      message.tool_calls = calls.map((call) =>
        called(call, context.call_id('call_'), JSON.stringify(call.arguments)));
    }
    return {
      id: context.id, object: 'chat.completion', created: 1_790_000_000, model: context.model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: FINISH[plan.finish] }],
      usage: usage(plan), service_tier: 'default', system_fingerprint: 'fp_1',
    };
  },

  // Embeddings.
  extra({ body }) {
    const vector = body.encoding_format === 'base64'
      ? Buffer.from(new Float32Array(VECTOR).buffer).toString('base64') : VECTOR;
    const data = [body.input].flat().map((_, index) =>
      ({ object: 'embedding', index, embedding: vector }));
    const spent = { prompt_tokens: USAGE.input, total_tokens: USAGE.input };
    return { object: 'list', data, model: body.model, usage: spent };
  },
};
