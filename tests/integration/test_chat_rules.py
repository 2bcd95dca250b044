"""Chat semantics and parameter abuse: attack rows C1 to C14, each named."""

from __future__ import annotations

from typing import Any

from waybill_harness import Daemon, HarnessTestCase, MockUpstream, canned, generation_id, json, main, settings_for


class ChatRules(HarnessTestCase):
    shared: Daemon
    provider: MockUpstream

    @classmethod
    def setUpClass(cls) -> None:
        cls.provider = cls.enterClassContext(MockUpstream(canned.plain()))
        cls.shared = cls.enterClassContext(Daemon(settings_for(cls.provider)))

    def setUp(self) -> None:
        super().setUp()
        self.provider.script(canned.plain())

    def refused(self, status: int | tuple[int, ...] = 400, **members: Any) -> None:
        with self.subTest(str(members)[:100]):
            seen = len(self.provider.requests)
            answer = self.shared.chat(**members)
            self.assertIn(answer.status, (status,) if isinstance(status, int) else status, answer.body[:300])
            self.assert_error(answer, answer.status)
            self.assertEqual(len(self.provider.requests), seen)

    def accepted(self, **members: Any) -> dict[str, Any]:
        with self.subTest(str(members)[:100]):
            answer = self.shared.chat(**members)
            self.assertEqual(answer.status, 200, answer.body[:300])
        return self.provider.requests[-1].json()

    def test_c1_output_limits(self) -> None:
        for value in (-1, 0, 1.5, "100", 2**63, 2**64, [], True):
            self.refused(max_tokens=value)
            self.refused(max_completion_tokens=value)
        self.assertEqual(self.accepted(max_tokens=16)["max_tokens"], 16)
        self.accepted(max_tokens=None)

    def test_c2_counts(self) -> None:
        for member in (
            {"n": 10**6},
            {"n": 0},
            {"n": -1},
            {"n": 1.5},
            {"top_logprobs": 21},
            {"top_logprobs": -1},
            {"logprobs": "yes"},
        ):
            self.refused(**member)

    def test_c3_stream_is_a_boolean(self) -> None:
        for value in ("true", 1, [], {}):
            self.refused(stream=value)
        self.refused(stream_options="x", stream=True)

    def test_c4_where_to_call_is_not_the_clients_to_say(self) -> None:
        for member in ("api_base", "base_url", "api_key", "user_config", "callbacks", "proxy", "extra_headers"):
            self.refused(**{member: "http://evil.example"})

    def test_c5_model_names(self) -> None:
        for name in (
            "../../etc/passwd",
            "a\r\nb",
            "a\0b",
            "%2e%2e",
            "demo/%",
            "x" * 2000,
            "",
            [],
            5,
            {},
            "d\u0435mo/model",
            "' OR 1=1 --",
            "demo/model\n",
        ):
            self.refused((400, 404), model=name)
        self.assertNotIn("OR 1=1", self.shared.metrics())

    def test_c6_fallback_lists(self) -> None:
        self.refused(models=["demo/model"] * 20 + [f"m/{i}" for i in range(1000)])
        self.refused(models="demo/model")
        sent = self.accepted(models=["demo/model"] * 50)
        self.assertNotIn("models", sent)

    def test_c7_user_and_metadata(self) -> None:
        self.refused(user="x" * 100_000)
        self.refused(user=5)
        self.accepted(user="someone", metadata={"a": "b"})
        self.assertNotIn("someone", self.shared.metrics())

    def test_c8_sampling_values(self) -> None:
        for member in (
            {"temperature": 2.1},
            {"temperature": -0.1},
            {"temperature": "hot"},
            {"top_p": 1.1},
            {"frequency_penalty": 3},
            {"presence_penalty": -3},
        ):
            self.refused(**member)
        self.accepted(temperature=0, top_p=1, seed=2**53 + 1, presence_penalty=-2)
        self.accepted(temperature=None, top_p=None)

    def test_c9_schemas_are_not_evaluated(self) -> None:
        schema = {"$ref": "#", "pattern": "^(a+)+$", "type": "object"}
        sent = self.accepted(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
        self.assertEqual(sent["tools"][0]["function"]["parameters"], schema)

    def test_c11_a_prompt_that_cannot_fit_is_refused_before_it_costs(self) -> None:
        settings = settings_for(self.provider)
        settings["models"]["demo/model"]["context_length"] = 100
        server = self.daemon(settings)
        answer = server.chat(messages=[{"role": "user", "content": "word " * 10_000}])
        self.assert_error(answer, 400, "context_length_exceeded")

    def test_c12_reasoning_beyond_the_limit_is_billed_as_used(self) -> None:
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": 5000,
            "total_tokens": 5010,
            "completion_tokens_details": {"reasoning_tokens": 4990},
        }
        self.provider.script(canned.plain(usage=usage))
        answer = self.shared.chat(max_tokens=16)
        self.assertEqual(answer.json()["usage"]["completion_tokens"], 5000)
        record = self.shared.generation(generation_id(answer))
        self.assertEqual(record["native_tokens_completion"], 5000)
        self.assertEqual(record["native_tokens_reasoning"], 4990)

    def test_c13_unicode_round_trips(self) -> None:
        text = "\u202eright-to-left z\u0334\u0335\u0336algo \U0001f469\u200d\U0001f469\u200d\U0001f467 \ufeff\u2028"
        for ascii_only in (True, False):
            raw = json.dumps(
                {"model": "demo/model", "messages": [{"role": "user", "content": text}]}, ensure_ascii=ascii_only
            ).encode()
            self.provider.script(canned.plain(text))
            answer = self.shared.request("POST", "/v1/chat/completions", body=raw)
            self.assertEqual(answer.text(), text)
            self.assertEqual(self.provider.requests[-1].json()["messages"][0]["content"], text)

    def test_c14_nothing_of_a_client_becomes_a_header_line(self) -> None:
        evil = "x\r\nX-Evil: 1"
        for member in ("user", "session_id"):
            self.shared.chat(**{member: evil})
        self.shared.chat(headers=[("HTTP-Referer", "http://x/%0d%0aX-Evil:1"), ("X-Title", "t%0d%0aX-Evil: 1")])
        for request in self.provider.requests:
            self.assertNotIn(b"X-Evil", request.head)

    def test_roles_and_messages_are_checked(self) -> None:
        for messages in ([], None, "hi", [5], [{"role": "emperor", "content": "x"}], [{"content": "x"}]):
            self.refused(messages=messages)
        answer = self.shared.request("POST", "/v1/chat/completions", body={"model": "demo/model"})
        self.assert_error(answer, 400, "invalid_request")


if __name__ == "__main__":
    main()
