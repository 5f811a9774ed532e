// The official client of OpenAI, responses.

import OpenAI from 'openai';

import {
  CALLS, IMAGE, MAX_TOKENS, QUESTION, RESULTS, SCHEMA, SCHEMA_NAME, SYSTEM, TOOLS,
} from '../material.mjs';
import { collect, data_url, error_of, usage } from './result.mjs';

const tools = TOOLS.map((tool) => ({ type: 'function', strict: false, ...tool }));

const reasoning = { effort: 'low', summary: 'auto' };

const BODIES = {
  system: { instructions: SYSTEM },
  tools: { tools },
  tools_stream: { tools },
  forced_tool: { tools, tool_choice: { type: 'function', name: CALLS[0].name } },
  tool_result: { tools, input: [{ role: 'user', content: QUESTION }] },
  thinking_tool: { tools, reasoning, input: [{ role: 'user', content: QUESTION }] },
  image: {
    input: [{
      role: 'user',
      content: [
        { type: 'input_text', text: QUESTION },
        { type: 'input_image', image_url: data_url(IMAGE), detail: 'auto' },
      ],
    }],
  },
  structured: {
    text: { format: { type: 'json_schema', name: SCHEMA_NAME, schema: SCHEMA, strict: true } },
  },
  reasoning_stream: { reasoning },
  stored: { store: true },
  resume: { background: true, store: true },
  cancel: { background: true, store: true },
};

function finish_of({ status, incomplete_details, output }) {
  if (status === 'incomplete') {
    const { reason } = incomplete_details;
    return reason === 'max_output_tokens' ? 'length' : reason;
  }
  if (status !== 'completed') return status;
  return output.some(({ type }) => type === 'function_call') ? 'tool_calls' : 'stop';
}

function take_response(result, response) {
  const { output, usage: told } = response;
  result.text = response.output_text;
  result.reasoning = output.filter(({ type }) => type === 'reasoning')
    .flatMap(({ summary }) => summary).map(({ text }) => text).join('');
  result.toolCalls = output.filter(({ type }) => type === 'function_call')
    .map(({ call_id: id, name, arguments: given }) => ({ id, name, arguments: JSON.parse(given) }));
  result.finish = finish_of(response);
  result.usage = told && usage(
    told.input_tokens, told.output_tokens, told.input_tokens_details?.cached_tokens);
  if (response.output_parsed) result.object = response.output_parsed;
}

function take_event(result, { type, delta }) {
  ++result.events;
  if (type === 'response.output_text.delta') result.text += delta;
  if (type === 'response.reasoning_summary_text.delta') result.reasoning += delta;
}

// The client's own accumulator checks the order, the places and the names of events.
async function streamed(client, body, result, leaving) {
  const stream = client.responses.stream(body, { signal: leaving?.signal });
  for await (const event of stream) {
    take_event(result, event);
    if (event.type === 'response.output_text.delta') leaving?.abort();
    if (event.type === 'response.failed') throw failed(event.response.error);
  }
  take_response(result, await stream.finalResponse());
}

// A failed response is a regular end to this client: whoever uses it looks at the status.
const failed = ({ code, message }) => Object.assign(new Error(message), { code });

async function with_results(client, body, result) {
  const first = await client.responses.create(body);
  const calls = first.output.filter(({ type }) => type === 'function_call');
  const outputs = calls.map(({ call_id, name }) =>
    ({ type: 'function_call_output', call_id, output: RESULTS[name] }));
  const input = [...body.input, ...first.output, ...outputs];
  take_response(result, await client.responses.create({ ...body, input }));
  result.called = calls.map(({ call_id }) => call_id);
}

// Kept, read again, continued, deleted, gone.
async function stored(client, body, result) {
  const first = await client.responses.create(body);
  result.kept = (await client.responses.retrieve(first.id)).output_text;
  const next = { model: body.model, previous_response_id: first.id, input: 'And tomorrow?' };
  const second = await client.responses.create({ ...next, max_output_tokens: MAX_TOKENS });
  take_response(result, second);
  await client.responses.delete(first.id);
  result.gone = error_of(await client.responses.retrieve(first.id).catch((error) => error));
}

// Left after three events and joined again where it was left, on another connection.
async function resumed(client, body, result) {
  let [id, last] = [];
  for await (const event of await client.responses.create({ ...body, stream: true })) {
    id ??= event.response?.id;
    take_event(result, event);
    last = event.sequence_number;
    if (event.type === 'response.output_text.delta') break;
  }
  const options = { stream: true, starting_after: last };
  for await (const event of await client.responses.retrieve(id, options)) {
    if (event.sequence_number <= last) throw new Error(`${event.type} comes for a second time`);
    last = event.sequence_number;
    take_event(result, event);
    if (event.type === 'response.completed') result.finish = finish_of(event.response);
  }
}

async function cancelled(client, body, result) {
  let id;
  for await (const event of await client.responses.create({ ...body, stream: true })) {
    id ??= event.response?.id;
    take_event(result, event);
    if (event.type === 'response.output_text.delta') break;
  }
  await client.responses.cancel(id);
  result.finish = (await client.responses.retrieve(id)).status;
}

const SPECIAL = {
  tool_result: with_results, thinking_tool: with_results,
  stored, resume: resumed, cancel: cancelled,
};

export const openai_responses = {
  name: 'openai responses',
  dialect: 'responses',
  cannot: {},
  not_found: 'NotFoundError',

  run(feature, { baseUrl, key, model }) {
    const client = new OpenAI({ apiKey: key, baseURL: `${baseUrl}/v1`, maxRetries: 0 });
    const body = { model, input: QUESTION, max_output_tokens: MAX_TOKENS, ...BODIES[feature] };
    return collect(async (result) => {
      if (SPECIAL[feature]) return SPECIAL[feature](client, body, result);
      if (feature === 'structured') {
        return take_response(result, await client.responses.parse(body));
      }
      const leaving = feature === 'abort' ? new AbortController() : undefined;
      if (leaving || feature.includes('stream')) return streamed(client, body, result, leaving);
      return take_response(result, await client.responses.create(body));
    });
  },
};
