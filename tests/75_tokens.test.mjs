// Weir's tokenizer beside another that reads the same vocabularies: js-tiktoken, rank for rank. Two
// characters are left out, since the other takes its white space from JavaScript, which disagrees
// with the vocabularies' own patterns about them: U+FEFF and U+0085.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT } from './harness/program.mjs';

const TEXTS = 6000; // of each vocabulary
const require = createRequire(join(ROOT, '.tools/tokens/package.json'));
const { Tiktoken } = require('js-tiktoken/lite');

// A fixed seed repeats the run (mulberry32).
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS = `the of and to in a is that for it as was with be by on not he I this are or his from
at which but have an had they you were their one all we can her has there been if more when will
would who so no JSON HTTPServer camelCaseName snake_case_name __init__ std::string foo() {} [] =>
&& || != === /* */ // # import return async await naïve café Straße Ñandú Ελλάδα Москва привет
мир
שלום عربي مرحبا हिन्दी नमस्ते 你好 世界 日本語 ひらがな カタカナ 한국어 ไทย ภาษา 😀 👩‍👩‍👧‍👦 🇩🇪 ✔ → ∑ ½ ⅷ ²
12 2026 3.14159
1,000,000 0xFF I'm you're they've she'll he'd it's can't WE'LL DON'T 'tis o'clock ǅ ʰ ﬁ İ ı ẞ ß`
  .split(/\s+/);
// Where every Unicode of the last ten years knows the same characters: Node's is newer than ICU's.
const BLOCKS = [[0x20, 0x7e], [0xa0, 0x377], [0x384, 0x52f], [0x5d0, 0x5ea], [0x620, 0x6ff],
  [0x900, 0x97f], [0xe01, 0xe3a], [0x10a0, 0x10c5], [0x1e00, 0x1eff], [0x2000, 0x2064],
  [0x2150, 0x218b], [0x2190, 0x23ff], [0x3041, 0x3096], [0x30a1, 0x30fa], [0x4e00, 0x9fd5],
  [0xac00, 0xd7a3], [0x1d400, 0x1d454], [0x1f300, 0x1f5ff]];
const SPACES = [' ', ' ', ' ', ' ', '  ', '\n', '\n\n', '\r\n', '\t', '   \n', '\u00a0', '\u3000',
  ''];

function text(random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const kind = random();
  let out = '';
  if (kind < 0.6) {
    for (let n = 1 + random() * 30; n > 0; --n) out += pick(WORDS) + pick(SPACES);
  } else if (kind < 0.8) {
    while (out.length < 60) {
      const [first, last] = pick(BLOCKS);
      for (let n = random() * 8; n > 0; --n) {
        out += String.fromCodePoint(first + Math.floor(random() * (last - first + 1)));
      }
    }
  } else if (kind < 0.9) {
    const letters = 'aAbB \n\'s7/.,é'.slice(0, 2 + random() * 11);
    while (out.length < 80) out += pick([...letters]);
  } else {
    out = JSON.stringify({ [pick(WORDS)]: [random(), pick(WORDS), { deep: pick(WORDS) }] }, null,
      pick([0, 2, '\t']));
  }
  return out.replace(/[\0\ufeff\u0085]/g, '');
}

for (const [name, seed] of [['cl100k_base', 11], ['o200k_base', 23]]) {
  test(`${TEXTS} texts in ${name}`, () => {
    const random = chance(seed);
    const texts = Array.from({ length: TEXTS }, () => text(random));
    const ours = spawnSync(join(ROOT, 'build/release/weir-tokens'), [name],
      { input: texts.join('\0') + '\0', encoding: 'utf8', maxBuffer: 1 << 28 });
    assert.equal(ours.status, 0, ours.stderr);
    const lines = ours.stdout.split('\n');
    assert.equal(lines.length, TEXTS + 1);
    const other = new Tiktoken(require(`js-tiktoken/ranks/${name}`));
    for (const [n, one] of texts.entries()) {
      // Nothing is special: a text that spells a special token is only text.
      assert.equal(lines[n], other.encode(one, [], []).join(' '), JSON.stringify(one));
    }
  });
}
