"""What generated statements have found: each of these was once answered otherwise than by the bare engine.

The tables are the harness's own, which have these columns among others: i, n, t, v, d, e (an enum), and in
MariaDB q (unsigned). A new find comes here as one line, before it is put right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.testing.families import family_of
from sqlmem.testing.shrinking import Bench
from sqlmem.testing.tree import Bind, Node, Statement

EVERYWHERE = ("sqlite", "postgresql", "mariadb")


@dataclass(frozen=True)
class Find:
    """A statement over sqlmem_testing_tame, written `tame`, and the other tables; `?` is a parameter."""

    text: str
    parameters: tuple[object, ...] = ()
    before: tuple[str, ...] = ()  # what is asked first
    families: tuple[str, ...] = EVERYWHERE
    open_at: tuple[str, ...] = ()  # where it is still wrong


FOUND = {
    "a date and a quoted constant are a text in MariaDB": Find(
        "SELECT coalesce(d, '2024-01-01'), id FROM tame"
    ),
    "so is a CASE over them": Find("SELECT CASE WHEN i > 1 THEN d ELSE '1999-12-31' END, id FROM tame"),
    "a constant of ten digits is a BIGINT in MariaDB": Find("SELECT coalesce(i, 2147483647), id FROM tame"),
    "a constant of another scale keeps its own": Find("SELECT coalesce(n, 0), id FROM tame"),
    "the larger scale is everybody's": Find("SELECT coalesce(n, 1.505), id FROM tame"),
    "IN over LIMIT is an error in MariaDB": Find(
        "SELECT id FROM tame WHERE i IN (SELECT i FROM other LIMIT 1)"
    ),
    "an aggregate and a quoted constant are TEXT": Find(
        "SELECT coalesce(min(v), 'a') FROM tame", open_at=("postgresql",)
    ),
    "so are an aggregate and a parameter": Find(
        "SELECT coalesce(min(v), ?) FROM tame", ("a",), open_at=("postgresql",)
    ),
    "a SMALLINT and a constant are an INTEGER": Find(
        "SELECT DISTINCT coalesce(k, 7) FROM tame",
        families=("postgresql", "mariadb"),
        open_at=("postgresql", "mariadb"),
    ),
    "a constant has no name of its own": Find("SELECT DISTINCT TRUE FROM other", open_at=("postgresql",)),
    "unsigned and signed are DECIMAL together": Find(
        "SELECT q FROM tame UNION ALL SELECT k FROM tame", families=("mariadb",), open_at=("mariadb",)
    ),
    "in COALESCE too": Find("SELECT coalesce(q, 2) FROM tame", families=("mariadb",), open_at=("mariadb",)),
    "and in CASE": Find(
        "SELECT CASE WHEN q IN (3, 5) THEN 7 ELSE q END FROM tame",
        families=("mariadb",),
        open_at=("mariadb",),
    ),
    "the keys of a JSON are of another type than the JSON": Find(
        "SELECT json_keys(js) AS x FROM tame ORDER BY x, id", families=("mariadb",), open_at=("mariadb",)
    ),
    "a path in a JSON too, once the store has other columns": Find(
        "SELECT json_extract(js, '$.b[0]') AS x FROM tame",
        before=("SELECT v FROM tame WHERE t IN ('Apple', '')",),
        families=("mariadb",),
        open_at=("mariadb",),
    ),
    "a value beyond the subquery's type makes MariaDB forget a NULL": Find(
        "SELECT id FROM tame WHERE j NOT IN (SELECT i FROM other)",
        families=("mariadb",),
        open_at=("mariadb",),
    ),
    "a sign in front is part of the name": Find(
        "SELECT +sqlmem_testing_tame.j FROM tame", open_at=("sqlite", "postgresql")
    ),
    "a column behind a window function and a constant": Find(
        "SELECT coalesce(lag(k) OVER (ORDER BY id), 5) FROM tame",
        families=("postgresql",),
        open_at=("postgresql",),
    ),
    "a window function over an ENUM gives a VARCHAR": Find(
        "SELECT last_value(e) OVER (ORDER BY id) FROM tame", families=("mariadb",), open_at=("mariadb",)
    ),
}


def statement_of(text: str, parameters: tuple[object, ...] = ()) -> Statement:
    for name in ("tame", "other", "wild", "odd"):
        text = text.replace(f" {name}", f" sqlmem_testing_{name}")
    first, *rest = text.split("?")
    parts: list[str | Bind] = [first]
    for value, piece in zip(parameters, rest, strict=True):
        parts += [Bind("any", value), piece]
    return Statement(Node("query", tuple(parts)), "found", "text")


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_answered_as_by_the_bare_engine(
    origin: Origin, name: str, request: pytest.FixtureRequest
) -> None:
    """Cold, warm, after a restart and after an invalidation."""
    find = FOUND[name]
    if origin.family not in find.families:
        return
    if origin.family in find.open_at:
        request.applymarker(pytest.mark.xfail(strict=False, reason="found, and not put right yet"))
    base = origin.engine()
    family = family_of(origin.dialect_name, random.Random(1), 40)
    bench = Bench(base, origin.engine(), family, CachingEngine)

    asked = [*map(statement_of, find.before), statement_of(find.text, find.parameters)]
    seen = bench.seen(family.tables, asked)

    assert seen is None


def test_a_difference_would_be_seen(sqlite_origin: Origin) -> None:
    """The check itself: an engine that changes the statement is found out."""
    base = sqlite_origin.engine()
    family = family_of(sqlite_origin.dialect_name, random.Random(1), 40)

    def wrong(engine: sa.Engine, **settings: object) -> CachingEngine:
        made = CachingEngine(engine, **settings)
        sa.event.listen(
            made, "before_cursor_execute", lambda *given: (given[2].replace("i", "j"), given[3]), retval=True
        )
        return made

    bench = Bench(base, sqlite_origin.engine(), family, wrong)

    seen = bench.seen(family.tables, (statement_of("SELECT i FROM tame"),))

    assert seen is not None
