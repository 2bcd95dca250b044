"""What the machine itself does to one who commits: the disk's flushes, and time the host takes away."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from proxies import PROXY_CORE

MEMORY = Path("/dev/shm")  # a file system without a disk behind it


@dataclass(frozen=True)
class Commits:
    rate: float  # a second
    p50: float  # µs
    p99: float


class CommitProbe:
    """A single row at a time committed with synchronous=FULL, on the proxy's core."""

    def __init__(self, folder: Path) -> None:
        self.database = sqlite3.connect(folder / "commit.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")

    def burst(self, rows: int) -> Commits:
        """Commits one right after the other."""
        return self._measure(rows, 0, float("inf"))

    def paced(self, rate: float, seconds: float) -> Commits:
        """As many a second, if the disk can do so many: what a flush costs where many are
        asked for, for long."""
        return self._measure(int(rate * seconds), 1 / rate, seconds)

    def close(self) -> None:
        self.database.close()

    def _measure(self, rows: int, gap: float, seconds: float) -> Commits:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {int(PROXY_CORE)})
        try:
            start = time.perf_counter()
            times = sorted(self._commit(rows, gap, start + seconds))
            rate = len(times) / (time.perf_counter() - start)
        finally:
            os.sched_setaffinity(0, everywhere)
        return Commits(rate, times[len(times) // 2], times[len(times) * 99 // 100])

    def _commit(self, rows: int, gap: float, end: float) -> list[float]:
        times = []
        start = time.perf_counter()
        for row in range(rows):
            time.sleep(max(0.0, start + row * gap - time.perf_counter()))
            began = time.perf_counter()
            self.database.execute("INSERT INTO t (b) VALUES (?)", (b"x" * 500,))
            done = time.perf_counter()
            times.append((done - began) * 1e6)
            if done >= end:
                break
        return times


def has_room_in_memory() -> bool:
    try:
        info = os.statvfs(MEMORY)
    except OSError:
        return False
    return info.f_bavail * info.f_frsize >= 2 << 30  # above what `ledger.least_free` wants


def stolen_seconds() -> float:
    """Time so far in which the proxy's core would have run and the host ran something else
    (proc_stat(5), "steal")."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{PROXY_CORE}":
            return int(ticks[7]) / os.sysconf("SC_CLK_TCK")
    return 0.0
