"""Fallback: what fails before content is invisible, what fails after it is said."""

from __future__ import annotations

import socket
import time
from typing import Any

from waybill_harness import Answer, Daemon, End, HarnessTestCase, canned, generation_id, main, settings_for, wait_until

FIRST_EVENT = canned.chunk(canned.event(canned.delta("first words")))
ROLE_ONLY = canned.chunk(canned.event(canned.delta("", delta={"role": "assistant"})))
SHORT = {"timeouts": {"connect": "1s", "first_token": "400ms", "between_events": "400ms", "total": "20s"}}

# What the first endpoint does -> whether it can be seen before any content.
BEFORE_CONTENT: dict[str, Any] = {
    "503": canned.error(503),
    "500": canned.error(500),
    "502 html": canned.http_response(502, b"<html>bad gateway</html>", content_type="text/html"),
    "529": canned.error(529),
    "429": canned.error(429, headers=[("Retry-After", "1")]),
    "408": canned.error(408),
    "409": canned.error(409),
    "401: our key there is bad": canned.error(401),
    "402": canned.error(402),
    "403": canned.error(403),
    "404": canned.error(404),
    "reset at once": Answer((), End.RESET),
    "closed at once": Answer((), End.CLOSE),
    "empty 200": canned.http_response(200, b""),
    "html 200": canned.http_response(200, b"<html>hello</html>", content_type="text/html"),
    "error in a 200": canned.http_response(200, b'{"error":{"message":"overloaded","code":503}}'),
    "200 without choices": canned.http_response(200, b'{"id":"x","object":"chat.completion"}'),
    "not HTTP": Answer((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), End.CLOSE),
    "silent": Answer((), End.HOLD),
    "redirect": canned.http_response(307, b"", headers=[("Location", "http://127.0.0.1:9/")]),
}
BEFORE_CONTENT_STREAMED: dict[str, Any] = {
    "head, then reset": Answer((canned.stream_head(),), End.RESET),
    "head, then closed": Answer((canned.stream_head(),), End.CLOSE),
    "head, then clean end": Answer((canned.stream_head() + canned.LAST_CHUNK,)),
    "role only, then reset": Answer((canned.stream_head() + ROLE_ONLY,), End.RESET),
    "role only, then silence": Answer((canned.stream_head() + ROLE_ONLY,), End.HOLD),
    "comments for ever": Answer((canned.stream_head(), *[canned.chunk(b": ping\n\n")] * 50), End.HOLD),
    "error as first event": Answer(
        (
            canned.stream_head()
            + canned.chunk(canned.event({"error": {"message": "overloaded", "code": 503}}))
            + canned.LAST_CHUNK,
        )
    ),
    "only [DONE]": Answer((canned.stream_head() + canned.chunk(canned.DONE) + canned.LAST_CHUNK,)),
    "broken JSON first": Answer((canned.stream_head() + canned.chunk(b'data: {"choices":[{\n\n') + canned.LAST_CHUNK,)),
    "JSON instead of a stream, an error": canned.http_response(200, b'{"error":{"message":"no"}}'),
}
AFTER_CONTENT: dict[str, Answer] = {
    "reset": Answer((canned.stream_head() + FIRST_EVENT,), End.RESET),
    "closed inside the body": Answer((canned.stream_head() + FIRST_EVENT,), End.CLOSE),
    "closed inside a chunk": Answer((canned.stream_head() + FIRST_EVENT + b"40\r\ndata: {",), End.CLOSE),
    "stalled": Answer((canned.stream_head() + FIRST_EVENT,), End.HOLD),
    "clean end without finish_reason": Answer((canned.stream_head() + FIRST_EVENT + canned.LAST_CHUNK,)),
    "error event": Answer(
        (
            canned.stream_head()
            + FIRST_EVENT
            + canned.chunk(canned.event({"error": {"message": "overloaded", "code": "server_error"}}))
            + canned.LAST_CHUNK,
        )
    ),
    "named error event": Answer(
        (
            canned.stream_head()
            + FIRST_EVENT
            + canned.chunk(b'event: error\ndata: {"error":{"message":"overloaded"}}\n\n')
            + canned.LAST_CHUNK,
        )
    ),
    "broken JSON": Answer(
        (canned.stream_head() + FIRST_EVENT + canned.chunk(b'data: {"choices": nonsense\n\n'),), End.HOLD
    ),
    "bad chunk size": Answer((canned.stream_head() + FIRST_EVENT + b"xyz\r\n",), End.HOLD),
}


class Fallback(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.upstream(canned.error(503))
        self.second = self.upstream(canned.plain("from the second"))

    def fresh(self, **members: Any) -> Daemon:
        """A daemon with nothing remembered: cool-downs of one case must not colour the next."""
        return self.daemon(settings_for(self.first, self.second, defaults=SHORT, **members))

    def assert_second_answered(self, server: Daemon, streamed: bool) -> None:
        answer = server.chat(stream=streamed)
        self.assertEqual(answer.status, 200, answer.body[:500])
        self.assertEqual(answer.text(), "from the second" if not streamed else "Hello there")
        self.assertEqual(answer.header("x-provider-name"), "p1")
        if streamed:
            chunks = self.assert_clean_stream(answer)
            self.assertEqual({chunk["provider"] for chunk in chunks}, {"p1"})
        self.assertNotIn(b"overloaded", answer.body)
        self.first.wait_for_requests(1)
        record = server.generation(generation_id(answer))
        self.assertEqual(record["provider_name"], "p1")
        attempts = record["provider_responses"]
        self.assertEqual([attempt["provider_name"] for attempt in attempts][-2:], ["p0", "p1"], attempts)
        self.assertEqual(attempts[-1]["status"], 200)

    def test_what_fails_before_content_moves_on_unseen(self) -> None:
        for name, step in BEFORE_CONTENT.items():
            for streamed in (False, True):
                if name == "silent" and not streamed:
                    continue  # a whole answer has no bound but the total deadline (ruling 11)
                with (
                    self.subTest(name, streamed=streamed),
                    Daemon(settings_for(self.first, self.second, defaults=SHORT)) as server,
                ):
                    self.first.script(step)
                    self.second.script(canned.stream() if streamed else canned.plain("from the second"))
                    self.assert_second_answered(server, streamed)

    def test_a_stream_that_fails_before_content_moves_on_unseen(self) -> None:
        for name, step in BEFORE_CONTENT_STREAMED.items():
            with self.subTest(name), Daemon(settings_for(self.first, self.second, defaults=SHORT)) as server:
                self.first.script(step)
                self.second.script(canned.stream())
                self.assert_second_answered(server, True)

    def test_a_refused_connection_moves_on(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
            server = self.daemon(settings_for(closed, self.second, defaults=SHORT))
            answer = server.chat()
        self.assertEqual(answer.text(), "from the second")

    def test_what_fails_after_content_is_one_error_chunk_then_done(self) -> None:
        for name, step in AFTER_CONTENT.items():
            with self.subTest(name), Daemon(settings_for(self.first, self.second, defaults=SHORT)) as server:
                self.first.script(step)
                answer = server.chat(stream=True)
                self.assert_failed_stream(answer)
                self.assertIn("first words", answer.text())
                record = server.generation(generation_id(answer))
                self.assertEqual(record["provider_name"], "p0")
                self.assertGreater(record["native_tokens_completion"], 0, "what was delivered is metered")
                self.assertEqual(len(self.second.requests), 0, "no second answer after content")

    def test_a_plain_body_cut_short_is_never_delivered_as_complete(self) -> None:
        whole = canned.plain("from the first")
        for cut in (len(whole) - 1, len(whole) - 30, whole.index(b"\r\n\r\n") + 4):
            with self.subTest(cut=cut), Daemon(settings_for(self.first, self.second, defaults=SHORT)) as server:
                self.first.script(Answer((whole[:cut],), End.CLOSE))
                self.second.script(canned.plain("from the second"))
                self.assertEqual(server.chat().text(), "from the second")

    def test_the_last_failure_is_told_with_the_attempts_before(self) -> None:
        server = self.fresh()
        self.first.script(canned.error(500, "boom one"))
        self.second.script(canned.error(503, "boom two"))
        answer = server.chat()
        self.assertIn(answer.status, (502, 503))
        error = self.assert_error(answer, answer.status)
        self.assertIn("p0", str(error["metadata"]))
        self.assertIn("p1", str(error["metadata"]))

    def test_every_attempt_of_a_failure_is_in_the_ledger_once(self) -> None:
        server = self.daemon(settings_for(self.first, "http://127.0.0.1:1/v1", defaults=SHORT))
        self.first.script(canned.error(503))
        answer = server.chat()
        self.assert_error(answer, 502)
        record = server.generation(generation_id(answer))
        attempts = [attempt["provider_name"] for attempt in record["provider_responses"]]
        self.assertEqual(sorted(attempts), ["p0", "p1"], record["provider_responses"])

    def test_the_total_of_a_provider_bounds_its_attempt(self) -> None:
        slow = self.upstream(Answer((), End.HOLD))
        settings = settings_for(slow, self.second)
        settings["providers"]["p0"]["timeouts"] = {"total": "300ms"}
        answer = self.daemon(settings).chat()
        self.assertEqual(answer.header("x-provider-name"), "p1")
        self.assertTrue(slow.wait_for_requests(1)[0].gone.wait(5))

    def test_a_cool_down_holds_for_every_worker(self) -> None:
        self.first.script(canned.error(429, headers=[("Retry-After", "30")]))
        self.second.script(canned.plain("second"))
        server = self.daemon(settings_for(self.first, self.second, workers=4))
        for _ in range(24):  # each on its own connection: the kernel spreads them over the workers
            self.assertEqual(server.chat().text(), "second")
        self.assertEqual(len(self.first.requests), 1)

    def test_an_endpoint_that_lacks_what_a_request_needs_is_passed_over(self) -> None:
        audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        needs: dict[str, dict[str, Any]] = {
            "audio": {"messages": [{"role": "user", "content": [audio]}]},
            "structured_outputs": {"response_format": schema},
            "reasoning": {"reasoning": {"effort": "high"}},
            "prefill": {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        }
        for name, members in needs.items():
            with self.subTest(name):
                self.first.script(canned.plain("first"))
                self.second.script(canned.plain("second"))
                settings = settings_for(self.first, self.second)
                endpoints = settings["models"]["demo/model"]["endpoints"]
                endpoints[0]["capabilities"] = {name: False}
                server = self.daemon(settings)
                self.assertEqual(server.chat(**members).text(), "second")
                self.assertEqual(server.chat().text(), "first", "what needs nothing of the kind is not concerned")
                del endpoints[1]
                server = self.daemon(settings)
                self.assertEqual(self.assert_error(server.chat(**members), 404)["type"], f"{name}_unsupported")

    def test_all_429_is_a_429_with_retry_after(self) -> None:
        server = self.fresh()
        self.first.script(canned.error(429, headers=[("Retry-After", "30")]))
        self.second.script(canned.error(429, headers=[("Retry-After", "45")]))
        answer = server.chat()
        self.assert_error(answer, 429)
        self.assertLessEqual(int(answer.header("retry-after") or "999"), 60)

    def test_u13_an_upstreams_401_is_never_shown_as_the_clients(self) -> None:
        server = self.fresh()
        for status in (401, 402, 403, 404):
            self.first.script(canned.error(status, "secret detail"))
            self.second.script(canned.error(status, "secret detail"))
            answer = server.chat()
            self.assert_error(answer, 502)
            self.assertIn(str(status), answer.body.decode())

    def test_a_400_is_the_clients_and_final(self) -> None:
        server = self.fresh()
        self.first.script(canned.error(400, "temperature too hot"))
        answer = server.chat()
        self.assert_error(answer, 400)
        self.assertIn("temperature too hot", answer.body.decode())
        self.assertEqual(len(self.second.requests), 0)

    def test_retry_after_cools_the_endpoint_down(self) -> None:
        server = self.daemon(settings_for(self.first, self.second, defaults=SHORT, workers=1))
        self.first.script(canned.error(429, headers=[("Retry-After", "30")]))
        for _ in range(4):
            self.assertEqual(server.chat().status, 200)
        self.assertEqual(len(self.first.requests), 1, "asked again although it had said when to come back")

    def test_retry_after_is_waited_for_when_nobody_else_is_left(self) -> None:
        self.first.script(canned.error(429, headers=[("Retry-After", "1")]), canned.plain("after a wait"))
        server = self.daemon(settings_for(self.first, defaults={"timeouts": {"total": "20s"}}))
        began = time.monotonic()
        answer = server.chat()
        if answer.status == 200:  # waited, as ruling 17 allows
            self.assertGreaterEqual(time.monotonic() - began, 0.9)
            self.assertEqual(answer.text(), "after a wait")
        else:
            self.assert_error(answer, 429)
            self.assertIsNotNone(answer.header("retry-after"))

    def test_the_commit_bound_sends_the_head_and_still_falls_back(self) -> None:
        settings = {**SHORT, "commit_after": "100ms", "keep_alive_comment": "100ms"}
        server = self.daemon(settings_for(self.first, self.second, defaults=settings))
        self.first.script(Answer((canned.stream_head(),), End.HOLD))
        self.second.script(canned.stream())
        answer = server.chat(stream=True)
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "Hello there")
        self.assertIn(b":", answer.body.split(b"data:")[0], "comments before the first content")

    def test_models_is_a_fallback_chain(self) -> None:
        settings = settings_for(self.first, model="demo/one")
        other = settings_for(self.second, model="demo/two")
        settings["providers"]["p1"] = {**other["providers"]["p0"]}
        settings["models"]["demo/two"] = other["models"]["demo/two"]
        settings["models"]["demo/two"]["endpoints"][0]["provider"] = "p1"
        server = self.daemon(settings)
        self.first.script(canned.error(503))
        self.second.script(canned.plain("from the second"))
        answer = server.chat("demo/one", models=["demo/two"])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["model"], "demo/two")
        for sent in self.second.requests:
            self.assertNotIn("models", sent.json())

    def test_metrics_count_the_attempts(self) -> None:
        server = self.fresh()
        self.second.script(canned.plain())
        server.chat()
        wait_until(lambda: "p1" in server.metrics(), "the provider in the metrics")


if __name__ == "__main__":
    main()
