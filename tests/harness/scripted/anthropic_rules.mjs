// What Anthropic's messages refuse: the shape of a request and how its parts stand together.
// Turns, calls and their results are in anthropic_turns.mjs.

import { turn_faults } from './anthropic_turns.mjs';
import {
  any, base64, by, closed_objects, either, faults_of, fields, filled, flag, integer, is_object,
  like, list, nullable, number, object, one_of, text,
} from './checks.mjs';

// Since the newer of the two a request can no longer choose how its tokens are sampled.
export const VERSIONS = ['2023-06-01', '2026-10-21'];
const SAMPLING = ['temperature', 'top_p', 'top_k'];

const cache_control = nullable(fields({ 'type!': one_of('ephemeral'), ttl: one_of('5m', '1h') }));
const block = (checks) => fields({ 'type!': any, cache_control, ...checks });
const id = like(/^[a-zA-Z0-9_-]+$/);
const name = like(/^[a-zA-Z0-9_-]{1,128}$/);

const said = block({ 'text!': filled, citations: nullable(list(object)) });
const image = block({
  'source!': by('type', {
    base64: fields({
      'type!': any, 'data!': base64,
      'media_type!': one_of('image/jpeg', 'image/png', 'image/gif', 'image/webp'),
    }),
    url: fields({ 'type!': any, 'url!': like(/^https?:\/\//) }),
    file: fields({ 'type!': any, 'file_id!': filled }),
  }),
});
const file = block({
  'source!': object, title: nullable(text), context: nullable(text), citations: nullable(object),
});
const found = block({ 'content!': list(object), 'source!': text, 'title!': text });

const from_user = by('type', {
  text: said, image, document: file, search_result: found,
  tool_result: block({
    'tool_use_id!': id, is_error: flag, toolset_name: nullable(text),
    content: either(text, list(
      by('type', { text: said, image, document: file, search_result: found }))),
  }),
});

const from_assistant = by('type', {
  text: said,
  thinking: fields({ 'type!': any, 'thinking!': text, 'signature!': filled }),
  redacted_thinking: fields({ 'type!': any, 'data!': filled }),
  tool_use: block({
    'id!': id, 'name!': name, 'input!': object, caller: object, toolset_name: nullable(text),
  }),
});

const spoken = (what) => fields({ 'role!': any, 'content!': either(filled, what) });
const message = by('role', {
  user: spoken(list(from_user, { least: 1 })),
  assistant: spoken(list(from_assistant)),
  system: spoken(list(by('type', { text: said }), { least: 1 })),
});

const input_schema = (value, at, say) => {
  if (!is_object(value)) return say(at, 'is no object');
  if (value.type !== 'object') say(`${at}.type`, 'has to be "object"');
};
const tool_fields = fields({
  type: nullable(one_of('custom')), 'name!': name, description: text,
  'input_schema!': input_schema, cache_control, strict: flag, defer_loading: flag,
  eager_input_streaming: nullable(flag), input_examples: list(object), allowed_callers: list(text),
});
const tool = (value, at, say) => {
  tool_fields(value, at, say);
  if (value?.strict) closed_objects(value.input_schema, `${at}.input_schema`, say);
};

const chosen = (checks) => fields({ 'type!': any, disable_parallel_tool_use: flag, ...checks });
const display = nullable(one_of('summarized', 'omitted'));

const body_fields = {
  'model!': filled,
  'max_tokens!': integer(1),
  'messages!': list(message, { least: 1, most: 100_000 }),
  system: either(text, list(by('type', { text: said }))),
  stop_sequences: list(like(/\S/)), stream: flag,
  temperature: number(0, 1), top_p: number(0, 1), top_k: integer(0),
  metadata: fields({ user_id: nullable(text) }),
  tools: list(tool),
  tool_choice: by('type', {
    auto: chosen({}), any: chosen({}), tool: chosen({ 'name!': name }),
    none: fields({ 'type!': any }),
  }),
  thinking: by('type', {
    enabled: fields({ 'type!': any, 'budget_tokens!': integer(1024), display }),
    disabled: fields({ 'type!': any }), between_tools: object,
    adaptive: fields({ 'type!': any, display }),
  }),
  output_config: fields({
    effort: nullable(one_of('low', 'medium', 'high', 'xhigh', 'max')),
    format: nullable(by('type', {
      json_schema: fields({
        'type!': any,
        'schema!': (value, at, say) => {
          object(value, at, say);
          closed_objects(value, at, say);
        },
      }),
    })),
  }),
  cache_control, service_tier: one_of('auto', 'standard_only'), container: any,
  inference_geo: nullable(text), speed: nullable(one_of('standard', 'fast')), diagnostics: any,
  context_management: any,
};
const body = fields(body_fields);
const answering = ['max_tokens!', 'stream', 'stop_sequences'];
const countable = fields(Object.fromEntries(
  Object.entries(body_fields).filter(([key]) => !answering.includes(key))));

function thinking_fits(request, say) {
  const { thinking, tool_choice } = request;
  if (!['enabled', 'adaptive'].includes(thinking?.type)) return;
  if (thinking.budget_tokens >= request.max_tokens) {
    say('thinking.budget_tokens', 'has to be less than max_tokens');
  }
  if (![undefined, 1].includes(request.temperature)) {
    say('temperature', 'has to be 1 while the model thinks');
  }
  if (request.top_k !== undefined) say('top_k', 'cannot be set while the model thinks');
  if (['any', 'tool'].includes(tool_choice?.type)) {
    say('tool_choice', 'cannot force a tool while the model thinks');
  }
}

function tools_fit({ tools = [], tool_choice }, say) {
  const names = Array.isArray(tools) ? tools.map((entry) => entry?.name) : [];
  if (new Set(names).size < names.length) say('tools', 'has two of one name');
  if (tool_choice && !names.length) say('tool_choice', 'is there without tools');
  if (tool_choice?.name && !names.includes(tool_choice.name)) {
    say('tool_choice', `names ${tool_choice.name}, which is no tool`);
  }
}

// `version` is the header's value, `signed` tells whether a thought's signature is one of ours.
export const message_faults = (request, { version, signed, counting }) =>
  faults_of((value, at, say) => {
    (counting ? countable : body)(value, at, say);
    if (!is_object(value)) return;
    for (const key of SAMPLING.filter((option) => version !== VERSIONS[0] && option in value)) {
      say(key, `is not a field of version ${version}`);
    }
    if (Array.isArray(value.messages)) turn_faults(value, { version, signed }, say);
    thinking_fits(value, say);
    tools_fit(value, say);
  }, request);
