"""The real binary as child processes: the daemon, the simulator, single commands."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence


REPOSITORY = Path(__file__).resolve().parents[2]
# Sanitizer builds and loaded machines are slower; every deadline is stretched by this.
SLOWNESS = float(os.environ.get("WAYBILL_TEST_SLOWNESS", "1"))
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")

Settings = dict[str, Any]


def binary() -> Path:
    """The binary under test: $WAYBILL_BIN, else the newest of the usual build folders."""
    named = os.environ.get("WAYBILL_BIN")
    candidates = (
        [Path(named)] if named else [REPOSITORY / "build" / preset / "waybill" for preset in ("debug", "release")]
    )
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise FileNotFoundError("no waybill binary: set WAYBILL_BIN or build the debug preset")


def fixtures() -> Path | None:
    """The folder of recordings and hostile corpora, where it is there."""
    path = Path(os.environ.get("WAYBILL_FIXTURES", REPOSITORY.parent / "shared" / "fixtures"))
    return path if (path / "INDEX.md").is_file() else None


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 10.0) -> Any:
    """Polls until `condition` is true and returns its value."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout * SLOWNESS:g} s")
        threading.Event().wait(0.005)


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def connections_of(pid: int) -> list[socket.socket]:
    """Copies of a child's own ends of its TCP connections; refused where children may not be looked into."""
    found: list[socket.socket] = []
    handle = os.pidfd_open(pid)
    try:
        for number in map(int, os.listdir(f"/proc/{pid}/fd")):
            copy = ctypes.CDLL(None, use_errno=True).syscall(438, handle, number, 0)  # pidfd_getfd
            if copy < 0 and ctypes.get_errno() == errno.EPERM:
                raise PermissionError("may not copy another process's sockets")
            if copy >= 0:
                found += _connection(copy)
    finally:
        os.close(handle)
    return found


def _connection(number: int) -> list[socket.socket]:
    try:
        end = socket.socket(fileno=number)
    except OSError:
        os.close(number)
        return []
    try:
        end.getpeername()
        if end.family in (socket.AF_INET, socket.AF_INET6) and end.type == socket.SOCK_STREAM:
            return [end]
    except OSError:
        pass  # a listener
    end.close()
    return []


class Child:
    """A child process whose standard error is kept, and which never outlives the test."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        def prepare() -> None:
            die_with_parent()
            if preexec is not None:
                preexec()

        self.log = log
        self._log_file = open(log, "ab")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            preexec_fn=prepare,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 15.0) -> int:
        if self.alive():
            self.process.send_signal(how)
            try:
                self.process.wait(timeout * SLOWNESS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"pid {self.pid} did not stop on {how.name} within {timeout * SLOWNESS:g} s:\n"
                    + self.log_text()[-4000:]
                ) from None
        self._log_file.close()
        return self.process.returncode

    def kill(self) -> None:
        if self.alive():
            self.process.kill()
        self.process.wait()
        self._log_file.close()


def read_ready_file(path: Path, child: Child, timeout: float = 20.0) -> dict[str, Any]:
    def ready() -> Any:
        if path.exists():
            return json.loads(path.read_text())
        if not child.alive():
            raise AssertionError(
                f"exited with {child.process.returncode} before it was ready:\n{child.log_text()[-4000:]}"
            )
        return None

    return wait_until(ready, f"ready file of pid {child.pid}", timeout)


def run_waybill(
    *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 30.0, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """One command of the binary, to its end."""
    done = subprocess.run(
        [str(binary()), *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=timeout * SLOWNESS,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


class Simulator:
    """`waybill simulate` on a free port; faults are chosen by the upstream model's name."""

    def __init__(self, *arguments: str, seed: int = 1) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="waybill-sim-"))
        ready = self._folder / "ready.json"
        self.child = Child(
            [
                str(binary()),
                "simulate",
                "--listen",
                "127.0.0.1:0",
                "--dialect",
                "openai_chat",
                "--seed",
                str(seed),
                "--ready-file",
                str(ready),
                *arguments,
            ],
            self._folder / "log",
        )
        try:
            self.url: str = read_ready_file(ready, self.child)["listen"][0]
        except BaseException:
            self.close()
            raise

    @property
    def base_url(self) -> str:
        return self.url.rstrip("/") + "/v1"

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.child.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
