"""Suites that upstreams send: http1-response, sse, upstream-usage, compressed bodies."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, Sequence

from aio import Exchange, UpstreamRequest, send_pieces, talk
from corpus import Case, Report
from suite_requests import each
from waybill_harness import (
    Daemon,
    at_line_ends,
    by_bytes,
    canned,
    cost_of,
    parse_json,
    parse_sse,
    randomly,
    request_bytes,
    whole,
)

SPLITS = {
    "whole": lambda data, _: whole(data),
    "bytes": lambda data, _: by_bytes(data),
    "line-ends": lambda data, _: at_line_ends(data),
    "random": lambda data, seed: randomly(data, seed),
}
# One byte at a time is left to smaller cases: 16 MB of one-byte segments prove nothing more.
BYTES_LIMIT = 300_000


@dataclass
class ScriptedUpstream:
    """Answers by the number that the prompt carries."""

    scripts: dict[str, list[bytes]] = field(default_factory=dict)

    async def handle(self, request: UpstreamRequest, writer: asyncio.StreamWriter) -> bool:
        content = parse_json(request.body)["messages"][-1]["content"]
        pieces = self.scripts.get(content)
        if pieces is None:  # the echo that the other suites talk to
            writer.write(canned.plain(content))
            await writer.drain()
            return True
        await send_pieces(writer, pieces)
        return False


class UpstreamReplay:
    def __init__(self, daemon: Daemon, scripted: ScriptedUpstream, report: Report, timeout: float) -> None:
        self._daemon, self._scripted, self._report, self._timeout = daemon, scripted, report, timeout

    async def ask(self, name: str, pieces: list[bytes], *, stream: bool) -> Exchange:
        self._scripted.scripts[name] = pieces
        body = {"model": "demo/model", "messages": [{"role": "user", "content": name}], "stream": stream}
        raw = request_bytes(
            "POST",
            "/v1/chat/completions",
            body=json.dumps(body).encode(),
            headers=[
                ("Authorization", f"Bearer {self._daemon.key}"),
                ("Content-Type", "application/json"),
                ("Connection", "close"),
            ],
        )
        try:
            return await talk(self._daemon.port, [raw], timeout=self._timeout, half_close=False)
        finally:
            del self._scripted.scripts[name]

    def verdict(self, suite: str, name: str, expect: str, why: str, exchange: Exchange) -> None:
        if why:
            told = exchange.answers[0].body[-300:] if exchange.answers else exchange.rest[:100]
            self._report.violate(suite, name, f"{why}; statuses {exchange.statuses()}: {told!r}")
        else:
            self._report.count(suite, f"{expect} as expected")

    # ------------------------------------------------------ http1-response

    async def responses(self, cases: Sequence[Case]) -> None:
        await each(
            [(case, mode, stream) for case in cases for mode in SPLITS for stream in (False, True)], self._response, 24
        )

    async def _response(self, item: tuple[Case, str, bool]) -> None:
        case, mode, stream = item
        name = f"{case.id} ({mode}, {'stream' if stream else 'plain'})"
        exchange = await self.ask(name, SPLITS[mode](case.data, zlib.crc32(case.id.encode())), stream=stream)
        why = self._judge_response(case, exchange, stream)
        if not why:
            record = await self._booked(exchange)
            why = judge_head(case, record) or judge_booked(exchange, record)
        self.verdict(case.suite, name, case.expect, why, exchange)

    async def _booked(self, exchange: Exchange) -> dict[str, Any]:
        return await asyncio.to_thread(self._daemon.generation, exchange.answers[0].header("x-generation-id"))

    def _judge_response(self, case: Case, exchange: Exchange, stream: bool) -> str:
        if exchange.timed_out or len(exchange.answers) != 1:
            return "not exactly one whole answer"
        answer = exchange.answers[0]
        if answer.status in (500, 501) or answer.status != 200 and b'"error"' not in answer.body:
            return f"status {answer.status}"
        if case.expect == "truncated" and stream and b"[DONE]" in case.data and answer.status == 200:
            # What the provider said is whole: only the framing after it is not, and nobody
            # uses that connection again.
            return "" if answer.body.endswith(b"data: [DONE]\n\n") else "not delivered to its end"
        if case.expect in ("reject", "truncated"):
            if answer.status == 200 and b'"finish_reason":"error"' not in answer.body.replace(b" ", b""):
                return "delivered as good"
        return ""

    # ----------------------------------------------------------------- sse

    async def streams(self, cases: Sequence[Case]) -> None:
        await each(
            [(case, mode) for case in cases for mode in SPLITS if mode != "bytes" or len(case.data) <= BYTES_LIMIT],
            self._stream,
            24,
        )

    async def _stream(self, item: tuple[Case, str]) -> None:
        case, mode = item
        name = f"{case.id} ({mode})"
        pieces = [canned.stream_head(chunked=False), *SPLITS[mode](case.data, zlib.crc32(case.id.encode()))]
        exchange = await self.ask(name, pieces, stream=True)
        why = judge_stream(case, exchange) or judge_booked(exchange, await self._booked(exchange))
        self.verdict("sse", name, "events", why, exchange)

    # ------------------------------------------------------ upstream-usage

    async def usages(self, cases: Sequence[Case]) -> None:
        await each(cases, self._usage, 4)

    async def _usage(self, case: Case) -> None:
        if b'"choices"' not in case.data:
            self._report.count("upstream-usage", "another dialect, not replayed")
            return
        exchange = await self.ask(case.id, [canned.http_response(200, case.data)], stream=False)
        answer = exchange.answers[0] if exchange.answers else None
        why = ""
        if answer is None or answer.status not in (200, 502):
            why = "no answer"
        elif answer.status == 200:
            usage = answer.json()["usage"]
            record = await self._booked(exchange)
            if usage["cost"] < 0 or usage["cost"] != record["total_cost"] or usage["cost"] != cost_of(usage):
                why = f"cost {usage['cost']}, in the ledger {record['total_cost']}"
            elif case.expect["bill"] == "estimate" and "estimate" not in str(record):
                why = f"not marked as an estimate: {record}"
        self.verdict("upstream-usage", case.id, case.expect["bill"], why, exchange)

    # ---------------------------------------------------------- compressed

    async def compressed(self, cases: Sequence[Case]) -> None:
        before = self._daemon.rss_bytes()
        for case in cases:
            headers = [("Content-Encoding", case.meta["content_encoding"])]
            exchange = await self.ask(case.id, [canned.http_response(200, case.data, headers=headers)], stream=False)
            why = (
                ""
                if exchange.statuses()
                and exchange.statuses()[0] in ((502, 504) if case.expect == "reject-4xx" else (200, 502, 504))
                else "accepted"
            )
            self.verdict("compressed", f"{case.id} from an upstream", case.expect, why, exchange)
        grown = self._daemon.rss_bytes() - before
        if grown > 64 << 20:
            self._report.violate("compressed", "from upstreams", f"memory grew by {grown >> 20} MiB")


def judge_head(case: Case, record: dict[str, Any]) -> str:
    """Few of these answers are a chat's, so most are a 502: the status that the record has tells whether the head was taken."""
    status = record["provider_responses"][-1]["status"]
    if case.expect == "accept" and status is None:
        return "its head was refused"
    if case.expect == "reject" and status is not None and b"chunked" not in case.data.lower():
        return "its head was taken"
    return ""


def judge_booked(exchange: Exchange, record: dict[str, Any]) -> str:
    """What the client was told is what is booked: a success, a failure that costs nothing, a stream that broke."""
    answer = exchange.answers[0]
    whole_answer = answer.status == 200 and b'"finish_reason":"error"' not in answer.body.replace(b" ", b"")
    outcome, cost = record["waybill"]["outcome"], record["total_cost"]
    if (outcome == "ok") != whole_answer:
        return f"booked as {outcome}"
    if answer.status != 200 and cost != 0:
        return f"a failure that costs {cost}"
    if answer.status != 200 or not whole_answer:
        return ""
    told = re.findall(rb'"cost":([0-9.e-]+)', answer.body)
    return "" if told and float(told[-1]) == float(cost) else f"told {told}, booked {cost}"


@dataclass
class Expected:
    """What a client must see of an upstream's events."""

    text: str = ""
    content: bool = False  # something was there to commit the 200
    failed: bool = False
    finished: bool = False  # a finish reason was there
    done: bool = False


def expected_of(case: Case) -> Expected:
    """Reads the WHATWG events of the manifest as the chat dialect does."""
    result = Expected()
    events = [event["data"] for event in case.expect["events"]]
    tail = parse_sse(case.data + b"\n\n")[len(events) :]  # an event cut before its blank line is taken if it parses
    for data in [*events, *(event.data for event in tail)]:
        if data.strip().upper() == "[DONE]":
            result.done = True
            break
        chunk = _object(data)
        if chunk is None or chunk.get("error"):
            result.failed = True
            break
        choices = chunk.get("choices")
        choice: Any = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        delta = choice.get("delta") if isinstance(choice.get("delta"), dict) else {}
        if isinstance(delta.get("content"), str):
            result.text += delta["content"]
        result.content = result.content or bool(
            delta.get("content") or delta.get("tool_calls") or choice.get("finish_reason")
        )
        result.finished = result.finished or bool(choice.get("finish_reason"))
    return result


def _object(data: str) -> dict[str, Any] | None:
    try:
        value = parse_json(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def judge_stream(case: Case, exchange: Exchange) -> str:
    if exchange.timed_out or len(exchange.answers) != 1:
        return "not exactly one whole answer"
    answer, expected = exchange.answers[0], expected_of(case)
    if answer.status != 200:
        clean = expected.content and expected.finished and not expected.failed
        return (
            "a good stream was refused"
            if clean
            else ("" if answer.status in (502, 503, 504) else f"status {answer.status}")
        )
    if not expected.content:  # a JSON body may be turned into a stream (attack row E17)
        return "" if case.data.lstrip().startswith(b"{") else "a 200 without content"
    if not answer.ended_with_done():
        return "no [DONE] at the end"
    try:
        chunks = answer.chunks()
    except ValueError as broken:
        return f"a chunk that is not JSON: {broken}"
    error = any(chunk.get("error") for chunk in chunks)
    if expected.failed and not error or not (expected.done or expected.finished) and not error:
        return "a failed stream ended as if it were good"
    if error and expected.finished and not expected.failed:
        return "a good stream got an error chunk"
    text = "".join(
        ((chunk["choices"][0].get("delta") or {}).get("content") or "")
        for chunk in chunks
        if isinstance(chunk.get("choices"), list) and chunk["choices"] and isinstance(chunk["choices"][0], dict)
    )
    return "" if text == expected.text else f"text {text[:80]!r} instead of {expected.text[:80]!r}"
