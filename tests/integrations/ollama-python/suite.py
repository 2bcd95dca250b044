"""Ollama's own Python client against Waybill."""

from __future__ import annotations

import asyncio
import base64
import os
import unittest
from typing import Any

import ollama
from ollama import AsyncClient, Client
from pydantic import BaseModel

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
BEARER = {"Authorization": f"Bearer {KEY}"}
SEA = [{"role": "user", "content": "Tell me about the sea."}]
ASK = [{"role": "user", "content": "What is the weather in Lisbon?"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BOTH = ("mock/gpt", "mock/claude")
ALL = ("sim/story", *BOTH)


def get_weather(city: str) -> str:
    """
    The weather of a city.

    Args:
        city: Its name
    """
    return "Sunny"


class Event(BaseModel):
    name: str
    participants: list[str]
    day: int


def client(**members: Any) -> Client:
    return Client(host=URL, timeout=30, **{"headers": BEARER, **members})


def joined(stream: Any) -> tuple[str, Any]:
    """The text of a streamed chat, and its last part."""
    parts = list(stream)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    return "".join(part.message.content or "" for part in parts), parts[-1]


class Chat(unittest.TestCase):
    def test_whole_answer(self) -> None:
        for model in ALL:
            reply = client().chat(model=model, messages=SEA)
            self.assertTrue(reply.message.content)
            self.assertEqual((reply.model, reply.message.role, reply.done), (model, "assistant", True))
            self.assertEqual(reply.done_reason, "stop")
            self.assertGreater(reply.prompt_eval_count, 0)
            self.assertGreater(reply.eval_count, 0)
            self.assertTrue(reply.created_at)

    @unittest.expectedFailure  # they are all told as 0
    def test_durations(self) -> None:
        reply = client().chat(model="sim/slow", messages=SEA)
        self.assertGreater(reply.total_duration, 0)
        self.assertGreater(reply.eval_duration, 0)

    def test_stream(self) -> None:
        for model in ALL:
            text, last = joined(client().chat(model=model, messages=SEA, stream=True))
            self.assertTrue(text)
            self.assertEqual(last.done_reason, "stop")
            self.assertGreater(last.eval_count, 0)

    def test_options(self) -> None:
        options = {"num_predict": 3, "temperature": 0.1, "seed": 4, "num_ctx": 2048, "stop": ["zzz"]}
        reply = client().chat(model="sim/story", messages=SEA, options=options, keep_alive="5m")
        self.assertEqual(reply.done_reason, "length")

    def test_a_name_with_a_tag(self) -> None:
        self.assertTrue(client().chat(model="sim/story:latest", messages=SEA).message.content)

    def test_tools(self) -> None:
        for model in ALL:
            reply = client().chat(model=model, messages=ASK, tools=[get_weather])
            call = reply.message.tool_calls[0]
            self.assertEqual(call.function.name, "get_weather")
            self.assertIsInstance(call.function.arguments["city"], str)
            turns = [*ASK, reply.message, {"role": "tool", "tool_name": "get_weather", "content": "Sunny"}]
            final = client().chat(model=model, messages=turns, tools=[get_weather])
            self.assertTrue(final.message.content)
            if model in BOTH:
                self.assertEqual(final.message.content, "The tool says: Sunny")

    def test_streamed_tools(self) -> None:
        for model in ALL:
            parts = list(client().chat(model=model, messages=ASK, tools=[get_weather], stream=True))
            calls = [call for part in parts for call in part.message.tool_calls or ()]
            self.assertEqual([call.function.name for call in calls], ["get_weather"], model)

    def thinks(self, model: str, how: Any) -> None:
        reply = client().chat(model=model, messages=SEA, think=how)
        self.assertEqual(reply.message.thinking, "A city has weather.")
        parts = list(client().chat(model=model, messages=SEA, think=how, stream=True))
        self.assertEqual("".join(part.message.thinking or "" for part in parts), "A city has weather.")

    def test_thinking(self) -> None:
        self.thinks("mock/claude", True)
        for model in BOTH:
            self.thinks(model, "high")

    def test_thinking_on_openai_without_a_level(self) -> None:
        self.thinks("mock/gpt", True)

    def test_structured_output(self) -> None:
        for model in ALL:
            reply = client().chat(model=model, messages=SEA, format=Event.model_json_schema())
            Event.model_validate_json(reply.message.content)

    def test_images(self) -> None:
        for model in BOTH:
            turn = {"role": "user", "content": "What is this?", "images": [base64.b64decode(PIXEL)]}
            reply = client().chat(model=model, messages=[turn])
            self.assertEqual(reply.message.content, f"An image of {len(base64.b64decode(PIXEL))} bytes.")

    def test_many_at_once(self) -> None:
        async def one(api: AsyncClient, stream: bool) -> str:
            reply = await api.chat(model="sim/story", messages=SEA, stream=stream)
            if stream:
                return "".join([part.message.content or "" async for part in reply])
            return reply.message.content

        async def all_of_them() -> list[str]:
            api = AsyncClient(host=URL, headers=BEARER)
            return await asyncio.gather(*(one(api, index % 2 == 0) for index in range(40)))

        self.assertTrue(all(asyncio.run(all_of_them())))


class Generate(unittest.TestCase):
    def test_whole_and_streamed(self) -> None:
        for model in ALL:
            reply = client().generate(model=model, prompt="Once", system="Be brief.")
            self.assertTrue(reply.response)
            self.assertTrue(reply.done)
            parts = list(client().generate(model=model, prompt="Once", stream=True))
            self.assertTrue("".join(part.response for part in parts))
            self.assertTrue(parts[-1].done)
            self.assertGreater(parts[-1].eval_count, 0)


class Lists(unittest.TestCase):
    def test_list(self) -> None:
        models = client().list().models
        self.assertIn("sim/story", [model.model.removesuffix(":latest") for model in models])
        self.assertTrue(all(model.details is not None for model in models))

    def test_show(self) -> None:
        told = client().show("sim/story")
        self.assertIn("completion", told.capabilities)
        with self.assertRaises(ollama.ResponseError) as caught:
            client().show("no/such")
        self.assertEqual(caught.exception.status_code, 404)


class Errors(unittest.TestCase):
    def fails(self, status: int, model: str, **members: Any) -> None:
        for stream in (False, True):
            with self.assertRaises(ollama.ResponseError, msg=(model, stream)) as caught:
                reply = client(**members).chat(model=model, messages=SEA, stream=stream)
                list(reply)
            self.assertEqual(caught.exception.status_code, status)
            self.assertTrue(caught.exception.error)
            self.assertNotIn("{", caught.exception.error)

    def test_statuses(self) -> None:
        self.fails(404, "no/such")
        self.fails(400, "sim/upstream-400")
        self.fails(429, "sim/always-429-now")
        self.fails(401, "sim/story", headers={"Authorization": "Bearer sk-wb-wrong"})

    def test_a_stream_that_breaks_raises(self) -> None:
        for model in ("sim/breaks-midway", "mock/claude-breaks"):
            with self.assertRaises(ollama.ResponseError, msg=model):
                list(client().chat(model=model, messages=SEA, stream=True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
