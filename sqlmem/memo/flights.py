"""Among threads and tasks of a process: who computes a key, and who waits for that.

Rule 1: a flight ends whatever happens to its body, and wakes all who wait.
Rule 2: nobody waits for a flight that waits, over others, for one of their own callers: they compute it
        themselves.
Rule 3: a flight hands on no value. Who has waited asks the store, under the tokens of then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A body that runs, and the one that called it."""

    parent: Node | None


@dataclass(eq=False)
class Flight:
    """A body that others may wait for.

    Attributes:
        may_retry: one who has waited in vain should fly next: the leader was stopped, or a table was
            invalidated. Else those who waited run side by side, as without a memo.
    """

    key: str
    node: Node
    thread: int
    may_retry: bool = False
    wake: list[Callable[[], None]] = field(default_factory=list)


# The body that runs in this context.
running: ContextVar[Node | None] = ContextVar("sqlmem_memo_running", default=None)


class Flights:
    """Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[str, Flight] = {}
        # Bodies that wait now, and for what.
        self._waiting: list[tuple[Node, Flight]] = []

    def join(self, key: str, node: Node, wake: Callable[[], None], *, blocks: bool = False) -> Flight | None:
        """Lead a flight (it has the caller's node), or wait for another's.

        Args:
            node: the caller's own, should it lead.
            wake: called at the end of another's flight.
            blocks: the caller's whole thread would wait, and a body that is suspended in it with it.

        Returns:
            None if waiting would never end.
        """
        caller = node.parent
        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                flight = self._flying[key] = Flight(key, node, threading.get_ident())
                return flight
            if blocks and flight.thread == threading.get_ident():
                return None
            if caller is not None and self._depends_on(flight, caller):
                return None
            if caller is not None:
                self._waiting.append((caller, flight))
            flight.wake.append(wake)
            return flight

    def leave(self, flight: Flight, node: Node) -> None:
        """After the waiting, however it ended."""
        caller = node.parent
        if caller is not None:
            with self._lock:
                if (caller, flight) in self._waiting:
                    self._waiting.remove((caller, flight))

    def end(self, key: str, node: Node, *, may_retry: bool) -> None:
        """End the flight that this node leads, if it leads one."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is None or flight.node is not node:
                return
            flight.may_retry = may_retry
            del self._flying[key]
            wake, flight.wake = flight.wake, []
        for each in wake:
            each()

    def leads(self, key: str, node: Node) -> bool:
        flight = self._flying.get(key)
        return flight is not None and flight.node is node

    def _depends_on(self, flight: Flight, caller: Node) -> bool:
        """Whether the flight is that of one of the caller's callers, or waits for such a one."""
        above = set(map(id, _ancestors(caller)))
        seen: set[int] = set()
        pending = [flight]
        while pending:
            each = pending.pop()
            if id(each.node) in above:
                return True
            if id(each) in seen:
                continue
            seen.add(id(each))
            pending += [
                awaited
                for waiting, awaited in self._waiting
                if any(node is each.node for node in _ancestors(waiting))
            ]
        return False

    def __len__(self) -> int:
        return len(self._flying)

    def reset_after_fork(self) -> None:
        """The threads that fly are the parent's."""
        self._lock = threading.Lock()
        self._flying = {}
        self._waiting = []


def _ancestors(node: Node | None) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent
