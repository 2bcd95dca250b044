"""HTTP/1 bodies, pipelines and odd fields from clients: attack rows H20 to H39, each named."""

from __future__ import annotations

import threading
import time

from framing_case import ANY_REFUSAL, BODY, CHUNKED, LENGTH, FramingCase
from waybill_harness import Answer, canned, chat_request, main, request_bytes


class FramingBodies(FramingCase):
    def test_h20_chunk_sizes(self) -> None:
        for size in (
            b"0x5",
            b"+5",
            b"-5",
            b"0_5",
            b" 5",
            b"",
            b"5 5",
            b"00000000000000005" * 2,
            b"8000000000000000",
            b"ffffffffffffffff",
            b"g",
        ):
            self.refused(self.post(CHUNKED, body=size + b"\r\nhello\r\n0\r\n\r\n"), (400, 413), size)

    def test_h21_chunk_extensions(self) -> None:
        size = b"%x" % len(BODY)
        for extension in (b';a=b;c="d"', b"\t;x"):  # white space there is bad and to be read (RFC 9112 7.1.1)
            self.accepted(self.post(CHUNKED, body=size + extension + b"\r\n" + BODY + b"\r\n0\r\n\r\n"))
        for extension in (b";a=\0", b";a=\rb", b";a=\nb", b';a="b', b";" + b"x" * 20000):
            self.refused(
                self.post(CHUNKED, body=size + extension + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
                (400, 413, 431),
                extension[:20],
            )

    def test_h22_chunk_data_of_another_length(self) -> None:
        for delta in (-1, 1):
            self.refused(
                self.post(CHUNKED, body=b"%x\r\n" % (len(BODY) + delta) + BODY + b"\r\n0\r\n\r\n"), ANY_REFUSAL
            )
        self.refused(self.post(CHUNKED, body=b"%x\r\n" % len(BODY) + BODY + b"XX0\r\n\r\n"))

    def test_h23_one_byte_chunks(self) -> None:
        filler = b"".join(canned.chunk(b" ") for _ in range(100_000))
        status, _ = self.exchange(
            self.post(
                CHUNKED,
                body=filler + b"".join(canned.chunk(BODY[i : i + 1]) for i in range(len(BODY))) + canned.LAST_CHUNK,
            )
        )
        self.assertIn(status, {200, 400, 408, 413, 0})

    def test_h24_trailers_change_nothing(self) -> None:
        other = f"Authorization: Bearer {self.shared.key}".encode()
        trailers = b"0\r\n" + other + b"\r\nHost: evil\r\nContent-Length: 5\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        raw = request_bytes("POST", "/v1/chat/completions", headers=[CHUNKED]) + canned.chunk(BODY) + trailers
        status, _ = self.exchange(raw)
        self.assertIn(status, {400, 401}, "a trailer's key must not count")
        self.accepted(self.post(CHUNKED, body=canned.chunk(BODY) + trailers))

    def test_h25_a_flood_of_trailers(self) -> None:
        before = self.shared.rss_bytes()
        for count in (400, 50_000):
            flood = b"".join(b"X-%d: v\r\n" % i for i in range(count))
            status, _ = self.exchange(self.post(CHUNKED, body=canned.chunk(BODY) + b"0\r\n" + flood + b"\r\n"))
            self.assertIn(status, {400, 413, 431, 0}, count)
        self.assertLess(self.shared.rss_bytes() - before, 8 << 20)

    def test_h26_an_empty_chunked_body_split_anywhere(self) -> None:
        head = self.post(CHUNKED)
        for cut in range(6):
            with self.shared.connect() as connection:
                connection.send_pieces([head, canned.LAST_CHUNK[:cut] or b"0", canned.LAST_CHUNK[cut or 1 :]])
                self.assertEqual(connection.read_response().status, 400)

    def test_h27_header_floods(self) -> None:
        for extra in (
            [("X-Big", "x" * 70_000)],
            [(f"X-{i}", "v") for i in range(400)],
            [(f"X-{i}", "") for i in range(16_000)],
        ):
            self.refused(self.post(LENGTH, *extra, body=BODY), (400, 431))

    def test_h28_expectations(self) -> None:
        self.refused(self.post(("Expect", "200-ok"), LENGTH, body=BODY), (417,))
        status, _ = self.exchange(self.raw_post(b"Expect: 100-continue", start=b"POST /v1/chat/completions HTTP/1.0"))
        self.assertIn(status, {200, 417})

    def test_h29_pipelines(self) -> None:
        with self.shared.connect() as connection:
            connection.send(chat_request(self.shared.key) * 50)
            for _ in range(50):
                self.assertEqual(connection.read_response().status, 200)
        with self.shared.connect() as connection:
            connection.send(chat_request(self.shared.key) + b"GARBAGE\r\n\r\n")
            self.assertEqual(connection.read_response().status, 200)
            self.assertNotIn(b"HTTP/1.1 200", connection.read_rest())
        with self.shared.connect() as connection:
            connection.send(self.post(("Connection", "close"), LENGTH, body=BODY) + chat_request(self.shared.key))
            self.assertEqual(connection.read_response().status, 200)
            self.assertEqual(connection.read_rest(), b"")

    def test_h30_a_get_with_a_body_hides_no_request(self) -> None:
        hidden = b"GET /v1/key HTTP/1.1\r\nHost: x\r\n\r\n"
        connection = self.own(self.shared.connect())
        connection.send(request_bytes("GET", "/health/live", body=hidden))
        connection.half_close()
        self.assertEqual(connection.read_rest().count(b"HTTP/1.1 "), 1)

    def test_h31_upgrades_are_ignored(self) -> None:
        for value in ("h2c", "websocket"):
            self.accepted(self.post(("Upgrade", value), ("Connection", "Upgrade"), LENGTH, body=BODY))

    def test_h32_connection_cannot_remove_fields(self) -> None:
        self.accepted(self.post(("Connection", "Authorization"), LENGTH, body=BODY))
        self.accepted(self.post(("Connection", "Content-Length"), LENGTH, body=BODY))
        status, _ = self.exchange(
            request_bytes("POST", "/v1/chat/completions", headers=[("Connection", "Authorization")], body=BODY)
        )
        self.assertEqual(status, 401)

    def test_h33_h34_forwarded_and_override_fields_are_ignored(self) -> None:
        self.accepted(
            self.post(
                ("X-Forwarded-For", "6.6.6.6"),
                ("X-Original-URL", "/metrics"),
                ("X-Rewrite-URL", "/metrics"),
                ("X-HTTP-Method-Override", "DELETE"),
                ("Forwarded", "for=6.6.6.6"),
                LENGTH,
                body=BODY,
            )
        )
        sent = self.upstream_server.requests[-1]
        self.assertNotIn(b"6.6.6.6", sent.head)
        self.assertNotIn("6.6.6.6", self.shared.log_text())

    def test_h35_disagreeing_credentials(self) -> None:
        status, _ = self.exchange(self.post(("Authorization", "Bearer other"), LENGTH, body=BODY))
        self.assertEqual(status, 400)

    def test_h36_multipart_is_refused_in_linear_time(self) -> None:
        boundary = "-" * 3000
        body = (f"--{boundary}\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n" * 10_000).encode()
        began = time.monotonic()
        raw = request_bytes(
            "POST",
            "/v1/chat/completions",
            body=body,
            headers=[
                ("Authorization", f"Bearer {self.shared.key}"),
                ("Content-Type", f"multipart/form-data; boundary={boundary}"),
            ],
        )
        status, _ = self.exchange(raw)
        self.assertIn(status, {400, 413, 415, 0})
        self.assertLess(time.monotonic() - began, 5)

    def test_h37_conditional_and_range_fields_are_ignored(self) -> None:
        self.accepted(
            self.post(
                ("Range", "bytes=0-1,2-3"),
                ("If-None-Match", "*"),
                ("If-Modified-Since", "x"),
                ("Accept-Encoding", ", ".join(f"c{i}" for i in range(500))),
                LENGTH,
                body=BODY,
            )
        )

    def test_h39_proxy_protocol_is_refused_where_it_is_not_configured(self) -> None:
        for header in (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)):
            self.refused(header + chat_request(self.shared.key), ANY_REFUSAL)

    def test_two_streams_on_two_connections_do_not_mix(self) -> None:
        gates = [threading.Event(), threading.Event()]
        self.upstream_server.script(
            *[
                Answer(
                    (
                        canned.stream_head() + canned.chunk(canned.event(canned.delta(f"<{i}>"))),
                        gate,
                        canned.chunk(canned.events((f"<{i}>",))) + canned.LAST_CHUNK,
                    )
                )
                for i, gate in enumerate(gates)
            ]
        )
        connections = [self.own(self.shared.connect()) for _ in gates]
        heads = []
        for connection in connections:
            connection.send(chat_request(self.shared.key, stream=True))
            heads.append(connection.read_head())
        for gate in gates:
            gate.set()
        texts = set()
        for connection, head in zip(connections, heads):
            head.body = b"".join(connection.body_pieces(head))
            texts.add(head.text())
        self.assertEqual(texts, {"<0><0>", "<1><1>"})


if __name__ == "__main__":
    main()
