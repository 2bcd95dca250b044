"""yaml: every file as a settings file of `waybill check`."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Sequence

from corpus import Case, Report
from suite_requests import each
from waybill_harness import SLOWNESS, binary

MEMORY_LIMIT = 100 << 20
TIME_LIMIT = 1.0


def check(case: Case, folder: Path) -> str:
    """Runs one check; returns what is wrong with how it went."""
    path = folder / f"{case.meta['sha256'][:16]}.yaml"
    shutil.copyfile(case.path, path)
    began = time.monotonic()
    with open(path.with_suffix(".out"), "w+b") as out:
        process = subprocess.Popen(
            [str(binary()), "check", "--config", str(path)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
        out.seek(0)
        told = out.read().decode("utf-8", "replace")
    return _judge(case, process.returncode, told, took, usage)


def _judge(case: Case, code: int, told: str, took: float, usage: resource.struct_rusage) -> str:
    if code < 0 or "Sanitizer" in told or "terminate called" in told:
        return f"crashed with {code}: {told[-300:]}"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if took > TIME_LIMIT * max(SLOWNESS, 2):  # two run side by side
        return f"took {took:.2f} s"
    if SLOWNESS == 1 and usage.ru_maxrss * 1024 > MEMORY_LIMIT:
        return f"used {usage.ru_maxrss >> 10} MiB"
    if case.expect == "reject" and code == 0:
        return "accepted"
    if code != 0 and not re.search(r":\d+", told):
        return f"no line number in {told[:200]!r}"
    return ""


async def run(cases: Sequence[Case], report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="waybill-yaml-") as folder:

        async def one(case: Case) -> None:
            why = await asyncio.to_thread(check, case, Path(folder))
            if why:
                report.violate("yaml", case.id, why)
            else:
                report.count("yaml", f"{case.expect} as expected")

        await each(cases, one, 2)
