"""The hot path: from a statement's parameters to the store's rows, by a function made for each plan.

What is known once a plan is bound is not looked for again: which tables, generations and versions, which
connections, in which order the arguments stand and which of them need a conversion. The text below is all
there is of it; `Lane.rows` is what it does with the store. No lock, no I/O, no SQLAlchemy.

Measured for one row by its key: the same steps as methods called one by one take 1.5 µs more, beside the
2 µs that SQLite takes.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlmem.arguments import Shape, shape_of, text_of
from sqlmem.codecs import Unrepresentable
from sqlmem.dependencies import listening
from sqlmem.entries import Bound, Planned
from sqlmem.model import Outcome, Rows, Status
from sqlmem.paces import LEAST_SECONDS, MANY_ROWS
from sqlmem.statuses import remember_status
from sqlmem.store import Lane, Retired

# {asked}: the rows, as below; {given}: the parameters by name; {sources}: the checks, one for each table.
_TEXT = """
def make(planned, bound, lane, count, monotonic, sources, bindings, {names}):
    {bindings} = bindings
    ({unpacked}) = sources
    read_at = min([{read_at}])
    ask, ask_below, is_short = lane.rows, lane.rows_below, lane.short[planned.plan.sql]
    sql, tables, expressions = planned.plan.sql, planned.tables, planned.expressions
    decode, to_dicts, generations = bound.decode, bound.to_dicts, bound.generations

    def stored(parameters, most=None):
        now = monotonic()
{sources}
        try:
{given}
            if most is None:
                rows = ask(sql, {arguments}, is_short)
            elif (rows := ask_below(sql, {arguments}, most)) is None:
                raise Over
        except missing:
            return None
{used}
        count()
        return rows, now - read_at

    def tuples(parameters):
{asked}        {decoded}
{used}
        count()
        remember_status(make_status((hit, now - read_at, tables, None, False)))
        if (listener := get_listener()) is not None:
            listener.served(generations)
        return rows

    def dicts(parameters, known=None):
        now = monotonic()
{sources}
        if known is None:
            try:
{given_deeper}
                rows = ask(sql, {arguments}, is_short)
            except missing:
                return None
            rows = Rows(to_dicts(rows))
        else:
            rows = Rows(map(copy, known))
{used}
        count()
        rows.status = status = make_status((hit, now - read_at, tables, None, False))
        remember_status(status)
        if (listener := get_listener()) is not None:
            listener.served(generations)
        return rows

    return stored, tuples, dicts
"""

_ASKED = """\
        now = monotonic()
{sources}
        try:
{given}
            rows = ask(sql, {arguments}, is_short)
        except missing:
            return None
"""

# The generation before the version: a fill that teaches something about a column changes the version
# first, so that no plan from before meets its generation.
_SOURCE = """\
        if (
            s{0}.generation is not g{0}
            or s{0}.version != w{0}
            or not s{0}.is_verified
            or (s{0}.expires_after is not None and now - g{0}.read_at > s{0}.expires_after)
        ):
            return None
        s{0}.last_used = now
"""

_USED = """\
        for state, name in expressions:
            state.used[name] = now
"""


class Over(Exception):
    """The answer has so many rows that the origin is faster at it."""


_NAMES: Mapping[str, Any] = {
    "Mapping": Mapping,
    "Over": Over,
    "Rows": Rows,
    "copy": dict.copy,
    "get_listener": listening.get,
    "hit": Outcome.HIT,
    # Past `Status.__new__`, which is Python.
    "make_status": functools.partial(tuple.__new__, Status),
    "missing": (Unrepresentable, LookupError, TypeError, OverflowError, Retired, sqlite3.Error),
    "remember_status": remember_status,
}

Stored = Callable[..., tuple[list[Any], float] | None]
Tuples = Callable[[Any], list[Any] | None]
Dicts = Callable[..., Rows | None]


class Slow(Protocol):
    """Is told of a slow answer, once its rows are decoded: its parameters, when it began, its rows."""

    def __call__(self, statement: str, parameters: Any, began: float, answered: int) -> None: ...


class Ready:
    """A bound plan, ready to be asked. Immutable, but for `over`; safe for use by many threads.

    Attributes:
        measured: the pace of a plan whose answers are to be timed, by who asks for `stored` ones, or by
            `timed`; None of the others.
        over: the bound and arguments of the store's to which it has so many rows, see `Over` -> whether the
            origin was asked then. One step of a dict each, which is atomic.
        stored: from parameters, as a driver would get them, to stored rows and their age. With `most`, raises
            `Over` if there are so many.
        tuples: from parameters to rows as the driver gives them; their status is remembered. Raises
            ValueError if a stored value is damaged.
        dicts: from parameters to the rows of `CachingEngine.execute`; likewise. With `known`, what it has
            answered to these parameters before: a copy of that, if it is the answer still. Raises ValueError
            if a stored value is damaged.

        All give None if anything stands against it that the store answers, and count a hit otherwise.
    """

    __slots__ = ("_monotonic", "_slow", "bound", "dicts", "measured", "over", "stored", "tuples")

    def __init__(
        self,
        planned: Planned,
        bound: Bound,
        lane: Lane,
        *,
        count: Callable[[], int],
        monotonic: Callable[[], float],
        slow: Slow,
    ) -> None:
        self.bound = bound
        self.measured = planned.pace
        self.over: dict[tuple[Any, ...], bool] = {}
        self._monotonic = monotonic
        self._slow = slow
        shape, bindings = shape_of(planned.plan.arguments, planned.positions)
        make = _maker(
            shape,
            len(planned.states),
            has_expressions=bool(planned.expressions),
            is_decoded=bound.decode is not None,
        )
        sources = tuple(zip(bound.generations, planned.states, planned.versions, strict=True))
        self.stored: Stored
        self.tuples: Tuples
        self.dicts: Dicts
        self.stored, self.tuples, self.dicts = make(
            planned, bound, lane, count, monotonic, sources, bindings, **_NAMES
        )

    def timed(self, ask: Callable[[Any], Any], statement: str, parameters: Any) -> Any:
        """What `tuples` or `dicts` of a measured plan gives; None also where the origin may be faster.

        Args:
            ask: the one or the other.
            statement: as it reaches the driver.
        """
        pace = self.measured
        assert pace is not None
        if pace.decided is not None:
            return None
        began = self._monotonic()
        rows = ask(parameters)
        if rows is not None:
            if len(rows) >= MANY_ROWS or self._monotonic() - began >= LEAST_SECONDS:
                self._slow(statement, parameters, began, len(rows))
            else:
                pace.few.quick += 1
        return rows


@functools.lru_cache(maxsize=512)
def _maker(shape: Shape, sources: int, *, has_expressions: bool, is_decoded: bool) -> Callable[..., Any]:
    """A function of a plan's parts that makes them; its text depends on their number and kinds only."""
    bindings, lines, arguments = text_of(shape)
    parts = {
        "arguments": arguments,
        "given": "".join(f"            {line}\n" for line in lines),
        "sources": "".join(_SOURCE.format(number) for number in range(sources)),
    }
    text = _TEXT.format(
        **parts,
        asked=_ASKED.format(**parts),
        names=", ".join(_NAMES),
        bindings=bindings,
        unpacked="".join(f"(g{number}, s{number}, w{number}), " for number in range(sources)),
        read_at="".join(f"g{number}.read_at, " for number in range(sources)),
        given_deeper="".join(f"                {line}\n" for line in lines),
        decoded="rows = decode(rows)" if is_decoded else "",
        used=_USED if has_expressions else "",
    )
    namespace: dict[str, Any] = {}
    exec(text, namespace)  # noqa: S102 - numbers and kinds only, nothing of a statement is in the text
    make: Callable[..., Any] = namespace["make"]
    return make
