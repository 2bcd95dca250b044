"""Connections to upstreams: reuse, stale ones, refusals, names (U1 to U5, U7, U8, U14)."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

from certificates import Authority
from waybill_harness import (
    Answer,
    CANARY,
    End,
    HarnessTestCase,
    canned,
    chat_request,
    generation_id,
    main,
    settings_for,
    wait_until,
)

TIMES = {"timeouts": {"connect": "700ms", "first_token": "1s", "between_events": "1s", "total": "20s"}}


class Connections(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain("one"))
        self.server = self.daemon(settings_for(self.provider, workers=1, defaults=TIMES))

    def test_a_connection_is_kept_and_used_again(self) -> None:
        for stream in (False, True):
            self.provider.script(canned.stream() if stream else canned.plain())
            for _ in range(5):
                self.assertEqual(self.server.chat(stream=stream).status, 200)
        self.assertEqual(self.provider.connections, 1)

    def test_u1_a_connection_that_died_while_idle_is_replaced_unseen(self) -> None:
        self.provider.script(Answer((canned.plain("one"),), End.CLOSE), canned.plain("two"))
        self.assertEqual(self.server.chat().text(), "one")
        wait_until(lambda: self.provider.open_connections == 0, "the idle connection to be given up")
        self.assertEqual(self.server.chat().text(), "two")

    def test_u1_a_reset_on_a_used_connection_before_any_byte_is_resent_once(self) -> None:
        self.provider.script(canned.plain("one"), Answer((), End.RESET), canned.plain("two"))
        self.assertEqual(self.server.chat().text(), "one")
        answer = self.server.chat()
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.text(), "two")
        used = self.provider.wait_for_requests(3)
        self.assertEqual(used[0].connection, used[1].connection)
        self.assertNotEqual(used[1].connection, used[2].connection)

    def test_u1_a_reset_of_a_fresh_connection_is_not_resent(self) -> None:
        self.provider.script(Answer((), End.RESET))
        self.assertIn(self.server.chat().status, (502, 503))
        self.assertEqual(len(self.provider.requests), 1)

    def test_u2_a_connection_with_unasked_bytes_is_destroyed(self) -> None:
        self.provider.script(
            Answer((canned.plain("one"), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")), canned.plain("two")
        )
        self.assertEqual(self.server.chat().text(), "one")
        self.assertEqual(self.server.chat().text(), "two")
        used = self.provider.wait_for_requests(2)
        self.assertNotEqual(used[0].connection, used[1].connection)

    def test_connection_close_is_obeyed(self) -> None:
        self.provider.script(
            canned.http_response(200, canned.body("one"), headers=[("Connection", "close")]), canned.plain("two")
        )
        self.assertEqual(self.server.chat().text(), "one")
        self.assertEqual(self.server.chat().text(), "two")
        self.assertEqual(self.provider.connections, 2)

    def test_u4_a_name_that_does_not_exist_falls_back_quickly(self) -> None:
        server = self.daemon(settings_for("http://does-not-exist.invalid/v1", self.provider, defaults=TIMES))
        began = time.monotonic()
        self.assertEqual(server.chat().text(), "one")
        self.assertLess(time.monotonic() - began, 6)

    def test_a_name_of_this_machine_is_resolved(self) -> None:
        server = self.daemon(settings_for(f"http://localhost:{self.provider.port}/v1", defaults=TIMES))
        self.assertEqual(server.chat().text(), "one")

    def test_u5_refused_and_unreachable_are_told_as_502_or_504_in_time(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
            with socket.socket() as full:  # a listener whose queue is full answers no SYN
                full.bind(("127.0.0.1", 0))
                full.listen(0)
                stuffing = [self.own(Connecting(full.getsockname())) for _ in range(8)]
                for upstream in (closed, f"http://127.0.0.1:{full.getsockname()[1]}/v1"):
                    began = time.monotonic()
                    answer = self.daemon(settings_for(upstream, defaults=TIMES)).chat()
                    self.assertIn(answer.status, (502, 503, 504))
                    self.assert_error(answer, answer.status)
                    self.assertLess(time.monotonic() - began, 5)
                    self.assertTrue(generation_id(answer))
                self.assertTrue(stuffing)

    def test_a_provider_that_takes_no_bytes_is_left_for_the_next(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:  # the kernel connects, nobody reads
            server = self.daemon(
                settings_for(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", self.provider, defaults=TIMES)
            )
            self.assertEqual(server.chat(padding="a" * 15_000_000).text(), "one")
            alone = self.daemon(settings_for(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", defaults=TIMES))
            self.assertEqual(alone.chat(padding="a" * 15_000_000).status, 504)
        verified = json.loads(alone.command("ledger", "verify", "--json").stdout)
        self.assertEqual(verified["provider_total_usd"], "0", "nobody bills half a request")

    def test_u10_with_all_down_the_refusal_is_quick(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
            server = self.daemon(settings_for(url, url, url, defaults=TIMES))
            began = time.monotonic()
            for _ in range(20):
                self.assertIn(server.chat().status, (502, 503, 504))
            self.assertLess(time.monotonic() - began, 10)

    def test_the_queue_for_connections_is_bounded(self) -> None:
        self.provider.script(Answer((), End.HOLD))
        server = self.daemon(
            settings_for(self.provider, workers=1, provider_members={"max_connections": 2, "queue": 2})
        )
        held = [self.own(server.connect()) for _ in range(12)]
        for connection in held:
            connection.send(chat_request(server.key))
        self.provider.wait_for_requests(2)
        wait_until(lambda: server.chat().status in (429, 502, 503), "a refusal once the queue is full")
        self.assertEqual(len(self.provider.requests), 2)

    def test_fewer_connections_than_workers_are_shared_by_all(self) -> None:
        gate = threading.Event()
        self.provider.script(Answer((gate, canned.stream("in turn"))))
        server = self.daemon(
            settings_for(self.provider, workers=4, provider_members={"max_connections": 1, "queue": 64})
        )
        clients = [self.own(server.connect()) for _ in range(12)]
        for client in clients:
            client.send(chat_request(server.key, stream=True))
        wait_until(lambda: server.metric("waybill_streams_open") == 12, "all of them on their way")
        self.provider.wait_for_requests(1)
        self.assertEqual((self.provider.connections, len(self.provider.requests)), (1, 1))
        gate.set()
        for client in clients:
            self.assertEqual(client.read_response().text(), "in turn")

    def test_a_place_that_another_worker_keeps_idle_is_given_up(self) -> None:
        server = self.daemon(settings_for(self.provider, workers=4, provider_members={"max_connections": 1}))
        for _ in range(16):  # each on its own connection: the kernel spreads them over the workers
            began = time.monotonic()
            self.assertEqual(server.chat().text(), "one")
            self.assertLess(time.monotonic() - began, 3)

    def test_a_queue_shorter_than_the_workers_is_as_long_as_said(self) -> None:
        gate = threading.Event()
        self.provider.script(Answer((gate, canned.plain("in turn"))))
        server = self.daemon(
            settings_for(
                self.provider,
                workers=4,
                provider_members={"max_connections": 1, "queue": 2, "timeouts": {"connect": "60s"}},
            )
        )
        clients = [self.own(server.connect()) for _ in range(9)]
        for client in clients:
            client.send(chat_request(server.key))
        wait_until(lambda: server.metric('waybill_requests_total{route="chat_completions"') == 6, "the refusals")
        gate.set()
        statuses = sorted(client.read_response().status for client in clients)
        self.assertEqual((statuses[:3], len([s for s in statuses if s != 200])), ([200] * 3, 6))

    def test_an_http_proxy_is_used_where_configured(self) -> None:
        proxy = self.upstream(canned.plain("through the proxy"))
        server = self.daemon(
            settings_for("http://upstream.invalid/v1", provider_members={"proxy": f"http://127.0.0.1:{proxy.port}"})
        )
        self.assertEqual(server.chat().text(), "through the proxy")
        sent = proxy.wait_for_requests(1)[0]
        self.assertTrue(
            sent.target.startswith("http://upstream.invalid") or sent.request_line.startswith("CONNECT"),
            sent.request_line,
        )

    def test_r6_proxies_of_the_environment_are_ignored(self) -> None:
        names = {
            name: "http://127.0.0.1:9" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")
        }
        self.assertEqual(self.daemon(settings_for(self.provider), env=names).chat().text(), "one")

    def test_l7_u14_the_providers_own_words_are_scrubbed(self) -> None:
        self.provider.script(canned.error(400, f"Incorrect API key provided: {CANARY}00"))
        answer = self.server.chat()
        self.assertNotIn(CANARY, answer.body.decode())
        self.assertNotIn(CANARY, self.server.log_text())

    def test_ipv6_upstreams_work(self) -> None:
        try:
            provider = self.upstream(canned.plain("six"), host="::1")
        except OSError:
            self.skipTest("no IPv6 loopback here")
        server = self.daemon(settings_for(f"http://[::1]:{provider.port}/v1"))
        self.assertEqual(server.chat().text(), "six")


class Tls(HarnessTestCase):
    """U7 and U8: faults of the handshake and the end."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())
        self.members = {"ca_file": str(self.authority.root)}

    def server_for(self, upstream):  # noqa: ANN001, ANN201
        return self.daemon(
            settings_for(f"https://localhost:{upstream.port}/v1", provider_members=self.members, defaults=TIMES)
        )

    def test_u7_a_stalled_handshake_times_out(self) -> None:
        silent = self.upstream(canned.plain(), greet=Answer((), End.HOLD))
        began = time.monotonic()
        self.assertIn(self.server_for(silent).chat().status, (502, 504))
        self.assertLess(time.monotonic() - began, 6)

    def test_u7_an_alert_or_garbage_in_the_handshake_is_a_502(self) -> None:
        for greeting in (b"\x15\x03\x03\x00\x02\x02\x28", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\xff\xff"):
            noisy = self.upstream(canned.plain(), greet=Answer((greeting,), End.CLOSE))
            answer = self.server_for(noisy).chat()
            self.assertIn(answer.status, (502, 504))

    def test_u7_a_body_that_ends_with_the_connection_needs_a_close_notify(self) -> None:
        context = self.authority.server_context("localhost")
        raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + canned.body("cut")
        cut = self.upstream(Answer((raw,), End.CLOSE), tls=context)
        error = self.assert_error(self.server_for(cut).chat(), 502, "upstream_stream_broken")
        self.assertIn("broke off its answer", error["message"])
        whole = self.upstream(Answer((raw,), End.GOODBYE), tls=context)
        self.assertEqual(self.server_for(whole).chat().text(), "cut")

    def test_u7_old_protocol_versions_are_refused(self) -> None:
        context = self.authority.server_context("localhost")
        try:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        except (ValueError, ssl.SSLError):
            self.skipTest("this OpenSSL cannot speak TLS 1.1 at all")
        self.assertIn(self.server_for(self.upstream(canned.plain(), tls=context)).chat().status, (502, 504))

    def test_u8_an_h2_only_server_is_a_clear_error(self) -> None:
        context = self.authority.server_context("localhost")
        context.set_alpn_protocols(["h2"])
        deaf = self.upstream(Answer((b"\0\0\0\x04\0\0\0\0\0",), End.CLOSE), tls=context)  # speaks h2 all the same
        error = self.assert_error(self.server_for(deaf).chat(), 502, "upstream_invalid_response")
        self.assertIn("something that is no answer", error["message"])
        alert = Answer((b"\x15\x03\x03\x00\x02\x02\x78",), End.CLOSE)  # no_application_protocol
        error = self.assert_error(self.server_for(self.upstream(greet=alert)).chat(), 502, "upstream_tls_failed")
        self.assertIn("could not be reached over TLS", error["message"])


class Connecting:
    """A connection attempt that may never complete."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.close()


if __name__ == "__main__":
    main()
