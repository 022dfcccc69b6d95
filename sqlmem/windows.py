"""Commits under way, and those of which nobody knows whether they still are. Guarded by the registry's lock.

A commit whose answer never came may be going on at the origin. For a while nobody asks; then whoever would
fill one of its tables asks the origin first whether its process is still at work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmem.model import TableName
from sqlmem.table_state import TableState, is_touched


class Window:
    """While a commit is under way: the tables that match (None: all) aren't filled, nor served.

    One is made for each commit, which takes a frozen dataclass three times as long. It stays as it is.

    Attributes:
        defines: their definitions change too.
    """

    __slots__ = ("defines", "matches")

    matches: Callable[[TableName], bool] | None
    defines: bool


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """Of a window whose commit may still go on.

    Attributes:
        process: the origin's number for who is at it; None if that isn't known.
        until: monotonic seconds; then the origin may be asked.
    """

    window: Window
    process: int | None
    until: float


class BeingCommitted(Exception):
    """A fill is asked for while the table's rows are being committed: the origin answers.

    Attributes:
        due: the doubts that stand in the way, if nothing else does and the origin may be asked of them.
    """

    def __init__(self, due: tuple[Doubt, ...] = ()) -> None:
        super().__init__()
        self.due = due


class Windows:
    """Not safe for use by several threads: the registry's lock is held.

    Attributes:
        opened: of commits under way. Each is entered when it is opened, and taken out when that has returned
            or failed, or nobody knows.
    """

    def __init__(self) -> None:
        self.opened: set[Window] = set()
        self._doubts: dict[Window, Doubt] = {}

    def __bool__(self) -> bool:
        return bool(self.opened or self._doubts)

    def doubt(self, doubt: Doubt) -> None:
        """Nobody knows whether a commit still goes on."""
        if doubt.process is None:
            # Nobody will be asked about those before, and this one lasts longer.
            window = doubt.window
            self._doubts = {
                before: older
                for before, older in self._doubts.items()
                if older.process is not None
                or before.matches is not window.matches
                or before.defines is not window.defines
            }
        self._doubts[doubt.window] = doubt

    def renew(self, doubts: tuple[Doubt, ...]) -> None:
        """The origin was asked, and is still at it. Those that are settled stay settled."""
        for doubt in doubts:
            if doubt.window in self._doubts:
                self._doubts[doubt.window] = doubt

    def settle(self, doubt: Doubt) -> bool:
        """Nobody is at it any more. False if that was known."""
        return self._doubts.pop(doubt.window, None) is not None

    def check(self, state: TableState, now: float) -> None:
        """Raise `BeingCommitted` if nobody may fill this table now."""
        if any(is_touched(state, window.matches) for window in self.opened):
            raise BeingCommitted
        doubts = [doubt for doubt in self._doubts.values() if is_touched(state, doubt.window.matches)]
        if doubts:
            raise BeingCommitted(() if any(now < doubt.until for doubt in doubts) else tuple(doubts))

    def forget_open(self) -> None:
        """In a forked child, which hasn't got the threads that would close them."""
        self.opened.clear()
