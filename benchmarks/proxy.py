"""A TCP proxy before PostgreSQL that holds the bytes back, and counts the messages.

`python -m benchmarks.proxy HOST PORT SECONDS` runs it in a process of its own, whose first line is its port.
Each direction of each connection has a thread that receives and one that sends: what has arrived is sent when
its own time has come, so what is sent in a row also arrives in a row, and a round trip costs twice the delay.
"""

from __future__ import annotations

import collections
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
        messages: the kinds of messages that clients have sent, by their first letter as the protocol has them
            (Q a simple query; P, B, D, E, S the extended one's), and `connect`. Not counted under TLS.
    """

    def __init__(self, host: str, port: int, delay_seconds: float = 0.0) -> None:
        self._host, self._server_port, self._delay = host, port, delay_seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_closed = False
        self.messages: collections.Counter[str] = collections.Counter()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._is_closed = True
        for each in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def seen(self, messages: collections.Counter[str]) -> None:
        with self._lock:
            self.messages.update(messages)

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

    def feed(self, chunk: bytes) -> None:
        self._rest += chunk
        found: collections.Counter[str] = collections.Counter()
        while (size := self._size()) is not None and len(self._rest) >= size:
            found[chr(self._rest[0]) if self._is_started else "connect"] += 1
            self._is_started = True
            self._rest = self._rest[size:]
        if found:
            self._proxy.seen(found)

    def _size(self) -> int | None:
        head = 1 if self._is_started else 0
        if len(self._rest) < head + 4:
            return None
        return head + int.from_bytes(self._rest[head : head + 4], "big")


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
