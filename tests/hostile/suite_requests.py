"""Suites that clients send: http1-request in four modes, json, chat-request, compressed, strings."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any, Awaitable, Callable, Iterable, Sequence

from aio import Exchange, talk
from corpus import Case, Report, in_sample
from waybill_harness import Daemon, at_line_ends, by_bytes, parse_json, randomly, request_bytes, whole

REFUSALS = {400, 408, 411, 413, 414, 417, 421, 431, 501, 505}
# Codes of refusals that come after the framing was found good.
NOT_FRAMING = {
    "invalid_json",
    "invalid_request",
    "ambiguous_credentials",
    "key_in_query",
    "model_not_found",
    "method_not_allowed",
}
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# Longer requests come in steps of a few bytes: by single ones they take longer than the
# daemon waits, which is another test.
BYTES_LIMIT = 20_000
STEP = 13


def finely(data: bytes) -> list[bytes]:
    if len(data) <= BYTES_LIMIT:
        return by_bytes(data)
    return [data[i : i + STEP] for i in range(0, len(data), STEP)]


MODES: dict[str, Callable[[bytes, int], list[bytes]]] = {
    "whole": lambda data, _: whole(data),
    "bytes": lambda data, _: finely(data),
    "line-ends": lambda data, _: at_line_ends(data),
    "random": lambda data, seed: randomly(data, seed),
}
CONNECTIONS = 48


async def each(items: Iterable[Any], work: Callable[[Any], Awaitable[None]], parallel: int = CONNECTIONS) -> None:
    gate = asyncio.Semaphore(parallel)

    async def guarded(item: Any) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*(guarded(item) for item in items))


def error_type(exchange_answer: Any) -> str:
    try:
        return str(exchange_answer.json()["error"]["type"])
    except (ValueError, KeyError, TypeError):
        return ""


class RequestReplay:
    """http1-request: requests without a key of their own use the listener's default key, so they could reach the upstream."""

    suite = "http1-request"

    def __init__(self, daemon: Daemon, upstream_seen: Callable[[], int], report: Report, timeout: float) -> None:
        self._daemon, self._seen, self._report, self._timeout = daemon, upstream_seen, report, timeout
        self._doubtful: list[tuple[Case, str]] = []

    async def run(self, cases: Sequence[Case]) -> None:
        refused = [case for case in cases if case.expect in ("reject-4xx", "incomplete")]
        before = self._seen()
        await each(((case, mode) for case in refused for mode in MODES), self._one)
        if self._seen() != before:
            await self._find_culprits(refused)
        others = [case for case in cases if case.expect not in ("reject-4xx", "incomplete")]
        await each(((case, mode) for case in others for mode in MODES), self._one)
        # Byte by byte among many others, a long request can meet the daemon's time limits:
        # what was judged wrong is looked at again by itself.
        for case, mode in self._doubtful:
            await self._one((case, mode), again=True)

    async def _find_culprits(self, cases: Sequence[Case]) -> None:
        """Something must-reject reached the upstream: one at a time, to name it."""
        for case in cases:
            before = self._seen()
            await talk(self._daemon.port, [case.data], timeout=self._timeout)
            if self._seen() != before:
                self._report.violate(self.suite, case.id, "it reached the upstream")

    async def _one(self, item: tuple[Case, str], again: bool = False) -> None:
        case, mode = item
        pieces = MODES[mode](case.data, zlib.crc32(case.id.encode()))
        if case.expect == "accept":
            pieces = [*pieces, HEALTH]
        # What is refused is closed by the daemon, of itself: its idle timeout is longer than ours.
        half_close = case.expect != "reject-4xx"
        exchange = await talk(self._daemon.port, pieces, timeout=self._timeout, half_close=half_close)
        name = f"{case.id} ({mode})"
        why = self._judge(case, exchange)
        if why and not again:
            self._doubtful.append(item)
        elif why:
            self._report.violate(
                self.suite,
                name,
                f"{why}; statuses {exchange.statuses()}, rest {exchange.rest[:60]!r}, "
                f"{case.meta.get('oracle_reason', '')}",
            )
        else:
            self._report.count(self.suite, f"{case.expect} as expected")

    def _judge(self, case: Case, exchange: Exchange) -> str:
        statuses = exchange.statuses()
        if exchange.timed_out:
            return "no close within the time limit"
        if exchange.rest.strip():
            return "bytes that are no whole answer"
        if any(status >= 500 and status not in (501, 505, 502, 503, 504) for status in statuses):
            return "an internal error"
        if case.expect == "reject-4xx":
            return "" if not statuses or statuses[-1] in REFUSALS else "accepted"
        if case.expect == "incomplete":
            return "a success for half a request" if any(200 <= status < 300 for status in statuses[-1:]) else ""
        if case.expect == "accept":
            return self._judge_accepted(case, exchange)
        return ""

    def _judge_accepted(self, case: Case, exchange: Exchange) -> str:
        if not exchange.answers:
            return "no answer"
        first, last = exchange.answers[0], exchange.answers[-1]
        if first.status in REFUSALS and error_type(first) not in NOT_FRAMING:
            return f"refused as {error_type(first)}"
        if "then-garbage" in case.id:  # of which the request after it would be a part
            return "" if last is not first and last.status == 400 else "the garbage was not refused"
        closing = (
            any((answer.header("connection") or "").lower() == "close" for answer in exchange.answers[:-1])
            or len(exchange.answers) == 1
            and (first.header("connection") or "").lower() == "close"
        )
        if not closing and (len(exchange.answers) < 2 or last.status != 200 or last.header("connection") != "close"):
            return "out of sync: the request after it was not answered"
        return ""


class BodyReplay:
    """json and chat-request: bodies of POST /v1/chat/completions."""

    def __init__(self, daemon: Daemon, report: Report, timeout: float) -> None:
        self._daemon, self._report, self._timeout = daemon, report, timeout

    async def post(self, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Exchange:
        raw = request_bytes(
            "POST",
            "/v1/chat/completions",
            body=body,
            headers=[
                ("Authorization", f"Bearer {self._daemon.key}"),
                ("Content-Type", "application/json"),
                ("Connection", "close"),
                *headers,
            ],
        )
        return await talk(self._daemon.port, [raw], timeout=self._timeout, half_close=False)

    async def run(self, cases: Sequence[Case]) -> None:
        await each(cases, self._one, 16)

    async def _one(self, case: Case) -> None:
        exchange = await self.post(case.data)
        why = self._judge(case, exchange)
        if why:
            self._report.violate(
                case.suite,
                case.id,
                f"{why}; {exchange.answers[0].body[:150] if exchange.answers else exchange.rest[:80]!r}",
            )
        else:
            self._report.count(case.suite, f"{case.expect} as expected")

    @staticmethod
    def _judge(case: Case, exchange: Exchange) -> str:
        if exchange.timed_out or len(exchange.answers) != 1:
            return f"not exactly one answer: {exchange.statuses()}"
        answer, kind = exchange.answers[0], error_type(exchange.answers[0])
        if answer.status >= 500:
            return f"status {answer.status}"
        if answer.status != 200 and not kind:
            return "an error that is not in OpenAI's shape"
        if case.expect == "accept":
            return "refused as no JSON" if kind == "invalid_json" else ""
        if case.expect == "reject-4xx":
            allowed = {400, 413, 422} | ({404} if case.suite == "chat-request" and "model" in case.id else set())
            if answer.status not in allowed:
                return f"status {answer.status}"
            if case.suite == "json" and "/n_" in case.id and kind not in ("invalid_json", "invalid_request"):
                return f"refused as {kind}"
        return ""


class CompressedReplay(BodyReplay):
    """compressed: request bodies with the Content-Encoding of the manifest; memory stays flat."""

    async def run(self, cases: Sequence[Case]) -> None:
        before = self._daemon.rss_bytes()
        await each(cases, self._one, 4)
        grown = self._daemon.rss_bytes() - before
        if grown > 64 << 20:
            self._report.violate("compressed", "all", f"memory grew by {grown >> 20} MiB")

    async def _one(self, case: Case) -> None:
        exchange = await self.post(case.data, [("Content-Encoding", case.meta["content_encoding"])])
        status = exchange.statuses()
        allowed = {400, 413, 415} if case.expect == "reject-4xx" else {200, 400, 404, 413, 415}
        if len(status) != 1 or status[0] not in allowed:
            self._report.violate("compressed", case.id, f"statuses {status}")
        else:
            self._report.count("compressed", f"{case.expect} as expected")


class StringReplay(BodyReplay):
    """injection and strings: every line as token, model, user, path, forwarded field, message and name of a key."""

    async def run(self, cases: Sequence[Case], share: float) -> None:
        lines = [
            (case, line["s"], line["expect"]) for case in cases for line in case.lines() if in_sample(line["s"], share)
        ]
        await each(lines, self._one, 8)
        # A process for each.
        names = {text: case for case, text, _ in lines if in_sample("name " + text, max(share, 0.2))}
        await each(names.items(), self._name, 2)
        listed = await asyncio.to_thread(self._daemon.command, "keys", "list")
        if any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in listed.stdout):
            self._report.violate("strings", "keys list", "control characters reach the terminal")

    async def _name(self, item: tuple[str, Case]) -> None:
        text, case = item
        why = await asyncio.to_thread(self._judge_name, text)
        if why:
            self._report.violate(case.suite, f"{case.id} as a key's name {text[:60]!r}", why)
        else:
            self._report.count(case.suite, "name of a key as expected")

    def _judge_name(self, text: str) -> str:
        """Taken as it is, or refused with a sentence."""
        try:
            text.encode()
        except UnicodeEncodeError:
            return ""  # no argument of a process
        if "\0" in text:
            return ""
        done = self._daemon.command("keys", "create", f"--name={text}", "--json")
        if done.returncode == 0:
            try:
                told = json.loads(done.stdout)["name"]
            except ValueError:
                return f"no JSON: {done.stdout[:300]!r} {done.stderr[:100]!r}"
            return "" if told == text else f"became {told[:60]!r}"
        return "" if done.returncode in (1, 2) and len(done.stderr) > 10 else f"exit {done.returncode}: {done.stderr[:80]!r}"

    async def _one(self, item: tuple[Case, str, str]) -> None:
        case, text, expect = item
        for place, work in (
            ("token", self._token),
            ("field", self._field),
            ("model", self._model),
            ("user", self._user),
            ("path", self._path),
            ("content", self._content),
        ):
            why = await work(text)
            if why:
                self._report.violate(case.suite, f"{case.id} as {place} {text[:60]!r}", why)
            else:
                self._report.count(case.suite, f"{expect} as expected")

    async def _get(self, target: str, headers: Sequence[tuple[str, str]]) -> Exchange:
        return await talk(
            self._daemon.port,
            [request_bytes("GET", target, headers=[*headers, ("Connection", "close")])],
            timeout=self._timeout,
        )

    @staticmethod
    def _check(exchange: Exchange, allowed: set[int]) -> str:
        if exchange.timed_out or len(exchange.answers) > 1 or not set(exchange.statuses()) <= allowed:
            return f"statuses {exchange.statuses()}"
        for answer in exchange.answers:
            if any(name.lower() in ("set-cookie", "crlf", "location") for name, _ in answer.headers):
                return "a header line was injected"
            if b"root:" in answer.body or b"SQL" in answer.body or b"syntax error" in answer.body:
                return f"a suspicious answer: {answer.body[:120]!r}"
        return ""

    async def _token(self, text: str) -> str:
        return self._check(
            await self._get("/v1/key", [("Authorization", "Bearer " + _one_line(text))]), {400, 401, 431}
        )

    async def _field(self, text: str) -> str:
        headers = [
            ("Authorization", f"Bearer {self._daemon.key}"),
            ("X-Title", _one_line(text)),
            ("HTTP-Referer", _one_line(text)),
        ]
        return self._check(await self._get("/v1/key", headers), {200, 400, 431})

    async def _path(self, text: str) -> str:
        target = "/" + _one_line(text).replace(" ", "%20").lstrip("/")
        return self._check(await self._get(target, []), {400, 401, 404, 405, 414})

    async def _model(self, text: str) -> str:
        body = {"model": text, "messages": [{"role": "user", "content": "x"}]}
        return self._check(await self.post(json.dumps(body).encode("utf-8", "surrogatepass")), {400, 404})

    async def _user(self, text: str) -> str:
        body = {"model": "demo/model", "user": text, "messages": [{"role": "user", "content": "x"}]}
        return self._check(await self.post(json.dumps(body).encode()), {200, 400})

    async def _content(self, text: str) -> str:
        body = json.dumps({"model": "demo/model", "messages": [{"role": "user", "content": text}]}, ensure_ascii=False)
        try:
            raw = body.encode()
        except UnicodeEncodeError:
            return ""  # lone surrogates: no JSON text can hold them
        exchange = await self.post(raw)
        if exchange.statuses() != [200]:
            return f"statuses {exchange.statuses()}"
        told = parse_json(exchange.answers[0].body)["choices"][0]["message"]["content"]
        return "" if told == text else f"came back as {told[:60]!r}"


def _one_line(text: str) -> str:
    """A header value cannot hold these; sending them would only test this client."""
    return text.replace("\r", "").replace("\n", "").replace("\0", "").strip() or "x"
