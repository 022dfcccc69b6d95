"""Invariant: every statement of the corpus is answered as the bare engine answers it.

Rows (in order where the statement orders, as a multiset elsewhere), column names, Python values and
their types; from a cold engine, a warm one, and one that restarted from the snapshot; through
`engine.execute` and through a Core connection. A statement that the origin refuses raises the origin's
own error.

All statements of an origin are asked once, in a fixed order, and kept; each test looks at one of them.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from support import corpus, sample_chinook
from support.corpus import Statement
from support.exact import same
from support.origins import DRIVERS, PRIMARY_DRIVERS, Servers

from sqlmem import CachingEngine, last_status

# origin -> the least share of the statements that its second asking must answer from the store: of all, and
# of all but those that add up floats. SQLite has no other numbers for money than these.
FLOORS = {"sqlite": (0.92, 0.97), "postgresql": (0.98, 0.98), "mariadb": (0.95, 0.95)}

BY_DECISION = (
    "a sum of floats, of which the order of addition shows in the last digit",
    "a sum beyond what a float adds exactly",
)

JOINS = "join"  # the family that is asked in transparent mode: strict mode refuses it
# origin -> likewise of these alone
JOIN_FLOORS = {"sqlite": 1.0, "postgresql": 1.0, "mariadb": 1.0}

DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}  # origin -> its files
ORIGINS = {DRIVERS[driver][0]: driver for driver in PRIMARY_DRIVERS}  # origin -> driver
WAYS = ("execute cold", "execute warm", "execute restarted", "core cold", "core warm", "core restarted")

# Read before the tests begin: they get an environment of their own.
IS_DEBUG = os.environ.get("SQLMEM_DEBUG", "").lower() in ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Answer:
    """What one asking gave: rows under their column names, or an error.

    Attributes:
        rows: tuples; dicts where the asking was `engine.execute`.
        error: the classes of the exception and of the driver's own behind it.
        message: for a person who reads a failure; never compared.
    """

    keys: tuple[str, ...] | None = None
    rows: tuple[Any, ...] = ()
    error: tuple[type[BaseException], type[BaseException] | None] | None = None
    message: str = ""
    outcome: str = ""
    reason: str | None = None


@dataclass(frozen=True)
class Journal:
    """All answers of one origin: statement name -> way -> answer; the bare engine's is way "bare"."""

    statements: dict[str, Statement]
    answers: dict[str, dict[str, Answer]]

    def selects(self) -> list[Statement]:
        """What this build of the origin answers."""
        return [
            statement
            for statement in self.statements.values()
            if not statement.is_error and self.answers[statement.name]["bare"].error is None
        ]

    def left_by_decision(self) -> set[str]:
        """What the setting `float_aggregates` leaves to the origin: its last digits depend on the order."""
        return {s.name for s in self.selects() if self.answers[s.name]["execute warm"].reason in BY_DECISION}

    def hits(self, way: str) -> set[str]:
        return {s.name for s in self.selects() if self.answers[s.name][way].outcome == "hit"}


Ask = Callable[[sa.Engine, str, dict[str, Any]], Answer]


@pytest.fixture(scope="module")
def journal_of(_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Journal]:
    kept: dict[str, Journal | Exception] = {}

    def journal(origin: str) -> Journal:
        if origin not in kept:
            folder = tmp_path_factory.mktemp(f"corpus_{origin}")
            found = _servers.origin(ORIGINS[origin], folder)
            try:
                kept[origin] = _write_journal(origin, found.engine(), folder)
            except Exception as error:  # noqa: BLE001 - what fails once isn't tried a thousand times
                kept[origin] = error
            finally:
                found.dispose()
        match kept[origin]:
            case Exception() as error:
                raise error
            case journal:
                return journal

    return journal


def test_corpus_is_large_and_says_nothing_twice():
    """At least 200 statements for all origins and 30 for each dialect, no two of them the same."""
    selects = [statement for statement in corpus.load() if not statement.is_error]

    sizes = Counter(statement.dialect for statement in selects)
    texts = Counter((s.dialect, " ".join(s.sql.split()), repr(s.parameters)) for s in selects)

    assert sizes[None] >= 200
    assert all(sizes[dialect] >= 30 for dialect in corpus.DIALECTS)
    assert [text for text, count in texts.items() if count > 1] == []


def _cases(*, is_error: bool) -> list[Any]:
    return [
        pytest.param(origin, statement.name, id=f"{origin}-{statement.name}")
        for origin in ORIGINS
        for statement in corpus.load(DIALECTS[origin])
        if statement.is_error == is_error
    ]


@pytest.mark.parametrize(("origin_name", "name"), _cases(is_error=False))
def test_select_is_answered_as_by_the_bare_engine(journal_of, origin_name, name):
    """Same rows, same column names, same values and types, however and whenever it is asked."""
    journal = journal_of(origin_name)

    wrong = [
        line for way in WAYS for line in _differences(journal.statements[name], way, journal.answers[name])
    ]

    assert not wrong, "\n".join([journal.statements[name].sql, *wrong])


@pytest.mark.parametrize(("origin_name", "name"), _cases(is_error=True))
def test_refused_statement_raises_the_error_of_the_bare_engine(journal_of, origin_name, name):
    """The exception's class and the class of the driver's error behind it are the bare engine's."""
    journal = journal_of(origin_name)
    bare = journal.answers[name]["bare"]

    wrong = [
        f"{way}: {answer.error or answer.outcome} {answer.message}"
        for way in WAYS
        if (answer := journal.answers[name][way]).error != bare.error
    ]

    assert bare.error is not None, f"the bare engine answers this: {journal.statements[name].sql}"
    assert not wrong, "\n".join([journal.statements[name].sql, f"bare: {bare.error}", *wrong])


@pytest.mark.parametrize("origin_name", ORIGINS)
def test_share_answered_by_the_store(journal_of, report, origin_name):
    """A second asking, and one after a restart, are answered by the store often enough."""
    journal = journal_of(origin_name)

    shares = {way: len(journal.hits(way)) / len(journal.selects()) for way in WAYS}

    for line in _report(origin_name, journal, shares):
        report(line)
    of_all, of_others = FLOORS[origin_name]
    others = len(journal.selects()) - len(journal.left_by_decision())
    for way in WAYS:
        if not way.endswith("cold"):
            assert shares[way] >= of_all, f"{way}: {shares[way]:.1%}"
            assert len(journal.hits(way)) / others >= of_others, (
                f"{way}: {len(journal.hits(way))} of {others}"
            )


@pytest.mark.parametrize("origin_name", ORIGINS)
def test_share_of_joins_answered_by_the_store(journal_of, report, origin_name):
    """Joins and * are answered by the store as often as what strict mode knows, also after a restart."""
    journal = journal_of(origin_name)
    joins = {statement.name for statement in journal.selects() if statement.family == JOINS}

    shares = {way: len(journal.hits(way) & joins) / len(joins) for way in WAYS if not way.endswith("cold")}

    report(
        f"joins on {origin_name}: {shares['core warm']:.0%} of {len(joins)} from the store; after a restart "
        f"{shares['core restarted']:.0%}"
    )
    missed = {name: journal.answers[name]["core warm"].reason for name in joins - journal.hits("core warm")}
    assert min(shares.values()) >= JOIN_FLOORS[origin_name], missed


@pytest.mark.parametrize("origin_name", ORIGINS)
def test_snapshot_keeps_what_was_answered_by_the_store(journal_of, origin_name):
    """What the store answered before the restart, it answers after it."""
    journal = journal_of(origin_name)

    lost = {
        way: sorted(journal.hits(f"{way} warm") - journal.hits(f"{way} restarted"))
        for way in ("execute", "core")
    }

    assert lost == {"execute": [], "core": []}


def _write_journal(origin: str, base: sa.Engine, folder: Path) -> Journal:
    """Ask everything in every way; a family of statements shares an engine, so that cold is cold."""
    statements = {statement.name: statement for statement in corpus.load(DIALECTS[origin])}
    families: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements.values():
        families[statement.family].append(statement)
    answers: dict[str, dict[str, Answer]] = defaultdict(dict)
    sample_chinook.create(base)
    schema = _schema_of(base)

    def ask(way: str, how: Ask, engine: sa.Engine, statement: Statement) -> None:
        parameters = statement.bind(DIALECTS[origin])
        answers[statement.name][way] = _asked(how, engine, statement.text(schema), parameters)

    for family, members in families.items():
        mode = "transparent" if family == JOINS else "strict"
        for statement in members:
            ask("bare", _through_core, base, statement)
        for way, how in (("execute", _through_execute), ("core", _through_core)):
            cache_db = str(folder / f"{family}-{way}.db")
            with CachingEngine(base, cache_db=cache_db, mode=mode) as engine:
                for statement in members:
                    ask(f"{way} cold", how, engine, statement)
                    ask(f"{way} warm", how, engine, statement)
            with CachingEngine(base, cache_db=cache_db, mode=mode) as engine:
                for statement in members:
                    ask(f"{way} restarted", how, engine, statement)
    return Journal(statements, answers)


def _schema_of(base: sa.Engine) -> str:
    schema = sa.inspect(base).default_schema_name
    return "main" if schema is None else schema  # SQLite names no default


def _asked(how: Ask, engine: sa.Engine, sql: str, parameters: dict[str, Any]) -> Answer:
    try:
        return how(engine, sql, parameters)
    except Exception as error:  # noqa: BLE001 - any error is an answer, to be compared with the bare engine's
        orig = getattr(error, "orig", None)
        return Answer(error=(type(error), type(orig) if orig is not None else None), message=str(error))


def _through_core(engine: sa.Engine, sql: str, parameters: dict[str, Any]) -> Answer:
    with engine.connect() as connection:
        result = connection.execute(text(sql), parameters)
        keys = tuple(result.keys())
        rows = tuple(tuple(row) for row in result)
        status = last_status() if isinstance(engine, CachingEngine) else None
    if status is None:
        return Answer(keys, rows)
    return Answer(keys, rows, outcome=status.outcome.value, reason=status.reason)


def _through_execute(engine: sa.Engine, sql: str, parameters: dict[str, Any]) -> Answer:
    assert isinstance(engine, CachingEngine)
    rows = engine.execute(sql, parameters)
    keys = tuple(rows[0]) if rows else None
    return Answer(keys, tuple(rows), outcome=rows.status.outcome.value, reason=rows.status.reason)


def _differences(statement: Statement, way: str, answers: dict[str, Answer]) -> list[str]:
    """One line for each thing in which an answer isn't the bare engine's."""
    bare, answer = answers["bare"], answers[way]
    if bare.keys is None:
        # A build of the origin may lack what a dialect's own statement uses; no origin lacks the rest.
        assert statement.dialect is not None, f"the bare engine refuses {statement.name}: {bare.message}"
        return [] if answer.error == bare.error else [f"{way}: {answer.error}, expected {bare.error}"]
    if answer.error is not None:
        return [f"{way}: {answer.error[0].__name__}: {answer.message}"]
    expected: tuple[Any, ...] = bare.rows
    if way.startswith("execute"):
        if len(set(bare.keys)) < len(bare.keys):
            # A dict can't hold two columns of one name: only the connection's rows are compared.
            return []
        expected = tuple(dict(zip(bare.keys, row, strict=True)) for row in bare.rows)
    lines = []
    if answer.keys is not None and answer.keys != bare.keys:
        lines.append(f"{way} ({answer.outcome}): columns {answer.keys}, expected {bare.keys}")
    got = answer.rows
    if not statement.is_ordered:
        expected, got = tuple(sorted(expected, key=repr)), tuple(sorted(got, key=repr))
    if len(got) != len(expected):
        lines.append(f"{way} ({answer.outcome}): {len(got)} rows, expected {len(expected)}")
    elif not same(got, expected):
        seen, wanted = next((a, b) for a, b in zip(got, expected, strict=True) if not same(a, b))
        lines.append(f"{way} ({answer.outcome}): {seen!r}, expected {wanted!r}")
    return lines


def _report(origin: str, journal: Journal, shares: dict[str, float]) -> Iterator[str]:
    total, local = len(journal.selects()), len(journal.hits("execute warm"))
    decided = len(journal.left_by_decision())
    yield (
        f"corpus on {origin}: {local} of {total} SELECTs from the store ({shares['execute warm']:.1%}); "
        f"after a restart {shares['execute restarted']:.1%}; through Core {shares['core warm']:.1%}; "
        f"of all but the {decided} that add up floats, which are the origin's by decision: "
        f"{local / (total - decided):.1%}"
    )
    if not IS_DEBUG:
        return
    members = Counter(s.family for s in journal.selects())
    hits = Counter(journal.statements[name].family for name in journal.hits("execute warm"))
    yield f"  {origin}: " + ", ".join(
        f"{family} {hits[family]}/{count}" for family, count in sorted(members.items())
    )
    asked = [journal.answers[s.name]["execute warm"] for s in journal.selects()]
    for reason, count in Counter(a.reason for a in asked if a.reason is not None).most_common():
        yield f"  {origin}: {count:4d} bypassed: {reason}"
