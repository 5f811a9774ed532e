// The official client of OpenAI, chat completions and embeddings.

import OpenAI from 'openai';

import {
  CALLS, EMBEDDED, IMAGE, MAX_TOKENS, QUESTION, RESULTS, SCHEMA, SCHEMA_NAME, STOP, SYSTEM, TOOLS,
} from '../material.mjs';
import { WITH_RESULTS, collect, data_url, usage } from './result.mjs';

const tools = TOOLS.map((tool) => ({ type: 'function', function: tool }));
const user = { role: 'user', content: QUESTION };

const BODIES = {
  system: { messages: [{ role: 'system', content: SYSTEM }, user] },
  tools: { tools },
  tools_stream: { tools },
  tool_result: { tools },
  thinking_tool: { tools, reasoning_effort: 'low' },
  forced_tool: { tools, tool_choice: { type: 'function', function: { name: CALLS[0].name } } },
  stop: { stop: STOP },
  image: {
    messages: [{
      role: 'user',
      content: [
        { type: 'text', text: QUESTION },
        { type: 'image_url', image_url: { url: data_url(IMAGE) } },
      ],
    }],
  },
  structured: {
    response_format: {
      type: 'json_schema', json_schema: { name: SCHEMA_NAME, schema: SCHEMA, strict: true },
    },
  },
  reasoning_stream: { reasoning_effort: 'low' },
  usage_stream: { stream_options: { include_usage: true } },
};

const usage_of = (told) => told && usage(
  told.prompt_tokens, told.completion_tokens, told.prompt_tokens_details?.cached_tokens);

function take_message(result, { choices: [{ message, finish_reason }], usage: told }) {
  result.text = message.content ?? '';
  result.reasoning = message.reasoning_content ?? '';
  result.toolCalls = (message.tool_calls ?? []).map(({ id, function: called }) =>
    ({ id, name: called.name, arguments: JSON.parse(called.arguments) }));
  result.finish = finish_reason;
  result.usage = usage_of(told) ?? null;
  if (message.parsed) result.object = message.parsed;
}

async function whole(client, body, result) {
  take_message(result, await client.chat.completions.create(body));
}

// The client's own accumulator checks the order of chunks; the loop sees each as it comes.
async function streamed(client, body, result, leaving) {
  let reasoning = '';
  const stream = client.chat.completions.stream(body, { signal: leaving?.signal });
  for await (const { choices: [choice] } of stream) {
    ++result.events;
    result.text += choice?.delta.content ?? '';
    reasoning += choice?.delta.reasoning_content ?? '';
    if (choice?.delta.content) leaving?.abort();
  }
  take_message(result, await stream.finalChatCompletion());
  // Of a field it does not know the accumulator keeps the last piece only.
  result.reasoning = reasoning;
}

async function with_results(client, body, result) {
  const messages = [...body.messages];
  const first = await client.chat.completions.create(body);
  const { message } = first.choices[0];
  messages.push(message);
  for (const { id, function: { name } } of message.tool_calls) {
    messages.push({ role: 'tool', tool_call_id: id, content: RESULTS[name] });
  }
  await whole(client, { ...body, messages }, result);
  result.called = message.tool_calls.map(({ id }) => id);
}

export const openai_chat = {
  name: 'openai',
  dialect: 'chat',
  cannot: {},
  not_found: 'NotFoundError',

  run(feature, { baseUrl, key, model }) {
    const client = new OpenAI({ apiKey: key, baseURL: `${baseUrl}/v1`, maxRetries: 0 });
    const body = {
      model, messages: [user], max_completion_tokens: MAX_TOKENS, ...BODIES[feature],
    };
    return collect(async (result) => {
      if (WITH_RESULTS.includes(feature)) return with_results(client, body, result);
      if (feature === 'structured') {
        return take_message(result, await client.chat.completions.parse(body));
      }
      if (feature === 'embeddings') {
        const { data, usage: told } = await client.embeddings.create({ model, input: EMBEDDED });
        result.vectors = data.map(({ embedding }) => embedding);
        result.usage = usage(told.prompt_tokens, 0);
        return undefined;
      }
      const leaving = feature === 'abort' ? new AbortController() : undefined;
      const streams = leaving || feature.includes('stream');
      return streams ? streamed(client, body, result, leaving) : whole(client, body, result);
    });
  },
};
