// Google's Gen AI SDK for Node against Waybill, in brief; the Python suite goes further.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiError, GoogleGenAI } from '@google/genai';

const { WAYBILL_URL, WAYBILL_KEY } = process.env;
const contents = 'Tell me about the sea.';
const ask = [{ role: 'user', parts: [{ text: 'What is the weather in Lisbon?' }] }];
const weather = {
  functionDeclarations: [{
    name: 'get_weather',
    description: 'The weather of a city',
    parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  }],
};
const thinkingConfig = { includeThoughts: true, thinkingBudget: 4096 };
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const both = ['mock/gpt', 'mock/claude'];
const all = ['sim/story', ...both];

function client(options = {}) {
  return new GoogleGenAI({ apiKey: WAYBILL_KEY, httpOptions: { baseUrl: WAYBILL_URL, apiVersion: 'v1beta' }, ...options });
}

const create = (model, what = contents, config = {}) => client().models.generateContent({ model, contents: what, config });
async function streamed(model, what = contents, config = {}) {
  const chunks = [];
  for await (const chunk of await client().models.generateContentStream({ model, contents: what, config })) chunks.push(chunk);
  return chunks;
}
const partsOf = (chunks) => chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);

test('a whole answer', async () => {
  for (const model of all) {
    const reply = await create(model);
    assert.ok(reply.text);
    assert.equal(reply.candidates[0].finishReason, 'STOP');
    assert.ok(reply.usageMetadata.candidatesTokenCount > 0);
  }
});

test('a stream', async () => {
  for (const model of all) {
    const chunks = await streamed(model);
    assert.ok(chunks.length > 1);
    assert.ok(partsOf(chunks).map((part) => part.text ?? '').join(''));
    assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
    assert.ok(chunks.at(-1).usageMetadata.candidatesTokenCount > 0);
  }
});

test('a chat', async () => {
  for (const model of all) {
    const chat = client().chats.create({ model });
    assert.ok((await chat.sendMessage({ message: 'Hello' })).text);
    assert.ok((await chat.sendMessage({ message: 'And then?' })).text);
  }
});

test('a call and its result', async () => {
  for (const model of both) {
    const config = { tools: [weather], thinkingConfig };
    for (const parts of [partsOf([await create(model, ask, config)]), partsOf(await streamed(model, ask, config))]) {
      const { functionCall } = parts.find((part) => part.functionCall);
      assert.deepEqual([functionCall.name, functionCall.args], ['get_weather', { city: 'Lisbon' }]);
      const functionResponse = { id: functionCall.id, name: 'get_weather', response: { output: 'Sunny' } };
      const turns = [...ask, { role: 'model', parts }, { role: 'user', parts: [{ functionResponse }] }];
      assert.match((await create(model, turns, config)).text, /Sunny/);
    }
  }
});

test('images', async () => {
  for (const model of both) {
    const reply = await create(model, [{ inlineData: { mimeType: 'image/png', data: png } }, { text: 'What is this?' }]);
    assert.equal(reply.text, `An image of ${Buffer.from(png, 'base64').length} bytes.`);
  }
});

test('structured output', async () => {
  const responseJsonSchema = {
    type: 'object', required: ['name', 'day'], properties: { name: { type: 'string' }, day: { type: 'integer' } } };
  for (const model of all) {
    const reply = await create(model, contents, { responseMimeType: 'application/json', responseJsonSchema });
    assert.equal(typeof JSON.parse(reply.text).day, 'number');
  }
});

test('models, tokens', async () => {
  const names = [];
  for await (const model of await client().models.list()) names.push(model.name);
  assert.ok(names.includes('models/sim/story'), names.join());
  assert.ok((await client().models.countTokens({ model: 'sim/story', contents })).totalTokens > 0);
});

test('errors', async () => {
  for (const [status, model] of [[404, 'no/such'], [400, 'sim/upstream-400'], [429, 'sim/always-429-now']]) {
    for (const call of [create, streamed]) {
      await assert.rejects(call(model), (error) => error instanceof ApiError && error.status === status);
    }
  }
  await assert.rejects(
    client({ apiKey: 'sk-wb-wrong' }).models.generateContent({ model: 'sim/story', contents }), { status: 401 });
});

test('a stream that breaks raises', async () => {
  for (const model of ['sim/breaks-midway', 'mock/claude-breaks']) await assert.rejects(streamed(model));
});

test('the version that the SDK asks for by itself', async () => {
  const api = client({ httpOptions: { baseUrl: WAYBILL_URL } });
  assert.ok((await api.models.generateContent({ model: 'sim/story', contents })).text);
});
