"""The hot path: from a statement's parameters to the store's rows, by a function made for each plan.

What is known once a plan is bound is not looked for again: which tables, generations and versions, which
connections, in which order the arguments stand and which of them need a conversion. The text below is all
there is of it. No lock, no I/O, no SQLAlchemy. Short statements of several threads take turns (`turns`).

Measured for one row by its key: the same steps as methods called one by one take 1.5 µs more, beside the
2 µs that SQLite takes.
"""

from __future__ import annotations

import functools
import sqlite3
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlmem.arguments import Shape, shape_of, text_of
from sqlmem.codecs import Unrepresentable
from sqlmem.dependencies import listening
from sqlmem.entries import Bound, Planned
from sqlmem.model import Rows, Status
from sqlmem.paces import LEAST_SECONDS, MANY_ROWS
from sqlmem.statuses import remember, remember_status
from sqlmem.store import Lane, Retired
from sqlmem.turns import present_thread

# {given}: the parameters by name; {sources}: the checks, one for each table; {rows}: SQLite's work, as below.
_TEXT = """
def make(planned, bound, lane, count, monotonic, sources, bindings, {names}):
    {bindings} = bindings
    ({unpacked}) = sources
    read_at = min([{read_at}])
    ask, ask_below, idle, store = lane.rows, lane.rows_below, lane.idle, lane.store
    pop, append, acquire, close_idle = idle.pop, idle.append, store.acquire, store.close_idle
    turns = store.turns
    sql, tables, expressions = planned.plan.sql, planned.tables, planned.expressions
    decode, to_dicts, generations = bound.decode, bound.to_dicts, bound.generations

    def stored(parameters, most=None):
        now = monotonic()
{turn}{sources}
        try:
{given}
            if most is None:
{rows_deeper}
            elif (rows := ask_below(sql, {arguments}, most)) is None:
                raise Over
        except missing:
            return None
{used}
        count()
        return rows, now - read_at

    def tuples(parameters):
        now = monotonic()
{turn}{sources}
        try:
{given}
{rows}
        except missing:
            return None
        {decoded}
{used}
        count()
        remember((now - read_at, tables))
        if (listener := get_listener()) is not None:
            listener.served(generations)
        return rows

    def dicts(parameters):
        now = monotonic()
{turn}{sources}
        try:
{given}
{rows}
        except missing:
            return None
        rows = Rows(to_dicts(rows))
{used}
        count()
        rows.told = told = (now - read_at, tables)
        remember(told)
        if (listener := get_listener()) is not None:
            listener.served(generations)
        return rows

    def again(known):
        now = monotonic()
{sources}
{used}
        count()
        # One row by itself takes half the time.
        rows = Rows(({{**known}},)) if type(known) is dict else Rows(map(copy, known))
        rows.told = told = (now - read_at, tables)
        remember(told)
        if (listener := get_listener()) is not None:
            listener.served(generations)
        return rows

    return stored, tuples, dicts, again
"""

# What isn't over in no time.
_LONG = """\
rows = ask(sql, {arguments})
"""

# As `Lane.rows`, with nothing called that needn't be.
_SHORT = """\
try:
    reader = pop()
except IndexError:
    reader = acquire(lane)
else:
    # Only after taking the connection: `pause` counts those that are out.
    if store.is_paused:
        append(reader)
        reader = acquire(lane)
try:
    rows = reader.execute(sql, {arguments}).fetchall()
finally:
    append(reader)
    if {retired}:
        close_idle(idle)
"""

# Before anything is looked at: whoever waits asks for what is there afterwards.
_TURN = """\
        me = present_thread()
        if turns.owner == me and now < turns.until:
            turns.asked_at = now
        else:
            now = turns.take(me, now, monotonic)
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
    "missing": (Unrepresentable, LookupError, TypeError, OverflowError, Retired, sqlite3.Error),
    "present_thread": present_thread,
    "remember": remember,
}

Stored = Callable[..., tuple[list[Any], float] | None]
Tuples = Callable[[Any], list[Any] | None]
Dicts = Callable[[Any], Rows | None]
Again = Callable[[Any], Rows | None]


class Slow(Protocol):
    """Is told of a slow answer, once its rows are decoded: its parameters, when it began, its rows."""

    def __call__(self, statement: str, parameters: Any, began: float, answered: int) -> None: ...


class Below(Protocol):
    """Gives the store's answer, if it has not so many rows that the origin is faster at it."""

    def __call__(self, parameters: Any) -> Answer | None: ...


class Answer(Protocol):
    """As `answers.Local`."""

    @property
    def rows(self) -> list[Any]: ...

    @property
    def status(self) -> Status: ...

    @property
    def lap(self) -> Any: ...


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
        dicts: from parameters to the rows of `CachingEngine.execute`; likewise.
        again: from what `dicts` has given before to a copy of that, if it would be the answer still. Of a
            single row that row, of others all of them.

        All give None if anything stands against it that the store answers, and count a hit otherwise.
    """

    __slots__ = (
        "_below",
        "_monotonic",
        "_slow",
        "again",
        "bound",
        "dicts",
        "measured",
        "over",
        "stored",
        "tuples",
    )

    def __init__(
        self,
        planned: Planned,
        bound: Bound,
        lane: Lane,
        *,
        count: Callable[[], int],
        monotonic: Callable[[], float],
        slow: Slow,
        below: Below,
    ) -> None:
        self.bound = bound
        self.measured = planned.pace
        self.over: dict[tuple[Any, ...], bool] = {}
        self._monotonic = monotonic
        self._slow = slow
        self._below = below
        shape, bindings = shape_of(planned.plan.arguments, planned.positions)
        make = _maker(
            shape,
            len(planned.states),
            has_expressions=bool(planned.expressions),
            is_decoded=bound.decode is not None,
            is_short=lane.short[planned.plan.sql],
        )
        sources = tuple(zip(bound.generations, planned.states, planned.versions, strict=True))
        self.stored: Stored
        self.tuples: Tuples
        self.dicts: Dicts
        self.again: Again
        self.stored, self.tuples, self.dicts, self.again = make(
            planned, bound, lane, count, monotonic, sources, bindings, **_NAMES
        )

    def timed(self, ask: Callable[[Any], Any], statement: str, parameters: Any) -> Any:
        """What `tuples` or `dicts` of a measured plan gives; None also where the origin has answers of it.

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

    def few(self, statement: str, parameters: Any) -> list[Any] | None:
        """As `tuples`, of a plan of which the origin has answers; None where it has this one.

        Args:
            statement: as it reaches the driver.
        """
        answer = self._below(parameters)
        if answer is None:
            return None
        decode = self.bound.decode
        rows = answer.rows if decode is None else decode(answer.rows)
        if answer.lap is not None:
            answer.lap.end(statement, parameters, has_parameters=True)
        remember_status(answer.status)
        if (listener := listening.get()) is not None:
            listener.served(self.bound.generations)
        return rows


@functools.lru_cache(maxsize=512)
def _maker(
    shape: Shape, sources: int, *, has_expressions: bool, is_decoded: bool, is_short: bool
) -> Callable[..., Any]:
    """A function of a plan's parts that makes them; its text depends on their number and kinds only."""
    bindings, lines, arguments = text_of(shape)
    numbers = range(sources)
    retired = " or ".join(f"g{number}.is_retired" for number in numbers)
    rows = (_SHORT if is_short else _LONG).format(arguments=arguments, retired=retired)
    text = _TEXT.format(
        arguments=arguments,
        given=textwrap.indent("\n".join(lines), " " * 12),
        turn=_TURN if is_short else "",
        sources="".join(_SOURCE.format(number) for number in numbers),
        rows=textwrap.indent(rows, " " * 12),
        rows_deeper=textwrap.indent(rows, " " * 16),
        names=", ".join(_NAMES),
        bindings=bindings,
        unpacked="".join(f"(g{number}, s{number}, w{number}), " for number in numbers),
        read_at="".join(f"g{number}.read_at, " for number in numbers),
        decoded="rows = decode(rows)" if is_decoded else "",
        used=_USED if has_expressions else "",
    )
    namespace: dict[str, Any] = {}
    exec(text, namespace)  # noqa: S102 - numbers and kinds only, nothing of a statement is in the text
    make: Callable[..., Any] = namespace["make"]
    return make
