"""What a run of the benchmark found, and the one table it prints."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from proxies import PROXIES, median

NAMES = [kind.name for kind in PROXIES]


@dataclass
class Results:
    """name of a figure -> proxy -> one value a round."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    single: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def add(self, figure: str, proxy: str, value: float) -> None:
        self.figures.setdefault(figure, {}).setdefault(proxy, []).append(value)

    def median(self, figure: str, proxy: str) -> float:
        return median(self.figures.get(figure, {}).get(proxy, []))

    def ratio(self, figure: str, proxy: str, to: str = "nginx", to_figure: str | None = None) -> float:
        mine, theirs = (
            self.figures.get(figure, {}).get(proxy, []),
            self.figures.get(to_figure or figure, {}).get(to, []),
        )
        return median([a / b for a, b in zip(mine, theirs) if b])


def table(results: Results) -> str:
    """The one markdown table."""
    lines = [
        "| figure | " + " | ".join(NAMES) + " | Waybill / nginx | required | wanted |",
        "|" + " --- |" * (len(NAMES) + 4),
    ]

    def row(
        title: str,
        figure: str,
        form: str = "{:.1f}",
        *,
        required: str = "",
        wanted: str = "",
        ratio: float | None = None,
        scale: float = 1.0,
    ) -> None:
        cells = [
            form.format(results.median(figure, name) * scale) if results.figures.get(figure, {}).get(name) else ""
            for name in NAMES
        ]
        shown = "" if ratio is None else f"{ratio:.2f}"
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {shown} | {required} | {wanted} |")

    row("(a) requests a second, flat out", "a rate", "{:.0f}", ratio=results.ratio("a rate", "Waybill"))
    row(
        "(a) CPU µs a request, whole process",
        "a cpu",
        required="1.30",
        wanted="1.20",
        ratio=results.ratio("a cpu", "Waybill"),
    )
    row(
        "(a) CPU µs a request, without the ledger's thread",
        "a cpu without ledger",
        required="1.05",
        wanted="0.95",
        ratio=results.ratio("a cpu without ledger", "Waybill"),
    )
    row("(a) CPU µs of the ledger a generation", "a ledger per request", required="15 µs", wanted="8 µs")
    row("(a) latency p50 µs, paced", "a paced p50", "{:.0f}")
    row("(a) latency p99 µs, paced", "a paced p99", "{:.0f}")
    for name in ("p50", "p99"):
        direct = results.median(f"a paced {name}", "direct")
        added = {
            proxy: [value - direct for value in values]
            for proxy, values in results.figures.get(f"a paced {name}", {}).items()
            if proxy != "direct"
        }
        results.figures[f"a added {name}"] = added
        row(
            f"(a) added latency {name} µs, paced",
            f"a added {name}",
            "{:.0f}",
            required=f"{2 * results.single['commit p99']:.0f} µs" if name == "p99" else "",
        )
        results.figures[f"a added {name} in memory"] = {
            "Waybill": [value - direct for value in results.figures.get(f"a paced in memory {name}", {}).get("Waybill", [])]
        }
        row(f"(a) the same {name}, the ledger on no disk", f"a added {name} in memory", "{:.0f}")
    row("(a) one row committed FULL, paced, a second", "a paced commit rate", "{:.0f}")
    row("(a) one row committed FULL, paced, p50 µs", "a paced commit p50", "{:.0f}")
    row("(a) one row committed FULL, paced, p99 µs", "a paced commit p99", "{:.0f}")
    row("(a) time the host took from the core, paced, %", "a paced stolen")
    row("(b) events a second", "b rate", "{:.0f}")
    row(
        "(b) CPU µs an event",
        "b cpu",
        "{:.2f}",
        required="1.15",
        wanted="1.00",
        ratio=results.ratio("b cpu", "Waybill"),
    )
    row(
        "(b) CPU µs an event, without the ledger's thread",
        "b cpu without ledger",
        "{:.2f}",
        ratio=results.ratio("b cpu without ledger", "Waybill"),
    )
    row("(b) way of an event p50 µs", "b p50", "{:.0f}")
    row("(b) way of an event p99 µs", "b p99", "{:.0f}")
    row("(c) RSS KB an open stream", "c rss per stream", required="20 KB", wanted="20 KB", scale=1 / 1024)
    row("RSS MB before the streams", "idle rss", scale=1 / (1 << 20))
    row("start-up to ready ms", "start", required="100 ms", wanted="100 ms")
    lines.append(f"| idle RSS MB | | | | {results.single['idle rss'] / (1 << 20):.1f} | | 25 MB | 25 MB |")
    lines.append(f"| stripped binary MB | | | | {results.single['stripped'] / (1 << 20):.1f} | | 12 MB | 12 MB |")
    lines.append(
        f"| one row committed FULL, alone, p50 / p99 µs | | | | {results.single['commit p50']:.0f} / {results.single['commit p99']:.0f} | | | |"
    )
    return "\n".join(lines)


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return f"{os.cpu_count()} cores, {model}, Linux {os.uname().release}"
