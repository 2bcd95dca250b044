"""Replays the hostile corpora against the running daemon, as their INDEX.md says.

    replay.py [--full | --share 0.15] [--suite NAME]...

A sample by default (about 15 % of the requests, everything small), all of it with
--full.  Prints counts per suite and every violation; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import suite_yaml  # noqa: E402
from aio import AsyncUpstream  # noqa: E402
from corpus import Corpus, Report  # noqa: E402
from suite_requests import BodyReplay, CompressedReplay, RequestReplay, StringReplay  # noqa: E402
from suite_upstream import ScriptedUpstream, UpstreamReplay  # noqa: E402
from waybill_harness import SLOWNESS, Daemon, Settings, assert_healthy, fixtures, settings_for  # noqa: E402

SUITES = (
    "http1-request",
    "http1-response",
    "sse",
    "json",
    "chat-request",
    "compressed",
    "upstream-usage",
    "yaml",
    "injection",
    "strings",
)
NOT_REPLAYED = (
    "url: media URLs are handed to providers, never fetched (rulings 20); the address guard comes with media.fetch"
)
TIMEOUT = 6.0 * SLOWNESS


def settings(upstream: AsyncUpstream) -> Settings:
    listen = [{"address": "127.0.0.1", "port": 0, "default_key": "test"}]
    members: dict[str, Any] = {
        "limits": {"header_timeout": "1s", "body_timeout": "1s", "idle_timeout": "60s", "response_bytes": 8 << 20},
        "defaults": {"timeouts": {"connect": "2s", "first_token": "2s", "between_events": "2s", "total": "20s"}},
        "logging": {"level": "warn"},
    }
    return settings_for(upstream, listen=listen, **members)


async def replay(suites: list[str], share: float, report: Report) -> None:
    root = fixtures()
    assert root is not None
    corpus = Corpus(root / "hostile", 1.0)
    sample = Corpus(root / "hostile", share)
    scripted = ScriptedUpstream()
    async with AsyncUpstream(scripted.handle) as upstream:
        # Starting and stopping waits for processes; the loop has nothing else to do then.
        daemon = Daemon(settings(upstream))
        try:
            await run_suites(suites, corpus, sample, daemon, upstream, scripted, report, share)
            await asyncio.to_thread(assert_healthy, daemon)
            await asyncio.to_thread(daemon.verify_ledger)
        except BaseException:
            print(daemon.log_tail(), file=sys.stderr)
            raise
        finally:
            await asyncio.to_thread(daemon.close)


async def run_suites(
    suites: list[str],
    corpus: Corpus,
    sample: Corpus,
    daemon: Daemon,
    upstream: AsyncUpstream,
    scripted: ScriptedUpstream,
    report: Report,
    share: float,
) -> None:
    upstreams = UpstreamReplay(daemon, scripted, report, TIMEOUT)
    bodies = BodyReplay(daemon, report, TIMEOUT)
    work = {
        "http1-request": lambda: RequestReplay(daemon, lambda: upstream.requests, report, TIMEOUT).run(
            sample.cases("http1-request")
        ),
        "http1-response": lambda: upstreams.responses(sample.cases("http1-response")),
        "sse": lambda: upstreams.streams(corpus.cases("sse")),
        "json": lambda: bodies.run(corpus.cases("json")),
        "chat-request": lambda: bodies.run(corpus.cases("chat-request")),
        "compressed": lambda: _both(
            CompressedReplay(daemon, report, TIMEOUT).run(corpus.cases("compressed")),
            upstreams.compressed(corpus.cases("compressed")),
        ),
        "upstream-usage": lambda: upstreams.usages(corpus.cases("upstream-usage")),
        "yaml": lambda: suite_yaml.run(sample.cases("yaml"), report),
        "injection": lambda: StringReplay(daemon, report, TIMEOUT).run(corpus.cases("injection"), share),
        "strings": lambda: StringReplay(daemon, report, TIMEOUT).run(corpus.cases("strings"), share),
    }
    for suite in suites:
        began = time.monotonic()
        await work[suite]()
        print(f"{suite}: {time.monotonic() - began:.1f} s", flush=True)
        if not daemon.alive():
            report.violate(suite, "all", f"the daemon died\n{daemon.log_tail()}")
            return


async def _both(first: Any, second: Any) -> None:
    await first
    await second


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="everything (also: WAYBILL_HOSTILE=full)")
    parser.add_argument("--share", type=float, default=0.15, help="share of the large suites without --full")
    parser.add_argument("--suite", action="append", choices=SUITES, help="only these suites")
    arguments = parser.parse_args()
    if fixtures() is None:
        print("skipped: no corpora; set WAYBILL_FIXTURES to the folder that holds them")
        return 0
    full = arguments.full or os.environ.get("WAYBILL_HOSTILE") == "full"
    report = Report()
    asyncio.run(replay(arguments.suite or list(SUITES), 1.0 if full else arguments.share, report))
    print(report.text())
    print(f"not replayed: {NOT_REPLAYED}")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
