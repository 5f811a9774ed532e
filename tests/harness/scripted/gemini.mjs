// Gemini's generateContent, as its servers speak it.

import { USAGE, VECTOR } from '../material.mjs';
import {
  batch_faults, camel, count_faults, embed_faults, generate_faults,
} from './gemini_rules.mjs';
import { turn_rules } from './gemini_turns.mjs';
import { whole } from './plans.mjs';

const FINISH = { stop: 'STOP', tool: 'STOP', length: 'MAX_TOKENS', filtered: 'SAFETY' };
const PATH = /^\/v1(?:beta)?\/models\/([^/:]+):([a-zA-Z]+)$/;
const KINDS = {
  generateContent: 'chat', streamGenerateContent: 'chat', countTokens: 'count',
  embedContent: 'embed', batchEmbedContents: 'batch',
};
// Google ends its lines as HTTP does.
const event = (data) => `data: ${JSON.stringify(data)}\r\n\r\n`;

const text_of = (parts, thought = false) => parts
  .filter((part) => Boolean(part.thought) === thought).map(({ text }) => text ?? '').join('');

function read_turn({ role, parts }) {
  const of = (name) => parts.filter((part) => part[name]).map((part) => part[name]);
  return {
    role: role === 'model' ? 'assistant' : role,
    text: text_of(parts),
    images: of('inlineData').map(({ mimeType, data }) => ({ mime: mimeType, base64: data })),
    calls: of('functionCall').map(({ id, name, args }) => ({ id, name, arguments: args })),
    // A response is an object of the caller's making; whoever looks for a text looks inside.
    results: of('functionResponse').map(({ id, name, response }) =>
      ({ id, name, text: Object.values(response).join('') })),
  };
}

const usage = (plan) => {
  const thoughts = plan.thoughts ? { thoughtsTokenCount: USAGE.thoughts } : {};
  return {
    promptTokenCount: USAGE.input, cachedContentTokenCount: USAGE.cached,
    candidatesTokenCount: USAGE.output, ...thoughts,
    totalTokenCount: USAGE.input + USAGE.output + (plan.thoughts ? USAGE.thoughts : 0),
  };
};

// The first of a step's calls carries the signature of the thought that led to it. One call alone
// has no id, as in older models, two have theirs: both are met.
function call_part(call, context, first, several) {
  const id = several ? { id: context.call_id('') } : {};
  const part = { functionCall: { name: call.name, args: call.arguments, ...id } };
  return first ? { ...part, thoughtSignature: context.sign() } : part;
}

class Stream {
  #calls = 0;

  constructor(context) {
    this.context = context;
  }

  #chunk(parts, more = {}) {
    const candidate = { content: { parts, role: 'model' }, index: 0, ...more };
    return {
      candidates: [candidate], modelVersion: this.context.model, responseId: this.context.id,
      usageMetadata: { promptTokenCount: USAGE.input, totalTokenCount: USAGE.input },
    };
  }

  open() {
    return '';
  }

  step({ text, thought, call }) {
    if (text !== undefined) return event(this.#chunk([{ text }]));
    if (thought !== undefined) return event(this.#chunk([{ text: thought, thought: true }]));
    const several = this.context.plan.steps.length > 1;
    return event(this.#chunk([call_part(call, this.context, this.#calls++ === 0, several)]));
  }

  close(plan) {
    const last = this.#chunk([{ text: '' }], { finishReason: FINISH[plan.finish] });
    if (plan.finish === 'filtered') delete last.candidates[0].content;
    return event({ ...last, usageMetadata: usage(plan) });
  }

  fail() {
    const error = { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' };
    return event({ error });
  }
}

export const gemini = {
  name: 'gemini',

  route(method, url) {
    const [, model, verb] = PATH.exec(decodeURIComponent(url.pathname)) ?? [];
    if (method !== 'POST' || !KINDS[verb]) return null;
    const stream = verb === 'streamGenerateContent';
    return { kind: KINDS[verb], model, stream, sse: url.searchParams.get('alt') === 'sse' };
  },

  key_of: (headers, url) => headers['x-goog-api-key'] ?? url.searchParams.get('key'),

  faults({ kind, body, route, signed }) {
    const form = route.stream && !route.sse ? ['a stream is asked for without alt=sse'] : [];
    const rules = turn_rules(signed);
    const check = { chat: generate_faults, count: count_faults, embed: embed_faults,
      batch: batch_faults }[kind];
    return [...form, ...check(body, rules)];
  },

  read(given, route) {
    const body = camel(given.generateContentRequest ?? given);
    const config = body.generationConfig ?? {};
    const calling = body.toolConfig?.functionCallingConfig ?? {};
    return {
      system: body.systemInstruction ? [text_of(body.systemInstruction.parts)] : [],
      messages: (body.contents ?? []).map(read_turn),
      max_tokens: config.maxOutputTokens,
      tools: (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []).map((tool) => ({
        name: tool.name, description: tool.description,
        parameters: tool.parametersJsonSchema ?? tool.parameters,
      })),
      schema: config.responseJsonSchema ?? config.responseSchema,
      choice: calling.allowedFunctionNames?.join() ?? calling.mode,
      stop: config.stopSequences,
      thoughts: config.thinkingConfig?.includeThoughts === true,
      stream: route.stream,
    };
  },

  refusal(status, message) {
    const words = { 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND' };
    return { error: { code: status, message, status: words[status] ?? 'INVALID_ARGUMENT' } };
  },

  stream: (context) => new Stream(context),

  answer(plan, context) {
    const { text, thought, calls } = whole(plan);
    const parts = calls.map((call, index) =>
      call_part(call, context, index === 0, calls.length > 1));
    if (text) parts.unshift({ text });
    if (thought) parts.unshift({ text: thought, thought: true });
    const candidate = { content: { parts, role: 'model' }, index: 0 };
    return {
      candidates: [{ ...candidate, finishReason: FINISH[plan.finish] }],
      usageMetadata: usage(plan), modelVersion: context.model, responseId: context.id,
    };
  },

  extra({ kind, body }) {
    if (kind === 'count') return { totalTokens: USAGE.input };
    const one = { values: VECTOR };
    return kind === 'embed' ? { embedding: one } : { embeddings: body.requests.map(() => one) };
  },
};
