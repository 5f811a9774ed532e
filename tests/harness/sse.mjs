// Reads event streams as the WHATWG standard says, and chat answers out of them.

// [{ event, data, id }]; comments are dropped, as a client drops them.
export function parse_events(text) {
  const events = [];
  let event = {};
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  lines.pop(); // what follows the last line end is not a line yet
  for (const line of lines) {
    if (line === '') {
      if (event.data !== undefined) events.push(event);
      event = {};
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else event[name] = value;
  }
  return events;
}

export function comments(text) {
  return text.split('\n').filter((line) => line.startsWith(':'));
}

// What an OpenAI chat stream says: { text, finish, usage, error, done, chunks }.
export function read_chat(text) {
  const out = { text: '', finish: null, usage: null, error: null, done: false, chunks: [] };
  for (const { data } of parse_events(text)) {
    if (data === '[DONE]') {
      out.done = true;
      continue;
    }
    const chunk = JSON.parse(data);
    out.chunks.push(chunk);
    if (chunk.error) out.error = chunk.error;
    if (chunk.usage) out.usage = chunk.usage;
    for (const choice of chunk.choices ?? []) {
      out.text += choice.delta?.content ?? '';
      out.finish = choice.finish_reason ?? out.finish;
    }
  }
  return out;
}
