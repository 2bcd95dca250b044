"""Streams of upstreams, well-formed and not: attack rows E1 to E15, E19 to E21."""

from __future__ import annotations

import socket
import threading
import time

from waybill_harness import (
    Answer,
    End,
    HarnessTestCase,
    at_line_ends,
    by_bytes,
    canned,
    chat_request,
    generation_id,
    main,
    randomly,
    settings_for,
)

HEAD = canned.stream_head(chunked=False)


class Streams(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon(
            settings_for(
                self.provider,
                workers=1,
                defaults={"timeouts": {"connect": "1s", "first_token": "1s", "between_events": "1s", "total": "20s"}},
            )
        )

    def answered(self, body: bytes, *, pieces: list[bytes] | None = None, close: bool = True):  # noqa: ANN201
        self.provider.script(
            Answer((HEAD, *(pieces if pieces is not None else [body])), End.CLOSE if close else End.HOLD)
        )
        return self.server.chat(stream=True)

    def test_e1_line_ends_of_every_kind_split_everywhere_give_the_same_events(self) -> None:
        plain = canned.events()
        for name, end in (("LF", b"\n"), ("CRLF", b"\r\n"), ("CR", b"\r")):
            body = plain.replace(b"\n", end)
            for split, pieces in (
                ("whole", [body]),
                ("bytes", by_bytes(body)),
                ("line ends", at_line_ends(body)),
                *((f"random {seed}", randomly(body, seed)) for seed in range(3)),
            ):
                with self.subTest(f"{name}, {split}"):
                    answer = self.answered(body, pieces=pieces)
                    self.assert_clean_stream(answer)
                    self.assertEqual(answer.text(), "Hello there")
                    self.assertNotIn(b"\r", answer.body)

    def test_e2_a_byte_order_mark_is_stripped_once(self) -> None:
        answer = self.answered(b"\xef\xbb\xbf" + canned.events())
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "Hello there")

    def test_e3_fields_are_read_as_whatwg_says(self) -> None:
        split = canned.event(canned.delta("Hel")).replace(b', "choices"', b',\ndata:  "choices"')
        body = b"retry: 10\nid: 1\nunknown: x\n" + split + canned.event(canned.delta("lo")).replace(b"data: ", b"data:")
        answer = self.answered(body + canned.events(()))
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "Hello")

    def test_e4_comments_between_events_are_no_content(self) -> None:
        body = b": a\n\n" + canned.events().replace(b"data:", b": keep-alive\n\ndata:")
        answer = self.answered(body)
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "Hello there")

    def test_e4_comments_for_ever_time_out_as_no_first_token(self) -> None:
        self.provider.script(lambda _: Answer((HEAD, *_ticking(b": ping\n\n", 100)), End.HOLD))
        began = time.monotonic()
        answer = self.server.chat(stream=True)
        self.assertIn(answer.status, (502, 504))
        self.assertLess(time.monotonic() - began, 8)

    def test_e4_a_flood_of_comments_times_out_as_well(self) -> None:
        self.provider.script(Answer((HEAD, *[b": ping\n\n" * 10_000] * 20_000), End.HOLD))
        began = time.monotonic()
        answer = self.server.chat(stream=True)
        self.assertIn(answer.status, (502, 504))
        self.assertLess(time.monotonic() - began, 8)

    def test_e5_event_names_in_a_chat_stream_change_nothing(self) -> None:
        answer = self.answered(canned.events().replace(b"data: {", b"event: chunk\ndata: {"))
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "Hello there")

    def test_e6_without_done_after_finish_we_send_our_own(self) -> None:
        answer = self.answered(canned.events(done=False))
        self.assert_clean_stream(answer)

    def test_e7_an_end_without_finish_reason_is_an_error_chunk(self) -> None:
        answer = self.answered(canned.events(finish=None, usage=None, done=False))
        self.assert_failed_stream(answer)
        self.assertGreater(self.server.generation(generation_id(answer))["total_cost"], 0)

    def test_e8_what_follows_done_is_dropped_and_ends_the_connection(self) -> None:
        late = canned.event(canned.delta("too late")) + canned.DONE
        head, end = canned.stream_head(), canned.LAST_CHUNK
        for name, pieces in {
            "in one chunk": (head + canned.chunk(canned.events() + late) + end,),
            "in another chunk": (head + canned.chunk(canned.events()) + canned.chunk(late) + end,),
            "in another segment": (head + canned.chunk(canned.events()), canned.chunk(late) + end),
            "a second [DONE]": (head + canned.chunk(canned.events() + canned.DONE) + end,),
        }.items():
            with self.subTest(name):
                self.provider.script(Answer(pieces), canned.plain("next"))
                answer = self.server.chat(stream=True)
                self.assert_clean_stream(answer)
                self.assertNotIn(b"too late", answer.body)
                self.assertEqual(answer.body.count(b"[DONE]"), 1)
                self.assertEqual(self.server.chat().text(), "next")
                used = self.provider.wait_for_requests(2)
                self.assertNotEqual(used[0].connection, used[1].connection)

    def test_e8_comments_and_blank_lines_after_done_are_no_events(self) -> None:
        body = canned.events() + b": bye\n\n\n"
        self.provider.script(Answer((canned.stream_head() + canned.chunk(body) + canned.LAST_CHUNK,)), canned.plain())
        self.assert_clean_stream(self.server.chat(stream=True))
        self.assertEqual(self.server.chat().status, 200)
        self.assertEqual(len({each.connection for each in self.provider.wait_for_requests(2)}), 1)

    def test_e9_done_may_be_sloppy(self) -> None:
        for done in (b"data: [DONE] \n\n", b"data:[DONE]\n\n", b"data: [DONE]"):
            with self.subTest(done):
                self.assert_clean_stream(self.answered(canned.events(done=False) + done))

    def test_e10_characters_split_over_segments_arrive_whole(self) -> None:
        words = ("caf\u00e9 ", "\U0001f600", "\u2028 \u6f22\u5b57")
        body = (
            canned.events(words)
            .replace(b"\\u2028", "\u2028".encode())
            .replace(b"\\u6f22\\u5b57", "\u6f22\u5b57".encode())
        )
        answer = self.answered(body, pieces=by_bytes(body))
        self.assertEqual(answer.text(), "".join(words))

    def test_e12_a_large_event_passes_and_a_boundless_one_does_not(self) -> None:
        answer = self.answered(canned.events(("x" * 300_000,)))
        self.assert_clean_stream(answer)
        self.assertEqual(len(answer.text()), 300_000)
        before = self.server.rss_bytes()
        endless = [b'data: {"choices":[{"delta":{"content":"'] + [b"y" * 65536] * 400
        answer = self.answered(b"", pieces=endless, close=False)
        self.assertIn(answer.status, (502, 504))
        self.assertLess(self.server.rss_bytes() - before, 64 << 20)

    def test_e13_many_events_in_one_segment_pass(self) -> None:
        answer = self.answered(canned.events(["w "] * 3000))
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), "w " * 3000)
        self.assert_clean_stream(self.answered(b"\n" * 100_000 + canned.events()))

    def test_e13_a_flood_on_one_stream_starves_no_other(self) -> None:
        """The flood is read as fast as it comes, so neither of its sides ever makes the worker wait."""
        burst = canned.event(canned.delta("w ")) * 300
        self.provider.script(Answer((HEAD, *[burst] * 20_000), End.HOLD), canned.plain("meanwhile"))
        flooded = self.own(self.server.connect())
        flooded.send(chat_request(self.server.key, stream=True))
        flooded.read_head()
        reader = threading.Thread(target=_discard, args=(flooded.socket,), daemon=True)
        reader.start()
        for _ in range(10):
            self.assertEqual(self.server.chat(timeout=5).text(), "meanwhile")
        self.assertTrue(reader.is_alive(), "the flood was over before it could starve anybody")
        flooded.socket.shutdown(socket.SHUT_RDWR)
        reader.join(5)
        self.assertTrue(self.provider.requests[0].gone.wait(10), "the flood was never hung up on")

    def test_e14_a_broken_event_after_content_ends_in_an_error_chunk(self) -> None:
        body = canned.event(canned.delta("Hi")) + b"data: {broken\n\n" + canned.events()
        self.assert_failed_stream(self.answered(body))

    def test_e15_an_error_as_the_first_event_of_the_last_endpoint_is_a_real_status(self) -> None:
        answer = self.answered(canned.event({"error": {"message": "overloaded", "code": 503}}))
        self.assertIn(answer.status, (502, 503))
        self.assert_error(answer, answer.status)
        self.assertEqual(self.server.generation(generation_id(answer))["total_cost"], 0)

    def test_e19_strange_usage_never_breaks_the_stream_nor_the_bill(self) -> None:
        start = canned.event(canned.delta("Hi")) + canned.event(canned.delta(finish="stop"))
        huge = {"prompt_tokens": 2**70, "completion_tokens": 1, "total_tokens": 1}
        for usage in (
            None,
            {},
            {"prompt_tokens": -5, "completion_tokens": -1},
            {"prompt_tokens": 1.5, "completion_tokens": "7"},
            huge,
            [],
        ):
            with self.subTest(usage):
                answer = self.answered(start + canned.event({**canned.usage_chunk(), "usage": usage}) + canned.DONE)
                chunks = self.assert_clean_stream(answer)
                cost = chunks[-1]["usage"]["cost"]
                self.assertGreaterEqual(cost, 0)
                self.assertLess(cost, 1)
                self.assertEqual(self.server.generation(generation_id(answer))["total_cost"], cost)
        twice = start + canned.event(canned.usage_chunk()) + canned.event(canned.usage_chunk()) + canned.DONE
        chunks = self.assert_clean_stream(self.answered(twice))
        self.assertEqual(len([c for c in chunks if c.get("usage")]), 1)
        self.server.verify_ledger()

    def test_e20_choices_and_indices_of_any_kind_are_survived(self) -> None:
        for odd in (
            b'{"choices":[]}',
            b'{"choices":null}',
            b"{}",
            b'{"choices":[{"index":-1,"delta":null}]}',
            b'{"choices":[{"index":2147483647,"delta":{"tool_calls":[{"index":2147483647}]}}]}',
            b'{"choices":[{"index":7,"delta":{"content":null}}]}',
            b'{"choices":{"index":0}}',
        ):
            with self.subTest(odd):
                answer = self.answered(canned.event(canned.delta("Hi")) + b"data: " + odd + b"\n\n" + canned.events(()))
                self.assertEqual(answer.status, 200)
                self.assertTrue(answer.ended_with_done())

    def test_e21_sse_words_inside_content_stay_content(self) -> None:
        text = "line\n\ndata: [DONE]\n\nevent: error\r\n: x"
        answer = self.answered(canned.events((text,)))
        self.assert_clean_stream(answer)
        self.assertEqual(answer.text(), text)

    def test_a_tool_call_stream_passes(self) -> None:
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        body = canned.event(canned.delta(delta={"role": "assistant", "content": None, "tool_calls": [call]}))
        for part in ('{"x"', ":1}"):
            body += canned.event(canned.delta(delta={"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
        body += canned.event(canned.delta(finish="tool_calls")) + canned.event(canned.usage_chunk()) + canned.DONE
        answer = self.answered(body)
        chunks = self.assert_clean_stream(answer)
        arguments = "".join(
            call["function"]["arguments"]
            for chunk in chunks
            for call in chunk["choices"][0]["delta"].get("tool_calls", [])
        )
        self.assertEqual(arguments, '{"x":1}')
        self.assertEqual(chunks[-1]["choices"][0]["finish_reason"], "tool_calls")

    def test_e11_only_events_keep_a_stream_alive(self) -> None:
        self.provider.script(
            lambda _: Answer((HEAD, canned.event(canned.delta("Hi")), *_ticking(b": ping\n\n", 100)), End.HOLD)
        )
        began = time.monotonic()
        self.assert_failed_stream(self.server.chat(stream=True))
        self.assertLess(time.monotonic() - began, 8)

    def test_e11_a_dribble_is_relayed_as_it_comes(self) -> None:
        body = canned.events(["a", "b", "c"])
        gates = [threading.Event() for _ in range(3)]
        parts = body.split(b"\n\n")
        pieces: list = [HEAD]
        for i, part in enumerate(parts[:-1]):
            pieces.append(part + b"\n\n")
            if 1 <= i <= 3:
                pieces.append(gates[i - 1])
        self.provider.script(Answer(tuple(pieces), End.CLOSE))
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key, stream=True))
            head = connection.read_head()
            stream = connection.body_pieces(head)
            seen = b""
            for gate, letter in zip(gates, "abc"):
                while f'"content": "{letter}"'.encode() not in seen:
                    seen += next(stream)
                gate.set()
            head.body = seen + b"".join(stream)
        self.assert_clean_stream(head)


def _discard(peer: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    try:
        while peer.recv_into(buffer):
            pass
    except OSError:
        pass  # hung up on, by the test


def _ticking(data: bytes, count: int) -> list:
    """Data every 100 ms, without a sleep of the test itself."""
    pieces: list = []
    for i in range(count):
        gate = threading.Event()
        timer = threading.Timer(0.1 * (i + 1), gate.set)
        timer.daemon = True
        timer.start()
        pieces += [data, gate]
    return pieces


if __name__ == "__main__":
    main()
