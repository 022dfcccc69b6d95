"""From a statement whose answers differ to the smallest one, over the fewest rows, that shows the same.

Everything that might be smaller is tried out: on fresh tables, through a new engine, in all phases. What
then isn't a difference of the same kind is put aside, so nothing here needs to know what SQL means.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from sqlmem.testing import asking, tables
from sqlmem.testing.asking import Answer, Question
from sqlmem.testing.families import Family
from sqlmem.testing.options import MakeEngine
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Statement

T = TypeVar("T")

# The others are the same thing, by how many rows are left.
_OF_THEIR_OWN = {"order", "error", "column names"}

# How many attempts one difference is worth: of its statement, of the rows, of what was asked before.
_STATEMENTS, _ROWS, _BEFORE = 300, 80, 40


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, its question, and the bare engine's answer."""

    statement: Statement
    question: Question
    expected: Answer


@dataclass(frozen=True, slots=True)
class Found:
    """A statement whose answers differ; `before` is what its engine had been asked by then."""

    asked: Asked
    phase: str
    kind: str
    got: Answer
    before: tuple[Statement, ...]

    @property
    def restarts(self) -> bool:
        """Whether it takes a restart or an invalidation to see it."""
        return self.phase not in ("cold", "warm")


@dataclass(frozen=True, slots=True)
class Seen:
    """One difference, as seen."""

    kind: str
    expected: Answer
    got: Answer


@dataclass(frozen=True, slots=True)
class Smallest:
    """What is left of a difference; the last of the questions is the one with two answers."""

    seen: Seen
    tables: tuple[Table, ...]
    questions: tuple[Question, ...]


class Bench:
    """Where statements are tried out: the origin's tables, made anew whenever others are asked for."""

    def __init__(self, base: Engine, wrapped: Engine, family: Family, make_engine: MakeEngine) -> None:
        self.family = family
        self.paramstyle = asking.paramstyle_of(base)
        self._base = base
        self._wrapped = wrapped
        self._make_engine = make_engine
        self._made: Sequence[Table] = ()

    def make(self, wanted: Sequence[Table]) -> None:
        """The origin has these tables, and no others of the family's."""
        if wanted is not self._made:
            tables.drop(self._base, self.family.tables)
            tables.make(self._base, wanted, self.family.setting_up)
            self._made = wanted

    def seen(
        self, wanted: Sequence[Table], statements: Sequence[Statement], *, restarts: bool = True
    ) -> Seen | None:
        """How the answers to the last statement differ, the others having been asked before it.

        Args:
            restarts: also ask after a restart and an invalidation.
        """
        self.make(wanted)
        questions = [asking.question(statement, self.paramstyle) for statement in statements]
        last = questions[-1]
        with self._base.connect() as bare:
            expected = asking.ask_bare(bare, last)
        with tempfile.TemporaryDirectory(prefix="sqlmem-testing-") as folder:
            for got in self._answers(questions, Path(folder) / "cache.db", restarts=restarts):
                kind = asking.difference(expected, got, is_ordered=last.is_ordered)
                if kind is not None:
                    return Seen(kind, expected, got)
        return None

    def _answers(self, questions: Sequence[Question], path: Path, *, restarts: bool) -> Iterator[Answer]:
        last = questions[-1]
        with self._make_engine(self._wrapped, cache_db=str(path)) as engine:
            for question in questions[:-1]:
                asking.ask_cached(engine, question)
            yield asking.ask_cached(engine, last)
            yield asking.ask_cached(engine, last)
        if not restarts:
            return
        with self._make_engine(self._wrapped, cache_db=str(path)) as engine:
            yield asking.ask_cached(engine, last)
            engine.invalidate()
            yield asking.ask_cached(engine, last)


def is_like(seen: Seen | None, kind: str) -> bool:
    """Whether this is the same difference, for all that one can tell; never an order for a value."""
    if seen is None:
        return False
    return seen.kind == kind or not {seen.kind, kind} & _OF_THEIR_OWN


def shrunk(bench: Bench, found: Found) -> Smallest | None:
    """The smallest; None if the difference doesn't show again."""
    whole = bench.family.tables
    before = _needed_before(bench, found)
    if before is None:
        return None
    asked = (*before, found.asked.statement)

    def shows(candidates: Sequence[Statement], over: Sequence[Table] = whole) -> bool:
        return is_like(bench.seen(over, candidates, restarts=found.restarts), found.kind)

    # The last one first: what it does without, the ones before it needn't prepare.
    for number in reversed(range(len(asked))):
        asked = _one_smallest(asked, number, shows)
    over = _used(whole, [asking.question(each, bench.paramstyle).text for each in asked])
    if not shows(asked, over):
        over = whole
    over = _fewer_rows(over, partial(shows, asked))
    seen = bench.seen(over, asked)
    bench.make(whole)
    if seen is None:  # it comes and goes
        return None
    return Smallest(seen, over, tuple(asking.question(each, bench.paramstyle) for each in asked))


def _one_smallest(
    asked: tuple[Statement, ...], number: int, shows: Callable[[Sequence[Statement]], bool]
) -> tuple[Statement, ...]:
    def with_it(candidate: Statement) -> tuple[Statement, ...]:
        return (*asked[:number], candidate, *asked[number + 1 :])

    return with_it(_smallest(asked[number], lambda candidate: shows(with_it(candidate))))


def _needed_before(bench: Bench, found: Found) -> tuple[Statement, ...] | None:
    """The fewest of the earlier statements without which the difference doesn't show; mostly none."""
    statement = found.asked.statement

    def shows(before: Sequence[Statement]) -> bool:
        seen = bench.seen(bench.family.tables, (*before, statement), restarts=found.restarts)
        return is_like(seen, found.kind)

    if shows(()):
        return ()
    return _fewer(found.before, shows, _BEFORE) if shows(found.before) else None


def _smallest(statement: Statement, shows: Callable[[Statement], bool]) -> Statement:
    plain = replace(statement, way="text")
    if statement.way != "text" and shows(plain):
        statement = plain
    tried: set[str] = set()
    attempts = 0
    while True:
        for candidate in statement.smaller():
            written = repr(candidate.pieces())
            if written in tried:
                continue
            tried.add(written)
            attempts += 1
            if attempts > _STATEMENTS:
                return statement
            if shows(candidate):
                statement = candidate
                break
        else:
            return statement


def _used(whole: Sequence[Table], texts: Sequence[str]) -> tuple[Table, ...]:
    """The tables that the texts name, with the columns that they might name."""
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return tuple(
        table.only([column.name for column in table.columns if column.name in words or column.sort == "id"])
        for table in whole
        if table.name in words
    )


def _fewer_rows(over: tuple[Table, ...], shows: Callable[[tuple[Table, ...]], bool]) -> tuple[Table, ...]:
    for table in over:
        rows = _fewer(table.rows, partial(_shows_with, over, table, shows), _ROWS)
        over = _with_rows(over, table, rows)
    return over


def _shows_with(
    over: tuple[Table, ...],
    table: Table,
    shows: Callable[[tuple[Table, ...]], bool],
    rows: Sequence[tuple[str, ...]],
) -> bool:
    return shows(_with_rows(over, table, rows))


def _with_rows(over: tuple[Table, ...], table: Table, rows: Sequence[tuple[str, ...]]) -> tuple[Table, ...]:
    return tuple(replace(each, rows=tuple(rows)) if each.name == table.name else each for each in over)


def _fewer(items: Sequence[T], shows: Callable[[Sequence[T]], bool], attempts: int) -> tuple[T, ...]:
    """A small part of the items that still shows it: halves are left out, then quarters, and so on."""
    kept = tuple(items)
    step = max(len(kept) // 2, 1)
    while step:
        at = 0
        while at < len(kept):
            if not attempts:
                return kept
            attempts -= 1
            fewer = kept[:at] + kept[at + step :]
            if shows(fewer):
                kept = fewer
            else:
                at += step
        step //= 2
    return kept
