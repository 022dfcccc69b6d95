"""A TCP proxy before PostgreSQL that holds the bytes back, and notes what clients ask for.

`python -m benchmarks.proxy HOST PORT SECONDS` runs it in a process of its own, whose first line is its port.
Each direction of each connection has a thread that receives and one that sends: what has arrived is sent when
its own time has come, so what is sent in a row also arrives in a row, and a round trip costs twice the delay.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

_CHUNK = 1 << 16


class Proxy:
    """Listens from when it is made until `close`. Safe for use by many threads.

    Args:
        host: of the server; a folder means its Unix socket.
        delay_seconds: for each direction.

    Attributes:
        statements: the texts that clients have had executed, in order: of simple queries, and of the extended
            protocol's at each Execute. Not seen under TLS.
        connections: how many were begun.
    """

    def __init__(self, host: str, port: int, delay_seconds: float = 0.0) -> None:
        self._host, self._server_port, self._delay = host, port, delay_seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_closed = False
        self.statements: list[str] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._is_closed = True
        for each in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def note(self, statements: list[str], connections: int) -> None:
        with self._lock:
            self.statements += statements
            self.connections += connections

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                client, _ = self._listening.accept()
                server = self._connect()
            except OSError:
                return
            self._sockets += [client, server]
            for each in (client, server):
                if each.family != socket.AF_UNIX:
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pump(client, server, _Messages(self))
            self._pump(server, client, None)

    def _connect(self) -> socket.socket:
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self._host}/.s.PGSQL.{self._server_port}")
            return server
        return socket.create_connection((self._host, self._server_port))

    def _pump(self, source: socket.socket, target: socket.socket, messages: _Messages | None) -> None:
        waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def receive() -> None:
            chunk = b"."
            while chunk:
                try:
                    chunk = source.recv(_CHUNK)
                except OSError:
                    chunk = b""
                if messages is not None:
                    messages.feed(chunk)
                waiting.put((time.perf_counter() + self._delay, chunk))

        def send() -> None:
            while True:
                due, chunk = waiting.get()
                if (left := due - time.perf_counter()) > 0:
                    time.sleep(left)
                try:
                    if not chunk:
                        target.shutdown(socket.SHUT_WR)
                        return
                    target.sendall(chunk)
                except OSError:
                    return

        for work in (receive, send):
            threading.Thread(target=work, daemon=True).start()


class _Messages:
    """A client's bytes, taken apart: a letter, four bytes of length, the rest; the first has no letter."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._rest = b""
        self._is_started = False
        self._prepared: dict[bytes, str] = {}  # a prepared statement's name -> its text
        self._bound: dict[bytes, str] = {}  # a portal's name -> its text

    def feed(self, chunk: bytes) -> None:
        self._rest += chunk
        statements: list[str] = []
        connections = 0
        while (size := self._size()) is not None and len(self._rest) >= size:
            message, self._rest = self._rest[:size], self._rest[size:]
            if not self._is_started:
                self._is_started = True
                connections += 1
            elif (text := self._executed(message[:1], message[5:])) is not None:
                statements.append(text)
        if statements or connections:
            self._proxy.note(statements, connections)

    def _size(self) -> int | None:
        head = 1 if self._is_started else 0
        if len(self._rest) < head + 4:
            return None
        return head + int.from_bytes(self._rest[head : head + 4], "big")

    def _executed(self, kind: bytes, body: bytes) -> str | None:
        first, _, rest = body.partition(b"\0")
        match kind:
            case b"Q":  # a simple query
                return first.decode()
            case b"P":  # Parse: a name, a text
                self._prepared[first] = rest.partition(b"\0")[0].decode()
            case b"B":  # Bind: a portal, a prepared statement's name
                self._bound[first] = self._prepared.get(rest.partition(b"\0")[0], "?")
            case b"E":  # Execute: a portal
                return self._bound.get(first, "?")
        return None


def address(url: sa.URL) -> tuple[str, int]:
    """Where a PostgreSQL URL's server is: a host or a socket's folder, and a port."""
    query = url.query
    return url.host or str(query.get("host", "127.0.0.1")), url.port or int(str(query.get("port", 5432)))


def through(url: sa.URL, port: int) -> sa.URL:
    """The same database through a proxy's port."""
    rest = {key: value for key, value in url.query.items() if key not in {"host", "port"}}
    # Without TLS, which would hide the messages and cost time of its own.
    return url.set(host="127.0.0.1", port=port, query={**rest, "sslmode": "disable"})


@contextlib.contextmanager
def delayed(url: sa.URL, delay_seconds: float) -> Iterator[sa.URL]:
    """The same database, from a process of its own that holds each direction back for so long."""
    host, port = address(url)
    command = [sys.executable, "-m", "benchmarks.proxy", host, str(port), str(delay_seconds)]
    process: Any = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
    try:
        yield through(url, int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def main() -> None:
    """Run until standard input is closed."""
    host, port, delay_seconds = sys.argv[1:]
    proxy = Proxy(host, int(port), float(delay_seconds))
    print(proxy.port, flush=True)
    sys.stdin.read()
    proxy.close()


if __name__ == "__main__":
    main()
