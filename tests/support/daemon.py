"""The daemon under test, with its settings, ledger and keys in a throw-away folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, Mapping

from processes import (
    SANITIZER_MARKS,
    SLOWNESS,
    Child,
    Settings,
    binary,
    read_ready_file,
    run_waybill,
    wait_until,
)
from wire import Headers, HttpConnection, Response


class Daemon:
    """`waybill serve` with its settings, ledger and keys in a throw-away folder.

    `settings` lacks what the harness gives: listeners on free ports, the ledger's
    place.  Text is written as it is, with `{folder}` replaced.
    """

    def __init__(
        self,
        settings: Settings | str,
        *,
        key: str | None = "test",
        start: bool = True,
        env: Mapping[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waybill-test-"))
        self.config = self.folder / "waybill.yaml"
        self._env = dict(env or {})
        self._preexec = preexec
        self._key_name = key
        self.key = ""
        self.child: Child | None = None
        self.write_settings(settings)
        if start:
            try:
                self.start()
            except BaseException:
                self.close()
                raise

    # ------------------------------------------------------------ settings

    def complete(self, settings: Settings) -> Settings:
        whole: Settings = {
            "listen": [{"address": "127.0.0.1", "port": 0}],
            "admin": {"listen": {"address": "127.0.0.1", "port": 0}},
            "ledger": {"store": f"sqlite://{self.folder}/ledger.db", "durability": "strict"},
            "workers": 2,
        }
        whole.update(settings)
        return whole

    def write_settings(self, settings: Settings | str) -> None:
        """Replaces the settings file at once; JSON is YAML."""
        text = (
            settings.replace("{folder}", str(self.folder))
            if isinstance(settings, str)
            else json.dumps(self.complete(settings), indent=2)
        )
        fresh = self.config.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.config)

    # ------------------------------------------------------------- process

    def start(self, timeout: float = 20.0) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.child = Child(
            [str(binary()), "serve", "--config", str(self.config), "--ready-file", str(ready)],
            self.folder / "log",
            self._env,
            self._preexec,
        )
        told = read_ready_file(ready, self.child, timeout)
        self.urls: list[str] = told["listen"]
        self.url: str = next((url for url in self.urls if url.startswith("http")), "")
        self.port = _port(self.url)
        self.admin_url: str = told.get("admin") or ""
        self.admin_port = _port(self.admin_url)
        if self._key_name is not None and not self.key:
            self.key = self.create_key(self._key_name)["key"]

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            print(self.log_tail())
        self.close()

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def alive(self) -> bool:
        return self.child is not None and self.child.alive()

    def log_text(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace") if (self.folder / "log").exists() else ""

    def log_tail(self, lines: int = 60) -> str:
        return f"--- log of {self.config} ---\n" + "\n".join(self.log_text().splitlines()[-lines:])

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 20.0) -> int:
        assert self.child is not None
        return self.child.stop(how, timeout)

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()

    def signal(self, which: signal.Signals) -> None:
        assert self.child is not None
        self.child.process.send_signal(which)

    def close(self) -> None:
        """Ends the process, complains about sanitizer reports, removes the folder."""
        if self.child is not None and self.child.alive():
            self.child.process.send_signal(signal.SIGTERM)
            self.child.process.send_signal(signal.SIGTERM)
            try:
                self.child.process.wait(10 * SLOWNESS)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        log = self.log_text()
        if os.environ.get("WAYBILL_TEST_KEEP"):
            print(f"kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if any(mark in log for mark in SANITIZER_MARKS):
            raise AssertionError("a sanitizer reported:\n" + log[-8000:])

    # ------------------------------------------------------------ commands

    def command(self, *arguments: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        return run_waybill(*arguments, "--config", str(self.config), env=self._env, timeout=timeout)

    def create_key(self, name: str, *arguments: str) -> dict[str, Any]:
        done = self.command("keys", "create", "--name", name, *arguments, "--json")
        if done.returncode != 0:
            raise AssertionError(f"keys create failed with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    # ------------------------------------------------------------ requests

    def connect(self, timeout: float = 20.0) -> HttpConnection:
        return HttpConnection(self.port, timeout=timeout * SLOWNESS)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Headers = (),
        key: str | None = None,
        admin: bool = False,
        timeout: float = 20.0,
    ) -> Response:
        """One request on its own connection; `key=""` sends none."""
        fields = list(headers)
        credential = self.key if key is None else key
        if credential:
            fields.append(("Authorization", f"Bearer {credential}"))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None and not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", "application/json"))
        port = self.admin_port if admin else self.port
        with HttpConnection(port, timeout=timeout * SLOWNESS) as connection:
            return connection.request(method, path, headers=fields, body=body)

    def chat(
        self,
        model: str = "demo/model",
        *,
        path: str = "/v1/chat/completions",
        key: str | None = None,
        headers: Headers = (),
        timeout: float = 20.0,
        **members: Any,
    ) -> Response:
        members.setdefault("messages", [{"role": "user", "content": "Say hello."}])
        return self.request("POST", path, body={"model": model, **members}, key=key, headers=headers, timeout=timeout)

    def generation(self, generation_id: str, *, key: str | None = None) -> dict[str, Any]:
        answer = self.request("GET", f"/v1/generation?id={generation_id}", key=key)
        if answer.status != 200:
            raise AssertionError(f"generation {generation_id}: {answer.status} {answer.body[:500]!r}")
        return answer.json()["data"]

    def metrics(self) -> str:
        return self.request("GET", "/metrics", admin=True, key="").body.decode()

    def metric(self, prefix: str) -> float:
        """Sum of the samples whose line begins with `prefix`."""
        lines = [line for line in self.metrics().splitlines() if line.startswith(prefix)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def reload(self, timeout: float = 10.0) -> None:
        """SIGHUP, and waits until the reload was tried (by its counter)."""
        before = self.metric("waybill_reload")
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.metric("waybill_reload") != before, "reload", timeout)

    def verify_ledger(self) -> str:
        done = self.command("ledger", "verify", timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"ledger verify: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def rss_bytes(self) -> int:
        return _status_value(self.pid, "VmRSS:") * 1024

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/")[0]) if url.startswith("http") else 0


def _status_value(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
