// The AI SDK. Its core is one, and which API is spoken is up to a provider package: three clients.

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  Output, embedMany, generateText, isStepCount, jsonSchema, streamText, tool,
} from 'ai';

import {
  CALLS, EMBEDDED, IMAGE, MAX_TOKENS, QUESTION, RESULTS, SCHEMA, SCHEMA_NAME, STOP, SYSTEM, TOOLS,
} from '../material.mjs';
import { collect, error_of, usage } from './result.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

// With `execute` the SDK runs the tools itself and goes on with their results.
const tools_of = (runs) => Object.fromEntries(TOOLS.map(({ name, description, parameters }) => {
  const execute = runs ? { execute: () => RESULTS[name] } : {};
  return [name, tool({ description, inputSchema: jsonSchema(parameters), ...execute })];
}));

const OPTIONS = {
  system: { instructions: SYSTEM },
  tools: { tools: tools_of(false) },
  tools_stream: { tools: tools_of(false) },
  forced_tool: {
    tools: tools_of(false), toolChoice: { type: 'tool', toolName: CALLS[0].name },
  },
  stop: { stopSequences: STOP },
  tool_result: { tools: tools_of(true), stopWhen: isStepCount(2) },
  thinking_tool: { tools: tools_of(true), stopWhen: isStepCount(2) },
  image: {
    messages: [{
      role: 'user',
      content: [
        { type: 'text', text: QUESTION },
        { type: 'file', mediaType: IMAGE.mime, data: Buffer.from(IMAGE.base64, 'base64') },
      ],
    }],
  },
  structured: { output: Output.object({ schema: jsonSchema(SCHEMA), name: SCHEMA_NAME }) },
};

const FINISH = { 'tool-calls': 'tool_calls', 'content-filter': 'content_filter' };
const finish_of = (reason) => FINISH[reason] ?? reason;
const usage_of = ({ inputTokens, outputTokens, inputTokenDetails }) =>
  usage(inputTokens, outputTokens, inputTokenDetails?.cacheReadTokens);
const call_of = ({ toolCallId: id, toolName: name, input }) => ({ id, name, arguments: input });

function take_whole(result, answer) {
  result.text = answer.text;
  result.reasoning = answer.reasoningText ?? '';
  result.toolCalls = answer.toolCalls.map(call_of);
  result.finish = finish_of(answer.finishReason);
  // That of the last step, as in the other clients.
  result.usage = usage_of(answer.usage);
  result.called = answer.steps[0].toolCalls.map(({ toolCallId }) => toolCallId);
}

async function streamed(options, result, leaving) {
  const answer = streamText({ ...options, abortSignal: leaving?.signal, onError: () => {} });
  for await (const part of answer.stream) {
    ++result.events;
    if (part.type === 'text-delta') {
      result.text += part.text;
      leaving?.abort();
    }
    if (part.type === 'reasoning-delta') result.reasoning += part.text;
    if (part.type === 'tool-call') result.toolCalls.push(call_of(part));
    if (part.type === 'finish') {
      result.finish = finish_of(part.finishReason);
      result.usage = usage_of(part.totalUsage);
    }
    if (part.type === 'error') throw part.error;
  }
}

// A refusal's body is parsed by the SDK where it has the shape that the provider package expects.
// What it says of a stream's error is the provider's own, in `data` or as it is.
function explain(error) {
  const inner = error?.data?.error ?? error?.data ?? error;
  return error_of(error, { code: inner?.code, type: inner?.type });
}

const NOT_WRAPPED = 'this library has no call for it';

// `own` are the provider package's own options, by feature.
function client(name, dialect, connect, own, cannot = {}) {
  return {
    name,
    dialect,
    cannot,
    not_found: 'APICallError',

    run(feature, { baseUrl, key, model }) {
      const provider = connect({ baseURL: `${baseUrl}/v1`, apiKey: key });
      const options = {
        model: provider(model), prompt: QUESTION, maxOutputTokens: MAX_TOKENS, maxRetries: 0,
        providerOptions: own[feature], ...OPTIONS[feature],
      };
      if (options.messages) delete options.prompt;
      return collect(async (result) => {
        if (feature === 'embeddings') {
          const answer = await embedMany({
            model: provider.embeddingModel(model), values: EMBEDDED, maxRetries: 0,
          });
          result.vectors = answer.embeddings;
          result.usage = usage(answer.usage.tokens, 0);
          return;
        }
        const leaving = feature === 'abort' ? new AbortController() : undefined;
        if (leaving || feature.includes('stream')) return streamed(options, result, leaving);
        const answer = await generateText(options);
        take_whole(result, answer);
        if (feature === 'structured') result.object = answer.output;
      }, explain);
    },
  };
}

const thinks = (options) => ({ reasoning_stream: options, thinking_tool: options });

export const ai_compatible = client(
  'ai-sdk compatible', 'chat',
  (where) => createOpenAICompatible({
    name: 'weir', includeUsage: true, supportsStructuredOutputs: true, ...where,
  }),
  thinks({ weir: { reasoningEffort: 'low' } }));

// It knows by a model's name whether it can think; of other names it has to be told.
export const ai_openai = client(
  'ai-sdk openai', 'responses', (where) => createOpenAI(where).responses,
  thinks({ openai: { forceReasoning: true, reasoningEffort: 'low', reasoningSummary: 'auto' } }),
  { stored: NOT_WRAPPED, resume: NOT_WRAPPED, cancel: NOT_WRAPPED });

export const ai_anthropic = client(
  'ai-sdk anthropic', 'messages', createAnthropic,
  {
    ...thinks({ anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } }),
    structured: { anthropic: { structuredOutputMode: 'outputFormat' } },
  },
  { count_tokens: NOT_WRAPPED });
