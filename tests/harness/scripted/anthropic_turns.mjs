// How the turns of a conversation with Anthropic's models have to follow each other. These are the
// rules a translation breaks most easily: another dialect gives each result a message of its own.

import { is_object } from './checks.mjs';

const blocks_of = ({ content }) => (Array.isArray(content) ? content.filter(is_object)
  : [{ type: 'text', text: content }]);

// Messages of one role in a row count as one.
function turns_of(messages, say) {
  const turns = [];
  messages.filter(is_object).forEach((message, index) => {
    const at = `messages[${index}]`;
    const last = turns.at(-1);
    if (message.role === 'system') {
      // Newer models take instructions on the way; the first ones stand in `system`.
      if (last?.role !== 'user') say(at, 'has the role "system" and does not follow a user turn');
      return;
    }
    if (last?.role === message.role) last.blocks.push(...blocks_of(message));
    else turns.push({ role: message.role, at, blocks: blocks_of(message) });
  });
  return turns;
}

function results_match(calls, turn, at, say) {
  const results = (turn?.blocks ?? []).filter(({ type }) => type === 'tool_result');
  const answered = new Set();
  for (const { tool_use_id } of results) {
    if (answered.has(tool_use_id)) say(at, `has two results of ${tool_use_id}`);
    answered.add(tool_use_id);
    if (!calls.includes(tool_use_id)) {
      say(at, `has a tool_result of ${tool_use_id}, which the turn before does not call`);
    }
  }
  const left = calls.filter((id) => !answered.has(id));
  if (left.length) say(at, `has no tool_result of ${left}: it belongs into the very next turn`);
  const first_other = turn?.blocks.findIndex(({ type }) => type !== 'tool_result') ?? -1;
  const last_result = turn?.blocks.findLastIndex(({ type }) => type === 'tool_result') ?? -1;
  if (first_other >= 0 && first_other < last_result) {
    say(at, 'has a tool_result after other blocks; results come first');
  }
}

export function turn_faults({ messages, thinking }, { version, signed }, say) {
  const turns = turns_of(messages, say);
  if (turns[0]?.role !== 'user') say('messages', 'have to begin with the user');
  if (turns.at(-1)?.role === 'assistant') say('messages', 'end with the assistant: no prefill');
  let calls = [];
  const seen = new Set();
  turns.forEach(({ role, at, blocks }, index) => {
    if (role === 'user') {
      results_match(calls, turns[index], at, say);
      const cites = blocks.some((block) => block.type === 'text' && 'citations' in block);
      if (cites && version !== '2023-06-01') say(at, 'has citations on a text of the user');
      calls = [];
      return;
    }
    calls = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id);
    for (const id of calls) {
      if (seen.has(id)) say(at, `calls with the id ${id} for a second time`);
      seen.add(id);
    }
    for (const { type, signature } of blocks) {
      if (type === 'thinking' && !signed(signature)) say(at, 'has a thought signed by others');
    }
    // A model that was thinking when it called a tool goes on from that thought.
    const thought = ['thinking', 'redacted_thinking'].includes(blocks[0]?.type);
    const going_on = index === turns.findLastIndex((turn) => turn.role === 'assistant');
    if (thinking?.type === 'enabled' && going_on && calls.length && !thought) {
      say(at, 'calls a tool without the thought before it, while thinking is enabled');
    }
  });
  if (calls.length) results_match(calls, undefined, 'the end', say);
}
