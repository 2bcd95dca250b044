"""JSON and bodies from clients: attack rows J1 to J17, each named.  The corpora are replayed by tests/hostile."""

from __future__ import annotations

import gzip
import time

from waybill_harness import (
    ConnectionClosed,
    Daemon,
    HarnessTestCase,
    MockUpstream,
    canned,
    json,
    main,
    request_bytes,
    settings_for,
)

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'


def body(extra: bytes = b"") -> bytes:
    return b'{"model":"demo/model",' + MESSAGES + (b"," + extra if extra else b"") + b"}"


class Bodies(HarnessTestCase):
    shared: Daemon
    provider: MockUpstream

    @classmethod
    def setUpClass(cls) -> None:
        cls.provider = cls.enterClassContext(MockUpstream(canned.plain()))
        cls.shared = cls.enterClassContext(Daemon(settings_for(cls.provider)))

    def setUp(self) -> None:
        super().setUp()
        self.provider.script(canned.plain())

    def post(self, data: bytes, **members: object):  # noqa: ANN201
        return self.shared.request("POST", "/v1/chat/completions", body=data, **members)

    def refused(self, data: bytes, kind: str | None = None, status: int = 400) -> None:
        with self.subTest(data[:80]):
            seen = len(self.provider.requests)
            error = self.assert_error(self.post(data), status, kind)
            self.assertEqual(len(self.provider.requests), seen)
            self.assertLess(len(error["message"]), 1000)

    def accepted(self, data: bytes) -> bytes:
        with self.subTest(data[:80]):
            answer = self.post(data)
            self.assertEqual(answer.status, 200, answer.body[:300])
        return self.provider.requests[-1].body

    def test_j1_j9_what_is_not_json(self) -> None:
        for data in (
            b"",
            b"   ",
            b"{",
            b"nul",
            b"{}{}",
            b"{} x",
            b'{"a":1,}',
            b"{'a':1}",
            b"// x\n{}",
            b"{/**/}",
            b"{a:1}",
            body()[:-1],
            body() + b"]",
            b"\0",
        ):
            self.refused(data, "invalid_json")
        for data in (b"[]", b'"x"', b"5", b"null"):
            self.refused(data, "invalid_request")

    def test_j2_depth(self) -> None:
        self.accepted(body(b'"x":' + b"[" * 60 + b"]" * 60))
        for depth in (100, 1000, 100_000, 1_000_000):
            self.refused(body(b'"x":' + b"[" * depth + b"]" * depth))
            self.refused(b"[" * depth)

    def test_j3_numbers(self) -> None:
        for number in (b"NaN", b"Infinity", b"-Infinity", b"01", b"0x10", b"+1", b".5", b"1.", b"1e", b"--1"):
            self.refused(body(b'"x":' + number), "invalid_json")
        for number in (b"9007199254740993", b"18446744073709551616", b"-0", b"1.0", b"1E+2"):
            self.assertIn(b'"x":' + number, self.accepted(body(b'"x":' + number)))

    def test_j4_repeated_members(self) -> None:
        for extra in (
            b'"model":"demo/other"',
            b'"mod\\u0065l":"demo/other"',
            b'"stream":false,"stream":true',
            b'"max_tokens":1,"max_tokens":100000',
        ):
            self.refused(body(extra))
        self.refused(body(b'"Model":"evil"'))  # a case variant could count for a laxer upstream
        self.accepted(body(b'"x":1,"x":2'))

    def test_j5_j6_text_that_is_no_unicode(self) -> None:
        for text in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"):
            self.refused(body(b'"x":"' + text + b'"'))
        for text in (b"\\ud800", b"\\udc00", b"\\ud800\\u0041"):
            with self.subTest(text):
                self.assertIn(self.post(body(b'"x":"' + text + b'"')).status, (200, 400))
                answer = self.post(b'{"model":"' + text + b'",' + MESSAGES + b"}")
                self.assertIn(answer.status, (400, 404))
                answer.body.decode("utf-8")

    def test_j7_nul_characters(self) -> None:
        self.assertIn(
            b"a\\u0000b", self.accepted(b'{"model":"demo/model","messages":[{"role":"user","content":"a\\u0000b"}]}')
        )
        for member in (b'"model":"a\\u0000"', b'"user":"a\\u0000"'):
            answer = self.post(
                b"{" + member + (b"," if b"user" not in member else b',"model":"demo/model",') + MESSAGES + b"}"
            )
            self.assertIn(answer.status, (400, 404))
        self.shared.verify_ledger()

    def test_j8_other_encodings(self) -> None:
        text = body().decode()
        self.assertIn(self.post(b"\xef\xbb\xbf" + body()).status, (200, 400))
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            self.refused(text.encode(encoding))

    def test_j11_many_members_messages_and_tools(self) -> None:
        began = time.monotonic()
        self.accepted(body(b",".join(b'"k%d":1' % i for i in range(20_000))))
        message = b'{"role":"user","content":"x"}'
        self.refused(b'{"model":"demo/model","messages":[' + b",".join([message] * 10_001) + b"]}")
        tool = b'{"type":"function","function":{"name":"f"}}'
        self.refused(body(b'"tools":[' + b",".join([tool] * 1_001) + b"]"))
        self.assertLess(time.monotonic() - began, 5)

    def test_j12_content_types(self) -> None:
        for kind, statuses in (
            ("application/json; charset=utf-8", (200,)),
            ("application/json;charset=UTF-8", (200,)),
            ("text/plain", (200, 415)),
            ("application/json; charset=utf-16", (400, 415)),
            ("multipart/form-data; boundary=x", (400, 415)),
            ("application/x-www-form-urlencoded", (400, 415)),
        ):
            with self.subTest(kind):
                self.assertIn(self.post(body(), headers=[("Content-Type", kind)]).status, statuses)

    def test_j13_compressed_bodies(self) -> None:
        bomb = gzip.compress(b" " * (200 << 20))
        before = self.shared.rss_bytes()
        for encoding, data in (
            ("gzip", gzip.compress(body())),
            ("gzip", bomb),
            ("deflate", bomb),
            ("br", b"\x1b"),
            ("zstd", b"x"),
            ("gzip, gzip", bomb),
            ("unheard-of", body()),
            ("gzip", gzip.compress(body())[:-4]),
        ):
            with self.subTest(encoding=encoding, bytes=len(data)):
                answer = self.post(data, headers=[("Content-Encoding", encoding)])
                self.assertIn(answer.status, (400, 413, 415))
                self.assert_error(answer, answer.status)
        self.assertIn(self.post(body(), headers=[("Content-Encoding", "identity")]).status, (200, 415))
        self.assertLess(self.shared.rss_bytes() - before, 32 << 20)

    def test_j15_media_in_data_urls(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000_000}}
        data = json.dumps({"model": "demo/model", "messages": [{"role": "user", "content": [image]}]}).encode()
        self.assertIn(b"A" * 4_000_000, self.accepted(data))

    def test_j15_media_is_bounded_in_bytes_and_never_decoded(self) -> None:
        def asking(*urls: str) -> bytes:
            parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
            return json.dumps({"model": "demo/model", "messages": [{"role": "user", "content": parts}]}).encode()

        broken = "data:image/png;base64,@@not base64@@"
        self.assertIn(broken.encode(), self.accepted(asking(broken)))
        self.accepted(asking(*["data:image/png;base64,AAAA"] * 1000))
        self.accepted(asking("data:image/png;base64," + "A" * 30_000_000))
        before = self.shared.rss_bytes()
        seen = len(self.provider.requests)
        with self.shared.connect() as connection:
            raw = asking("data:image/png;base64," + "A" * (33 << 20))
            auth = [("Authorization", f"Bearer {self.shared.key}"), ("Content-Type", "application/json")]
            connection.send_pieces([request_bytes("POST", "/v1/chat/completions", headers=auth, body=raw)])
            try:
                self.assert_error(connection.read_response(), 413)
            except ConnectionClosed:
                pass  # the refusal may be overtaken by the reset of what we still sent
        self.assertEqual(len(self.provider.requests), seen)
        self.assertLess(self.shared.rss_bytes() - before, 64 << 20)

    def test_j16_names_of_javascript_are_plain_names(self) -> None:
        self.assertIn(
            b'"__proto__":{"a":1},"constructor":1', self.accepted(body(b'"__proto__":{"a":1},"constructor":1'))
        )

    def test_j17_unowned_members_are_forwarded_as_written(self) -> None:
        odd = b'"z": 1.0 ,"a":-0,"e":1e0, "s":"\\u0041\\/"'
        self.assertIn(odd, self.accepted(body(odd)))


if __name__ == "__main__":
    main()
