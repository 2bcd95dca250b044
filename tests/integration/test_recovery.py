"""After kill -9 every open generation is closed with what was delivered."""

from __future__ import annotations

from decimal import Decimal

from waybill_harness import PRICE, Answer, End, HarnessTestCase, canned, chat_request, main


class Recovery(HarnessTestCase):
    def open_stream(self, text: str) -> tuple[str, int]:
        """A stream that has delivered `text` and goes on; its id, and how much the client has."""
        events = canned.chunk(canned.event(canned.delta(text)))
        self.provider.script(Answer((canned.stream_head() + events,), End.HOLD))
        connection = self.own(self.server.connect())
        connection.send(chat_request(self.server.key, stream=True))
        head = connection.read_head()
        pieces, had = connection.body_pieces(head), b""
        while text.encode() not in had:
            had += next(pieces)
        return head.header("x-generation-id") or "", len(text)

    def test_w4_what_was_delivered_in_the_first_seconds_is_billed(self) -> None:
        self.provider = self.upstream(canned.plain("x"))
        self.server = self.daemon_for(self.provider)
        generation, delivered = self.open_stream("word " * 200)
        # The mark follows the bytes; the next answer shows that the worker has come round.
        self.provider.script(canned.plain("x"))
        self.assertEqual(self.server.request("GET", "/health/live").status, 200)
        self.server.kill()
        self.server.start()
        record = self.server.generation(generation)
        self.assertEqual(record["native_tokens_completion"], -(-delivered // 3))
        self.assertGreaterEqual(Decimal(str(record["total_cost"])), Decimal(PRICE["completion"]) * (delivered // 3) / 1_000_000)
        self.server.verify_ledger()


if __name__ == "__main__":
    main()
