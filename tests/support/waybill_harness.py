"""What the black-box suites import: processes, mock providers, settings and a test case.

Nothing here knows Waybill's insides; everything goes through the binary's commands,
its sockets, its logs and its files.
"""

from __future__ import annotations

import json
import unittest
from decimal import Decimal
from typing import Any, Iterable, Sequence

import canned
from daemon import Daemon
from mock_upstream import Answer, End, MockUpstream, Recorded
from processes import SLOWNESS, Child, Settings, Simulator, binary, connections_of, fixtures, run_waybill, wait_until
from wire import (
    ConnectionClosed,
    HttpConnection,
    Response,
    SseEvent,
    at_line_ends,
    by_bytes,
    comments,
    parse_json,
    parse_sse,
    randomly,
    request_bytes,
    whole,
)

# Fake secrets that must never be seen again: test_secrets greps for them.
CANARY = "sk-canary-7f3a9c51e2b84d06"
PRICE = {"unit": "usd_per_million_tokens", "prompt": "0.15", "completion": "0.60", "cache_read": "0.075"}
MILLION = Decimal(1_000_000)


def provider(base_url: str, index: int = 0, **members: Any) -> dict[str, Any]:
    """A provider on loopback with a canary key."""
    return {
        "base_url": base_url,
        "dialect": "openai_chat",
        "api_key": f"{CANARY}{index:02d}",
        "allow_plain_http": True,
        **members,
    }


def settings_for(
    *upstreams: Any,
    upstream_model: str | Sequence[str] = "upstream-model",
    model: str = "demo/model",
    price: Any = None,
    provider_members: dict[str, Any] | None = None,
    **members: Any,
) -> Settings:
    """One model, served by the upstreams in their order (providers p0, p1, ...)."""
    names = [upstream_model] * len(upstreams) if isinstance(upstream_model, str) else list(upstream_model)
    return {
        "providers": {
            f"p{i}": provider(up if isinstance(up, str) else up.base_url, i, **(provider_members or {}))
            for i, up in enumerate(upstreams)
        },
        "models": {
            model: {
                "aliases": [model.split("/")[1]],
                "context_length": 128000,
                "endpoints": [
                    {"provider": f"p{i}", "upstream_model": names[i], "price": price or PRICE}
                    for i in range(len(upstreams))
                ],
            }
        },
        **members,
    }


def simulator_settings(simulator: Simulator, models: Iterable[str], **members: Any) -> Settings:
    """Models `sim/<name>` for upstream names of the simulator, e.g. `storyteller?tokens=5`.

    A dict's keys name the models, its values are upstream names (or lists of them,
    for models with several endpoints).
    """
    named = models if isinstance(models, dict) else {name.split("?")[0]: name for name in models}
    return {
        "providers": {"sim": provider(simulator.base_url)},
        "models": {
            f"sim/{name}": {
                "context_length": 128000,
                "endpoints": [
                    {"provider": "sim", "upstream_model": upstream, "price": PRICE}
                    for upstream in ([upstreams] if isinstance(upstreams, str) else upstreams)
                ],
            }
            for name, upstreams in named.items()
        },
        **members,
    }


def cost_of(usage: dict[str, Any], price: dict[str, str] | None = None) -> Decimal:
    """The exact cost of a usage object at per-million prices."""
    price = price or PRICE
    cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    prompt = int(usage["prompt_tokens"]) - cached
    total = prompt * Decimal(price["prompt"]) + int(usage["completion_tokens"]) * Decimal(price["completion"])
    return (total + cached * Decimal(price.get("cache_read", price["prompt"]))) / MILLION


class HarnessTestCase(unittest.TestCase):
    """Prints the daemons' logs of a failed test and checks after each that they live."""

    longMessage = True

    def setUp(self) -> None:
        self._daemons: list[Daemon] = []

    def own(self, context: Any) -> Any:
        """Enters a context manager for the length of the test."""
        entered = self.enterContext(context)
        if isinstance(entered, Daemon):
            self._daemons.append(entered)
        return entered

    def upstream(self, *script: Any, **members: Any) -> MockUpstream:
        return self.own(MockUpstream(*script, **members))

    def daemon(self, settings: Settings | str, **members: Any) -> Daemon:
        return self.own(Daemon(settings, **members))

    def daemon_for(self, *upstreams: MockUpstream, **members: Any) -> Daemon:
        return self.daemon(settings_for(*upstreams, **members))

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self._result = result
        self._bad_before = _bad(result)
        return super().run(result)

    def tearDown(self) -> None:
        shared = [getattr(type(self), name) for name in ("shared",) if hasattr(type(self), name)]
        if self._result is not None and self._has_failed():
            for daemon in [*self._daemons, *shared]:
                print(f"\n{self.id()}\n{daemon.log_tail()}")
        for daemon in [*self._daemons, *shared]:
            if daemon.child is not None and not getattr(daemon, "expected_down", False):
                assert_healthy(daemon)

    def _has_failed(self) -> bool:
        outcome = getattr(self, "_outcome", None)
        return _bad(self._result) > self._bad_before or (outcome is not None and not outcome.success)

    # ---------------------------------------------------------- assertions

    def assert_error(self, answer: Response, status: int, kind: str | None = None) -> dict[str, Any]:
        """An error in OpenAI's shape, with OpenRouter's metadata."""
        self.assertEqual(answer.status, status, answer.body[:500])
        self.assertTrue((answer.header("content-type") or "").startswith("application/json"))
        error = answer.error()
        self.assertIs(type(error["code"]), int)
        self.assertEqual(error["code"], status)
        self.assertTrue(error["message"])
        self.assertIsInstance(error["metadata"]["error_type"], str)
        if kind is not None:
            self.assertEqual(error["type"], kind, error)
        return error

    def assert_clean_stream(self, answer: Response) -> list[dict[str, Any]]:
        """A stream that ended as it should; returns its chunks."""
        self.assertEqual(answer.status, 200, answer.body[:500])
        self.assertTrue(answer.complete, "the stream's framing was cut")
        self.assertTrue(answer.ended_with_done(), answer.body[-300:])
        chunks = answer.chunks()
        self.assertFalse([chunk for chunk in chunks if "error" in chunk])
        return chunks

    def assert_failed_stream(self, answer: Response) -> dict[str, Any]:
        """Content, then one error chunk, then [DONE]; returns the error chunk."""
        self.assertEqual(answer.status, 200, answer.body[:500])
        self.assertTrue(answer.ended_with_done(), answer.body[-500:])
        chunks = answer.chunks()
        failed = [chunk for chunk in chunks if chunk.get("error")]
        self.assertEqual(len(failed), 1, answer.body[-800:])
        self.assertIs(failed[0], chunks[-1], "the error chunk is the last one")
        self.assertIs(type(failed[0]["error"]["code"]), int)
        self.assertIsInstance(failed[0]["error"]["metadata"]["error_type"], str)
        self.assertEqual(failed[0]["choices"][0]["finish_reason"], "error")
        return failed[0]


def _bad(result: Any) -> int:
    return 0 if result is None else len(result.failures) + len(result.errors)


def assert_healthy(daemon: Daemon) -> None:
    """The common post-conditions that are cheap to check after every test."""
    if not daemon.alive():
        raise AssertionError(f"the daemon died with {daemon.child.process.returncode}\n{daemon.log_tail()}")

    def answered() -> bool:
        try:
            answer = daemon.request("GET", "/health/live", key="")
        except ConnectionClosed:
            return False  # a test that used up all connections has only just closed its own
        if answer.status != 200:
            raise AssertionError(f"/health/live answers {answer.status}")
        return True

    wait_until(answered, "an answer of /health/live")


def generation_id(answer: Response) -> str:
    """The generation's id, wherever the answer tells it."""
    return answer.header("x-generation-id") or ""


def chat_request(key: str, *, model: str = "demo/model", target: str = "/v1/chat/completions", **members: Any) -> bytes:
    """A chat request as bytes, for tests that send it their own way."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
    return request_bytes(
        "POST",
        target,
        body=json.dumps(body).encode(),
        headers=[("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")],
    )


def main() -> None:
    unittest.main(verbosity=2)


__all__ = [
    "Answer",
    "CANARY",
    "Child",
    "ConnectionClosed",
    "Daemon",
    "End",
    "HarnessTestCase",
    "HttpConnection",
    "MILLION",
    "MockUpstream",
    "PRICE",
    "Recorded",
    "Response",
    "SLOWNESS",
    "Settings",
    "Simulator",
    "SseEvent",
    "assert_healthy",
    "at_line_ends",
    "binary",
    "by_bytes",
    "canned",
    "chat_request",
    "comments",
    "connections_of",
    "cost_of",
    "fixtures",
    "generation_id",
    "json",
    "main",
    "parse_json",
    "parse_sse",
    "provider",
    "randomly",
    "request_bytes",
    "run_waybill",
    "settings_for",
    "simulator_settings",
    "wait_until",
    "whole",
]
