// What the scripted provider says, in no dialect yet: the name of a model is its script.

import { AFTER_TOOLS, CALLS, OBJECT, TEXT, THOUGHT } from '../material.mjs';

const texts = (parts) => parts.map((text) => ({ text }));
const json = JSON.stringify(OBJECT);

// A step is { text }, { thought }, { call }, { wait: milliseconds } or { die }: 'reset' drops the
// connection, 'quiet' ends the body in order but before the answer's end, 'event' says so in an
// error of the dialect.
const SCRIPTS = {
  'say-text': { steps: texts(TEXT) },
  'say-tool': { steps: [{ call: CALLS[0] }], finish: 'tool' },
  'say-two-tools': { steps: CALLS.map((call) => ({ call })), finish: 'tool' },
  'say-json': { steps: texts([json.slice(0, 9), json.slice(9, 20), json.slice(20)]) },
  'say-thought': { steps: [...THOUGHT.map((thought) => ({ thought })), ...texts(TEXT)] },
  'think-then-tool': {
    steps: [...THOUGHT.map((thought) => ({ thought })), { call: CALLS[0] }], finish: 'tool',
  },
  'say-cut': { steps: texts(TEXT.slice(0, 2)), finish: 'length' },
  'say-nothing-more': { steps: texts(TEXT.slice(0, 1)), finish: 'filtered' },
  'die-midway': { steps: [...texts(TEXT.slice(0, 2)), { wait: 30 }, { die: 'reset' }] },
  'die-quietly': { steps: [...texts(TEXT.slice(0, 2)), { wait: 30 }, { die: 'quiet' }] },
  'fail-midway': { steps: [...texts(TEXT.slice(0, 2)), { wait: 30 }, { die: 'event' }] },
  slow: {
    steps: Array.from({ length: 400 }, (_, n) => [{ text: `${n} ` }, { wait: 25 }]).flat(),
  },
};

// `say-text.c17` plays `say-text`: what follows the dot tells one cell's requests from another's.
// `asked` is what the dialect read in the request: { results, thoughts }. Null: no such model.
export function plan_of(model, asked) {
  const script = SCRIPTS[model.split('.')[0]];
  if (!script) return null;
  const { finish = 'stop' } = script;
  // Having called its tools, it is content with what they gave.
  if (finish === 'tool' && asked.results) return { steps: texts(AFTER_TOOLS), finish: 'stop' };
  // Providers tell their thoughts only to those who ask for them.
  const steps = script.steps.filter((step) => !('thought' in step) || asked.thoughts);
  return { steps, finish, thoughts: steps.some((step) => 'thought' in step) };
}

// The steps of an answer that is not streamed: one text, one thought, the calls in their order.
export function whole(plan) {
  const joined = (kind) => plan.steps.map((step) => step[kind] ?? '').join('');
  return {
    text: joined('text'),
    thought: joined('thought'),
    calls: plan.steps.flatMap(({ call }) => call ?? []),
    dies: plan.steps.some((step) => 'die' in step),
  };
}

// JSON in pieces, cut where no grammar would cut it, also within a letter's escape.
export function pieces(value, size = 11) {
  const text = JSON.stringify(value);
  return text.match(new RegExp(`.{1,${size}}`, 'gsu'));
}
