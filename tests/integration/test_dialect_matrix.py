"""Every recorded chat answer, read by clients of every dialect: the facts must be those of the recording."""

from __future__ import annotations

import json
import os
import sys
import unittest
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import dialect_facts
from dialect_facts import FOLDING, READERS, Facts
from dialect_matrix_known import KNOWN, Known
from processes import REPOSITORY
from waybill_harness import (
    PRICE,
    Answer,
    ConnectionClosed,
    Daemon,
    End,
    HarnessTestCase,
    Response,
    canned,
    cost_of,
    fixtures,
    generation_id,
    main,
    settings_for,
)

DOCUMENT = REPOSITORY / "docs" / "dialects.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- /matrix -->\n"

# What providers speak: our name of it, and the fixtures' names of recordings in it.
UPSTREAMS: dict[str, tuple[str, ...]] = {
    "openai_chat": ("openai-chat", "mistral-chat"),
    "anthropic_messages": ("anthropic-messages",),
    "openai_responses": ("openai-responses",),
    "gemini": ("google-generatecontent",),
    "bedrock_converse": ("bedrock-converse",),
    "anthropic_bedrock": ("anthropic-on-bedrock-invoke",),
    "anthropic_vertex": ("anthropic-on-vertex",),
    "cohere_chat": ("cohere-v2-chat",),
    "ollama_chat": ("ollama-chat",),
}
HI = [{"role": "user", "content": "hi"}]


class Ingress(NamedTuple):
    """A dialect that clients speak, and the least that a request in it must have."""

    path: Callable[[bool], str]
    body: dict[str, Any]
    says_stream: bool = True  # in the body; else the path does
    stream_type: str = "text/event-stream"
    last: str = ""  # what a whole stream ends with, where its facts do not tell


def gemini_path(streamed: bool) -> str:
    return "/v1beta/models/demo/model:" + ("streamGenerateContent?alt=sse" if streamed else "generateContent")


INGRESSES: dict[str, Ingress] = {
    "openai_chat": Ingress(
        lambda _: "/v1/chat/completions", {"model": "demo/model", "messages": HI}, last="data: [DONE]\n\n"
    ),
    "anthropic_messages": Ingress(
        lambda _: "/v1/messages",
        {"model": "demo/model", "max_tokens": 64, "messages": HI},
        last="event: message_stop",
    ),
    "openai_responses": Ingress(lambda _: "/v1/responses", {"model": "demo/model", "input": "hi"}),
    "gemini": Ingress(gemini_path, {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, says_stream=False),
    "ollama_chat": Ingress(
        lambda _: "/api/chat", {"model": "demo/model", "messages": HI}, stream_type="application/x-ndjson"
    ),
}
# What a binary must speak; the others are tested as soon as it does.
EXPECTED_UPSTREAMS = set(UPSTREAMS)
EXPECTED_INGRESSES = set(INGRESSES)

STREAM_TYPES = {".sse": "text/event-stream", ".ndjson": "application/x-ndjson", ".json": "application/json"}
STREAM_TYPES[".bin"] = "application/vnd.amazon.eventstream"
FACTS = ("text", "reasoning", "tool_calls", "finish", "usage")
ORACLE = "expected."  # goes before a fact that expected.json tells, read through the chat ingress


class Recording:
    """One answer of a provider with status 200."""

    def __init__(self, folder: Path, entry: dict[str, Any], upstream: str) -> None:
        meta = json.loads((folder / "meta.json").read_text())
        self.name: str = entry["id"]
        self.upstream = upstream
        self.streamed: bool = entry["stream"]
        file = folder / meta["response"]["file"]
        self.body = file.read_bytes()
        usual = STREAM_TYPES[file.suffix] if self.streamed else "application/json"
        self.content_type = (meta["response"]["headers"] or {}).get("content-type") or usual
        self.facts = READERS[upstream](self.body)
        oracle = folder / "expected.json"
        self.estimate: dict[str, int] | None = None  # what the daemon told first, where nobody counted
        self.expected = dialect_facts.expected(json.loads(oracle.read_text())) if oracle.is_file() else None

    def fails(self) -> bool:
        return self.facts.finish == "error"

    def answer(self) -> Answer:
        if self.streamed:
            head = canned.stream_head(content_type=self.content_type, chunked=False)
            return Answer((head + self.body,), End.CLOSE)
        return Answer((canned.http_response(200, self.body, content_type=self.content_type),))


def recordings(upstream: str) -> Iterator[Recording]:
    root = fixtures()
    if root is None:
        raise unittest.SkipTest("no fixtures: set WAYBILL_FIXTURES to the folder of recorded traffic")
    for line in (root / "public" / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["dialect"] in UPSTREAMS[upstream] and entry["status"] == 200:
            yield Recording(root / "public" / "recordings" / entry["id"], entry, upstream)


class Difference(NamedTuple):
    ingress: str
    recording: str
    fact: str
    got: Any
    wanted: Any

    def of_oracle(self) -> bool:
        return self.fact.startswith(ORACLE)

    def lines(self) -> list[Known]:
        """What explains it."""
        return [line for line in KNOWN if all(map(fnmatchcase, self[:3], line[:3]))]


@dataclass
class Matrix:
    """What was found."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)  # upstream, ingress
    explained: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    recordings: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    hits: Counter[Known] = field(default_factory=Counter)
    missing_upstreams: list[str] = field(default_factory=list)
    missing_ingresses: list[str] = field(default_factory=list)

    def could_hit(self, line: Known) -> bool:
        """Whether the binary speaks enough for the line to matter."""
        served = any(fnmatchcase(name, line.ingress) for name in INGRESSES if name not in self.missing_ingresses)
        return served and (not self.missing_upstreams or any(fnmatchcase(name, line.recording) for name in self.names))

    def is_whole(self) -> bool:
        return not self.missing_upstreams and not self.missing_ingresses

    def count(self, found: list["Difference"], upstream: str, column: str) -> None:
        place = upstream, column
        self.asked[place] += 1
        if any(not each.lines() for each in found):
            self.wrong[place] += 1
        elif found:
            self.explained[place] += 1

    def cell(self, upstream: str, column: str) -> str:
        place = upstream, column
        asked, explained, wrong = self.asked[place], self.explained[place], self.wrong[place]
        if not asked:
            return "–"
        agree = str(asked - explained - wrong)
        return agree + (f" + {explained}" if explained else "") + (f", {wrong} wrong" if wrong else "")

    def table(self) -> str:
        """How many recordings agree in all facts, and of how many a difference is explained."""
        rows = ["| provider speaks | recordings | " + " | ".join(INGRESSES) + " | expected.json |"]
        rows.append("| --- |" + " ---: |" * (len(INGRESSES) + 2))
        for upstream in UPSTREAMS:
            cells = [str(self.recordings[upstream] or "–")]
            cells += [self.cell(upstream, column) for column in (*INGRESSES, ORACLE)]
            rows.append(f"| {upstream} | " + " | ".join(cells) + " |")
        reasons: dict[str, list[Known]] = {}
        for line in KNOWN:
            reasons.setdefault(line.reason, []).append(line)
        notes = [
            f"- {', '.join(sorted({line.fact for line in lines}))}: {reason} ({sum(self.hits[line] for line in lines)})"
            for reason, lines in reasons.items()
        ]
        return "\n".join([*rows, "", "What the explained ones are, and how often:", "", *notes]) + "\n"


def compare(got: Facts, wanted: Facts, ingress: str, recording: Recording) -> Iterator[Difference]:
    if ingress in FOLDING:
        wanted = wanted.folded()
    # What was said before an answer failed is passed on; what it cost is counted as far as it came.
    for fact in FACTS[:4] if recording.fails() else FACTS:
        if getattr(got, fact) != getattr(wanted, fact):
            yield Difference(ingress, recording.name, fact, getattr(got, fact), getattr(wanted, fact))
    if wanted.usage is None and not recording.fails():
        recording.estimate = recording.estimate or got.usage
        if got.usage != recording.estimate:
            yield Difference(ingress, recording.name, "estimate", got.usage, recording.estimate)


def compare_expected(got: Facts, recording: Recording) -> Iterator[Difference]:
    told = dict(recording.expected or {})
    if "finish" in told:
        told["finish"] = Facts(finish=told["finish"], tool_calls=told.get("tool_calls", got.tool_calls)).folded().finish
    for fact, wanted in told.items():
        found = getattr(got.folded() if fact == "finish" else got, fact)
        if fact == "usage":
            found = {name: (found or {}).get(name) for name in wanted}
        if found != wanted:
            yield Difference("openai_chat", recording.name, ORACLE + fact, found, wanted)


class DialectMatrix(HarnessTestCase):
    maxDiff = 2000

    def test_every_recording_in_every_dialect(self) -> None:
        matrix = Matrix()
        differences: list[Difference] = []
        for upstream in UPSTREAMS:
            server, provider = self.start(upstream)
            if server is None:
                matrix.missing_upstreams.append(upstream)
                continue
            if upstream == "openai_chat":
                matrix.missing_ingresses = [name for name in INGRESSES if not self.knows(server, name)]
            for recording in recordings(upstream):
                matrix.recordings[upstream] += 1
                matrix.names.append(recording.name)
                for ingress in INGRESSES:
                    if ingress not in matrix.missing_ingresses:
                        provider.script(recording.answer())
                        found = list(self.differences(server, ingress, recording))
                        matrix.count([each for each in found if not each.of_oracle()], upstream, ingress)
                        if ingress == "openai_chat" and recording.expected and not recording.fails():
                            matrix.count([each for each in found if each.of_oracle()], upstream, ORACLE)
                        differences += found
            server.verify_ledger()
        self.judge(differences, matrix)

    # ------------------------------------------------------------ asking

    def start(self, upstream: str) -> tuple[Daemon | None, Any]:
        """A daemon whose provider speaks the dialect; none where the settings refuse its name."""
        provider = self.upstream(canned.plain())
        settings = settings_for(
            provider, provider_members={"dialect": upstream}, defaults={"timeouts": {"total": "5s"}}
        )
        server = self.daemon(settings, start=False)
        told = server.command("check")
        if told.returncode == 0:
            try:
                server.start()
                return server, provider
            except AssertionError:
                pass  # the log says why
        why = told.stdout + told.stderr + server.log_text()
        if f"dialect: '{upstream}' is not " not in why and "which this program does not know" not in why:
            raise AssertionError(f"a daemon for {upstream} does not start: {why}")
        server.expected_down = True  # type: ignore[attr-defined]
        return None, provider

    @staticmethod
    def ask(server: Daemon, ingress: str, streamed: bool) -> Response:
        dialect = INGRESSES[ingress]
        body = {**dialect.body, "stream": streamed} if dialect.says_stream else dialect.body
        return server.request("POST", dialect.path(streamed), body=body)

    def knows(self, server: Daemon, ingress: str) -> bool:
        """Whether the path is served in its dialect: the harness's usual answer can be read."""
        answer = self.ask(server, ingress, False)
        return answer.status == 200 and READERS[ingress](answer.body).text == "Hello there"

    def differences(self, server: Daemon, ingress: str, recording: Recording) -> Iterator[Difference]:
        """What the daemon's answer says otherwise; `form` where it is no answer of the dialect at all."""
        try:
            answer = self.ask(server, ingress, recording.streamed)
        except (ConnectionClosed, TimeoutError) as error:
            yield Difference(ingress, recording.name, "form", repr(error), "a response")
            self.assertTrue(server.alive(), f"{recording.name} read as {ingress} killed the daemon")
            return
        if answer.status != 200:
            got = dialect_facts.failed()
            if not recording.fails():
                yield Difference(ingress, recording.name, "form", (answer.status, answer.body[:500]), 200)
                return
        else:
            kind = (answer.header("content-type") or "").split(";")[0]
            wanted = INGRESSES[ingress].stream_type if recording.streamed else "application/json"
            if kind != wanted or not answer.complete:
                yield Difference(ingress, recording.name, "form", (kind, answer.complete), (wanted, True))
            last = INGRESSES[ingress].last.encode()
            if recording.streamed and not recording.fails() and last not in answer.body[-200:]:
                yield Difference(ingress, recording.name, "form", answer.body[-200:], last)
            lost = [answer.header(f"x-waybill-{what}") for what in ("dropped", "changed")]
            if any(lost):  # the least that can be asked has a place everywhere
                yield Difference(ingress, recording.name, "losses", lost, "nothing lost")
            try:
                got = READERS[ingress](answer.body)
            except (AssertionError, ValueError, KeyError, TypeError, AttributeError) as error:
                yield Difference(ingress, recording.name, "form", (repr(error), answer.body[:2000]), "parses")
                return
        yield from compare(got, recording.facts, ingress, recording)
        if answer.status == 200 and not recording.fails():
            yield from self.money(server, generation_id(answer), ingress, recording, got)
        if ingress == "openai_chat" and recording.expected is not None and not recording.fails():
            yield from compare_expected(got, recording)

    @staticmethod
    def money(server: Daemon, name: str, ingress: str, recording: Recording, got: Facts) -> Iterator[Difference]:
        """The cost told is the cost kept, and that of the counts; the counts kept are those told."""
        kept = server.generation(name)
        if kept["total_cost"] != got.cost:
            yield Difference(ingress, recording.name, "cost", got.cost, kept["total_cost"])
        counts = got.usage or dict.fromkeys(dialect_facts.COUNTS, 0)
        in_ledger = {
            "prompt": kept["tokens_prompt"],
            "completion": kept["tokens_completion"],
            "cached": kept["native_tokens_cached"],
            "reasoning": kept["native_tokens_reasoning"],
        }
        if counts != in_ledger:
            yield Difference(ingress, recording.name, "ledger", counts, in_ledger)
        shaped = {
            "prompt_tokens": counts["prompt"],
            "completion_tokens": counts["completion"],
            "prompt_tokens_details": {"cached_tokens": counts["cached"]},
        }
        if kept["total_cost"] != cost_of(shaped, PRICE):
            yield Difference(ingress, recording.name, "price", kept["total_cost"], cost_of(shaped, PRICE))

    # ------------------------------------------------------------ judging

    def judge(self, differences: list[Difference], matrix: Matrix) -> None:
        for each in differences:
            lines = each.lines()
            matrix.hits.update(lines)
            if not lines:
                with self.subTest(each.recording, ingress=each.ingress, fact=each.fact):
                    self.fail(f"\n   got {_shown(each.got)}\nwanted {_shown(each.wanted)}")
        self.tell(matrix)
        for name in set(matrix.missing_upstreams) & EXPECTED_UPSTREAMS:
            self.fail(f"providers' dialect {name} is not known")
        for name in set(matrix.missing_ingresses) & EXPECTED_INGRESSES:
            self.fail(f"clients' dialect {name} is not served")
        for line in KNOWN:
            if not matrix.hits[line] and matrix.could_hit(line):
                with self.subTest("a line of KNOWN that nothing needs"):
                    self.fail(str(line))
        self.check_document(matrix)

    @staticmethod
    def tell(matrix: Matrix) -> None:
        asked = sum(matrix.asked.values())
        explained, wrong = sum(matrix.explained.values()), sum(matrix.wrong.values())
        print(f"{len(matrix.names)} recordings, {asked} comparisons: {explained} explained, {wrong} wrong")
        for what, names in (("providers'", matrix.missing_upstreams), ("clients'", matrix.missing_ingresses)):
            if names:
                print(f"{len(names)} {what} dialects are not there yet: {', '.join(names)}")
        sys.stdout.flush()

    def check_document(self, matrix: Matrix) -> None:
        """docs/dialects.md shows what was found; WAYBILL_UPDATE_DOCS=1 writes it there."""
        text = DOCUMENT.read_text()
        before, rest = text.split(BEGIN)
        shown, after = rest.split(END)
        if os.environ.get("WAYBILL_UPDATE_DOCS"):
            DOCUMENT.write_text(before + BEGIN + matrix.table() + END + after)
            return
        if matrix.is_whole():
            self.assertEqual(shown, matrix.table(), "docs/dialects.md: run this test with WAYBILL_UPDATE_DOCS=1")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 700 else text[:350] + " … " + text[-350:]


if __name__ == "__main__":
    main()
