"""HTTP/1 framing from clients: attack rows H1 to H39, each named.  The corpora are replayed by tests/hostile."""

from __future__ import annotations

import threading
from typing import Iterable

from waybill_harness import (Answer, ConnectionClosed, Daemon, HarnessTestCase, HttpConnection, MockUpstream, canned, chat_request, json, main,
                             request_bytes, settings_for)

BODY = json.dumps({"model": "demo/model", "messages": [{"role": "user", "content": "hi"}]}).encode()
LENGTH = ("Content-Length", str(len(BODY)))
CHUNKED = ("Transfer-Encoding", "chunked")
CHUNKED_BODY = canned.chunk(BODY) + canned.LAST_CHUNK
ANY_REFUSAL = {0, 400, 408, 411, 413, 414, 417, 421, 431, 501, 505}


class Framing(HarnessTestCase):
    shared: Daemon
    upstream_server: MockUpstream

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream_server = cls.enterClassContext(MockUpstream(canned.plain()))
        cls.shared = cls.enterClassContext(Daemon(settings_for(cls.upstream_server, limits={
            "header_timeout": "700ms", "body_timeout": "700ms", "idle_timeout": "3s"})))

    def setUp(self) -> None:
        super().setUp()
        self.upstream_server.script(canned.plain())
        self.auth = [("Authorization", f"Bearer {self.shared.key}"), ("Content-Type", "application/json")]

    # ------------------------------------------------------------- helpers

    def post(self, *headers: tuple[str, str], body: bytes = b"") -> bytes:
        return request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, *headers]) + body

    def raw_post(self, *lines: bytes, start: bytes = b"POST /v1/chat/completions HTTP/1.1", host: bytes = b"Host: x", body: bytes = BODY,
                 length: bool = True) -> bytes:
        fixed = [start, host, f"Authorization: Bearer {self.shared.key}".encode(), b"Content-Type: application/json"]
        if length:
            fixed.append(f"Content-Length: {len(body)}".encode())
        return b"\r\n".join([line for line in [*fixed, *lines] if line]) + b"\r\n\r\n" + body

    def exchange(self, raw: bytes) -> tuple[int, HttpConnection]:
        connection = self.own(self.shared.connect())
        connection.send_pieces([raw])
        try:
            return connection.read_response().status, connection
        except ConnectionClosed:
            return 0, connection

    def refused(self, raw: bytes, statuses: Iterable[int] = (400,), what: object = None) -> None:
        """A refusal with one of the statuses, the connection closed, the upstream untouched."""
        with self.subTest(what or raw[:160]):
            seen = len(self.upstream_server.requests)
            status, connection = self.exchange(raw)
            self.assertIn(status, {*statuses, 0})
            self.assertTrue(connection.peer_closed(), "the connection must not be used again")
            self.assertEqual(len(self.upstream_server.requests), seen, "it reached the upstream")

    def accepted(self, raw: bytes, status: int = 200, what: object = None) -> HttpConnection:
        with self.subTest(what or raw[:160]):
            got, connection = self.exchange(raw)
            self.assertEqual(got, status)
            connection.send(request_bytes("GET", "/health/live"))
            self.assertEqual(connection.read_response(method="GET").status, 200, "the connection is still in sync")
        return connection

    # ---------------------------------------------------------------- rows

    def test_h01_length_and_chunked_together(self) -> None:
        for headers in ((LENGTH, CHUNKED), (CHUNKED, LENGTH), (CHUNKED, ("Content-Length", "0"))):
            self.refused(self.post(*headers, body=CHUNKED_BODY))

    def test_h02_disguised_transfer_encodings(self) -> None:
        self.accepted(self.post(("Transfer-Encoding", "Chunked"), body=CHUNKED_BODY))
        for line in (b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked\x0c",
                     b"Transfer-Encoding: \xa0chunked", b"Transfer-Encoding: \"chunked\"", b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked",
                     b" Transfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding: chun\nked", b"Transfer\r-Encoding: chunked"):
            self.refused(self.raw_post(line), (400, 501))
        self.accepted(self.raw_post(b"Transfer_Encoding: chunked"))

    def test_h03_other_codings(self) -> None:
        for value in ("identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", ",chunked", "chunked,", ""):
            self.refused(self.post(("Transfer-Encoding", value), body=CHUNKED_BODY), (400, 501))
        self.refused(self.post(CHUNKED, CHUNKED, body=CHUNKED_BODY), (400, 501))

    def test_h04_chunked_in_http_1_0(self) -> None:
        self.refused(self.raw_post(b"Transfer-Encoding: chunked", start=b"POST /v1/chat/completions HTTP/1.0", body=CHUNKED_BODY, length=False), (400, 501, 505))

    def test_h05_h06_repeated_lengths(self) -> None:
        self.refused(self.raw_post(b"Content-Length: 5"))
        self.refused(self.raw_post(f"Content-Length: {len(BODY)}, 7".encode(), length=False))

    def test_h07_lengths_that_are_no_numbers(self) -> None:
        for value in ("+5", "-5", "0x5", "5.0", "1_0", "5e0", "", "5,", "\u0665", "9223372036854775808", "18446744073709551616",
                      "18446744073709551621", "5 5", "99999999999999999999999999"):
            self.refused(self.raw_post(b"Content-Length: " + value.encode(), length=False), (400, 413), value)

    def test_h08_a_huge_length_is_refused_at_once(self) -> None:
        self.refused(self.post(("Content-Length", str(33 << 20))), (413,))

    def test_h09_bare_line_feeds(self) -> None:
        good = self.raw_post()
        head, body = good.split(b"\r\n\r\n", 1)
        for raw in (head.replace(b"\r\n", b"\n") + b"\n\n" + body, head.replace(b"\r\n", b"\n", 1) + b"\r\n\r\n" + body, head + b"\n\r\n" + body,
                    head + b"\r\n\n" + body):
            self.refused(raw, ANY_REFUSAL)
        for body in (CHUNKED_BODY.replace(b"\r\n", b"\n", 1), CHUNKED_BODY[:-4] + b"\n\n", CHUNKED_BODY[:-9] + b"\n0\r\n\r\n"):
            self.refused(self.post(CHUNKED, body=body), ANY_REFUSAL)

    def test_h10_bare_carriage_returns(self) -> None:
        for line in (b"X: a\rb", b"X: a\r\r", b"X\r: a"):
            self.refused(self.raw_post(line))

    def test_h11_folded_lines(self) -> None:
        for line in (b"X: a\r\n b", b"X: a\r\n\tb", b"X:\r\n b"):
            self.refused(self.raw_post(line))
        self.refused(b"GET /health/live HTTP/1.1\r\n Host: x\r\n\r\n")

    def test_h12_control_bytes(self) -> None:
        for byte in (b"\0", b"\x01", b"\x7f", b"\x1b"):
            self.refused(self.raw_post(b"X: a" + byte + b"b"), what=("value", byte))
            self.refused(self.raw_post(b"X" + byte + b": a"), what=("name", byte))
            self.refused(self.raw_post(start=b"POST /v1/chat" + byte + b" HTTP/1.1"), (400, 404), ("target", byte))
            self.refused(self.raw_post(start=b"PO" + byte + b"ST /v1/models HTTP/1.1"), (400, 501), ("method", byte))

    def test_h13_field_names_that_are_no_tokens(self) -> None:
        for line in (b"Bad Name: x", b": x", b"no-colon", b"X : y", b"X(y): z", b"\xc3\xa9: x", b"X@y: z"):
            self.refused(self.raw_post(line))

    def test_h14_hosts(self) -> None:
        for host in (b"", b"Host: a\r\nHost: b", b"Host: a\r\nHost: a", b"Host: a/b", b"Host: u@a", b"Host: a#b", b"Host: a:port", b"Host: [::1",
                     b"Host: a b", b"Host: a:99999", b"Host: a?b"):
            self.refused(self.raw_post(host=host), what=host)
        for host in (b"Host: example.com:8080", b"Host: [::1]:80", b"Host: 127.0.0.1"):
            self.accepted(self.raw_post(host=host), what=host)

    def test_h15_absolute_form(self) -> None:
        status, _ = self.exchange(self.raw_post(start=b"POST http://x/v1/chat/completions HTTP/1.1"))
        self.assertEqual(status, 200)
        self.refused(self.raw_post(start=b"POST http://evil.example/v1/chat/completions HTTP/1.1"), (400, 421))

    def test_h16_other_methods(self) -> None:
        for start in (b"CONNECT x:443 HTTP/1.1", b"TRACE /v1/models HTTP/1.1", b"GET * HTTP/1.1", b"BREW /v1/models HTTP/1.1", b"OPTIONS * HTTP/1.1"):
            with self.subTest(start):
                connection = self.own(self.shared.connect())
                connection.send(start + b"\r\nHost: x:443\r\nX-Echo: canary-echo\r\n\r\n")
                connection.half_close()
                answer = connection.read_rest()
                self.assertNotIn(b"canary-echo", answer)
                self.assertFalse(start.startswith((b"CONNECT", b"TRACE", b"GET")) and answer.startswith(b"HTTP/1.1 2"), answer[:100])

    def test_h17_targets(self) -> None:
        for target in (b"/v1/chat/completions#x", b"v1/models", b"/v1/mod\xc3\xa9ls", b"/v1/%zz", b"/v1/models%00"):
            status, _ = self.exchange(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(status, {400, 401, 404, 0}, target)

    def test_h18_versions(self) -> None:
        for start in (b"GET /health/live", b"GET /health/live HTTP/1.2", b"GET /health/live http/1.1", b"GET /health/live HTTP/2.0", b"OPTIONS * RTSP/1.0",
                      b"PRI * HTTP/2.0", b"GET /health/live HTTP/01.1", b"GET  /health/live HTTP/1.1", b"GET /health/live  HTTP/1.1", b"GET /health/live HTTP/1.1 "):
            self.refused(start + b"\r\nHost: x\r\n\r\n", (400, 501, 505))

    def test_h19_other_protocols(self) -> None:
        for raw in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), b"SSH-2.0-x\r\n", b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n"):
            self.refused(raw, ANY_REFUSAL)

    def test_h20_chunk_sizes(self) -> None:
        for size in (b"0x5", b"+5", b"-5", b"0_5", b" 5", b"", b"5 5", b"00000000000000005" * 2, b"8000000000000000", b"ffffffffffffffff", b"5\t;x", b"g"):
            self.refused(self.post(CHUNKED, body=size + b"\r\nhello\r\n0\r\n\r\n"), (400, 413), size)

    def test_h21_chunk_extensions(self) -> None:
        size = b"%x" % len(BODY)
        self.accepted(self.post(CHUNKED, body=size + b";a=b;c=\"d\"\r\n" + BODY + b"\r\n0\r\n\r\n"))
        for extension in (b";a=\0", b";a=\rb", b";a=\nb", b";a=\"b", b";" + b"x" * 20000):
            self.refused(self.post(CHUNKED, body=size + extension + b"\r\n" + BODY + b"\r\n0\r\n\r\n"), (400, 413, 431), extension[:20])

    def test_h22_chunk_data_of_another_length(self) -> None:
        for delta in (-1, 1):
            self.refused(self.post(CHUNKED, body=b"%x\r\n" % (len(BODY) + delta) + BODY + b"\r\n0\r\n\r\n"), ANY_REFUSAL)
        self.refused(self.post(CHUNKED, body=b"%x\r\n" % len(BODY) + BODY + b"XX0\r\n\r\n"))

    def test_h23_one_byte_chunks(self) -> None:
        filler = b"".join(canned.chunk(b" ") for _ in range(100_000))
        status, _ = self.exchange(self.post(CHUNKED, body=filler + b"".join(canned.chunk(BODY[i:i + 1]) for i in range(len(BODY))) + canned.LAST_CHUNK))
        self.assertIn(status, {200, 400, 408, 413, 0})

    def test_h24_trailers_change_nothing(self) -> None:
        other = f"Authorization: Bearer {self.shared.key}".encode()
        trailers = b"0\r\n" + other + b"\r\nHost: evil\r\nContent-Length: 5\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        raw = request_bytes("POST", "/v1/chat/completions", headers=[CHUNKED]) + canned.chunk(BODY) + trailers
        status, _ = self.exchange(raw)
        self.assertIn(status, {400, 401}, "a trailer's key must not count")
        self.accepted(self.post(CHUNKED, body=canned.chunk(BODY) + trailers))

    def test_h25_a_flood_of_trailers(self) -> None:
        for count in (400, 50_000):
            flood = b"".join(b"X-%d: v\r\n" % i for i in range(count))
            status, _ = self.exchange(self.post(CHUNKED, body=canned.chunk(BODY) + b"0\r\n" + flood + b"\r\n"))
            self.assertIn(status, {400, 413, 431, 0}, count)

    def test_h26_an_empty_chunked_body_split_anywhere(self) -> None:
        head = self.post(CHUNKED)
        for cut in range(6):
            with self.shared.connect() as connection:
                connection.send_pieces([head, canned.LAST_CHUNK[:cut] or b"0", canned.LAST_CHUNK[cut or 1:]])
                self.assertEqual(connection.read_response().status, 400)

    def test_h27_header_floods(self) -> None:
        for extra in ([("X-Big", "x" * 70_000)], [(f"X-{i}", "v") for i in range(400)], [(f"X-{i}", "") for i in range(16_000)]):
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
        status, _ = self.exchange(request_bytes("POST", "/v1/chat/completions", headers=[("Connection", "Authorization")], body=BODY))
        self.assertEqual(status, 401)

    def test_h33_h34_forwarded_and_override_fields_are_ignored(self) -> None:
        self.accepted(self.post(("X-Forwarded-For", "6.6.6.6"), ("X-Original-URL", "/metrics"), ("X-Rewrite-URL", "/metrics"),
                                ("X-HTTP-Method-Override", "DELETE"), ("Forwarded", "for=6.6.6.6"), LENGTH, body=BODY))
        sent = self.upstream_server.requests[-1]
        self.assertNotIn(b"6.6.6.6", sent.head)
        self.assertNotIn("6.6.6.6", self.shared.log_text())

    def test_h35_disagreeing_credentials(self) -> None:
        status, _ = self.exchange(self.post(("Authorization", "Bearer other"), LENGTH, body=BODY))
        self.assertEqual(status, 400)

    def test_h36_multipart_is_refused_in_linear_time(self) -> None:
        boundary = "-" * 3000
        body = (f"--{boundary}\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n" * 1000).encode()
        raw = request_bytes("POST", "/v1/chat/completions", body=body, headers=[
            ("Authorization", f"Bearer {self.shared.key}"), ("Content-Type", f"multipart/form-data; boundary={boundary}")])
        status, _ = self.exchange(raw)
        self.assertIn(status, {400, 413, 415})

    def test_h37_conditional_and_range_fields_are_ignored(self) -> None:
        self.accepted(self.post(("Range", "bytes=0-1,2-3"), ("If-None-Match", "*"), ("If-Modified-Since", "x"),
                                ("Accept-Encoding", ", ".join(f"c{i}" for i in range(500))), LENGTH, body=BODY))

    def test_h39_proxy_protocol_is_refused_where_it_is_not_configured(self) -> None:
        for header in (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)):
            self.refused(header + chat_request(self.shared.key), ANY_REFUSAL)

    def test_two_streams_on_two_connections_do_not_mix(self) -> None:
        gates = [threading.Event(), threading.Event()]
        self.upstream_server.script(*[Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta(f"<{i}>"))), gate,
                                              canned.chunk(canned.events((f"<{i}>",))) + canned.LAST_CHUNK)) for i, gate in enumerate(gates)])
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
