"""One piece of a work in a thread of its own, while the caller gets the next one.

A fill fetches and writes. While it fetches, the thread mostly waits for the origin, and while it writes,
SQLite mostly works without the interpreter's lock: so one can go on beside the other.

Rule 1: one piece at a time, and the caller looks at its end before it hands over another: what they work on
is never touched by both at once, and no more is in memory than one piece and the next.
Rule 2: what a piece raises is the caller's. After that, or after an error of the caller's own, the caller
calls `stop` before it takes anything apart that a piece works on.
Rule 3: the thread ends with the work. A process that can't start one, or a fork's child, which has none of
its parent's, does the pieces in the caller's own thread.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from sqlmem.table_state import Ending
from sqlmem.waiting import wait


class _Piece(Ending):
    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work: Callable[[], object] | None = work
        self.found: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        work, self._work = self._work, None
        try:
            if work is not None:
                self.found = work()
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            self.error = error
        # What it worked on is large, and nobody else holds it any more.
        del work
        self.finish()


class Alongside:
    """For one thread or task."""

    def __init__(self, *, is_async: bool) -> None:
        """Start nothing yet: a thread is started with the first piece."""
        self._is_async = is_async
        self._pieces: SimpleQueue[_Piece | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._piece: _Piece | None = None  # the one handed over whose end nobody has looked at

    def begin(self, work: Callable[[], object]) -> None:
        """Let this be done; the end of what was begun before has been waited for."""
        piece = _Piece(work)
        del work
        if not self._has_thread():
            piece.run()
        else:
            self._pieces.put(piece)
        self._piece = piece

    def end(self) -> Any:
        """Wait until what was begun is over, and give what it has returned.

        Raises:
            What it has raised.
        """
        piece = self._piece
        assert piece is not None
        if not piece.is_done:
            wait(piece.on_finish, is_async=self._is_async)
        self._piece = None
        if piece.error is not None:
            try:
                raise piece.error
            finally:
                piece.error = None
        return piece.found

    def stop(self) -> None:
        """End the thread; what was begun is over then, whatever came of it. Also without an event loop.

        Only an interrupt is raised; then the thread may still be at its piece.
        """
        thread = self._thread
        if thread is None:
            return
        self._pieces.put(None)
        # As long as one piece takes, at most: also a loop waits for that, as it would have had it done it.
        thread.join()
        self._thread = self._piece = None

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
