"""Invariant: what was counted comes to the same whichever way it was counted."""

from __future__ import annotations

from sqlmem.counters import Counters
from sqlmem.model import Outcome


def test_what_is_counted_without_a_lock_is_counted_with_the_rest() -> None:
    """Looking at it changes nothing, and it may be taken back."""
    counters = Counters()
    count = counters.counts(Outcome.BYPASS, "why")
    assert counters.counts(Outcome.BYPASS, "why") == count

    for _ in range(3):
        count()
        counters.read()
    counters.other(Outcome.BYPASS, "why")
    counters.take_back(Outcome.BYPASS, "why")
    counters.other(Outcome.BYPASS, "another")
    counters.take_back(Outcome.BYPASS, "another")

    _, others, reasons, _ = counters.read()
    assert others[Outcome.BYPASS] == 3
    assert reasons == {"why": 3}
