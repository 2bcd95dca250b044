"""Anthropic's official Python SDK against Waybill, on providers that speak OpenAI's and Anthropic's dialect."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import unittest
from typing import Any

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from anthropic.lib.tools import beta_tool
from pydantic import BaseModel

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
SEA = [{"role": "user", "content": "Tell me about the sea."}]
ASK = [{"role": "user", "content": "What is the weather in Lisbon?"}]
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
THINKING = {"type": "enabled", "budget_tokens": 1024}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BOTH = ("mock/claude", "mock/gpt")


class Event(BaseModel):
    name: str
    participants: list[str]
    day: int


def client(**members: Any) -> Anthropic:
    return Anthropic(**{"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 30, **members})


def create(model: str, messages: Any = SEA, **members: Any) -> Any:
    return client().messages.create(
        model=model, max_tokens=members.pop("max_tokens", 2048), messages=messages, **members
    )


def streamed(model: str, messages: Any = SEA, **members: Any) -> Any:
    with client().messages.stream(model=model, max_tokens=2048, messages=messages, **members) as stream:
        return stream.get_final_message()


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def result_for(call: Any, text: str = "Sunny") -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": text}]}


class Messages(unittest.TestCase):
    def test_whole_answer(self) -> None:
        for model in ("sim/story", *BOTH):
            reply = create(model, system="Be brief.")
            self.assertTrue(text_of(reply))
            self.assertEqual((reply.type, reply.role, reply.model), ("message", "assistant", model))
            self.assertEqual(reply.stop_reason, "end_turn")
            self.assertTrue(reply.id.startswith("gen-"))
            self.assertGreater(reply.usage.input_tokens, 0)
            self.assertGreater(reply.usage.output_tokens, 0)
            self.assertGreater(reply.usage.cost, 0)

    def test_the_request_id(self) -> None:
        reply = create("sim/story")
        self.assertEqual(reply._request_id, reply.id)

    def test_bearer_token(self) -> None:
        reply = client(api_key=None, auth_token=KEY).messages.create(model="sim/story", max_tokens=9, messages=SEA)
        self.assertTrue(text_of(reply))

    def test_stream_helper(self) -> None:
        for model in ("sim/story", *BOTH):
            with client().messages.stream(model=model, max_tokens=2048, messages=SEA) as stream:
                text = "".join(stream.text_stream)
                final = stream.get_final_message()
            self.assertTrue(text)
            self.assertEqual(text, text_of(final))
            self.assertEqual((final.model, final.stop_reason), (model, "end_turn"))
            self.assertGreater(final.usage.input_tokens, 0)
            self.assertGreater(final.usage.output_tokens, 0)

    def test_raw_stream_has_the_events_in_order(self) -> None:
        for model in ("sim/slow", *BOTH):
            kinds = [event.type for event in create(model, stream=True)]
            self.assertEqual(kinds[:2], ["message_start", "content_block_start"])
            self.assertEqual(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
            self.assertLessEqual(set(kinds[2:-3]), {"content_block_delta", "ping"})

    def test_a_stream_can_be_left(self) -> None:
        stream = create("sim/slow", stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(text_of(create("sim/story")))

    def test_max_tokens(self) -> None:
        self.assertEqual(create("sim/story", max_tokens=3).stop_reason, "max_tokens")

    def test_a_beta_request(self) -> None:
        reply = client().beta.messages.create(
            model="mock/claude", max_tokens=99, messages=SEA, betas=["interleaved-thinking-2025-05-14"]
        )
        self.assertTrue(text_of(reply))

    def test_images(self) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
        for model in BOTH:
            self.assertEqual(
                text_of(create(model, [{"role": "user", "content": content}])), f"An image of {len(PIXEL)} bytes."
            )

    def test_structured_output(self) -> None:
        for model in BOTH:
            reply = client().messages.parse(model=model, max_tokens=2048, messages=SEA, output_format=Event)
            self.assertIsInstance(reply.parsed_output, Event)

    def test_count_tokens(self) -> None:
        few = client().messages.count_tokens(model="sim/story", messages=SEA).input_tokens
        more = client().messages.count_tokens(model="sim/story", messages=SEA, tools=[WEATHER], system="Be brief.")
        self.assertGreater(few, 0)
        self.assertGreater(more.input_tokens, few)

    def test_models(self) -> None:
        ids = [model.id for model in client().models.list()]
        self.assertIn("sim/story", ids)
        self.assertEqual(client().models.retrieve("sim/story").id, "sim/story")
        with self.assertRaises(anthropic.NotFoundError):
            client().models.retrieve("no/such")

    def test_many_at_once(self) -> None:
        async def one(api: AsyncAnthropic, index: int) -> str:
            members: dict[str, Any] = {"model": ("sim/story", *BOTH)[index % 3], "max_tokens": 99, "messages": SEA}
            if index % 2 == 0:
                return text_of(await api.messages.create(**members))
            async with api.messages.stream(**members) as stream:
                return "".join([text async for text in stream.text_stream])

        async def all_of_them() -> list[str]:
            async with AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0) as api:
                return await asyncio.gather(*(one(api, index) for index in range(42)))

        self.assertTrue(all(asyncio.run(all_of_them())))


class Tools(unittest.TestCase):
    def test_a_loop(self) -> None:
        for model in ("sim/story", *BOTH):
            for ask in (create, streamed):
                reply = ask(model, ASK, tools=[WEATHER], tool_choice={"type": "any"})
                self.assertEqual(reply.stop_reason, "tool_use")
                call = reply.content[-1]
                self.assertEqual((call.type, call.name), ("tool_use", "get_weather"))
                self.assertIsInstance(call.input["city"], str)
                turns = [*ASK, {"role": "assistant", "content": reply.content}, result_for(call)]
                answer = text_of(ask(model, turns, tools=[WEATHER]))
                self.assertTrue(answer)
                if model in BOTH:
                    self.assertEqual(answer, "The tool says: Sunny")

    def test_a_failed_tool(self) -> None:
        for model in BOTH:
            reply = create(model, ASK, tools=[WEATHER])
            result = result_for(reply.content[-1], "No such city")
            result["content"][0]["is_error"] = True
            turns = [*ASK, {"role": "assistant", "content": reply.content}, result]
            self.assertIn("No such city", text_of(create(model, turns, tools=[WEATHER])))

    def result_with_an_image(self, model: str) -> None:
        reply = create(model, ASK, tools=[WEATHER])
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
        result = result_for(reply.content[-1])
        result["content"][0]["content"] = [{"type": "text", "text": "Sunny"}, {"type": "image", "source": source}]
        turns = [*ASK, {"role": "assistant", "content": reply.content}, result]
        self.assertTrue(text_of(create(model, turns, tools=[WEATHER])))

    def test_a_result_with_an_image(self) -> None:
        self.result_with_an_image("mock/claude")

    @unittest.expectedFailure  # it becomes a tool message with an image, which OpenAI refuses
    def test_a_result_with_an_image_on_openai(self) -> None:
        self.result_with_an_image("mock/gpt")

    def run_tools(self, **members: Any) -> None:
        asked: list[str] = []

        @beta_tool
        def get_weather(city: str) -> str:
            """The weather of a city."""
            asked.append(city)
            return "Sunny"

        for model in BOTH:
            runner = client().beta.messages.tool_runner(
                model=model, max_tokens=2048, messages=ASK, tools=[get_weather], **members
            )
            self.assertEqual(text_of(runner.until_done()), "The tool says: Sunny")
        self.assertEqual(asked, ["Lisbon", "Lisbon"])

    def test_the_tool_runner(self) -> None:
        self.run_tools(thread=False)

    @unittest.expectedFailure  # `thread` is passed over in silence: to be refused, details.error_code says how
    def test_the_tool_runner_on_a_thread(self) -> None:
        self.run_tools()

    def test_no_tool(self) -> None:
        for model in BOTH:
            reply = create(model, ASK, tools=[WEATHER], tool_choice={"type": "none"})
            self.assertNotEqual(reply.stop_reason, "tool_use", model)


class Thinking(unittest.TestCase):
    def test_thoughts_come_with_signatures_and_go_back(self) -> None:
        for ask in (create, streamed):
            reply = ask("mock/claude", ASK, tools=[WEATHER], thinking=THINKING)
            self.assertEqual([block.type for block in reply.content], ["thinking", "tool_use"])
            self.assertEqual(reply.content[0].thinking, "A city has weather.")
            self.assertTrue(reply.content[0].signature)
            turns = [*ASK, {"role": "assistant", "content": reply.content}, result_for(reply.content[1])]
            final = ask("mock/claude", turns, tools=[WEATHER], thinking=THINKING)
            self.assertEqual([block.type for block in final.content], ["thinking", "text"])
            self.assertEqual(text_of(final), "The tool says: Sunny")

    def test_of_a_provider_without_signatures(self) -> None:
        for ask in (create, streamed):
            reply = ask("mock/gpt", ASK, tools=[WEATHER], thinking=THINKING)
            self.assertEqual([block.type for block in reply.content], ["thinking", "tool_use"])
            self.assertEqual(reply.content[0].thinking, "A city has weather.")
            turns = [*ASK, {"role": "assistant", "content": reply.content}, result_for(reply.content[1])]
            self.assertEqual(
                text_of(ask("mock/gpt", turns, tools=[WEATHER], thinking=THINKING)), "The tool says: Sunny"
            )

    def test_adaptive(self) -> None:
        for model in BOTH:
            reply = create(model, SEA, thinking={"type": "adaptive"}, output_config={"effort": "high"})
            self.assertTrue(text_of(reply))

    def test_events_of_the_helper(self) -> None:
        for model in BOTH:
            with client().messages.stream(model=model, max_tokens=2048, messages=SEA, thinking=THINKING) as stream:
                thought = "".join(event.thinking for event in stream if event.type == "thinking")
            self.assertEqual(thought, "A city has weather.", model)


class Errors(unittest.TestCase):
    def fails(self, kind: type[anthropic.APIStatusError], model: str, name: str, **members: Any) -> None:
        api = client(api_key=members.pop("api_key", KEY))
        with self.assertRaises(kind) as caught:
            api.messages.create(model=model, max_tokens=99, messages=members.pop("messages", SEA), **members)
        body = caught.exception.body
        self.assertEqual((body["type"], body["error"]["type"]), ("error", name))
        self.assertTrue(body["error"]["message"])

    def test_classes(self) -> None:
        for stream in (False, True):
            self.fails(
                anthropic.AuthenticationError, "sim/story", "authentication_error", api_key="wrong", stream=stream
            )
            self.fails(anthropic.NotFoundError, "no/such", "not_found_error", stream=stream)
            self.fails(anthropic.BadRequestError, "sim/story", "invalid_request_error", messages=[], stream=stream)
            self.fails(anthropic.BadRequestError, "sim/upstream-400", "invalid_request_error", stream=stream)
            self.fails(anthropic.RateLimitError, "sim/always-429-now", "rate_limit_error", stream=stream)
        self.fails(
            anthropic.AuthenticationError,
            "sim/story",
            "authentication_error",
            api_key=os.environ["WAYBILL_DISABLED_KEY"],
        )
        self.fails(
            anthropic.PermissionDeniedError, "sim/story", "permission_error", api_key=os.environ["WAYBILL_NARROW_KEY"]
        )
        self.fails(anthropic.InternalServerError, "sim/always-500", "api_error")
        self.fails(anthropic.InternalServerError, "mock/claude-overloaded", "overloaded_error")

    def test_what_anthropic_refuses_is_told(self) -> None:
        reply = create("mock/claude", ASK, tools=[WEATHER], thinking=THINKING)
        forged = [
            {**block.model_dump(), **({"signature": "Zm9yZ2Vk"} if block.type == "thinking" else {})}
            for block in reply.content
        ]
        turns = [*ASK, {"role": "assistant", "content": forged}, result_for(reply.content[1])]
        with self.assertRaises(anthropic.BadRequestError) as caught:
            create("mock/claude", turns, tools=[WEATHER], thinking=THINKING)
        self.assertIn("signature", json.dumps(caught.exception.body))

    def test_a_stream_that_breaks_raises(self) -> None:
        for model in ("sim/breaks-midway", "mock/claude-breaks"):
            with self.assertRaises(anthropic.APIStatusError, msg=model) as caught:
                streamed(model)
            self.assertEqual(caught.exception.body["type"], "error")

    def test_retries_succeed_after_two_failures(self) -> None:
        reply = client(max_retries=3).messages.create(model="sim/fails-twice", max_tokens=99, messages=SEA)
        self.assertTrue(text_of(reply))

    def test_an_unknown_path(self) -> None:
        with self.assertRaises(anthropic.NotFoundError):
            client(base_url=f"{URL}/nowhere").messages.create(model="sim/story", max_tokens=9, messages=SEA)


if __name__ == "__main__":
    unittest.main(verbosity=2)
