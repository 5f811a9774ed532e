// Anthropic's messages, as its servers speak them.

import { USAGE } from '../material.mjs';
import { VERSIONS, message_faults } from './anthropic_rules.mjs';
import { pieces, whole } from './plans.mjs';

const PATHS = { '/v1/messages': 'chat', '/v1/messages/count_tokens': 'count' };
const FINISH = {
  stop: 'end_turn', tool: 'tool_use', length: 'max_tokens', filtered: 'refusal',
};
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

const blocks_of = (content) => (typeof content === 'string' ? [{ type: 'text', text: content }]
  : (content ?? []));
const text_of = (content) => blocks_of(content).map(({ text }) => text ?? '').join('');

function read_message({ role, content }) {
  const of = (type) => blocks_of(content).filter((block) => block.type === type);
  return {
    role,
    text: text_of(content),
    images: of('image').map(({ source }) => ({ mime: source.media_type, base64: source.data })),
    calls: of('tool_use').map(({ id, name, input }) => ({ id, name, arguments: input })),
    results: of('tool_result').map((block) =>
      ({ id: block.tool_use_id, text: text_of(block.content) })),
  };
}

const spent = (plan) => USAGE.output + (plan.thoughts ? USAGE.thoughts : 0);
// What came out of the cache is not among `input_tokens` here, but beside them.
const read_tokens = () => ({
  input_tokens: USAGE.input - USAGE.cached, cache_read_input_tokens: USAGE.cached,
  cache_creation_input_tokens: 0,
});
const stop_details = (plan) => (plan.finish === 'filtered'
  ? { type: 'refusal', category: 'general_harms', explanation: null } : null);

class Stream {
  #index = -1;
  #kind = null;

  constructor(context) {
    this.context = context;
  }

  open() {
    const { id, model } = this.context;
    const message = {
      id, type: 'message', role: 'assistant', model, content: [], stop_reason: null,
      stop_sequence: null, usage: { ...read_tokens(), output_tokens: 1 },
    };
    return event({ type: 'message_start', message }) + event({ type: 'ping' });
  }

  #begin(kind, content_block) {
    const before = this.#end();
    this.#kind = kind;
    return before + event({ type: 'content_block_start', index: ++this.#index, content_block });
  }

  #delta(delta) {
    return event({ type: 'content_block_delta', index: this.#index, delta });
  }

  #end() {
    if (!this.#kind) return '';
    const signature = this.#kind === 'thought'
      ? this.#delta({ type: 'signature_delta', signature: this.context.sign() }) : '';
    this.#kind = null;
    return signature + event({ type: 'content_block_stop', index: this.#index });
  }

  step({ text, thought, call }) {
    if (text !== undefined) {
      const start = this.#kind === 'text' ? '' : this.#begin('text', { type: 'text', text: '' });
      return start + this.#delta({ type: 'text_delta', text });
    }
    if (thought !== undefined) {
      const empty = { type: 'thinking', thinking: '', signature: '' };
      const start = this.#kind === 'thought' ? '' : this.#begin('thought', empty);
      return start + this.#delta({ type: 'thinking_delta', thinking: thought });
    }
    const id = this.context.call_id('toolu_01');
    const parts = ['', ...pieces(call.arguments)];
    return this.#begin('call', { type: 'tool_use', id, name: call.name, input: {} })
      + parts.map((part) => this.#delta({ type: 'input_json_delta', partial_json: part })).join('')
      + event({ type: 'ping' });
  }

  close(plan) {
    return this.#end()
      + event({
        type: 'message_delta',
        delta: {
          stop_reason: FINISH[plan.finish], stop_sequence: null, stop_details: stop_details(plan),
        },
        usage: { ...read_tokens(), output_tokens: spent(plan) },
      })
      + event({ type: 'message_stop' });
  }

  fail() {
    return event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
  }
}

export const anthropic = {
  name: 'anthropic',
  id_header: 'request-id',

  route(method, url) {
    const kind = PATHS[url.pathname];
    return method === 'POST' && kind ? { kind } : null;
  },

  key_of: (headers) =>
    headers['x-api-key'] ?? /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],

  faults({ kind, body, headers, signed }) {
    const version = headers['anthropic-version'];
    const header = VERSIONS.includes(version) ? []
      : [`the header anthropic-version is ${version}, not one of ${VERSIONS}`];
    return [...header, ...message_faults(body, { version, signed, counting: kind === 'count' })];
  },

  read(body) {
    return {
      system: [text_of(body.system)].filter(Boolean),
      messages: (body.messages ?? []).map(read_message),
      max_tokens: body.max_tokens,
      tools: (body.tools ?? []).map(({ name, description, input_schema }) =>
        ({ name, description, parameters: input_schema })),
      schema: body.output_config?.format?.schema,
      choice: body.tool_choice?.name ?? body.tool_choice?.type,
      stop: body.stop_sequences,
      thoughts: ['enabled', 'adaptive'].includes(body.thinking?.type),
      stream: body.stream === true,
    };
  },

  refusal(status, message) {
    const types = { 401: 'authentication_error', 404: 'not_found_error' };
    const type = types[status] ?? 'invalid_request_error';
    return { type: 'error', error: { type, message }, request_id: 'req_011scripted' };
  },

  stream: (context) => new Stream(context),

  answer(plan, context) {
    const { text, thought, calls } = whole(plan);
    const content = calls.map((call) => ({
      type: 'tool_use', id: context.call_id('toolu_01'), name: call.name, input: call.arguments,
      caller: { type: 'direct' },
    }));
    if (text) content.unshift({ type: 'text', text, citations: null });
    const signature = context.sign();
    if (thought) content.unshift({ type: 'thinking', thinking: thought, signature });
    return {
      id: context.id, type: 'message', role: 'assistant', model: context.model, content,
      stop_reason: FINISH[plan.finish], stop_sequence: null, stop_details: stop_details(plan),
      usage: { ...read_tokens(), output_tokens: spent(plan) },
    };
  },

  // Counting.
  extra: () => ({ input_tokens: USAGE.input }),
};
