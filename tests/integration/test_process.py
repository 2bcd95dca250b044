"""The process and its surroundings: descriptors, signals, logs, ports (O rows)."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import threading
from pathlib import Path

from waybill_harness import (
    Answer,
    Daemon,
    HarnessTestCase,
    HttpConnection,
    SLOWNESS,
    binary,
    canned,
    chat_request,
    generation_id,
    main,
    request_bytes,
    settings_for,
    wait_until,
)


def _limit_files(soft: int, hard: int):  # noqa: ANN202 - run in the child before exec
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Reached(threading.Event):
    """A gate of an answer that holds nobody up, and tells that what stands before it was sent."""

    def is_set(self) -> bool:
        self.set()
        return True


class Process(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())

    def test_o1_running_out_of_descriptors_is_survived_without_spinning(self) -> None:
        limit = 96  # it needs about 40 to start
        server = self.daemon(settings_for(self.provider), preexec=_limit_files(limit, limit))
        crowd: list[HttpConnection] = []
        try:
            for _ in range(200):
                crowd.append(HttpConnection(server.port, timeout=5))
        except OSError:
            pass
        wait_until(lambda: server.open_files() == limit, "the last descriptor taken")
        before = _cpu_seconds(server.pid)
        self.assertFalse(threading.Event().wait(1.0))  # the measured second
        self.assertLess(_cpu_seconds(server.pid) - before, 0.5, "busy although nothing can be accepted")
        for connection in crowd:
            connection.close()
        wait_until(lambda: server.chat().status == 200, "service after the crowd", 15)

    def test_o2_a_low_soft_limit_is_raised(self) -> None:
        server = self.daemon(
            settings_for(self.provider), preexec=_limit_files(128, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        crowd = [self.own(server.connect()) for _ in range(300)]
        for connection in crowd[::50]:
            connection.send(chat_request(server.key))
            self.assertEqual(connection.read_response().status, 200)

    def test_o2_too_low_a_limit_is_refused_with_numbers(self) -> None:
        for limit in (8, 24, 40, 55):
            with self.subTest(limit):
                settings = settings_for(self.provider, workers=2)
                server = self.daemon(settings, start=False, key=None, preexec=_limit_files(limit, limit))
                server.expected_down = True
                with self.assertRaises(AssertionError) as caught:
                    server.start()
                self.assertIn("exited with 1 ", str(caught.exception))
                self.assertIn(f"may open {limit} files, and needs {48 if limit < 48 else 56}", server.log_text())

    def test_o2_the_lowest_limit_that_is_not_refused_serves(self) -> None:
        server = self.daemon(settings_for(self.provider, workers=2), preexec=_limit_files(56, 56))
        self.assertEqual(server.chat().status, 200)

    def test_o3_without_memory_it_serves_on_or_ends_at_once_and_recovers(self) -> None:
        server = self.daemon(settings_for(self.provider, limits={"body_timeout": "30s"}))
        paid = [generation_id(server.chat()) for _ in range(5)]
        if _status_kib(server.pid, "VmSize:") > 1 << 30:  # 1 TiB
            self.skipTest("a sanitizer's address space cannot be limited")
        resource.prlimit(server.pid, resource.RLIMIT_DATA, (_status_kib(server.pid, "VmData:") * 1024,) * 2)
        head = request_bytes(
            "POST",
            "/v1/chat/completions",
            headers=[("Authorization", f"Bearer {server.key}"), ("Content-Length", str(30 << 20))],
        )
        crowd = [self.own(server.connect()) for _ in range(24)]
        for connection in crowd:  # bodies that are all held at once
            connection.send_pieces([head, b" " * (24 << 20)])
        for connection in crowd:
            connection.close()
        if not server.alive():
            self.assertIn("memory ran out", server.log_text())
            server.start()
        wait_until(lambda: server.chat().status == 200, "service after the shortage", 15)
        for one in paid:
            self.assertGreater(server.generation(one)["total_cost"], 0)
        server.verify_ledger()

    def test_o4_harmless_signals_are_harmless(self) -> None:
        server = self.daemon_for(self.provider)
        for which in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCHLD):
            server.signal(which)
            self.assertEqual(server.chat().status, 200, which.name)

    def test_o4_what_came_while_it_was_stopped_is_no_timeout(self) -> None:
        """All of the daemon's clocks have run out when it goes on, and all it waits for is there."""
        limit = 1.5 * SLOWNESS
        span = f"{round(limit * 1000)}ms"
        server = self.daemon_for(
            self.provider,
            workers=1,  # so that it has read all that was sent before what it has answered
            defaults={"timeouts": {"first_token": span, "between_events": span}, "keep_alive_comment": "100ms"},
            limits={"header_timeout": span, "body_timeout": span, "idle_timeout": span},
        )
        gate, sent = threading.Event(), [Reached(), Reached(), Reached()]
        begun = canned.stream_head() + canned.chunk(canned.event(canned.delta("one")))
        whole = canned.plain("whole")
        self.provider.script(
            Answer((begun, gate, canned.chunk(canned.events(("two",))) + canned.LAST_CHUNK, sent[0])),
            Answer((gate, canned.stream(("late",)), sent[1])),
            Answer((whole[:-9], gate, whole[-9:], sent[2])),
            canned.plain("asked late"),
        )
        models = request_bytes("GET", "/v1/models", headers=[("Authorization", f"Bearer {server.key}")])
        chat = chat_request(server.key)
        idle, in_head, in_body, *asking = [self.own(server.connect()) for _ in range(6)]
        idle.send(models)
        self.assertEqual(idle.read_response().status, 200)
        in_head.send(models[:20])
        in_body.send(chat[:-9])
        for number, connection in enumerate(asking, start=1):  # one by one, for the order of the script
            connection.send(chat_request(server.key, stream=number < 3))
            self.provider.wait_for_requests(number)
        head = asking[0].read_head()  # which waits for content

        server.signal(signal.SIGSTOP)
        gate.set()
        idle.send(models)
        in_head.send(models[20:])
        in_body.send(chat[-9:])
        self.assertTrue(all(one.wait(20 * SLOWNESS) for one in sent))
        self.assertFalse(threading.Event().wait(1.5 * limit))  # how long it is stopped
        server.signal(signal.SIGCONT)

        head.body = b"".join(asking[0].body_pieces(head))
        self.assert_clean_stream(head)
        self.assertEqual(head.text(), "onetwo")
        late = asking[1].read_response()
        self.assert_clean_stream(late)
        self.assertEqual([late.text(), asking[2].read_response().text()], ["late", "whole"])
        self.assertEqual(in_body.read_response().text(), "asked late")
        self.assertEqual([idle.read_response().status, in_head.read_response().status], [200, 200])

    def test_o4_sigterm_during_reloads_still_ends_well(self) -> None:
        server = self.daemon_for(self.provider)
        server.expected_down = True
        for _ in range(50):
            server.signal(signal.SIGHUP)
        self.assertEqual(server.stop(), 0)

    def test_o7_a_blocked_log_pipe_blocks_no_request(self) -> None:
        server = self.daemon(settings_for(self.provider, logging={"level": "trace", "format": "json"}), start=False)
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        ready = server.folder / "ready.json"
        process = subprocess.Popen(
            [str(binary()), "serve", "--config", str(server.config), "--ready-file", str(ready)],
            stdout=write_end,
            stderr=write_end,
            stdin=subprocess.DEVNULL,
        )
        os.close(write_end)
        try:
            wait_until(ready.exists, "ready with a pipe nobody reads")
            told = json.loads(ready.read_text())
            server.port = int(told["listen"][0].rsplit(":", 1)[1])
            server.key = server.create_key("test")["key"]
            for _ in range(300):
                self.assertEqual(server.chat().status, 200)
        finally:
            os.close(read_end)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def test_o7_a_closed_log_pipe_ends_nothing(self) -> None:
        server = self.daemon(settings_for(self.provider), start=False)
        read_end, write_end = os.pipe()
        ready = server.folder / "ready.json"
        process = subprocess.Popen(
            [str(binary()), "serve", "--config", str(server.config), "--ready-file", str(ready)],
            stdout=write_end,
            stderr=write_end,
            stdin=subprocess.DEVNULL,
        )
        os.close(write_end)
        os.close(read_end)
        try:
            wait_until(ready.exists, "ready with a closed pipe")
            told = json.loads(ready.read_text())
            server.port = int(told["listen"][0].rsplit(":", 1)[1])
            server.key = server.create_key("test")["key"]
            self.assertEqual(server.chat().status, 200)
        finally:
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(15), 0)

    def test_o8_starts_with_a_bare_environment(self) -> None:
        server = self.daemon(
            settings_for(self.provider), env={"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "LANG": "nonsense"}
        )
        self.assertEqual(server.chat().status, 200)

    def test_o10_a_busy_port_is_a_clear_error(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            port = held.getsockname()[1]
            with self.assertRaises(AssertionError) as caught:
                Daemon(settings_for(self.provider, listen=[{"address": "127.0.0.1", "port": port}]))
            self.assertIn(str(port), str(caught.exception))

    def test_unix_sockets_are_served(self) -> None:
        server = self.daemon(
            settings_for(self.provider, listen=[{"address": "127.0.0.1", "port": 0}, {"unix": "{folder}/w.sock"}]),
            start=False,
        )
        server.config.write_text(server.config.read_text().replace("{folder}", str(server.folder)))
        server.start()
        with HttpConnection(0, unix=str(server.folder / "w.sock")) as connection:
            connection.send(chat_request(server.key))
            self.assertEqual(connection.read_response().status, 200)

    def test_cpc_memory_and_descriptors_come_back_after_a_storm(self) -> None:
        server = self.daemon_for(self.provider)
        for _ in range(50):
            server.chat()
        files, memory = server.open_files(), server.rss_bytes()
        threads = [threading.Thread(target=lambda: [server.chat(stream=False) for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: server.open_files() <= files + 16, "descriptors back")  # kept upstream: 8 a worker
        self.assertLess(server.rss_bytes(), memory * 1.5 + (8 << 20))


def _status_kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
