"""Waiting for another thread's or task's work, without blocking an event loop.

A statement of an asyncio dialect runs in a greenlet of a task; blocking there would stop the
loop, and with it the fill that is waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from sqlalchemy.util import await_only


def wait(
    subscribe: Callable[[Callable[[], None]], None], *, is_async: bool, seconds: float | None = None
) -> None:
    """Until the callback given to `subscribe` is called, from any thread, or the time is over."""
    if not is_async:
        event = threading.Event()
        subscribe(event.set)
        event.wait(seconds)
        return
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_finish, future)

    subscribe(wake)
    await_only(asyncio.wait({future}, timeout=seconds))


def give_way() -> None:
    """Let the loop run once: SQLAlchemy demands of an asyncio dialect that a statement awaits."""
    await_only(asyncio.sleep(0))


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
