"""The origin's answers that are kept: exact rows of statements that the store can't answer.

Rule 1: an answer is kept under the tokens of its tables (`dependencies`) from before it was asked for,
and given only while these are in force: whatever invalidates a table ends it, also in between.
Rule 2: the bound counts what is held, the least recently used goes first, and nothing that is larger
than a tenth of it comes in: it would cost all else.
Rule 3: nothing done under the lock does I/O or calls out.
"""

from __future__ import annotations

import datetime as dt
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlmem.codecs import OPAQUE, Unrepresentable
from sqlmem.codecs.opaque import pack
from sqlmem.codecs.rows import dict_decoder, row_decoder
from sqlmem.dependencies import Reading
from sqlmem.entries import Bound
from sqlmem.exactness import UNCHANGING
from sqlmem.model import TableName
from sqlmem.table_state import Ending, TableState

# What a row is beside its values, and an answer beside its rows, in bytes; measured with tracemalloc.
_ROW_BYTES = 64
_VALUE_BYTES = 8
_ANSWER_BYTES = 1500
# Rows that are weighed at once.
_AT_ONCE = 500
# Answers that are too large: so many are remembered, so that nobody waits for one of them.
_MOST_UNKEPT = 1000


class Key(NamedTuple):
    """Which statement it is an answer to.

    Attributes:
        parameters: as `codecs.opaque` writes them: their types are part of it.
    """

    statement: str
    has_parameters: bool
    parameters: str


def key_of(statement: str, parameters: Any, *, has_parameters: bool) -> Key | None:
    """None if the parameters have no exact form: one of a class of the application's."""
    if not parameters:
        return Key(statement, has_parameters, "")
    try:
        if isinstance(parameters, Mapping):
            written = pack(dict(sorted(parameters.items())))
        else:
            written = pack(tuple(parameters))
    except (Unrepresentable, TypeError):
        return None
    return Key(statement, has_parameters, written)


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """One table as of an answer, for those who note what is read (`dependencies.Copy`)."""

    table: TableName
    reading: Reading
    read_at: float


Description = tuple[tuple[Any, ...], ...]


@dataclass(slots=True, eq=False)
class Kept:
    """An answer that is kept. Never changed once it is made.

    Attributes:
        states: the tables that it was read from.
        reading: under which tokens.
        read_at: monotonic seconds, from before it was asked for.
        rows: as the driver gave them; values that could be changed as `codecs.opaque` writes them.
        packed: in which columns.
        bytes: what it takes, estimated.
    """

    key: Key
    states: tuple[TableState, ...]
    reading: Reading
    read_at: float
    description: Description
    rows: list[tuple[Any, ...]]
    packed: frozenset[int]
    bytes: int
    bound: Bound = field(init=False)
    copies: tuple[Copy, ...] = field(init=False)

    def __post_init__(self) -> None:
        codecs = [OPAQUE if number in self.packed else _AS_IT_IS for number in range(len(self.description))]
        names = [column[0] for column in self.description]
        self.bound = Bound((), row_decoder(codecs), dict_decoder(codecs, names), self.description)
        self.copies = tuple(Copy(state.name, self.reading, self.read_at) for state in self.states)


class Weighed(NamedTuple):
    """Rows made fit to be kept."""

    rows: list[tuple[Any, ...]]
    packed: frozenset[int]
    bytes: int


def weigh(rows: Sequence[Sequence[Any]], *, at_most: int, so_far: int = _ANSWER_BYTES) -> int | None:
    """About how many bytes they take; None if it is more than `at_most`."""
    total = so_far
    for columns in _in_columns(rows):
        count = len(columns[0]) if columns else 0
        total += count * (_ROW_BYTES + _VALUE_BYTES * len(columns)) + sum(map(_bytes_of, columns))
        if total > at_most:
            return None
    return total


def _in_columns(rows: Sequence[Sequence[Any]]) -> Iterator[list[tuple[Any, ...]]]:
    """Some rows at once, as columns: what is done for each value is then done by C."""
    for start in range(0, len(rows), _AT_ONCE):
        yield list(zip(*rows[start : start + _AT_ONCE], strict=True))


def _bytes_of(values: tuple[Any, ...]) -> int:
    """What the values of one column take: of some types that needn't be asked of each."""
    size = sys.getsizeof
    types = set(map(type, values))
    if len(types) == 1:
        kind = types.pop()
        if kind in _OF_ONE_SIZE:
            return len(values) * size(values[0])
        if kind is int:
            return len(values) * max(size(max(values)), size(min(values)))
        if kind is str:
            # As wide as the widest character of all, and what a text is beside its characters for each.
            return size("".join(values)) + (len(values) - 1) * _TEXT_BYTES
    return sum(map(size, values))


_OF_ONE_SIZE = frozenset({type(None), bool, float, dt.date, dt.datetime, dt.timedelta})
_TEXT_BYTES = sys.getsizeof("")


def fit(rows: Sequence[Sequence[Any]], *, at_most: int, weight: int | None = None) -> Weighed | None:
    """Rows of which nobody can change a value; None if they can't be made so, or are too large.

    Values of mutable types become text, column by column, from which each caller gets his own.

    Args:
        weight: the rows', if they were weighed before.
    """
    packed = {
        number
        for columns in _in_columns(rows)
        for number, column in enumerate(columns)
        if not _is_unchanging(column)
    }
    kept: list[tuple[Any, ...]]
    if packed:
        try:
            kept = [
                tuple(
                    pack(value) if number in packed and value is not None else value
                    for number, value in enumerate(row)
                )
                for row in rows
            ]
        except Unrepresentable:
            return None
    else:
        kept = list(map(tuple, rows))
    total = weigh(kept, at_most=at_most) if packed or weight is None else weight
    return None if total is None else Weighed(kept, frozenset(packed), total)


_WITH_ZONE = frozenset({dt.datetime, dt.time})


def _is_unchanging(column: tuple[Any, ...]) -> bool:
    """Whether everybody may have the same values."""
    types = set(map(type, column))
    if types.isdisjoint(_WITH_ZONE):
        return types <= UNCHANGING
    zones = {type(value.tzinfo) for value in column if type(value) in _WITH_ZONE}
    # A zone of another class may change, or be one only this value has.
    return types <= UNCHANGING and all(
        zone is type(None) or zone.__module__ in ("datetime", "zoneinfo") for zone in zones
    )


@dataclass(eq=False, kw_only=True)
class Asking(Ending):
    """A question that is with the origin.

    Attributes:
        tokens: of its tables, from before it was sent.
        began_at: monotonic seconds, likewise.
        kept: the answer, if it was kept.
    """

    key: Key
    tokens: Mapping[str, str]
    began_at: float
    kept: Kept | None = None


class _AsItIs(NamedTuple):
    """Of the codecs' interface what a decoder asks for."""

    raw_decode: None = None


_AS_IT_IS: Any = _AsItIs()


class Results:
    """Safe for use by many threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.largest = max_bytes // 10
        self.changes = 0  # for the snapshot to see that something changed
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0
        self._asked: dict[Key, Asking] = {}
        # Of what isn't worth keeping, the tokens it was asked under.
        self._unkept: OrderedDict[Key, Mapping[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Kept | None:
        """The answer, whether it holds or not; it counts as used."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def peek(self, key: Key) -> Kept | None:
        return self._kept.get(key)

    def drop(self, kept: Kept) -> None:
        """It doesn't hold any more."""
        with self._lock:
            if self._kept.get(kept.key) is kept:
                del self._kept[kept.key]
                self._bytes -= kept.bytes

    def put(self, kept: Kept) -> None:
        """Keep it, in place of an older one; what there is no room for goes."""
        if kept.bytes > self.largest:
            return
        with self._lock:
            self._put(kept)

    def _put(self, kept: Kept) -> None:
        old = self._kept.pop(kept.key, None)
        if old is not None:
            self._bytes -= old.bytes
        self._kept[kept.key] = kept
        self._bytes += kept.bytes
        self._unkept.pop(kept.key, None)
        while self._bytes > self.max_bytes:
            _, evicted = self._kept.popitem(last=False)
            self._bytes -= evicted.bytes
        self.changes += 1

    # -- who asks --------------------------------------------------------------------------

    def ask(
        self, key: Key, tokens: Mapping[str, str], *, now: float, newest: float, may_lead: bool
    ) -> tuple[Asking, bool] | None:
        """Join the question under way, or be the one who asks the origin.

        Args:
            newest: one that was sent before this monotonic second won't do.

        Returns:
            It, and whether the caller asks: then `finish` must be called, whatever becomes of it. None if
            nobody asks so that others could wait: the answer isn't worth keeping.
        """
        with self._lock:
            present = self._asked.get(key)
            if present is not None and present.tokens == tokens and present.began_at >= newest:
                return present, False
            if not may_lead or self._unkept.get(key) == tokens:
                return None
            asking = self._asked[key] = Asking(key=key, tokens=tokens, began_at=now)
            return asking, True

    def finish(self, asking: Asking, kept: Kept | None, *, is_unfit: bool) -> None:
        """End a question, with the answer if it is kept, and wake those who wait.

        Args:
            is_unfit: it was answered, and can't be kept.
        """
        with self._lock:
            if self._asked.get(asking.key) is asking:
                del self._asked[asking.key]
            if kept is not None and kept.bytes <= self.largest:
                asking.kept = kept
                self._put(kept)
            elif is_unfit:
                self._unkept[asking.key] = asking.tokens
                if len(self._unkept) > _MOST_UNKEPT:
                    self._unkept.popitem(last=False)
        asking.finish()

    # -- all of it -------------------------------------------------------------------------

    def all(self) -> list[Kept]:
        """What is kept, the last used last; whether it holds isn't asked."""
        with self._lock:
            return list(self._kept.values())

    def size(self) -> tuple[int, int]:
        """How many answers, and their bytes."""
        with self._lock:
            return len(self._kept), self._bytes

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._unkept.clear()
            self._bytes = 0

    def reset_after_fork(self) -> None:
        """In the child: whoever asked isn't there. What is kept is memory of the child's own."""
        self._lock = threading.Lock()
        self._asked = {}
