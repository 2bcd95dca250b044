// Anthropic's official Node SDK against Waybill, in brief; the Python suite goes further.

import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { z } from 'zod';

const { WAYBILL_URL, WAYBILL_KEY, WAYBILL_NARROW_KEY } = process.env;
const sea = [{ role: 'user', content: 'Tell me about the sea.' }];
const ask = [{ role: 'user', content: 'What is the weather in Lisbon?' }];
const weather = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const thinking = { type: 'enabled', budget_tokens: 1024 };
const both = ['mock/claude', 'mock/gpt'];
const all = ['sim/story', ...both];

function client(options = {}) {
  return new Anthropic({ baseURL: WAYBILL_URL, apiKey: WAYBILL_KEY, maxRetries: 0, timeout: 30_000, ...options });
}

const create = (model, messages = sea, more = {}) => client().messages.create({ model, max_tokens: 2048, messages, ...more });
const streamed = (model, messages = sea, more = {}) =>
  client().messages.stream({ model, max_tokens: 2048, messages, ...more }).finalMessage();
const textOf = (message) => message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
const after = (reply) => [
  ...ask,
  { role: 'assistant', content: reply.content },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: reply.content.at(-1).id, content: 'Sunny' }] },
];

test('a whole answer', async () => {
  for (const model of all) {
    const reply = await create(model);
    assert.ok(textOf(reply));
    assert.deepEqual([reply.model, reply.stop_reason], [model, 'end_turn']);
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0 && reply.usage.cost > 0);
  }
});

test('the stream helper', async () => {
  for (const model of all) {
    let text = '';
    const stream = client().messages.stream({ model, max_tokens: 2048, messages: sea }).on('text', (piece) => { text += piece; });
    const final = await stream.finalMessage();
    assert.ok(text);
    assert.equal(text, textOf(final));
    assert.ok(final.usage.output_tokens > 0);
  }
});

test('a stream can be left', async () => {
  for await (const event of await create('sim/slow', sea, { stream: true })) {
    assert.equal(event.type, 'message_start');
    break;
  }
  assert.ok(textOf(await create('sim/story')));
});

test('a tool and its result, whole and streamed', async () => {
  for (const model of all) {
    for (const call of [create, streamed]) {
      const reply = await call(model, ask, { tools: [weather], tool_choice: { type: 'any' } });
      assert.equal(reply.stop_reason, 'tool_use');
      assert.equal(reply.content.at(-1).name, 'get_weather');
      assert.equal(typeof reply.content.at(-1).input.city, 'string');
      const final = await call(model, after(reply), { tools: [weather] });
      if (both.includes(model)) assert.equal(textOf(final), 'The tool says: Sunny');
    }
  }
});

test('thoughts and their signatures go back', async () => {
  for (const model of both) {
    for (const call of [create, streamed]) {
      const reply = await call(model, ask, { tools: [weather], thinking });
      assert.deepEqual(reply.content.map((block) => block.type), ['thinking', 'tool_use']);
      assert.equal(textOf(await call(model, after(reply), { tools: [weather], thinking })), 'The tool says: Sunny');
    }
  }
});

async function runTools(more = {}) {
  for (const model of both) {
    const cities = [];
    const run = ({ city }) => { cities.push(city); return 'Sunny'; };
    const tool = betaZodTool({ name: 'get_weather', description: 'The weather', inputSchema: z.object({ city: z.string() }), run });
    const final = await client().beta.messages.toolRunner({ model, max_tokens: 2048, messages: ask, tools: [tool], ...more });
    assert.equal(textOf(final), 'The tool says: Sunny');
    assert.deepEqual(cities, ['Lisbon']);
  }
}

test('the tool runner', () => runTools({ thread: false }));
test('the tool runner on a thread', { todo: '`thread` is passed over in silence' }, () => runTools());

test('count tokens, models', async () => {
  assert.ok((await client().messages.countTokens({ model: 'sim/story', messages: sea })).input_tokens > 0);
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes('sim/story'));
});

test('errors become the classes of the SDK', async () => {
  const table = [
    [Anthropic.AuthenticationError, 'sim/story', { apiKey: 'sk-wb-wrong' }],
    [Anthropic.PermissionDeniedError, 'sim/story', { apiKey: WAYBILL_NARROW_KEY }],
    [Anthropic.NotFoundError, 'no/such'],
    [Anthropic.BadRequestError, 'sim/upstream-400'],
    [Anthropic.RateLimitError, 'sim/always-429-now'],
    [Anthropic.InternalServerError, 'mock/claude-overloaded'],
  ];
  for (const [kind, model, options] of table) {
    for (const stream of [false, true]) {
      await assert.rejects(client(options).messages.create({ model, max_tokens: 9, messages: sea, stream }), (error) => {
        assert.ok(error instanceof kind, `${model}: ${error}`);
        assert.equal(error.error.type, 'error');
        return true;
      });
    }
  }
});

test('a stream that breaks raises', async () => {
  for (const model of ['sim/breaks-midway', 'mock/claude-breaks']) {
    await assert.rejects(streamed(model), Anthropic.APIError);
  }
});

test('retries succeed after two failures', async () => {
  const reply = await client({ maxRetries: 3 }).messages.create({ model: 'sim/fails-twice', max_tokens: 99, messages: sea });
  assert.ok(textOf(reply));
});
