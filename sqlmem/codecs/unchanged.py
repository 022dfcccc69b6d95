"""Which conversions of parameters leave which values as they are, so that the hot path can leave them out."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

_Function = Callable[[Any], Any]


class Unchanged(NamedTuple):
    """Integers from `low` to `high`, of exactly the type int."""

    low: int
    high: int

    def within(self, low: int, high: int) -> Unchanged:
        """Those of them that lie within these bounds."""
        return Unchanged(max(self.low, low), min(self.high, high))


# Entered while a statement is planned, read when its plan is made ready.
_KNOWN: weakref.WeakKeyDictionary[_Function, Unchanged] = weakref.WeakKeyDictionary()


def unchanged_by(convert: _Function) -> Unchanged | None:
    """Which integers a conversion gives back as they are; None: nothing is known of it."""
    return _KNOWN.get(convert)


def leaving(convert: _Function, unchanged: Unchanged | None) -> _Function:
    """The conversion, of which that is known from now on; None: nothing."""
    if unchanged is not None:
        _KNOWN[convert] = unchanged
    return convert
