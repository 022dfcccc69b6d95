"""What the planner decides, as values.

A plan answers one statement text with its parameters left open. It names what it needs,
and holds nothing of a store: the same plan serves every generation that covers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlmem.dialects.base import Result
from sqlmem.measures import Check
from sqlmem.model import TableName

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
class Argument:
    """One argument of the store's statement.

    Attributes:
        key: which of the statement's parameters; None for a constant.
        convert: its stored form, raising `Unrepresentable`; None: as it is.
        refuses_null: NULL is given to `convert` too, which refuses it.
    """

    key: str | int | None
    constant: Any = None
    convert: Callable[[Any], Any] | None = None
    refuses_null: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer.

    Attributes:
        name: as the origin names it.
        source: the table (index into `Plan.tables`) and column whose values these are; None
            if they are computed.
        result: how computed values are decoded and described; with a source only its
            `code` counts, where the origin describes the result otherwise than the column.
    """

    name: str
    source: tuple[int, str] | None
    result: Result | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the store answers a statement.

    Attributes:
        tables: those read; the first is `main` in `sql`, the others s1, s2, ….
        columns: per table, those needed, in the order met.
        checks: what must be true of the tables' present values; looked at once per generation.
        uses: how often the statement names a table as a source: no SELECT in it reads more rows than
            all tables together have, so many times.
    """

    tables: tuple[TableName, ...]
    columns: tuple[tuple[str, ...], ...]
    sql: str
    arguments: tuple[Argument, ...]
    outputs: tuple[Output, ...]
    checks: tuple[Check, ...] = ()
    uses: int = 1
