"""Answers that real providers gave, read by four SDKs: all of them must see the same text and the same calls."""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from ollama import Client
from openai import OpenAI

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "support")]

from recorded import recordings  # noqa: E402

URL, KEY = os.environ["WAYBILL_URL"], os.environ["WAYBILL_KEY"]
ASK: Any = [{"role": "user", "content": "Hello"}]
Told = tuple[str, list[tuple[str, str]]]  # the text or refusal, and the calls as name and arguments
BROKEN = "not JSON"
# Mistral's content is a list where it thinks, and goes to clients of chat.completions as it is: this SDK fails on it.
LISTS_IN_CONTENT = {
    "mistral/chat--ruby-llm--chat-mistral-hybrid-reasoning-replays-thinking-chunks-across-turns--2",
    "mistral/chat-stream--dd-trace-py--mistral-v1-chat-completions-post-ccfa08da",
    "mistral/chat-stream--pydantic-ai--test-mistral-model-thinking-part-iter",
}

OPENAI = OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
ANTHROPIC = Anthropic(base_url=URL, api_key=KEY, max_retries=0)
OLLAMA = Client(host=URL, headers={"Authorization": f"Bearer {KEY}"})
GOOGLE = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL, api_version="v1beta"))


def call(name: str, arguments: Any) -> tuple[str, str]:
    try:
        values = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments or {})
    except ValueError:
        return name, BROKEN
    return name, BROKEN if "raw_arguments" in values else json.dumps(values, sort_keys=True)


def by_chat(model: str, stream: bool) -> Told:
    if not stream:
        message = OPENAI.chat.completions.create(model=model, messages=ASK).choices[0].message
        text = message.content or message.refusal or (message.audio.transcript if message.audio else "")
        return text, [call(c.function.name, c.function.arguments) for c in message.tool_calls or ()]
    text, calls = "", {}
    for chunk in OPENAI.chat.completions.create(model=model, messages=ASK, stream=True):
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            text += choice.delta.content or choice.delta.refusal or ""
            for part in choice.delta.tool_calls or ():
                name, told = calls.get(part.index, ("", ""))
                calls[part.index] = (part.function.name or name, told + (part.function.arguments or ""))
    return text, [call(*one) for one in calls.values()]


def by_responses(model: str, stream: bool) -> Told:
    if stream:
        events = list(OPENAI.responses.create(model=model, input=ASK, store=False, stream=True))
        response = events[-1].response
        if response.status == "failed":
            raise RuntimeError(response.error.message)
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert text == response.output_text, "the deltas are not the text"
    else:
        response = OPENAI.responses.create(model=model, input=ASK, store=False)
    messages = [item for item in response.output if item.type == "message"]
    refused = [part.refusal for item in messages for part in item.content if part.type == "refusal"]
    text = response.output_text or "".join(refused)
    return text, [call(i.name, i.arguments) for i in response.output if i.type == "function_call"]


def by_messages(model: str, stream: bool) -> Told:
    if stream:
        with ANTHROPIC.messages.stream(model=model, max_tokens=4096, messages=ASK) as events:
            message = events.get_final_message()
    else:
        message = ANTHROPIC.messages.create(model=model, max_tokens=4096, messages=ASK)
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [call(block.name, block.input) for block in message.content if block.type == "tool_use"]


def by_ollama(model: str, stream: bool) -> Told:
    reply = OLLAMA.chat(model=model, messages=ASK, stream=stream)
    parts = list(reply) if stream else [reply]
    text = "".join(part.message.content or "" for part in parts)
    calls = [one.function for part in parts for one in part.message.tool_calls or ()]
    return text, [call(one.name, one.arguments) for one in calls]


def by_google(model: str, stream: bool) -> Told:
    models = GOOGLE.models
    replies = (
        list(models.generate_content_stream(model=model, contents="Hello"))
        if stream
        else [models.generate_content(model=model, contents="Hello")]
    )
    chosen = [one for reply in replies for one in reply.candidates or () if not one.index]
    parts = [part for one in chosen if one.content for part in one.content.parts or ()]
    text = "".join(part.text or "" for part in parts if not part.thought)
    return text, [call(part.function_call.name, part.function_call.args) for part in parts if part.function_call]


SDKS = {"chat": by_chat, "responses": by_responses, "messages": by_messages, "ollama": by_ollama, "google": by_google}


class Recordings(unittest.TestCase):
    def test_all_see_the_same(self) -> None:
        known = recordings()
        if not known:
            self.skipTest("there are no fixtures here")
        for number, meta in enumerate(known):
            model, stream = f"recorded/{number}", meta["stream"]
            sdks = [name for name in SDKS if name != "chat" or meta["id"] not in LISTS_IN_CONTENT]
            told = {name: self.told(SDKS[name], model, stream) for name in sdks}
            broken = any(arguments == BROKEN for what in told.values() if what for _, arguments in what[1])
            for name, what in told.items():
                with self.subTest(recording=meta["id"], sdk=name):
                    if broken:  # then each dialect has its own way to tell them
                        self.assertEqual(names_of(what), names_of(told["google"]))
                    else:
                        self.assertEqual(what, told["google"])

    def told(self, ask: Any, model: str, stream: bool) -> Told | None:
        """What the SDK saw; of an error only that there was one, and that it was not the SDK that stumbled."""
        try:
            return ask(model, stream)
        except (RuntimeError, openai.APIError, anthropic.APIError, ollama.ResponseError, errors.APIError):
            return None


def names_of(told: Told | None) -> list[str] | None:
    return told and [name for name, _ in told[1]]


if __name__ == "__main__":
    unittest.main(verbosity=1)
