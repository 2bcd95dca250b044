"""kill -9 at random instants under load: nothing acknowledged may be missing, nothing booked twice.

    kill_loop.py --kills 200 [--seconds-budget 900] [--seed 1]

Clients stream and do not stream through the daemon, which talks to the simulator.
After each kill and restart, every response that ended cleanly at a client is looked
up in the ledger: there, once, with the told cost; of a stream that was cut, what its
client has is billed.  At the end `ledger verify` runs
and nothing may be open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import statistics
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from waybill_harness import SLOWNESS, Daemon, Simulator, parse_json, parse_sse, request_bytes, simulator_settings  # noqa: E402

MODELS = {
    "quick": "storyteller?tokens=4&rate=4000",
    "longer": "storyteller?tokens=40&rate=2000",
    "moody": ["storyteller?status=503&times=1", "storyteller?tokens=6&rate=4000"],
    "silent": "storyteller?tokens=8&usage=never&rate=4000",
}
CLIENTS = 24
REQUESTS_A_CONNECTION = 50_000  # the daemon closes a connection after 100,000
RECHECKED = 20  # of the acknowledged before, at each restart


@dataclass
class Tally:
    """What clients saw and what the ledger had of it."""

    acked: dict[str, Decimal] = field(default_factory=dict)  # generation -> told cost
    begun: set[str] = field(default_factory=set)  # a head with an id arrived
    tasted: set[str] = field(default_factory=set)  # of a stream, some content arrived too
    faults: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    kills: int = 0
    requests: int = 0
    refused: int = 0

    def fault(self, text: str) -> None:
        self.faults.append(text)
        print("FAULT:", text, flush=True)


class Client:
    """One client that asks again and again over a kept connection."""

    def __init__(self, daemon: Daemon, tally: Tally, rng: random.Random) -> None:
        self._daemon, self._tally, self._rng = daemon, tally, rng

    async def run(self) -> None:
        while True:
            try:
                await self._session()
            except (OSError, asyncio.IncompleteReadError, ValueError):
                await asyncio.sleep(0.002)  # the daemon is down; not a synchronisation, only no busy loop

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._daemon.port, limit=1 << 20)
        try:
            while True:
                stream = self._rng.random() < 0.6
                body = {
                    "model": f"sim/{self._rng.choice(list(MODELS))}",
                    "messages": [{"role": "user", "content": "Tell me."}],
                    "stream": stream,
                }
                writer.write(
                    request_bytes(
                        "POST",
                        "/v1/chat/completions",
                        body=json.dumps(body).encode(),
                        headers=[("Authorization", f"Bearer {self._daemon.key}"), ("Content-Type", "application/json")],
                    )
                )
                self._tally.requests += 1
                if not await self._answer(reader, stream):
                    return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, stream: bool) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        status, generation = int(head.split(" ")[1]), fields.get("x-generation-id", "")
        if status == 200:
            self._tally.begun.add(generation)
        body = await self._body(reader, fields, generation if status == 200 and stream else "")
        if status != 200:
            self._tally.refused += 1
        elif stream:
            self._note_stream(generation, body)
        else:
            self._acknowledge(generation, parse_json(body)["usage"]["cost"])
        return fields.get("connection", "").lower() != "close"

    async def _body(self, reader: asyncio.StreamReader, fields: dict[str, str], streamed: str) -> bytes:
        if fields.get("transfer-encoding", "").lower() != "chunked":
            return await reader.readexactly(int(fields["content-length"]))
        body = b""
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            body += (await reader.readexactly(size + 2))[:-2]
            if streamed and b'"content":"' in body:
                self._tally.tasted.add(streamed)
            if size == 0:
                return body

    def _note_stream(self, generation: str, body: bytes) -> None:
        events = parse_sse(body)
        if not events or events[-1].data != "[DONE]":
            self._tally.fault(f"{generation}: the stream's framing ended well, but without [DONE]")
            return
        usage = next((parse_json(event.data).get("usage") for event in reversed(events[:-1])), None)
        if usage is not None:
            self._acknowledge(generation, usage["cost"])

    def _acknowledge(self, generation: str, cost: Decimal) -> None:
        if generation in self._tally.acked:
            self._tally.fault(f"{generation}: the id was given out twice")
        self._tally.acked[generation] = Decimal(cost)


def check_generations(daemon: Daemon, tally: Tally, ids: list[str]) -> None:
    """Looks generations up over HTTP; they must be there with the told cost."""
    for start in range(0, len(ids), REQUESTS_A_CONNECTION):
        check_some(daemon, tally, ids[start : start + REQUESTS_A_CONNECTION])


def check_some(daemon: Daemon, tally: Tally, ids: list[str]) -> None:
    with daemon.connect() as connection:
        for one in ids:
            answer = connection.request(
                "GET", f"/v1/generation?id={one}", headers=[("Authorization", f"Bearer {daemon.key}")]
            )
            if answer.status != 200:
                tally.fault(f"{one}: acknowledged, but the ledger answers {answer.status}")
            elif Decimal(answer.json()["data"]["total_cost"]) != tally.acked[one]:
                tally.fault(f"{one}: told {tally.acked[one]}, booked {answer.json()['data']['total_cost']}")


async def rounds(daemon: Daemon, tally: Tally, kills: int, deadline: float, rng: random.Random) -> None:
    while tally.kills < kills and time.monotonic() < deadline:
        before = set(tally.acked)
        clients = [
            asyncio.create_task(Client(daemon, tally, random.Random(rng.random())).run()) for _ in range(CLIENTS)
        ]
        await asyncio.sleep(rng.uniform(0.02, 0.6) * SLOWNESS)  # the random instant
        daemon.child.process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]
        daemon.kill()
        await asyncio.sleep(0.05)  # lets what is in the sockets be read: it was sent, so it counts
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        tally.kills += 1
        began = time.monotonic()
        daemon.start(30.0)  # here, not on a pool thread: the child dies with the thread that made it
        tally.recoveries.append(time.monotonic() - began)
        fresh = [one for one in tally.acked if one not in before]
        older = rng.sample(sorted(before), min(RECHECKED, len(before)))
        await asyncio.to_thread(check_generations, daemon, tally, fresh + older)
        print(
            f"kill {tally.kills}: {len(fresh)} acknowledged, ready after {tally.recoveries[-1] * 1000:.0f} ms",
            flush=True,
        )


def check_file(daemon: Daemon, tally: Tally) -> None:
    """After the last stop: every id once, and as many rows as generations were acknowledged at the least."""
    database = sqlite3.connect(f"file:{daemon.folder}/ledger.db?mode=ro", uri=True)
    try:
        rows, ids = database.execute("SELECT count(*), count(DISTINCT gen_id) FROM generation").fetchone()
    finally:
        database.close()
    if rows != ids:
        tally.fault(f"{rows - ids} generations stand twice in the ledger")
    if rows < len(tally.acked):
        tally.fault(f"{len(tally.acked)} generations were acknowledged and {rows} are in the ledger")


def unacknowledged(daemon: Daemon, tally: Tally) -> tuple[int, int]:
    """Of the generations whose head arrived but whose end did not: settled in the ledger, and not found."""
    settled = missing = 0
    with daemon.connect() as connection:
        for one in sorted(tally.begun - set(tally.acked)):
            answer = connection.request(
                "GET", f"/v1/generation?id={one}", headers=[("Authorization", f"Bearer {daemon.key}")]
            )
            settled += answer.status == 200
            missing += answer.status != 200
            if answer.status == 200 and one in tally.tasted and not answer.json()["data"]["native_tokens_completion"]:
                tally.fault(f"{one}: its client has some of the answer, and nothing of it is billed")
    return settled, missing


def report(tally: Tally, durable: int, missing: int) -> str:
    times = sorted(tally.recoveries) or [0.0]
    lost = sum("acknowledged, but" in fault for fault in tally.faults)
    return (
        f"kills {tally.kills}\nrequests {tally.requests}, refused {tally.refused}\nacknowledged {len(tally.acked)}\n"
        f"begun but unacknowledged: {durable} in the ledger, {missing} not; "
        f"{len(tally.tasted - set(tally.acked))} had some content and must be billed for it\nlost={lost}\nfaults {len(tally.faults)}\n"
        f"recovery: median {statistics.median(times) * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seconds-budget", type=float, default=1800.0, help="no new round after this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("strict", "relaxed"), default="strict")
    arguments = parser.parse_args()
    tally = Tally()
    deadline = time.monotonic() + arguments.seconds_budget
    with Simulator(seed=arguments.seed) as simulator:
        settings = simulator_settings(simulator, MODELS, logging={"level": "warn", "access": False})
        with Daemon(settings) as daemon:
            if arguments.durability == "relaxed":
                daemon.stop()
                daemon.write_settings(
                    {**settings, "ledger": {"store": f"sqlite://{daemon.folder}/ledger.db", "durability": "relaxed"}}
                )
                daemon.start()
            asyncio.run(rounds(daemon, tally, arguments.kills, deadline, random.Random(arguments.seed)))
            check_generations(daemon, tally, list(tally.acked))
            durable, missing = unacknowledged(daemon, tally)
            if missing:
                tally.fault(f"{missing} generations whose 200 was sent are not in the ledger at all")
            open_now = daemon.metric("waybill_ledger_open")
            if open_now:
                tally.fault(f"{open_now:.0f} generations are still open")
            if daemon.stop() != 0:
                tally.fault("the last stop was not clean")
            try:
                print(daemon.verify_ledger().strip())
            except AssertionError as wrong:
                tally.fault(str(wrong))
            check_file(daemon, tally)
    print(report(tally, durable, missing))
    return 1 if tally.faults or not tally.acked else 0


if __name__ == "__main__":
    sys.exit(main())
