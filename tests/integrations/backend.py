"""The daemon and the simulator that the SDK suites talk to, and the names they share.

As a program: runs a command with the backend's address and keys in its environment.

    backend.py SUITE -- command ...
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import recorded  # noqa: E402
import upstreams  # noqa: E402
from waybill_harness import PRICE, Daemon, MockUpstream, Settings, Simulator, provider, simulator_settings  # noqa: E402

EMBEDDING = "embedder"


def models(suite: str) -> dict[str, str | list[str]]:
    """Models `sim/<name>`; a seed in the name gives each suite its own counter of faults."""
    seed = sum(map(ord, suite))
    return {
        "story": "storyteller?tokens=30&rate=2000",
        "slow": "storyteller?tokens=20&ttft=400ms&rate=200",
        "echo": "echo",
        "embedder": EMBEDDING,
        "fails-twice": f"storyteller?tokens=5&status=503&times=2&seed={seed}",
        "fails-twice-keyed": f"storyteller?tokens=5&status=503&times=2&seed={seed + 100_000}",
        "moves-on": [f"storyteller?status=500&seed={seed}", "storyteller?tokens=5&rate=2000"],
        "breaks-midway": "storyteller?tokens=30&rate=2000&error_event_after=4",
        "always-429-now": "storyteller?status=429",
        "always-429": "storyteller?status=429&retry_after=1",
        "always-500": "storyteller?status=500",
        "upstream-401": "storyteller?status=401",
        "upstream-400": "storyteller?status=400",
    }


# Models of the scripted providers: mock/<name>, and what the provider is asked for.
SCRIPTED = {
    "claude": ("anthropic", "claude-mock"),
    "claude-breaks": ("anthropic", "breaks"),
    "claude-overloaded": ("anthropic", "overloaded"),
    "gpt": ("openai", "gpt-mock"),
}


def add_scripted(settings: Settings, anthropic: MockUpstream, openai: MockUpstream) -> None:
    settings["providers"]["anthropic"] = provider(
        anthropic.base_url, 1, dialect="anthropic_messages", headers={"anthropic-version": "2023-06-01"}
    )
    settings["providers"]["openai"] = provider(openai.base_url, 2)
    for name, (serves, asked) in SCRIPTED.items():
        settings["models"][f"mock/{name}"] = {
            "context_length": 200000,
            "endpoints": [{"provider": serves, "upstream_model": asked, "price": PRICE}],
        }


@contextmanager
def backend(suite: str) -> Iterator[dict[str, str]]:
    """Environment variables for the suite, while everything runs."""
    with (
        Simulator() as simulator,
        MockUpstream(upstreams.claude) as anthropic,
        MockUpstream(upstreams.openai) as openai,
        MockUpstream(recorded.replay) as replayed,
    ):
        settings = simulator_settings(
            simulator,
            models(suite),
            defaults={"keep_alive_comment": "100ms", "commit_after": "200ms", "timeouts": {"total": "10s"}},
        )
        add_scripted(settings, anthropic, openai)
        if suite.startswith("recordings"):
            recorded.add_recorded(settings, replayed)
        with Daemon(settings) as daemon:
            disabled = daemon.create_key("disabled")
            daemon.command("keys", "disable", "--hash", disabled["hash"])
            yield {
                "WAYBILL_URL": daemon.url,
                "WAYBILL_KEY": daemon.key,
                "WAYBILL_NARROW_KEY": daemon.create_key("narrow", "--allow-model", "sim/echo")["key"],
                "WAYBILL_DISABLED_KEY": disabled["key"],
            }
            daemon.verify_ledger()


def main() -> int:
    suite, mark, *command = sys.argv[1:]
    if mark != "--" or not command:
        print(__doc__, file=sys.stderr)
        return 2
    with backend(suite) as variables:
        # No key, no address of the caller's surroundings may leak into an SDK.
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("OPENAI_", "OPENROUTER_", "ANTHROPIC_", "CLAUDE_", "CODEX_", "OLLAMA_", "GOOGLE_", "GEMINI_")
            )
        }
        return subprocess.run(command, env={**clean, **variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
