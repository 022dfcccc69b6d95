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
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlmem.codecs import OPAQUE, Unrepresentable
from sqlmem.codecs.opaque import pack
from sqlmem.codecs.rows import dict_decoder, row_decoder
from sqlmem.dependencies import Reading
from sqlmem.entries import Bound, Described
from sqlmem.exactness import UNCHANGING
from sqlmem.model import TableName
from sqlmem.table_state import Ending, TableState

# What a row is beside its values, and an answer beside its rows, in bytes; measured with tracemalloc.
_ROW_BYTES = 64
_VALUE_BYTES = 8
_ANSWER_BYTES = 1500
# Bytes of values whose size hardly differs, the largest; of a text beside its characters; how many rows are
# weighed at once.
_SIZES: dict[type, int] = {type(None): 0, bool: 0, float: 24, dt.date: 32, dt.datetime: 48, dt.timedelta: 40}
_WHOLE = {int}
_TEXTS = frozenset({str, type(None)})
_ASCII_BYTES = sys.getsizeof("")
_TEXT_BYTES = sys.getsizeof("\U0001f600")
_AT_ONCE = 1000
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
        described = tuple(map(Described._make, self.description))
        self.bound = Bound((), row_decoder(codecs), dict_decoder(codecs, names), described)
        self.copies = tuple(Copy(state.name, self.reading, self.read_at) for state in self.states)


class Weighed(NamedTuple):
    """Rows made fit to be kept."""

    rows: list[tuple[Any, ...]]
    packed: frozenset[int]
    bytes: int


def weigh(rows: Sequence[Sequence[Any]], *, at_most: int, so_far: int = _ANSWER_BYTES) -> int | None:
    """About how many bytes they take; None if it is more than `at_most`."""
    total = so_far
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        total += sum(map(_column_bytes, zip(*some, strict=True)), _ROW_BYTES * len(some))
        if total > at_most:
            return None
    return total


def _column_bytes(values: Sequence[Any], kinds: AbstractSet[type] | None = None) -> int:
    """Of some values, at most; with little done per value, since many an answer is never asked for again."""
    if kinds is None:
        kinds = set(map(type, values))
    if kinds == _WHOLE:
        # The one that takes the most.
        largest, smallest = max(values), min(values)
        return (_VALUE_BYTES + max(sys.getsizeof(largest), sys.getsizeof(smallest))) * len(values)
    if kinds <= _SIZES.keys():
        return (_VALUE_BYTES + max(map(_SIZES.__getitem__, kinds), default=0)) * len(values)
    if kinds <= _TEXTS:
        together = "".join(filter(None, values) if len(kinds) > 1 else values)
        beside = _ASCII_BYTES if together.isascii() else _TEXT_BYTES
        return (_VALUE_BYTES + beside) * len(values) + sys.getsizeof(together)
    return sum(map(sys.getsizeof, values), _VALUE_BYTES * len(values))


def fit(rows: Sequence[Sequence[Any]], *, at_most: int) -> Weighed | None:
    """Rows of which nobody can change a value; None if they can't be made so, or are too large.

    Values of mutable types become text, column by column, from which each caller gets his own.
    """
    # Most are tuples, which the list may hold as they are.
    kept: list[tuple[Any, ...]] = list(map(tuple, rows))
    packed = set()
    total = _ANSWER_BYTES + _ROW_BYTES * len(kept)
    for number, values in enumerate(zip(*kept, strict=True)):
        kinds = set(map(type, values))
        if kinds <= _WITHOUT_ZONE or (kinds <= UNCHANGING and all(map(_is_unchanging, values))):
            total += _column_bytes(values, kinds)
        else:
            packed.add(number)
        if total > at_most:
            return None
    if not packed:
        return Weighed(kept, frozenset(), total)
    try:
        kept = [
            tuple(
                pack(value) if number in packed and value is not None else value
                for number, value in enumerate(row)
            )
            for row in kept
        ]
    except Unrepresentable:
        return None
    size = weigh(kept, at_most=at_most)
    return None if size is None else Weighed(kept, frozenset(packed), size)


_WITH_ZONE = frozenset({dt.datetime, dt.time})
_WITHOUT_ZONE = UNCHANGING - _WITH_ZONE


def _is_unchanging(value: Any) -> bool:
    return type(value) not in _WITH_ZONE or _has_known_zone(value)


def _has_known_zone(value: dt.datetime | dt.time) -> bool:
    """A zone of another class may change, or be one only this value has."""
    return value.tzinfo is None or type(value.tzinfo).__module__ in ("datetime", "zoneinfo")


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
        self,
        key: Key,
        tokens: Mapping[str, str],
        *,
        now: float,
        newest: float,
        may_lead: bool,
        own: Asking | None = None,
    ) -> tuple[Asking, bool] | None:
        """Join the question under way, or be the one who asks the origin.

        Args:
            newest: one that was sent before this monotonic second won't do.
            own: a fresh question, for others to join if the caller asks; with it he can `finish` though he
                was interrupted before he knew.

        Returns:
            It, and whether the caller asks: then `finish` must be called, whatever becomes of it. None if
            nobody asks so that others could wait: the answer isn't worth keeping.
        """
        with self._lock:
            present = self._asked.get(key)
            if (
                present is not None
                and present.tokens == tokens
                and present.began_at >= newest
                and not present.is_done
            ):
                return present, False
            if not may_lead or self._unkept.get(key) == tokens:
                return None
            if own is None:
                own = Asking(key=key, tokens=tokens, began_at=now)
            self._asked[key] = own
            return own, True

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
