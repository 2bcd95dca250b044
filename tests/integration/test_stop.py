"""Stopping: SIGTERM drains, a second one hurries, everything is settled, exit code 0 (O4, O5)."""

from __future__ import annotations

import signal
import threading
import time

from waybill_harness import (
    Answer,
    ConnectionClosed,
    HarnessTestCase,
    HttpConnection,
    canned,
    chat_request,
    main,
    settings_for,
    wait_until,
)

FIRST_EVENT = canned.chunk(canned.event(canned.delta("first words")))


class Stop(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.gate = threading.Event()
        self.provider = self.upstream(
            Answer(
                (
                    canned.stream_head() + FIRST_EVENT,
                    self.gate,
                    canned.chunk(canned.events(("last words",))) + canned.LAST_CHUNK,
                )
            )
        )

    def served(self, drain: str):  # noqa: ANN201 - a daemon
        self.server = self.daemon(settings_for(self.provider, shutdown={"drain": drain}))
        self.server.expected_down = True
        return self.server

    def start_streams(self, count: int) -> list[HttpConnection]:
        connections = [self.own(self.server.connect()) for _ in range(count)]
        for connection in connections:
            connection.send(chat_request(self.server.key, stream=True))
        self.provider.wait_for_requests(count)
        return connections

    def assert_settled(self, ids: list[str]) -> None:
        self.server.verify_ledger()
        self.server.start()
        for generation_id in ids:
            self.server.generation(generation_id)
        self.server.stop()

    def test_an_idle_daemon_stops_at_once(self) -> None:
        for which in (signal.SIGTERM, signal.SIGINT):
            server = self.served("10s")
            idle = self.own(server.connect())
            began = time.monotonic()
            self.assertEqual(server.stop(which), 0, server.log_tail())
            self.assertLess(time.monotonic() - began, 3)
            self.assertTrue(idle.peer_closed())

    def test_o5_running_streams_finish_and_all_are_settled(self) -> None:
        server = self.served("20s")
        connections = self.start_streams(100)
        heads = [connection.read_head() for connection in connections]
        server.signal(signal.SIGTERM)
        wait_until(self.refuses_new, "the listener to close")
        self.gate.set()
        for connection, head in zip(connections, heads):
            head.body = b"".join(connection.body_pieces(head))
            self.assert_clean_stream(head)
            self.assertEqual(head.text(), "first wordslast words")
        self.assertEqual(server.stop(), 0, server.log_tail())
        self.assert_settled([head.header("x-generation-id") or "" for head in heads])

    def test_o5_streams_beyond_the_limit_get_an_error_chunk_and_are_settled(self) -> None:
        server = self.served("300ms")
        connections = self.start_streams(20)
        heads = [connection.read_head() for connection in connections]
        server.signal(signal.SIGTERM)
        for connection, head in zip(connections, heads):
            head.body = b"".join(connection.body_pieces(head))
            self.assert_failed_stream(head)
        self.assertEqual(server.stop(), 0, server.log_tail())
        self.assert_settled([head.header("x-generation-id") or "" for head in heads])

    def test_o4_a_second_sigterm_is_faster(self) -> None:
        server = self.served("60s")
        connections = self.start_streams(5)
        heads = [connection.read_head() for connection in connections]
        server.signal(signal.SIGTERM)
        wait_until(self.refuses_new, "the listener to close")
        began = time.monotonic()
        self.assertEqual(server.stop(signal.SIGTERM), 0, server.log_tail())
        self.assertLess(time.monotonic() - began, 5)
        self.assert_settled([head.header("x-generation-id") or "" for head in heads])

    def test_o4_a_second_sigterm_does_not_wait_for_an_upload(self) -> None:
        server = self.served("60s")
        connection = self.own(server.connect())
        whole = chat_request(server.key)
        connection.send(whole[:-10])
        wait_until(lambda: server.metric("waybill_connections_open") >= 1, "the upload to begin")
        server.signal(signal.SIGTERM)
        wait_until(self.refuses_new, "the listener to close")
        began = time.monotonic()
        self.assertEqual(server.stop(signal.SIGTERM), 0, server.log_tail())
        self.assertLess(time.monotonic() - began, 30)

    def refuses_new(self) -> bool:
        try:
            with HttpConnection(self.server.port, timeout=2) as connection:
                connection.request("GET", "/health/live")
                return False
        except (OSError, ConnectionClosed):
            return True

    def test_a_waiting_request_is_answered_before_the_end(self) -> None:
        server = self.served("20s")
        gate = threading.Event()
        self.provider.script(Answer((gate, canned.plain("in time"))))
        connection = self.own(server.connect())
        connection.send(chat_request(server.key))
        self.provider.wait_for_requests(1)
        server.signal(signal.SIGTERM)
        wait_until(self.refuses_new, "the listener to close")
        gate.set()
        answer = connection.read_response()
        self.assertEqual(answer.text(), "in time")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
