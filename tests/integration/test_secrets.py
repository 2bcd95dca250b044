"""No secret in any output, no forged log lines, no labels from clients (L rows)."""

from __future__ import annotations

import base64
import json
import signal
import urllib.parse
from pathlib import Path

from certificates import Authority
from wire import ConnectionClosed
from waybill_harness import (
    CANARY,
    Answer,
    End,
    HarnessTestCase,
    canned,
    chat_request,
    main,
    run_waybill,
    settings_for,
    wait_until,
)

PROMPT = "canary-prompt-5d1c0e"
ANSWER = "canary-answer-9b77aa"
FORGED = 'x\r\nlevel=error forged\n\x1b[31mred\u2028{"forged":true}'


def disguises(secret: str) -> set[bytes]:
    """A secret and the ways it might be written by accident."""
    raw = secret.encode()
    return {
        raw,
        base64.b64encode(raw).rstrip(b"=")[:-1],
        raw.hex().encode(),
        urllib.parse.quote(secret, safe="").encode(),
        raw[::-1],
        raw[: len(raw) * 2 // 3],
    }


class Canaries(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain(ANSWER))
        self.server = self.daemon(
            settings_for(
                self.provider,
                logging={"format": "json", "level": "trace", "access": True},
                defaults={"timeouts": {"first_token": "500ms", "total": "5s"}},
            )
        )

    def exercise(self) -> list[bytes]:
        """Every kind of thing that happens to a request; returns all that clients were told."""
        told: list[bytes] = []

        def ask(*script: object, **members: object) -> None:
            self.provider.script(*script)
            answer = self.server.chat(messages=[{"role": "user", "content": PROMPT}], **members)
            told.append(answer.raw_head + answer.body)

        ask(canned.plain(ANSWER))
        ask(canned.stream([ANSWER]), stream=True)
        for status in (400, 401, 403, 404, 429, 500, 503):
            ask(canned.error(status, f"key {CANARY}00 is bad; you said {PROMPT}"))
        for member in ("code", "type", "param"):
            ask(canned.error(500, "no", **{member: f"Bearer {CANARY}00"}))
        ask(Answer((), End.RESET))
        ask(Answer((), End.HOLD))
        ask(Answer((b"HTTP/1.1 200 OK\r\nX: " + CANARY.encode() + b"\0\r\n\r\n",), End.CLOSE))
        ask(canned.http_response(200, b"{broken " + CANARY.encode()))
        ask(Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta(ANSWER))),), End.RESET), stream=True)
        ask(canned.plain(), temperature="not a number")
        ask(canned.plain(), model=PROMPT)
        for key in (self.server.key + "x", "sk-wb-" + "B" * 43):
            told.append(self.server.chat(key=key).body)
        told.append(self.server.request("GET", f"/v1/key?key={self.server.key}", key="").body)
        self.provider.script(
            Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta(ANSWER))),), End.HOLD)
        )
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key, stream=True))
            connection.read_head()
        self.provider.wait_for_requests(1)[0].gone.wait(5)
        return told

    def test_l1_l6_canaries_are_nowhere(self) -> None:
        told = self.exercise()
        self.server.write_settings("broken: [")
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: "reload" in self.server.log_text().lower(), "the refused reload in the log")
        self.server.write_settings(settings_for(self.provider))
        checked = run_waybill("check", "--config", str(self.server.config))
        outputs = {
            "check": (checked.stdout + checked.stderr).encode(),
            "metrics": self.server.metrics().encode(),
            "ready": self.server.request("GET", "/health/ready", admin=True, key="").body,
            "cmdline": Path(f"/proc/{self.server.pid}/cmdline").read_bytes(),
            "environ": Path(f"/proc/{self.server.pid}/environ").read_bytes(),
            "maps": Path(f"/proc/{self.server.pid}/maps").read_bytes(),
        }
        self.server.verify_ledger()
        for file in self.server.folder.glob("ledger*"):  # as they are while running: WAL and intents too
            if file.is_file():
                outputs[f"{file.name} while running"] = file.read_bytes()
        keys = self.server.command("keys", "list")
        outputs["keys list"] = keys.stdout.encode()
        self.server.expected_down = True
        self.assertEqual(self.server.stop(), 0)
        for file in self.server.folder.rglob("*"):
            if file.is_file() and file != self.server.config:
                outputs[file.name] = file.read_bytes()
        for name, output in outputs.items():
            for what, secret in (
                ("provider key", CANARY),
                ("client key", self.server.key),
                ("prompt", PROMPT),
                ("answer", ANSWER),
            ):
                for form in disguises(secret):
                    self.assertNotIn(form, output, f"{what} in {name}")
        for output in told:
            for form in disguises(CANARY) | disguises(self.server.key):
                self.assertNotIn(form, output)

    def test_l2_one_record_stays_one_line(self) -> None:
        for member in ("user", "model", "session_id"):
            self.server.request(
                "POST", "/v1/chat/completions", body={"model": "demo/model", "messages": [], member: FORGED}
            )
        self.server.chat(
            headers=[("User-Agent", "agent \x1b[31m"), ("X-Title", "t\u2028t"), ("Referer", "http://x/\x9b")]
        )
        self.provider.script(canned.error(500, FORGED))
        self.server.chat()
        self.server.create_key("name-with-\u202e-bidi")
        self.server.expected_down = True
        self.assertEqual(self.server.stop(), 0)
        for line in self.server.log_text().splitlines():
            record = json.loads(line)
            self.assertNotEqual(record.get("forged"), True)
            self.assertNotIn("\x1b", line)
        self.assertNotIn("\nlevel=error forged", self.server.log_text())

    def test_l3_labels_come_from_settings_only(self) -> None:
        for i in range(50):
            self.server.chat(f"made/up-{i}")
            self.server.request("GET", f"/made-up-{i}")
            self.server.request(f"MADEUP{i}", "/v1/models")
        metrics = self.server.metrics()
        self.assertNotIn("made", metrics.lower())
        self.assertLess(len(metrics.splitlines()), 3000)

    def test_l4_core_dumps_are_off(self) -> None:
        limits = Path(f"/proc/{self.server.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4], "0", core)

    def test_l8_tls_keys_are_never_logged(self) -> None:
        key_log = self.server.folder / "keylog"
        authority = self.own(Authority())
        upstream = self.upstream(canned.plain("over TLS"), tls=authority.server_context("localhost"))
        server = self.daemon(
            settings_for(
                f"https://localhost:{upstream.port}/v1", provider_members={"ca_file": str(authority.root)}
            ),
            env={"SSLKEYLOGFILE": str(key_log)},
        )
        self.assertEqual(server.chat().text(), "over TLS", "the handshake must have happened")
        self.assertFalse(key_log.exists())

    def test_l5_words_of_libraries_and_paths_stay_inside(self) -> None:
        authority, stranger = self.own(Authority()), self.own(Authority())
        upstream = self.upstream(canned.plain(), tls=stranger.server_context("localhost"))
        server = self.daemon(
            settings_for(f"https://localhost:{upstream.port}/v1", provider_members={"ca_file": str(authority.root)})
        )
        refused = [server.chat(), server.chat(stream=True)]
        (server.folder / "ledger.db").rename(server.folder / "moved.db")  # D6: the ledger stops billing
        (server.folder / "ledger.db").write_bytes(b"")
        server.expected_down = True  # without a ledger nothing is served: it ends, to be started again

        def ended() -> bool:
            try:
                refused.append(server.chat())
            except (OSError, ConnectionClosed):
                pass
            return not server.alive()

        wait_until(ended, "the daemon to notice and to end", 20)
        self.assertEqual(server.child.process.returncode, 1)
        self.assertEqual(server.log_text().count("ledger_failed"), 1)
        for answer in refused:
            told = answer.body.decode()
            for word in ("SSL", "verify failed", "SQL", "database", "ledger.db", str(server.folder), "errno"):
                self.assertNotIn(word, told)

    def test_l9_settings_with_secrets_that_all_can_read_are_warned_of(self) -> None:
        for mode, warned in ((0o644, True), (0o640, False), (0o600, False)):
            self.server.config.chmod(mode)
            done = run_waybill("check", "--config", str(self.server.config))
            told = done.stdout + done.stderr
            self.assertIn("a credential is written into the settings", told)
            self.assertEqual("which every user of this machine can read" in told, warned, told)


if __name__ == "__main__":
    main()
