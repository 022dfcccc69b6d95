"""Who hears of what sqlmem does: nobody, until `add_sink`.

Rule 1: `log` is a logger of our own, which has none of the application's sinks.
Rule 2: no parameter's value and no password is ever part of a message; statement texts are,
        with their parameters left open.
Rule 3: where a statement is answered, ask `heard.debug` or `heard.info` before calling `log`:
        with no sink that is one attribute look-up, and no message is made. Warnings are rare:
        `log.warning` is called unasked.

The lock is held while a sink is added or removed, never while a message is written. It is
taken before a fork and released after it on both sides, so that a child never inherits it
locked; loguru does the same with its own locks.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import loguru

from sqlmem.settings import find_dotenv, load_debug

if TYPE_CHECKING:
    from loguru import Logger

DEBUG = 10
INFO = 20


def _private_logger() -> Logger:
    # loguru has one logger with one core, and the core holds the sinks: through it every message
    # of ours would reach the sinks that the application added for its own. The documented way
    # to a second core, a deep copy of the logger, fails as soon as a sink cannot be copied (the
    # default one, stderr, already can't). So the same two classes are called as loguru's own
    # module calls them. The names are private, which is why pyproject.toml stays below 0.8, and
    # why a test compares the new logger with the one that loguru makes.
    shared: Any = loguru.logger
    private: Logger = type(shared)(
        core=type(shared._core)(),  # noqa: SLF001 - see above
        exception=None,
        depth=0,
        record=False,
        lazy=False,
        colors=False,
        raw=False,
        capture=True,
        patchers=[],
        extra={},
    )
    # As loguru does for its own: a sink with a queue writes what it still has.
    atexit.register(private.remove)
    return private


class Heard:
    """Whether a message of this level would reach any sink now."""

    __slots__ = ("debug", "info")

    def __init__(self) -> None:
        self.debug = False
        self.info = False


log: Logger = _private_logger()
heard = Heard()

_lock = threading.Lock()
# id of a sink -> the level it was added with; None if it follows `_debug`. Guarded by _lock.
_levels: dict[int, int | None] = {}
# What sinks without a level of their own get; None until the first one asks. Guarded by _lock.
_debug: bool | None = None

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def add_sink(target: Any, level: str | int | None = None, **options: Any) -> int:
    """Send sqlmem's log to a file, a stream, a function or whatever else loguru writes to.

    Args:
        target: as the first argument of loguru's `add`.
        level: a name or number; None for INFO, or DEBUG if the setting `debug` is on. Such a
            sink also follows an engine that is made later with the keyword `debug`.
        options: as loguru's `add`. `diagnose` is off here unless it is given: it would write
            the values of variables, and so of parameters, beside a traceback.

    Returns:
        The sink's id, for `remove_sink`.

    Raises:
        SettingsError: SQLMEM_DEBUG is neither true nor false.
        ValueError, TypeError, OSError: as loguru's `add`; no sink was added.
    """
    options.setdefault("diagnose", False)
    with _lock:
        global _debug  # noqa: PLW0603 - guarded by _lock
        if level is None:
            if _debug is None:
                _debug = load_debug(os.environ, find_dotenv())
            number = None
            asked = options.pop("filter", None)
            if asked is None or callable(asked):
                sink = log.add(target, level=DEBUG, filter=_following(asked), **options)
            else:
                # loguru's filters by module name or by a level per module: they aren't functions
                # that could be joined with ours, so this sink's level is settled here and now.
                number = DEBUG if _debug else INFO
                sink = log.add(target, level=number, filter=asked, **options)
        else:
            # A level that the application named on loguru's own logger is unknown to ours.
            number = loguru.logger.level(level).no if isinstance(level, str) else level
            sink = log.add(target, level=number, **options)
        _levels[sink] = number
        _recompute()
        return sink


def remove_sink(sink: int) -> None:
    """Stop writing to a sink; what it was given before is written when this returns.

    Raises:
        ValueError: there is no such sink.
    """
    with _lock:
        log.remove(sink)
        _levels.pop(sink, None)
        _recompute()


def follow_debug(*, debug: bool) -> None:
    """Let sinks without a level of their own get DEBUG, or no longer; for the keyword `debug`."""
    with _lock:
        global _debug  # noqa: PLW0603 - guarded by _lock
        _debug = debug
        _recompute()


def _following(asked: Callable[[Any], bool] | None) -> Callable[[Any], bool]:
    """A filter for sinks without a level of their own: `_debug` now, not when it was added."""

    def passes(record: Any) -> bool:
        # Read without the lock: one reference, and a message in the moment of the change may go either way.
        if not _debug and record["level"].no < INFO:
            return False
        return asked is None or asked(record)

    return passes


def _recompute() -> None:
    following = DEBUG if _debug else INFO
    least = min((following if level is None else level for level in _levels.values()), default=None)
    heard.debug = least is not None and least <= DEBUG
    heard.info = least is not None and least <= INFO
