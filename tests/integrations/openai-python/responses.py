"""Responses with OpenAI's official Python SDK, and chat on a provider that speaks Anthropic's dialect."""

from __future__ import annotations

import base64
import json
import os
import unittest
from typing import Any

import openai
from openai import OpenAI
from pydantic import BaseModel

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
ASK = [{"role": "user", "content": "What is the weather in Lisbon?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
THOUGHT = "A city has weather."
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BOTH = ("mock/gpt", "mock/claude")
ALL = ("sim/story", *BOTH)


class Event(BaseModel):
    name: str
    participants: list[str]
    day: int


def client(**members: Any) -> OpenAI:
    return OpenAI(**{"base_url": f"{URL}/v1", "api_key": KEY, "max_retries": 0, "timeout": 30, **members})


def create(model: str, ask: Any = "Tell me about the sea.", **members: Any) -> Any:
    return client().responses.create(model=model, input=ask, **{"store": False, **members})


def streamed(model: str, ask: Any = "Tell me about the sea.", **members: Any) -> Any:
    with client().responses.stream(model=model, input=ask, store=False, **members) as stream:
        return stream.get_final_response()


def call_of(response: Any) -> Any:
    return next(item for item in response.output if item.type == "function_call")


def turn_after(response: Any, text: str = "Sunny") -> list[Any]:
    """The whole conversation so far, as a client without a stored response sends it."""
    result = {"type": "function_call_output", "call_id": call_of(response).call_id, "output": text}
    return [*ASK, *response.output, result]


class Responses(unittest.TestCase):
    def test_whole_answer(self) -> None:
        for model in ALL:
            reply = create(model, instructions="Be brief.", max_output_tokens=2048)
            self.assertTrue(reply.output_text)
            self.assertEqual((reply.object, reply.status, reply.model), ("response", "completed", model))
            self.assertGreater(reply.usage.input_tokens, 0)
            self.assertGreater(reply.usage.output_tokens, 0)
            self.assertEqual(reply.usage.total_tokens, reply.usage.input_tokens + reply.usage.output_tokens)
            self.assertGreater(reply.usage.cost, 0)
            self.assertIsNone(reply.error)

    def test_store_left_out(self) -> None:
        reply = client().responses.create(model="sim/story", input="Hello")
        self.assertTrue(reply.output_text)

    def test_events_in_order(self) -> None:
        for model in ALL:
            events = list(create(model, stream=True))
            self.assertEqual([event.sequence_number for event in events], list(range(len(events))), model)
            kinds = [event.type.removeprefix("response.") for event in events]
            self.assertEqual(kinds[:4], ["created", "in_progress", "output_item.added", "content_part.added"])
            self.assertEqual(
                kinds[-4:], ["output_text.done", "content_part.done", "output_item.done", "completed"], model
            )
            self.assertEqual(set(kinds[4:-4]), {"output_text.delta"})
            text = "".join(event.delta for event in events[4:-4])
            self.assertEqual(text, events[-1].response.output_text)
            self.assertGreater(events[-1].response.usage.output_tokens, 0)

    def test_stream_helper(self) -> None:
        for model in ALL:
            final = streamed(model)
            self.assertTrue(final.output_text)
            self.assertEqual(final.status, "completed")

    def test_a_stream_can_be_left(self) -> None:
        stream = create("sim/slow", stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(create("sim/story").output_text)

    def test_incomplete(self) -> None:
        reply = create("sim/story", max_output_tokens=16)
        self.assertEqual((reply.status, reply.incomplete_details.reason), ("incomplete", "max_output_tokens"))
        last = list(create("sim/story", max_output_tokens=16, stream=True))[-1]  # the SDK's helper wants `completed`
        self.assertEqual((last.type, last.response.status), ("response.incomplete", "incomplete"))

    def test_a_conversation(self) -> None:
        for model in ALL:
            first = create(model)
            turns = [{"role": "user", "content": "Hi"}, *first.output, {"role": "user", "content": "And then?"}]
            self.assertTrue(create(model, turns).output_text)

    def test_an_image(self) -> None:
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
        content = [image, {"type": "input_text", "text": "What is this?"}]
        for model in BOTH:
            reply = create(model, [{"role": "user", "content": content}])
            self.assertEqual(reply.output_text, f"An image of {len(base64.b64decode(PIXEL))} bytes.")

    def test_structured_output(self) -> None:
        for model in ALL:
            reply = client().responses.parse(model=model, input="The fair.", text_format=Event, store=False)
            self.assertIsInstance(reply.output_parsed, Event)
            self.assertIsInstance(streamed(model, text_format=Event).output_parsed, Event)


class Tools(unittest.TestCase):
    def test_a_call_and_its_output(self) -> None:
        for model in ALL:
            for ask in (create, streamed):
                reply = ask(model, ASK, tools=[WEATHER], tool_choice="required")
                call = call_of(reply)
                self.assertEqual((call.name, call.status, reply.status), ("get_weather", "completed", "completed"))
                self.assertIn("city", json.loads(call.arguments))
                final = ask(model, turn_after(reply), tools=[WEATHER])
                self.assertTrue(final.output_text)
                if model in BOTH:
                    self.assertEqual(final.output_text, "The tool says: Sunny")

    def test_events_of_a_call(self) -> None:
        for model in ALL:
            events = list(create(model, ASK, tools=[WEATHER], tool_choice="required", stream=True))
            told = "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta")
            done = [e for e in events if e.type == "response.function_call_arguments.done"]
            self.assertEqual([e.arguments for e in done], [told], model)
            self.assertEqual(done[0].name, "get_weather")

    def test_the_same_tool_by_name(self) -> None:
        for model in ALL:
            choice = {"type": "function", "name": "get_weather"}
            self.assertEqual(call_of(create(model, ASK, tools=[WEATHER], tool_choice=choice)).name, "get_weather")


class Reasoning(unittest.TestCase):
    def test_items_come_and_go_back(self) -> None:
        for model in BOTH:
            for ask in (create, streamed):
                members: Any = {"tools": [WEATHER], "include": ["reasoning.encrypted_content"]}
                members["reasoning"] = {"effort": "high", "summary": "auto"}
                reply = ask(model, ASK, **members)
                self.assertEqual([item.type for item in reply.output], ["reasoning", "function_call"], model)
                item = reply.output[0]
                told = "".join(part.text for part in (*item.summary, *(item.content or ())))
                self.assertIn(THOUGHT, told, model)
                final = ask(model, turn_after(reply), **members)  # the mock refuses a signature that was lost
                self.assertEqual(final.output_text, "The tool says: Sunny")

    def test_events(self) -> None:
        for model in BOTH:
            events = list(create(model, stream=True, reasoning={"effort": "high", "summary": "auto"}))
            told = "".join(
                e.delta for e in events if e.type.startswith("response.reasoning") and e.type.endswith("delta")
            )
            self.assertEqual(told, THOUGHT, model)


class Errors(unittest.TestCase):
    def test_classes(self) -> None:
        for stream in (False, True):
            for kind, members in (
                (openai.NotFoundError, {"model": "no/such"}),
                (openai.BadRequestError, {"model": "sim/upstream-400"}),
                (openai.BadRequestError, {"model": "sim/story", "temperature": 99}),
                (openai.RateLimitError, {"model": "sim/always-429-now"}),
                (openai.InternalServerError, {"model": "sim/always-500"}),
                (openai.InternalServerError, {"model": "mock/claude-overloaded"}),
            ):
                with self.assertRaises(kind, msg=members) as caught:
                    create(stream=stream, **members)
                self.assertTrue(caught.exception.body["message"])
        with self.assertRaises(openai.AuthenticationError):
            client(api_key="sk-wb-wrong").responses.create(model="sim/story", input="Hello")

    def test_a_stored_response_is_refused(self) -> None:
        for members in ({"store": True}, {"previous_response_id": "resp_1"}, {"background": True}):
            with self.assertRaises(openai.BadRequestError, msg=members) as caught:
                create("sim/story", **members)
            self.assertIn(next(iter(members)), caught.exception.message)

    def test_a_stream_that_breaks_ends_with_a_failed_response(self) -> None:
        for model in ("sim/breaks-midway", "mock/claude-breaks"):
            last = list(create(model, stream=True))[-1]
            self.assertEqual((last.type, last.response.status), ("response.failed", "failed"))
            self.assertTrue(last.response.error.code)
            self.assertTrue(last.response.error.message)


class ChatOnAnthropic(unittest.TestCase):
    """chat.completions where the provider speaks Anthropic's dialect."""

    TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS, "strict": True}}

    def test_stream_helper(self) -> None:
        with client().chat.completions.stream(model="mock/claude", messages=ASK) as stream:
            text = "".join(event.delta for event in stream if event.type == "content.delta")
            final = stream.get_final_completion()
        self.assertEqual(text, "Hello from the mock.")
        self.assertEqual(final.choices[0].message.content, text)
        self.assertEqual(final.choices[0].finish_reason, "stop")

    def test_the_helper_reads_one_role(self) -> None:
        for model in ALL:
            with client().chat.completions.stream(model=model, messages=ASK) as stream:
                self.assertEqual(stream.get_final_completion().choices[0].message.role, "assistant", model)

    def loop(self, stream: bool) -> None:
        messages: list[Any] = list(ASK)
        for _ in range(2):
            members: Any = {"model": "mock/claude", "messages": messages, "tools": [self.TOOL]}
            if stream:
                with client().chat.completions.stream(**members) as events:
                    message = events.get_final_completion().choices[0].message
            else:
                message = client().chat.completions.create(**members).choices[0].message
            messages.append(message)
            for call in message.tool_calls or ():
                self.assertEqual(json.loads(call.function.arguments), {"city": "Lisbon"})
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny"})
        self.assertEqual(messages[-1].content, "The tool says: Sunny")

    def test_a_tool_loop(self) -> None:
        self.loop(stream=False)

    def test_a_streamed_tool_loop(self) -> None:
        self.loop(stream=True)

    def test_structured_output(self) -> None:
        with client().chat.completions.stream(model="mock/claude", messages=ASK, response_format=Event) as stream:
            self.assertIsInstance(stream.get_final_completion().choices[0].message.parsed, Event)
        reply = client().chat.completions.parse(model="mock/claude", messages=ASK, response_format=Event)
        self.assertIsInstance(reply.choices[0].message.parsed, Event)

    def test_reasoning_goes_back_as_it_came(self) -> None:
        members: Any = {"model": "mock/claude", "tools": [self.TOOL], "reasoning_effort": "high"}
        message = client().chat.completions.create(messages=ASK, **members).choices[0].message
        self.assertEqual(message.reasoning, THOUGHT)
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny"}
        final = client().chat.completions.create(messages=[*ASK, message, result], **members)
        self.assertEqual(final.choices[0].message.content, "The tool says: Sunny")

    def test_a_stream_that_breaks_raises(self) -> None:
        with self.assertRaises(openai.APIError):
            for _ in client().chat.completions.create(model="mock/claude-breaks", messages=ASK, stream=True):
                pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
