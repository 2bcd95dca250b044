"""The hostile corpora: cases, samples, and what a replay of them found."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator


@dataclass(frozen=True)
class Case:
    id: str
    suite: str
    expect: Any
    path: Path
    meta: dict[str, Any]

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def lines(self) -> Iterator[dict[str, Any]]:
        for line in self.path.read_text("utf-8").split("\n"):
            if line.strip():
                yield json.loads(line)


class Corpus:
    """Reads the manifest; `share` of 1.0 takes everything, less a stable sample."""

    def __init__(self, root: Path, share: float) -> None:
        self._cases: dict[str, list[Case]] = {}
        for line in (root / "manifest.jsonl").read_text().splitlines():
            meta = json.loads(line)
            case = Case(meta["id"], meta["suite"], meta["expect"], root / meta["file"], meta)
            if in_sample(case.id, share):
                self._cases.setdefault(case.suite, []).append(case)

    def cases(self, suite: str) -> list[Case]:
        return self._cases.get(suite, [])


def in_sample(name: str, share: float) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < share * 2**32


@dataclass
class Report:
    """Counts per suite, and every violation."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def count(self, suite: str, what: str) -> None:
        self.counts.setdefault(suite, Counter())[what] += 1

    def violate(self, suite: str, case: str, why: str) -> None:
        self.count(suite, "VIOLATION")
        self.violations.append(f"{suite} {case}: {why}")

    def text(self) -> str:
        lines = [
            f"{suite:16} " + "  ".join(f"{what} {number}" for what, number in sorted(counter.items()))
            for suite, counter in sorted(self.counts.items())
        ]
        return "\n".join([*lines, "", f"{len(self.violations)} violations", *self.violations])
