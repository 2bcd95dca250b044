"""A provider made of a script: it answers with given bytes and records what it was sent."""

from __future__ import annotations

import enum
import select
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Sequence, Union

from wire import parse_json


class End(enum.Enum):
    KEEP = "keep"  # leave the connection open for the next request
    CLOSE = "close"  # FIN; over TLS without the close_notify before it
    GOODBYE = "goodbye"  # over TLS: close_notify, then FIN
    RESET = "reset"  # RST
    HOLD = "hold"  # say nothing more until the peer goes
    DEAF = "deaf"  # read nothing more, and keep the connection until the test ends


Piece = Union[bytes, threading.Event]  # an Event is waited for, or the peer's leaving


@dataclass(frozen=True)
class Answer:
    """What to do with one request: pieces are sent one by one, each in its own segment."""

    pieces: Sequence[Piece] = ()
    end: End = End.KEEP
    before_body: bool = False  # answer once the head is there, leave the body unread


@dataclass
class Recorded:
    """One request as it arrived."""

    connection: int
    head: bytes
    raw_body: bytes = b""  # as framed
    body: bytes = b""
    arrived: float = field(default_factory=time.monotonic)
    gone: threading.Event = field(default_factory=threading.Event)  # the peer hung up while being answered
    gone_at: float = 0.0
    gone_how: str = ""

    @property
    def request_line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.request_line.split(" ")[1]

    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers() if key.lower() == name.lower()), None)

    def json(self):  # noqa: ANN201 - whatever was sent
        return parse_json(self.body)


Script = Union[Answer, bytes, Callable[[Recorded], Union[Answer, bytes]]]


class MockUpstream:
    """Serves on a free loopback port (or the one given) from `with` until its end.

    Each request takes the next step of the script; the last one repeats.  A step is
    an Answer, plain bytes, or a function of the recorded request.  With a `pace` it takes
    64 KiB at a time, that many seconds apart, and its kernel holds little more.
    """

    def __init__(
        self,
        *script: Script,
        tls: ssl.SSLContext | None = None,
        greet: Answer | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        pace: float = 0.0,
    ) -> None:
        self._script = list(script)
        self._tls = tls
        self._greet = greet  # done right after accept, before any byte was read
        self._lock = threading.Lock()
        self._next = 0
        self.requests: list[Recorded] = []
        self.connections = 0
        self.open_connections = 0
        self.bytes_received = 0
        self._changed = threading.Condition(self._lock)
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._pace = pace
        if pace:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self._listener.bind((host, port))
        self._listener.listen(1024)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "MockUpstream":
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stopping.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def script(self, *script: Script) -> None:
        """Replaces what is left of the script and forgets the requests seen."""
        with self._lock:
            self._script, self._next, self.requests = list(script), 0, []

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> list[Recorded]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise AssertionError(f"upstream saw {len(self.requests)} of {count} requests within {timeout} s")
            return list(self.requests)

    def wait_for_connections(self, count: int, timeout: float = 10.0) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.connections >= count, timeout):
                raise AssertionError(f"upstream saw {self.connections} of {count} connections within {timeout} s")

    # --------------------------------------------------------------- inside

    def _accept(self) -> None:
        while not self._stopping.is_set():
            ready, _, _ = select.select([self._listener], [], [], 0.1) if self._listener.fileno() >= 0 else ([], [], [])
            if not ready:
                continue
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self.open_connections += 1
                number = self.connections
                self._changed.notify_all()
            thread = threading.Thread(target=self._serve, args=(accepted, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, raw: socket.socket, number: int) -> None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = raw
        try:
            if self._greet is not None:
                if not self._perform(raw, self._greet, None):
                    return
            if self._tls is not None:
                raw.settimeout(10)
                peer = self._tls.wrap_socket(raw, server_side=True)
            self._converse(peer, number)
        except (OSError, ValueError):
            pass  # the peer went away, or the handshake was refused: the test looks at the other side
        finally:
            peer.close()
            with self._changed:
                self.open_connections -= 1
                self._changed.notify_all()

    def _converse(self, peer: socket.socket, number: int) -> None:
        buffer = b""
        while not self._stopping.is_set():
            while b"\r\n\r\n" not in buffer:
                data = self._receive(peer)
                if not data:
                    return
                buffer += data
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            recorded = Recorded(number, head)
            with self._lock:
                step = self._script[min(self._next, len(self._script) - 1)]
                self._next += 1
            early = isinstance(step, Answer) and step.before_body
            if not early:
                buffer = self._read_body(peer, recorded, buffer)
            with self._changed:
                self.requests.append(recorded)
                self._changed.notify_all()
            answer = step(recorded) if callable(step) else step
            if isinstance(answer, bytes):
                answer = Answer((answer,))
            if not self._perform(peer, answer, recorded):
                return

    def _read_body(self, peer: socket.socket, recorded: Recorded, buffer: bytes) -> bytes:
        def need(count: int) -> None:
            nonlocal buffer
            while len(buffer) < count:
                data = self._receive(peer)
                if not data:
                    raise ConnectionResetError("cut inside a request body")
                buffer += data

        if (recorded.header("transfer-encoding") or "").lower() == "chunked":
            while True:
                while b"\r\n" not in buffer:
                    need(len(buffer) + 1)
                line, rest = buffer.split(b"\r\n", 1)
                size = int(line, 16)
                buffer = rest
                need(size + 2)
                recorded.raw_body += line + b"\r\n" + buffer[: size + 2]
                recorded.body += buffer[:size]
                buffer = buffer[size + 2 :]
                if size == 0:
                    return buffer
        length = int(recorded.header("content-length") or 0)
        need(length)
        recorded.body = recorded.raw_body = buffer[:length]
        return buffer[length:]

    def _receive(self, peer: socket.socket) -> bytes:
        """The next bytes; empty at the end of the connection or of the test."""
        while not self._stopping.is_set():
            if isinstance(peer, ssl.SSLSocket) and peer.pending():
                break
            ready, _, _ = select.select([peer], [], [], 0.05)
            if ready:
                break
        else:
            return b""
        if self._pace:
            self._stopping.wait(self._pace)
        data = peer.recv(65536)
        self.bytes_received += len(data)
        return data

    def _perform(self, peer: socket.socket, answer: Answer, recorded: Recorded | None) -> bool:
        """Carries an answer out; false if the connection is over."""
        for piece in answer.pieces:
            if isinstance(piece, bytes):
                try:
                    peer.sendall(piece)
                except OSError:
                    self._note_gone(recorded, "rst")
                    return False
            elif not self._wait_or_gone(peer, piece, recorded):
                return False
        if answer.end is End.HOLD:
            self._wait_or_gone(peer, None, recorded)
            return False
        if answer.end is End.DEAF:
            self._stopping.wait()
            return False
        if answer.end is End.RESET:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer.end is End.GOODBYE:
            peer.unwrap()
            return False
        if answer.end is End.CLOSE:
            if isinstance(peer, ssl.SSLSocket):
                return False
            try:
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                return False
            self._wait_or_gone(peer, None, recorded)
            return False
        return True

    def _wait_or_gone(self, peer: socket.socket, gate: threading.Event | None, recorded: Recorded | None) -> bool:
        while not self._stopping.is_set():
            if gate is not None and gate.is_set():
                return True
            ready, _, _ = select.select([peer], [], [], 0.005 if gate is not None else 0.05)
            if not ready:
                continue
            try:
                data = peer.recv(65536)
            except ssl.SSLWantReadError:
                continue
            except OSError:
                self._note_gone(recorded, "rst")
                return False
            if not data:
                self._note_gone(recorded, "fin")
                return False
            self.bytes_received += len(data)
        return False

    @staticmethod
    def _note_gone(recorded: Recorded | None, how: str) -> None:
        if recorded is not None and not recorded.gone.is_set():
            recorded.gone_at = time.monotonic()
            recorded.gone_how = how
            recorded.gone.set()
