// What Gemini's generateContent refuses. Its JSON is that of a protocol buffer: every field may be
// written in camelCase or in snake_case, and a field it does not know is an error.

import {
  any, base64, either, faults_of, fields, filled, flag, integer, is_object, like, list, number,
  object, one_of, text,
} from './checks.mjs';

const FREE = new Set(['args', 'response', 'parametersJsonSchema', 'responseJsonSchema',
  'properties', 'default', 'example', 'enum', 'partMetadata']);

// The body in camelCase throughout, but for what is data of the caller's own.
export function camel(value, free = false) {
  if (Array.isArray(value)) return value.map((entry) => camel(entry, free));
  if (!is_object(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => {
    const name = free ? key : key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    // The names below `properties` are the caller's, what stands below those is a schema again.
    if (name === 'properties' && is_object(entry) && !free) {
      const inside = Object.entries(entry).map(([own, schema]) => [own, camel(schema)]);
      return [name, Object.fromEntries(inside)];
    }
    return [name, camel(entry, free || FREE.has(name))];
  }));
}

const names = ['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'];
const type = one_of(...names, ...names.map((name) => name.toLowerCase()));
const count = either(integer(0), like(/^\d+$/)); // 64 bits travel as text

// OpenAPI's subset, not JSON Schema: no additionalProperties, no $schema, no lists of types.
const schema_fields = fields({
  type, format: text, title: text, description: text, nullable: flag, default: any, example: any,
  enum: list(text), items: (...given) => schema(...given), minItems: count, maxItems: count,
  properties: (value, at, say) => {
    if (!is_object(value)) return say(at, 'is no object');
    for (const [name, entry] of Object.entries(value)) schema(entry, `${at}.${name}`, say);
  },
  required: list(text), propertyOrdering: list(text), minProperties: count, maxProperties: count,
  minLength: count, maxLength: count, pattern: text, minimum: number(-Infinity, Infinity),
  maximum: number(-Infinity, Infinity), anyOf: list((...given) => schema(...given)),
});
function schema(value, at, say) {
  schema_fields(value, at, say);
  if (!is_object(value)) return;
  const kind = String(value.type).toUpperCase();
  if (kind === 'ARRAY' && !value.items) say(`${at}.items`, 'is missing');
  for (const name of value.required ?? []) {
    if (!(name in (value.properties ?? {}))) say(`${at}.required`, `names ${name}, no property`);
  }
}

const DATA = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse',
  'executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse'];
const part_fields = fields({
  text, thought: flag, thoughtSignature: filled, partMetadata: object, videoMetadata: object,
  mediaResolution: object,
  inlineData: fields({ 'mimeType!': like(/^[a-z]+\/[a-z0-9.+-]+$/), 'data!': base64,
    displayName: text }),
  fileData: fields({ 'fileUri!': filled, mimeType: text, displayName: text }),
  functionCall: fields({ 'name!': filled, id: filled, args: object }),
  functionResponse: fields({ 'name!': filled, id: filled, 'response!': object, parts: list(object),
    willContinue: flag, scheduling: text }),
  executableCode: object, codeExecutionResult: object, toolCall: object, toolResponse: object,
});
const part = (value, at, say) => {
  part_fields(value, at, say);
  const data = is_object(value) ? DATA.filter((name) => name in value) : [];
  if (data.length !== 1) say(at, `has ${data.length} of the fields that hold data; it needs one`);
  const bare = value?.text === '' && !value.thoughtSignature;
  if (bare) say(`${at}.text`, 'is empty');
};
const content = (roles) => fields({ role: one_of(...roles), 'parts!': list(part, { least: 1 }) });

const declaration_fields = fields({
  'name!': like(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/), description: text, parameters: schema,
  parametersJsonSchema: object, response: schema, responseJsonSchema: object, behavior: text,
});
const declaration = (value, at, say) => {
  declaration_fields(value, at, say);
  if (value?.parameters && value.parametersJsonSchema) say(at, 'has its parameters twice');
};

const generation = fields({
  stopSequences: list(filled, { most: 5 }), responseMimeType: text, responseSchema: schema,
  responseJsonSchema: object, responseModalities: list(text), candidateCount: integer(1, 8),
  maxOutputTokens: integer(1), temperature: number(0, 2), topP: number(0, 1),
  topK: number(0, 1000), seed: integer(-(2 ** 31), 2 ** 31 - 1),
  presencePenalty: number(-2, 2), frequencyPenalty: number(-2, 2), responseLogprobs: flag,
  logprobs: integer(0, 20), speechConfig: object, mediaResolution: text, imageConfig: object,
  enableEnhancedCivicAnswers: flag, responseFormat: any,
  thinkingConfig: fields({
    includeThoughts: flag, thinkingBudget: integer(-1),
    thinkingLevel: one_of('minimal', 'low', 'medium', 'high', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
  }),
});

const body_fields = {
  'contents!': list(content(['user', 'model']), { least: 1 }),
  systemInstruction: content(['user', 'system', 'model']),
  tools: list(fields({
    functionDeclarations: list(declaration, { least: 1 }), googleSearch: object, urlContext: object,
    codeExecution: object, googleMaps: object, fileSearch: object, computerUse: object,
  })),
  toolConfig: fields({
    functionCallingConfig: fields({
      mode: one_of('AUTO', 'ANY', 'NONE', 'VALIDATED'), allowedFunctionNames: list(filled),
      streamFunctionCallArguments: flag,
    }),
    retrievalConfig: object, includeServerSideToolInvocations: flag,
  }),
  safetySettings: list(fields({ 'category!': filled, 'threshold!': filled, method: text })),
  generationConfig: generation, cachedContent: text, model: text, labels: object,
  serviceTier: text, store: flag,
};
const body = fields(body_fields);

function config_fits({ generationConfig: config = {}, tools = [], toolConfig }, say) {
  const wants = ['responseSchema', 'responseJsonSchema'].filter((key) => key in config);
  if (wants.length > 1) say('generationConfig', 'has two schemas');
  if (wants.length && config.responseMimeType !== 'application/json') {
    say('generationConfig.responseMimeType', 'has to be application/json beside a schema');
  }
  const thinking = config.thinkingConfig ?? {};
  if ('thinkingBudget' in thinking && 'thinkingLevel' in thinking) {
    say('generationConfig.thinkingConfig', 'has a budget and a level');
  }
  const known = tools.flatMap((tool) => tool?.functionDeclarations ?? []).map(({ name }) => name);
  if (new Set(known).size < known.length) say('tools', 'has two functions of one name');
  const calling = toolConfig?.functionCallingConfig ?? {};
  const allowed = calling.allowedFunctionNames ?? [];
  if (allowed.length && !['ANY', 'VALIDATED'].includes(calling.mode)) {
    say('toolConfig', 'allows some functions in a mode that does not');
  }
  for (const name of allowed.filter((one) => !known.includes(one))) {
    say('toolConfig', `allows ${name}, which is no function`);
  }
}

// `turn_faults` and what the signatures are about: gemini_turns.mjs.
export const generate_faults = (request, turn_faults) => faults_of((value, at, say) => {
  const whole = camel(value);
  body(whole, at, say);
  if (!is_object(whole)) return;
  if (Array.isArray(whole.contents)) turn_faults(whole.contents, say);
  if (is_object(whole.generationConfig ?? {})) config_fits(whole, say);
}, request);

const embedded = { 'content!': content(['user', 'model']), model: text, taskType: text, title: text,
  outputDimensionality: integer(1), embedContentConfig: object };
export const count_faults = (request, turn_faults) => ('generateContentRequest' in request
  ? generate_faults(request.generateContentRequest, turn_faults)
  : faults_of(fields({ 'contents!': body_fields['contents!'] }), camel(request)));
export const embed_faults = (request) => faults_of(fields(embedded), camel(request));
export const batch_faults = (request) => faults_of(fields({
  'requests!': list(fields({ ...embedded, 'model!': like(/^models\//) }), { least: 1 }),
}), camel(request));
