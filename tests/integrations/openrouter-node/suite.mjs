// OpenRouter's own SDK against Waybill: its schemas are strict, so shapes are checked member by member.

import assert from 'node:assert/strict';
import test from 'node:test';
import { OpenRouter } from '@openrouter/sdk';
import * as errors from '@openrouter/sdk/models/errors';

const { WAYBILL_URL, WAYBILL_KEY } = process.env;
const messages = [{ role: 'user', content: 'Tell me about the sea.' }];

function client(apiKey = WAYBILL_KEY) {
  return new OpenRouter({ apiKey, serverURL: `${WAYBILL_URL}/api/v1`, retryConfig: { strategy: 'none' }, timeoutMs: 30_000 });
}

function send(chatRequest, apiKey) {
  return client(apiKey).chat.send({ chatRequest: { messages, ...chatRequest } });
}

test('a whole answer', async () => {
  const reply = await send({ model: 'sim/story' });
  assert.ok(reply.choices[0].message.content);
  assert.match(reply.id, /^gen-/);
  assert.equal(reply.model, 'sim/story');
  assert.ok(reply.usage.totalTokens > 0);
  assert.ok(reply.usage.cost > 0);
});

test('a stream, and the generation it became', async () => {
  let text = '';
  let id = '';
  const usages = [];
  for await (const chunk of await send({ model: 'sim/story', stream: true })) {
    assert.equal(chunk.error, undefined);
    id = chunk.id;
    text += chunk.choices[0].delta.content ?? '';
    if (chunk.usage) usages.push(chunk.usage);
  }
  assert.ok(text);
  assert.equal(usages.length, 1);
  const { data } = await client().generations.getGeneration({ id });
  assert.equal(data.id, id);
  assert.equal(data.totalCost, usages[0].cost);
  assert.equal(data.providerName, 'sim');
  assert.equal(data.streamed, true);
  assert.equal(data.cancelled, false);
  assert.equal(data.nativeTokensCompletion, usages[0].completionTokens);
});

test('slow streams with keep-alive comments are read', async () => {
  let text = '';
  for await (const chunk of await send({ model: 'sim/slow', stream: true })) text += chunk.choices[0].delta.content ?? '';
  assert.ok(text);
});

test('a stream that breaks carries an error chunk the schema accepts', async () => {
  const seen = [];
  for await (const chunk of await send({ model: 'sim/breaks-midway', stream: true })) if (chunk.error) seen.push(chunk);
  assert.equal(seen.length, 1);
  assert.equal(typeof seen[0].error.code, 'number');
  assert.equal(seen[0].choices[0].finishReason, 'error');
});

test('models', async () => {
  const ids = [];
  for await (const page of await client().models.list()) ids.push(...(page.result ?? page).data.map((model) => model.id));
  assert.ok(ids.includes('sim/story'), ids.join());
  const one = await client().models.get({ author: 'sim', slug: 'story' });
  assert.equal(one.data.id, 'sim/story');
});

test('errors become the classes of the SDK', async () => {
  const table = [
    ['UnauthorizedResponseError', { model: 'sim/story' }, 'sk-wb-wrong'],
    ['NotFoundResponseError', { model: 'no/such-model' }],
    ['BadRequestResponseError', { model: 'sim/upstream-400' }],
    ['TooManyRequestsResponseError', { model: 'sim/always-429' }],
    ['BadGatewayResponseError', { model: 'sim/upstream-401' }],
  ];
  for (const [name, body, key] of table) {
    await assert.rejects(send(body, key), (error) => {
      assert.ok(error instanceof errors[name], `${name} expected, got ${error.name}: ${error.message}`);
      assert.equal(typeof error.error.code, 'number');
      return true;
    });
  }
});
