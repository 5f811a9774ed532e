// The official client of Anthropic.

import Anthropic from '@anthropic-ai/sdk';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';

import {
  CALLS, IMAGE, MAX_TOKENS, QUESTION, RESULTS, SCHEMA, STOP, SYSTEM, TOOLS,
} from '../material.mjs';
import { WITH_RESULTS, collect, error_of, usage } from './result.mjs';

const FINISH = {
  end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length', refusal: 'content_filter',
};
const tools = TOOLS.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters }));

const thinking = { type: 'enabled', budget_tokens: 1024 };
// The client writes the schema anew: an enumeration loses its type.
const format = jsonSchemaOutputFormat(SCHEMA);

const BODIES = {
  system: { system: SYSTEM },
  tools: { tools },
  tools_stream: { tools },
  tool_result: { tools },
  thinking_tool: { tools, thinking },
  forced_tool: { tools, tool_choice: { type: 'tool', name: CALLS[0].name } },
  stop: { stop_sequences: STOP },
  image: {
    messages: [{
      role: 'user',
      content: [
        {
          type: 'image',
          source: { type: 'base64', media_type: IMAGE.mime, data: IMAGE.base64 },
        },
        { type: 'text', text: QUESTION },
      ],
    }],
  },
  structured: { output_config: { format } },
  reasoning_stream: { thinking },
};

function take_message(result, message) {
  const of = (type) => message.content.filter((block) => block.type === type);
  result.text = of('text').map(({ text }) => text).join('');
  result.reasoning = of('thinking').map(({ thinking }) => thinking).join('');
  result.toolCalls = of('tool_use').map(({ id, name, input }) => ({ id, name, arguments: input }));
  result.finish = FINISH[message.stop_reason] ?? message.stop_reason;
  const { input_tokens, output_tokens, cache_read_input_tokens: cached } = message.usage;
  result.usage = usage(input_tokens + (cached ?? 0), output_tokens, cached);
  if (message.parsed_output) result.object = message.parsed_output;
}

async function streamed(client, body, result, leaving) {
  const stream = client.messages.stream(body, { signal: leaving?.signal });
  for await (const event of stream) {
    ++result.events;
    result.text += event.delta?.text ?? '';
    result.reasoning += event.delta?.thinking ?? '';
    if (event.delta?.text) leaving?.abort();
  }
  take_message(result, await stream.finalMessage());
}

async function with_results(client, body, result) {
  const first = await client.messages.create(body);
  const calls = first.content.filter(({ type }) => type === 'tool_use');
  const messages = [
    ...body.messages,
    { role: 'assistant', content: first.content },
    {
      role: 'user',
      content: calls.map(({ id, name }) =>
        ({ type: 'tool_result', tool_use_id: id, content: RESULTS[name] })),
    },
  ];
  take_message(result, await client.messages.create({ ...body, messages }));
  result.called = calls.map(({ id }) => id);
}

// Its errors name a kind where OpenAI's have a code; a code of the server's own stands in the body.
const explain = (error) => error_of(error, { code: error.error?.error?.code });

export const anthropic = {
  name: 'anthropic',
  dialect: 'messages',
  cannot: {},
  not_found: 'NotFoundError',
  schema: format.schema,

  run(feature, { baseUrl, key, model }) {
    const client = new Anthropic({ apiKey: key, baseURL: baseUrl, maxRetries: 0 });
    const body = {
      model, max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: QUESTION }],
      ...BODIES[feature],
    };
    return collect(async (result) => {
      if (WITH_RESULTS.includes(feature)) return with_results(client, body, result);
      if (feature === 'structured') {
        return take_message(result, await client.messages.parse(body));
      }
      if (feature === 'count_tokens') {
        const { messages } = body;
        const counted = await client.messages.countTokens({ model, messages, system: SYSTEM });
        result.counted = counted.input_tokens;
        return undefined;
      }
      const leaving = feature === 'abort' ? new AbortController() : undefined;
      if (leaving || feature.includes('stream')) return streamed(client, body, result, leaving);
      return take_message(result, await client.messages.create(body));
    }, explain);
  },
};
