// OpenAI's official Node SDK against Waybill.

import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const { WAYBILL_URL, WAYBILL_KEY, WAYBILL_DISABLED_KEY, WAYBILL_NARROW_KEY } = process.env;
const messages = [{ role: 'user', content: 'Tell me about the sea.' }];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

function client(options = {}) {
  return new OpenAI({ baseURL: `${WAYBILL_URL}/v1`, apiKey: WAYBILL_KEY, maxRetries: 0, timeout: 30_000, ...options });
}

async function collect(stream) {
  let text = '';
  const usages = [];
  for await (const chunk of stream) {
    text += chunk.choices[0].delta.content ?? '';
    if (chunk.usage) usages.push(chunk.usage);
  }
  return { text, usages };
}

test('a whole answer, under both base URLs', async () => {
  for (const base of ['/v1', '/api/v1']) {
    const reply = await client({ baseURL: WAYBILL_URL + base }).chat.completions.create({ model: 'sim/story', messages });
    assert.ok(reply.choices[0].message.content);
    assert.match(reply.id, /^gen-/);
    assert.equal(reply.provider, 'sim');
    assert.ok(reply.usage.cost > 0);
  }
});

test('a stream tells usage once', async () => {
  for (const options of [{}, { stream_options: { include_usage: true } }]) {
    const { text, usages } = await collect(
      await client().chat.completions.create({ model: 'sim/story', messages, stream: true, ...options }));
    assert.ok(text);
    assert.equal(usages.length, 1);
    assert.ok(usages[0].cost > 0);
  }
});

test('the stream helper assembles the answer', async () => {
  const runner = client().chat.completions.stream({ model: 'sim/story', messages });
  const final = await runner.finalChatCompletion();
  assert.ok(final.choices[0].message.content);
  assert.equal(final.choices[0].finish_reason, 'stop');
});

test('a stream can be left', async () => {
  const stream = await client().chat.completions.create({ model: 'sim/slow', messages, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  assert.ok((await client().chat.completions.create({ model: 'sim/story', messages })).choices.length);
});

test('tools, whole and streamed', async () => {
  const ask = [{ role: 'user', content: 'What is the weather in Lisbon?' }];
  const reply = await client().chat.completions.create({ model: 'sim/story', messages: ask, tools: [weather], tool_choice: 'required' });
  const call = reply.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, 'get_weather');
  JSON.parse(call.function.arguments);
  const answer = await client().chat.completions.create({
    model: 'sim/story', tools: [weather],
    messages: [...ask, reply.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'Sunny' }],
  });
  assert.ok(answer.choices[0].message.content);
  const streamed = await client().chat.completions
    .stream({ model: 'sim/story', messages: ask, tools: [weather], tool_choice: 'required' }).finalChatCompletion();
  assert.equal(streamed.choices[0].message.tool_calls[0].function.name, 'get_weather');
});

test('tools run by the helper', async () => {
  const seen = [];
  const runner = client().chat.completions.runTools({
    model: 'sim/story',
    messages: [{ role: 'user', content: 'What is the weather in Lisbon?' }],
    tools: [{ type: 'function', function: { ...weather.function, parse: JSON.parse, function: (args) => { seen.push(args); return 'Sunny'; } } }],
  });
  assert.ok(await runner.finalContent());
  assert.equal(seen.length, 1);
});

test('structured output', async () => {
  const shape = z.object({ name: z.string(), participants: z.array(z.string()), day: z.number().int() });
  const reply = await client().chat.completions.parse({ model: 'sim/story', messages, response_format: zodResponseFormat(shape, 'event') });
  shape.parse(reply.choices[0].message.parsed);
});

test('retries succeed after two failures', async () => {
  const reply = await client({ maxRetries: 3 }).chat.completions.create({ model: 'sim/fails-twice', messages });
  assert.ok(reply.choices[0].message.content);
});

test('fallback is invisible', async () => {
  const { text } = await collect(await client().chat.completions.create({ model: 'sim/moves-on', messages, stream: true }));
  assert.ok(text);
});

test('errors become the classes of the SDK', async () => {
  const table = [
    [OpenAI.AuthenticationError, 401, { model: 'sim/story' }, { apiKey: 'sk-wb-wrong' }],
    [OpenAI.AuthenticationError, 401, { model: 'sim/story' }, { apiKey: WAYBILL_DISABLED_KEY }],
    [OpenAI.PermissionDeniedError, 403, { model: 'sim/story' }, { apiKey: WAYBILL_NARROW_KEY }],
    [OpenAI.NotFoundError, 404, { model: 'no/such-model' }],
    [OpenAI.NotFoundError, 404, { model: 'no/such-model', stream: true }],
    [OpenAI.BadRequestError, 400, { model: 'sim/story', temperature: 99 }],
    [OpenAI.BadRequestError, 400, { model: 'sim/upstream-400' }],
    [OpenAI.RateLimitError, 429, { model: 'sim/always-429' }],
    [OpenAI.InternalServerError, 502, { model: 'sim/upstream-401' }],
  ];
  for (const [kind, status, body, options] of table) {
    await assert.rejects(client(options).chat.completions.create({ messages, ...body }), (error) => {
      assert.ok(error instanceof kind, `${body.model}: ${error}`);
      assert.equal(error.status, status);
      assert.equal(error.code, status);
      assert.ok(error.message);
      return true;
    });
  }
});

test('a stream that breaks raises', async () => {
  await assert.rejects(async () => collect(
    await client().chat.completions.create({ model: 'sim/breaks-midway', messages, stream: true })), OpenAI.APIError);
});

test('models', async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes('sim/story'));
  assert.equal((await client().models.retrieve('sim/story')).id, 'sim/story');
});

test('embeddings, float and base64', async () => {
  const input = ['one', 'two'];
  const plain = await client().embeddings.create({ model: 'sim/embedder', input, encoding_format: 'float' });
  const packed = await client().embeddings.create({ model: 'sim/embedder', input }); // the SDK asks for base64
  assert.equal(plain.data.length, 2);
  plain.data.forEach((item, i) => {
    assert.equal(item.embedding.length, packed.data[i].embedding.length);
    item.embedding.forEach((x, j) => assert.ok(Math.abs(x - packed.data[i].embedding[j]) < 1e-5));
  });
});

test('many at once', async () => {
  const api = client();
  const texts = await Promise.all(Array.from({ length: 40 }, async (_, i) =>
    i % 2 === 0
      ? (await collect(await api.chat.completions.create({ model: 'sim/story', messages, stream: true }))).text
      : (await api.chat.completions.create({ model: 'sim/story', messages })).choices[0].message.content));
  assert.ok(texts.every(Boolean));
});
