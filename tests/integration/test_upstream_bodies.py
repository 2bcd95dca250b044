"""Responses of upstreams, well-formed and not: attack rows E16 to E18, E22 to E31."""

from __future__ import annotations

import gzip
import threading
from decimal import Decimal
from pathlib import Path

from waybill_harness import (
    Answer,
    End,
    HarnessTestCase,
    canned,
    chat_request,
    cost_of,
    generation_id,
    main,
    settings_for,
)

GOOD = canned.body("fine")


def head(*lines: str) -> bytes:
    return ("\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/json", *lines)) + "\r\n\r\n").encode()


class Bodies(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon(
            settings_for(
                self.provider,
                workers=1,
                defaults={
                    "timeouts": {"connect": "1s", "first_token": "700ms", "between_events": "700ms", "total": "20s"}
                },
                limits={"response_bytes": 1 << 20},
            )
        )

    def refused(self, raw: bytes, end: End = End.CLOSE, *, stream: bool = False) -> None:
        """502 or 504, and the connection is never used again."""
        self.provider.script(Answer((raw,), end))
        answer = self.server.chat(stream=stream)
        self.assertIn(answer.status, (502, 503, 504), answer.body[:300])
        self.assert_error(answer, answer.status)
        record = self.server.generation(generation_id(answer))
        self.assertEqual(record["total_cost"], 0)
        self.delivered(canned.plain("after"), "after")

    def delivered(self, raw: bytes, text: str = "fine", end: End = End.KEEP) -> None:
        self.provider.script(Answer((raw,), end))
        answer = self.server.chat()
        self.assertEqual(answer.status, 200, answer.body[:300])
        self.assertEqual(answer.text(), text)

    def test_e16_a_200_without_an_answer_is_an_upstream_error(self) -> None:
        for body in (
            b"",
            b"{}",
            b"null",
            b"[]",
            b'"text"',
            b'{"error":{"message":"no"}}',
            b"<html></html>",
            b'{"choices":[]}',
        ):
            for stream in (False, True):
                with self.subTest(body, stream=stream):
                    self.refused(canned.http_response(200, body), stream=stream)

    def no_answer(self, raw: bytes, *, stream: bool) -> None:
        self.provider.script(raw)
        answer = self.server.chat(stream=stream)
        self.assert_error(answer, 502, "upstream_invalid_response")
        self.assertEqual(self.server.generation(generation_id(answer))["total_cost"], 0)

    def test_e17_the_other_kind_of_answer_is_converted_or_refused_never_hung_on(self) -> None:
        self.no_answer(canned.plain("whole"), stream=True)
        self.no_answer(canned.stream(), stream=False)

    def test_e18_a_missing_content_type_is_sniffed(self) -> None:
        self.delivered(canned.http_response(200, GOOD, content_type=""))
        self.delivered(canned.http_response(200, GOOD, content_type="text/plain; charset=utf-8"))
        rest = canned.chunk(canned.events()) + canned.LAST_CHUNK
        for named in (b"", b"Content-Type: text/plain\r\n", b"Content-Type: application/octet-stream\r\n"):
            with self.subTest(named):
                self.provider.script(b"HTTP/1.1 200 OK\r\n" + named + b"Transfer-Encoding: chunked\r\n\r\n" + rest)
                answer = self.server.chat(stream=True)
                self.assert_clean_stream(answer)
                self.assertEqual(answer.text(), "Hello there")

    def test_e18_a_content_type_that_names_the_other_kind_is_believed(self) -> None:
        events = canned.chunk(canned.events()) + canned.LAST_CHUNK
        self.no_answer(canned.stream_head(content_type="application/json") + events, stream=True)
        for stream in (False, True):
            self.no_answer(canned.http_response(200, GOOD, content_type="text/event-stream"), stream=stream)

    def test_e22_bodies_that_were_cut_are_never_complete(self) -> None:
        chunked = head("Transfer-Encoding: chunked")
        for raw in (
            chunked + b"%x\r\n%s\r\n" % (len(GOOD), GOOD),
            chunked + b"%x\r\n%s" % (len(GOOD), GOOD[:-5]),
            chunked + canned.chunk(GOOD) + b"0\r\n",
            chunked + b"5",
            chunked,
            head(f"Content-Length: {len(GOOD) + 1}") + GOOD,
        ):
            with self.subTest(raw[-40:]):
                self.refused(raw)

    def test_e23_a_short_body_times_out_and_a_long_one_costs_the_connection(self) -> None:
        self.refused(head(f"Content-Length: {len(GOOD) + 10}") + GOOD, End.HOLD)
        self.provider.script(
            Answer((head(f"Content-Length: {len(GOOD)}") + GOOD + b"HTTP/1.1 200 OK\r\n\r\n",)), canned.plain("next")
        )
        self.assertEqual(self.server.chat().text(), "fine")
        self.assertEqual(self.server.chat().text(), "next")
        used = self.provider.wait_for_requests(2)
        self.assertNotEqual(used[0].connection, used[1].connection)

    def test_e24_ambiguous_framing_is_refused(self) -> None:
        length = f"Content-Length: {len(GOOD)}"
        body = canned.chunk(GOOD) + canned.LAST_CHUNK
        for raw in (
            head(length, "Transfer-Encoding: chunked") + body,
            head("Content-Length: +5") + GOOD,
            head("Content-Length: 5, 6") + GOOD,
            head(length, f"Content-Length: {len(GOOD) - 1}") + GOOD,
            head("Transfer-Encoding: xchunked") + body,
            head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + body,
            head("Transfer-Encoding: gzip, chunked") + body,
            head("Transfer-Encoding: chunked") + b"0x5\r\nhello\r\n0\r\n\r\n",
            head("Content-Length: 99999999999999999999") + GOOD,
        ):
            with self.subTest(raw[:120]):
                self.refused(raw)

    def test_e25_interim_heads_are_skipped_within_reason(self) -> None:
        good = canned.http_response(200, GOOD)
        self.delivered(b"HTTP/1.1 100 Continue\r\n\r\n" + good)
        self.delivered(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + good)
        self.refused(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + good)
        self.refused(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.refused(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")

    def test_e26_trailers_are_dropped_and_bad_heads_refused(self) -> None:
        chunked = head("Transfer-Encoding: chunked") + canned.chunk(GOOD)
        self.provider.script(Answer((chunked + b"0\r\nX-Generation-Id: evil\r\nSet-Cookie: a=b\r\n\r\n",)))
        answer = self.server.chat()
        self.assertEqual(answer.text(), "fine")
        self.assertNotIn("evil", str(answer.headers))
        for line in (
            "X-Nul: a\0b",
            "X-Fold: a\r\n b",
            "Bad Name: x",
            ": empty",
            "no colon",
            "X-Long: " + "x" * 100_000,
        ):
            with self.subTest(line[:20]):
                self.refused(head(line, f"Content-Length: {len(GOOD)}") + GOOD)
        self.refused(head(*[f"X-{i}: v" for i in range(5000)], f"Content-Length: {len(GOOD)}") + GOOD)
        self.refused(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}")

    def test_e27_what_is_not_http_is_refused(self) -> None:
        for line in (
            b"HTTP/1.1 000 X",
            b"HTTP/1.1 999 X",
            b"HTTP/1.1 20 X",
            b"HTTP/2 200",
            b"HTTP/1.1 200 a\0b",
            b"HTTP/1.1  200 OK",
            b"\x15\x03\x03\x00\x02\x02\x46",
            b"SSH-2.0-OpenSSH_9.2",
            b"ICY 200 OK",
        ):
            with self.subTest(line):
                self.refused(line + b"\r\nContent-Length: 2\r\n\r\n{}")

    def test_e29_compressed_answers_are_decoded_within_limits(self) -> None:
        zipped = gzip.compress(GOOD)
        self.delivered(canned.http_response(200, zipped, headers=[("Content-Encoding", "gzip")]))
        bomb = gzip.compress(b'{"choices":[' + b" " * (64 << 20))
        before = self.server.rss_bytes()
        self.refused(canned.http_response(200, bomb, headers=[("Content-Encoding", "gzip")]))
        self.assertLess(self.server.rss_bytes() - before, 32 << 20)
        self.refused(canned.http_response(200, zipped[:-9], headers=[("Content-Encoding", "gzip")]))
        self.refused(canned.http_response(200, GOOD, headers=[("Content-Encoding", "unheard-of")]))

    def test_e29_every_known_coding_is_decoded_whole(self) -> None:
        for name, encode in canned.CODINGS.items():
            with self.subTest(name):
                packed = b"".join(encode(GOOD[:100], GOOD[100:]))
                self.delivered(canned.http_response(200, packed, headers=[("Content-Encoding", name)]))

    def test_e29_events_of_a_compressed_stream_leave_as_they_come(self) -> None:
        for name, encode in canned.CODINGS.items():
            with self.subTest(name):
                first, rest = encode(canned.event(canned.delta("one")), canned.events(("two",)))
                gate = threading.Event()
                opening = canned.stream_head(headers=[("Content-Encoding", name)]) + canned.chunk(first)
                self.provider.script(Answer((opening, gate, canned.chunk(rest) + canned.LAST_CHUNK)))
                with self.server.connect() as connection:
                    connection.send(chat_request(self.server.key, stream=True))
                    answer = connection.read_head()
                    pieces = connection.body_pieces(answer)
                    while b"one" not in answer.body:
                        answer.body += next(pieces)
                    gate.set()
                    answer.body += b"".join(pieces)
                self.assert_clean_stream(answer)
                self.assertEqual(answer.text(), "onetwo")
                self.assertIsNone(answer.header("content-encoding"))

    def test_e30_retry_after_of_any_kind_is_clamped(self) -> None:
        for value in ("100000000000000000000", "-1", "NaN", "Thu, 01 Jan 1970 00:00:00 GMT", "", "0"):
            with self.subTest(value):
                server = self.daemon(settings_for(self.provider, defaults={"timeouts": {"total": "1500ms"}}))
                self.provider.script(canned.error(429, headers=[("Retry-After", value)]))
                answer = server.chat()
                self.assert_error(answer, 429)
                told = answer.header("retry-after")
                if told is not None:
                    self.assertTrue(1 <= int(told) <= 60, told)

    def test_e31_an_answer_before_the_body_was_sent_is_delivered(self) -> None:
        for end in (End.CLOSE, End.RESET, End.DEAF):
            with self.subTest(end):
                refusal = Answer((canned.error(400, "too large for me"),), end, before_body=True)
                self.provider.script(refusal, canned.plain("next"))
                error = self.assert_error(self.server.chat(padding="x" * 8_000_000), 400, "invalid_request")
                self.assertIn("too large for me", error["message"])
                self.assertEqual(self.server.chat().text(), "next")
                first, second = self.provider.requests
                self.assertNotEqual(first.connection, second.connection)

    def test_a_body_that_is_taken_slowly_but_steadily_is_waited_for(self) -> None:
        """Far longer than `between_events`, for a provider that takes nothing, and than `first_token`, from the last byte."""
        provider = self.upstream(canned.plain("at last"), canned.stream(("at ", "last")), pace=0.05)
        timeouts = {"connect": "1s", "first_token": "700ms", "between_events": "700ms", "total": "60s"}
        server = self.daemon(settings_for(provider, workers=1, defaults={"timeouts": timeouts}))
        # What the daemon's kernel takes off its hands shows nothing; the rest, at that pace, keeps it for 2 s and more.
        in_kernel = int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])
        for stream in (False, True):
            answer = server.chat(padding="x" * (in_kernel + 3_000_000), stream=stream, timeout=60)
            self.assertEqual(answer.status, 200, answer.body[:300])
            self.assertEqual(answer.text(), "at last")

    def test_a_provider_that_takes_nothing_of_a_body_is_left(self) -> None:
        self.provider.script(Answer((), End.DEAF, before_body=True), canned.plain("next"))
        answer = self.server.chat(padding="x" * 12_000_000)
        self.assertEqual(self.assert_error(answer, 504)["type"], "upstream_timeout")
        self.assertEqual(self.server.generation(generation_id(answer))["total_cost"], 0)

    def test_e32_another_model_than_asked_is_billed_as_the_endpoint_says(self) -> None:
        self.provider.script(canned.plain("fine", model="something-else"))
        answer = self.server.chat()
        self.assertEqual(answer.json()["model"], "demo/model")
        cost = cost_of(canned.USAGE)
        self.assertEqual(Decimal(answer.json()["usage"]["cost"]), cost)
        self.assertEqual(Decimal(self.server.generation(generation_id(answer))["total_cost"]), cost)

    def test_e33_a_body_beyond_the_limit_is_refused_with_bounded_memory(self) -> None:
        before = self.server.rss_bytes()
        self.refused(canned.http_response(200, canned.body("x" * (3 << 20))))
        self.assertLess(self.server.rss_bytes() - before, 32 << 20)


if __name__ == "__main__":
    main()
