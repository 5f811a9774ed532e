// What every client's answer is brought to, so that one test can judge them all.

// `finish` is one of stop, tool_calls, length, content_filter; `usage` is { input, output, cached }
// with all that was read as input, also from a cache; `events` counts what a stream brought.
export const empty_result = () => ({
  text: '', reasoning: '', toolCalls: [], finish: null, usage: null, error: null, events: 0,
});

// An object of a client's own error classes, named by its class, so that "typed" can be tested.
export function error_of(error, { code, type } = {}) {
  return {
    kind: error?.constructor?.name ?? typeof error,
    status: error?.status ?? error?.statusCode ?? null,
    code: code ?? error?.code ?? null,
    type: type ?? error?.type ?? null,
    message: String(error?.message ?? error),
    // Undefined where the client has no such field, null where it found no id.
    request_id: error?.requestID,
  };
}

// The features in which a client gives its tools' results back.
export const WITH_RESULTS = ['tool_result', 'thinking_tool'];

// Runs `ask(result)`, which fills the result as the answer comes; what it throws becomes the
// result's error, and what had come before stays.
export async function collect(ask, explain = error_of) {
  const result = empty_result();
  try {
    await ask(result);
  } catch (error) {
    result.error = explain(error);
  }
  return result;
}

export const usage = (input, output, cached) => ({ input, output, cached: cached ?? 0 });

export const data_url = ({ mime, base64 }) => `data:${mime};base64,${base64}`;
