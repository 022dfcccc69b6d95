"""A program in a process of its own, ordered by lines: it says what it has reached, and is told to go on.

In the script `say(words…)` and `wait()`; here `expect("words")` and `tell()`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

DEADLINE_SECONDS = 60.0

HEAD = """
import sys

def say(*words):
    print(*words, flush=True)

def wait():
    if not sys.stdin.readline():
        raise SystemExit("nobody tells me any more")
"""


class Program:
    """Ends with the `with`, killed if it doesn't by itself."""

    def __init__(self, script: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        # What hangs is killed, so that no test waits for ever.
        self._timer = threading.Timer(DEADLINE_SECONDS, self._process.kill)
        self._timer.start()

    def expect(self, *lines: str) -> None:
        """The next lines are these."""
        assert self._process.stdout is not None
        for line in lines:
            said = self._process.stdout.readline().rstrip("\n")
            if said != line:
                self._process.kill()
                raise AssertionError(f"expected {line!r}, got {said!r}\n{self._process.communicate()[1]}")

    def tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> list[str]:
        """Wait for its end; returns the lines that weren't read, if it ended well and quietly."""
        out, err = self._process.communicate()
        assert err == ""
        assert self._process.returncode == 0
        return out.splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
