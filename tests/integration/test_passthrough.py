"""Byte fidelity: what Waybill does not own passes as it was written, both ways (J17)."""

from __future__ import annotations

from waybill_harness import (
    HarnessTestCase,
    at_line_ends,
    by_bytes,
    canned,
    generation_id,
    main,
    randomly,
    request_bytes,
    settings_for,
)

# Members nobody knows, odd number spellings, escapes, order and white space.
ODD = (
    rb'"x_unknown" : {"b":1.0,"a":1e0, "z":[ ],"n":-0,"big":9007199254740993,"exp":1E+02 } , "temperature":0.70 ,'
    rb'"seed":12345678901, "x_text":"\u00e9\/\ud83d\ude00 caf\u0065 ' + "é😀".encode() + rb'\u2028", "x_null":null'
)
REQUEST = (
    b'{ "messages" :[ {"content":"h\\u0069  \\n","role":"user","x_extra":[1.50,"\\/"]} ],'
    + ODD
    + b', "model" : "demo/model" %s}'
)
FORWARDED = REQUEST.replace(b'"demo/model"', b'"upstream-model"')


class Requests(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def forwarded(self, body: bytes, **members: object) -> bytes:
        self.provider.script(members.get("answer") or canned.plain())
        answer = self.server.request("POST", "/v1/chat/completions", body=body)
        self.assertEqual(answer.status, 200, answer.body)
        return self.provider.wait_for_requests(1)[0].body

    def test_a_plain_request_differs_only_in_the_model(self) -> None:
        self.assertEqual(self.forwarded(REQUEST % b""), FORWARDED % b"")

    def test_the_output_limit_keeps_the_clients_own_name(self) -> None:
        for member in (b"max_tokens", b"max_completion_tokens"):
            body = REQUEST % (b', "' + member + b'" : 7')
            self.assertEqual(self.forwarded(body), body.replace(b'"demo/model"', b'"upstream-model"'))

    def test_an_output_limit_is_renamed_only_where_a_provider_says_so_and_only_in_chats(self) -> None:
        quirks = {"quirks": {"max_tokens_member": "max_completion_tokens"}}
        server = self.daemon(settings_for(self.provider, provider_members=quirks))
        chat = server.chat(max_tokens=7)
        self.assertEqual(chat.status, 200, chat.body)
        self.assertEqual(self.provider.wait_for_requests(1)[0].json()["max_completion_tokens"], 7)
        self.provider.script(canned.plain())
        server.request("POST", "/v1/completions", body=b'{"model":"demo/model","prompt":"x","max_tokens":7}')
        self.assertEqual(self.provider.wait_for_requests(1)[0].json()["max_tokens"], 7)

    def test_a_streamed_request_gains_only_the_wish_for_usage(self) -> None:
        sent = self.forwarded(REQUEST % b', "stream":true', answer=canned.stream())
        without = sent.replace(b',"stream_options":{"include_usage":true}', b"")
        self.assertNotEqual(sent, without, sent)
        self.assertEqual(without, FORWARDED % b', "stream":true')

    def test_other_stream_options_stay(self) -> None:
        sent = self.forwarded(
            REQUEST % b', "stream":true,"stream_options":{"x":1.0,"include_usage":false}', answer=canned.stream()
        )
        self.assertIn(b'"x":1.0', sent)
        self.assertRegex(sent, rb'"include_usage"\s*:\s*true')

    def test_extension_members_are_cut_wherever_they_stand(self) -> None:
        own = b'"provider":{"sort":"price"},"transforms":[],"usage":{"include":true},"session_id":"s"'
        body = (
            b'{"route":"fallback",'
            + own
            + b',"model":"demo/model","x":1.0,"messages":[{"role":"user","content":"hi"}],"trace":{"a":1}}'
        )
        sent = self.forwarded(body)
        self.assertEqual(sent, b'{"model":"upstream-model","x":1.0,"messages":[{"role":"user","content":"hi"}]}')

    def test_an_escaped_model_name_is_understood(self) -> None:
        body = b'{"model":"demo\\/mod\\u0065l","messages":[{"role":"user","content":"hi"}]}'
        self.assertEqual(self.forwarded(body), body.replace(b"demo\\/mod\\u0065l", b"upstream-model"))

    def test_a_request_split_anywhere_arrives_the_same(self) -> None:
        body = REQUEST % b""
        raw = request_bytes(
            "POST",
            "/v1/chat/completions",
            body=body,
            headers=[("Authorization", f"Bearer {self.server.key}"), ("Content-Type", "application/json")],
        )
        chunked = (
            request_bytes(
                "POST",
                "/v1/chat/completions",
                headers=[
                    ("Authorization", f"Bearer {self.server.key}"),
                    ("Content-Type", "application/json"),
                    ("Transfer-Encoding", "chunked"),
                ],
            )
            + b"".join(canned.chunk(piece) for piece in randomly(body, 3))
            + canned.LAST_CHUNK
        )
        for data in (raw, chunked):
            for pieces in (by_bytes(data), at_line_ends(data), *(randomly(data, seed) for seed in range(5))):
                self.provider.script(canned.plain())
                with self.server.connect() as connection:
                    connection.send_pieces(pieces)
                    self.assertEqual(connection.read_response().status, 200)
                self.assertEqual(self.provider.wait_for_requests(1)[0].body, FORWARDED % b"")

    def test_only_our_own_header_fields_go_upstream(self) -> None:
        self.server.chat(
            headers=[
                ("X-Forwarded-For", "6.6.6.6"),
                ("Cookie", "a=b"),
                ("X-HTTP-Method-Override", "PUT"),
                ("X-Original-URL", "/admin"),
                ("Accept-Encoding", "gzip"),
                ("X-Custom", "c"),
                ("Connection", "X-Custom"),
                ("Openai-Organization", "org-client"),
                ("Range", "bytes=0-1"),
            ]
        )
        sent = self.provider.wait_for_requests(1)[0]
        names = {name.lower() for name, _ in sent.headers()}
        self.assertFalse(
            names
            & {
                "x-forwarded-for",
                "cookie",
                "x-http-method-override",
                "x-original-url",
                "x-custom",
                "openai-organization",
                "range",
                "origin",
                "referer",
            },
            names,
        )
        self.assertEqual(sent.header("content-type"), "application/json")
        self.assertEqual(len([n for n, _ in sent.headers() if n.lower() == "content-length"]), 1)


class Replies(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def test_a_body_differs_only_in_owned_members(self) -> None:
        choices = b'"choices":[ {"index":0 ,"message":{"role":"assistant","content":"caf\\u00e9 \\/ ok","x_more":[1.0,2e0]},"finish_reason":"stop"} ]'
        body = (
            b'{ "id":"up-1",'
            + ODD
            + b' ,"model":"upstream-model", '
            + choices
            + b',"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3} }'
        )
        self.provider.script(canned.http_response(200, body))
        answer = self.server.chat()
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn(ODD, answer.body)
        self.assertIn(choices, answer.body)
        self.assertEqual(answer.json()["id"], generation_id(answer))
        self.assertEqual(answer.json()["model"], "demo/model")

    def test_a_chunk_differs_only_in_owned_members(self) -> None:
        first = b'{"id":"up-1",' + ODD + b' ,"choices":[{"delta":{"content":"a\\u0062"},"index":0,"logprobs":null}]}'
        body = b"data: " + first + b"\r\n\r\n" + canned.events(())
        self.provider.script(canned.stream_head() + canned.chunk(body) + canned.LAST_CHUNK)
        answer = self.server.chat(stream=True)
        self.assert_clean_stream(answer)
        self.assertIn(ODD, answer.body)
        self.assertIn(b'"choices":[{"delta":{"content":"a\\u0062"},"index":0,"logprobs":null}]', answer.body)
        self.assertNotIn(b"\r", answer.body)

    def test_e28_an_upstreams_header_fields_are_not_forwarded(self) -> None:
        self.provider.script(
            canned.http_response(
                200,
                canned.body(),
                headers=[
                    ("Set-Cookie", "a=b"),
                    ("Openai-Organization", "org-1"),
                    ("Server", "secret"),
                    ("Via", "x"),
                    ("X-Secret", "y"),
                    ("Connection", "X-Secret"),
                    ("X-Request-Id", "r"),
                ],
            )
        )
        answer = self.server.chat()
        names = {name.lower() for name, _ in answer.headers}
        self.assertFalse(
            names & {"set-cookie", "openai-organization", "server", "via", "x-secret", "x-request-id"}, names
        )


if __name__ == "__main__":
    main()
