"""Turns of threads that ask one short statement after the other, and do nothing else.

SQLite's driver gives up the interpreter's lock at each of its steps, some four times in a look-up of two
microseconds. A thread that wants that lock is signalled each time, and mostly comes too late: who is at
work pays for the signals, and as a signal isn't a time-out, the interpreter never asks for the lock in the
waiter's name (CPython's `take_gil`). Measured on two cores, two threads that do nothing but look up: 0.6 of
one alone by `execute`, 0.8 through Core.

So of threads that loop one has the turn for a while, and the others wait for it without wanting the
interpreter's lock. At the end of its while the owner hands the turn over itself, and waits in its place:
nobody has to wake up beside somebody at work. A thread that does other things between its statements, as
one that serves requests, neither waits nor is waited for: a turn that is held by who waits for a network
would keep everybody from work.

While a fill is at work in another thread, who loops lets it have the interpreter's lock now and then: by
itself it would get it a few times in a second, for the same reason.

Rule 1: who loops is found out by the processor time that an owner uses while it has the turn.
Rule 2: nobody waits for ever: who isn't called in time looks, and goes ahead if the owner has gone.
Rule 3: a turn guards nothing. Whoever goes ahead without it is as right as its owner.

No lock is taken: each step is an assignment or one operation of a deque or dict, which the interpreter lock
makes atomic, and what comes between two of them costs at most a wait in vain.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from time import sleep, thread_time
from typing import Final

# Seconds. An owner that asked no longer ago is at it. A session of the ORM's, made for each statement, takes
# about as long; beyond that, what the signals cost is little.
CLOSE_SECONDS = 0.0003
# How long a turn is: of a thread known to loop, and of others. The interpreter's own slices are 5 ms; whoever
# goes on on another processor finds nothing of his in that one's cache.
TURN_SECONDS = 0.006
TRIAL_SECONDS = 0.0005
# So much later than the turn should have come somebody who waits looks for himself; so often at the most.
LATE_SECONDS = 0.001
_MOST_LOOKS = 4
# So often who loops gives way to a fill, and for so long, in which somebody else has the time to wake up:
# that one has the interpreter's lock for up to 5 ms then. Of the statements, which take some 30 µs through
# Core, fewer than one of a hundred waits for it.
GIVE_WAY_EVERY_SECONDS = 0.006
_GIVE_WAY_SECONDS = 0.0001
# Who loops uses so much of the time that it has the turn; the rest is for a busy machine.
_SHARE = 0.4
# Of a thread of which nothing is known: so often it meets an owner at work before it waits, to see whether
# both loop. And of one that was found not to: it does as others do in the end.
_MEETINGS = 3
_MEETINGS_OF_OTHERS = 1_024
_LOOPS = 0
# One known to loop that was found not to, once: a busy machine takes the processor away, too. It does as
# before, and is believed again after so many looks (less than 0); once more before, and it is as the others.
_DOUBTED = -10
# So many threads are remembered.
_MOST_THREADS = 1_024


present_thread = threading.get_ident


class Turns:
    """Whose turn it is. Safe for use by many threads.

    Args:
        processor: the processor seconds that the present thread has used.
        give_way: does nothing for so many seconds.

    Attributes:
        owner: the identifier of the thread whose turn it is. It goes ahead before `until`, and notes that.
        until: monotonic seconds, from which on the owner calls `take`, too.
        asked_at: monotonic seconds of the owner's last short statement, written by it.
    """

    __slots__ = (
        "_began",
        "_fills",
        "_gave_way_at",
        "_give_way",
        "_meetings",
        "_processor",
        "_used",
        "_waiting",
        "asked_at",
        "owner",
        "until",
    )

    def __init__(
        self, processor: Callable[[], float] = thread_time, give_way: Callable[[float], object] = sleep
    ) -> None:
        self._processor: Final = processor
        self._give_way: Final = give_way
        self.reset()

    def reset(self) -> None:
        """As at first; in the child of a fork, which has none of the other threads."""
        self.owner = 0
        self.until = self.asked_at = self._began = -1.0
        self._used = 0.0  # the owner's processor seconds when its turn began
        self._gave_way_at = -1.0
        self._fills: set[object] = set()  # that are at work; one is added and discarded in one step
        # Each with a lock that is released when it is called.
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        # thread -> how many more meetings with an owner until it waits; `_LOOPS` and less: it always does
        self._meetings: dict[int, int] = {}

    def take(self, me: int, now: float, monotonic: Callable[[], float]) -> float:
        """Before a short statement of a thread whose turn it isn't, or isn't any more. May wait.

        Returns:
            The monotonic seconds now.
        """
        if self.owner == me:
            used = self._processor()
            loops = used - self._used >= _SHARE * (now - self._began)
            known = self._meetings.get(me, _MEETINGS)
            if not loops:
                self._doubt(me)
            elif known != _LOOPS:
                self._note(me, min(known + 1, _LOOPS))
            if loops and self._fills and now - self._gave_way_at >= GIVE_WAY_EVERY_SECONDS:
                self._give_way(_GIVE_WAY_SECONDS)
                self._gave_way_at = now = monotonic()
                used = self._processor()
            if not self._waiting:
                self._used = used
                self._began = self.asked_at = now
                self.until = now + TURN_SECONDS
                return now
            if loops and self._call(now):
                return self._wait(me, now, monotonic)
            self._dismiss()
        elif now - self.asked_at < CLOSE_SECONDS:
            if not self._waits(me):
                return now
            self.until = min(self.until, self._began + self._length(self.owner))
            return self._wait(me, now, monotonic)
        self._begin(me, now)
        return now

    @contextlib.contextmanager
    def beside_fill(self) -> Iterator[None]:
        """While a fill is at work, in a thread of its own or its caller's."""
        fill = object()
        self._fills.add(fill)
        try:
            yield
        finally:
            self._fills.discard(fill)

    def _begin(self, me: int, now: float) -> None:
        """The turn is the present thread's from now on."""
        self._used = self._processor()
        self._began = self.asked_at = now
        self.until = now + (self._length(me) if self._waiting else TURN_SECONDS)
        self.owner = me

    def _length(self, thread: int) -> float:
        return TURN_SECONDS if self._meetings.get(thread, _MEETINGS) <= _LOOPS else TRIAL_SECONDS

    def _call(self, now: float) -> bool:
        """Hand the turn over to who waits longest; False: nobody does."""
        try:
            thread, bell = self._waiting.popleft()
        except IndexError:
            return False
        self._began = self.asked_at = now
        self.until = now + self._length(thread)
        self.owner = thread
        bell.release()
        return True

    def _dismiss(self) -> None:
        """Let all who wait go ahead."""
        while self._waiting:
            try:
                _, bell = self._waiting.popleft()
            except IndexError:
                return
            bell.release()

    def _note(self, thread: int, meetings: int) -> None:
        if len(self._meetings) >= _MOST_THREADS:
            self._meetings = {}
        self._meetings[thread] = meetings

    def _doubt(self, thread: int) -> None:
        """It was found not to loop."""
        known = self._meetings.get(thread, _MEETINGS)
        if known <= _MEETINGS:
            self._note(thread, _DOUBTED if known == _LOOPS else _MEETINGS_OF_OTHERS)

    def _waits(self, me: int) -> bool:
        """Whether it is worth waiting for the owner, who is at it."""
        if self._meetings.get(self.owner, 0) > _MEETINGS:
            return False
        left = self._meetings.get(me, _MEETINGS)
        if left > 1:
            self._note(me, left - 1)
        return left <= 1

    def _wait(self, me: int, now: float, monotonic: Callable[[], float]) -> float:
        bell = threading.Lock()
        bell.acquire()
        entry = me, bell
        before = len(self._waiting)
        self._waiting.append(entry)
        for _ in range(_MOST_LOOKS):
            if bell.acquire(timeout=max(0.0, self.until - now) + before * TURN_SECONDS + LATE_SECONDS):
                now = monotonic()
                if self.owner == me:
                    self._begin(me, now)
                return now
            now = monotonic()
            if now - self.asked_at >= CLOSE_SECONDS:
                break
        try:
            self._waiting.remove(entry)
        except ValueError:
            return now  # it was called at this moment
        # The owner has gone, or does something else.
        self._doubt(self.owner)
        if self._meetings.get(me, _MEETINGS) > _LOOPS:
            self._note(me, _MEETINGS_OF_OTHERS)
        self._dismiss()
        self._begin(me, now)
        return now
