"""Embeddings: float and base64 pass through, and are billed by their prompt tokens."""

from __future__ import annotations

from decimal import Decimal

from waybill_harness import MILLION, PRICE, HarnessTestCase, canned, generation_id, main

BODY = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":%s}],'
    b'"model":"upstream-model","usage":{"prompt_tokens":9,"total_tokens":9}}'
)


class Embeddings(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def test_vectors_pass_byte_for_byte_and_cost_what_the_prompt_costs(self) -> None:
        for vector in (b"[0.1, -2.50e-3,1E+2,0.10000000000000000555]", b'"AACAPwAAAEA="'):
            with self.subTest(vector):
                self.provider.script(canned.http_response(200, BODY % vector))
                answer = self.server.request(
                    "POST", "/v1/embeddings", body={"model": "demo/model", "input": ["a", "b"]}
                )
                self.assertEqual(answer.status, 200, answer.body)
                self.assertIn(b'"embedding":' + vector, answer.body)
                cost = 9 * Decimal(PRICE["prompt"]) / MILLION
                self.assertEqual(Decimal(answer.json()["usage"]["cost"]), cost)
                self.assertEqual(answer.json()["model"], "demo/model")
                record = self.server.generation(generation_id(answer))
                self.assertEqual(Decimal(record["total_cost"]), cost)
                self.assertEqual(record["api_type"], "embeddings")
                self.assertEqual(self.provider.wait_for_requests(1)[0].target, "/v1/embeddings")

    def test_an_empty_or_missing_input_is_a_400(self) -> None:
        for body in ({"model": "demo/model"}, {"model": "demo/model", "input": 5}):
            self.assert_error(self.server.request("POST", "/v1/embeddings", body=body), 400, "invalid_request")


if __name__ == "__main__":
    main()
