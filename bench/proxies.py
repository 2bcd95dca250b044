"""The proxies under measurement, each pinned to one core: nothing, nginx, HAProxy, Waybill."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from processes import die_with_parent  # noqa: E402
from waybill_harness import Child, binary, run_waybill, wait_until  # noqa: E402

PROXY_CORE, LOAD_CORE = "0", "1"
LEDGER_THREAD = "wb-ledger"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Upstream:
    """bench/upstream on the load's core."""

    def __init__(self, tool: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, str(tool), "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Proxy:
    """One running proxy; `port` is where the load goes."""

    name = "direct"
    key = "none"

    def __init__(self, upstream: Upstream, folder: Path, *, streaming: bool) -> None:
        self.port = upstream.port
        self.child: Child | None = None

    def pids(self) -> list[int]:
        """The process and its children."""
        if self.child is None:
            return []
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        return [self.child.pid, *map(int, children)]

    def cpu_seconds(self) -> tuple[float, float]:
        """CPU used so far: of everything, and of the ledger's thread alone."""
        total = ledger = 0.0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                try:
                    used = int((task / "schedstat").read_text().split()[0]) / 1e9
                    name = (task / "comm").read_text().strip()
                except OSError:
                    continue  # a thread that has just ended
                total += used
                ledger += used if name.startswith(LEDGER_THREAD) else 0.0
        return total, ledger

    def rss_bytes(self) -> int:
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total

    def close(self) -> None:
        if self.child is not None:
            self.child.stop(timeout=30)


class Templated(Proxy):
    """A proxy whose settings are a template of this folder."""

    template = ""

    def __init__(self, upstream: Upstream, folder: Path, *, streaming: bool) -> None:
        super().__init__(upstream, folder, streaming=streaming)
        self.port = free_port()
        text = (HERE / self.template).read_text()
        for name, value in (
            ("folder", str(folder)),
            ("port", str(self.port)),
            ("upstream", str(upstream.port)),
            ("buffering", "off" if streaming else "on"),
        ):
            text = text.replace(f"@{name}@", value)
        settings = folder / self.template.removesuffix(".in")
        settings.write_text(text)
        self.child = Child(["taskset", "-c", PROXY_CORE, *self.command(settings, folder)], folder / f"{self.name}.log")
        try:
            wait_until(lambda: answers(self.port), f"{self.name} on its port")
        except AssertionError as late:
            self.child.kill()
            raise RuntimeError(f"{late}: {self.child.log_text()}") from late

    def command(self, settings: Path, folder: Path) -> list[str]:
        raise NotImplementedError


class Nginx(Templated):
    name, template = "nginx", "nginx.conf.in"

    def command(self, settings: Path, folder: Path) -> list[str]:
        return ["nginx", "-c", str(settings), "-p", str(folder), "-e", str(folder / "nginx.error.log")]

    def close(self) -> None:
        assert self.child is not None
        self.child.stop(timeout=30)


class Haproxy(Templated):
    name, template = "HAProxy", "haproxy.cfg.in"

    def command(self, settings: Path, folder: Path) -> list[str]:
        return ["haproxy", "-db", "-f", str(settings)]

    def close(self) -> None:
        assert self.child is not None
        self.child.kill()


class Waybill(Proxy):
    """Authentication, routing, metering and a strict ledger on, access log to a file."""

    name = "Waybill"

    def __init__(
        self, upstream: Upstream, folder: Path, *, streaming: bool, ledger_folder: Path | None = None
    ) -> None:
        super().__init__(upstream, folder, streaming=streaming)
        self.folder = folder
        self.settings = folder / "waybill.yaml"
        self.settings.write_text(
            json.dumps(
                {
                    "listen": [{"address": "127.0.0.1", "port": 0}],
                    "workers": 1,
                    "ledger": {"store": f"sqlite://{ledger_folder or folder}/ledger.db", "durability": "strict"},
                    "logging": {"access": True, "file": str(folder / "access.log")},
                    "limits": {"max_connections": 16000, "max_concurrent_requests": 16000},
                    "providers": {
                        "bench": {
                            "base_url": f"http://127.0.0.1:{upstream.port}/v1",
                            "dialect": "openai_chat",
                            "max_connections": 16000,
                        }
                    },
                    "models": {
                        "bench/model": {
                            "context_length": 128000,
                            "endpoints": [
                                {
                                    "provider": "bench",
                                    "upstream_model": "bench",
                                    "price": {
                                        "unit": "usd_per_million_tokens",
                                        "prompt": "0.15",
                                        "completion": "0.60",
                                        "cache_read": "0.075",
                                    },
                                }
                            ],
                        }
                    },
                }
            )
        )
        self.start_up_seconds = self.start()
        made = run_waybill("keys", "create", "--config", str(self.settings), "--name", "bench", "--json")
        if made.returncode != 0:
            raise RuntimeError(f"keys create: {made.stderr}")
        self.key = json.loads(made.stdout)["key"]

    def start(self) -> float:
        """Starts the daemon; returns the seconds until it was ready."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        began = time.monotonic()
        self.child = Child(
            [
                "taskset",
                "-c",
                PROXY_CORE,
                str(binary()),
                "serve",
                "--config",
                str(self.settings),
                "--ready-file",
                str(ready),
            ],
            self.folder / "waybill.log",
        )
        while not ready.exists():
            if not self.child.alive() or time.monotonic() - began > 20:
                raise RuntimeError(f"Waybill did not start: {self.child.log_text()[-2000:]}")
        took = time.monotonic() - began
        self.port = int(json.loads(ready.read_text())["listen"][0].rsplit(":", 1)[1])
        return took


PROXIES: Sequence[type[Proxy]] = (Proxy, Nginx, Haproxy, Waybill)


def build_tools(folder: Path) -> dict[str, Path]:
    """Compiles the load generator and the upstream: both hold no Waybill code."""
    compiler = shutil.which("clang++-19") or os.environ.get("CXX") or "c++"
    tools = {}
    for name in ("load", "upstream"):
        tools[name] = folder / name
        subprocess.run([compiler, "-std=c++20", "-O2", str(HERE / f"{name}.cpp"), "-o", str(tools[name])], check=True)
    return tools


def stripped_size(folder: Path) -> int:
    target = folder / "stripped"
    subprocess.run(["strip", "-o", str(target), str(binary())], check=True)
    return target.stat().st_size


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")
