"""Recorded traffic of real providers through the daemon: what comes out differs only in owned members (ruling 12)."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any, Iterator

from waybill_harness import (
    Answer,
    Daemon,
    End,
    HarnessTestCase,
    MockUpstream,
    Response,
    by_bytes,
    canned,
    fixtures,
    generation_id,
    main,
    parse_sse,
    randomly,
    settings_for,
)

# Members of replies that Waybill owns; `system_fingerprint` only where it is null.
OWNED = {"id", "model", "provider", "usage"}
# Members of requests that name other models or need the real service.
NOT_REPLAYED = {"models", "route", "preset", "plugins"}
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "mistral-chat": "/v1/chat/completions",
    "openai-completions": "/v1/completions",
    "openai-embeddings": "/v1/embeddings",
}
# What a request of the kind needs, where the recording has it not.
LEAST = {
    "openai-chat": {"messages": [{"role": "user", "content": "hi"}]},
    "mistral-chat": {"messages": [{"role": "user", "content": "hi"}]},
    "openai-completions": {"prompt": "hi"},
    "openai-embeddings": {"input": "hi"},
}
FOR_ALL_BYTES = 8192  # streams up to this size are also sent one byte at a time


class Recording:
    """One recorded exchange of the fixtures."""

    def __init__(self, folder: Path, entry: dict[str, Any]) -> None:
        meta = json.loads((folder / "meta.json").read_text())
        self.name: str = entry["id"]
        self.features: list[str] = entry["features"]
        self.status: int = meta["response"]["status"]
        self.body = (folder / meta["response"]["file"]).read_bytes()
        self.streamed = meta["response"]["file"].endswith(".sse")
        self.response_headers: dict[str, str] = meta["response"]["headers"] or {}
        request = json.loads((folder / "request.json").read_text())
        body = request.get("body") if request.get("known", True) else None
        body = json.loads(body) if isinstance(body, str) and body else body
        self.request: dict[str, Any] = {k: v for k, v in (body or {}).items() if k not in NOT_REPLAYED}
        self.path = PATHS[entry["dialect"]]
        self.request = {**LEAST[entry["dialect"]], **self.request, "model": "demo/model"}
        if entry["dialect"] != "openai-embeddings":
            self.request["stream"] = bool(entry["stream"])

    def fails_midway(self) -> bool:
        return bool({"midstream-error", "error-in-200"} & set(self.features))

    def raw_response(self) -> bytes:
        kind = self.response_headers.get("content-type", "text/event-stream" if self.streamed else "application/json")
        headers = [(name, value) for name, value in self.response_headers.items() if name.lower() == "retry-after"]
        if self.streamed:
            return canned.stream_head(content_type=kind, chunked=False) + self.body
        return canned.http_response(self.status, self.body, content_type=kind, headers=headers)


def recordings() -> Iterator[Recording]:
    root = fixtures()
    if root is None:
        raise unittest.SkipTest("no fixtures: set WAYBILL_FIXTURES to the folder of recorded traffic")
    for line in (root / "public" / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["dialect"] in PATHS:
            yield Recording(root / "public" / "recordings" / entry["id"], entry)


def members(text: str) -> list[tuple[str, str]]:
    """The members of a JSON object with their values exactly as written."""
    decoder = json.JSONDecoder()
    found: list[tuple[str, str]] = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, at)
        found.append((name, text[at:end]))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def not_owned(text: str) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in members(text)
        if name not in OWNED and not (name == "system_fingerprint" and value == "null")
    ]


def relayed_chunks(stream: bytes) -> list[str]:
    """The data of an upstream's stream that a client must get: not usage alone, nothing after [DONE]."""
    kept: list[str] = []
    for event in parse_sse(stream):
        if event.data.strip() == "[DONE]":
            break
        payload = json.loads(event.data)
        if not payload.get("choices") and payload.get("usage"):
            continue
        kept.append(event.data)
    return kept


class Recordings(HarnessTestCase):
    maxDiff = 2000

    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def ask(self, recording: Recording, pieces: list[bytes] | None = None) -> Response:
        raw = recording.raw_response()
        self.provider.script(Answer(tuple(pieces or [raw]), End.CLOSE if recording.streamed else End.KEEP))
        return self.server.request("POST", recording.path, body=recording.request)

    def assert_same_stream(self, recording: Recording, answer: Response) -> None:
        chunks = self.assert_clean_stream(answer)
        told = [event.data for event in answer.events()][:-2]  # without the usage chunk and [DONE]
        expected = [not_owned(data) for data in relayed_chunks(recording.body)]
        got = [not_owned(data) for data in told]
        self.assertEqual(len(got), len(expected))
        for got_chunk, expected_chunk in zip(got, expected):
            self.assertEqual(got_chunk, expected_chunk)
        self.assertEqual({chunk["id"] for chunk in chunks}, {generation_id(answer)})
        self.assert_billed(answer, chunks[-1]["usage"])
        recorded = [event.data for event in parse_sse(recording.body) if '"usage"' in event.data]
        self.assert_total(json.loads(recorded[-1]) if recorded else {}, chunks[-1]["usage"])

    def assert_same_body(self, recording: Recording, answer: Response) -> None:
        self.assertEqual(answer.status, 200, answer.body[:500])
        self.assertEqual(not_owned(answer.body.decode()), not_owned(recording.body.decode()))
        self.assertEqual("system_fingerprint" in answer.json(), recording.path != PATHS["openai-embeddings"])
        self.assert_billed(answer, answer.json()["usage"])
        self.assert_total(json.loads(recording.body), answer.json()["usage"])

    def assert_total(self, recorded: dict[str, Any], told: dict[str, Any]) -> None:
        """Whatever parts a provider counts beside each other, all of them are billed."""
        total = (recorded.get("usage") or {}).get("total_tokens")
        if total:
            self.assertEqual(told["total_tokens"], total)

    def assert_billed(self, answer: Response, usage: dict[str, Any]) -> None:
        self.assertEqual(self.server.generation(generation_id(answer))["total_cost"], usage["cost"])

    def test_every_successful_recording(self) -> None:
        count = 0
        for recording in recordings():
            if recording.status != 200 or recording.fails_midway():
                continue
            with self.subTest(recording.name):
                answer = self.ask(recording)
                (self.assert_same_stream if recording.request.get("stream") else self.assert_same_body)(recording, answer)
                count += 1
        print(f"{count} recordings replayed")
        self.server.verify_ledger()

    def test_streams_split_at_random_and_at_every_byte(self) -> None:
        for recording in recordings():
            if recording.status != 200 or recording.fails_midway() or not recording.streamed:
                continue
            raw = recording.raw_response()
            splits = [randomly(raw, 7, cuts=40)]
            if len(raw) <= FOR_ALL_BYTES:
                splits.append(by_bytes(raw))
            for pieces in splits:
                with self.subTest(recording.name, pieces=len(pieces)):
                    self.assert_same_stream(recording, self.ask(recording, pieces))

    def test_streams_that_fail_midway_end_in_an_error_chunk_or_a_status(self) -> None:
        for recording in recordings():
            if recording.fails_midway():
                with self.subTest(recording.name):
                    answer = self.ask(recording)
                    if answer.status == 200 and recording.request.get("stream"):
                        self.assert_failed_stream(answer)
                    else:
                        self.assert_error(answer, answer.status)

    def test_recorded_errors_are_mapped(self) -> None:
        for recording in recordings():
            if recording.status == 200:
                continue
            with (
                self.subTest(recording.name),
                MockUpstream(recording.raw_response()) as provider,
                Daemon(settings_for(provider, defaults={"timeouts": {"total": "1s"}})) as server,
            ):
                answer = server.request("POST", recording.path, body=recording.request)
                if recording.status in (400, 413, 422):
                    expected = {recording.status}
                elif recording.status == 429:
                    expected = {429}
                else:
                    expected = {502, 503}
                self.assertIn(answer.status, expected, answer.body[:300])
                self.assert_error(answer, answer.status)
                self.assertEqual(server.generation(generation_id(answer))["total_cost"], 0)


if __name__ == "__main__":
    main()
