"""What was charged and given back: `waybill ledger adjust`, beside a daemon and without one (I11)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from waybill_harness import HarnessTestCase, canned, cost_of, generation_id, main, settings_for

REASON = ("--reason", "the answer was cut")


class Adjustments(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)
        self.cost = cost_of(canned.USAGE)

    def chat(self) -> str:
        answer = self.server.chat()
        self.assertEqual(answer.status, 200, answer.body)
        return generation_id(answer)

    def adjust(self, *arguments: str) -> dict[str, Any]:
        done = self.server.command("ledger", "adjust", *arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def refused(self, *arguments: str, status: int = 1) -> str:
        done = self.server.command("ledger", "adjust", *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr

    def refunded(self, generation: str) -> Decimal:
        record = self.server.generation(generation)
        self.assertEqual(record["total_cost"], self.cost, "the original never changes")
        return Decimal(record["waybill"]["refunded"])

    def verified(self) -> dict[str, Any]:
        done = self.server.command("ledger", "verify", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_a_part_and_the_rest_are_given_back_beside_the_daemon(self) -> None:
        generation = self.chat()
        self.assertEqual(self.refunded(generation), 0)
        part = self.adjust(generation, "--refund", "0.000001", *REASON)
        self.assertEqual((part["status"], part["refund_usd"]), ("recorded", "0.000001"))
        self.assertEqual(Decimal(part["charged_usd"]), self.cost)
        self.assertEqual(self.refunded(generation), Decimal("0.000001"))
        rest = self.adjust(generation, "--refund-all", *REASON, "--id", "ticket-17")
        self.assertEqual(Decimal(rest["refund_usd"]), self.cost - Decimal("0.000001"))
        self.assertEqual(self.refunded(generation), self.cost)
        again = self.adjust(generation, "--refund-all", *REASON, "--id", "ticket-17")
        self.assertEqual((again["status"], again["ledger_seq"]), ("exists", rest["ledger_seq"]))
        told = self.server.command("ledger", "report", "--by", "model", "--json")
        (row,) = json.loads(told.stdout)
        self.assertEqual((Decimal(row["cost_usd"]), Decimal(row["refunded_usd"])), (self.cost, self.cost))
        self.assertEqual(self.verified()["adjustments"], 2)

    def test_what_may_not_be_is_refused_with_a_sentence(self) -> None:
        generation = self.chat()
        for arguments, words in (
            ((generation, "--refund", "1", *REASON), "was charged"),
            ((generation, "--refund", "0", *REASON), "above zero"),
            ((generation, "--refund", "1e-6", *REASON), "not a decimal number"),
            ((generation, "--refund", "", *REASON), "not a decimal number"),
            ((generation, "--refund", "0.000001", "--reason", " "), "needs a reason"),
            (("gen-1732531200-00000000000000000000", "--refund-all", *REASON), "has no generation"),
            (("nonsense", "--refund-all", *REASON), "looks like gen-"),
        ):
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.refused(*arguments))
        for arguments in ((generation, *REASON), (generation, "--refund-all", "--refund", "1", *REASON), (generation, "--refund-all")):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, status=2)
        self.assertEqual(self.refunded(generation), 0)
        self.assertEqual(self.verified()["adjustments"], 0)

    def test_d1_what_was_told_outlives_a_kill_and_works_without_a_daemon(self) -> None:
        generation = self.chat()
        self.adjust(generation, "--refund", "0.000002", *REASON, "--id", "one")
        self.server.kill()
        # No daemon: the command takes the ledger, recovers it and books for itself.
        self.assertEqual(self.adjust(generation, "--refund", "0.000002", *REASON, "--id", "one")["status"], "exists")
        self.assertEqual(self.adjust(generation, "--refund", "0.000001", *REASON, "--id", "two")["status"], "recorded")
        self.server.start()
        self.assertEqual(self.refunded(generation), Decimal("0.000003"))
        told = self.verified()
        self.assertEqual(told["adjustments"], 2)
        self.assertEqual(Decimal(told["refund_total_usd"]), Decimal("0.000003"))


if __name__ == "__main__":
    main()
