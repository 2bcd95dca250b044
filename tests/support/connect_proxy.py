"""A forward proxy that opens tunnels: CONNECT, then bytes both ways (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading


class ConnectProxy:
    """Serves on a free loopback port from `with` until its end.

    Every tunnel leads to `port` on loopback, whatever host was asked for: the names of
    a test exist only here.  With an `answer` it sends those bytes instead and hangs up.
    With `tls` it is an https proxy, with `credentials` it wants them (RFC 7617).
    """

    def __init__(
        self,
        port: int,
        *,
        answer: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        credentials: str | None = None,
    ) -> None:
        self._target = port
        self._answer = answer
        self._tls = tls
        self._wanted = credentials and b"Proxy-Authorization: Basic " + base64.b64encode(credentials.encode())
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []  # of the requests for a tunnel, as they came
        self.carried = b""  # what clients sent through their tunnels
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> "ConnectProxy":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _start(self, work, *arguments) -> None:  # noqa: ANN001, ANN002
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _readable(self, *sockets: socket.socket) -> list[socket.socket]:
        while not self._stopping.is_set():
            # What a TLS socket has decrypted already is nothing that select() could see.
            pending = [one for one in sockets if isinstance(one, ssl.SSLSocket) and one.pending()]
            ready = pending or select.select(sockets, [], [], 0.05)[0]
            if ready:
                return ready
        return []

    def _accept(self) -> None:
        while self._readable(self._listener):
            self._start(self._serve, self._listener.accept()[0])

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:  # the client does not trust the certificate
            plain.close()
            return
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not self._readable(client):
                    return
                data = client.recv(65536)
                if not data:
                    return
                head += data
            head, early = head.split(b"\r\n\r\n", 1)
            self.heads.append(head)
            if self._answer is not None:
                client.sendall(self._answer)
                return
            if self._wanted and self._wanted not in head.split(b"\r\n"):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._target)) as target:
                # In two segments: the client must read no further than the head.
                client.sendall(b"HTTP/1.1 200 Connection established\r\n")
                client.sendall(b"Via: 1.1 test\r\n\r\n")
                target.sendall(early)
                try:
                    self._carry(client, target)
                except OSError:
                    pass  # one side hung up; the test looks at the other

    def _carry(self, client: socket.socket, target: socket.socket) -> None:
        while True:
            for ready in self._readable(client, target) or [None]:
                if ready is None:
                    return
                data = ready.recv(65536)
                if not data:
                    return
                if ready is client:
                    self.carried += data
                (target if ready is client else client).sendall(data)
