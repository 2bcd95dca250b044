"""Scripted providers for the SDK suites: one mind, told in OpenAI's and in Anthropic's dialect.

It calls the first tool it knows, and once there is a result tells it; it says how many bytes
an image has, fills in a schema, and thinks when it was asked to.  What breaks its provider's
rules (roles, tool results, signatures) is refused as that provider would.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any, Iterator

import canned
from mock_upstream import Answer, End, Recorded

Json = dict[str, Any]

THOUGHT, SIGNATURE = "A city has weather.", "c2lnbmVkLWJ5LXRoZS1tb2Nr"
NOTE = "The harbour is frozen."  # what stands in note.txt, for clients that run commands
CALLS: dict[str, Json] = {
    "get_weather": {"city": "Lisbon"},
    "Bash": {"command": "cat note.txt", "description": "Read the note"},
    "exec_command": {"cmd": "cat note.txt"},
    "shell_command": {"command": "cat note.txt"},
    "shell": {"command": ["cat", "note.txt"]},
}
EVENT = {"name": "Fair", "participants": ["Ana", "Bo"], "day": 3}


@dataclass
class Seen:
    """What a request says, in no dialect."""

    model: str
    stream: bool
    tools: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)  # of the last turn
    images: list[int] = field(default_factory=list)
    thinks: bool = False
    shaped: bool = False


@dataclass
class Said:
    text: str = ""
    call: tuple[str, Json] | None = None
    thought: str = ""


def answer_to(seen: Seen) -> Said:
    thought = THOUGHT if seen.thinks else ""
    known = next((name for name in CALLS if name in seen.tools), None)
    if known is not None and not seen.results:
        return Said(call=(known, CALLS[known]), thought=thought)
    if seen.results:
        return Said(text="The tool says: " + " / ".join(seen.results), thought=thought)
    if seen.images:
        return Said(text=f"An image of {seen.images[0]} bytes.", thought=thought)
    return Said(text=json.dumps(EVENT) if seen.shaped else "Hello from the mock.", thought=thought)


def pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 5):
        yield text[start : start + 5]


# ---------------------------------------------------------------- Anthropic


class Refused(Exception):
    pass


def read_claude(body: Json) -> Seen:
    """Reads a request as strictly as Anthropic does where a router can go wrong."""
    if not isinstance(body.get("max_tokens"), int):
        raise Refused("max_tokens: Field required")
    seen = Seen(
        body["model"],
        body.get("stream", False),
        [tool["name"] for tool in body.get("tools", [])],
        thinks=body.get("thinking", {}).get("type", "disabled") != "disabled",
        shaped=bool((body.get("output_config") or {}).get("format") or body.get("output_format")),
    )
    if (body.get("tool_choice") or {}).get("type") == "none":
        seen.tools = []
    open_calls: set[str] = set()
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        seen.results, seen.images = [], []
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if answered != open_calls:
            raise Refused(f"tool_use ids {sorted(open_calls)} were answered by {sorted(answered)}")
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
        if any(not block.get("text") for block in blocks if block["type"] == "text"):
            raise Refused("text content blocks must be non-empty")
        if open_calls and seen.thinks and blocks[0]["type"] != "thinking":
            raise Refused("Expected `thinking`, but found `tool_use`")
        for block in blocks:
            if block["type"] == "thinking" and block.get("signature") != SIGNATURE:
                raise Refused("Invalid `signature` in `thinking` block")
            if block["type"] == "tool_result":
                inner = block.get("content", "")
                parts = [{"type": "text", "text": inner}] if isinstance(inner, str) else inner
                seen.results.append("".join(part.get("text", "") for part in parts))
            if block["type"] == "image":
                seen.images.append(len(base64.b64decode(block["source"]["data"], validate=True)))
    return seen


def claude_message(seen: Seen) -> Json:
    said = answer_to(seen)
    content: list[Json] = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought, "signature": SIGNATURE})
    if said.text:
        content.append({"type": "text", "text": said.text})
    if said.call:
        content.append({"type": "tool_use", "id": "toolu_mock_1", "name": said.call[0], "input": said.call[1]})
    return {
        "id": "msg_mock",
        "type": "message",
        "role": "assistant",
        "model": seen.model,
        "content": content,
        "stop_reason": "tool_use" if said.call else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 20,
            "output_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def claude_events(message: Json) -> Iterator[Json]:
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        kind = block["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}[kind]
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        if kind == "tool_use":
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in pieces(json.dumps(block["input"]))]
        else:
            deltas = [{"type": f"{kind}_delta", kind: p} for p in pieces(block[kind])]
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


def named(events: Iterator[Json]) -> list[bytes]:
    return [f"event: {event['type']}\n".encode() + canned.event(event) for event in events]


def claude_error(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"}


def claude(request: Recorded) -> Answer | bytes:
    try:
        seen = read_claude(request.json())
    except (Refused, binascii.Error) as why:
        body = claude_error("invalid_request_error", str(why))
        return canned.http_response(400, json.dumps(body).encode())
    if seen.model == "overloaded":
        return canned.http_response(529, json.dumps(claude_error("overloaded_error", "Overloaded")).encode())
    message = claude_message(seen)
    if not seen.stream:
        return canned.http_response(200, json.dumps(message).encode())
    events = named(claude_events(message))
    if seen.model == "breaks":
        events[4:] = named(iter([claude_error("overloaded_error", "Overloaded")]))
    return streamed(events)


# ------------------------------------------------------------------- OpenAI


def read_openai(body: Json) -> Seen:
    seen = Seen(
        body["model"],
        body.get("stream", False),
        [tool["function"]["name"] for tool in body.get("tools") or []],
        thinks=body.get("reasoning_effort", "none") != "none",
        shaped=(body.get("response_format") or {}).get("type") == "json_schema",
    )
    if body.get("tool_choice") == "none":
        seen.tools = []
    for message in body["messages"]:
        content = message.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] != "user" and any(part["type"] == "image_url" for part in parts):
            raise Refused("Image URLs are only allowed for messages with role 'user'")
        if message["role"] == "tool":
            seen.results.append("".join(part["text"] for part in parts))
        elif message["role"] in ("user", "assistant"):
            seen.results, seen.images = [], []
        for part in parts:
            if part["type"] == "image_url":
                data = part["image_url"]["url"].partition(";base64,")[2]
                seen.images.append(len(base64.b64decode(data, validate=True)))
    return seen


def openai_call(said: Said) -> Json:
    name, arguments = said.call
    return {"id": "call_mock_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def openai_deltas(said: Said) -> Iterator[Json]:
    yield canned.delta("", delta={"role": "assistant"})
    for piece in pieces(said.thought):
        yield canned.delta(delta={"reasoning_content": piece})
    for piece in pieces(said.text):
        yield canned.delta(piece)
    if said.call:
        call = openai_call(said)
        function = {"name": call["function"]["name"], "arguments": ""}
        yield canned.delta(delta={"tool_calls": [{"index": 0, **call, "function": function}]})
        for piece in pieces(call["function"]["arguments"]):
            yield canned.delta(delta={"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield canned.delta(finish="tool_calls" if said.call else "stop")
    yield canned.usage_chunk()


def openai(request: Recorded) -> Answer | bytes:
    try:
        seen = read_openai(request.json())
    except (Refused, binascii.Error) as why:
        return canned.error(400, str(why))
    said = answer_to(seen)
    if seen.stream:
        return streamed([*map(canned.event, openai_deltas(said)), canned.DONE])
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.call:
        message["tool_calls"] = [openai_call(said)]
    finish = "tool_calls" if said.call else "stop"
    return canned.http_response(
        200, canned.body(choices=[{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}])
    )


def streamed(events: list[bytes]) -> Answer:
    return Answer([canned.stream_head(), *map(canned.chunk, events), canned.LAST_CHUNK], End.KEEP)
