"""Limits and deadlines of the listener: 413, 431, 408, and the connections behind them (H8, H27, J10, J14, S)."""

from __future__ import annotations

import threading
import time

from waybill_harness import (
    Answer,
    ConnectionClosed,
    End,
    HarnessTestCase,
    HttpConnection,
    canned,
    chat_request,
    main,
    request_bytes,
    settings_for,
    wait_until,
)

LIMITS = {
    "header_bytes": 8192,
    "body_bytes": 65536,
    "header_timeout": "600ms",
    "body_timeout": "600ms",
    "idle_timeout": "75s",  # or it would close what a refusal leaves open
}


class Limits(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon(settings_for(self.provider, limits=LIMITS))
        self.auth = [("Authorization", f"Bearer {self.server.key}"), ("Content-Type", "application/json")]

    def raw(self, data: bytes) -> tuple[int, HttpConnection]:
        connection = self.own(self.server.connect())
        connection.send_pieces([data])
        try:
            return connection.read_response().status, connection
        except ConnectionClosed:
            return 0, connection

    def test_h8_a_length_above_the_limit_is_refused_before_any_body(self) -> None:
        head = request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, ("Content-Length", "65537")])
        status, connection = self.raw(head)
        self.assertEqual(status, 413)
        self.assertTrue(connection.peer_closed())
        self.assertEqual(len(self.provider.requests), 0)

    def test_j10_a_chunked_body_is_refused_once_it_passes_the_limit(self) -> None:
        with self.server.connect() as connection:
            connection.send(
                request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, ("Transfer-Encoding", "chunked")])
            )
            connection.send_pieces([canned.chunk(b" " * 8192)] * 12)
            try:
                self.assert_error(connection.read_response(), 413)
            except ConnectionClosed:
                pass  # the refusal may be overtaken by the reset of what we still sent
        self.assertEqual(len(self.provider.requests), 0)

    def test_a_body_at_the_limit_passes(self) -> None:
        frame = b'{"model":"demo/model","messages":[{"role":"user","content":"%s"}]}'
        body = frame % (b"x" * (65536 - len(frame) + 2))
        self.assertEqual(len(body), 65536)
        self.assertEqual(self.server.request("POST", "/v1/chat/completions", body=body).status, 200)
        self.assertEqual(self.server.request("POST", "/v1/chat/completions", body=body + b" ").status, 413)

    def test_h27_too_much_head_is_a_431(self) -> None:
        many = [(f"X-{i}", "v") for i in range(101)]
        for headers in ([("X-Long", "x" * 9000)], many):
            status, connection = self.raw(request_bytes("GET", "/v1/models", headers=[*self.auth, *headers]))
            self.assertEqual(status, 431)
            self.assertTrue(connection.peer_closed())
        self.assertEqual(self.server.request("GET", "/v1/models", headers=many[:90]).status, 200)

    def test_a_long_target_is_a_414_or_431(self) -> None:
        status, _ = self.raw(request_bytes("GET", "/v1/models?" + "x" * 20000, headers=self.auth))
        self.assertIn(status, (400, 414, 431))

    def test_s1_a_head_that_never_ends_is_cut_at_its_deadline(self) -> None:
        began = time.monotonic()
        status, connection = self.raw(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Sl")
        self.assertIn(status, (408, 0))
        self.assertTrue(connection.peer_closed())
        self.assertGreater(time.monotonic() - began, 0.4)

    def test_j14_a_body_that_never_ends_is_a_408(self) -> None:
        head = request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, ("Content-Length", "100")])
        status, connection = self.raw(head + b'{"model"')
        self.assertEqual(status, 408)
        self.assertTrue(connection.peer_closed())

    def test_j14_a_body_that_is_cut_by_the_client_reaches_nobody(self) -> None:
        with self.server.connect() as connection:
            connection.send(
                request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, ("Content-Length", "100")]) + b"{"
            )
            connection.half_close()
            answer = connection.read_rest()
        self.assertNotIn(b"HTTP/1.1 200", answer)
        self.assertEqual(len(self.provider.requests), 0)

    def test_s8_a_silent_connection_is_closed(self) -> None:
        with self.server.connect() as connection:
            self.assertTrue(connection.peer_closed())

    def test_s8_an_idle_keep_alive_connection_is_closed(self) -> None:
        server = self.daemon(settings_for(self.provider, limits={"idle_timeout": "600ms"}))
        with server.connect() as connection:
            self.assertEqual(connection.request("GET", "/health/live").status, 200)
            self.assertTrue(connection.peer_closed())

    def test_h28_continue_is_said_only_after_the_checks(self) -> None:
        expect = ("Expect", "100-continue")
        body = b'{"model":"demo/model","messages":[{"role":"user","content":"hi"}]}'
        with self.server.connect() as connection:
            connection.send(
                request_bytes(
                    "POST", "/v1/chat/completions", headers=[*self.auth, expect, ("Content-Length", str(len(body)))]
                )
            )
            connection.socket.settimeout(5)
            self.assertTrue(connection.socket.recv(100).startswith(b"HTTP/1.1 100"))
            connection.send(body)
            self.assertEqual(connection.read_response().status, 200)
        status, _ = self.raw(
            request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, expect, ("Content-Length", "70000")])
        )
        self.assertEqual(status, 413)
        bad = [("Authorization", "Bearer sk-wb-no"), expect, ("Content-Length", str(len(body)))]
        status, _ = self.raw(request_bytes("POST", "/v1/chat/completions", headers=bad))
        self.assertEqual(status, 401)
        status, _ = self.raw(
            request_bytes(
                "POST", "/v1/chat/completions", headers=[*self.auth, ("Expect", "magic"), ("Content-Length", "2")]
            )
            + b"{}"
        )
        self.assertEqual(status, 417)

    def test_connections_beyond_the_limit_wait_or_are_refused_and_others_live_on(self) -> None:
        server = self.daemon(settings_for(self.provider, limits={"max_connections": 20}))
        held = [self.own(server.connect()) for _ in range(40)]
        for connection in held:
            connection.close()

        def served() -> bool:
            try:
                return server.request("GET", "/health/live", key="").status == 200
            except (ConnectionClosed, OSError):
                return False  # the daemon has not seen all of them go yet

        wait_until(served, "service after the crowd")

    def test_concurrent_requests_beyond_the_limit_are_refused_fast(self) -> None:
        self.provider.script(Answer((), End.HOLD))
        server = self.daemon(settings_for(self.provider, limits={"max_concurrent_requests": 4}, workers=1))
        held = [self.own(server.connect()) for _ in range(4)]
        for connection in held:
            connection.send(chat_request(server.key))
        self.provider.wait_for_requests(4)
        answer = server.chat()
        self.assertIn(answer.status, (429, 503))
        self.assertIsNotNone(answer.header("retry-after"))

    def test_who_has_no_key_takes_no_place(self) -> None:
        self.provider.script(canned.plain("hello"))
        server = self.daemon(settings_for(self.provider, limits={"max_concurrent_requests": 2}, workers=1))
        for _ in range(4):  # each is refused, and its body waited for
            connection = self.own(server.connect())
            connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"
                            b"Content-Type: application/json\r\n\r\n{")
        self.assertEqual(server.chat().status, 200)

    def test_fewer_concurrent_requests_than_workers_are_as_many_as_said(self) -> None:
        gate = threading.Event()
        self.provider.script(Answer((gate, canned.plain("let through"))))
        server = self.daemon(settings_for(self.provider, limits={"max_concurrent_requests": 2}, workers=4))
        held = [self.own(server.connect()) for _ in range(8)]
        for connection in held:
            connection.send(chat_request(server.key))
        wait_until(lambda: server.metric('waybill_requests_total{route="chat_completions"') == 6, "the refusals")
        gate.set()
        statuses = sorted(connection.read_response().status for connection in held)
        self.assertEqual(statuses, [200] * 2 + [503] * 6)
        self.assertEqual(server.chat().status, 200, "the places come back")

    def test_fewer_connections_than_workers_are_as_many_as_said(self) -> None:
        server = self.daemon(settings_for(self.provider, limits={"max_connections": 3}, workers=4))
        for _ in range(3):
            held = self.own(server.connect())
            self.assertEqual(held.request("GET", "/health/live").status, 200)

        def served() -> bool:
            try:
                return server.request("GET", "/health/live", key="").status == 200
            except (ConnectionClosed, OSError):
                return False

        self.assertEqual([served() for _ in range(8)], [False] * 8)
        held.close()
        wait_until(served, "the place that was given up")

    def test_j10_the_bodies_of_all_requests_together_are_bounded(self) -> None:
        def request(size: int) -> bytes:
            return chat_request(server.key, messages=[{"role": "user", "content": "x" * size}])

        gate = threading.Event()
        self.provider.script(Answer((gate, canned.plain())))
        server = self.daemon(
            settings_for(self.provider, limits={"body_bytes": "1MiB", "all_body_bytes": "1MiB"}, workers=4)
        )
        held = self.own(server.connect())
        held.send(request(750_000))
        self.provider.wait_for_requests(1)
        for _ in range(8):  # each on its own connection: the kernel spreads them over the workers
            with server.connect() as connection:
                connection.send(request(400_000))
                answer = connection.read_response()
            self.assertEqual(self.assert_error(answer, 503)["type"], "request_bodies_full")
            self.assertIsNotNone(answer.header("retry-after"))
        small = self.own(server.connect())
        small.send(request(60_000))  # fits the read buffer: not counted
        self.provider.wait_for_requests(2)
        gate.set()
        self.assertEqual([held.read_response().status, small.read_response().status], [200, 200])
        with server.connect() as connection:
            connection.send(request(750_000))
            self.assertEqual(connection.read_response().status, 200, "the memory comes back")


if __name__ == "__main__":
    main()
