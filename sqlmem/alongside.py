"""Pieces of a work in a thread of their own, while the caller gets the next ones.

A fill fetches and writes. While it fetches, the thread mostly waits for the origin, and while it writes,
SQLite mostly works without the interpreter's lock: so one can go on beside the other.

Rule 1: one piece at a time, in their order. The caller may hand over more before it looks at the end of the
first, so that the thread needn't wait for it; how many is for the caller to say, who pays with memory. What
they work on is the thread's until the caller has looked at the end of all of them.
Rule 2: what a piece raises is the caller's, and those behind it aren't done. After that, or after an error of
the caller's own, the caller calls `stop` before it takes anything apart that a piece works on.
Rule 3: the thread ends with the work. A process that can't start one, or a fork's child, which has none of
its parent's, does the pieces in the caller's own thread.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from sqlmem.table_state import Ending
from sqlmem.waiting import wait


class _Piece(Ending):
    def __init__(self, work: Callable[[], object], before: _Piece | None) -> None:
        super().__init__()
        self._work: Callable[[], object] | None = work
        self._before = before
        self.found: object = None
        self.error: BaseException | None = None
        self.has_failed = False

    def run(self) -> None:
        before, self._before = self._before, None
        if before is not None and before.has_failed:
            self.forget()
        work, self._work = self._work, None
        try:
            if work is not None:
                self.found = work()
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self.error = error
            self.has_failed = True
        # What it worked on is large, and nobody else holds it any more.
        del work, before
        self.finish()

    def forget(self) -> None:
        """Don't do it, unless it was begun."""
        self._work, self.has_failed = None, True


class Alongside:
    """For one thread or task."""

    def __init__(self, *, is_async: bool) -> None:
        """Start nothing yet: a thread is started with the first piece."""
        self._is_async = is_async
        self._pieces: SimpleQueue[_Piece | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._begun: deque[_Piece] = deque()  # those handed over whose end nobody has looked at

    @property
    def begun(self) -> int:
        """How many pieces were handed over whose end nobody has looked at."""
        return len(self._begun)

    def begin(self, work: Callable[[], object]) -> None:
        """Let this be done, after what was begun before."""
        piece = _Piece(work, self._begun[-1] if self._begun else None)
        del work
        if not self._has_thread():
            piece.run()
        else:
            self._pieces.put(piece)
        self._begun.append(piece)

    def end(self) -> Any:
        """Wait until the first of what was begun is over, and give what it has returned.

        Raises:
            What it has raised.
        """
        piece = self._begun[0]
        if not piece.is_done:
            if self._thread is None or not self._thread.is_alive():
                raise RuntimeError("the process was forked in the middle of a fill")
            wait(piece.on_finish, is_async=self._is_async)
        self._begun.popleft()
        if piece.error is not None:
            try:
                raise piece.error
            finally:
                piece.error = None
        return piece.found

    def stop(self) -> None:
        """End the thread; what it is at is over then, whatever came of it. Also without an event loop.

        Only an interrupt is raised; then the thread may still be at its piece.
        """
        thread = self._thread
        if thread is None:
            return
        for piece in self._begun:
            piece.forget()
        self._pieces.put(None)
        # As long as one piece takes, at most: also a loop waits for that, as it would have had it done it.
        thread.join()
        self._thread = None
        self._begun.clear()

    def _has_thread(self) -> bool:
        thread = self._thread
        if thread is not None:
            return thread.is_alive()
        # The caller's context: what a program has set there holds for what is done on its behalf.
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(_work, self._pieces), name="sqlmem-fill", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is about to end
            return False
        self._thread = thread
        return True


def _work(pieces: SimpleQueue[_Piece | None]) -> None:
    while (piece := pieces.get()) is not None:
        piece.run()
        del piece
