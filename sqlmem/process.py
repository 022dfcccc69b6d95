"""What happens to the process, told to every engine that is alive: its end, SIGTERM, a fork.

Rule 1: one hook at exit, one handler of SIGTERM and one set of fork hooks, however many engines.
Rule 2: the application's own handler of SIGTERM runs as if ours weren't there, only later: after
        the flush. Only the main thread installs ours.
Rule 3: the handler runs between any two steps of the main thread, which may hold any lock. It
        takes none: it starts a bare thread, which flushes and then raises the signal again; the
        second time the handler hands it to the application's disposition.

An application that installs a handler after us has replaced ours: what it does is all that
happens, and the flush comes at exit.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import threading
import weakref
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

from sqlmem.logs import log

# How long SIGTERM waits for the flush: most supervisors kill after ten seconds or more.
TERM_SECONDS = 8.0
# How long the end of the process waits for a flush that another thread has begun.
EXIT_SECONDS = 30.0
# How long a fork waits for threads to leave SQLite.
FORK_SECONDS = 1.0


class Participant(Protocol):
    """An engine, as far as it has to do with the process. No method raises."""

    def flush_at_end(self, seconds: float) -> None: ...

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


# The engines that are alive. Only changed and copied, each by one atomic operation.
_live: set[Participant] = set()


@dataclass
class _Termination:
    """Where we are with SIGTERM. Changed by the handler and by the thread that it starts.

    Attributes:
        previous: the disposition that ours stands before; None if ours isn't installed.
        is_flushing: since a signal, until it was raised again.
    """

    previous: Any = None
    is_flushing: bool = False
    is_raised_again: bool = False


_term = _Termination()


def join(participant: Participant, *, wants_flush: bool) -> None:
    """Tell this engine from now on."""
    _live.add(participant)
    if wants_flush:
        _install()


def leave(participant: Participant) -> None:
    """Tell it no longer. Idempotent. With the last one our handler goes too."""
    _live.discard(participant)
    if not _live:
        _uninstall()


def _flush_all(seconds: float) -> None:
    for participant in list(_live):
        participant.flush_at_end(seconds)


# -- SIGTERM ---------------------------------------------------------------------------------


def _install() -> None:
    # Once only: whoever was installed after us may call ours, which must not call it back.
    if _term.previous is not None or threading.current_thread() is not threading.main_thread():
        return
    try:
        found = signal.getsignal(signal.SIGTERM)
        # None: installed by C code, which we could not call.
        if found is not None and found is not _on_sigterm:
            _term.previous = found  # first: the signal may come right after the next line
            signal.signal(signal.SIGTERM, _on_sigterm)
    except ValueError:
        _term.previous = None  # the main thread of an interpreter that isn't the main one


def _uninstall() -> None:
    if _term.previous is None or threading.current_thread() is not threading.main_thread():
        return
    # Somebody who was installed after us stays, and may call ours.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, _term.previous)
        _term.previous = None


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    if _term.is_raised_again:
        _term.is_raised_again = _term.is_flushing = False
    elif not _term.is_flushing and _live:
        _term.is_flushing = True
        try:
            # Not threading.Thread: its start takes a lock, which the main thread may be holding.
            _thread.start_new_thread(_flush_and_raise_again, ())
        except RuntimeError:
            _term.is_flushing = False  # the interpreter is ending; the hook at exit flushes
        else:
            return
    # Also a second signal while the first one's flush goes on: somebody is in a hurry.
    _hand_on(signum, frame)


def _hand_on(signum: int, frame: FrameType | None) -> None:
    if callable(_term.previous):
        _term.previous(signum, frame)
    elif _term.previous != signal.SIG_IGN:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)


def _flush_and_raise_again() -> None:
    try:
        # In a thread of its own: a folder on a server that is away must not keep the process.
        flusher = threading.Thread(
            target=_flush_all, args=(TERM_SECONDS,), name="sqlmem-last-flush", daemon=True
        )
        with contextlib.suppress(RuntimeError):
            flusher.start()
            flusher.join(TERM_SECONDS)
    finally:
        _term.is_raised_again = True
        main = threading.main_thread().ident
        if hasattr(signal, "pthread_kill") and main is not None:
            # To the main thread, so that what it waits for is interrupted.
            signal.pthread_kill(main, signal.SIGTERM)
        else:
            os.kill(os.getpid(), signal.SIGTERM)


# -- exit and fork ---------------------------------------------------------------------------


def _at_exit() -> None:
    _flush_all(EXIT_SECONDS)


def _before_fork() -> None:
    for participant in list(_live):
        participant.before_fork()


def _after_fork_in_parent() -> None:
    for participant in list(_live):
        participant.after_fork_in_parent()


def _after_fork_in_child() -> None:
    # The thread that would have raised it again is the parent's.
    _term.is_flushing = _term.is_raised_again = False
    for participant in list(_live):
        try:
            participant.after_fork_in_child()
        except Exception as error:  # noqa: BLE001 - an exception here would be printed and lost
            log.warning("an engine could not be readied after a fork: {}", type(error).__name__)


def _nothing() -> None:
    """For a finalizer."""


# What `weakref.finalize` closes at exit is closed after our flush only if weakref was registered before: what
# was registered last runs first. It registers itself with its first finalizer; this one is done at once.
weakref.finalize(threading.Event(), _nothing)
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
