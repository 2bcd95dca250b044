"""Runs the examples of README.md and docs/*.md against a daemon and the simulator.

A fenced block is run unless an HTML comment `<!-- not run: reason -->` stands right above
it.  `yaml` blocks of one page make up one settings file, `waybill.yaml`; a block that begins
with `# NAME.yaml` is a file of its own.  `waybill check` must like each of them, and the
files of config/ too.  `sh` and `bash` blocks must end with 0 and print something; `python`
and `javascript` blocks run where $WAYBILL_SDK_PYTHON (an interpreter with the SDKs) or
$WAYBILL_SDK_NODE (a folder with them in node_modules) is set, and blocks that call `claude`
or `codex` where that is on the PATH; they are counted as skipped otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from waybill_harness import Daemon, Simulator, binary, run_waybill, simulator_settings  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ("README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")))
AGENT = re.compile(r"^(claude|codex) ", re.M)
SHIPPED = ("example.yaml", "quickstart.yaml", "container.yaml")
NAMED = re.compile(r"# ([\w-]+\.yaml)\n")
FENCE = re.compile(r"(?P<note><!-- not run: [^\n]+ -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass
class Example:
    page: str
    line: int
    kind: str
    text: str
    left_out: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.kind})"


def examples(page: str) -> list[Example]:
    text = (ROOT / page).read_text()
    return [
        Example(page, text[: match.start("text")].count("\n"), match["kind"], match["text"], match["note"] is not None)
        for match in FENCE.finditer(text)
    ]


class Runner:
    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon, self.folder = daemon, folder
        self.environment = {
            **os.environ,
            "WAYBILL_API_KEY": daemon.key,
            "WAYBILL_STATE": str(folder / "state"),
            "OPENAI_API_KEY": "not-a-key",
            "GROQ_API_KEY": "not-a-key",
            "HOME": str(folder / "home"),
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        }
        (folder / "home").mkdir()
        (folder / "waybill").symlink_to(binary())
        self.faults: list[str] = []
        self.ran = self.skipped = 0

    def settings(self, page: str, blocks: list[Example]) -> None:
        """The page's settings become files beside its commands, which then use them."""
        files: dict[str, str] = {}
        for block in blocks:
            if block.kind == "yaml" and not block.left_out:
                name = NAMED.match(block.text)
                file = name[1] if name else "waybill.yaml"
                files[file] = files.get(file, "") + block.text
        for name, text in files.items():
            if not re.search(r"^ledger:", text, re.M):
                text = f'ledger: {{ store: "sqlite://{self.folder}/{name}.db" }}\n' + text
            (self.folder / name).write_text(text)
            self.check(f"{page}: {name}", self.folder / name)

    def shipped(self) -> None:
        (self.folder / "state" / "providers").mkdir(parents=True)
        for name in SHIPPED:
            self.check(f"config/{name}", ROOT / "config" / name)

    def check(self, what: str, file: Path) -> None:
        done = run_waybill("check", "--config", str(file), env=self.environment)
        self.ran += 1
        if done.returncode != 0:
            self.faults.append(f"{what} is refused:\n{done.stdout}{done.stderr}")

    def run(self, example: Example) -> None:
        text = example.text.replace("127.0.0.1:8080", f"127.0.0.1:{self.daemon.port}").replace(
            "sk-wb-...", self.daemon.key
        )
        if example.kind in ("sh", "bash"):
            agent = AGENT.search(text)
            if agent and shutil.which(agent[1]) is None:
                self.skipped += 1
                return
            self.call(example, ["bash", "-euo", "pipefail", "-c", text.replace("curl ", "curl --fail-with-body ")])
        elif example.kind == "python":
            self.call(example, [os.environ.get("WAYBILL_SDK_PYTHON", ""), "-c", text])
        elif example.kind in ("js", "javascript"):
            node = "WAYBILL_SDK_NODE" in os.environ
            self.call(example, ["node", "--input-type=module", "-e", text] if node else [""])
        elif example.kind == "":
            self.faults.append(f"{example}: the block does not say what it is")
        elif example.kind not in ("json", "yaml", "text"):
            self.faults.append(f"{example}: nobody knows how to run this; say why it is not run")

    def call(self, example: Example, command: list[str]) -> None:
        if not command[0]:
            self.skipped += 1
            return
        folder = os.environ.get("WAYBILL_SDK_NODE", self.folder) if command[0] == "node" else self.folder
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.ran += 1
        if done.returncode != 0 or not done.stdout.strip():
            self.faults.append(f"{example}: exit status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


def main() -> int:
    left_out = 0
    with Simulator(seed=1) as simulator, tempfile.TemporaryDirectory() as folder:
        settings = simulator_settings(simulator, {"unused": "storyteller"})
        settings["models"]["demo/storyteller"] = settings["models"].pop("sim/unused")
        with Daemon(settings) as daemon:
            runner = Runner(daemon, Path(folder))
            runner.shipped()
            for page in PAGES:
                blocks = examples(page)
                runner.settings(page, blocks)
                for block in blocks:
                    left_out += block.left_out
                    if not block.left_out:
                        runner.run(block)
    for fault in runner.faults:
        print(fault)
    print(f"{runner.ran} examples run, {runner.skipped} skipped (no SDK or agent here), {left_out} marked as not run")
    return 1 if runner.faults or not runner.ran else 0


if __name__ == "__main__":
    sys.exit(main())
