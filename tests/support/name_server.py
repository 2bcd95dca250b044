"""A name server that says what a test wants, alone in a network of its own.

The resolver under test reads /etc/resolv.conf and asks port 53, so the suite runs in
namespaces of its own (`run_in_own_network`), where both belong to it and nobody else is met.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field

A, AAAA = 1, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
INSIDE = "WAYBILL_TEST_OWN_NETWORK"
UDP_LIMIT = 512  # longer answers are cut and asked for again by TCP (RFC 1035 section 4.2.1)


def run_in_own_network() -> bool:
    """Starts this program again in its own network and mount namespaces; false where that is not allowed."""
    if os.environ.get(INSIDE):
        _raise_loopback()
        _own_resolver_settings()
        return True
    for flags in (["-n", "-m"], ["-r", "-n", "-m"]):
        if subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])
    return False


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        up = struct.pack("16sH14x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, up)  # SIOCSIFFLAGS


def _own_resolver_settings() -> None:
    with tempfile.NamedTemporaryFile("w", prefix="waybill-resolv-", delete=False) as file:
        file.write("nameserver 127.0.0.1\n")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(file.name.encode(), b"/etc/resolv.conf", None, 4096, None) != 0:  # MS_BIND
        raise OSError(ctypes.get_errno(), "cannot mount resolver settings")
    os.unlink(file.name)


@dataclass
class Reply:
    """What is said about one name."""

    addresses: list[str] = field(default_factory=list)
    code: int = NOERROR
    ttl: int = 60
    silent: bool = False


class NameServer:
    """Serves UDP and TCP on 127.0.0.1:53; unknown names do not exist.  Counts the questions."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.questions: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 53))
        self._tcp = socket.create_server(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "NameServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)
        self._udp.close()
        self._tcp.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._udp, self._tcp], [], [], 0.05)
            if self._udp in ready:
                question, sender = self._udp.recvfrom(4096)
                answer = self._answer(question)
                if len(answer) > UDP_LIMIT:
                    answer = answer[:2] + bytes([answer[2] | 2]) + answer[3:6] + bytes(6) + _question_of(question)
                if answer:
                    self._udp.sendto(answer, sender)
            if self._tcp in ready:
                peer, _ = self._tcp.accept()
                with peer:
                    peer.settimeout(2)
                    self._serve_tcp(peer)

    def _serve_tcp(self, peer: socket.socket) -> None:
        try:
            while length := peer.recv(2):
                answer = self._answer(peer.recv(struct.unpack("!H", length)[0]))
                peer.sendall(struct.pack("!H", len(answer)) + answer)
        except OSError:
            pass  # the client is done

    def _answer(self, question: bytes) -> bytes:
        name, kind = _name_and_type(question)
        self.questions[name] += 1
        reply = self.replies.get(name, Reply(code=NXDOMAIN))
        if reply.silent:
            return b""
        records = [
            struct.pack("!HHHIH", 0xC00C, kind, 1, reply.ttl, len(packed)) + packed
            for packed in (_packed(address) for address in reply.addresses)
            if len(packed) == (4 if kind == A else 16 if kind == AAAA else -1)
        ]
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | reply.code, 1, len(records), 0, 0)
        return head + _question_of(question) + b"".join(records)


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _name_and_type(question: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower(), struct.unpack("!H", question[at + 1 : at + 3])[0]


def _question_of(question: bytes) -> bytes:
    return question[12 : question.index(b"\0", 12) + 5]
