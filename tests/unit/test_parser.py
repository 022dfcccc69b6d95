"""The front of the decision layer: a tree that is believed, a way to the origin, or a refusal."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from sqlmem.gate import Passthrough, Refusal
from sqlmem.lexer import Syntax
from sqlmem.names import figured_name
from sqlmem.parser import Parsed, parse, placeholder_index

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gate"
MARKS = str.maketrans({"␤": "\n", "␉": "\t", "␌": "\f", "␍": "\r", "⍽": "\xa0"})
SYNTAXES = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", True),
    "mysql": Syntax("mysql", True, False, "pyformat", True),
}
SQLITE, POSTGRESQL, MYSQL = SYNTAXES.values()
OTHER = Syntax("other", False, True, "named", False)


def statements(name: str) -> list[str]:
    lines = (FIXTURES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.translate(MARKS) for line in lines if line and not line.startswith("##")]


CORPUS = [text for name in SYNTAXES for text in statements(name) + statements(f"reads_{name}")]


@pytest.mark.parametrize(("family", "text"), [(name, text) for name in SYNTAXES for text in statements(name)])
def test_a_write_is_refused(family, text):
    """By the whole front, as read-only, with a reason and a hint."""
    verdict = parse(text, SYNTAXES[family])

    assert isinstance(verdict, Refusal)
    assert verdict.error == "read_only"
    assert verdict.reason
    assert verdict.hint


@pytest.mark.parametrize(
    ("family", "text"), [(name, text) for name in SYNTAXES for text in statements(f"reads_{name}")]
)
def test_a_read_is_not_refused(family, text):
    """It is parsed or goes to the origin."""
    assert isinstance(parse(text, SYNTAXES[family]), (Parsed, Passthrough))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t",
        "SELECT t.* FROM t",
        "SELECT a, t.* FROM t",
        "SELECT a FROM (SELECT * FROM t) x",
        "SELECT a FROM t WHERE EXISTS (SELECT * FROM u)",
        "WITH x AS (SELECT * FROM t) SELECT a FROM x",
        "SELECT a FROM t UNION SELECT * FROM u",
        "SELECT count(t.*) FROM t",
        "SELECT * FROM t, u",
        "SELECT * FROM t JOIN u ON t.a = u.a",
        "TABLE t",
        "SELECT * FROM t WHERE a = b IS NULL",
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_star_is_unsupported(syntax, text):
    """Anywhere but in COUNT(*); named before a join, so that one text has one reason."""
    verdict = parse(text, syntax)

    assert isinstance(verdict, Refusal)
    assert verdict.error == "unsupported"
    assert verdict.reason.startswith("*")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT t.a FROM t JOIN u ON t.a = u.a",
        "SELECT t.a FROM t LEFT JOIN u ON t.a = u.a",
        "SELECT a FROM t NATURAL JOIN u",
        "SELECT a FROM t CROSS JOIN u",
        "SELECT a FROM t INNER JOIN u USING (a)",
        "SELECT a FROM t, u",
        "SELECT a FROM t WHERE a IN (SELECT u.a FROM u, v)",
        "SELECT a FROM t, LATERAL (SELECT b FROM u) x",
        "WITH x AS (SELECT t.a FROM t JOIN u ON t.a = u.a) SELECT a FROM x",
        "SELECT a FROM t UNION SELECT u.a FROM u JOIN v ON u.a = v.a",
        "SELECT t.a FROM t JOIN u ON t.a = u.a WHERE t.a = u.b IS NULL",
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_join_is_unsupported(syntax, text):
    """With JOIN, comma, NATURAL or LATERAL, at any depth."""
    verdict = parse(text, syntax)

    assert isinstance(verdict, Refusal)
    assert verdict.error == "unsupported"
    assert "join" in verdict.reason


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (SQLITE, "SELECT * FROM sqlite_master"),
        (SQLITE, "SELECT m.name FROM main.sqlite_schema m JOIN pragma_table_info(m.name) p"),
        (
            POSTGRESQL,
            "SELECT * FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
        ),
        (POSTGRESQL, "SELECT 1 FROM pg_class, pg_attribute"),
        (POSTGRESQL, "SELECT * FROM pg_catalog.pg_class WHERE relname ~ E'^a\\\\.'"),
        (MYSQL, "SELECT * FROM information_schema.tables"),
        (MYSQL, "SELECT * FROM `mysql`.`user`"),
    ],
)
def test_the_origins_catalogue_is_read_at_the_origin(syntax, text):
    """With stars and joins: SQLAlchemy's own reflection sends those."""
    assert parse(text, syntax) == Passthrough("reads the origin's catalogue")


def test_a_catalogue_beside_a_table_is_no_catalogue():
    """One table of the user's suffices."""
    verdict = parse("SELECT t.a FROM t JOIN pg_catalog.pg_class c ON true", POSTGRESQL)

    assert isinstance(verdict, Refusal)


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", "SELECT now()", "SELECT 1 UNION SELECT 2", "WITH x AS (SELECT 1 AS a) SELECT a FROM x"],
)
def test_a_statement_without_a_table_is_the_origins(text):
    """There is nothing to keep."""
    assert parse(text, POSTGRESQL) == Passthrough("reads no table")


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (POSTGRESQL, "SELECT a FROM ONLY t"),
        (POSTGRESQL, "SELECT a FROM t TABLESAMPLE SYSTEM (10)"),
        (MYSQL, "SELECT a FROM t PARTITION (p0)"),
        (MYSQL, "SELECT a FROM t FOR SYSTEM_TIME ALL"),
        (MYSQL, "SELECT a FROM t ORDER BY a NULLS LAST"),
        (MYSQL, "SELECT SQL_CALC_FOUND_ROWS a FROM t"),
        (MYSQL, "SELECT a FROM t WHERE b = 'x\\n'"),
        (POSTGRESQL, "SELECT a FROM t WHERE b = E'x\\101'"),
        (POSTGRESQL, "SELECT sum(a) OVER (w) FROM t WINDOW w AS (ORDER BY a ROWS 1 PRECEDING)"),
        (POSTGRESQL, "SELECT a FROM t LIMIT 5, 10"),
        (POSTGRESQL, "SELECT +a FROM t"),
        (SQLITE, "SELECT a FROM t INDEXED BY i"),
        (SQLITE, "SELECT a FROM t WHERE b = 'x' 'y'"),
        (SQLITE, "(SELECT a FROM t) UNION SELECT b FROM u"),
        (SQLITE, "SELECT a FROM t UNION (SELECT b FROM u INTERSECT SELECT c FROM v)"),
        (SQLITE, "SELECT a FROM t WHERE a IN ((SELECT b FROM u))"),
        (SQLITE, "SELECT a FROM (SELECT a FROM t) AS v (b)"),
        (POSTGRESQL, "SELECT a FROM t WHERE b @> '{}'"),
    ],
)
def test_what_the_tree_would_not_say_goes_to_the_origin(syntax, text):
    """A clause, a literal or an order that sqlglot drops or reads otherwise is never guessed."""
    assert isinstance(parse(text, syntax), Passthrough)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, FROM t",
        "SELECT , a FROM t",
        "SELECT a FROM t WHERE a BETWEEN 1 2",
        "SELECT a FROM t WHERE a IN b",
        "SELECT a FROM t WHERE a IN (, 2)",
        "SELECT a FROM t GROUP BY HAVING count(a) > 1",
        "WITH x (SELECT a FROM t) SELECT a FROM x",
        "SELECT a FROM SELECT WHERE a = 1",
        "SELECT DISTINCT GROUP a FROM t",
        "SELECT a FROM ALL t",
        "SELECT a FROM t ALL",
        "SELECT CAST(a AS char(a)) FROM t",
        "SELECT CAST(a AS numeric(10, b)) FROM t",
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_an_error_that_sqlglot_forgives_is_left_to_the_origin(syntax, text):
    """The program gets the origin's own syntax error, not an answer."""
    assert isinstance(parse(text, syntax), Passthrough)


@pytest.mark.parametrize("text", ["SELECT count (*) FROM t", "SELECT a FROM t WHERE CAST (a AS signed) = 1"])
def test_a_blank_before_a_calls_parenthesis_is_left_to_mysql(text):
    """It is a syntax error or not, depending on the function and the server's sql_mode."""
    assert isinstance(parse(text, SYNTAXES["mysql"]), Passthrough)
    assert isinstance(parse(text.replace(" (", "("), SYNTAXES["mysql"]), Parsed)
    assert isinstance(parse(text, SYNTAXES["sqlite"]), Parsed)


@pytest.mark.parametrize(
    "condition",
    [
        "a = b IS NULL",
        "a = b = c",
        "a < b < c",
        "a = NOT b",
        "c <> 1 NOT BETWEEN a AND b",
        "a NOT LIKE b NOT IN (1, 2)",
        "a BETWEEN 1 AND b IN (2)",
        "a || b + c = '1'",
        "a & b | c = 1",
        "a & b + c = 1",
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_operators_that_dialects_rank_differently_go_to_the_origin(syntax, condition):
    """sqlglot groups some of these otherwise than the origin does, as a differential run showed."""
    verdict = parse(f"SELECT a FROM t WHERE {condition}", syntax)

    assert isinstance(verdict, Passthrough)


@pytest.mark.parametrize(
    "condition",
    [
        "a = 1 AND b = 2 OR NOT c = 3",
        "a + b * c - 1 > 2",
        "a BETWEEN 1 AND 2 AND b = 3",
        "a IS NOT NULL AND b NOT IN (1, 2) AND c NOT LIKE 'x'",
        "(a = b) IS NULL",
        "a = -1",
        "CASE WHEN a = 1 THEN b = 2 ELSE c = 3 END",
        "a IN (SELECT b FROM u WHERE c = 1)",
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_operators_that_all_dialects_rank_alike_are_parsed(syntax, condition):
    """The common conditions lose nothing by the care for the others."""
    assert isinstance(parse(f"SELECT a FROM t WHERE {condition}", syntax), Parsed)


def test_placeholders_of_the_tree_are_mapped_to_the_parameters():
    """Wherever the tree put them: MySQL's LIMIT has its offset first."""
    parsed = parse("SELECT a FROM t WHERE b = %(b)s AND c IN (%(c)s, %(b)s) LIMIT %(skip)s, %(take)s", MYSQL)

    assert isinstance(parsed, Parsed)
    assert parsed.parameters == ("b", "c", "b", "skip", "take")
    keys = {
        type(node.parent): parsed.parameters[index]
        for node in parsed.tree.find_all(exp.Placeholder)
        if (index := placeholder_index(node)) is not None
    }
    assert keys[exp.Offset] == "skip"
    assert keys[exp.Limit] == "take"


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (SQLITE, "SELECT a,  b + 1 , count( * ) FROM t", ("a", "b + 1", "count( * )")),
        (SQLITE, "SELECT a AS x, b y, c FROM t", (None, None, "c")),
        (SQLITE, "SELECT a + ? FROM t", ("a + ?",)),
        (SQLITE, "SELECT a /* c */, b FROM t", (None, "b")),
        (SQLITE, "SELECT DISTINCT (a+1) FROM t UNION SELECT b FROM u", ("(a+1)",)),
        (SQLITE, "WITH x AS (SELECT a FROM t) SELECT a + 1 FROM x", ("a + 1",)),
        (SQLITE, "SELECT (SELECT max(a), b FROM u) FROM t", ("(SELECT max(a), b FROM u)",)),
        (POSTGRESQL, "SELECT a IS DISTINCT FROM b FROM t", ("a IS DISTINCT FROM b",)),
        (MYSQL, "SELECT a+1, 'x', NULL, a + %s FROM t", ("a+1", None, None, None)),
        (MYSQL, "SELECT a %% 2 FROM t", ("a % 2",)),
        (MYSQL, "SELECT (a), (a + 1) FROM t", (None, "(a + 1)")),
        (SQLITE, "SELECT ( a ) FROM t", (None,)),
        (MYSQL, "(SELECT a+1 FROM t) UNION (SELECT b FROM u)", ("a+1",)),
    ],
)
def test_items_are_known_by_their_text(syntax, text, expected):
    """As the origin sees it, since SQLite and MySQL name a column by it; None where it can't be told."""
    parsed = parse(text, syntax)

    assert isinstance(parsed, Parsed)
    assert parsed.item_texts == expected


@pytest.mark.parametrize(
    "item", ["a+1", "a  +  1", "( a+1 )", "max( a )", "'x'", "-a", "a=1", "a IS NULL", "1.50", "x'41'"]
)
def test_sqlite_names_an_item_by_the_same_text(item):
    """Asked of SQLite itself."""
    text = f"SELECT  {item}  ,\n 1 FROM t"
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a)")
        name = connection.execute(text).description[0][0]

    parsed = parse(text, SQLITE)

    assert isinstance(parsed, Parsed)
    assert parsed.item_texts[0] == name


def test_functions_are_named_as_they_are_called():
    """In upper case, quoted or qualified, without words that only look like calls."""
    parsed = parse(
        'SELECT lower(a), s."My"(b) FROM t WHERE a IN (1) AND EXISTS (SELECT 1 FROM u)', POSTGRESQL
    )

    assert isinstance(parsed, Parsed)
    assert parsed.functions == frozenset({"LOWER", "MY"})


def test_nothing_is_printed_and_the_applications_warnings_stay(caplog):
    """sqlglot's logger is the application's too."""
    parse("SELECT a FROM t WHERE b @@@ c", POSTGRESQL)
    logging.getLogger("sqlglot").warning("of the application")

    assert [record.getMessage() for record in caplog.records] == ["of the application"]


@pytest.mark.parametrize("piece", ["(", "NOT ", "- ", "CASE WHEN ", "(SELECT ", "a[", "f("])
def test_deep_nesting_is_survived(piece):
    """A parser that descends would end the process."""
    for syntax in SYNTAXES.values():
        assert isinstance(parse("SELECT a FROM t WHERE " + piece * 50_000, syntax), (Passthrough, Refusal))


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60),
    st.sampled_from([SQLITE, POSTGRESQL, MYSQL, OTHER, replace(OTHER, sqlglot_dialect="oracle")]),
)
def test_any_text_has_a_verdict(text, syntax):
    """Invariant: parse never raises, and says the same twice."""
    for candidate in (text, "SELECT " + text, "SELECT a FROM t WHERE " + text, "WITH x AS (" + text):
        first, second = parse(candidate, syntax), parse(candidate, syntax)

        assert isinstance(first, (Parsed, Passthrough, Refusal))
        assert type(first) is type(second)
        if not isinstance(first, Parsed):
            assert first == second


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_any_mutated_statement_has_a_verdict(data):
    """Invariant: cutting, doubling and joining pieces of real statements makes nothing raise."""
    text = data.draw(st.sampled_from(CORPUS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        insert = data.draw(
            st.sampled_from(["", "(", ")", "'", '"', ";", "/*", "*/", "--", "`", "$$", "\\", "[", ".", ","])
        )
        text = text[:start] + insert + text[end:]

    for syntax in (*SYNTAXES.values(), OTHER):
        assert isinstance(parse(text, syntax), (Parsed, Passthrough, Refusal))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT mod(a, 2), a + 2, lower(b)::text, (upper(b)) FROM t", ["mod", "?column?", "lower", "upper"]),
        ("SELECT substr(b, 1), length(b), round(a, 1) FROM t", ["substr", "length", "round"]),
        (
            "SELECT count(*) FILTER (WHERE a = 1), every(c), bool_and(c) FROM t",
            ["count", "every", "bool_and"],
        ),
        (
            "SELECT b COLLATE \"C\", -a, a AT TIME ZONE 'UTC', (a, b) FROM t",
            ["b", "?column?", "timezone", "row"],
        ),
    ],
)
def test_an_item_has_the_name_of_what_was_called(text, expected):
    """By the words: the tree has one node for SUBSTR and SUBSTRING, BOOL_AND and EVERY, % and MOD."""
    parsed = parse(text, POSTGRESQL)

    names = [
        figured_name(item, call)
        for item, call in zip(parsed.tree.expressions, parsed.item_calls, strict=True)
    ]

    assert names == expected
