"""Providers that answer with recordings of real ones: model `recorded/N` is the Nth answer."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import canned
from mock_upstream import MockUpstream, Recorded
from processes import fixtures
from waybill_harness import PRICE, Settings, provider

DIALECTS = {
    "openai-chat": "openai_chat",
    "mistral-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "openai-responses": "openai_responses",
    "google-generatecontent": "gemini",
    "ollama-chat": "ollama_chat",
    "cohere-v2-chat": "cohere_chat",
}
KINDS = {".sse": "text/event-stream", ".ndjson": "application/x-ndjson"}


@functools.cache
def recordings() -> list[dict[str, Any]]:
    """What is known of each answer that a chat client can read; nothing where there are no fixtures."""
    root = fixtures()
    found = []
    for path in sorted((root / "public" / "recordings").glob("*/*/meta.json")) if root else ():
        meta = json.loads(path.read_text())
        if meta["dialect"] in DIALECTS and meta["response"]["status"] == 200:
            found.append({**meta, "file": str(path.parent / meta["response"]["file"])})
    return found


def replay(request: Recorded) -> bytes:
    number = re.search(rb"\brecorded-(\d+)\b", request.head.split(b"\r\n")[0] + request.body)
    file = recordings()[int(number[1])]["file"]
    kind = next((kind for end, kind in KINDS.items() if file.endswith(end)), "application/json")
    with open(file, "rb") as body:
        return canned.http_response(200, body.read(), content_type=kind)


def add_recorded(settings: Settings, upstream: MockUpstream) -> None:
    for number, meta in enumerate(recordings()):
        dialect = DIALECTS[meta["dialect"]]
        settings["providers"][dialect] = provider(upstream.base_url, 3, dialect=dialect)
        settings["models"][f"recorded/{number}"] = {
            "context_length": 200000,
            "endpoints": [{"provider": dialect, "upstream_model": f"recorded-{number}", "price": PRICE}],
        }
