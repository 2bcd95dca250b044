"""Bytes on the wire: an HTTP/1.1 client that hides nothing, server-sent events, splits."""

from __future__ import annotations

import json
import random
import socket
import ssl
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Iterator, Sequence

Headers = Sequence[tuple[str, str]]


def parse_json(text: bytes | str) -> Any:
    """JSON with exact numbers: money is compared as Decimal, never as float."""
    return json.loads(text, parse_float=Decimal)


@dataclass
class Response:
    """One response as it arrived.  `complete` tells whether its framing ended cleanly."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = True
    raw_head: bytes = b""
    interim: list[int] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        values = self.header_all(name)
        return values[0] if values else None

    def header_all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        return parse_json(self.body)

    def error(self) -> dict[str, Any]:
        return self.json()["error"]

    def events(self) -> list["SseEvent"]:
        return parse_sse(self.body)

    def chunks(self) -> list[dict[str, Any]]:
        """The JSON chunks of a stream, without `[DONE]`."""
        return [parse_json(event.data) for event in self.events() if event.data != "[DONE]"]

    def ended_with_done(self) -> bool:
        events = self.events()
        return bool(events) and events[-1].data == "[DONE]"

    def text(self) -> str:
        """The assistant's text of the first choice, streamed or not."""
        if (self.header("content-type") or "").startswith("text/event-stream"):
            deltas = [chunk["choices"][0].get("delta") or {} for chunk in self.chunks() if chunk.get("choices")]
            return "".join(delta.get("content") or "" for delta in deltas)
        return self.json()["choices"][0]["message"]["content"]


class ConnectionClosed(Exception):
    """The peer closed or reset the connection before a whole head was there."""


class HttpConnection:
    """One client connection.  Sends what it is told, byte for byte."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        timeout: float = 20.0,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        unix: str | None = None,
    ) -> None:
        if unix is not None:
            self.socket: socket.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(unix)
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name or host)
        self._buffer = b""
        self._at_end = False

    def __enter__(self) -> "HttpConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_pieces(self, pieces: Sequence[bytes]) -> None:
        """Sends pieces one by one; stops quietly where the peer has hung up."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def half_close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _fill(self) -> bool:
        if self._at_end:
            return False
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            data = b""
        if not data:
            self._at_end = True
        self._buffer += data
        return bool(data)

    def _take_until(self, mark: bytes) -> bytes | None:
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            searched = max(0, len(self._buffer) - len(mark) + 1)
            if not self._fill():
                return None
        taken, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return taken

    def read_rest(self) -> bytes:
        """Everything until the peer closes."""
        while self._fill():
            pass
        taken, self._buffer = self._buffer, b""
        return taken

    def read_head(self) -> Response:
        """The next final head; 1xx heads before it are noted in `interim`."""
        interim: list[int] = []
        while True:
            head = self._take_until(b"\r\n\r\n")
            if head is None:
                raise ConnectionClosed(f"connection closed; last bytes {self._buffer[:200]!r}")
            lines = head.decode("latin-1").split("\r\n")
            parts = lines[0].split(" ", 2)
            if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
                raise ConnectionClosed(f"not an HTTP/1.1 status line: {lines[0][:100]!r}")
            status = int(parts[1])
            if 100 <= status < 200 and status != 101:
                interim.append(status)
                continue
            headers = [(n.strip(), v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
            reason = parts[2] if len(parts) > 2 else ""
            return Response(status, reason, headers, raw_head=head, interim=interim)

    def body_pieces(self, head: Response, *, method: str = "POST") -> Iterator[bytes]:
        """The body as it arrives, transfer coding removed; sets `head.complete`."""
        head.complete = False
        if method == "HEAD" or head.status in (204, 304):
            head.complete = True
            return
        if (head.header("transfer-encoding") or "").lower() == "chunked":
            yield from self._chunked(head)
            return
        length = head.header("content-length")
        if length is None:
            while self._buffer or self._fill():
                piece, self._buffer = self._buffer, b""
                yield piece
            head.complete = True
            return
        left = int(length)
        while left > 0 and (self._buffer or self._fill()):
            piece, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(piece)
            yield piece
        head.complete = left == 0

    def _chunked(self, head: Response) -> Iterator[bytes]:
        while True:
            line = self._take_until(b"\r\n")
            if line is None:
                return
            size = int(line.split(b";")[0], 16)
            if size == 0:
                head.complete = self._take_until(b"\r\n") == b""
                return
            left = size
            while left > 0:
                if not self._buffer and not self._fill():
                    return
                piece, self._buffer = self._buffer[:left], self._buffer[left:]
                left -= len(piece)
                yield piece
            if self._take_until(b"\r\n") != b"":
                return

    def read_response(self, *, method: str = "POST") -> Response:
        head = self.read_head()
        head.body = b"".join(self.body_pieces(head, method=method))
        return head

    def request(self, method: str, target: str, *, headers: Headers = (), body: bytes | None = None) -> Response:
        self.send(request_bytes(method, target, headers=headers, body=body))
        return self.read_response(method=method)

    def peer_closed(self, timeout: float = 5.0) -> bool:
        """Whether the peer closes, without sending more, within `timeout` seconds."""
        self.socket.settimeout(timeout)
        try:
            return not self._buffer and not self._fill()
        except TimeoutError:
            return False


def request_bytes(method: str, target: str, *, headers: Headers = (), body: bytes | None = None) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        lines.append("Host: 127.0.0.1")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


@dataclass(frozen=True)
class SseEvent:
    data: str
    event: str = "message"
    last_id: str = ""


def parse_sse(stream: bytes) -> list[SseEvent]:
    """Events as WHATWG's event stream interpretation gives them."""
    text = stream.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        text = text[1:]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    events: list[SseEvent] = []
    data: list[str] = []
    name, last_id = "", ""
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                events.append(SseEvent("\n".join(data), name or "message", last_id))
            data, name = [], ""
            continue
        member, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if member == "data":
            data.append(value)
        elif member == "event":
            name = value
        elif member == "id" and "\0" not in value:
            last_id = value
    return events


def comments(stream: bytes) -> list[str]:
    lines = stream.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return [line[1:].strip() for line in lines if line.startswith(":")]


# ----------------------------------------------------------------- splits


def whole(data: bytes) -> list[bytes]:
    return [data]


def by_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def at_line_ends(data: bytes) -> list[bytes]:
    """Cuts before and after every CR and LF."""
    pieces: list[bytes] = []
    start = 0
    for i, byte in enumerate(data):
        if byte in (10, 13):
            if i > start:
                pieces.append(data[start:i])
            pieces.append(data[i : i + 1])
            start = i + 1
    if start < len(data):
        pieces.append(data[start:])
    return pieces


def randomly(data: bytes, seed: int, cuts: int = 8) -> list[bytes]:
    if len(data) < 2:
        return [data]
    places = sorted(random.Random(seed).sample(range(1, len(data)), min(cuts, len(data) - 1)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]
