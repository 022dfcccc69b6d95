"""Tables whose definition the origin couldn't tell, though it answers: for a while nobody asks again.

A server that resembles one of the known ones may have another catalogue, a user may not read it, and a
listener may make an error of another kind of what a question of ours is answered.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlmem.clock import Clock
from sqlmem.logs import log

# After which the definition is asked for again.
UNREADABLE_SECONDS = 60.0


class Unanswered(Exception):
    """The origin didn't answer a question of ours, or not in a way that is understood.

    Attributes:
        error: what was raised, by whomever. The connection it was asked by can be used.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Unreadable(Exception):
    """The origin answers a statement that would have to be planned by this definition.

    Attributes:
        lasts: whether nobody asks for it again yet.
    """

    def __init__(self, reason: str, lasts: Callable[[], bool]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasts = lasts


class Unreadables:
    """Safe for use by many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Replaced as a whole. Spelled as statements do.
        self._known: dict[tuple[str | None, str], Unreadable] = {}

    def check(self, table: tuple[str | None, str]) -> None:
        """Raise `Unreadable` if it couldn't be read a while ago."""
        known = self._known.get(table)
        if known is not None and known.lasts():
            raise known

    def note(self, table: tuple[str | None, str], error: Exception) -> Unreadable:
        """It couldn't be read."""
        kind = type(error).__name__
        log.warning("the definition of {} can't be read ({}): the origin answers", table[1], kind)
        until = self._clock.monotonic() + UNREADABLE_SECONDS
        reason = f"the definition of table {table[1]} can't be read ({kind})"
        found = Unreadable(reason, lambda: self._clock.monotonic() < until)
        self._known = {**self._known, table: found}
        return found
