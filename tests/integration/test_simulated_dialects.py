"""The simulator in every dialect that providers speak, and the daemon before it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from waybill_harness import (
    PRICE,
    HarnessTestCase,
    Response,
    Settings,
    Simulator,
    cost_of,
    generation_id,
    json,
    main,
    parse_sse,
    provider,
)

# What stands before the dialect's paths, how the key travels, and whether it has tools.
GOOGLE_KEY = {"header": "x-goog-api-key"}
DIALECTS: dict[str, tuple[str, Any, bool]] = {
    "openai_chat": ("/v1", "bearer", True),
    "openai_responses": ("/v1", "bearer", True),
    "anthropic_messages": ("/v1", "x-api-key", True),
    "anthropic_bedrock": ("", "bearer", True),
    "anthropic_vertex": ("/v1/projects/p/locations/l", "bearer", True),
    "gemini": ("/v1beta", GOOGLE_KEY, True),
    "bedrock_converse": ("", "bearer", True),
    "cohere_chat": ("", "bearer", True),
    "ollama_chat": ("", "bearer", True),
    "ollama_generate": ("", "bearer", False),
}
UPSTREAM = {
    "count": "counter?tokens=5&cached=2",
    "tool": "storyteller",
    "breaks": "counter?tokens=20&error_event_after=9",
    "cut": "counter?tokens=20&truncate_after=9",
    "busy": "counter?status=429",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
KEY = str(provider("")["api_key"])


def settings_for_all(simulator: Simulator) -> Settings:
    """A provider for each dialect, and models <dialect>/<what it does>."""
    return {
        "providers": {
            name: provider(simulator.url + before, dialect=name, auth=auth)
            for name, (before, auth, _) in DIALECTS.items()
        },
        "models": {
            f"{name}/{what}": {
                "context_length": 128000,
                "endpoints": [{"provider": name, "upstream_model": upstream, "price": PRICE}],
            }
            for name in DIALECTS
            for what, upstream in UPSTREAM.items()
        },
    }


def in_messages_terms(usage: dict[str, Any]) -> dict[str, Any]:
    """Anthropic's counts in OpenAI's words."""
    cached = usage["cache_read_input_tokens"]
    return {
        "prompt_tokens": usage["input_tokens"] + cached,
        "completion_tokens": usage["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": cached},
        "cost": usage["cost"],
    }


class SimulatedDialects(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.own(Simulator("--api-key", KEY))
        self.server = self.daemon(settings_for_all(self.simulator))

    def each(self, tools: bool = False) -> list[str]:
        return [name for name, (_, _, has_tools) in DIALECTS.items() if has_tools or not tools]

    def messages(self, model: str, **members: Any) -> Response:
        return self.server.chat(model, path="/v1/messages", max_tokens=200, **members)

    def assert_billed(self, answer: Response, usage: dict[str, Any], completion: int | None = None) -> None:
        self.assertEqual(Decimal(str(usage["cost"])), cost_of(usage))
        self.assertGreater(usage["prompt_tokens"], 0)
        record = self.server.generation(generation_id(answer))
        self.assertEqual(Decimal(record["total_cost"]), cost_of(usage))
        if completion is not None:
            self.assertEqual(usage["completion_tokens"], completion)

    def events(self, answer: Response) -> list[dict[str, Any]]:
        self.assertEqual(answer.status, 200, answer.body)
        return [json.loads(event.data) for event in parse_sse(answer.body) if event.data not in ("", "[DONE]")]

    # ---------------------------------------------------------------- chat

    def test_chat_whole(self) -> None:
        for name in self.each():
            with self.subTest(name):
                answer = self.server.chat(f"{name}/count")
                self.assertEqual(answer.status, 200, answer.body)
                told = answer.json()
                self.assertEqual(told["choices"][0]["message"]["content"], "1 2 3 4 5")
                self.assertEqual(told["choices"][0]["finish_reason"], "stop")
                self.assert_billed(answer, told["usage"], 5)

    def test_chat_streamed(self) -> None:
        for name in self.each():
            with self.subTest(name):
                answer = self.server.chat(f"{name}/count", stream=True)
                chunks = self.events(answer)
                text = "".join(c["delta"].get("content") or "" for e in chunks for c in e["choices"])
                self.assertEqual(text, "1 2 3 4 5")
                self.assert_billed(answer, chunks[-1]["usage"], 5)

    def test_chat_calls_a_tool(self) -> None:
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
        for name in self.each(tools=True):
            with self.subTest(name):
                answer = self.server.chat(f"{name}/tool", messages=QUESTION, tools=tools)
                self.assertEqual(answer.status, 200, answer.body)
                choice = answer.json()["choices"][0]
                (call,) = choice["message"]["tool_calls"]
                self.assertEqual(call["function"]["name"], "get_weather")
                self.assertEqual(json.loads(call["function"]["arguments"]), {"city": "Paris"})
                self.assertEqual(choice["finish_reason"], "tool_calls")
                self.assert_billed(answer, answer.json()["usage"])
                self.answer_the_call(name, choice["message"], tools)

    def answer_the_call(self, name: str, message: dict[str, Any], tools: list[Any]) -> None:
        call_id = message["tool_calls"][0]["id"]
        result = {"role": "tool", "tool_call_id": call_id, "content": "18 degrees"}
        answer = self.server.chat(f"{name}/tool", messages=[*QUESTION, message, result], tools=tools)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("18 degrees", answer.json()["choices"][0]["message"]["content"])

    def test_chat_streams_a_tool_call(self) -> None:
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
        for name in self.each(tools=True):
            with self.subTest(name):
                answer = self.server.chat(f"{name}/tool", messages=QUESTION, tools=tools, stream=True)
                deltas = [c["delta"] for e in self.events(answer) for c in e["choices"]]
                pieces = [call for delta in deltas for call in delta.get("tool_calls") or []]
                self.assertEqual(pieces[0]["function"]["name"], "get_weather")
                arguments = "".join(piece["function"].get("arguments") or "" for piece in pieces)
                self.assertEqual(json.loads(arguments), {"city": "Paris"})

    def test_a_schema_is_kept(self) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
        for name in self.each():
            with self.subTest(name):
                answer = self.server.chat(f"{name}/tool", messages=QUESTION, response_format=form)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(json.loads(answer.json()["choices"][0]["message"]["content"]), {"city": "Paris"})

    # ------------------------------------------------------------ messages

    def test_messages_whole(self) -> None:
        for name in self.each():
            with self.subTest(name):
                answer = self.messages(f"{name}/count")
                self.assertEqual(answer.status, 200, answer.body)
                told = answer.json()
                self.assertEqual("".join(block.get("text", "") for block in told["content"]), "1 2 3 4 5")
                self.assertEqual(told["stop_reason"], "end_turn")
                self.assert_billed(answer, in_messages_terms(told["usage"]), 5)

    def test_messages_streamed(self) -> None:
        for name in self.each():
            with self.subTest(name):
                answer = self.messages(f"{name}/count", stream=True)
                events = self.events(answer)
                self.assertEqual("".join(e["delta"].get("text", "") for e in events if "delta" in e), "1 2 3 4 5")
                self.assertEqual(events[-1]["type"], "message_stop")
                self.assert_billed(answer, in_messages_terms(events[-2]["usage"]), 5)

    def test_messages_call_a_tool(self) -> None:
        tools = [{"name": "get_weather", "input_schema": SCHEMA}]
        for name in self.each(tools=True):
            with self.subTest(name):
                answer = self.messages(f"{name}/tool", messages=QUESTION, tools=tools)
                self.assertEqual(answer.status, 200, answer.body)
                (call,) = [block for block in answer.json()["content"] if block["type"] == "tool_use"]
                self.assertEqual((call["name"], call["input"]), ("get_weather", {"city": "Paris"}))
                self.assertEqual(answer.json()["stop_reason"], "tool_use")
                streamed = self.events(self.messages(f"{name}/tool", messages=QUESTION, tools=tools, stream=True))
                pieces = [e["delta"].get("partial_json", "") for e in streamed if "delta" in e]
                self.assertEqual(json.loads("".join(pieces)), {"city": "Paris"})

    # -------------------------------------------------------------- faults

    def test_an_error_in_mid_stream_arrives_as_one(self) -> None:
        for name in self.each():
            with self.subTest(name):
                chunks = self.events(self.server.chat(f"{name}/breaks", stream=True))
                self.assertTrue(any("error" in chunk for chunk in chunks), chunks)
                events = self.events(self.messages(f"{name}/breaks", stream=True))
                self.assertEqual(events[-1]["type"], "error", events)

    def test_a_stream_that_is_cut_arrives_as_an_error(self) -> None:
        for name in self.each():
            with self.subTest(name):
                chunks = self.events(self.server.chat(f"{name}/cut", stream=True))
                self.assertTrue(any("error" in chunk for chunk in chunks), chunks)

    def test_a_status_arrives_in_the_words_of_the_client(self) -> None:
        for name in self.each():
            with self.subTest(name):
                answer = self.server.chat(f"{name}/busy")
                self.assertEqual(answer.status, 429, answer.body)
                self.assertIn("error", answer.json())
                told = self.messages(f"{name}/busy").json()
                self.assertEqual(told["error"]["type"], "rate_limit_error")

    def test_a_wrong_key_is_refused_in_every_dialect(self) -> None:
        told = settings_for_all(self.simulator)
        for settings in told["providers"].values():
            settings["api_key"] = "sk-wrong"
        server = self.daemon(told)
        for name in self.each():
            with self.subTest(name):
                answer = server.chat(f"{name}/count")
                self.assertNotEqual(answer.status, 200, answer.body)
                self.assertIn("error", answer.json())


if __name__ == "__main__":
    main()
