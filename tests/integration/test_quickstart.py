"""`waybill quickstart` and the servers of this machine, in a network where nobody else listens."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from name_server import run_in_own_network
from waybill_harness import HarnessTestCase, canned, main, run_waybill

ALLOWED = False  # set where the program runs in a network of its own
VLLM, LLAMACPP = 8000, 8080  # where they listen unless told otherwise
NOBODYS_KEYS = {name: "" for name in os.environ if name.endswith("_API_KEY")}


def models(*listed: dict) -> bytes:
    return canned.http_response(200, json.dumps({"object": "list", "data": listed}).encode())


class Quickstart(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not ALLOWED:
            self.skipTest("no right to make a network namespace here")
        self.state = Path(self.own(tempfile.TemporaryDirectory()))

    def found(self) -> tuple[str, list[str]]:
        """What it prints, and whose settings it wrote."""
        done = run_waybill("quickstart", "--state", str(self.state), "--models", str(self.state), env=NOBODYS_KEYS)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, sorted(path.stem for path in (self.state / "providers").glob("*.yaml"))

    def test_a_local_server_is_found_by_its_port(self) -> None:
        self.upstream(models({"id": "llama3.2", "object": "model"}), port=VLLM)
        told, written = self.found()
        self.assertIn("found vLLM on :8000", told)
        self.assertEqual(written, ["vllm"])
        self.assertIn('"vllm/llama3.2"', (self.state / "providers" / "vllm.yaml").read_text())

    def test_a_router_on_such_a_port_is_passed_over(self) -> None:
        """Waybill's own listener is at llama.cpp's port: it must not become its own provider."""
        router = self.upstream(models({"id": "demo/model", "canonical_slug": "demo/model"}), port=LLAMACPP)
        told, written = self.found()
        self.assertEqual(len(router.requests), 1, "it was asked what it is")
        self.assertNotIn("llama.cpp", told)
        self.assertEqual(written, ["simulator"])

    def test_a_running_daemon_is_such_a_router(self) -> None:
        upstream = self.upstream(canned.plain())
        settings = {
            "listen": [{"address": "127.0.0.1", "port": LLAMACPP}],
            "providers": {"p": {"base_url": upstream.base_url, "dialect": "openai_chat"}},
            "models": {"demo/model": {"endpoints": [{"provider": "p", "upstream_model": "m", "price": "free"}]}},
        }
        self.daemon(settings)
        self.assertEqual(self.found()[1], ["simulator"])


if __name__ == "__main__":
    ALLOWED = run_in_own_network()
    main()
