"""What a name means where it stands, and what the plan needs because of it.

A name that isn't found is refused, so that the origin reports its own error: in SQLite a quoted
name that isn't a column is no error but a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from sqlmem.dialects.base import Facts, Semantics
from sqlmem.dialects.parameters import ParameterType
from sqlmem.model import Column, Kind, TableSchema
from sqlmem.plan import Argument, Condition, Refuse, RefuseWhole, Rows, TypesNeeded
from sqlmem.scopes import Scope, Source
from sqlmem.slices import Slices
from sqlmem.values import Lane, Value

_COMPARED_IN = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.In, exp.Between)
# The store's statement names schemas main, s1, s2, …; SQLite attaches at most ten.
MAX_TABLES = 11


# On a column that stands for a part of *: its place in the scope's `listed`.
STARRED = "sqlmem_starred"


@dataclass(eq=False)
class Context:
    """What one planning gathers. For one thread."""

    semantics: Semantics
    facts: Facts
    parameters: tuple[str | int, ...]
    # (schema or None, table) as the statement spells them -> definition
    schemas: Mapping[tuple[str | None, str], TableSchema]
    # parameter's key -> its type, of those that this planning was given
    types: Mapping[str | int, ParameterType] = field(default_factory=dict)
    # sums of floats may come from the store, whatever their last digits are
    sums_floats: bool = False
    uses: int = 0
    made: int = 0
    joins: bool = False  # a SELECT in it reads more than one source
    reads: list[Rows] = field(default_factory=list)  # the rows of each SELECT's FROM
    scopes: dict[int, Scope] = field(default_factory=dict)  # id of a SELECT that was rendered -> its names
    tables: list[TableSchema] = field(default_factory=list)
    needed: list[dict[str, None]] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    checks: list[Condition] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)  # queries that fail, or not, before any row is looked at
    folded: list[tuple[exp.Expr, str]] = field(
        default_factory=list
    )  # what is computed likewise: see `expressions.folded`
    single_counts: set[int] = field(default_factory=set)  # ids of LIMIT's parameters that must be 0 or 1
    aliases: int = 0
    # what queries give out beside their columns: the opening, the column's text and name, whose rank it is
    added: list[tuple[int, str, Lane]] = field(default_factory=list)
    slices: Slices | None = None
    local_functions: frozenset[str] = frozenset()  # in lower case, as written
    is_strict: bool = False  # constants must be values of the type that they are compared with
    shares_literals: bool = False  # the plan is to hold for other constants, where it can

    def mark(self) -> Mark:
        """How far the gathering has come, for `back_to`."""
        needed = list(map(len, self.needed))
        folded = tuple(self.folded)
        return len(self.arguments), len(self.checks), len(self.guards), len(self.added), needed, folded

    def back_to(self, mark: Mark) -> None:
        """Forget what was gathered since: it was for a text that isn't used."""
        arguments, checks, guards, added, needed, folded = mark
        for _, _, lane in self.added[added:]:
            lane.name = lane.rank = None
        del self.added[added:]
        del self.arguments[arguments:]
        del self.checks[checks:]
        del self.guards[guards:]
        self.folded = list(folded)
        for index, columns in enumerate(self.needed):
            # A table stays, also one first met meanwhile: its number may be in texts that are.
            for name in list(columns)[needed[index] if index < len(needed) else 0 :]:
                del columns[name]

    def alias(self, prefix: str) -> str:
        self.aliases += 1
        return f"{prefix}{self.aliases}"

    def opening(self) -> tuple[int, str]:
        """Where a SELECT's list of columns goes on: its number, and the mark to be written there."""
        self.aliases += 1
        return self.aliases, opening_mark(self.aliases)

    def table(self, schema: TableSchema) -> int:
        """The index of a table among those of the plan."""
        for index, known in enumerate(self.tables):
            if known.name == schema.name:
                return index
        if len(self.tables) == MAX_TABLES:
            raise Refuse(f"more than {MAX_TABLES} tables")
        self.tables.append(schema)
        self.needed.append({})
        return len(self.tables) - 1

    @property
    def computes_numbers(self) -> bool:
        """Whether the origin is known to compute with numbers as the rows say."""
        return self.semantics.division_digits == self.facts.division_digits

    def check_digits(self, type_: Column | None) -> None:
        """Raises `RefuseWhole` for a float whose digits aren't all told by the origin.

        What is fetched are other values than those that the origin computes with, and what is computed here
        would be given out with more digits.
        """
        if type_ is not None and type_.kind is Kind.FLOAT and self.facts.rounds_floats:
            raise RefuseWhole("floats, which the origin gives out rounded: extra_float_digits")

    def parameter_type(self, index: int) -> ParameterType:
        """What the statement's parameter is to the origin by itself. Makes the plan one of its types.

        Raises:
            TypesNeeded: it wasn't given; the statement is planned again with it.
        """
        key = self.parameters[index]
        found = self.types.get(key)
        if found is not None:
            if isinstance(found, Column):
                self.check_digits(found)
            return found
        if self.facts.driver not in self.semantics.parameters:
            raise Refuse("the type of a parameter, which this driver tells the origin in its own way")
        raise TypesNeeded(key)

    def need(self, value: Value) -> None:
        if value.source is not None:
            self.need_column(*value.source)

    def need_column(self, table: int, name: str) -> None:
        self.needed[table].setdefault(name)

    def argument(self, argument: Argument) -> str:
        """The mark of an argument; `in_order` brings the arguments into the order of the marks."""
        if argument.key is None and argument.literal is None and type(argument.constant) is str:
            # One mark for equal constants, so that an expression is known again where it is grouped by.
            for number, other in enumerate(self.arguments, 1):
                is_fixed = other.key is None and other.literal is None and type(other.constant) is str
                if is_fixed and other.constant == argument.constant:
                    return f"\0{number}\0"
        self.arguments.append(argument)
        return f"\0{len(self.arguments)}\0"

    def in_order(self, sql: str) -> tuple[str, tuple[Argument, ...]]:
        """A finished text with plain placeholders, and its arguments in their order.

        Numbered ones (?1) are named parameters to Python 3.12's sqlite3, which warns of each.
        """
        # No name in the store contains NUL, so nothing else looks like a mark.
        parts = self._opened(sql).split("\0")
        return "?".join(parts[::2]), tuple(self.arguments[int(number) - 1] for number in parts[1::2])

    def _opened(self, sql: str) -> str:
        """A text with what queries give out beside their columns."""
        more: dict[str, str] = {}
        # By name: all SELECTs of one query give them out in one order.
        for opening, text, lane in sorted(self.added, key=lambda each: str(each[2].name)):
            mark = opening_mark(opening)
            more[mark] = f"{more.get(mark, '')}, {text} AS {lane.name}"
        # What is added may be a query, with an opening of its own.
        while (found := _OPENING.search(sql)) is not None:
            sql = sql.replace(found[0], more.get(found[0], ""))
        return sql

    def constant(self, stored: Any) -> str:
        # Whole numbers are legible in the text; all else is bound, so that nothing needs escaping.
        if type(stored) is int and stored >= 0:
            return str(stored)
        return self.argument(Argument(None, stored))

    def place(self, node: exp.Literal) -> int | None:
        """Which of the text's constants a literal is, if the plan needn't depend on it.

        It needn't where it is only compared with something, and doesn't name a column of the answer.
        """
        if self.slices is None or not self.shares_literals:
            return None
        parent: exp.Expr | None = node.parent
        while isinstance(parent, exp.Neg | exp.Paren):
            parent = parent.parent
        if not isinstance(parent, _COMPARED_IN):
            return None
        if self.semantics.names_are_text:
            # Also where it stands in a subquery of such a column.
            inner: exp.Expr = node
            while inner.parent is not None:
                is_output = isinstance(inner.parent, exp.Select) and inner.arg_key == "expressions"
                if is_output and not isinstance(inner, exp.Alias):
                    return None
                inner = inner.parent
        return self.slices.place(node)

    def check_called(self, node: exp.Expr) -> None:
        """Raises `Refuse` for a function by a name that isn't local.

        By the name that was written: the parser reads IFNULL as COALESCE also where the origin has
        no such function.
        """
        if isinstance(node, exp.Func) and self.slices is not None:
            name = self.slices.called(node)
            if name is not None and name not in self.local_functions:
                raise Refuse(f"the function {name} is computed by the origin")

    # -- names -----------------------------------------------------------------------------

    def fold_column(self, identifier: exp.Identifier) -> str:
        if self.semantics.ignores_column_case:
            return str(identifier.this).lower()
        return self._folded(identifier)

    def fold_table(self, identifier: exp.Identifier) -> str:
        if self.semantics.ignores_table_case:
            return str(identifier.this).lower()
        return self._folded(identifier)

    def _folded(self, identifier: exp.Identifier) -> str:
        name = str(identifier.this)
        fold: Callable[[str], str] | None = self.semantics.folds_unquoted
        return name if fold is None or identifier.args.get("quoted") else fold(name)

    def spelling(self, column: Column) -> str:
        return column.name.lower() if self.semantics.ignores_column_case else column.name

    def column(self, node: exp.Column, scope: Scope) -> Value:
        """The value that a column's name means; notes that the plan needs it."""
        value, owner = self._resolved(node, scope)
        if value.sql in owner.nulled and not owner.is_in_aggregate:
            self.need(value)
            return replace(value, sql="NULL", alias=None)
        self.check_stands(value, owner, scope)
        self.need(value)
        return value

    def look_up(self, node: exp.Column, scope: Scope) -> Value:
        """As `column`, but whether it may stand there isn't asked, and nothing is noted."""
        return self._resolved(node, scope)[0]

    def _resolved(self, node: exp.Column, scope: Scope) -> tuple[Value, Scope]:
        if node.args.get("catalog") or node.args.get("join_mark"):
            raise Refuse("a column qualified by more than its schema and table")
        identifier = node.this
        if not isinstance(identifier, exp.Identifier):
            raise Refuse("a form of column that the planner doesn't know")
        starred = node.meta.get(STARRED)
        if starred is not None:
            return self._starred(starred, scope), scope
        name = self.fold_column(identifier)
        qualifier = node.args.get("table")
        alias = self.fold_table(qualifier) if qualifier is not None else None
        database = node.args.get("db")
        inner: Scope | None = scope
        while inner is not None:
            columns = inner.columns
            if alias is not None:
                source = self._source(inner, alias, database)
                columns = {} if source is None else source.columns
                if source is not None and name not in columns:
                    break
            if name in columns:
                value = columns[name]
                if value is None:
                    raise Refuse(f"column {name!r} is ambiguous")
                return value, inner
            inner = None if inner.is_closed else inner.parent
        raise Refuse(f"column {name!r} isn't known")

    def _starred(self, place: tuple[int | None, int], scope: Scope) -> Value:
        source, number = place
        listed = scope.listed if source is None else scope.sources[source].listed
        return listed[number].value

    def _source(self, scope: Scope, alias: str, database: exp.Identifier | None) -> Source | None:
        """The source of a scope that a qualifier means; None if none of its own."""
        found = [source for source in scope.sources if source.alias == alias]
        if database is not None:
            schema = self._folded(database)
            named = [source for source in found if source.table is not None and source.table.schema == schema]
            if found and not named:
                # An alias hides the name, and then a schema before it is an error at the origin.
                raise Refuse("a schema before what isn't its table's name")
            found = named
        if len(found) > 1:
            raise Refuse(f"two sources {alias!r}")
        return found[0] if found else None

    def source_of(self, node: exp.Column, scope: Scope) -> Source | None:
        """The one source of the scope that `t.*` means."""
        return self._source(scope, self.fold_table(node.args["table"]), node.args.get("db"))

    def check_stands(self, value: Value, owner: Scope, scope: Scope) -> None:
        """Raises `Refuse` unless a column of `owner` may stand in `scope`, grouped as these are."""
        if value.sql in owner.nulled and not owner.is_in_aggregate:
            raise Refuse("a computed value over a column that this grouping set leaves out")
        if owner is not scope and _within_aggregate(scope, owner):
            # It may be an aggregate of the outer SELECT.
            raise Refuse("an aggregate over an outer column")
        if (
            owner.group_keys is not None
            and not owner.is_in_aggregate
            and not owner.picks_row
            and value.sql not in owner.group_keys
            and not _depends_on_key(value, owner)
        ):
            raise Refuse("a column that is neither grouped nor aggregated")


def _depends_on_key(value: Value, owner: Scope) -> bool:
    """Whether the primary key of the value's table is among what is grouped by."""
    assert owner.group_keys is not None
    return any(
        source.key and source.stored == value.alias and source.key <= owner.group_keys
        for source in owner.sources
    )


# Arguments, checks, guards, columns added, per table the columns needed, and what is computed beforehand.
Mark = tuple[int, int, int, int, list[int], tuple[tuple[exp.Expr, str], ...]]


_OPENING = re.compile("\0\\+[0-9]+\0")


def opening_mark(opening: int) -> str:
    return f"\0+{opening}\0"


def _within_aggregate(scope: Scope, owner: Scope) -> bool:
    inner: Scope | None = scope
    while inner is not None and inner is not owner:
        if inner.is_in_aggregate:
            return True
        inner = inner.parent
    return False


def representative(schema: TableSchema) -> str:
    """The column to fetch where a statement needs rows but no column, as COUNT(*) does."""
    for index in schema.indexes:
        if index.is_primary_key and all(schema.by_name[name].refusal is None for name in index.columns):
            return index.columns[0]
    for column in schema.columns:
        if column.refusal is None and column.kind not in (Kind.OPAQUE, Kind.JSON):
            return column.name
    for column in schema.columns:
        if column.refusal is None:
            return column.name
    raise Refuse("the table has no column that can be cached")
