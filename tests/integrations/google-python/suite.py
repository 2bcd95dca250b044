"""Google's Gen AI SDK for Python against Waybill."""

from __future__ import annotations

import base64
import functools
import os
import unittest
from typing import Any

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
SEA = "Tell me about the sea."
ASK = "What is the weather in Lisbon?"
THOUGHT = "A city has weather."
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BOTH = ("mock/gpt", "mock/claude")
ALL = ("sim/story", *BOTH)
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather of a city",
            parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
        )
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


class Event(BaseModel):
    name: str
    participants: list[str]
    day: int


@functools.cache  # a client that nobody holds closes its connections
def client(key: str = KEY, version: str | None = "v1beta") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=URL, api_version=version, timeout=30_000))


def create(model: str, contents: Any = SEA, **config: Any) -> Any:
    return client().models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )


def streamed(model: str, contents: Any = SEA, **config: Any) -> list[Any]:
    return list(
        client().models.generate_content_stream(
            model=model, contents=contents, config=types.GenerateContentConfig(**config)
        )
    )


def parts_of(chunks: list[Any]) -> list[Any]:
    return [part for chunk in chunks for one in chunk.candidates or () for part in one.content.parts or ()]


class Content(unittest.TestCase):
    def test_whole_answer(self) -> None:
        for model in ALL:
            reply = create(model, system_instruction="Be brief.", max_output_tokens=2048)
            self.assertTrue(reply.text)
            self.assertEqual(reply.candidates[0].finish_reason, types.FinishReason.STOP)
            self.assertEqual(reply.candidates[0].content.role, "model")
            self.assertGreater(reply.usage_metadata.prompt_token_count, 0)
            self.assertGreater(reply.usage_metadata.candidates_token_count, 0)
            self.assertEqual(reply.model_version, model)

    def test_stream(self) -> None:
        for model in ALL:
            chunks = streamed(model)
            self.assertGreater(len(chunks), 1)
            self.assertTrue("".join(part.text or "" for part in parts_of(chunks)))
            self.assertEqual(chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)
            self.assertGreater(chunks[-1].usage_metadata.candidates_token_count, 0)

    def test_max_tokens(self) -> None:
        reply = create("sim/story", max_output_tokens=3)
        self.assertEqual(reply.candidates[0].finish_reason, types.FinishReason.MAX_TOKENS)

    def test_a_conversation(self) -> None:
        for model in ALL:
            chat = client().chats.create(model=model)
            self.assertTrue(chat.send_message("Hello").text)
            self.assertTrue("".join(chunk.text or "" for chunk in chat.send_message_stream("And then?")))
            self.assertTrue(chat.send_message("And at last?").text)

    def test_images(self) -> None:
        image = types.Part.from_bytes(data=PIXEL, mime_type="image/png")
        for model in BOTH:
            self.assertEqual(create(model, [image, "What is this?"]).text, f"An image of {len(PIXEL)} bytes.")

    def test_structured_output(self) -> None:
        for model in ALL:
            reply = create(model, response_mime_type="application/json", response_schema=Event)
            self.assertIsInstance(reply.parsed, Event)

    def test_thinking(self) -> None:
        for model in BOTH:
            config = types.ThinkingConfig(include_thoughts=True, thinking_budget=4096)
            for parts in (
                create(model, thinking_config=config).candidates[0].content.parts,
                parts_of(streamed(model, thinking_config=config)),
            ):
                self.assertEqual("".join(part.text for part in parts if part.thought), THOUGHT, model)

    def test_the_version_that_the_sdk_asks_for_by_itself(self) -> None:
        self.assertTrue(client(version=None).models.generate_content(model="sim/story", contents=SEA).text)


class Tools(unittest.TestCase):
    def test_a_loop(self) -> None:
        for model in ALL:
            ask = types.Content(role="user", parts=[types.Part.from_text(text=ASK)])
            config: Any = {"tools": [WEATHER], "automatic_function_calling": BY_HAND}
            if model in BOTH:
                config["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=4096)
            for parts in (
                create(model, [ask], **config).candidates[0].content.parts,
                parts_of(streamed(model, [ask], **config)),
            ):
                call = next(part.function_call for part in parts if part.function_call)
                self.assertEqual(call.name, "get_weather")
                self.assertIsInstance(call.args["city"], str)
                result = types.Part.from_function_response(name="get_weather", response={"result": "Sunny"})
                result.function_response.id = call.id
                turns = [ask, types.Content(role="model", parts=parts), types.Content(role="user", parts=[result])]
                final = create(model, turns, **config)  # the mock refuses a signature that was lost
                self.assertTrue(final.text)
                if model in BOTH:
                    self.assertIn("Sunny", final.text)

    def test_functions_called_by_the_sdk(self) -> None:
        asked: list[str] = []

        def get_weather(city: str) -> str:
            """The weather of a city."""
            asked.append(city)
            return "Sunny"

        for model in BOTH:
            self.assertIn("Sunny", create(model, ASK, tools=[get_weather]).text)
        self.assertEqual(asked, ["Lisbon", "Lisbon"])


class Lists(unittest.TestCase):
    def test_models(self) -> None:
        names = [model.name.removeprefix("models/") for model in client().models.list()]
        self.assertIn("sim/story", names)
        self.assertEqual(client().models.get(model="sim/story").name, "models/sim/story")

    def test_count_tokens(self) -> None:
        self.assertGreater(client().models.count_tokens(model="sim/story", contents=SEA).total_tokens, 0)


class Errors(unittest.TestCase):
    def fails(self, status: int, model: str, key: str = KEY) -> None:
        with self.assertRaises(errors.APIError) as caught:
            client(key).models.generate_content(model=model, contents=SEA)
        self.assertEqual(caught.exception.code, status)
        self.assertTrue(caught.exception.message)
        self.assertRegex(caught.exception.status, r"^[A-Z_]+$")
        with self.assertRaises(errors.APIError) as caught:
            list(client(key).models.generate_content_stream(model=model, contents=SEA))
        self.assertEqual(caught.exception.code, status)

    def test_statuses(self) -> None:
        self.fails(401, "sim/story", "sk-wb-wrong")
        self.fails(404, "no/such")
        self.fails(400, "sim/upstream-400")
        self.fails(429, "sim/always-429-now")

    def test_a_stream_that_breaks_raises(self) -> None:
        for model in ("sim/breaks-midway", "mock/claude-breaks"):
            with self.assertRaises(errors.APIError, msg=model):
                streamed(model)


if __name__ == "__main__":
    unittest.main(verbosity=2)
