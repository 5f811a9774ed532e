// What OpenAI's chat completions refuse. The fields are those of the official client's types.

import {
  any, base64, by, closed_objects, either, faults_of, fields, filled, flag, integer, is_object,
  like, list, nullable, number, object, one_of, text,
} from './checks.mjs';

const name = like(/^[a-zA-Z0-9_-]{1,64}$/);

const image_url = (value, at, say) => {
  const inline = /^data:(image\/(?:png|jpeg|gif|webp));base64,(.*)$/s.exec(value);
  if (inline) base64(inline[2], at, say);
  else if (!/^https?:\/\//.test(value)) say(at, 'is neither an image in a data: URL nor a URL');
};

const said = fields({ 'type!': any, 'text!': text, prompt_cache_breakpoint: object });
const refused = fields({ 'type!': any, 'refusal!': text });
const seen = by('type', {
  text: said,
  image_url: fields({
    'type!': any,
    'image_url!': fields({ 'url!': image_url, detail: one_of('auto', 'low', 'high', 'original') }),
  }),
  input_audio: fields({
    'type!': any, 'input_audio!': fields({ 'data!': base64, 'format!': one_of('wav', 'mp3') }),
  }),
  file: fields({ 'type!': any, 'file!': object }),
});
const texts = either(text, list(by('type', { text: said }), { least: 1 }));

const call = fields({
  'id!': filled,
  'type!': one_of('function'),
  'function!': fields({ 'name!': name, 'arguments!': text }),
});

const from_system = fields({ 'role!': any, 'content!': texts, name });
const message = by('role', {
  developer: from_system,
  system: from_system,
  user: fields({ 'role!': any, 'content!': either(text, list(seen, { least: 1 })), name }),
  assistant: fields({
    'role!': any,
    content: nullable(either(
      text, list(by('type', { text: said, refusal: refused }), { least: 1 }))),
    refusal: nullable(text), name, audio: nullable(object), annotations: list(object),
    reasoning_content: nullable(text), // who gives thoughts takes them back
    function_call: nullable(object), tool_calls: list(call, { least: 1 }),
  }),
  tool: fields({ 'role!': any, 'content!': texts, 'tool_call_id!': filled, name }),
  function: fields({ 'role!': any, 'content!': nullable(text), 'name!': name }),
});

const strict_schema = (value, at, say) => value.strict && closed_objects(value.schema, at, say);
const format_schema = fields({
  'name!': name, description: text, schema: object, strict: nullable(flag),
});
const format = by('type', {
  text: fields({ 'type!': any }),
  json_object: fields({ 'type!': any }),
  json_schema: fields({
    'type!': any,
    'json_schema!': (value, at, say) => {
      format_schema(value, at, say);
      if (is_object(value)) strict_schema(value, `${at}.schema`, say);
    },
  }),
});

const tool_function = fields({
  'name!': name, description: text, parameters: object, strict: nullable(flag),
});
const tool = by('type', {
  function: fields({
    'type!': any,
    'function!': (value, at, say) => {
      tool_function(value, at, say);
      if (is_object(value) && value.strict) {
        closed_objects(value.parameters, `${at}.parameters`, say);
      }
    },
  }),
  custom: fields({ 'type!': any, 'custom!': object }),
});

const body = fields({
  'model!': filled,
  'messages!': list(message, { least: 1 }),
  audio: nullable(object), modalities: nullable(list(one_of('text', 'audio'))),
  frequency_penalty: nullable(number(-2, 2)), presence_penalty: nullable(number(-2, 2)),
  temperature: nullable(number(0, 2)), top_p: nullable(number(0, 1)),
  n: nullable(integer(1, 128)), seed: nullable(integer(Number.MIN_SAFE_INTEGER)),
  logit_bias: nullable(object), logprobs: nullable(flag), top_logprobs: nullable(integer(0, 20)),
  max_tokens: nullable(integer(1)), max_completion_tokens: nullable(integer(1)),
  metadata: nullable(object), store: nullable(flag), user: text, safety_identifier: text,
  prompt_cache_key: text, prompt_cache_retention: text, prompt_cache_options: object,
  moderation: nullable(object), prediction: nullable(object), web_search_options: object,
  reasoning_effort: nullable(one_of('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
  verbosity: nullable(one_of('low', 'medium', 'high')), service_tier: nullable(text),
  response_format: format, stop: nullable(either(text, list(text, { least: 1, most: 4 }))),
  stream: nullable(flag),
  stream_options: nullable(fields({ include_usage: flag, include_obfuscation: flag })),
  tools: list(tool, { least: 1, most: 128 }), parallel_tool_calls: flag,
  tool_choice: either(one_of('none', 'auto', 'required'), by('type', {
    function: fields({ 'type!': any, 'function!': fields({ 'name!': name }) }),
    custom: object, allowed_tools: object,
  })),
  functions: list(object), function_call: any,
});

// Each call is answered by a `tool` message, before anybody else speaks, and nothing else is.
function follow_calls(messages, say) {
  let open = new Map();
  const close = (at) => {
    if (open.size) say(at, `comes before the calls ${[...open.keys()]} were answered`);
    open = new Map();
  };
  messages.filter(is_object).forEach((entry, index) => {
    const at = `messages[${index}]`;
    if (entry.role === 'tool') {
      if (!open.delete(entry.tool_call_id)) say(at, 'answers no call of the message before it');
      return;
    }
    close(at);
    const calls = Array.isArray(entry.tool_calls) ? entry.tool_calls : [];
    for (const { id } of calls) {
      if (open.has(id)) say(at, `has two calls of the id ${id}`);
      open.set(id, true);
    }
    const empty = !calls.length && !entry.function_call && !entry.refusal && !entry.audio;
    if (entry.role === 'assistant' && empty && (entry.content ?? null) === null) {
      say(at, 'is an assistant that says nothing and calls nothing');
    }
  });
  close('the end');
}

function together(request, say) {
  const has = (key) => (request[key] ?? null) !== null;
  if (has('max_tokens') && has('max_completion_tokens')) {
    say('max_tokens', 'and max_completion_tokens are both there');
  }
  if (has('stream_options') && request.stream !== true) {
    say('stream_options', 'is there without stream: true');
  }
  if (!has('tools')) {
    for (const key of ['tool_choice', 'parallel_tool_calls']) {
      if (has(key)) say(key, 'is there without tools');
    }
  }
  if (has('top_logprobs') && request.logprobs !== true) {
    say('top_logprobs', 'is there without logprobs: true');
  }
  const chosen = request.tool_choice?.function?.name;
  if (chosen && !request.tools?.some((entry) => entry.function?.name === chosen)) {
    say('tool_choice', `names ${chosen}, which is no tool`);
  }
}

export const chat_faults = (request) => faults_of((value, at, say) => {
  body(value, at, say);
  if (!is_object(value)) return;
  if (Array.isArray(value.messages)) follow_calls(value.messages, say);
  together(value, say);
}, request);

export const embedding_faults = (request) => faults_of(fields({
  'model!': filled,
  'input!': either(filled, list(filled, { least: 1, most: 2048 })),
  dimensions: integer(1), encoding_format: one_of('float', 'base64'), user: text,
}), request);
