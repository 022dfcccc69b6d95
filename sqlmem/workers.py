"""A list of pieces of work, done by several threads where there are several processors.

For work whose time goes into C that lets go of the interpreter's lock: SQLite, hashing, the disk.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

_MOST_THREADS = 4  # with more, the disk is what they wait for


def processors() -> int:
    """How many threads are worth having, as far as the process may use them."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(_MOST_THREADS, count)


def side_by_side(pieces: Iterable[Callable[[], object]], threads: int) -> None:
    """Do all of them; the calling thread works too, and returns when no thread is at one any more.

    Args:
        threads: at most so many at once. Fewer where no thread can be had, as at the interpreter's end.

    Raises:
        What one of them has raised; those that weren't begun by then are left out.
    """
    waiting = deque(pieces)
    problems: list[BaseException] = []

    def work() -> None:
        while not problems:
            try:
                piece = waiting.popleft()
            except IndexError:
                return
            try:
                piece()
            except BaseException as problem:  # noqa: BLE001 - raised again in the thread that asked
                problems.append(problem)

    helpers = []
    for _ in range(min(threads, len(waiting)) - 1):
        helper = threading.Thread(target=work, name="sqlmem-worker", daemon=True)
        try:
            helper.start()
        except RuntimeError:
            break
        helpers.append(helper)
    try:
        work()
        for helper in helpers:
            helper.join()
    finally:
        waiting.clear()  # where a signal's exception ends the waiting, nobody begins another one
    if problems:
        raise problems[0]
