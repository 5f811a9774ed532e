// Every client library against every provider's dialect, feature by feature, through one Weir. The
// cells are data (harness/matrix.mjs, harness/features.mjs); a table of them is printed at the end.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { PROVIDERS, cells, table, try_cell } from './harness/matrix.mjs';
import { start_scripted_provider } from './harness/scripted_provider.mjs';
import { start_weir } from './harness/weir.mjs';

// Which API of Weir's reaches which providers. WEIR_MATRIX=all tries what is not listed here, too.
const SERVED = {
  chat: ['openai', 'anthropic', 'gemini'],
  embeddings: ['openai'],
  responses: ['openai', 'anthropic', 'gemini'],
  messages: ['openai', 'anthropic', 'gemini'],
};
const all = process.env.WEIR_MATRIX === 'all';
const served = (api, provider) => all || SERVED[api].includes(provider);
const wanted = PROVIDERS.filter((provider) =>
  Object.keys(SERVED).some((api) => served(api, provider)));

const scope = { after };
const scripted = await start_scripted_provider(scope);
const weir = await start_weir(scope, {
  config: {
    providers: Object.fromEntries(wanted.map((name) => [name, scripted.config(name)])),
    models: Object.fromEntries(wanted.map((name) =>
      [`${name}/*`, { targets: [{ provider: name, model: '*' }] }])),
    limits: { per_key: 'off' },
  },
});

const matrix = cells(served);
const grouped = Map.groupBy(matrix.filter(({ reason }) => !reason),
  ({ provider, client }) => `${client.name}, ${provider}`);

for (const [name, group] of grouped) {
  describe(name, () => {
    for (const cell of group) {
      test(cell.feature.name, { timeout: 15_000 }, () => try_cell(cell, {
        baseUrl: weir.url.replace(/\/$/, ''), key: weir.key, prefix: `${cell.provider}/`,
        through: true,
      }, scripted));
    }
  });
}

test('nothing reached a provider that belongs to no cell', () => {
  assert.deepEqual(scripted.stray_faults, []);
});

after(() => console.log(table(matrix)));
