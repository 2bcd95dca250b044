"""OpenAI's official Python SDK against Waybill."""

from __future__ import annotations

import asyncio
import os
import unittest
from decimal import Decimal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
MESSAGES = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Event(BaseModel):
    name: str
    participants: list[str]
    day: int


def client(**members: object) -> OpenAI:
    members.setdefault("api_key", KEY)
    return OpenAI(base_url=members.pop("base_url", f"{URL}/v1"), **{"max_retries": 0, "timeout": 30, **members})


class Chat(unittest.TestCase):
    def test_whole_answer(self) -> None:
        for base in ("/v1", "/api/v1"):
            reply = client(base_url=URL + base).chat.completions.create(model="sim/story", messages=MESSAGES)
            self.assertTrue(reply.choices[0].message.content)
            self.assertEqual(reply.model, "sim/story")
            self.assertTrue(reply.id.startswith("gen-"))
            self.assertEqual(reply.provider, "sim")
            self.assertGreater(reply.usage.cost, 0)

    def test_raw_response_carries_the_generation_id(self) -> None:
        raw = client().chat.completions.with_raw_response.create(model="sim/story", messages=MESSAGES)
        self.assertEqual(raw.headers["x-generation-id"], raw.parse().id)

    def test_stream(self) -> None:
        for options in ({}, {"stream_options": {"include_usage": True}}):
            text, usages = "", []
            for chunk in client().chat.completions.create(model="sim/story", messages=MESSAGES, stream=True, **options):
                text += chunk.choices[0].delta.content or ""
                if chunk.usage:
                    usages.append(chunk.usage)
            self.assertTrue(text)
            self.assertEqual(len(usages), 1)
            self.assertGreater(usages[0].completion_tokens, 0)
            self.assertGreater(Decimal(str(usages[0].cost)), 0)

    def test_stream_helper_assembles_the_answer(self) -> None:
        with client().chat.completions.stream(model="sim/story", messages=MESSAGES) as stream:
            for _ in stream:
                pass
            final = stream.get_final_completion()
        self.assertTrue(final.choices[0].message.content)
        self.assertEqual(final.choices[0].finish_reason, "stop")

    def test_a_stream_can_be_left(self) -> None:
        stream = client().chat.completions.create(model="sim/slow", messages=MESSAGES, stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(client().chat.completions.create(model="sim/story", messages=MESSAGES).choices)

    def test_tools(self) -> None:
        ask = [{"role": "user", "content": "What is the weather in Lisbon?"}]
        reply = client().chat.completions.create(
            model="sim/story", messages=ask, tools=[WEATHER], tool_choice="required"
        )
        call = reply.choices[0].message.tool_calls[0]
        self.assertEqual((reply.choices[0].finish_reason, call.function.name), ("tool_calls", "get_weather"))
        answer = client().chat.completions.create(
            model="sim/story",
            tools=[WEATHER],
            messages=[*ask, reply.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}],
        )
        self.assertTrue(answer.choices[0].message.content)

    def test_streamed_tools(self) -> None:
        with client().chat.completions.stream(
            model="sim/story",
            tools=[WEATHER],
            tool_choice="required",
            messages=[{"role": "user", "content": "What is the weather in Lisbon?"}],
        ) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        self.assertEqual(message.tool_calls[0].function.name, "get_weather")

    def test_structured_output(self) -> None:
        reply = client().chat.completions.parse(model="sim/story", messages=MESSAGES, response_format=Event)
        self.assertIsInstance(reply.choices[0].message.parsed, Event)
        with client().chat.completions.stream(model="sim/story", messages=MESSAGES, response_format=Event) as stream:
            for _ in stream:
                pass
            self.assertIsInstance(stream.get_final_completion().choices[0].message.parsed, Event)

    def test_json_mode(self) -> None:
        reply = client().chat.completions.create(
            model="sim/story", messages=MESSAGES, response_format={"type": "json_object"}
        )
        self.assertTrue(reply.choices[0].message.content.startswith("{"))

    def test_extras_of_openrouter_pass(self) -> None:
        reply = client(
            default_headers={"HTTP-Referer": "https://app.example", "X-Title": "app"}
        ).chat.completions.create(
            model="no/such", messages=MESSAGES, extra_body={"models": ["sim/story"], "usage": {"include": True}}
        )
        self.assertEqual(reply.model, "sim/story")

    def test_fallback_is_invisible(self) -> None:
        for stream in (False, True):
            reply = client().chat.completions.create(model="sim/moves-on", messages=MESSAGES, stream=stream)
            text = (
                "".join(c.choices[0].delta.content or "" for c in reply) if stream else reply.choices[0].message.content
            )
            self.assertTrue(text)

    def test_legacy_completions(self) -> None:
        reply = client().completions.create(model="sim/story", prompt="Once")
        self.assertTrue(reply.choices[0].text)


class Async(unittest.TestCase):
    def test_many_at_once(self) -> None:
        async def one(api: AsyncOpenAI, stream: bool) -> str:
            reply = await api.chat.completions.create(model="sim/story", messages=MESSAGES, stream=stream)
            if stream:
                return "".join([chunk.choices[0].delta.content or "" async for chunk in reply])
            return reply.choices[0].message.content

        async def all_of_them() -> list[str]:
            async with AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as api:
                return await asyncio.gather(*(one(api, i % 2 == 0) for i in range(40)))

        self.assertTrue(all(asyncio.run(all_of_them())))


class Errors(unittest.TestCase):
    def fails(
        self, kind: type[openai.APIError], model: str, status: int | None = None, **members: object
    ) -> openai.APIError:
        api = client(api_key=members.pop("api_key", KEY))
        with self.assertRaises(kind) as caught:
            api.chat.completions.create(model=model, messages=members.pop("messages", MESSAGES), **members)
        if status is not None:
            self.assertEqual(caught.exception.status_code, status)
            self.assertEqual(caught.exception.body["code"], status)
        self.assertTrue(caught.exception.message)
        return caught.exception

    def test_classes(self) -> None:
        self.fails(openai.AuthenticationError, "sim/story", 401, api_key="sk-wb-wrong")
        self.fails(openai.AuthenticationError, "sim/story", 401, api_key=os.environ["WAYBILL_DISABLED_KEY"])
        self.fails(openai.NotFoundError, "no/such-model", 404)
        self.fails(openai.BadRequestError, "sim/story", 400, temperature=99)
        self.fails(openai.BadRequestError, "sim/story", 400, messages=[])
        self.fails(openai.BadRequestError, "sim/upstream-400", 400)
        self.fails(openai.RateLimitError, "sim/always-429", 429)
        self.fails(openai.InternalServerError, "sim/always-500")
        self.fails(openai.InternalServerError, "sim/upstream-401", 502)
        self.fails(openai.PermissionDeniedError, "sim/story", 403, api_key=os.environ["WAYBILL_NARROW_KEY"])

    def test_the_same_for_streams(self) -> None:
        self.fails(openai.NotFoundError, "no/such-model", 404, stream=True)
        self.fails(openai.RateLimitError, "sim/always-429-now", 429, stream=True)

    def test_a_stream_that_breaks_raises(self) -> None:
        with self.assertRaises(openai.APIError):
            for _ in client().chat.completions.create(model="sim/breaks-midway", messages=MESSAGES, stream=True):
                pass

    def test_retries_succeed_after_two_failures(self) -> None:
        reply = client(max_retries=3).chat.completions.create(model="sim/fails-twice", messages=MESSAGES)
        self.assertTrue(reply.choices[0].message.content)

    def test_an_idempotency_key_survives_retries_and_is_served_once(self) -> None:
        key = {"Idempotency-Key": "order-1"}
        ask = client(max_retries=3).chat.completions.create
        reply = ask(model="sim/fails-twice-keyed", messages=MESSAGES, extra_headers=key)
        self.assertTrue(reply.choices[0].message.content)
        with self.assertRaises(openai.ConflictError) as caught:  # at once: X-Should-Retry is false
            ask(model="sim/fails-twice-keyed", messages=MESSAGES, extra_headers=key)
        self.assertEqual(caught.exception.body["metadata"]["generation_id"], reply.id)

    def test_an_unknown_path(self) -> None:
        with self.assertRaises(openai.NotFoundError):
            client(base_url=f"{URL}/v1/nowhere").chat.completions.create(model="sim/story", messages=MESSAGES)


class Lists(unittest.TestCase):
    def test_models(self) -> None:
        ids = [model.id for model in client().models.list()]
        self.assertIn("sim/story", ids)
        self.assertEqual(client().models.retrieve("sim/story").id, "sim/story")
        with self.assertRaises(openai.NotFoundError):
            client().models.retrieve("no/such")

    def test_embeddings(self) -> None:
        api = client()
        plain = api.embeddings.create(model="sim/embedder", input=["one", "two"], encoding_format="float")
        packed = api.embeddings.create(model="sim/embedder", input=["one", "two"])  # the SDK asks for base64
        self.assertEqual(len(plain.data), 2)
        for a, b in zip(plain.data, packed.data):
            self.assertEqual(len(a.embedding), len(b.embedding))
            for x, y in zip(a.embedding, b.embedding):
                self.assertAlmostEqual(x, y, places=5)
        self.assertGreater(plain.usage.prompt_tokens, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
