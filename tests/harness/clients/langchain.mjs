// LangChain over OpenAI's APIs: two clients, for it speaks both.

import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';

import {
  CALLS, EMBEDDED, IMAGE, MAX_TOKENS, QUESTION, RESULTS, SCHEMA, SCHEMA_NAME, STOP, SYSTEM, TOOLS,
} from '../material.mjs';
import { WITH_RESULTS, collect, data_url, error_of, usage } from './result.mjs';

const tools = TOOLS.map((tool) => ({ type: 'function', function: tool }));
const user = new HumanMessage(QUESTION);
const MESSAGES = {
  system: [new SystemMessage(SYSTEM), user],
  image: [new HumanMessage({
    content: [
      { type: 'text', text: QUESTION },
      { type: 'image_url', image_url: { url: data_url(IMAGE) } },
    ],
  })],
};

const ARMED = {
  tools: (model) => model.bindTools(tools),
  tools_stream: (model) => model.bindTools(tools),
  tool_result: (model) => model.bindTools(tools),
  thinking_tool: (model) => model.bindTools(tools),
  forced_tool: (model) => model.bindTools(tools, { tool_choice: CALLS[0].name }),
  stop: (model) => model.withConfig({ stop: STOP }),
};

// Responses have a status and a reason where chat has a finish reason.
function finish_of({ response_metadata: told, tool_calls }) {
  if (told.finish_reason) return told.finish_reason;
  const reason = told.incomplete_details?.reason;
  if (reason) return reason === 'max_output_tokens' ? 'length' : reason;
  if (told.status && told.status !== 'completed') return told.status;
  return tool_calls.length ? 'tool_calls' : 'stop';
}

const reasoning_of = ({ additional_kwargs: extra }) => extra.reasoning_content
  ?? (extra.reasoning?.summary ?? []).map(({ text }) => text).join('');

function take_message(result, message) {
  result.text = message.text;
  result.reasoning = reasoning_of(message);
  result.toolCalls = message.tool_calls.map(({ id, name, args }) =>
    ({ id, name, arguments: args }));
  result.finish = finish_of(message);
  const told = message.usage_metadata;
  result.usage = told
    ? usage(told.input_tokens, told.output_tokens, told.input_token_details?.cache_read) : null;
}

async function streamed(model, messages, result, leaving) {
  let whole;
  for await (const chunk of await model.stream(messages, { signal: leaving?.signal })) {
    ++result.events;
    whole = whole?.concat(chunk) ?? chunk;
    result.text = whole.text;
    if (chunk.text) leaving?.abort();
  }
  take_message(result, whole);
}

async function with_results(model, messages, result) {
  const first = await model.invoke(messages);
  const results = first.tool_calls.map(({ id, name }) =>
    new ToolMessage({ tool_call_id: id, name, content: RESULTS[name] }));
  take_message(result, await model.invoke([...messages, first, ...results]));
  result.called = first.tool_calls.map(({ id }) => id);
}

async function structured(model, messages, result) {
  const form = model.withStructuredOutput(SCHEMA, {
    name: SCHEMA_NAME, method: 'jsonSchema', strict: true, includeRaw: true,
  });
  const { raw, parsed } = await form.invoke(messages);
  take_message(result, raw);
  result.object = parsed;
}

async function embed({ key, model, configuration }, result) {
  const embeddings = new OpenAIEmbeddings({ apiKey: key, model, maxRetries: 0, configuration });
  result.vectors = await embeddings.embedDocuments(EMBEDDED);
}

// It asks OpenAI for thoughts only of models whose names it knows.
const THINKS = ['reasoning_stream', 'thinking_tool'];
const THINKING = {
  chat: { modelKwargs: { reasoning_effort: 'low' } },
  responses: { modelKwargs: { reasoning: { effort: 'low', summary: 'auto' } } },
};

const NOT_WRAPPED = 'this library has no call for it';

function client(name, dialect, cannot) {
  return {
    name,
    dialect,
    cannot,
    not_found: 'NotFoundError',

    run(feature, { baseUrl, key, model: name_of_model }) {
      const configuration = { baseURL: `${baseUrl}/v1` };
      const messages = MESSAGES[feature] ?? [user];
      return collect(async (result) => {
        if (feature === 'embeddings') {
          return embed({ key, model: name_of_model, configuration }, result);
        }
        const model = new ChatOpenAI({
          apiKey: key, model: name_of_model, maxTokens: MAX_TOKENS, maxRetries: 0, configuration,
          useResponsesApi: dialect === 'responses',
          ...(THINKS.includes(feature) ? THINKING[dialect] : {}),
        });
        const armed = ARMED[feature]?.(model) ?? model;
        if (WITH_RESULTS.includes(feature)) return with_results(armed, messages, result);
        if (feature === 'structured') return structured(model, messages, result);
        const leaving = feature === 'abort' ? new AbortController() : undefined;
        if (leaving || feature.includes('stream')) {
          return streamed(armed, messages, result, leaving);
        }
        return take_message(result, await armed.invoke(messages));
      }, error_of);
    },
  };
}

export const langchain_chat = client('langchain', 'chat', {});
export const langchain_responses = client('langchain responses', 'responses', {
  stored: NOT_WRAPPED, resume: NOT_WRAPPED, cancel: NOT_WRAPPED,
});
