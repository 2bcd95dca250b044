"""A client's Idempotency-Key: of one request sent twice, one is served and charged (attack row B11)."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from waybill_harness import (
    PRICE,
    Answer,
    End,
    HarnessTestCase,
    HttpConnection,
    Response,
    canned,
    cost_of,
    generation_id,
    json,
    main,
    request_bytes,
    settings_for,
    wait_until,
)

REPEATED, IN_FLIGHT, CONFLICT = "idempotency_repeated", "idempotency_in_flight", "idempotency_conflict"
MESSAGES = [{"role": "user", "content": "Say hello."}]
CHAT = "/v1/chat/completions"


def completion() -> bytes:
    body = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop", "logprobs": None}],
        "usage": canned.USAGE,
    }
    return canned.http_response(200, json.dumps(body).encode())


def embedding() -> bytes:
    body = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "model": "m",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    return canned.http_response(200, json.dumps(body).encode())


def chat(**members: Any) -> bytes:
    """Equal members, equal bytes."""
    return json.dumps({"model": "demo/model", "messages": MESSAGES, **members}).encode()


class Idempotency(HarnessTestCase):
    def start(self, *script: Any, **members: Any) -> None:
        self.provider = self.upstream(*(script or (canned.plain(),)))
        self.server = self.daemon(settings_for(self.provider, **members))

    def ask(
        self, name: str | None = "order-1", *, key: str | None = None, headers: Any = (), **members: Any
    ) -> Response:
        """A chat request with this Idempotency-Key, on a connection of its own."""
        fields = [*headers, *([] if name is None else [("Idempotency-Key", name)])]
        return self.server.request("POST", CHAT, body=chat(**members), headers=fields, key=key)

    def sent(self) -> int:
        """How often the provider was asked."""
        return len(self.provider.requests)

    def request(self, name: str, **members: Any) -> bytes:
        """The same as bytes."""
        fields = [
            ("Authorization", f"Bearer {self.server.key}"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", name),
        ]
        return request_bytes("POST", CHAT, body=chat(**members), headers=fields)

    def open(self, name: str, **members: Any) -> HttpConnection:
        """The same on its way, its answer not read."""
        connection = self.own(self.server.connect())
        connection.send(self.request(name, **members))
        return connection

    def assert_repeated(self, answer: Response, first: str) -> dict[str, Any]:
        error = self.assert_error(answer, 409, REPEATED)
        self.assertEqual(error["metadata"]["generation_id"], first)
        self.assertEqual(generation_id(answer), first)
        self.assertEqual(answer.header("x-should-retry"), "false", "OpenAI's SDKs would try a 409 again")
        self.assertIsNone(answer.header("retry-after"))
        return error["metadata"]

    # ------------------------------------------------------------ finished

    def test_b11_a_repeat_is_told_what_became_of_the_first(self) -> None:
        self.start()
        first = self.ask()
        self.assertEqual(first.status, 200, first.body)
        for _ in range(2):
            told = self.assert_repeated(self.ask(), generation_id(first))
            self.assertEqual(told["outcome"], "ok")
            self.assertEqual(told["status"], 200)
            usage = first.json()["usage"]
            self.assertEqual(told["usage"]["prompt_tokens"], usage["prompt_tokens"])
            self.assertEqual(told["usage"]["completion_tokens"], usage["completion_tokens"])
            self.assertEqual(Decimal(str(told["cost"])), cost_of(usage))
            self.assertEqual(Decimal(str(told["usage"]["cost"])), cost_of(usage))
        self.assertEqual(self.sent(), 1)

    def test_without_the_header_the_same_request_is_served_again(self) -> None:
        self.start()
        self.assertEqual([self.ask(None).status for _ in range(2)], [200, 200])
        self.assertEqual(self.sent(), 2)

    def test_b11_a_stream_is_repeated_as_little_as_a_body(self) -> None:
        self.start(canned.stream())
        first = self.ask(stream=True)
        self.assert_clean_stream(first)
        told = self.assert_repeated(self.ask(stream=True), generation_id(first))
        self.assertEqual(told["usage"]["completion_tokens"], canned.USAGE["completion_tokens"])
        self.assertEqual(self.sent(), 1)

    def test_b11_every_endpoint_under_both_prefixes(self) -> None:
        self.start()
        calls = {
            "/chat/completions": ({"messages": MESSAGES}, canned.plain()),
            "/completions": ({"prompt": "Say hello."}, completion()),
            "/embeddings": ({"input": "hello"}, embedding()),
        }
        for path, (members, answer) in calls.items():
            with self.subTest(path):
                self.provider.script(answer)
                body = {"model": "demo/model", **members}
                header = [("Idempotency-Key", path)]
                first = self.server.request("POST", "/v1" + path, body=body, headers=header)
                self.assertEqual(first.status, 200, first.body)
                again = self.server.request("POST", "/api/v1" + path, body=body, headers=header)
                self.assert_repeated(again, generation_id(first))
                self.assertEqual(self.sent(), 1)

    def test_b11_another_endpoint_is_another_request(self) -> None:
        self.start(completion())
        body = {"model": "demo/model", "prompt": "Say hello.", "messages": MESSAGES}
        header = [("Idempotency-Key", "k")]
        first = self.server.request("POST", "/v1/completions", body=body, headers=header)
        self.assertEqual(first.status, 200, first.body)
        self.assert_error(self.server.request("POST", CHAT, body=body, headers=header), 422, CONFLICT)

    def test_b11_another_body_is_refused(self) -> None:
        self.start()
        first = self.ask()
        self.assertEqual(first.status, 200)
        bye = [{"role": "user", "content": "Say bye."}]
        for members in ({"temperature": 0.5}, {"messages": bye}, {"stream": True}):
            error = self.assert_error(self.ask(**members), 422, CONFLICT)
            self.assertEqual(error["metadata"]["error_type"], "unprocessable")
            self.assertEqual(error["metadata"]["generation_id"], generation_id(first))
        self.assertEqual(self.sent(), 1)

    def test_b11_the_keys_of_two_tenants_never_meet(self) -> None:
        self.start()
        other = self.server.create_key("other")["key"]
        first, second = self.ask(), self.ask(key=other, temperature=0.5)
        self.assertEqual([first.status, second.status], [200, 200], second.body)
        self.assert_repeated(self.ask(), generation_id(first))
        self.assert_repeated(self.ask(key=other, temperature=0.5), generation_id(second))
        self.assertEqual(self.sent(), 2)

    def test_b11_pipelined_the_second_meets_the_first(self) -> None:
        self.start()
        connection = self.own(self.server.connect())
        connection.send(self.request("pipe") * 2 + self.request("pipe", temperature=1))
        first, again, other = (connection.read_response() for _ in range(3))
        self.assertEqual(first.status, 200, first.body)
        self.assert_repeated(again, generation_id(first))
        self.assert_error(other, 422, CONFLICT)
        self.assertEqual(self.sent(), 1)

    # ------------------------------------------------------------ in flight

    def test_b11_a_repeat_in_flight_is_told_to_wait(self) -> None:
        go = threading.Event()
        self.start(Answer((go, canned.plain())))
        first = self.open("slow")
        self.provider.wait_for_requests(1)
        waiting = self.own(self.server.connect())
        waiting.send(self.request("slow"))
        told = waiting.read_response()
        error = self.assert_error(told, 409, IN_FLIGHT)
        self.assertGreaterEqual(int(told.header("retry-after") or 0), 1)
        self.assertIsNone(told.header("x-should-retry"), "a later try may be answered otherwise")
        waiting.send(self.request("slow", temperature=1))
        self.assert_error(waiting.read_response(), 422, CONFLICT)
        go.set()
        answer = first.read_response()
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(error["metadata"]["generation_id"], generation_id(answer))
        waiting.send(self.request("slow"))
        self.assert_repeated(waiting.read_response(), generation_id(answer))
        self.assertEqual(self.sent(), 1)

    def test_b11_of_many_at_once_one_is_sent(self) -> None:
        for streamed in (False, True):
            go = threading.Event()
            self.start(Answer((go, canned.stream() if streamed else canned.plain())))
            connections = [self.own(self.server.connect()) for _ in range(16)]
            for connection in connections:  # over both workers
                connection.send(self.request("rush", stream=streamed))
            statuses: list[int] = []

            def read(connection: HttpConnection) -> None:
                statuses.append(connection.read_response().status)

            readers = [threading.Thread(target=read, args=(connection,)) for connection in connections]
            for reader in readers:
                reader.start()
            wait_until(lambda: len(statuses) == 15, "the repeats' answers")
            self.assertEqual(set(statuses), {409})
            go.set()
            for reader in readers:
                reader.join()
            self.assertEqual(sorted(statuses), [200] + [409] * 15)
            self.assertEqual(self.sent(), 1)

    # ------------------------------------------------------------ what leaves the key free

    def test_b11_a_refused_request_leaves_its_key_free(self) -> None:
        self.start()
        bound = self.server.create_key("bound", "--allow-model", "other/*")["key"]
        header = [("Idempotency-Key", "order-1")]
        self.assert_error(self.server.request("POST", CHAT, body=b"{", headers=header), 400, "invalid_json")
        self.assert_error(self.ask(temperature="hot"), 400, "invalid_request")
        self.assert_error(self.ask(model="demo/none"), 404, "model_not_found")
        self.assert_error(self.ask(key=bound), 403, "model_not_allowed")
        self.assert_error(self.ask(key="sk-wb-nobody"), 401, "invalid_api_key")
        plain = [*header, ("Content-Type", "text/plain")]
        self.assert_error(self.server.request("POST", CHAT, body=b"{}", headers=plain), 415, "unsupported_media_type")
        self.assertEqual(self.sent(), 0)
        self.assertEqual(self.ask().status, 200)

    def test_b11_a_retry_after_a_failure_is_served(self) -> None:
        """As OpenAI's SDKs retry: the same body, the same key, a retry count."""
        self.start()
        for failure, status in (
            (canned.error(500), 502),
            (canned.error(401), 502),
            (canned.error(402), 502),
            (canned.error(429), 429),
            (canned.error(400), 400),
            (Answer((), End.CLOSE), 502),
            (canned.http_response(200, b""), 502),
        ):
            for streamed in (False, True):
                key = f"stainless-node-retry-{status}-{streamed}-{self.sent()}-{id(failure)}"
                good = canned.stream() if streamed else canned.plain()
                with self.subTest(key):
                    self.provider.script(failure, failure, good)
                    first = self.ask(key, stream=streamed, headers=[("X-Stainless-Retry-Count", "0")])
                    self.assertEqual(first.status, status, first.body)
                    asked = self.sent()
                    self.provider.script(good)
                    again = self.ask(key, stream=streamed, headers=[("X-Stainless-Retry-Count", "1")])
                    self.assertEqual(again.status, 200, again.body)
                    self.assertGreaterEqual(asked, 1)
                    self.assertEqual(self.sent(), 1)
                    self.assert_repeated(self.ask(key, stream=streamed), generation_id(again))
        self.server.verify_ledger()

    def test_b11_nothing_sent_leaves_the_key_free(self) -> None:
        self.start()
        self.provider.close()
        failed = self.ask()
        self.assertEqual(failed.status, 502, failed.body)
        revived = self.upstream(canned.plain())
        settings = settings_for(revived)
        self.server.write_settings(settings)
        self.server.reload()
        self.assertEqual(self.ask().status, 200)

    def test_b11_a_client_that_left_before_the_answer_may_ask_again(self) -> None:
        self.start(Answer((), End.HOLD))
        first = self.open("left")
        (seen,) = self.provider.wait_for_requests(1)
        first.close()
        self.assertTrue(seen.gone.wait(10))
        self.provider.script(canned.plain())
        wait_until(lambda: self.ask("left").status == 200, "the key to be free again")
        self.assertEqual(self.sent(), 1)

    def test_b11_a_client_that_left_during_the_answer_was_charged(self) -> None:
        events = canned.chunk(canned.event(canned.delta("word " * 30)))
        self.start(Answer((canned.stream_head() + events,), End.HOLD))
        first = self.open("left", stream=True)
        head = first.read_head()
        next(first.body_pieces(head))
        first.close()

        def repeated() -> bool:
            answer = self.ask("left", stream=True)
            self.assertEqual(answer.status, 409, answer.body)
            if answer.error()["type"] == IN_FLIGHT:
                return False
            told = self.assert_repeated(answer, generation_id(head))
            self.assertEqual(told["outcome"], "cancelled")
            self.assertEqual(told["usage"]["completion_tokens"], 50)
            return True

        wait_until(repeated, "the settlement")
        self.assertEqual(self.sent(), 1)

    def test_b11_a_stream_that_broke_after_content_stands(self) -> None:
        self.start(Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta("some words"))),), End.CLOSE))
        first = self.ask(stream=True)
        self.assert_failed_stream(first)
        told = self.assert_repeated(self.ask(stream=True), generation_id(first))
        self.assertEqual(told["outcome"], "partial")
        self.assertGreater(told["cost"], 0)
        self.assertEqual(self.sent(), 1)

    # ------------------------------------------------------------ restarts

    def test_b11_known_after_a_restart_and_after_a_kill(self) -> None:
        self.start()
        first = self.ask()
        self.assertEqual(first.status, 200)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.assert_repeated(self.ask(), generation_id(first))
        second = self.ask("order-2")
        self.assertEqual(second.status, 200)
        self.server.kill()
        self.server.start()
        self.assert_repeated(self.ask(), generation_id(first))
        self.assert_repeated(self.ask("order-2"), generation_id(second))
        self.assert_error(self.ask("order-2", temperature=1), 422, CONFLICT)
        self.assertEqual(self.sent(), 2)
        self.server.verify_ledger()

    def test_b11_after_a_kill_in_mid_stream_the_recovered_state_is_told(self) -> None:
        text = "word " * 200
        self.start(Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta(text))),), End.HOLD))
        connection = self.open("cut", stream=True)
        head = connection.read_head()
        pieces, had = connection.body_pieces(head), b""
        while text.encode() not in had:
            had += next(pieces)
        self.server.kill()
        self.server.start()
        again = self.own(self.server.connect())
        again.send(self.request("cut", stream=True))
        told = self.assert_repeated(again.read_response(), generation_id(head))
        self.assertEqual(told["outcome"], "partial")
        self.assertEqual(told["usage"]["completion_tokens"], -(-len(text) // 3))
        self.assertGreaterEqual(Decimal(str(told["cost"])), Decimal(PRICE["completion"]) * (len(text) // 3) / 1_000_000)
        again.send(self.request("cut", stream=True, temperature=1))
        self.assert_error(again.read_response(), 422, CONFLICT)
        self.assertEqual(self.sent(), 1)
        self.server.verify_ledger()

    def test_b11_after_a_kill_before_any_content_the_request_may_come_again(self) -> None:
        self.start(Answer((), End.HOLD))
        self.open("lost")
        self.provider.wait_for_requests(1)
        self.server.kill()
        self.server.start()
        self.provider.script(canned.plain())
        answer = self.own(self.server.connect())
        answer.send(self.request("lost"))
        first = answer.read_response()
        self.assertEqual(first.status, 200, first.body)
        answer.send(self.request("lost"))
        self.assert_repeated(answer.read_response(), generation_id(first))
        self.server.verify_ledger()

    # ------------------------------------------------------------ the header

    def test_b11_malformed_keys_are_refused(self) -> None:
        self.start()
        header = "Idempotency-Key"
        cases: dict[str, list[tuple[str, str]]] = {
            "empty": [(header, "")],
            "too long": [(header, "k" * 256)],
            "with a blank": [(header, "a b")],
            "with a tab": [(header, "a\tb")],
            "not ASCII": [(header, "schl\u00fcssel")],
            "twice": [(header, "a"), (header, "b")],
            "twice the same": [(header, "a"), ("idempotency-key", "a")],
        }
        for name, headers in cases.items():
            with self.subTest(name):
                error = self.assert_error(self.server.chat(headers=headers), 400, "idempotency_key_invalid")
                self.assertIn(header, error["message"])
        self.assertEqual(self.sent(), 0)
        for key in ("k" * 255, "!", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~"):
            self.assertEqual(self.server.chat(headers=[(header, key)]).status, 200, key)

    def test_a_full_index_refuses_new_keys_and_serves_the_rest(self) -> None:
        self.start(idempotency={"max_keys": 1})
        first = self.ask()
        self.assertEqual(first.status, 200)
        full = self.ask("order-2")
        self.assert_error(full, 503, "idempotency_keys_full")
        self.assertTrue(full.header("retry-after"))
        self.assert_repeated(self.ask(), generation_id(first))
        self.assertEqual(self.ask(None).status, 200)
        self.assertEqual(self.sent(), 2)

    def test_the_keys_text_is_written_nowhere(self) -> None:
        self.start()
        canary = "idempotency-canary-5d1f"
        self.assertEqual(self.ask(canary).status, 200)
        self.assertEqual(self.ask(canary).status, 409)
        self.server.kill()
        for file in self.server.folder.rglob("*"):
            if file.is_file():
                self.assertNotIn(canary.encode(), file.read_bytes(), file.name)
        self.server.start()


if __name__ == "__main__":
    main()
