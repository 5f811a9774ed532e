// The cells of client x provider x feature: which there are, how one is tried, and how they look
// side by side.

import assert from 'node:assert/strict';

import { CLIENTS } from './clients/index.mjs';
import { FEATURES, sent_well } from './features.mjs';

export const PROVIDERS = ['openai', 'anthropic', 'gemini'];

// All cells. One that cannot exist has a `reason`; so has one of a pair that is not `served`.
export function cells(served) {
  const made = [];
  for (const provider of PROVIDERS) {
    for (const client of CLIENTS) {
      for (const feature of FEATURES) {
        const reason = feature.cannot?.[client.dialect] ?? feature.cannot?.[provider]
          ?? client.cannot[feature.name]
          ?? (served(feature.api ?? client.dialect, provider) ? null : 'not served yet');
        made.push({ provider, client, feature, reason, outcome: null, number: made.length });
      }
    }
  }
  return made;
}

// Tries one cell. `where` is { baseUrl, key, prefix }: whom the client asks, and what stands before
// the name of a model there. `scripted` is the provider at the other end.
export async function try_cell(cell, where, scripted) {
  const { client, feature, provider } = cell;
  cell.outcome = 'failed';
  const script = `${feature.model ?? 'nobody'}.c${cell.number}`;
  const model = feature.model ? where.prefix + script : 'a-model-nobody-has';
  const { baseUrl, key } = where;
  const result = await client.run(feature.name, { baseUrl, key, model });
  const requests = scripted.requests(script);
  const seen = {
    client, feature, provider, result, requests, secret: key,
    departure: () => scripted.departure(script),
  };
  if (where.through) sent_well(seen);
  else assert.deepEqual(requests.flatMap(({ faults }) => faults), []);
  for (const request of requests) assert.equal(request.dialect, provider);
  const asks = feature.model && !feature.local;
  if (asks) assert.ok(requests.length, `nobody asked: ${JSON.stringify(result.error)}`);
  await feature.got(seen);
  await feature.sent?.(seen);
  cell.outcome = 'passed';
}

// One block for each provider, a row for each client, a column for each feature.
export function table(made) {
  const width = Math.max(...CLIENTS.map(({ name }) => name.length)) + 1;
  const reasons = [...new Set(made.map(({ reason }) => reason).filter(Boolean))];
  const letter = (reason) => String.fromCharCode(97 + reasons.indexOf(reason));
  const mark = ({ reason, outcome }) => {
    if (reason) return letter(reason);
    return { passed: '✓', failed: '✗' }[outcome] ?? '?';
  };
  const lines = [];
  for (const provider of PROVIDERS) {
    lines.push('', provider.padEnd(width) + FEATURES.map(({ short }) => ` ${short}`).join(''));
    for (const client of CLIENTS) {
      const row = made.filter((cell) => cell.provider === provider && cell.client === client);
      const empty = row.every(({ reason }) => reason);
      const marks = row.map((cell) => `  ${mark(cell)} `).join('');
      lines.push(client.name.padEnd(width) + (empty ? '  not served yet' : marks));
    }
  }
  lines.push('', '✓ works, ✗ does not, ? was not tried');
  lines.push(...reasons.map((reason) => `${letter(reason)} ${reason}`), '');
  const names = FEATURES.map(({ short, name }) => `${short} ${name}`);
  for (let at = 0; at < names.length; at += 5) lines.push(names.slice(at, at + 5).join(', '));
  return lines.join('\n');
}
