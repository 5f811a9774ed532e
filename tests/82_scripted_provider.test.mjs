// The measure itself: the scripted provider refuses what the real ones refuse, and takes what each
// client library sends it when nothing is in between.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { request } from './harness/http.mjs';
import { IMAGE, TOOLS } from './harness/material.mjs';
import { cells, try_cell } from './harness/matrix.mjs';
import { start_scripted_provider } from './harness/scripted_provider.mjs';

const scripted = await start_scripted_provider({ after });
const [{ name, description, parameters }] = TOOLS;
const closed = { type: 'object', properties: {}, additionalProperties: false };
const model = 'say-text';

const call = { id: 'c1', type: 'function', function: { name, arguments: '{}' } };
const openai = {
  path: '/v1/chat/completions',
  headers: { authorization: `Bearer ${scripted.key('openai')}` },
  good: {
    model, max_tokens: 5, tools: [{ type: 'function', function: { name, parameters } }],
    messages: [
      { role: 'system', content: 'a' }, { role: 'user', content: 'b' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: 'd' },
    ],
  },
  bad: [
    [/top_k is a field this API does not know/, (body) => (body.top_k = 4)],
    [/model is missing/, (body) => delete body.model],
    [/messages has fewer than 1/, (body) => (body.messages = [])],
    [/role "model" is none of/, (body) => (body.messages[1].role = 'model')],
    [/is none of text/, (body) => (body.messages[0].content = [{ type: 'image_url' }])],
    [/before the calls c1 were answered/, (body) => body.messages.pop()],
    [/answers no call/, (body) => (body.messages[3].tool_call_id = 'c2')],
    [/arguments is no string/, (body) => (body.messages[2].tool_calls[0].function.arguments = {})],
    [/max_completion_tokens are both/, (body) => (body.max_completion_tokens = 5)],
    [/stream_options is there without/, (body) => (body.stream_options = {})],
    [/parallel_tool_calls is there without tools/, (body) => {
      delete body.tools;
      body.parallel_tool_calls = false;
    }],
    [/says nothing and calls nothing/, (body) => {
      body.messages = [{ role: 'assistant', content: null }];
    }],
    [/additionalProperties has to be false/, (body) => {
      const json_schema = { name: 'x', strict: true, schema: { type: 'object' } };
      body.response_format = { type: 'json_schema', json_schema };
    }],
    [/neither an image/, (body) => {
      const part = { type: 'image_url', image_url: { url: IMAGE.base64 } };
      body.messages[1].content = [part];
    }],
  ],
};

const use = { type: 'tool_use', id: 't1', name, input: {} };
const result = { type: 'tool_result', tool_use_id: 't1', content: 'd' };
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
const anthropic = {
  path: '/v1/messages',
  headers: { 'x-api-key': scripted.key('anthropic'), 'anthropic-version': '2023-06-01' },
  good: {
    model, max_tokens: 2000, system: 'a', temperature: 1,
    tools: [{ name, description, input_schema: parameters }],
    messages: [
      { role: 'user', content: [image, { type: 'text', text: 'b' }] },
      { role: 'assistant', content: [use] },
      { role: 'user', content: [result, { type: 'text', text: 'and?' }] },
    ],
  },
  bad: [
    [/seed is a field this API does not know/, (body) => (body.seed = 4)],
    [/max_tokens is missing/, (body) => delete body.max_tokens],
    [/begin with the user/, (body) => body.messages.shift()],
    [/role "system" and does not follow/, (body) => (body.messages[0].role = 'system')],
    [/role "tool" is none of/, (body) => (body.messages[2].role = 'tool')],
    [/type "image_url" is none of/, (body) => (body.messages[0].content[0].type = 'image_url')],
    [/data is not base64/, (body) => (body.messages[0].content[0].source.data = 'data:AAAA')],
    [/text is no string, or an empty/, (body) => (body.messages[0].content[1].text = '')],
    [/has no tool_result of t1/, (body) => body.messages[2].content.shift()],
    [/end with the assistant/, (body) => body.messages.pop()],
    [/which the turn before does not call/, (body) => {
      body.messages[2].content[0].tool_use_id = 't2';
    }],
    [/results come first/, (body) => body.messages[2].content.reverse()],
    [/second time/, (body) => body.messages.push(...body.messages.slice(1))],
    [/has two results/, (body) => body.messages[2].content.unshift(result)],
    [/input is no object/, (body) => (body.messages[1].content[0].input = '{}')],
    [/input_schema.type has to be/, (body) => (body.tools[0].input_schema = {})],
    [/has two of one name/, (body) => body.tools.push(body.tools[0])],
    [/without the thought before it/, (body) => {
      body.thinking = { type: 'enabled', budget_tokens: 1024 };
    }],
    [/signed by others/, (body) => body.messages[1].content.unshift(
      { type: 'thinking', thinking: 'a', signature: 'b' })],
    [/has to be less than max_tokens/, (body) => {
      body.thinking = { type: 'enabled', budget_tokens: 4000 };
    }],
    [/cannot force a tool/, (body) => {
      body.thinking = { type: 'adaptive' };
      body.tool_choice = { type: 'any' };
    }],
    [/additionalProperties has to be false/, (body) => {
      body.output_config = { format: { type: 'json_schema', schema: { type: 'object' } } };
    }],
    [/temperature is not a field of version/, () => {}, { 'anthropic-version': '2026-10-21' }],
    [/anthropic-version is 2020/, () => {}, { 'anthropic-version': '2020-01-01' }],
  ],
};

const signature = 'skip_thought_signature_validator';
const gemini = {
  path: `/v1beta/models/${model}:generateContent`,
  headers: { 'x-goog-api-key': scripted.key('gemini') },
  good: {
    systemInstruction: { parts: [{ text: 'a' }] },
    tools: [{ functionDeclarations: [{ name, parametersJsonSchema: parameters }] }],
    generationConfig: { maxOutputTokens: 5 },
    contents: [
      { role: 'user', parts: [{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }] },
      { role: 'model', parts: [
        { functionCall: { name, args: {} }, thoughtSignature: signature },
        { functionCall: { name: 'clock', args: {}, id: 'c2' } },
      ] },
      { role: 'user', parts: [
        { functionResponse: { name: 'clock', id: 'c2', response: { result: 'd' } } },
        { functionResponse: { name, response: { result: 'd' } } },
      ] },
    ],
  },
  bad: [
    [/maxTokens is a field this API/, (body) => {
      body.max_tokens = 4;
    }],
    [/contents is missing/, (body) => delete body.contents],
    [/role "assistant" is none of/, (body) => (body.contents[1].role = 'assistant')],
    [/0 of the fields that hold data/, (body) => (body.contents[0].parts = [{ thought: true }])],
    [/parts has fewer than 1/, (body) => (body.contents[0].parts = [])],
    [/1 function responses to 2/, (body) => body.contents[2].parts.pop()],
    [/which was not called/, (body) => {
      body.contents[2].parts[0].functionResponse.id = 'c3';
    }],
    [/response is no object/, (body) => {
      body.contents[2].parts[0].functionResponse.response = 'd';
    }],
    [/end with the model/, (body) => body.contents.pop()],
    [/missing a thought_signature/, (body) => delete body.contents[1].parts[0].thoughtSignature],
    [/signature that is not valid/, (body) => (body.contents[1].parts[0].thoughtSignature = 'a')],
    [/has two schemas/, (body) => {
      const both = { responseSchema: { type: 'OBJECT' }, responseJsonSchema: closed };
      body.generationConfig = { ...both, responseMimeType: 'application/json' };
    }],
    [/responseMimeType has to be/, (body) => (body.generationConfig.responseJsonSchema = closed)],
    [/additionalProperties is a field this API/, (body) => {
      body.tools = [{ functionDeclarations: [{ name, parameters }] }];
    }],
    [/name is not like/, (body) => (body.tools[0].functionDeclarations[0].name = '1 a')],
    [/has a budget and a level/, (body) => {
      body.generationConfig.thinkingConfig = { thinkingBudget: 1, thinkingLevel: 'LOW' };
    }],
  ],
};

const dialects = Object.entries({ openai, anthropic, gemini });
for (const [dialect, { path, headers, good, bad }] of dialects) {
  const ask = async (change, more = {}) => {
    const body = structuredClone(good);
    change(body);
    return request(scripted.url + path, { headers: { ...headers, ...more }, body });
  };

  describe(`${dialect}'s rules`, () => {
    test('a good request is taken', async () => {
      const answer = await ask(() => {});
      assert.equal(answer.status, 200, answer.text);
    });
    test('a wrong key is not', async () => {
      const wrong = Object.fromEntries(Object.keys(headers).map((header) => [header, 'Bearer no']));
      assert.equal((await ask(() => {}, wrong)).status, 401);
    });
    for (const [complaint, change, more] of bad) {
      test(`refused: ${complaint.source}`, async () => {
        const answer = await ask(change, more);
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.error.message, complaint);
      });
    }
  });
}

// Some libraries take the end of a stream for the end of the answer; Weir tells them otherwise.
const unaware = ['langchain', 'ai-sdk anthropic'];
const HOME = { chat: 'openai', embeddings: 'openai', messages: 'anthropic' };

describe('clients alone with their provider', () => {
  for (const cell of cells((api, provider) => HOME[api] === provider)) {
    const { client, feature, provider, reason } = cell;
    if (reason || (feature.name === 'truncated_stream' && unaware.includes(client.name))) continue;
    test(`${client.name}, ${feature.name}`, { timeout: 15_000 }, () => try_cell(
      cell, { baseUrl: scripted.url, key: scripted.key(provider), prefix: '' }, scripted));
  }
});
