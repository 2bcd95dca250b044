"""The ledger on disk: one writer, damage found, full disks survived (D rows on SQLite)."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from decimal import Decimal
from pathlib import Path

from waybill_harness import (
    Answer,
    Child,
    Daemon,
    End,
    HarnessTestCase,
    binary,
    canned,
    chat_request,
    cost_of,
    generation_id,
    main,
    settings_for,
    wait_until,
)


def _obey_permissions() -> None:  # run in the child before exec: to root they mean nothing
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE, which only root has


class Ledger(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)
        self.file = self.server.folder / "ledger.db"

    def start_fails(self) -> str:
        self.server.expected_down = True
        with self.assertRaises(AssertionError) as caught:
            self.server.start()
        self.assertIn("exited with", str(caught.exception))
        return self.server.log_text()

    def test_d1_killed_and_started_again_everything_acknowledged_is_there(self) -> None:
        ids = [generation_id(self.server.chat()) for _ in range(20)]
        self.server.kill()
        self.server.start()
        for one in ids:
            self.assertEqual(self.server.generation(one)["total_cost"], cost_of(canned.USAGE))
        self.server.verify_ledger()

    def test_the_price_of_an_image_is_charged_for_images_alone(self) -> None:
        price = {"unit": "usd_per_million_tokens", "prompt": "0.15", "completion": "0.60", "image": "0.5"}
        server = self.daemon(settings_for(self.provider, price=price))
        data = "data:image/png;base64,AAAA"
        parts = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": data}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ]
        costs = []
        for content in ("What is this?", parts):
            self.provider.script(canned.plain())
            answer = server.chat(messages=[{"role": "user", "content": content}])
            self.assertEqual(answer.status, 200, answer.body)
            costs.append(Decimal(str(server.generation(generation_id(answer))["total_cost"])))
        self.assertEqual(costs[1] - costs[0], Decimal("0.5"))

    def test_d1_an_open_generation_is_closed_at_start_with_what_was_metered(self) -> None:
        self.provider.script(
            Answer((canned.stream_head() + canned.chunk(canned.event(canned.delta("some words"))),), End.HOLD)
        )
        connection = self.own(self.server.connect())
        connection.send(chat_request(self.server.key, stream=True))
        head = connection.read_head()
        self.server.kill()
        self.server.start()
        record = self.server.generation(head.header("x-generation-id") or "")
        self.assertNotEqual(record["finish_reason"], "stop")
        self.server.verify_ledger()

    def test_d6_a_lost_database_is_noticed(self) -> None:
        self.server.chat()
        self.server.stop()
        for file in self.server.folder.glob("ledger.db*"):
            if file.name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
                file.unlink()
        self.assertIn("ledger", self.start_fails())

    def test_d6_damage_is_noticed_at_the_start_or_by_verify(self) -> None:
        for _ in range(30):
            self.server.chat()
        self.server.stop()
        self.server.expected_down = True
        good = self.file.read_bytes()
        for name, bad in (
            ("truncated", good[: len(good) // 2]),
            ("empty", b""),
            ("header", b"x" * 100 + good[100:]),
            ("zeroed half", good[: len(good) // 2] + bytes(len(good) - len(good) // 2)),
        ):
            with self.subTest(name):
                self.file.write_bytes(bad)
                done = self.server.command("ledger", "verify")
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertTrue((done.stderr + done.stdout).strip())
        self.file.write_bytes(good)
        self.server.verify_ledger()

    def test_d6_damage_that_the_start_does_not_meet_is_told_after_it(self) -> None:
        for _ in range(60):
            self.server.chat()
        self.server.stop()
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            (hashed,) = database.execute("SELECT hash FROM generation WHERE seq = 2").fetchone()
            (size,) = database.execute("PRAGMA page_size").fetchone()
        pages = self.file.read_bytes()
        hits = [at for at in range(0, len(pages), size) if hashed in pages[at : at + size] and pages[at] == 0x0D]
        leaf = hits[0]  # of a table (SQLite's file format, 1.6)
        self.file.write_bytes(pages[:leaf] + b"\xff" * 8 + pages[leaf + 8 :])
        self.server.start()
        wait_until(lambda: "ledger_damaged" in self.server.log_text(), "the check that follows the start")
        refused = self.server.chat()
        self.assert_error(refused, 503)
        self.assertEqual(self.server.request("GET", "/health/ready").status, 503)

    def test_d6_b20_a_changed_row_is_named(self) -> None:
        for _ in range(10):
            self.server.chat()
        self.server.stop()
        self.server.expected_down = True
        database = sqlite3.connect(self.file)
        changed = 0
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
            columns = [
                row[1] for row in database.execute(f"PRAGMA table_info('{table}')") if row[2].upper().startswith("INT")
            ]
            money = [
                column for column in columns if any(word in column for word in ("amount", "cost", "charge", "customer"))
            ]
            if money and database.execute(f"SELECT count(*) FROM '{table}'").fetchone()[0] >= 10:
                for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
                    database.execute(f"DROP TRIGGER '{trigger}'")
                changed += database.execute(
                    f"UPDATE '{table}' SET {money[0]} = {money[0]} + 1 WHERE rowid = (SELECT max(rowid) - 3 FROM '{table}')"
                ).rowcount
        database.commit()
        database.close()
        self.assertGreater(changed, 0, "no money column found to tamper with")
        done = self.server.command("ledger", "verify")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def refusal(self, server: Daemon, unwritable: Path) -> str:
        """What a daemon says that does not start because it may not write there."""
        server.expected_down = True
        may_write = subprocess.run(["test", "-w", str(unwritable)], preexec_fn=_obey_permissions, check=False)
        if may_write.returncode == 0:
            self.skipTest("root cannot give up its right to write anywhere here")
        with self.assertRaises(AssertionError) as caught:
            server.start()
        self.assertIn("exited with 1 ", str(caught.exception))
        return server.log_text()

    def test_d6_a_folder_that_cannot_be_written_refuses_the_start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="waybill-ro-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        settings = settings_for(self.provider, ledger={"store": f"sqlite://{folder}/ledger.db"})
        server = self.daemon(settings, start=False, preexec=_obey_permissions)
        folder.chmod(0o555)
        self.assertIn(
            f"waybill: Opening {folder}/ledger.db.lock failed: Permission denied. "
            "Check the disk's space and the folder's owner.",
            self.refusal(server, folder),
        )
        self.assertEqual(list(folder.iterdir()), [])

    def test_d6_a_database_that_cannot_be_written_refuses_the_start(self) -> None:
        server = self.daemon(settings_for(self.provider), preexec=_obey_permissions)
        self.assertEqual(server.chat().status, 200)
        server.stop()
        file = server.folder / "ledger.db"
        file.chmod(0o444)
        self.assertIn(
            "waybill: The ledger's database refused a command: attempt to write a readonly database (8). "
            "Check the disk, then start again.",
            self.refusal(server, file),
        )
        for made in server.folder.glob("ledger.db-*"):  # by SQLite, with the rights of the file itself
            made.chmod(0o600)
        file.chmod(0o600)
        server.start()
        server.expected_down = False
        self.assertEqual(server.chat().status, 200)
        server.verify_ledger()

    def test_d7_a_foreign_writer_delays_but_loses_nothing(self) -> None:
        self.server.chat()
        database = sqlite3.connect(self.file, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        answers: list[object] = []
        thread = threading.Thread(target=lambda: answers.append(self.server.chat()))
        thread.start()
        self.provider.wait_for_requests(2)
        database.execute("ROLLBACK")
        database.close()
        thread.join()
        self.assertEqual(answers[0].status, 200)
        self.assertEqual(self.server.generation(generation_id(answers[0]))["total_cost"], cost_of(canned.USAGE))

    def test_d7_a_long_reader_blocks_nobody(self) -> None:
        self.server.chat()
        database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, isolation_level=None)
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for _ in range(50):
            self.assertEqual(self.server.chat().status, 200)
        database.close()

    def test_d8_a_second_daemon_on_the_same_ledger_is_refused(self) -> None:
        ready = self.server.folder / "second.json"
        second = Child(
            [str(binary()), "serve", "--config", str(self.server.config), "--ready-file", str(ready)],
            self.server.folder / "second.log",
        )
        try:
            self.assertNotEqual(second.process.wait(20), 0)
            self.assertIn("ledger", second.log_text())
            self.assertFalse(ready.exists())
        finally:
            second.kill()

    def test_d5_a_full_disk_refuses_new_work_and_heals(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="waybill-full-"))
        self.addCleanup(os.rmdir, folder)
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode:
            self.skipTest("no right to mount a small file system here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=False)
        settings = {"store": f"sqlite://{folder}/ledger.db", "least_free": "32MiB"}
        with Daemon(settings_for(self.provider, ledger=settings)) as server:
            self.assertEqual(server.chat().status, 200)
            filler = folder / "filler"
            with open(filler, "wb") as file:
                try:
                    while True:
                        file.write(b"\0" * (1 << 20))
                        file.flush()
                except OSError:
                    pass
            wait_until(lambda: server.chat().status == 503, "a refusal on a full disk", 20)
            filler.unlink()
            wait_until(lambda: server.chat().status == 200, "service once there is room again", 20)
            server.verify_ledger()

    def test_d5_too_little_free_space_refuses_new_work(self) -> None:
        free = os.statvfs(self.server.folder)
        more = free.f_bavail * free.f_frsize * 2
        if more > 1 << 40:
            self.skipTest("the disk has more free space than the setting can ask for")
        settings = {"store": f"sqlite://{self.server.folder}/other.db", "least_free": f"{more >> 20}MiB"}
        server = self.daemon(settings_for(self.provider, ledger=settings))
        self.assertEqual(server.chat().status, 503)

    def test_d6_b20_a_ledger_put_back_whole_is_found_by_the_second_file(self) -> None:
        other = Path(tempfile.mkdtemp(prefix="waybill-other-disk-"))
        self.addCleanup(shutil.rmtree, other, ignore_errors=True)
        folder = self.server.folder
        settings = {
            "store": f"sqlite://{folder}/signed.db",
            "checkpoints": {"path": f"{other}/lines", "signing_key": f"{other}/key.pem"},
        }
        server = self.daemon(settings_for(self.provider, ledger=settings))
        server.chat()
        server.stop()
        server.expected_down = True
        shutil.copy(folder / "signed.db", other / "old.db")
        server.start()
        server.chat()
        server.stop()
        self.assertIn("waybill-checkpoint v1", server.log_text())
        self.assertEqual((other / "key.pem").stat().st_mode & 0o777, 0o600)
        self.assertEqual(len((other / "lines").read_text().splitlines()), 2)
        done = server.command("ledger", "verify", "--json")
        told = json.loads(done.stdout)
        self.assertEqual((told["signed_checkpoints"], told["checkpoint_lines"], told["notes"]), (2, 2, []))
        shutil.copy(other / "old.db", folder / "signed.db")
        (folder / "signed.db.lock").unlink()
        done = server.command("ledger", "verify")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("has a checkpoint signed for row 2", done.stderr)
        (other / "lines").rename(other / "kept")
        done = server.command("ledger", "verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is missing", done.stdout)

    def test_no_generation_costs_more_than_the_settings_allow(self) -> None:
        cost = Decimal(cost_of(canned.USAGE))
        for largest, believed in ((cost, True), (cost - Decimal("0.000000000001"), False)):
            settings = {"store": f"sqlite://{self.server.folder}/{believed}.db", "largest_entry": f"{largest:f}"}
            server = self.daemon(settings_for(self.provider, ledger=settings))
            self.provider.script(canned.plain())
            record = server.generation(generation_id(server.chat()))
            self.assertEqual(record["waybill"]["anomaly"], not believed)
            self.assertLessEqual(Decimal(record["waybill"]["cost"]), largest)
            server.verify_ledger()

    def test_backup_beside_the_running_daemon_verifies(self) -> None:
        told = [self.server.chat().json()["usage"]["cost"] for _ in range(5)]
        copy = self.server.folder / "copy.db"
        done = self.server.command("ledger", "backup", str(copy))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sum(map(Decimal, told)), 5 * cost_of(canned.USAGE))
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        with contextlib.closing(sqlite3.connect(copy)) as database:
            self.assertEqual(database.execute("SELECT count(*) FROM generation").fetchone()[0], 5)
        again = self.server.command("ledger", "backup", str(copy))
        self.assertEqual(again.returncode, 2)
        self.assertIn("never overwrites", again.stderr)

    def test_relaxed_durability_survives_a_kill_too(self) -> None:
        server = self.daemon(settings_for(self.provider))
        server.stop()
        server.write_settings(
            settings_for(
                self.provider, ledger={"store": f"sqlite://{server.folder}/ledger.db", "durability": "relaxed"}
            )
        )
        server.start()
        ids = [generation_id(server.chat()) for _ in range(10)]
        server.kill()
        server.start()
        for one in ids:
            server.generation(one)


if __name__ == "__main__":
    main()
