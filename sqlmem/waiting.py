"""Waiting for another thread's or task's work, without blocking an event loop.

A statement of an asyncio dialect runs in a greenlet of a task; blocking there would stop the
loop, and with it the fill that is waited for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.util import await_only, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet


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


def may_wait() -> bool:
    """Whether an asyncio dialect can wait for something here."""
    return in_greenlet()


def rest_for(seconds: float, *, is_async: bool) -> None:
    """Do nothing for so long, while others go on."""
    if is_async:
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def give_way() -> None:
    """Let the loop run once: SQLAlchemy demands of an asyncio dialect that a statement awaits."""
    await_only(asyncio.sleep(0))


# The loop itself holds a task only weakly.
_left_behind: set[asyncio.Task[Any]] = set()


def unhindered(work: Callable[[], object], *, if_cancelled: Callable[[Callable[[], object]], object]) -> None:
    """Do something that goes on to its end, also where the task that waits for it is cancelled.

    Args:
        if_cancelled: called then, with what waits for that end, and raises what the work has raised.
    """
    task = asyncio.get_running_loop().create_task(greenlet_spawn(work))
    try:
        await_only(asyncio.shield(task))
    except asyncio.CancelledError:
        if not task.done():
            if_cancelled(lambda: _end_of(task))
            task.add_done_callback(_look_at)
        raise


def _end_of(task: asyncio.Task[Any]) -> None:
    await_only(asyncio.wait({task}))
    task.result()


def afterwards(wait_for: Callable[[], object], then: Callable[[BaseException | None], object]) -> None:
    """In a task of its own: wait for something, whatever comes of it, then do something.

    For a task that was cancelled, and may wait no more itself. At the loop's end `then` is done at once.

    Args:
        then: is given what the waiting has raised; None if it came to its end.
    """

    async def run() -> None:
        raised: BaseException | None = None
        try:
            await greenlet_spawn(wait_for)
        except Exception as error:  # noqa: BLE001 - `then` decides what it means
            raised = error
        except BaseException as error:
            raised = error
            raise
        finally:
            await greenlet_spawn(then, raised)

    task = asyncio.get_running_loop().create_task(run())
    _left_behind.add(task)
    task.add_done_callback(_left_behind.discard)


def _look_at(task: asyncio.Task[Any]) -> None:
    # Its error is nobody's: the loop would complain that it was never asked for.
    if not task.cancelled():
        task.exception()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
