"""Which hits live verification looks at, and how it gets hold of them.

An engine without it has none of this: its executor and its shortcuts are the plain ones. One
with it has the subclasses below, which see each hit once it is answered.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from sqlmem.answers import Caller, Local, Remote
from sqlmem.entries import Bound
from sqlmem.exactness import UNCHANGING
from sqlmem.executor import Executor
from sqlmem.keeping import Asked
from sqlmem.model import Outcome


@dataclass(frozen=True, slots=True)
class Sample:
    """A hit as it was answered.

    Attributes:
        parameters: as they reached the driver; None if they may have changed since.
        rows: stored rows, not decoded.
    """

    statement: str
    has_parameters: bool
    parameters: Mapping[str, Any] | tuple[Any, ...] | None
    bound: Bound
    rows: tuple[Any, ...]


class Taker(Protocol):
    """Takes samples. Neither waits nor raises: it is called where a statement is answered."""

    def take(self, sample: Sample) -> None: ...


class Share:
    """An even share of a series: of each four one, of each three two. Safe for use by many threads."""

    def __init__(self, share: float) -> None:
        # By its digits: 0.1 means one of ten, not the nearest binary number.
        fraction = Fraction(str(share))
        self._taken, self._of = fraction.numerator, fraction.denominator
        self._count = itertools.count()  # its `next` is atomic

    def next(self) -> bool:
        """Whether the next one belongs to the share."""
        return next(self._count) * self._taken % self._of + self._taken >= self._of


class SamplingExecutor(Executor):
    """The executor of an engine whose hits are verified."""

    takes_at_once = False
    _share: Share
    _taker: Taker

    def sample(self, share: Share, taker: Taker) -> None:
        """Hand this share of the hits to `taker` from now on. Call it before the first statement."""
        self._share = share
        self._taker = taker

    def _run(self, caller: Caller, asked: Asked) -> Local | Remote:
        answer = super()._run(caller, asked)
        if isinstance(answer, Local) and answer.status.outcome is Outcome.HIT:
            self.offer(asked.statement, asked.parameters, answer, has_parameters=asked.has_parameters)
        return answer

    def offer(self, statement: str, parameters: Any, answer: Local, *, has_parameters: bool) -> None:
        if self._share.next():
            # Copied now: the rows' list and the parameters are the caller's, who may change them.
            self._taker.take(
                Sample(statement, has_parameters, _kept(parameters), answer.bound, tuple(answer.rows))
            )


def _kept(parameters: Any) -> Mapping[str, Any] | tuple[Any, ...] | None:
    is_named = isinstance(parameters, Mapping)
    kept = [_lasting(value) for value in (parameters.values() if is_named else parameters)]
    if any(value is _Changing for value in kept):
        return None
    return dict(zip(parameters, kept, strict=True)) if is_named else tuple(kept)


class _Changing:
    """In place of a value that may change."""


def _lasting(value: Any) -> Any:
    if type(value) in UNCHANGING:
        return value
    if type(value) in (list, tuple) and all(type(item) in UNCHANGING for item in value):
        return type(value)(value)  # a list, as drivers take it for an array
    return _Changing
