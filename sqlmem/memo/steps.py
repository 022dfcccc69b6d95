"""One way through a miss, walked by threads and by tasks.

The way is a generator (`function`); what it yields is a step, and how a step is taken is all in which a
function and an `async def` differ. What a step raises is raised in the generator, so that its `finally` runs
whatever stops it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from sqlmem.dependencies import Listener, listening
from sqlmem.memo.flights import Node, running


@dataclass(slots=True)
class Ask:
    """Something short of a store."""

    action: Callable[[], Any]


@dataclass(slots=True)
class Sleep:
    seconds: float


@dataclass(slots=True)
class Run:
    """The body, in a context in which it is recorded."""

    listener: Listener
    node: Node


@dataclass(slots=True)
class Bell:
    """Rung once, from any thread."""

    ring: Callable[[], None]
    wait: Any
    blocks: bool = False  # waiting for it stops the whole thread


@dataclass(slots=True)
class Wait:
    """For a bell."""

    bell: Bell


@dataclass(slots=True)
class Hang:
    """For a bell that can be rung here."""

    bells: list[Bell] = field(default_factory=list)


Step = Ask | Sleep | Run | Wait | Hang
Way = Generator[Step, Any, Any]


def walk(way: Way, body: Callable[[], Any]) -> Any:
    """Take the steps in this thread."""
    try:
        step = next(way)
        while True:
            try:
                outcome = _take(step, body)
            except BaseException as error:  # noqa: BLE001 - the generator's to handle, an interrupt too
                step = way.throw(error)
            else:
                step = way.send(outcome)
    except StopIteration as end:
        return end.value


def _take(step: Step, body: Callable[[], Any]) -> Any:
    match step:
        case Run(listener, node):
            heard, above = listening.set(listener), running.set(node)
            try:
                return body()
            finally:
                running.reset(above)
                listening.reset(heard)
        case Ask(action):
            return action()
        case Sleep(seconds):
            await_only = _awaiting()
            if await_only is None:
                time.sleep(seconds)
            else:
                await_only(asyncio.sleep(seconds))
            return None
        case Wait(bell):
            bell.wait()
            return None
        case Hang():
            await_only = _awaiting()
            if await_only is None:
                event = threading.Event()
                return Bell(event.set, event.wait, blocks=True)
            future = _bell_of(asyncio.get_running_loop())
            return Bell(future.ring, lambda: await_only(future.wait))


def _awaiting() -> Callable[[Any], Any] | None:
    """How a function awaits that SQLAlchemy runs for a task; None if it isn't such a one.

    To block there would stop the loop, and with it what is waited for.
    """
    if "greenlet" not in sys.modules:
        return None
    from sqlalchemy.util.concurrency import await_only, in_greenlet

    return await_only if in_greenlet() else None


async def walk_async(way: Way, body: Callable[[], Any], *, is_quick: bool) -> Any:
    """Take the steps in this task.

    Args:
        is_quick: the store may be asked on the loop itself.
    """
    try:
        step = next(way)
        while True:
            try:
                outcome = await _take_async(step, body, is_quick=is_quick)
            except BaseException as error:  # noqa: BLE001 - the generator's to handle, a cancellation too
                step = way.throw(error)
            else:
                step = way.send(outcome)
    except StopIteration as end:
        return end.value


async def _take_async(step: Step, body: Callable[[], Any], *, is_quick: bool) -> Any:
    match step:
        case Run(listener, node):
            heard, above = listening.set(listener), running.set(node)
            try:
                return await body()
            finally:
                running.reset(above)
                listening.reset(heard)
        case Ask(action):
            return action() if is_quick else await asyncio.to_thread(action)
        case Sleep(seconds):
            await asyncio.sleep(seconds)
            return None
        case Wait(bell):
            await bell.wait
            return None
        case Hang():
            return _bell_of(asyncio.get_running_loop())


def _bell_of(loop: asyncio.AbstractEventLoop) -> Bell:
    future: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not future.done():
            future.set_result(None)

    def ring() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish)

    return Bell(ring, future)
