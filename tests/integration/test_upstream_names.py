"""Names of upstreams that do not resolve as they should: attack row U4, with a name server of its own."""

from __future__ import annotations

import time

from name_server import SERVFAIL, NameServer, Reply, run_in_own_network
from waybill_harness import Daemon, HarnessTestCase, canned, chat_request, generation_id, main, settings_for, wait_until

TIMES = {"timeouts": {"connect": "3s", "first_token": "2s", "between_events": "2s", "total": "20s"}}
ALLOWED = False  # set where the program runs in a network of its own
LOOKUP_LIMIT = 2.0  # seconds; the resolver's deadline


class Names(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not ALLOWED:
            self.skipTest("no right to make a network namespace here")
        self.names = self.own(NameServer())
        self.other = self.upstream(canned.plain("other"))
        self.provider = self.upstream(canned.plain("named"), host="0.0.0.0")

    def daemon_of(self, name: str, *, fallback: bool = False) -> Daemon:
        upstreams = [f"http://{name}:{self.provider.port}/v1", *([self.other] if fallback else [])]
        return self.daemon(settings_for(*upstreams, workers=1, defaults=TIMES))

    def test_u4_every_failure_of_a_name_moves_on_within_the_deadline(self) -> None:
        for name, reply in (
            ("missing.test", None),
            ("servfail.test", Reply(code=SERVFAIL)),
            ("empty.test", Reply([])),
            ("silent.test", Reply(silent=True)),
        ):
            with self.subTest(name):
                if reply is not None:
                    self.names.replies[name] = reply
                server = self.daemon_of(name, fallback=True)
                began = time.monotonic()
                self.assertEqual(server.chat().text(), "other")
                self.assertLess(time.monotonic() - began, LOOKUP_LIMIT + 2)
                self.assertGreater(self.names.questions[name], 0, "the name was never asked for")

    def test_u4_without_a_fallback_it_is_a_plain_502_or_504(self) -> None:
        self.names.replies["silent.test"] = Reply(silent=True)
        for name in ("missing.test", "silent.test"):
            with self.subTest(name):
                answer = self.daemon_of(name).chat()
                self.assertIn(answer.status, (502, 504))
                self.assert_error(answer, answer.status)
                self.assertNotIn(name, answer.body.decode(), "the client need not know the provider's hosts")
                self.assertTrue(generation_id(answer))

    def test_u3_leaving_during_the_look_up_gives_the_place_back_at_once(self) -> None:
        self.names.replies["silent.test"] = Reply(silent=True)
        settings = settings_for(
            f"http://silent.test:{self.provider.port}/v1",
            workers=1,
            provider_members={"max_connections": 1},
            defaults={"timeouts": {**TIMES["timeouts"], "connect": "20s"}},
        )
        server = self.daemon(settings)
        client = server.connect()
        client.send(chat_request(server.key))
        wait_until(lambda: self.names.questions["silent.test"] > 0, "the question for the name")
        began = time.monotonic()
        client.close()
        wait_until(lambda: server.metric('waybill_requests_total{route="chat_completions"') == 1, "the end of it")
        self.assertLess(time.monotonic() - began, 1, "the look-up was waited for")

    def test_u4_a_failure_is_remembered_for_a_while(self) -> None:
        server = self.daemon_of("missing.test")
        for _ in range(10):
            self.assertEqual(server.chat().status, 502)
        self.assertLessEqual(self.names.questions["missing.test"], 4, "asked again for each request")

    def test_u4_an_address_is_remembered_for_its_time_to_live(self) -> None:
        self.names.replies["named.test"] = Reply(["127.0.0.1"])
        server = self.daemon_of("named.test")
        self.provider.script(canned.http_response(200, canned.body("named"), headers=[("Connection", "close")]))
        for _ in range(2):
            self.assertEqual(server.chat().text(), "named")
        self.assertEqual(self.provider.connections, 2)
        self.assertEqual(self.names.questions["named.test"], 2, "one for each family")

    def test_u4_a_thousand_addresses_are_cut_to_a_few(self) -> None:
        self.names.replies["many.test"] = Reply([f"127.0.{i // 250}.{1 + i % 250}" for i in range(1000)])
        server = self.daemon_of("many.test")
        began = time.monotonic()
        self.assertEqual(server.chat().text(), "named")
        self.assertLess(time.monotonic() - began, LOOKUP_LIMIT)

    def test_u4_a_broken_ipv6_address_yields_to_ipv4(self) -> None:
        self.names.replies["both.test"] = Reply(["2001:db8::1", "127.0.0.1"])
        server = self.daemon_of("both.test")
        began = time.monotonic()
        self.assertEqual(server.chat().text(), "named")
        self.assertLess(time.monotonic() - began, 2)
        self.names.replies["six.test"] = Reply(["2001:db8::1"])
        answer = self.daemon_of("six.test").chat()
        self.assertIn(answer.status, (502, 504))
        self.assert_error(answer, answer.status)

    def test_u4_a_ttl_of_zero_is_asked_again_and_an_outage_is_bridged_by_the_old_answer(self) -> None:
        self.names.replies["short.test"] = Reply(["127.0.0.1"], ttl=0)
        server = self.daemon_of("short.test")
        self.assertEqual(server.chat().text(), "named")
        first = self.names.questions["short.test"]
        self.names.replies["short.test"] = Reply(code=SERVFAIL)

        def asked_again() -> bool:
            self.provider.script(canned.http_response(200, canned.body("named"), headers=[("Connection", "close")]))
            self.assertEqual(server.chat().text(), "named", "an old address is better than none")
            return self.names.questions["short.test"] > first

        wait_until(asked_again, "a new question once the answer is stale")
        self.assertEqual(server.chat().text(), "named")


if __name__ == "__main__":
    ALLOWED = run_in_own_network()
    main()
