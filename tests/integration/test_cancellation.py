"""Cancellation: a client that goes away takes its upstream call with it, and is billed for what it had."""

from __future__ import annotations

import time

from waybill_harness import Answer, End, HarnessTestCase, canned, chat_request, main, settings_for, wait_until

FIRST_EVENT = canned.chunk(canned.event(canned.delta("first words")))
AT_ONCE = 1.0  # seconds; "at once" with room for a loaded machine


class Cancellation(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(Answer((canned.stream_head() + FIRST_EVENT,), End.HOLD))
        self.server = self.daemon_for(self.provider)

    def settled(self, generation_id: str) -> dict:
        def found():  # noqa: ANN202 - a record or None
            answer = self.server.request("GET", f"/v1/generation?id={generation_id}")
            return answer.json()["data"] if answer.status == 200 else None

        return wait_until(found, f"settlement of {generation_id}")

    def test_u3_leaving_mid_stream_closes_the_upstream_and_settles_what_was_used(self) -> None:
        for how in ("fin", "rst"):
            with self.subTest(how):
                self.provider.script(Answer((canned.stream_head() + FIRST_EVENT,), End.HOLD))
                connection = self.server.connect()
                connection.send(chat_request(self.server.key, stream=True))
                head = connection.read_head()
                pieces = connection.body_pieces(head)
                while b"first words" not in next(pieces):
                    pass
                left = time.monotonic()
                connection.reset() if how == "rst" else connection.close()
                asked = self.provider.wait_for_requests(1)[0]
                self.assertTrue(asked.gone.wait(5), "the upstream was never hung up on")
                self.assertLess(asked.gone_at - left, AT_ONCE)
                record = self.settled(head.header("x-generation-id") or "")
                self.assertTrue(record["cancelled"])
                self.assertGreater(record["native_tokens_completion"], 0)
                self.assertGreater(record["total_cost"], 0)
        self.server.verify_ledger()

    def test_leaving_before_the_first_token_closes_the_upstream(self) -> None:
        for streamed in (False, True):
            with self.subTest(streamed=streamed):
                self.provider.script(Answer((), End.HOLD))
                connection = self.server.connect()
                connection.send(chat_request(self.server.key, stream=streamed))
                asked = self.provider.wait_for_requests(1)[0]
                left = time.monotonic()
                connection.close()
                self.assertTrue(asked.gone.wait(5), "the upstream was never hung up on")
                self.assertLess(asked.gone_at - left, AT_ONCE)

    def test_u3_the_connection_of_a_cancelled_call_is_never_pooled(self) -> None:
        connection = self.server.connect()
        connection.send(chat_request(self.server.key, stream=True))
        connection.read_head()
        connection.close()
        self.assertTrue(self.provider.wait_for_requests(1)[0].gone.wait(5))
        self.provider.script(canned.plain("fresh"))
        self.assertEqual(self.server.chat().text(), "fresh")
        self.assertNotEqual(self.provider.wait_for_requests(1)[0].connection, 1)

    def test_s6_a_half_close_while_the_provider_works_counts_as_gone(self) -> None:
        """A full close looks the same, and it must stop the provider (docs/decisions/0004)."""
        self.provider.script(Answer((), End.HOLD))
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key))
            self.provider.wait_for_requests(1)
            connection.half_close()
            wait_until(lambda: self.provider.open_connections == 0, "the provider to be let go")

    def test_many_who_leave_at_once_leave_nothing_open(self) -> None:
        before = self.server.open_files()
        connections = [self.server.connect() for _ in range(50)]
        for connection in connections:
            connection.send(chat_request(self.server.key, stream=True))
        for connection in connections:
            connection.read_head()
        for connection in connections:
            connection.reset()
        wait_until(lambda: self.provider.open_connections == 0, "all upstream connections closed")
        wait_until(lambda: self.server.open_files() <= before + 2, "descriptors back to where they were")
        self.server.verify_ledger()

    def test_u3_leaving_while_the_connection_is_made_gives_its_place_to_the_next(self) -> None:
        """A provider that accepts and never shakes hands: only the client's leaving ends the attempt."""
        mute = self.upstream(greet=Answer((), End.HOLD))
        settings = settings_for(
            f"https://127.0.0.1:{mute.port}/v1",
            workers=1,
            provider_members={"max_connections": 1, "timeouts": {"connect": "60s"}},
        )
        server = self.daemon(settings)
        for count in (1, 2):
            connection = server.connect()
            connection.send(chat_request(server.key))
            mute.wait_for_connections(count)
            connection.close()
            wait_until(lambda: mute.open_connections == 0, "the handshake to be given up", 5)


if __name__ == "__main__":
    main()
