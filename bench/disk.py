"""What the machine itself does to one who commits: the disk's flushes, and time the host takes away."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from proxies import PROXY_CORE

MEMORY = Path("/dev/shm")  # a file system without a disk behind it


class CommitProbe:
    """A single row at a time committed with synchronous=FULL, on the proxy's core."""

    def __init__(self, folder: Path) -> None:
        self.database = sqlite3.connect(folder / "commit.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")

    def burst(self, rows: int) -> tuple[float, float]:
        """p50 and p99, in µs, of commits one right after the other."""
        return self._percentiles(rows, 0)

    def paced(self, rate: float, seconds: float) -> tuple[float, float]:
        """The same at a rate a second: what a flush costs where many are asked for, for long."""
        return self._percentiles(int(rate * seconds), 1 / rate)

    def close(self) -> None:
        self.database.close()

    def _percentiles(self, rows: int, gap: float) -> tuple[float, float]:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {int(PROXY_CORE)})
        try:
            times = sorted(self._commit(rows, gap))
        finally:
            os.sched_setaffinity(0, everywhere)
        return times[rows // 2], times[rows * 99 // 100]

    def _commit(self, rows: int, gap: float) -> list[float]:
        times = []
        start = time.perf_counter()
        for row in range(rows):
            time.sleep(max(0.0, start + row * gap - time.perf_counter()))
            began = time.perf_counter()
            self.database.execute("INSERT INTO t (b) VALUES (?)", (b"x" * 500,))
            times.append((time.perf_counter() - began) * 1e6)
        return times


def stolen_seconds() -> float:
    """Time so far in which the proxy's core would have run and the host ran something else
    (proc_stat(5), "steal")."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{PROXY_CORE}":
            return int(ticks[7]) / os.sysconf("SC_CLK_TCK")
    return 0.0
