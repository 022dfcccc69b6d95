"""The differential harness finds what is planted, reduces it, shows it again, and tidies up."""

from __future__ import annotations

import random
import runpy
import sqlite3
import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql

import sqlmem
from sqlmem import CachingEngine
from sqlmem.testing import ExistingTable, RunError, UnknownOrigin, run
from sqlmem.testing.__main__ import main
from sqlmem.testing.asking import Answer, Question, _failed, question
from sqlmem.testing.families import family_of
from sqlmem.testing.runner import differs_by_order
from sqlmem.testing.servers import suited
from sqlmem.testing.statements import Statements
from sqlmem.testing.tree import Bind, Many, Maybe, Node, Statement

MakeEngine = Callable[..., CachingEngine]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'origin.db'}"


def planted(old: str, new: str) -> MakeEngine:
    """An engine that answers another statement than it was asked."""

    def make(engine: sa.Engine, **settings: object) -> CachingEngine:
        made = CachingEngine(engine, **settings)

        @sa.event.listens_for(made, "before_cursor_execute", retval=True)
        def changed(connection, cursor, statement, parameters, context, executemany):
            return statement.replace(old, new), parameters

        return made

    return make


def tables_of(url: str) -> list[str]:
    engine = sa.create_engine(url)
    try:
        return sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()


PLANTED = {
    "values": ("count(*)", "1 + count(*)"),
    "values of another type": ("count(*)", "CAST(count(*) AS TEXT)"),
    "order": (" DESC", ""),
    "column names": (" AS x0", " AS y0"),
    "error": ("count(", "no_such_function("),
    "number of rows": (" WHERE ", " WHERE 0 AND "),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_difference_is_found(url, kind):
    """A changed value, type, order, name, number of rows or error is noticed, and named."""
    report = run(url, statements=100, seed=1, phases=("cold",), make_engine=planted(*PLANTED[kind]), shrunk=0)

    assert report.wrong > 0
    assert not report.is_clean
    assert kind.removesuffix(" of another type") in {found.kind for found in report.differences}


@pytest.mark.parametrize("phase", ["warm", "restarted", "invalidated"])
def test_a_difference_is_found_in_every_phase(url, phase):
    """Each phase alone is enough to find it."""
    report = run(
        url, statements=60, seed=1, phases=(phase,), make_engine=planted("count(", "1 + count("), shrunk=0
    )

    assert report.wrong > 0
    assert {found.phase for found in report.differences} == {phase}


def test_without_a_difference_the_run_is_clean(url):
    """What sqlmem answers on SQLite, with a fixed seed."""
    report = run(url, statements=200, seed=3)

    assert report.is_clean, report.text()
    assert report.statements == 200
    assert report.local > 0
    assert report.answered == 200 - report.errors - report.changing
    assert sum(report.bypasses.values()) + report.local >= report.answered
    assert "--seed 3" in report.text()


def test_a_difference_is_reduced(url):
    """What is left has nothing in it that the difference could do without."""
    report = run(
        url,
        statements=60,
        seed=6,
        phases=("cold",),
        make_engine=planted("count(*)", "1 + count(*)"),
        shrunk=3,
    )

    reduced = report.differences[:3]
    for found in reduced:
        # The shape stays, such as a derived table or a group; what may be left out of it doesn't.
        assert found.reduced.count("count(") == found.reduced.count("count(*)") == 1, found.reduced
        for clause in (" WHERE ", "ORDER BY", " HAVING ", "--"):
            assert clause not in found.reduced, found.reduced
    assert sum(len(found.reduced) for found in reduced) * 2 < sum(len(found.statement) for found in reduced)
    assert all(len(found.reduced) <= len(found.statement) for found in report.differences)


def test_the_script_shows_the_difference_again(url, tmp_path, monkeypatch, capsys):
    """It exits with 1 while the answers differ, with 0 when they don't, and leaves no table."""
    make_engine = planted("count(*)", "1 + count(*)")
    report = run(url, statements=60, seed=2, phases=("cold",), make_engine=make_engine, shrunk=1)
    script = tmp_path / "difference.py"
    assert report.differences[0].script is not None
    script.write_text(report.differences[0].script, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["difference.py", url])

    with pytest.raises(SystemExit) as sound:
        runpy.run_path(str(script), run_name="__main__")
    monkeypatch.setattr(sqlmem, "CachingEngine", Planted)
    with pytest.raises(SystemExit) as broken:
        runpy.run_path(str(script), run_name="__main__")

    assert sound.value.code == 0
    assert broken.value.code == 1
    assert tables_of(url) == []
    assert "restarted" in capsys.readouterr().out


class Planted(CachingEngine):
    """A class, as the script imports one."""

    def __init__(self, engine: sa.Engine, **settings: object) -> None:
        super().__init__(engine, **settings)
        sa.event.listen(
            self,
            "before_cursor_execute",
            lambda *given: (given[2].replace("count(*)", "1 + count(*)"), given[3]),
            retval=True,
        )


def test_the_same_seed_gives_the_same_statements():
    """And another seed others."""

    def made(family: str, seed: int) -> list[str]:
        rng = random.Random(seed)
        parts = family_of(family, rng, 20)
        supply = Statements(rng, parts)
        return [repr(question(supply.next(), "qmark")) for _ in range(300)]

    for family in ("sqlite", "postgresql", "mysql"):
        assert made(family, 7) == made(family, 7)
        assert made(family, 7) != made(family, 8)


@pytest.mark.parametrize("family", ["sqlite", "postgresql", "mysql"])
def test_every_table_column_and_shape_is_asked_for(family):
    """Nothing stands in the tables that no statement reads."""
    rng = random.Random(1)
    parts = family_of(family, rng, 20)
    supply = Statements(rng, parts)

    statements = [supply.next() for _ in range(3000)]

    text = "\n".join(question(statement, "qmark").text for statement in statements)
    assert {statement.shape for statement in statements} >= {
        "plain",
        "grouped",
        "windowed",
        "cte",
        "combined",
    }
    assert {statement.way for statement in statements} == {"text", "driver", "execute"}
    for table in parts.tables:
        assert table.name in text
        assert len(table.rows) >= 4
        for column in table.columns:
            assert column.name in text, f"{table.name}.{column.name}"


def test_the_tables_are_dropped(url):
    """After a run that was clean."""
    run(url, statements=20, seed=1)

    assert tables_of(url) == []


def test_the_tables_are_dropped_after_a_failure(url):
    """The failure is raised, and nothing is left."""

    def failing(engine: sa.Engine, **settings: object) -> CachingEngine:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(url, statements=20, seed=1, make_engine=failing)

    assert tables_of(url) == []


def test_a_table_that_is_there_is_not_touched(url):
    """The run is refused by name, and the table keeps its rows."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sqlmem_testing_tame (mine INTEGER)")
        connection.exec_driver_sql("INSERT INTO sqlmem_testing_tame VALUES (1)")

    with pytest.raises(ExistingTable, match="sqlmem_testing_tame"):
        run(url, statements=20, seed=1)

    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT mine FROM sqlmem_testing_tame").all()
    engine.dispose()
    assert rows == [(1,)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statements": 0}, "statements"),
        ({"rows": 0}, "rows"),
        ({"batch": -1}, "batch"),
        ({"max_differences": 0}, "max_differences"),
        ({"phases": ("hot",)}, "phases"),
        ({"phases": ()}, "phases"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(url, options, message):
    with pytest.raises(RunError, match=message):
        run(url, **options)


def test_another_dialect_is_refused():
    """By name, before anything is connected to."""
    with pytest.raises(UnknownOrigin, match="oracle"):
        run("oracle://nobody@nowhere/none")


def test_an_asynchronous_driver_is_refused():
    """With the reason, before anything is connected to."""
    with pytest.raises(RunError, match="synchronous"):
        run("sqlite+aiosqlite://")


def test_progress_is_told(url):
    """After each batch: how many were asked, how many were wrong."""
    told = []

    run(url, statements=50, batch=20, seed=1, on_progress=lambda asked, wrong: told.append((asked, wrong)))

    counts = [asked for asked, _ in told]
    assert counts == sorted(set(counts))
    assert counts[-1] == 50
    assert all(0 < after - before <= 20 for before, after in pairwise([0, *counts]))
    assert {wrong for _, wrong in told} == {0}


def test_what_changes_by_itself_is_no_difference(url, monkeypatch):
    """A statement that the bare engine answers in two ways is counted, and isn't wrong."""
    monkeypatch.setattr(
        Statements,
        "next",
        lambda self: Statement(Node("query", ("SELECT random() AS x",)), "plain", "text"),
    )

    report = run(url, statements=5, seed=1)

    assert report.is_clean
    assert report.changing == 5


def test_the_command_says_what_it_found(url, capsys):
    assert main([url, "--statements", "30", "--seed", "1"]) == 0

    written = capsys.readouterr().out
    assert "0 of 30 wrong" in written
    assert "python -m sqlmem.testing" in written


def test_the_command_fails_for_a_difference(url, tmp_path, monkeypatch, capsys):
    """The exit status is 1, and the scripts lie where they were asked for."""
    monkeypatch.setattr("sqlmem.testing.__main__.run", planted_run)

    assert main([url, "--statements", "60", "--seed", "1", "--scripts", str(tmp_path / "found")]) == 1

    assert "script of difference 1" in capsys.readouterr().out
    assert list((tmp_path / "found").glob("sqlite_1_*.py"))


def planted_run(url: str, **options):
    return run(url, make_engine=planted("count(*)", "1 + count(*)"), **{**options, "shrunk": 1})


@pytest.mark.parametrize(
    "arguments",
    [["sqlite:////no/such/folder/at/all.db"], ["oracle://x@y/z"], ["not a url"], ["--statements", "0"]],
)
def test_the_command_says_what_cannot_be_done(url, arguments, capsys):
    """In one line, with exit status 2."""
    given = arguments if len(arguments) == 1 else [url, *arguments]

    assert main(given) == 2

    assert capsys.readouterr().err.count("\n") == 1


def test_no_password_is_written(tmp_path, capsys):
    """Neither in the report's command nor in an error."""
    assert main(["postgresql+psycopg://me:secret@127.0.0.1:1/none"]) == 2

    assert "secret" not in capsys.readouterr().err


def test_a_statement_gets_smaller_in_every_way():
    """A clause goes, an item goes, an expression gives way to a part of itself."""
    inner = Node("int", ("i",))
    outer = Node("int", ("abs(", inner, ")"))
    where = Maybe((" WHERE ", inner, " = ", Bind("int", (1, 2))))
    statement = Statement(Node("query", ("SELECT ", Many((outer, inner)), " FROM t", where)), "plain", "text")

    texts = {question(smaller, "qmark").text for smaller in statement.smaller()}

    assert "SELECT abs(i), i FROM t" in texts
    assert "SELECT i FROM t WHERE i = :p0" in texts
    assert "SELECT i, i FROM t WHERE i = :p0" in texts
    assert all(smaller.root != statement.root for smaller in statement.smaller())


def test_an_order_that_is_left_out_is_not_compared():
    """Without its ORDER BY a statement's rows come in any order."""
    order = Maybe((" ORDER BY i",), orders=True)
    statement = Statement(Node("query", ("SELECT i FROM t", order)), "plain", "text")

    assert statement.is_ordered
    assert not any(smaller.is_ordered for smaller in statement.smaller())


@pytest.mark.parametrize(
    ("paramstyle", "way", "text", "parameters"),
    [
        ("qmark", "driver", "SELECT '%' || ?", ("a",)),
        ("format", "driver", "SELECT '%%' || %s", ("a",)),
        ("pyformat", "driver", "SELECT '%%' || %(p0)s", {"p0": "a"}),
        ("pyformat", "text", "SELECT '%' || :p0", {"p0": "a"}),
    ],
)
def test_parameters_are_marked_as_each_way_wants_them(paramstyle, way, text, parameters):
    statement = Statement(Node("query", ("SELECT '%' || ", Bind("text", "a"))), "plain", way)

    asked = question(statement, paramstyle)

    assert (asked.text, asked.parameters) == (text, parameters)


def test_a_colon_is_no_parameter():
    """Neither in a constant nor in a cast behind a parameter."""
    pieces = ("""SELECT '{"a":1}', """, Bind("int", 1), "::int")

    asked = question(Statement(Node("query", pieces), "plain", "text"), "pyformat")

    assert asked.clause is not None
    compiled = asked.clause.compile(dialect=sa.dialects.postgresql.dialect())
    assert str(compiled) == """SELECT '{"a":1}', %(p0)s ::int"""


def test_a_parameter_is_one_whatever_stands_beside_it():
    """A text that was broken on purpose may have a word before and behind it."""
    pieces = ("SELECT 1 WHERE n IN", Bind("int", (1, 2)), "", "SELECT :", Bind("int", 1), Bind("int", 2))

    asked = question(Statement(Node("query", pieces), "plain", "text"), "pyformat")

    assert asked.text == "SELECT 1 WHERE n IN :p0 SELECT : :p1 :p2"
    assert asked.clause is not None
    assert set(asked.clause._bindparams) == {"p0", "p1", "p2"}


def test_a_server_without_a_collation_or_a_type_gets_other_columns(url):
    """Neither ICU, nor MariaDB's collations and UUID, are everywhere."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE pg_collation (collname TEXT)")

    postgresql = suited(family_of("postgresql", random.Random(1), 20), engine)
    mysql = suited(family_of("mysql", random.Random(1), 20), engine)

    engine.dispose()
    made = "\n".join(
        line for family in (postgresql, mysql) for table in family.tables for line in table.create()
    )
    assert "icu" not in made
    assert "nopad" not in made
    assert not any(column.type == "UUID" for table in mysql.tables for column in table.columns)
    assert any(column.type == "UUID" for table in postgresql.tables for column in table.columns)


def test_a_parameter_that_cannot_be_bound_is_one_error_whatever_failed_before(url: str) -> None:
    """CPython's sqlite3 raises the error of an earlier statement of the connection instead."""
    engine = sa.create_engine(url)

    def failure(connection: sa.Connection, statement: str, *parameters: object) -> Answer:
        with pytest.raises(sa.exc.SQLAlchemyError) as raised:
            connection.exec_driver_sql(statement, parameters)
        return _failed(raised.value)

    with engine.connect() as connection:
        first = failure(connection, "SELECT ?", Decimal(1))
        other = failure(connection, "SELECT 1 = (SELECT 1, 2)")
        again = failure(connection, "SELECT ?", Decimal(1))
    engine.dispose()

    assert first.error == again.error == (sa.exc.ProgrammingError, sqlite3.ProgrammingError)
    assert first.error != other.error


@pytest.mark.parametrize(
    ("text", "one", "other", "may_be"),
    [
        ("SELECT sum(f) AS x FROM t", 1.8664799999999997, 1.8664799999999993, True),
        ("SELECT sum(f) AS x FROM t", 1.8664799999999997, 1.8664899999999993, False),
        ("SELECT max(f) AS x FROM t", 1.8664799999999997, 1.8664799999999993, False),
        ("SELECT group_concat(n) AS x FROM t", "1,2,3", "3,1,2", True),
        ("SELECT group_concat(n) AS x FROM t", "1,2,3", "3,1,4", False),
        ("SELECT max(n) AS x FROM t", "123", "321", False),
        ("SELECT CAST(sum(n) AS varchar) AS x FROM t", "123", "321", False),
        ("SELECT CAST(f AS varchar(9)), f AS x FROM t", 1.8664799999999997, 1.8664799999999993, False),
    ],
)
def test_what_an_origin_puts_together_in_two_orders_is_no_difference(text, one, other, may_be):
    """Rows of a join come in any order, and floats are added as they come."""
    asked = Question(text, {}, "text", is_ordered=True)
    answers = [Answer(("x",), (None,), [(1, value)]) for value in (one, other)]
    pairs = [Answer(("x",), (None,), [(("x", value),)]) for value in (one, other)]

    assert differs_by_order(asked, *answers) is may_be
    assert differs_by_order(asked, *pairs) is may_be
