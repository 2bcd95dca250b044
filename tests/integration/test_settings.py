"""Settings: all faults at once with their place, and reloads that never break anything (F rows)."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import tempfile
import threading

from waybill_harness import (
    CANARY,
    Answer,
    Daemon,
    HarnessTestCase,
    canned,
    chat_request,
    main,
    provider,
    run_waybill,
    settings_for,
    wait_until,
)

FAULTY = """\
listen: [{ address: 127.0.0.1, port: 0 }]
ledger: { store: "sqlite:///tmp/x/ledger.db", durabilty: strict }
providers:
  sim: { base_url: "http://127.0.0.1:9001/v1", dialect: openai_chat, api_key: "${env:WAYBILL_TEST_NOT_SET}" }
models:
  demo/one:
    context_length: many
    endpoints:
      - { provider: simm, upstream_model: m, price: { unit: usd_per_million_tokens, prompt: "-1", completion: "0.6" } }
"""


FAILED_RELOADS, TAKEN_RELOADS = (f'waybill_reloads_total{{result="{result}"}}' for result in ("failed", "ok"))


class Check(HarnessTestCase):
    def check(self, text: str) -> tuple[int, str]:
        folder = self.own(_folder())
        path = os.path.join(folder, "waybill.yaml")
        with open(path, "w") as file:
            file.write(text)
        done = run_waybill("check", "--config", path)
        return done.returncode, done.stdout + done.stderr

    def test_f2_all_faults_are_told_at_once_with_line_and_column_and_a_suggestion(self) -> None:
        code, told = self.check(FAULTY)
        self.assertEqual(code, 2, told)
        for line, word in (
            (2, "durabilty"),
            (4, "WAYBILL_TEST_NOT_SET"),
            (7, "context_length"),
            (9, "simm"),
            (9, "prompt"),
        ):
            self.assertRegex(told, rf"waybill\.yaml:{line}:\d+[^\n]*{word}", told)
        self.assertIn("sim", re.sub("simm", "", told))

    def test_a_good_file_passes(self) -> None:
        good = json.dumps(
            {
                "listen": [{"address": "127.0.0.1", "port": 0}],
                "ledger": {"store": "sqlite:///tmp/x/l.db"},
                **settings_for("http://127.0.0.1:9/v1"),
            }
        )
        code, told = self.check(good)
        self.assertEqual(code, 0, told)

    def test_bad_settings_refuse_the_start_too(self) -> None:
        with self.assertRaises(AssertionError):
            Daemon(FAULTY)

    def test_f12_a_key_over_plain_http_and_switched_off_verification_are_refused(self) -> None:
        for member in (
            {"base_url": "http://api.example.com/v1", "allow_plain_http": False},
            {"base_url": "https://api.example.com/v1", "tls_verify": False},
            {"base_url": "https://api.example.com/v1", "insecure": True},
        ):
            settings = {"ledger": {"store": "sqlite:///tmp/x/l.db"}, **settings_for("http://127.0.0.1:9/v1")}
            settings["providers"]["p0"].update(member)
            code, told = self.check(json.dumps(settings))
            self.assertEqual(code, 2, f"{member}: {told}")

    def test_f4_prices_and_times_that_do_not_fit_are_refused(self) -> None:
        for prompt in ("-0.1", "NaN", "1e400", "0.0000000000001", "abc", "0x10", ""):
            settings = {
                "ledger": {"store": "sqlite:///tmp/x/l.db"},
                **settings_for(
                    "http://127.0.0.1:9/v1",
                    price={"unit": "usd_per_million_tokens", "prompt": prompt, "completion": "1"},
                ),
            }
            code, told = self.check(json.dumps(settings))
            self.assertEqual(code, 2, f"price {prompt!r}: {told}")
        for timeout in ("-1s", "5", "1y", "99999999999999999999s", "s"):
            settings = {
                "ledger": {"store": "sqlite:///tmp/x/l.db"},
                **settings_for("http://127.0.0.1:9/v1"),
                "defaults": {"timeouts": {"connect": timeout}},
            }
            code, told = self.check(json.dumps(settings))
            self.assertEqual(code, 2, f"timeout {timeout!r}: {told}")

    def test_f5_secrets_come_from_files_and_includes_from_folders(self) -> None:
        folder = self.own(_folder())
        os.mkdir(os.path.join(folder, "providers"))
        with open(os.path.join(folder, "providers", "secret"), "w") as file:
            file.write("sk-file\n")
        os.chmod(os.path.join(folder, "providers", "secret"), 0o600)
        whole = settings_for("http://127.0.0.1:9/v1")
        whole["providers"]["p0"]["api_key"] = "${file:secret}"
        with open(os.path.join(folder, "providers", "a.yaml"), "w") as file:
            json.dump({"providers": whole.pop("providers")}, file)
        path = os.path.join(folder, "waybill.yaml")
        with open(path, "w") as file:
            json.dump({"ledger": {"store": "sqlite:///tmp/x/l.db"}, "include": ["providers/*.yaml"], **whole}, file)
        done = run_waybill("check", "--config", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("sk-file", done.stdout + done.stderr)

    def test_f10_no_secret_is_printed_by_check(self) -> None:
        settings = {"ledger": {"store": "sqlite:///tmp/x/l.db"}, "nonsense": 1, **settings_for("http://127.0.0.1:9/v1")}
        _, told = self.check(json.dumps(settings))
        self.assertNotIn(CANARY, told)


class Reload(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def hang_up(self, settings: object, expect_model: str | None = None) -> None:
        """Writes settings, sends SIGHUP, waits for the model to be served (or for a complaint)."""
        seen = len(self.server.log_text())
        self.server.write_settings(settings)
        self.server.signal(signal.SIGHUP)
        if expect_model is not None:
            wait_until(lambda: self.server.chat(expect_model).status == 200, f"{expect_model} after the reload")
        else:
            wait_until(lambda: "reload" in self.server.log_text()[seen:].lower(), "a line about the reload")

    def test_a_good_reload_changes_models_without_dropping_connections(self) -> None:
        self.assertEqual(len(self.server.request("GET", "/v1/models").json()["data"]), 1)
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key))
            self.assertEqual(connection.read_response().status, 200)
            self.hang_up(settings_for(self.provider, model="demo/renamed"), "demo/renamed")
            connection.send(chat_request(self.server.key, model="demo/renamed"))
            self.assertEqual(connection.read_response().status, 200)
            connection.send(chat_request(self.server.key))
            self.assertEqual(connection.read_response().status, 404)
            listed = self.server.request("GET", "/v1/models").json()["data"]
            self.assertEqual([model["id"] for model in listed], ["demo/renamed"])

    def test_f6_a_bad_reload_changes_nothing_and_says_why(self) -> None:
        for text in (FAULTY, "listen: [", "", "half: [written", "\0\0\0"):
            with self.subTest(text[:20]):
                failed = self.server.metric(FAILED_RELOADS)
                taken = self.server.metric(TAKEN_RELOADS)
                self.hang_up(text)
                wait_until(lambda: self.server.metric(FAILED_RELOADS) == failed + 1, "the failure in the metrics")
                self.assertEqual(self.server.metric(TAKEN_RELOADS), taken)
                self.assertEqual(self.server.chat().status, 200)
        self.assertIn("simm", self.server.log_text())

    def test_f6_a_reload_to_a_busy_port_changes_nothing(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            busy = settings_for(
                self.provider, model="demo/renamed", listen=[{"address": "127.0.0.1", "port": held.getsockname()[1]}]
            )
            self.hang_up(busy)
            statuses = {self.server.chat().status, self.server.chat("demo/renamed").status}
        self.assertEqual(statuses, {200, 404}, "either all of the old or all of the new")

    def test_f6_a_symlink_swap_is_followed(self) -> None:
        real = self.server.config.with_name("real.yaml")
        self.server.config.rename(real)
        self.server.config.symlink_to(real)
        other = self.server.config.with_name("other.yaml")
        other.write_text(json.dumps(self.server.complete(settings_for(self.provider, model="demo/renamed"))))
        link = self.server.config.with_name("link.new")
        link.symlink_to(other)
        link.replace(self.server.config)
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.chat("demo/renamed").status == 200, "the swapped file")

    def test_f7_a_running_stream_finishes_on_the_old_settings(self) -> None:
        gate = threading.Event()
        self.provider.script(
            Answer(
                (
                    canned.stream_head() + canned.chunk(canned.event(canned.delta("one"))),
                    gate,
                    canned.chunk(canned.events(("two",))) + canned.LAST_CHUNK,
                )
            ),
            canned.plain(),
        )
        other = self.upstream(canned.plain("other"))
        with self.server.connect() as connection:
            connection.send(chat_request(self.server.key, stream=True))
            head = connection.read_head()
            renamed = {
                "providers": {"q": provider(other.base_url)},
                "models": {
                    "demo/renamed": {
                        "context_length": 1000,
                        "endpoints": [{"provider": "q", "upstream_model": "m", "price": "free"}],
                    }
                },
            }
            self.hang_up(renamed, "demo/renamed")
            gate.set()
            head.body = b"".join(connection.body_pieces(head))
        self.assert_clean_stream(head)
        self.assertEqual(head.text(), "onetwo")

    def test_f8_o4_reloads_under_load_fail_no_request(self) -> None:
        failures: list[object] = []
        stop = threading.Event()

        def load() -> None:
            with self.server.connect() as connection:
                while not stop.is_set():
                    connection.send(chat_request(self.server.key))
                    answer = connection.read_response()
                    if answer.status != 200:
                        failures.append((answer.status, answer.body))

        def scrape() -> None:
            while not stop.is_set():
                page = self.server.metrics()
                if "waybill_requests_total" not in page:
                    failures.append(page[:200])

        threads = [threading.Thread(target=load) for _ in range(4)] + [threading.Thread(target=scrape)]
        for thread in threads:
            thread.start()
        for i in range(100):
            settings = settings_for(self.provider, defaults={"commit_after": f"{1000 + i}ms"})
            settings["models"] |= settings_for(self.provider, model=f"demo/new-{i}")["models"]
            self.server.write_settings(settings)
            self.server.signal(signal.SIGHUP)
            if i % 10 == 0:
                self.assertEqual(self.server.chat().status, 200)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures[:3], [])
        self.hang_up(settings_for(self.provider, model="demo/last"), "demo/last")

    def test_what_a_reload_cannot_change_is_said_and_the_rest_is_taken(self) -> None:
        self.assertNotIn("restart_needed", self.server.log_text())
        self.hang_up(
            settings_for(
                self.provider,
                model="demo/other",
                workers=3,
                listen=[{"address": "127.0.0.1", "port": 0}, {"address": "::1", "port": 0}],
                logging={"format": "json"},
            ),
            "demo/other",
        )
        line = next(line for line in self.server.log_text().splitlines() if "restart_needed" in line)
        for name in ("listen", "workers", "logging.format"):
            self.assertIn(name, line)
        for name in ("ledger", "admin.listen", "logging.file"):
            self.assertNotIn(name, line)

    def test_a_new_key_of_a_provider_is_used_after_a_reload(self) -> None:
        settings = settings_for(self.provider)
        settings["providers"]["p0"]["api_key"] = "sk-rotated"
        settings["models"]["demo/second"] = {**settings["models"]["demo/model"], "aliases": []}
        self.hang_up(settings, "demo/second")
        self.provider.script(canned.plain())
        self.server.chat()
        self.assertEqual(self.provider.wait_for_requests(1)[0].header("authorization"), "Bearer sk-rotated")


class Metrics(HarnessTestCase):
    def test_metrics_are_on_the_public_listener_only_where_asked(self) -> None:
        provider = self.upstream(canned.plain())
        for key in ("", None):
            with self.subTest(key=key):
                hidden = self.daemon_for(provider).request("GET", "/metrics", key=key)
                self.assert_error(hidden, 404)
                self.assertNotIn(b"waybill_workers", hidden.body)
        shown = self.daemon(settings_for(provider, metrics={"public": True})).request("GET", "/metrics", key="")
        self.assertEqual(shown.status, 200, shown.body)
        self.assertIn(b"\nwaybill_workers 2\n", shown.body)


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="waybill-settings-")


if __name__ == "__main__":
    main()
