// HTTPS on both sides: a server with a certificate of its own, and a gateway whose provider it is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';

import { make_folder, run } from './harness/program.mjs';
import { read_chat } from './harness/sse.mjs';
import { start_weir } from './harness/weir.mjs';

const folder = make_folder();
const certificate = join(folder, 'certificate.pem');
const key = join(folder, 'key.pem');
const made = await run('openssl', [
  'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
  '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
  '-addext', 'subjectAltName=DNS:localhost',
]);
assert.equal(made.code, 0, made.stderr);

const secure = await start_weir({ after }, { config: { tls: { certificate, key } } });

// One request over TLS, by hand: { protocol, text, resumable }.
function ask(options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1', port: secure.port, servername: 'localhost',
      ca: readFileSync(certificate), ...options,
    });
    let text = '';
    socket.on('secureConnect', () => {
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    });
    socket.on('data', (bytes) => { text += bytes; });
    socket.on('end', () => resolve({ protocol: socket.getProtocol(), text }));
    socket.on('error', reject);
  });
}

describe('the server', () => {
  test('speaks TLS 1.3 and 1.2', async () => {
    assert.match(secure.url, /^https:/);
    for (const version of ['TLSv1.3', 'TLSv1.2']) {
      const answer = await ask({ minVersion: version, maxVersion: version });
      assert.equal(answer.protocol, version);
      assert.match(answer.text, /^HTTP\/1\.1 200 /);
    }
  });

  test('refuses what is older, and plain HTTP', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
    await assert.rejects(ask(old));
    const plain = await run('curl', ['-s', '-m', '5', `http://127.0.0.1:${secure.port}/livez`]);
    assert.notEqual(plain.code, 0);
    assert.match((await ask()).text, /"ok"/, 'it goes on serving');
  });
});

describe('a provider behind TLS', () => {
  const config = (host) => ({
    providers: { far: { base_url: `https://${host}:${secure.port}/v1`, keys: [secure.key] } },
    models: { fast: { targets: [{ provider: 'far', model: 'fast' }] } },
  });

  test('answers, whole and streamed, on a certificate that is trusted', async (t) => {
    const weir = await start_weir(t, {
      config: config('localhost'), env: { WEIR_EXTRA_CA: certificate },
    });
    for (let n = 0; n < 3; ++n) {
      const answer = await weir.chat('fast');
      assert.equal(answer.status, 200, answer.text);
    }
    const streamed = await weir.chat('fast', { stream: true });
    const said = read_chat(streamed.text);
    assert.match(said.text, /^This is Weir's built-in demo/);
    assert.ok(said.done);
  });

  test('is refused on one that is not, or that names another host', async (t) => {
    const stranger = await start_weir(t, { config: config('localhost') });
    assert.equal((await stranger.chat('fast')).status, 502);
    const misnamed = await start_weir(t, {
      config: config('127.0.0.1'), env: { WEIR_EXTRA_CA: certificate },
    });
    assert.equal((await misnamed.chat('fast')).status, 502);
    assert.equal((await stranger.json('ledger', 'show')).requests, 0, 'and nothing is charged');
  });
});
