"""Asynchronous sockets for replays: a raw client, a reader of answers, a counting mock upstream."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Awaitable, Callable

from wire import Response


@dataclass
class Exchange:
    """What came back on one connection until it was closed."""

    answers: list[Response] = field(default_factory=list)
    rest: bytes = b""  # what is no whole answer
    timed_out: bool = False

    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


async def talk(port: int, pieces: list[bytes], *, timeout: float, half_close: bool = True) -> Exchange:
    """Sends pieces as segments of their own, half-closes if told to, reads until the peer closes."""
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    peer.setblocking(False)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = bytearray()
    exchange = Exchange()

    async def write() -> None:
        for i, piece in enumerate(pieces):
            await loop.sock_sendall(peer, piece)
            if i % 32 == 31:
                await asyncio.sleep(0)
        if half_close:
            peer.shutdown(socket.SHUT_WR)

    async def read() -> None:
        while data := await loop.sock_recv(peer, 65536):
            received.extend(data)

    try:
        await loop.sock_connect(peer, ("127.0.0.1", port))
        writer = asyncio.create_task(write())
        try:
            await asyncio.wait_for(read(), timeout)
        except (ConnectionError, OSError) as error:
            if isinstance(error, TimeoutError):
                exchange.timed_out = True
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    finally:
        peer.close()
    to_head = b"".join(pieces[:16]).lstrip(b"\r\n").startswith(b"HEAD ")
    exchange.answers, exchange.rest = split_answers(bytes(received), first_to_head=to_head)
    return exchange


def split_answers(data: bytes, *, first_to_head: bool = False) -> tuple[list[Response], bytes]:
    """All whole final answers in `data`, and what is left; an answer to HEAD announces a body that does not follow."""
    answers: list[Response] = []
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        if not mark or len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            break
        headers = [(n.strip(), v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
        answer = Response(int(parts[1]), parts[2] if len(parts) > 2 else "", headers, raw_head=head)
        if 100 <= answer.status < 200:
            data = rest
            continue
        body, left = (b"", rest) if first_to_head and not answers else _body(answer, rest)
        if body is None:
            break
        answer.body = body
        answers.append(answer)
        data = left
    return answers, data


def _body(answer: Response, data: bytes) -> tuple[bytes | None, bytes]:
    if answer.status in (204, 304):
        return b"", data
    if (answer.header("transfer-encoding") or "").lower() == "chunked":
        body = b""
        while True:
            line, mark, data = data.partition(b"\r\n")
            if not mark:
                return None, b""
            size = int(line, 16)
            if len(data) < size + 2:
                return None, b""
            body, data = body + data[:size], data[size + 2 :]
            if size == 0:
                return body, data
    length = answer.header("content-length")
    if length is None:
        return data, b""
    if len(data) < int(length):
        return None, b""
    return data[: int(length)], data[int(length) :]


@dataclass
class UpstreamRequest:
    head: bytes
    body: bytes


Handler = Callable[[UpstreamRequest, asyncio.StreamWriter], Awaitable[bool]]


class AsyncUpstream:
    """Answers requests by a handler that returns whether the connection goes on."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "AsyncUpstream":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 << 20, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = await reader.readexactly(length)
                self.requests += 1
                if not await self._handler(UpstreamRequest(head, body), writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def send_pieces(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    """Each piece in a segment of its own, as far as the peer keeps up."""
    for i, piece in enumerate(pieces):
        writer.write(piece)
        if i % 32 == 31 or len(piece) > 4096:
            await writer.drain()
            await asyncio.sleep(0)
    await writer.drain()
