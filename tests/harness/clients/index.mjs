// Every client of the matrix. One is { name, dialect, cannot, not_found, run }: `dialect` is chat,
// responses or messages; `cannot` says of a feature why this client has it not; `not_found` is the
// class of its error for an unknown model; `schema`, where it is there, is what the client makes of
// our schema; run(feature, { baseUrl, key, model }) does what a user of that library would do and
// gives what result.mjs describes. It never throws.

import { ai_anthropic, ai_compatible, ai_openai } from './ai_sdk.mjs';
import { anthropic } from './anthropic.mjs';
import { langchain_chat, langchain_responses } from './langchain.mjs';
import { openai_chat } from './openai_chat.mjs';
import { openai_responses } from './openai_responses.mjs';

// Nothing of the environment may choose where requests go, what they carry, or who hears of them.
for (const name of Object.keys(process.env)) {
  if (/^(OPENAI|ANTHROPIC|LANGCHAIN|LANGSMITH|AI_GATEWAY)_/.test(name)) delete process.env[name];
}

export const CLIENTS = [
  openai_chat, ai_compatible, langchain_chat,
  openai_responses, ai_openai, langchain_responses,
  anthropic, ai_anthropic,
];
