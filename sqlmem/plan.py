"""What the planner decides, as values.

A plan answers one statement text with its parameters left open. It names what it needs,
and holds nothing of a store: the same plan serves every generation that covers it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlmem.dialects.base import Result
from sqlmem.dialects.immutable import Asked
from sqlmem.measures import Check
from sqlmem.model import Collation, TableName

T = TypeVar("T")


class Refuse(Exception):
    """The statement, or a part of it, has no exact local meaning: the origin answers.

    Attributes:
        reason: in the words that `explain()` and the statistics use; no value of a parameter.
        reasons: all that were found; the first is `reason`.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reason = reasons[0]
        self.reasons = reasons


class RefuseWhole(Refuse):
    """No part of the statement may be computed by the origin as a column either."""


class TypesNeeded(Exception):
    """What the statement means depends on the type of a parameter: it is to be planned with it.

    No `Refuse`: it passes through whoever gathers reasons.

    Attributes:
        key: which of the statement's parameters.
    """

    def __init__(self, key: str | int) -> None:
        super().__init__(key)
        self.key = key


class Reasons:
    """Gathers what parts of a statement are refused for, so that all of it can be told."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def attempt(self, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except Refuse as refused:
            self._found.update(dict.fromkeys(refused.reasons))
            return otherwise

    def raise_any(self) -> None:
        if self._found:
            raise Refuse(*self._found)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that the origin would compute, before it was asked what it is.

    Attributes:
        name: under which the table's schema has it once it is known.
        text: for the origin; None for a rank of one of the table's own columns.
        asked: what the origin's catalogue must say before it counts as immutable.
        collation: if it turns out to be text.
        has_constants: there may be many like it, each with another constant.
        rank_of: the column or expression whose order it is; None if it is no rank.
        weighs: it is the text of the weights that the collation gives to the characters, one for one.
        key_of: likewise, without the blanks at the end: the column or expression whose equality it is.
        may_be_unsigned: MariaDB: an integer, if it is one, whose description doesn't tell.
    """

    table: TableName
    name: str
    text: str | None
    asked: Asked
    collation: Collation
    has_constants: bool
    rank_of: str | None = None
    weighs: str | None = None
    key_of: str | None = None
    may_be_unsigned: bool = False


class Unknown(Exception):
    """Planning can't go on before the origin was asked about a candidate."""

    def __init__(self, candidate: Candidate) -> None:
        super().__init__(candidate.name)
        self.candidate = candidate


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the store's statement.

    Attributes:
        key: which of the statement's parameters; None for a constant.
        convert: its stored form, raising `Unrepresentable`; None: as it is.
        refuses_null: NULL is given to `convert` too, which refuses it.
        literal: which of the text's constants `constant` is; None if the plan holds for this one only.
        reread: the stored form of another constant in its place, of the same class (`skeletons`), raising
            `Refuse` where that has none.
    """

    key: str | int | None
    constant: Any = None
    convert: Callable[[Any], Any] | None = None
    refuses_null: bool = False
    literal: int | None = None
    reread: Callable[[str], Any] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a source has at most, by those of the tables.

    Attributes:
        table: index into `Plan.tables`; None where it follows from the others.
        parts: their numbers are added, or multiplied if `is_product`.
        count: that is added.
    """

    table: int | None = None
    parts: tuple[Rows, ...] = ()
    is_product: bool = False
    count: int = 0

    def at_most(self, rows: Sequence[int]) -> int:
        """The number, by the rows of each of the plan's tables."""
        if self.table is not None:
            return rows[self.table]
        numbers = [part.at_most(rows) for part in self.parts]
        return self.count + (math.prod(numbers) if self.is_product else sum(numbers))


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer.

    Attributes:
        name: as the origin names it.
        source: the table (index into `Plan.tables`) and column whose values these are; None
            if they are computed.
        result: how computed values are decoded and described; with a source only its
            `code` counts, where the origin describes the result otherwise than the column.
        is_nulled: an outer join may have put NULL there.
    """

    name: str
    source: tuple[int, str] | None
    result: Result | None
    is_nulled: bool = False


@dataclass(frozen=True, slots=True)
class RankCheck:
    """A condition on a column's present values: two that the origin holds as equal are the same.

    Then equality of what is stored is the origin's, whatever its collation.
    """

    table: int
    column: str
    rank: str


@dataclass(frozen=True, slots=True)
class UniqueCheck:
    """A condition on a table's present rows: no two of them have the same values in these columns.

    Without a column: there is one row at most. NULL is equal to nothing.
    """

    table: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SortCheck:
    """A condition on a column's present values: none is longer than what the origin's sorts look at.

    MariaDB sorts, partitions and groups by the beginnings of values, of `Facts.sort_length` bytes.

    Attributes:
        most: the bytes of the longest; None for ranks, which say it themselves (`RANKS_OF_THE_CUT`).
        is_ordered: it must hold for all sorts. With a LIMIT the origin allots four bytes to a character, else
            as many as it takes.
    """

    table: int
    column: str
    most: int | None
    is_ordered: bool = True


# Ranks of texts are above these if one of them may be cut in a sort with a LIMIT, and in any.
RANKS_OF_THE_LONG = 1 << 61
RANKS_OF_THE_CUT = 1 << 62

Condition = Check | RankCheck | SortCheck | UniqueCheck


@dataclass(frozen=True, slots=True)
class Plan:
    """How the store answers a statement.

    Attributes:
        tables: those read; the first is `main` in `sql`, the others s1, s2, ….
        columns: per table, those needed, in the order met.
        checks: what must be true of the tables' present values; looked at once per generation.
        uses: how often the statement names a table as a source.
        made: how many rows it makes of no table, at most: no SELECT in it reads more rows than these, and
            than all tables together have, `uses` times; unless it joins.
        joins: where a SELECT in it reads several sources together, the rows that each SELECT reads.
    """

    tables: tuple[TableName, ...]
    columns: tuple[tuple[str, ...], ...]
    sql: str
    arguments: tuple[Argument, ...]
    outputs: tuple[Output, ...]
    checks: tuple[Condition, ...] = ()
    uses: int = 1
    made: int = 0
    joins: tuple[Rows, ...] = ()
