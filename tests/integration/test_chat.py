"""Chat completions: the shapes clients rely on, and the bill they are told."""

from __future__ import annotations

import re
import socket
import threading
from decimal import Decimal
from typing import Any

from waybill_harness import (
    Answer,
    HarnessTestCase,
    HttpConnection,
    Response,
    Simulator,
    canned,
    chat_request,
    comments,
    connections_of,
    cost_of,
    generation_id,
    json,
    main,
    request_bytes,
    settings_for,
    simulator_settings,
)

GENERATION_ID = re.compile(r"^gen-\d{10}-[0-9a-z]{20}$")
DETAILED_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 321,
    "total_tokens": 1521,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 100},
}
LEGACY = {"id": "cmpl-1", "object": "text_completion", "created": 1729072359, "model": "facebook/opt-125m"}


class Shapes(HarnessTestCase):
    """Against the simulator, as a person would try it."""

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.own(Simulator())
        self.server = self.daemon(
            simulator_settings(
                self.simulator,
                {
                    "story": "storyteller?tokens=12&rate=1000",
                    "silent": "storyteller?tokens=5&usage=never&rate=1000",
                    "slow": "storyteller?tokens=3&ttft=300ms&rate=1000",
                    "cached": "storyteller?tokens=5&cached=2&reasoning=3&rate=1000",
                },
                defaults={"keep_alive_comment": "100ms", "commit_after": "100ms"},
            )
        )

    def assert_common(self, answer: Response, told: dict[str, Any]) -> None:
        self.assertRegex(told["id"], GENERATION_ID)
        self.assertEqual(told["id"], generation_id(answer))
        self.assertEqual(told["provider"], "sim")
        self.assertEqual(told["model"], "sim/story")
        self.assertEqual(answer.header("x-provider-name"), "sim")
        self.assertIsNotNone(answer.header("server-timing"))
        self.assertRegex(answer.header("x-waybill-overhead-us") or "", r"^\d+$")

    def assert_billed(self, answer: Response, usage: dict[str, Any]) -> dict[str, Any]:
        """What the client was told, what the ledger holds and what the prices give are one figure."""
        record = self.server.generation(generation_id(answer))
        self.assertEqual(Decimal(usage["cost"]), cost_of(usage))
        self.assertEqual(Decimal(record["total_cost"]), cost_of(usage))
        self.assertEqual(record["native_tokens_prompt"], usage["prompt_tokens"])
        self.assertEqual(record["native_tokens_completion"], usage["completion_tokens"])
        return record

    def test_a_reply_has_the_members_that_sdks_require(self) -> None:
        answer = self.server.chat("sim/story")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.header("content-type"), "application/json")
        told = answer.json()
        self.assert_common(answer, told)
        self.assertEqual(told["object"], "chat.completion")
        self.assertIn("system_fingerprint", told, "present even if null")
        self.assertIs(type(told["created"]), int)
        self.assertTrue(told["choices"][0]["message"]["content"])
        record = self.assert_billed(answer, told["usage"])
        self.assertFalse(record["streamed"])
        self.assertFalse(record["cancelled"])
        self.assertEqual(record["provider_name"], "sim")
        self.assertEqual(record["model"], "sim/story")

    def test_a_stream_tells_usage_once_in_the_last_chunk_beside_an_empty_choice(self) -> None:
        answer = self.server.chat("sim/story", stream=True)
        chunks = self.assert_clean_stream(answer)
        self.assertTrue((answer.header("content-type") or "").startswith("text/event-stream"))
        self.assertEqual(answer.header("cache-control"), "no-cache")
        for told in chunks:
            self.assert_common(answer, told)
            self.assertEqual(told["object"], "chat.completion.chunk")
            self.assertTrue(told["choices"], "never an empty choices: some SDKs crash on it")
            self.assertNotIn(None, [told.get("system_fingerprint", "absent")], "never null in a chunk")
        self.assertEqual([chunk for chunk in chunks if chunk.get("usage")], [chunks[-1]])
        self.assertFalse(chunks[-1]["choices"][0]["delta"].get("content"))
        self.assertTrue(answer.text())
        record = self.assert_billed(answer, chunks[-1]["usage"])
        self.assertTrue(record["streamed"])
        self.assertEqual(record["finish_reason"], "stop")

    def test_usage_is_asked_for_and_given_even_if_the_client_declined_it(self) -> None:
        for options in ({}, {"include_usage": False}, {"include_usage": True}):
            with self.subTest(options):
                chunks = self.assert_clean_stream(self.server.chat("sim/story", stream=True, stream_options=options))
                self.assertEqual(sum("usage" in c and c["usage"] is not None for c in chunks), 1)

    def test_the_head_of_a_slow_stream_waits_for_content_or_the_bound_and_comments_keep_it_alive(self) -> None:
        answer = self.server.chat("sim/slow", stream=True)
        self.assert_clean_stream(answer)
        self.assertTrue(comments(answer.body), "no keep-alive comment within 300 ms of waiting")

    def test_b7_an_answer_without_usage_is_estimated_and_marked(self) -> None:
        for stream in (False, True):
            with self.subTest(stream=stream):
                answer = self.server.chat("sim/silent", stream=stream)
                self.assertEqual(answer.status, 200, answer.body)
                usage = answer.chunks()[-1]["usage"] if stream else answer.json()["usage"]
                self.assertGreater(usage["completion_tokens"], 0)
                self.assertGreater(usage["prompt_tokens"], 0)
                record = self.assert_billed(answer, usage)
                self.assertIn("estimate", str(record).lower())

    def test_cached_and_reasoning_tokens_are_priced_as_the_settings_say(self) -> None:
        answer = self.server.chat("sim/cached")
        usage = answer.json()["usage"]
        self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], 2)
        self.assertEqual(usage["completion_tokens_details"]["reasoning_tokens"], 3)
        record = self.assert_billed(answer, usage)
        self.assertEqual(record["native_tokens_cached"], 2)
        self.assertEqual(record["native_tokens_reasoning"], 3)

    def test_the_ledger_verifies_and_reports_what_was_told(self) -> None:
        told = [self.server.chat("sim/story").json()["usage"]["cost"] for _ in range(5)]
        self.server.verify_ledger()
        report = self.server.command("ledger", "report", "--by", "model", "--json")
        self.assertEqual(report.returncode, 0, report.stderr)
        self.assertIn("sim/story", report.stdout)
        self.assertIn(format(sum(map(Decimal, told)).normalize(), "f"), report.stdout)

    def test_models_can_be_listed_and_retrieved(self) -> None:
        listed = self.server.request("GET", "/v1/models")
        self.assertEqual(listed.status, 200)
        self.assertEqual(
            {model["id"] for model in listed.json()["data"]}, {"sim/story", "sim/silent", "sim/slow", "sim/cached"}
        )
        for path in ("/v1/models/sim/story", "/v1/models/sim%2Fstory"):
            one = self.server.request("GET", path)
            self.assertEqual(one.status, 200, one.body)
            self.assertIn("sim/story", str(one.json()))
        self.assert_error(self.server.request("GET", "/v1/models/no/such"), 404, "model_not_found")

    def test_an_unknown_model_is_a_404_that_says_so(self) -> None:
        error = self.assert_error(self.server.chat("no/such-model"), 404, "model_not_found")
        self.assertIn("no/such-model", error["message"])

    def test_the_key_tells_about_itself(self) -> None:
        answer = self.server.request("GET", "/v1/key")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.json()["data"]["label"].startswith(self.server.key[:12]))
        self.assertNotIn(self.server.key, answer.body.decode())

    def test_an_unknown_generation_is_a_404_and_anothers_too(self) -> None:
        self.assert_error(self.server.request("GET", "/v1/generation?id=gen-1700000000-00000000000000000000"), 404)
        mine = generation_id(self.server.chat("sim/story"))
        other = self.server.create_key("other")["key"]
        self.assert_error(self.server.request("GET", f"/v1/generation?id={mine}", key=other), 404)

    def test_pipelined_and_repeated_requests_on_one_connection_are_answered_in_order(self) -> None:
        bodies = [
            json.dumps(
                {"model": "sim/story", "messages": [{"role": "user", "content": f"{i}"}], "stream": i % 2 == 1}
            ).encode()
            for i in range(6)
        ]
        headers = [("Authorization", f"Bearer {self.server.key}"), ("Content-Type", "application/json")]
        with self.server.connect() as connection:
            connection.send(
                b"".join(request_bytes("POST", "/v1/chat/completions", headers=headers, body=b) for b in bodies)
            )
            for i in range(6):
                answer = connection.read_response()
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual((answer.header("content-type") or "").startswith("text/event-stream"), i % 2 == 1)


class Upstreams(HarnessTestCase):
    """Against scripted bytes."""

    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def test_usage_details_of_the_upstream_reach_client_and_ledger(self) -> None:
        for stream in (False, True):
            with self.subTest(stream=stream):
                self.provider.script(
                    canned.stream(usage=DETAILED_USAGE) if stream else canned.plain(usage=DETAILED_USAGE)
                )
                answer = self.server.chat(stream=stream)
                usage = (answer.chunks()[-1] if stream else answer.json())["usage"]
                self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], 1024)
                self.assertEqual(Decimal(usage["cost"]), cost_of(DETAILED_USAGE))
                self.assertEqual(
                    Decimal(self.server.generation(generation_id(answer))["total_cost"]), cost_of(DETAILED_USAGE)
                )
                details = usage["cost_details"]
                self.assertEqual(
                    details["upstream_inference_prompt_cost"] + details["upstream_inference_completions_cost"],
                    usage["cost"],
                )

    def test_usage_may_stand_on_the_finish_chunk_on_every_chunk_or_beside_no_choices(self) -> None:
        usage = canned.USAGE
        running = {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12}
        forms = {
            "finish chunk": canned.event(canned.delta("Hi")) + canned.event(canned.delta(finish="stop", usage=usage)),
            "every chunk": canned.event(canned.delta("Hi", usage=running))
            + canned.event(canned.delta(finish="stop", usage=usage)),
            "own chunk": canned.event(canned.delta("Hi"))
            + canned.event(canned.delta(finish="stop"))
            + canned.event(canned.usage_chunk()),
        }
        for name, body in forms.items():
            with self.subTest(name):
                self.provider.script(canned.stream_head() + canned.chunk(body + canned.DONE) + canned.LAST_CHUNK)
                answer = self.server.chat(stream=True)
                chunks = self.assert_clean_stream(answer)
                told = [chunk for chunk in chunks if chunk.get("usage")]
                self.assertEqual(told, [chunks[-1]])
                self.assertEqual(told[0]["usage"]["completion_tokens"], 7)
                self.assertTrue(told[0]["choices"])
                self.assertEqual(answer.text(), "Hi")

    def test_the_first_event_leaves_before_the_upstream_sends_the_second(self) -> None:
        gate = threading.Event()
        first = canned.chunk(canned.event(canned.delta("one")))
        self.provider.script(
            Answer((canned.stream_head() + first, gate, canned.chunk(canned.events(("two",))) + canned.LAST_CHUNK))
        )
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key, stream=True))
            head = connection.read_head()
            pieces = connection.body_pieces(head)
            seen = b""
            while b"one" not in seen:
                seen += next(pieces)
            gate.set()
            seen += b"".join(pieces)
        self.assertTrue(head.complete)
        self.assertIn(b"two", seen)

    def test_the_head_and_the_first_event_leave_together(self) -> None:
        self.provider.script(canned.stream())
        with self.server.connect() as connection:
            for _ in range(20):
                connection.send(chat_request(self.server.key, stream=True))
                first = connection.socket.recv(65536, socket.MSG_PEEK)
                self.assertIn(b"\r\n\r\n", first)
                self.assertIn(b"data: {", first)
                self.assert_clean_stream(connection.read_response())

    def test_no_connection_waits_to_fill_its_segments(self) -> None:
        gate = threading.Event()
        self.provider.script(Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta("one"))), gate)))
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key, stream=True))
            connection.read_head()
            try:
                found = connections_of(self.server.pid)
            except PermissionError as reason:
                self.skipTest(str(reason))
            self.assertGreaterEqual(len(found), 2, "the client's and the provider's")
            for end in found:
                with self.subTest(end), end:
                    self.assertTrue(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def test_comments_keep_a_stream_alive_that_pauses_after_content(self) -> None:
        server = self.daemon(settings_for(self.provider, defaults={"keep_alive_comment": "100ms"}))
        gate = threading.Event()
        first = canned.chunk(canned.event(canned.delta("one")))
        self.provider.script(
            Answer((canned.stream_head() + first, gate, canned.chunk(canned.events(("two",))) + canned.LAST_CHUNK))
        )
        with server.connect() as connection:
            connection.send(chat_request(server.key, stream=True))
            answer = connection.read_head()
            pieces = connection.body_pieces(answer)
            while b"one" not in answer.body:
                answer.body += next(pieces)
            while not comments(answer.body.split(b"one", 1)[1]):
                answer.body += next(pieces)
            gate.set()
            answer.body += b"".join(pieces)
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "onetwo")

    def test_a_fingerprint_is_kept_and_a_null_one_is_dropped_from_chunks(self) -> None:
        body = (
            canned.event(canned.delta("a", system_fingerprint=None))
            + canned.event(canned.delta("b", system_fingerprint="fp_1"))
            + canned.event(canned.delta(finish="stop", system_fingerprint="fp_1"))
            + canned.DONE
        )
        self.provider.script(canned.stream_head() + canned.chunk(body) + canned.LAST_CHUNK)
        chunks = self.assert_clean_stream(self.server.chat(stream=True))
        self.assertNotIn("system_fingerprint", chunks[0])
        self.assertEqual(chunks[1]["system_fingerprint"], "fp_1")
        self.provider.script(canned.plain(system_fingerprint="fp_2"))
        self.assertEqual(self.server.chat().json()["system_fingerprint"], "fp_2")

    def test_the_provider_key_is_sent_and_the_clients_is_not(self) -> None:
        self.server.chat()
        sent = self.provider.wait_for_requests(1)[0]
        self.assertTrue((sent.header("authorization") or "").startswith("Bearer sk-canary-"))
        self.assertNotIn(self.server.key.encode(), sent.head + sent.body)
        self.assertEqual(sent.target, "/v1/chat/completions")
        self.assertEqual(sent.json()["model"], "upstream-model")

    def test_usage_only_when_asked_by_setting(self) -> None:
        server = self.daemon(settings_for(self.provider, defaults={"usage": "asked"}))
        self.provider.script(canned.stream())
        chunks = self.assert_clean_stream(server.chat(stream=True))
        self.assertFalse([chunk for chunk in chunks if chunk.get("usage")])
        chunks = self.assert_clean_stream(server.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(len([chunk for chunk in chunks if chunk.get("usage")]), 1)

    def test_legacy_completions_pass_through(self) -> None:
        body = b'{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"hi","index":0,"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
        self.provider.script(canned.http_response(200, body))
        answer = self.server.request("POST", "/v1/completions", body={"model": "demo/model", "prompt": "say"})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["choices"][0]["text"], "hi")
        self.assertEqual(self.provider.wait_for_requests(1)[0].target, "/v1/completions")
        self.assertEqual(Decimal(answer.json()["usage"]["cost"]), cost_of(answer.json()["usage"]))

    def test_a_stream_of_legacy_completions_passes_through_and_is_billed(self) -> None:
        def part(text: str, finish: str | None = None) -> dict[str, Any]:  # as vLLM writes them
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": None}
            return {**LEGACY, "choices": [choice], "usage": None}

        parts = [part("."), part('\n"Human'), part(' network."', "length")]
        usage = {**LEGACY, "choices": [], "usage": canned.USAGE}
        body = b"".join(map(canned.event, [*parts, usage])) + canned.DONE
        self.provider.script(canned.stream_head() + canned.chunk(body) + canned.LAST_CHUNK)
        request = {"model": "demo/model", "prompt": "say", "stream": True}
        answer = self.server.request("POST", "/v1/completions", body=request)
        chunks = self.assert_clean_stream(answer)
        sent = self.provider.wait_for_requests(1)[0]
        self.assertEqual((sent.target, sent.json()["prompt"]), ("/v1/completions", "say"))
        self.assertEqual({chunk["object"] for chunk in chunks}, {"text_completion"})
        self.assertEqual("".join(chunk["choices"][0].get("text") or "" for chunk in chunks), '.\n"Human network."')
        self.assertEqual([chunk for chunk in chunks if chunk.get("usage")], [chunks[-1]])
        self.assertEqual(Decimal(chunks[-1]["usage"]["cost"]), cost_of(canned.USAGE))
        record = self.server.generation(generation_id(answer))
        self.assertEqual(Decimal(record["total_cost"]), cost_of(canned.USAGE))
        self.assertEqual(record["finish_reason"], "length")

    def test_an_ipv6_listener_answers_and_is_announced_in_brackets(self) -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("no IPv6 loopback here")
        listen = [{"address": address, "port": 0} for address in ("127.0.0.1", "::1")]
        server = self.daemon(settings_for(self.provider, listen=listen))
        self.assertRegex(server.urls[1], r"^http://\[::1\]:\d+$")
        with HttpConnection(int(server.urls[1].rsplit(":", 1)[1]), host="::1") as connection:
            connection.send(chat_request(server.key))
            self.assertEqual(connection.read_response().text(), "Hello there")


if __name__ == "__main__":
    main()
