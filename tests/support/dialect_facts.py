"""What an answer says, read out of any dialect in which providers or the daemon send it.

Plain parsers of their own: nothing here knows the daemon's codecs, and nothing is shared
with them.  Each takes the bytes of a body, whole or streamed, and gives the same few facts.
Token counts have OpenAI's meaning: `prompt` includes what a cache gave and took,
`completion` includes reasoning.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

from wire import parse_json, parse_sse

COUNTS = ("prompt", "completion", "cached", "reasoning")


@dataclass
class Facts:
    """Of the first choice.  Refusals and the transcript of spoken answers count as text."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[tuple[str, Any]] = field(default_factory=list)  # name, parsed arguments
    finish: str = ""  # stop, length, tool_calls, content_filter, error; "" if it is not said
    usage: dict[str, int] | None = None  # COUNTS
    cost: Any = None  # told by the daemon only

    def folded(self) -> "Facts":
        """As a dialect tells it that has no word of its own for an end by tool calls."""
        finish = "tool_calls" if self.finish == "stop" and self.tool_calls else self.finish
        return Facts(self.text, self.reasoning, self.tool_calls, finish, self.usage, self.cost)


def failed() -> Facts:
    return Facts(finish="error")


class _Teller:
    """Collects pieces as they come."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[Any, list[str]] = {}  # by the provider's key: name, arguments as text
        self.finish = ""
        self.usage: dict[str, int] | None = None
        self.cost: Any = None
        self.broken = False

    def text(self, piece: Any) -> None:
        self._text.append(piece if isinstance(piece, str) else "")

    def reasoning(self, piece: Any) -> None:
        self._reasoning.append(piece if isinstance(piece, str) else "")

    def call(self, key: Any, name: Any = None, arguments: Any = None) -> None:
        known = self._calls.setdefault(key, ["", ""])
        known[0] = known[0] or (name or "")
        if arguments is not None:
            known[1] += arguments if isinstance(arguments, str) else json.dumps(arguments, default=float)

    def has_call(self, key: Any) -> bool:
        return key in self._calls

    def said(self) -> bool:
        return any(self._text)

    def facts(self, *, fold: bool = False) -> Facts:
        calls = [(name, _arguments(text)) for name, text in self._calls.values()]
        finish = "error" if self.broken else self.finish
        text, reasoning = _whole("".join(self._text)), _whole("".join(self._reasoning))
        told = Facts(text, reasoning, calls, finish, self.usage, self.cost)
        return told.folded() if fold else told


def _whole(text: str) -> str:
    """Joins halves of characters that came in two pieces."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _arguments(text: str) -> Any:
    """The parsed object; text that is none (models fail) stays as it is."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return _whole(text)


def _counts(prompt: Any, completion: Any, cached: Any = 0, reasoning: Any = 0) -> dict[str, int]:
    return dict(zip(COUNTS, (int(prompt or 0), int(completion or 0), int(cached or 0), int(reasoning or 0))))


def _frames(body: bytes) -> list[Any]:
    """The JSON values of a body: a stream of events, one value, or a list of them."""
    if body.lstrip()[:1] in (b"{", b"["):
        value = _load(body)
        return value if isinstance(value, list) else [value]
    return [_load(event.data) for event in parse_sse(body + b"\n\n") if event.data.strip() not in ("[DONE]", "")]


def _load(text: bytes | str) -> Any:
    return parse_json(text)  # exact costs


# ------------------------------------------------------------ OpenAI chat, and Mistral

_CHAT_FINISH = {"function_call": "tool_calls", "model_length": "length", "max_tokens": "length", "eos": "stop"}


def _chat_usage(usage: dict[str, Any]) -> dict[str, int] | None:
    if usage.get("prompt_tokens") is None and usage.get("completion_tokens") is None:
        return None
    prompt, completion = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    prompt_details = usage.get("prompt_tokens_details") or {}
    completion_details = usage.get("completion_tokens_details") or {}
    cached = next(
        (
            place[name]
            for place, name in (
                (prompt_details, "cached_tokens"),
                (usage, "prompt_cache_hit_tokens"),  # DeepSeek
                (usage, "cache_read_input_tokens"),  # Databricks
                (usage, "cached_tokens"),  # Moonshot
                (usage, "num_cached_tokens"),  # Mistral
            )
            if place.get(name) is not None
        ),
        0,
    )
    reasoning = int(completion_details.get("reasoning_tokens") or usage.get("reasoning_tokens") or 0)
    # Whatever the total shows to be beside the counts belongs to them: reasoning (xAI), audio (Mistral).
    rest = int(usage.get("total_tokens") or 0) - prompt - completion
    if rest > 0 and rest == reasoning:
        completion += reasoning
    elif rest > 0 and rest == int(prompt_details.get("audio_tokens") or 0):
        prompt += rest
    return _counts(prompt, completion, cached, reasoning)


def _chat_content(content: Any, teller: _Teller) -> None:
    if isinstance(content, str):
        teller.text(content)
        return
    for part in content or []:  # Mistral's lists
        if part.get("type") == "thinking":
            thinking = part.get("thinking")
            for thought in [{"text": thinking}] if isinstance(thinking, str) else thinking or []:
                teller.reasoning(thought.get("text"))
        elif part.get("type") in ("text", "output_text"):
            teller.text(part.get("text"))


def _chat_thoughts(message: dict[str, Any], teller: _Teller) -> None:
    for name in ("reasoning", "reasoning_content"):
        if isinstance(message.get(name), str) and message[name]:
            teller.reasoning(message[name])
            return
    for detail in message.get("reasoning_details") or []:
        teller.reasoning(detail.get("text") or detail.get("summary"))


def chat(body: bytes) -> Facts:
    teller = _Teller()
    for frame in _frames(body):
        if frame.get("error"):
            teller.broken = True
        usage = frame.get("usage") or (frame.get("x_groq") or {}).get("usage")
        if isinstance(usage, dict):
            teller.usage = _chat_usage(usage) or teller.usage
            teller.cost = usage.get("cost", teller.cost)
        for position, choice in enumerate(frame.get("choices") or []):
            if choice.get("index", position) != 0:
                continue
            message = choice.get("delta") or choice.get("message") or {}
            _chat_thoughts(message, teller)
            _chat_content(message.get("content"), teller)
            teller.text(message.get("refusal"))
            teller.text((message.get("audio") or {}).get("transcript"))
            for at, call in enumerate(message.get("tool_calls") or []):
                one = call.get("function") or call.get("custom") or {}
                arguments = one.get("arguments") if "arguments" in one else one.get("input")
                key: Any = call.get("index", at)
                if "index" not in call and teller.has_call(key) and one.get("name"):
                    key = call.get("id") or ("call", key)  # Mistral leaves the number out
                teller.call(key, one.get("name"), arguments)
            word = choice.get("finish_reason")
            if word:
                teller.finish = _CHAT_FINISH.get(word, word)
    return teller.facts()


# ------------------------------------------------------------ Anthropic Messages

_STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def _anthropic_usage(usage: dict[str, Any]) -> dict[str, int] | None:
    if "input_tokens" not in usage and "output_tokens" not in usage:
        return None
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    return _counts(
        (usage.get("input_tokens") or 0) + read + written,
        usage.get("output_tokens"),
        read,
        (usage.get("output_tokens_details") or {}).get("thinking_tokens"),
    )


def _anthropic_block(block: dict[str, Any], key: Any, teller: _Teller) -> None:
    if block.get("type") == "text":
        teller.text(block.get("text"))
    elif block.get("type") == "thinking":
        teller.reasoning(block.get("thinking"))
    elif block.get("type") == "tool_use":
        teller.call(key, block.get("name"), block.get("input") or None)


def _messages(frames: list[Any]) -> Facts:
    teller = _Teller()
    usage: dict[str, Any] = {}
    for frame in frames:
        kind = frame.get("type")
        if kind == "message":  # whole
            for key, block in enumerate(frame.get("content") or []):
                _anthropic_block(block, key, teller)
            teller.finish = _STOP_REASONS.get(frame.get("stop_reason"), "")
            usage.update(frame.get("usage") or {})
        elif kind == "message_start":
            usage.update(frame["message"].get("usage") or {})
        elif kind == "content_block_start":
            _anthropic_block(frame["content_block"], frame["index"], teller)
        elif kind == "content_block_delta":
            delta = frame["delta"]
            teller.text(delta.get("text"))
            teller.reasoning(delta.get("thinking"))
            if delta.get("type") == "input_json_delta" and teller.has_call(frame["index"]):
                teller.call(frame["index"], arguments=delta.get("partial_json"))
        elif kind == "message_delta":
            usage.update({name: value for name, value in (frame.get("usage") or {}).items() if value is not None})
            teller.finish = _STOP_REASONS.get(frame["delta"].get("stop_reason"), "")
        elif kind == "error":
            teller.broken = True
        elif kind == "message_stop":
            break  # an answer is over; one fixture has several in a row
    teller.usage = _anthropic_usage(usage)
    teller.cost = usage.get("cost")
    return teller.facts()


def messages(body: bytes) -> Facts:
    return _messages(_frames(body))


# ------------------------------------------------------------ OpenAI Responses


def _responses_usage(usage: dict[str, Any]) -> dict[str, int] | None:
    if "input_tokens" not in usage:
        return None
    reasoning = (usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0
    prompt, completion = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    if reasoning and usage.get("total_tokens") == prompt + completion + reasoning:
        completion += reasoning
    return _counts(prompt, completion, (usage.get("input_tokens_details") or {}).get("cached_tokens"), reasoning)


def _responses_item(item: dict[str, Any], key: Any, teller: _Teller) -> None:
    kind = item.get("type")
    if kind == "message":
        for part in item.get("content") or []:
            teller.text(part.get("text") if part.get("type") == "output_text" else part.get("refusal"))
    elif kind == "reasoning":
        for part in [*(item.get("summary") or []), *(item.get("content") or [])]:
            teller.reasoning(part.get("text"))
    elif kind in ("function_call", "custom_tool_call"):
        teller.call(key, item.get("name"), item.get("arguments" if kind == "function_call" else "input"))


_RESPONSES_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
}


def responses(body: bytes) -> Facts:
    """A stream is read twice: by its deltas and by its finished items, which must not contradict."""
    teller, items = _Teller(), _Teller()
    final: dict[str, Any] = {}
    names: dict[Any, str] = {}
    for frame in _frames(body):
        kind = str(frame.get("type") or "")
        key = frame.get("output_index")
        if frame.get("object") == "response":  # whole
            for at, item in enumerate(frame.get("output") or []):
                _responses_item(item, at, teller)
            final = frame
        elif kind in _RESPONSES_DELTAS:
            (teller.text if _RESPONSES_DELTAS[kind] == "text" else teller.reasoning)(frame.get("delta"))
        elif kind == "response.output_item.added" and frame["item"]["type"] in ("function_call", "custom_tool_call"):
            names[key] = frame["item"].get("name") or ""
            teller.call(key, names[key])
        elif kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            teller.call(key, names.get(key), frame.get("delta"))
        elif kind == "response.output_item.done":
            _responses_item(frame["item"], key, items)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            final = frame["response"]
        elif kind == "error" or (not kind and frame.get("error")):
            teller.broken = True
    told, done = teller.facts(), items.facts()
    told.text = told.text or done.text
    told.reasoning = told.reasoning or done.reasoning
    if [arguments for _, arguments in told.tool_calls if arguments != {}] == [] and done.tool_calls:
        told.tool_calls = done.tool_calls  # calls that came without deltas
    if done.text and done.text != told.text:
        raise AssertionError(f"deltas say {told.text[-200:]!r}, items {done.text[-200:]!r}")
    status = final.get("status")
    reason = (final.get("incomplete_details") or {}).get("reason")
    if teller.broken or status in ("failed", "cancelled") or final.get("error"):
        told.finish = "error"
    elif status == "incomplete" or reason:
        told.finish = "content_filter" if reason == "content_filter" else "length"
    elif final:
        told.finish = "stop"
    usage = final.get("usage") or {}
    told.usage, told.cost = _responses_usage(usage), usage.get("cost")
    return told.folded()


# ------------------------------------------------------------ Gemini

_GEMINI_FILTERS = ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY")
_GEMINI_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "OTHER": "stop",
    **dict.fromkeys(_GEMINI_FILTERS, "content_filter"),
}


class _PartialArguments:
    """A call whose arguments come one JSON path at a time (Vertex, streamFunctionCallArguments)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, Any] = {}

    def add(self, pieces: list[dict[str, Any]]) -> None:
        for piece in pieces:
            names = piece["jsonPath"].removeprefix("$.").split(".")
            holder = self.values
            for name in names[:-1]:
                holder = holder.setdefault(name, {})
            if "stringValue" in piece:
                holder[names[-1]] = holder.get(names[-1], "") + piece["stringValue"]
            elif "nullValue" in piece:
                holder[names[-1]] = None
            else:
                holder[names[-1]] = piece.get("numberValue", piece.get("boolValue"))


def gemini(body: bytes) -> Facts:
    teller = _Teller()
    usage: dict[str, Any] = {}
    partial: _PartialArguments | None = None
    for frame in _frames(body):
        if frame.get("error"):
            teller.broken = True
        if (frame.get("promptFeedback") or {}).get("blockReason"):
            teller.finish = "content_filter"
        usage = frame.get("usageMetadata") or usage
        teller.cost = usage.get("cost", (frame.get("usage") or {}).get("cost", teller.cost))
        for position, candidate in enumerate(frame.get("candidates") or []):
            if candidate.get("index", position) != 0:
                continue
            for part in (candidate.get("content") or {}).get("parts") or []:
                call = part.get("functionCall")
                if "text" in part:
                    (teller.reasoning if part.get("thought") else teller.text)(part["text"])
                elif call is not None and (call.get("willContinue") or partial is not None):
                    partial = partial or _PartialArguments(call.get("name") or "")
                    partial.add(call.get("partialArgs") or [])
                    if not call.get("willContinue"):
                        teller.call(object(), partial.name, partial.values)
                        partial = None
                elif call is not None:
                    teller.call(object(), call.get("name"), call.get("args") or {})
            if candidate.get("finishReason"):
                teller.finish = _GEMINI_FINISH.get(candidate["finishReason"], candidate["finishReason"])
    if "promptTokenCount" in usage or "candidatesTokenCount" in usage:
        thoughts = usage.get("thoughtsTokenCount") or 0
        teller.usage = _counts(
            (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0),
            (usage.get("candidatesTokenCount") or 0) + thoughts,
            usage.get("cachedContentTokenCount"),
            thoughts,
        )
    return teller.facts(fold=True)


# ------------------------------------------------------------ Ollama


def ollama(body: bytes) -> Facts:
    teller = _Teller()
    for line in body.splitlines():
        if not line.strip():
            continue
        frame = _load(line)
        if frame.get("error"):
            teller.broken = True
        message = frame.get("message") or {}
        teller.reasoning(message.get("thinking"))
        teller.text(message.get("content"))
        for call in message.get("tool_calls") or []:
            teller.call(object(), call["function"].get("name"), call["function"].get("arguments"))
        if frame.get("done"):
            teller.finish = frame.get("done_reason") or "stop"
            extension = frame.get("usage") or {}  # the daemon's: Ollama has neither caches nor reasoning in its counts
            more = _chat_usage(extension) or {}
            if "eval_count" in frame or "prompt_eval_count" in frame:
                teller.usage = _counts(
                    frame.get("prompt_eval_count"), frame.get("eval_count"), more.get("cached"), more.get("reasoning")
                )
            teller.cost = extension.get("cost")
    return teller.facts(fold=True)


# ------------------------------------------------------------ AWS event streams


def aws_frames(stream: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and payload of each message; both checksums must be right."""
    at = 0
    while at < len(stream):
        total, heads = int.from_bytes(stream[at : at + 4], "big"), int.from_bytes(stream[at + 4 : at + 8], "big")
        message = stream[at : at + total]
        if len(message) != total or zlib.crc32(message[:8]) != int.from_bytes(message[8:12], "big"):
            raise AssertionError(f"event stream: bad prelude at {at}")
        if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
            raise AssertionError(f"event stream: bad checksum at {at}")
        yield _aws_headers(message[12 : 12 + heads]), message[12 + heads : -4]
        at += total


def _aws_headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0
    while at < len(block):
        name = block[at + 1 : at + 1 + block[at]].decode()
        at += 1 + block[at]
        if block[at] != 7:  # a string: the only type that Bedrock sends
            raise AssertionError(f"event stream: header type {block[at]}")
        size = int.from_bytes(block[at + 1 : at + 3], "big")
        headers[name] = block[at + 3 : at + 3 + size].decode()
        at += 3 + size
    return headers


# ------------------------------------------------------------ Bedrock Converse

_CONVERSE_FINISH = {
    **_STOP_REASONS,
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


def _converse_usage(usage: dict[str, Any]) -> dict[str, int] | None:
    if "inputTokens" not in usage:
        return None
    read, written = usage.get("cacheReadInputTokens") or 0, usage.get("cacheWriteInputTokens") or 0
    return _counts(usage["inputTokens"] + read + written, usage.get("outputTokens"), read)


def _converse_block(block: dict[str, Any], key: Any, teller: _Teller) -> None:
    teller.text(block.get("text"))
    for piece in (block.get("citationsContent") or {}).get("content") or []:
        teller.text(piece.get("text"))
    teller.reasoning(((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text"))
    call = block.get("toolUse") or {}
    if call and call.get("type") != "server_tool_use":
        teller.call(key, call.get("name"), call.get("input") or {})


def converse(body: bytes) -> Facts:
    teller = _Teller()
    if body.lstrip()[:1] == b"{":
        whole = _load(body)
        for key, block in enumerate(((whole.get("output") or {}).get("message") or {}).get("content") or []):
            _converse_block(block, key, teller)
        teller.finish = _CONVERSE_FINISH.get(whole.get("stopReason"), "")
        teller.usage = _converse_usage(whole.get("usage") or {})
        return teller.facts()
    for headers, payload in aws_frames(body):
        if headers.get(":message-type") != "event":
            teller.broken = True
            continue
        kind, event = headers[":event-type"], _load(payload)
        key = event.get("contentBlockIndex")
        if kind == "contentBlockStart":
            call = (event.get("start") or {}).get("toolUse") or {}
            if call and call.get("type") != "server_tool_use":
                teller.call(key, call.get("name"))
        elif kind == "contentBlockDelta":
            delta = event["delta"]
            teller.text(delta.get("text"))
            teller.reasoning((delta.get("reasoningContent") or {}).get("text"))
            if teller.has_call(key):
                teller.call(key, arguments=(delta.get("toolUse") or {}).get("input"))
        elif kind == "messageStop":
            teller.finish = _CONVERSE_FINISH.get(event.get("stopReason"), "")
        elif kind == "metadata":
            teller.usage = _converse_usage(event.get("usage") or {})
    return teller.facts()


def anthropic_on_bedrock(body: bytes) -> Facts:
    """InvokeModelWithResponseStream: Anthropic's events in base64, one a frame."""
    if body.lstrip()[:1] == b"{":
        return messages(body)
    events: list[Any] = []
    for headers, payload in aws_frames(body):
        is_event = headers.get(":message-type") == "event"
        events.append(_load(base64.b64decode(_load(payload)["bytes"])) if is_event else {"type": "error"})
    return _messages(events)


# ------------------------------------------------------------ Cohere, version 2

_COHERE_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
}


def _cohere_end(end: dict[str, Any], teller: _Teller) -> None:
    teller.finish = _COHERE_FINISH.get(end.get("finish_reason") or "", "")
    usage = end.get("usage") or {}
    tokens = usage.get("tokens")
    if tokens:
        reasoning = tokens.get("reasoning_tokens")
        teller.usage = _counts(
            tokens.get("input_tokens"), tokens.get("output_tokens"), usage.get("cached_tokens"), reasoning
        )


def cohere(body: bytes) -> Facts:
    """A plan of tool calls counts as reasoning: it is said before the calls, to nobody."""
    teller = _Teller()
    for frame in _frames(body):
        kind = frame.get("type")
        message = (frame.get("delta") or {}).get("message") or {}
        if isinstance(frame.get("message"), dict):  # whole
            message = frame["message"]
            teller.reasoning(message.get("tool_plan"))
            for part in message.get("content") or []:
                teller.text(part.get("text"))
                teller.reasoning(part.get("thinking"))
            for key, call in enumerate(message.get("tool_calls") or []):
                teller.call(key, call["function"].get("name"), call["function"].get("arguments"))
            _cohere_end(frame, teller)
        elif kind in ("content-start", "content-delta"):
            teller.text((message.get("content") or {}).get("text"))
            teller.reasoning((message.get("content") or {}).get("thinking"))
        elif kind == "tool-plan-delta":
            teller.reasoning(message.get("tool_plan"))
        elif kind in ("tool-call-start", "tool-call-delta"):
            function = (message.get("tool_calls") or {}).get("function") or {}
            teller.call(frame.get("index"), function.get("name"), function.get("arguments"))
        elif kind == "message-end":
            _cohere_end(frame["delta"], teller)
    return teller.facts()


READERS: dict[str, Callable[[bytes], Facts]] = {
    "openai_chat": chat,
    "anthropic_messages": messages,
    "openai_responses": responses,
    "gemini": gemini,
    "ollama_chat": ollama,
    "bedrock_converse": converse,
    "anthropic_bedrock": anthropic_on_bedrock,
    "anthropic_vertex": messages,
    "cohere_chat": cohere,
}
# Dialects that say "stop" also where the answer ends in tool calls.
FOLDING = {"openai_responses", "gemini", "ollama_chat"}


# ------------------------------------------------------------ expected.json


def _pydantic(value: dict[str, Any]) -> dict[str, Any]:
    """What pydantic-ai's ModelResponse asserts; parts that any value may stand for are left out."""
    parts = value.get("parts") or []
    told: dict[str, Any] = {}
    texts = [part.get("content") for part in parts if part.get("$type") == "TextPart"]
    if all(isinstance(text, str) for text in texts):
        told["text"] = "".join(texts)
    calls = [part for part in parts if part.get("$type") == "ToolCallPart"]
    pairs = []
    for call in calls:
        arguments = call.get("args")
        pairs.append((call.get("tool_name"), _arguments(arguments) if isinstance(arguments, str) else arguments or {}))
    if not any(isinstance(arguments, dict) and "$any" in arguments for _, arguments in pairs):
        told["tool_calls"] = pairs
    finish = value.get("finish_reason")
    if isinstance(finish, str):
        told["finish"] = "tool_calls" if finish == "tool_call" else finish
    usage = value.get("usage") or {}
    if isinstance(usage.get("input_tokens"), int) and isinstance(usage.get("output_tokens"), int):
        told["usage"] = {"prompt": usage["input_tokens"], "completion": usage["output_tokens"]}
        for name, theirs in (("cached", "cache_read_tokens"), ("reasoning", "output_reasoning_tokens")):
            if isinstance(usage.get(theirs), int):
                told["usage"][name] = usage[theirs]
    return told


def _vercel_usage(usage: dict[str, Any]) -> dict[str, int]:
    inputs, outputs = usage.get("inputTokens") or {}, usage.get("outputTokens") or {}
    pairs = {
        "prompt": inputs.get("total"),
        "completion": outputs.get("total"),
        "cached": inputs.get("cacheRead"),
        "reasoning": outputs.get("reasoning"),
    }
    return {name: count for name, count in pairs.items() if count is not None}


def _vercel_content(parts: list[Any]) -> dict[str, Any]:
    mine = [part for part in parts if isinstance(part, dict) and not part.get("providerExecuted")]
    calls = [part for part in mine if part.get("type") == "tool-call"]
    told: dict[str, Any] = {
        "text": "".join(
            str(part.get("text", part.get("delta"))) for part in mine if part.get("type") in ("text", "text-delta")
        ),
        "tool_calls": [(part["toolName"], _arguments(part["input"])) for part in calls],
    }
    for part in mine:
        if part.get("type") == "finish":
            told["finish"] = part["finishReason"]["unified"].replace("-", "_")
            told["usage"] = _vercel_usage(part["usage"])
    return told


def expected(oracle: dict[str, Any]) -> dict[str, Any]:
    """The facts that an expected.json tells: of text, tool_calls, finish and usage, those that it has."""
    if "snapshots" not in oracle:
        return _pydantic(oracle["value"])
    told: dict[str, Any] = {}
    for snapshot in oracle["snapshots"]:
        asserts, value = " ".join(str(snapshot.get("asserts")).split()), snapshot.get("value")
        about = asserts.split("expect(", 1)[-1].split(").toMatch", 1)[0].strip(" ,)")
        whole = ("content", "result.content", "parts", "responseArray")
        if isinstance(value, list) and ("convertReadableStreamToArray" in about or about in whole):
            told.update(_vercel_content(value))
        elif about == "result" and isinstance(value, dict):
            told.update(_vercel_content(value.get("content") or []))
            told["finish"] = value["finishReason"]["unified"].replace("-", "_")
            told["usage"] = _vercel_usage(value.get("usage") or {})
        elif about in ("usage", "result.usage") and isinstance(value, dict):
            told["usage"] = _vercel_usage(value)
        elif about == "result.finishReason" and isinstance(value, dict):
            told["finish"] = value["unified"].replace("-", "_")
    if told.get("finish") == "other":
        del told["finish"]  # the SDK has no word for it
    return told
