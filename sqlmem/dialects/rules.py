"""What an operator or function means on operands of given types, as rows of a table.

A row says who computes it: the store, by SQLite's own meaning or by a function registered on its
connections; the origin, once per row, as a column that is fetched with the others; or the origin
each time. What has no row is the origin's. Where a row leaves it to the origin it names the case
that would be wrong in the store. The planner, the page of the documentation and the tests read the
same rows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlmem.model import Column, Kind


@dataclass(frozen=True, slots=True)
class Result:
    """A result type: how its values are decoded, and how the driver describes it.

    Attributes:
        type: its meaning to the planner; the name is empty.
        shown: digits after the point that are given out, where the value has more inside of an expression.
        codec: the codec's name, None for the one that the type has as a column.
        code: the `type_code` of cursor.description.
    """

    type: Column
    code: int | None = None
    codec: str | None = None
    shown: int | None = None


def result(kind: Kind, type_name: str, code: int | None = None, **more: object) -> Result:
    codec = more.pop("codec", None)
    return Result(Column("", kind, type_name, **more), code, codec)  # type: ignore[arg-type]


Kinds = frozenset[Kind]
# From the operands' types, in order, to the result's; None: not on these operands.
ResultOf = Callable[[Sequence[Column]], Result | None]


class Way(enum.Enum):
    """Who computes it."""

    STORE = "the store"  # SQLite's meaning is exactly the origin's
    FUNCTION = "the store, by a function of ours"  # one of sqlmem.functions
    COLUMN = "the origin, as a column"  # parameter-free and immutable: fetched once per row
    ORIGIN = "the origin"


@dataclass(frozen=True, slots=True)
class Operand:
    """What may stand in one place.

    Attributes:
        kinds: of a value that has a type.
        takes: the type that a literal or parameter takes here; None: that of the first typed
            operand. An open operand for which there is neither makes the row unfit.
        is_own: a literal or parameter has the type here that it has by itself; only a quoted one
            (and a driver's untyped text) takes another, as above.
    """

    kinds: Kinds
    takes: Column | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """An operand that has its type.

    Attributes:
        literal: the number that was written; None if it is anything else.
        shown: as of `Result`.
        is_constant: it depends on no row.
        is_column: it is a table's column itself.
    """

    sql: str
    type: Column
    literal: Decimal | None = None
    shown: int | None = None
    is_constant: bool = False
    is_column: bool = False


# The store's text and the result, where both depend on the operands' sizes; None: not on these.
Render = Callable[[Sequence[Taken]], tuple[str, Result] | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    Attributes:
        operands: in order; with `is_variadic` the last one repeats.
        store: STORE, FUNCTION: the store's text, {0}, {1}, … for the operands; of a variadic row
            {all} for all of them, comma-separated.
        result: the result's type, fixed or by the operands' types; None: that of the first operand.
        render: STORE, FUNCTION: `store` and `result` at once, where they depend on the operands' sizes.
        needs_numbers: it counts only where the origin is known to compute as these rows say.
        told: the result in words, where `render` or a function of the operands decides it.
        wrong: COLUMN, ORIGIN: the one case that would be wrong in the store.
    """

    operands: tuple[Operand, ...]
    way: Way
    store: str = ""
    result: Result | ResultOf | None = None
    render: Render | None = None
    told: str = ""
    wrong: str = ""
    is_variadic: bool = False
    needs_numbers: bool = False


# name of the operator or function, in lower case, as the documentation writes it -> its rows; the
# first that fits the operands counts.
Rules = Mapping[str, tuple[Rule, ...]]


def matches(rule: Rule, types: Sequence[Column | None]) -> bool:
    """Whether operands of these types (None: open, or NULL) fit the row."""
    if len(types) != len(rule.operands) and not (rule.is_variadic and len(types) >= len(rule.operands)):
        return False
    return all(
        type_ is None or (type_.kind in operand.kinds and type_.is_compared)
        for type_, operand in zip(types, expand(rule, len(types)), strict=True)
    )


def expand(rule: Rule, count: int) -> tuple[Operand, ...]:
    """The row's operands, the last one repeated up to the count."""
    return rule.operands + rule.operands[-1:] * (count - len(rule.operands))


def joined(*tables: Rules) -> Rules:
    """Several tables as one; of a name that several have, the rows of the first come first."""
    rows: dict[str, tuple[Rule, ...]] = {}
    for table in tables:
        for name, found in table.items():
            rows[name] = rows.get(name, ()) + found
    return rows
