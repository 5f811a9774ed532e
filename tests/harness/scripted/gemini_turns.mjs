// How the turns of a conversation with Gemini have to follow each other.

import { is_object } from './checks.mjs';

// What Google lets those send who have no signature, because another model made the call.
const WITHOUT_ONE = ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'];

const of = (turn, name) =>
  (turn?.parts ?? []).filter((part) => is_object(part) && is_object(part[name]));

function responses_match(calls, turn, at, say) {
  const responses = of(turn, 'functionResponse').map((part) => part.functionResponse);
  if (responses.length !== calls.length) {
    say(at, `has ${responses.length} function responses to ${calls.length} function calls`);
  }
  const left = [...calls];
  for (const { name, id } of responses) {
    // Where a call has an id, its response is known by it, otherwise by its name and its place.
    const place = left.findIndex((call) => call.name === name && (!call.id || call.id === id));
    if (place < 0) say(at, `has a response of ${name} (${id}), which was not called`);
    else left.splice(place, 1);
  }
}

// `signed` tells whether a signature is one that this provider gave.
export const turn_rules = (signed) => (contents, say) => {
  const turns = contents.filter(is_object);
  if (turns[0]?.role === 'model') say('contents', 'begin with the model');
  let calls = [];
  turns.forEach((turn, index) => {
    const at = `contents[${index}]`;
    const responding = of(turn, 'functionResponse').length > 0;
    if (turn.role === 'model') {
      if (responding) say(at, 'is of the model and has function responses');
      if (calls.length) say(at, 'comes before the calls of the turn before were answered');
      calls = of(turn, 'functionCall').map((part) => part.functionCall);
      if (calls.length && turns[index - 1]?.role === 'model') {
        say(at, 'calls a function, but does not follow a turn of the user');
      }
      return;
    }
    if (of(turn, 'functionCall').length) say(at, 'is of the user and calls a function');
    if (responding || calls.length) responses_match(calls, turn, at, say);
    calls = [];
  });
  if (turns.at(-1)?.role === 'model') say('contents', 'end with the model');
  signatures(turns, signed, say);
};

// Since the user last spoke, each step that calls functions carries the thought it came from, on
// the first of its calls.
function signatures(turns, signed, say) {
  const spoke = turns.findLastIndex((turn) => turn.role !== 'model'
    && !of(turn, 'functionResponse').length);
  turns.slice(spoke + 1).forEach((turn, index) => {
    const [first] = turn.role === 'model' ? of(turn, 'functionCall') : [];
    if (!first) return;
    const at = `contents[${spoke + 1 + index}]`;
    const signature = first.thoughtSignature;
    if (!signature) say(at, 'has a function call that is missing a thought_signature');
    else if (!signed(signature) && !WITHOUT_ONE.includes(signature)) {
      say(at, 'has a thought signature that is not valid');
    }
  });
}
