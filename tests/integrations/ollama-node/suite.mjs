// Ollama's own JavaScript client against Waybill.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Ollama } from 'ollama';

const { WAYBILL_URL, WAYBILL_KEY } = process.env;
const messages = [{ role: 'user', content: 'Tell me about the sea.' }];
const ask = [{ role: 'user', content: 'What is the weather in Lisbon?' }];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const both = ['mock/gpt', 'mock/claude'];
const all = ['sim/story', ...both];

function client(key = WAYBILL_KEY) {
  return new Ollama({ host: WAYBILL_URL, headers: { Authorization: `Bearer ${key}` } });
}

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

test('chat, whole', async () => {
  for (const model of all) {
    const reply = await client().chat({ model, messages });
    assert.ok(reply.message.content);
    assert.deepEqual([reply.model, reply.done, reply.done_reason], [model, true, 'stop']);
    assert.ok(reply.eval_count > 0 && reply.prompt_eval_count > 0);
  }
});

test('chat, streamed', async () => {
  for (const model of ['sim/slow', ...all]) {
    const parts = await collect(await client().chat({ model, messages, stream: true }));
    assert.ok(parts.map((part) => part.message.content).join(''));
    assert.ok(parts.slice(0, -1).every((part) => !part.done));
    assert.ok(parts.at(-1).done);
    assert.ok(parts.at(-1).eval_count > 0);
  }
});

test('a stream can be aborted', async () => {
  const api = client();
  const stream = await api.chat({ model: 'sim/slow', messages, stream: true });
  await assert.rejects(async () => { for await (const _ of stream) stream.abort(); }, { name: 'AbortError' });
  assert.ok((await client().chat({ model: 'sim/story', messages })).message.content);
});

test('tools, whole and streamed', async () => {
  for (const model of all) {
    const reply = await client().chat({ model, messages: ask, tools: [weather] });
    const [call] = reply.message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    assert.equal(typeof call.function.arguments.city, 'string');
    const turns = [...ask, reply.message, { role: 'tool', tool_name: 'get_weather', content: 'Sunny' }];
    const final = await client().chat({ model, messages: turns, tools: [weather] });
    if (both.includes(model)) assert.equal(final.message.content, 'The tool says: Sunny');
    const parts = await collect(await client().chat({ model, messages: ask, tools: [weather], stream: true }));
    assert.deepEqual(parts.flatMap((part) => part.message.tool_calls ?? []).map((one) => one.function.name), ['get_weather']);
  }
});

test('thinking', async () => {
  for (const model of both) {
    const parts = await collect(await client().chat({ model, messages, think: 'high', stream: true }));
    assert.equal(parts.map((part) => part.message.thinking ?? '').join(''), 'A city has weather.');
  }
});

test('generate, whole and streamed', async () => {
  for (const model of all) {
    assert.ok((await client().generate({ model, prompt: 'Once' })).response);
    const parts = await collect(await client().generate({ model, prompt: 'Once', stream: true }));
    assert.ok(parts.map((part) => part.response).join(''));
    assert.ok(parts.at(-1).done);
  }
});

test('list, show and version', async () => {
  const { models } = await client().list();
  assert.ok(models.some((model) => model.name.replace(/:latest$/, '') === 'sim/story'));
  assert.ok((await client().show({ model: 'sim/story' })).capabilities.includes('completion'));
  await assert.rejects(client().show({ model: 'no/such' }), { status_code: 404 });
  assert.match((await client().version()).version, /^\d+\.\d+/);
});

test('errors', async () => {
  const table = [[404, 'no/such'], [400, 'sim/upstream-400'], [429, 'sim/always-429-now'], [401, 'sim/story', 'sk-wb-wrong']];
  for (const [status, model, key] of table) {
    for (const stream of [false, true]) {
      await assert.rejects(client(key).chat({ model, messages, stream }), (error) => {
        assert.equal(error.status_code, status, `${model}: ${error}`);
        assert.ok(error.message && !error.message.includes('{'));
        return true;
      });
    }
  }
});

test('a stream that breaks raises', async () => {
  for (const model of ['sim/breaks-midway', 'mock/claude-breaks']) {
    await assert.rejects(async () => collect(await client().chat({ model, messages, stream: true })));
  }
});
