"""HTTP/1 heads from clients: attack rows H1 to H19, each named.  The corpora are replayed by tests/hostile."""

from __future__ import annotations

from framing_case import ANY_REFUSAL, BODY, CHUNKED, CHUNKED_BODY, LENGTH, FramingCase
from waybill_harness import main


class Framing(FramingCase):
    def test_h1_length_and_chunked_together(self) -> None:
        for headers in ((LENGTH, CHUNKED), (CHUNKED, LENGTH), (CHUNKED, ("Content-Length", "0"))):
            self.refused(self.post(*headers, body=CHUNKED_BODY))

    def test_h2_disguised_transfer_encodings(self) -> None:
        self.accepted(self.post(("Transfer-Encoding", "Chunked"), body=CHUNKED_BODY))
        for line in (
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked;q=1",
            b"Transfer-Encoding:\x0bchunked",
            b"Transfer-Encoding: chunked\x0c",
            b"Transfer-Encoding: \xa0chunked",
            b'Transfer-Encoding: "chunked"',
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding\t: chunked",
            b" Transfer-Encoding: chunked",
            b"Transfer-Encoding:\r\n chunked",
            b"Transfer-Encoding: chun\nked",
            b"Transfer\r-Encoding: chunked",
        ):
            self.refused(self.raw_post(line), (400, 501))
        self.accepted(self.raw_post(b"Transfer_Encoding: chunked"))

    def test_h3_other_codings(self) -> None:
        for value in ("identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", ",chunked", "chunked,", ""):
            self.refused(self.post(("Transfer-Encoding", value), body=CHUNKED_BODY), (400, 501))
        self.refused(self.post(CHUNKED, CHUNKED, body=CHUNKED_BODY), (400, 501))

    def test_h4_chunked_in_http_1_0(self) -> None:
        self.refused(
            self.raw_post(
                b"Transfer-Encoding: chunked",
                start=b"POST /v1/chat/completions HTTP/1.0",
                body=CHUNKED_BODY,
                length=False,
            ),
            (400, 501, 505),
        )

    def test_h5_h6_repeated_lengths(self) -> None:
        self.refused(self.raw_post(b"Content-Length: 5"))
        self.refused(self.raw_post(f"Content-Length: {len(BODY)}, 7".encode(), length=False))

    def test_h7_lengths_that_are_no_numbers(self) -> None:
        for value in (
            "+5",
            "-5",
            "0x5",
            "5.0",
            "1_0",
            "5e0",
            "",
            "5,",
            "\u0665",
            "9223372036854775808",
            "18446744073709551616",
            "18446744073709551621",
            "5 5",
            "99999999999999999999999999",
        ):
            self.refused(self.raw_post(b"Content-Length: " + value.encode(), length=False), (400, 413), value)

    def test_h8_a_huge_length_is_refused_at_once(self) -> None:
        self.refused(self.post(("Content-Length", str(33 << 20))), (413,))

    def test_h9_bare_line_feeds(self) -> None:
        good = self.raw_post()
        head, body = good.split(b"\r\n\r\n", 1)
        for raw in (
            head.replace(b"\r\n", b"\n") + b"\n\n" + body,
            head.replace(b"\r\n", b"\n", 1) + b"\r\n\r\n" + body,
            head + b"\n\r\n" + body,
            head + b"\r\n\n" + body,
        ):
            self.refused(raw, ANY_REFUSAL)
        for body in (
            CHUNKED_BODY.replace(b"\r\n", b"\n", 1),
            CHUNKED_BODY[:-4] + b"\n\n",
            CHUNKED_BODY[:-9] + b"\n0\r\n\r\n",
        ):
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
        for host in (
            b"",
            b"Host: a\r\nHost: b",
            b"Host: a\r\nHost: a",
            b"Host: a/b",
            b"Host: u@a",
            b"Host: a#b",
            b"Host: a:port",
            b"Host: [::1",
            b"Host: a b",
            b"Host: a:99999",
            b"Host: a?b",
        ):
            self.refused(self.raw_post(host=host), what=host)
        for host in (b"Host: example.com:8080", b"Host: [::1]:80", b"Host: 127.0.0.1"):
            self.accepted(self.raw_post(host=host), what=host)

    def test_h15_absolute_form(self) -> None:
        status, _ = self.exchange(self.raw_post(start=b"POST http://x/v1/chat/completions HTTP/1.1"))
        self.assertEqual(status, 200)
        self.refused(self.raw_post(start=b"POST http://evil.example/v1/chat/completions HTTP/1.1"), (400, 421))

    def test_h16_other_methods(self) -> None:
        for start in (
            b"CONNECT x:443 HTTP/1.1",
            b"TRACE /v1/models HTTP/1.1",
            b"GET * HTTP/1.1",
            b"BREW /v1/models HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
        ):
            with self.subTest(start):
                connection = self.own(self.shared.connect())
                connection.send(start + b"\r\nHost: x:443\r\nX-Echo: canary-echo\r\n\r\n")
                connection.half_close()
                answer = connection.read_rest()
                self.assertNotIn(b"canary-echo", answer)
                self.assertFalse(
                    start.startswith((b"CONNECT", b"TRACE", b"GET")) and answer.startswith(b"HTTP/1.1 2"), answer[:100]
                )

    def test_h16_a_refused_head_gets_no_body(self) -> None:
        for rest in (b"", b"Host: x\r\nContent-Length: x\r\n", b"Host: x\r\nbad line\r\n"):
            with self.subTest(rest):
                connection = self.own(self.shared.connect())
                connection.send(b"HEAD /v1/models HTTP/1.1\r\n" + rest + b"\r\n")
                connection.half_close()
                head, _, body = connection.read_rest().partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 400 "), head[:100])
                self.assertEqual(body, b"")

    def test_h17_targets(self) -> None:
        for target in (b"/v1/chat/completions#x", b"v1/models", b"/v1/mod\xc3\xa9ls", b"/v1/%zz", b"/v1/models%00"):
            status, _ = self.exchange(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(status, {400, 401, 404, 0}, target)

    def test_h18_versions(self) -> None:
        for start in (
            b"GET /health/live",
            b"GET /health/live HTTP/1.2",
            b"GET /health/live http/1.1",
            b"GET /health/live HTTP/2.0",
            b"OPTIONS * RTSP/1.0",
            b"PRI * HTTP/2.0",
            b"GET /health/live HTTP/01.1",
            b"GET  /health/live HTTP/1.1",
            b"GET /health/live  HTTP/1.1",
            b"GET /health/live HTTP/1.1 ",
        ):
            self.refused(start + b"\r\nHost: x\r\n\r\n", (400, 501, 505))

    def test_h19_other_protocols(self) -> None:
        for raw in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
            b"SSH-2.0-x\r\n",
            b"EHLO x\r\n",
            b"*1\r\n$4\r\nPING\r\n",
        ):
            self.refused(raw, ANY_REFUSAL)


if __name__ == "__main__":
    main()
