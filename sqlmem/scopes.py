"""The names of a SELECT.

A `Scope` is one SELECT's view: its sources, the scopes around it, its output aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from sqlmem.model import TableName
from sqlmem.plan import Rows
from sqlmem.values import Value


@dataclass(frozen=True, slots=True)
class Source:
    """One table, derived table or CTE as FROM names it.

    Attributes:
        alias: by which the statement means it, folded.
        stored: its name in the store's statement.
        columns: folded name -> value; None marks a name that two columns share.
        listed: its columns in order, by the names that * gives them (None: only the origin knows).
        table: the table's name, if it is one without an alias.
        is_table: it is a table, with rows of its own.
        key: the columns of its primary key, as stored text.
        is_unique: the key is one whole number, which each row has for itself.
    """

    alias: str
    stored: str
    columns: Mapping[str, Value | None]
    listed: tuple[Listed, ...]
    table: TableName | None = None
    is_table: bool = False
    key: frozenset[str] = frozenset()
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A column of *: its folded name, the name that it is given out by, and its value."""

    name: str
    given: str | None
    value: Value


@dataclass(eq=False)
class Scope:
    """One SELECT's names.

    Attributes:
        sources: what FROM names, in the order of the text.
        columns: folded name -> value, where it stands unqualified; None marks one that two columns share.
        listed: the columns of *, in their order.
        row_ids: the stored text of the sources' row ids, if all of them are tables.
        windows: the named windows of the SELECT.
        may_guard: guards may be put before it: it is the outermost SELECT.
        group_keys: the stored text of what is grouped by; None outside of a grouped SELECT.
        has_computed_keys: one of them isn't a column alone, so that an expression may be one.
        nulled: the stored text of columns that are NULL here: other grouping sets group by them.
        ctes: CTEs in reach, folded name -> (name in the store, output names, values).
        is_in_aggregate: while an aggregate's argument is looked at.
        picks_row: SQLite: its only aggregate is the MIN or MAX of the row id, so that columns that aren't
            grouped are those of the one row that has it.
        is_closed: nothing in it sees the columns around it.
        reads_a_range: see `ranges`; None as long as nobody has asked.
    """

    parent: Scope | None
    sources: tuple[Source, ...] = ()
    columns: Mapping[str, Value | None] = field(default_factory=dict)
    listed: tuple[Listed, ...] = ()
    row_ids: tuple[str, ...] = ()
    ctes: dict[str, Relation] = field(default_factory=dict)
    outputs: dict[str, exp.Expr] = field(default_factory=dict)
    windows: dict[str, exp.Window] = field(default_factory=dict)
    may_guard: bool = False
    group_keys: set[str] | None = None
    has_computed_keys: bool = False
    nulled: frozenset[str] = frozenset()
    is_in_aggregate: bool = False
    saw_aggregate: bool = False
    picks_row: bool = False
    is_closed: bool = False
    reads_a_range: bool | None = None

    def has_table(self, stored: str) -> bool:
        """Whether one of its sources is the table of this name in the store's statement."""
        return any(source.is_table and source.stored == stored for source in self.sources)


@dataclass(frozen=True, slots=True)
class Relation:
    """A CTE or derived table: its text in the store, its columns' names and values.

    Attributes:
        given: the names by which * gives the columns out; None where only the origin knows.
        rows: how many it has at most.
        uses: how often it reads tables.
        made: how many rows it makes of no table, at most.
        is_table: the origin keeps its rows in a table, whose columns are as any table's.
    """

    sql: str
    names: tuple[str, ...]
    values: tuple[Value, ...]
    given: tuple[str | None, ...]
    rows: Rows
    uses: int = 0
    made: int = 0
    is_table: bool = False
