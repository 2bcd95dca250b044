// Responses with OpenAI's official Node SDK, and chat on a provider that speaks Anthropic's dialect.

import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const { WAYBILL_URL, WAYBILL_KEY } = process.env;
const ask = [{ role: 'user', content: 'What is the weather in Lisbon?' }];
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const weather = { type: 'function', name: 'get_weather', parameters, strict: true };
const shape = z.object({ name: z.string(), participants: z.array(z.string()), day: z.number().int() });
const both = ['mock/gpt', 'mock/claude'];
const all = ['sim/story', ...both];

const client = () => new OpenAI({ baseURL: `${WAYBILL_URL}/v1`, apiKey: WAYBILL_KEY, maxRetries: 0, timeout: 30_000 });
const create = (model, input = 'Tell me about the sea.', more = {}) => client().responses.create({ model, input, store: false, ...more });
const streamed = (model, input = 'Tell me about the sea.', more = {}) =>
  client().responses.stream({ model, input, store: false, ...more }).finalResponse();

test('a whole answer', async () => {
  for (const model of all) {
    const reply = await create(model);
    assert.ok(reply.output_text);
    assert.deepEqual([reply.status, reply.model], ['completed', model]);
    assert.ok(reply.usage.output_tokens > 0 && reply.usage.cost > 0);
  }
});

test('the events of a stream', async () => {
  for (const model of all) {
    const events = [];
    for await (const event of await create(model, 'Hello', { stream: true })) events.push(event);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
    assert.equal(events[0].type, 'response.created');
    assert.equal(events.at(-1).type, 'response.completed');
    const told = events.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta).join('');
    assert.ok(told);
    assert.equal(told, events.at(-1).response.output[0].content[0].text);
  }
});

test('the stream helper', async () => {
  for (const model of all) assert.ok((await streamed(model)).output_text);
});

test('structured output', async () => {
  const text = { format: zodTextFormat(shape, 'event') };
  for (const model of all) {
    shape.parse((await client().responses.parse({ model, input: 'The fair.', store: false, text })).output_parsed);
    shape.parse((await streamed(model, 'The fair.', { text })).output_parsed);
  }
});

test('reasoning, a call, and its output in the next turn', async () => {
  for (const model of both) {
    for (const call of [create, streamed]) {
      const more = { tools: [weather], reasoning: { effort: 'high', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
      const reply = await call(model, ask, more);
      assert.deepEqual(reply.output.map((item) => item.type), ['reasoning', 'function_call']);
      const result = { type: 'function_call_output', call_id: reply.output[1].call_id, output: 'Sunny' };
      assert.equal((await call(model, [...ask, ...reply.output, result], more)).output_text, 'The tool says: Sunny');
    }
  }
});

test('what is not there is refused', async () => {
  for (const more of [{ store: true }, { previous_response_id: 'resp_1' }]) {
    await assert.rejects(create('sim/story', 'Hello', more), OpenAI.BadRequestError);
  }
  await assert.rejects(create('no/such'), OpenAI.NotFoundError);
});

test('chat on Anthropic: the helper, tools', async () => {
  const final = await client().chat.completions.stream({ model: 'mock/claude', messages: ask }).finalChatCompletion();
  assert.equal(final.choices[0].message.content, 'Hello from the mock.');
  assert.equal(final.choices[0].message.role, 'assistant');
  const seen = [];
  const tool = { name: 'get_weather', parameters, parse: JSON.parse, function: (args) => { seen.push(args); return 'Sunny'; } };
  for (const stream of [false, true]) {
    const runner = client().chat.completions.runTools({
      model: 'mock/claude', messages: ask, stream, tools: [{ type: 'function', function: tool }] });
    assert.equal(await runner.finalContent(), 'The tool says: Sunny');
  }
  assert.deepEqual(seen, [{ city: 'Lisbon' }, { city: 'Lisbon' }]);
});

test('chat on Anthropic: a stream that breaks raises', async () => {
  await assert.rejects(client().chat.completions.stream({ model: 'mock/claude-breaks', messages: ask }).finalChatCompletion(), OpenAI.APIError);
});
