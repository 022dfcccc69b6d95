"""Where literals, comments and placeholders are, as each origin and driver reads them."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sqlmem.lexemes import unescaped
from sqlmem.lexer import Syntax, TokenKind, scan
from sqlmem.origin import Origin
from sqlmem.skeletons import skeleton

PSYCOPG = Syntax("postgresql", False, True, "pyformat", True)
ASYNCPG = Syntax("postgresql", False, True, "numeric_dollar", False)
PG8000 = Syntax("postgresql", False, True, "format", True, percent_depends=True)
PYMYSQL = Syntax("mysql", True, False, "pyformat", True)
SQLITE = Syntax("sqlite", False, True, "qmark", False)
OTHER = Syntax("other", False, True, "named", False)
ALL = [PSYCOPG, ASYNCPG, PYMYSQL, SQLITE, OTHER, replace(PYMYSQL, ansi_quotes=True, backslash_escapes=False)]


def words(text: str, syntax: Syntax) -> str:
    return " ".join(scan(text, syntax).words)


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (PSYCOPG, "SELECT %(a)s, %(b)s, %(a)s", ("a", "b", "a")),
        (PSYCOPG, "SELECT %s, %s", (0, 1)),
        (PSYCOPG, "SELECT %(a)s::INTEGER", ("a",)),
        (ASYNCPG, "SELECT $1::VARCHAR, $2, $1", (0, 1, 0)),
        (ASYNCPG, "SELECT a[1:2], b::int FROM t", ()),
        (PYMYSQL, "SELECT %s LIMIT %s, %s", (0, 1, 2)),
        (SQLITE, "SELECT ?, ?", (0, 1)),
        (SQLITE, "SELECT ?2, ?1, ?2", (1, 0, 1)),
        (SQLITE, "SELECT :a, :b, :a", ("a", "b", "a")),
        (SQLITE, "SELECT '?', \"?\", [?], `?` /* ? */ -- ?", ()),
        (ASYNCPG, "SELECT '$1', \"$1\", $a$ $1 $a$ /* $1 */ -- $1", ()),
        (OTHER, "SELECT :a, :b", ("a", "b")),
        (replace(OTHER, paramstyle="numeric"), "SELECT :2, :1", (1, 0)),
    ],
)
def test_each_placeholder_is_mapped_to_its_parameter(syntax, text, expected):
    """In the order of the text, a key or a zero-based position each; never one in a literal."""
    found = scan(text, syntax)

    assert found.parameters == expected
    assert found.ambiguous is None
    for index in range(len(expected)):
        assert f":p{index} " in found.sql


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (PSYCOPG, "SELECT '%s'"),
        (PSYCOPG, 'SELECT "%(a)s"'),
        (PSYCOPG, "SELECT 1 /* %s */"),
        (PSYCOPG, "SELECT 1 -- 100%"),
        (PSYCOPG, "SELECT $$%s$$"),
        (PSYCOPG, "SELECT %b"),
        (PSYCOPG, "SELECT 5 % 3"),
        (PSYCOPG, "SELECT %s, %(a)s"),
        (PSYCOPG, "SELECT $1"),
        (PYMYSQL, "SELECT '%d'"),
        (SQLITE, "SELECT ?, :a"),
        (SQLITE, "SELECT ?, ?2"),
        (SQLITE, "SELECT @a"),
        (SQLITE, "SELECT $a"),
        (SQLITE, "SELECT ?0"),
    ],
)
def test_what_the_driver_may_bind_otherwise_is_ambiguous(syntax, text):
    """A driver that formats the text substitutes in literals too; mixed styles have no one order."""
    assert scan(text, syntax).ambiguous is not None


def test_a_doubled_percent_reaches_the_origin_as_one():
    """Where the driver formats the text, and only there."""
    formatted = scan("SELECT a %% 2 FROM t WHERE b LIKE '%%x%%'", PSYCOPG)
    plain = scan("SELECT a % 2 FROM t WHERE b LIKE '%%x'", replace(PSYCOPG, percent_is_escaped=False))

    assert formatted.sql == "SELECT a % 2 FROM t WHERE b LIKE '%x%'"
    assert plain.sql == "SELECT a % 2 FROM t WHERE b LIKE '%%x'"
    assert formatted.ambiguous is None
    assert plain.ambiguous is None


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (PSYCOPG, "SELECT 1 /* /* x */ */ + 1", "SELECT 0 + 0"),
        (SQLITE, "SELECT 1 /* /* x */ + 1", "SELECT 0 + 0"),
        (PYMYSQL, "SELECT 1 /* /* x */ + 1", "SELECT 0 + 0"),
        (PSYCOPG, "SELECT 1--1\n+ 1", "SELECT 0 + 0"),
        (PSYCOPG, "SELECT 1 -- x\r+ 1", "SELECT 0 + 0"),
        (SQLITE, "SELECT 1 -- x\r+ 1", "SELECT 0"),
        (PYMYSQL, "SELECT 1--1", "SELECT 0 - - 0"),
        (PYMYSQL, "SELECT 1 -- 1", "SELECT 0"),
        (PYMYSQL, "SELECT 1 --", "SELECT 0"),
        (PYMYSQL, "SELECT 1 --\t1", "SELECT 0"),
        (PYMYSQL, "SELECT 1 # 1\n+ 1", "SELECT 0 + 0"),
        (PSYCOPG, "SELECT 1 # 3", "SELECT 0 # 0"),
        (PSYCOPG, "SELECT a$1, b$$ FROM t", "SELECT A$1 , B$$ FROM T"),
        (PSYCOPG, "SELECT $a$ $$ ; $a$", "SELECT '"),
        (PSYCOPG, "SELECT 'a\\', 1", "SELECT ' , 0"),
        (PSYCOPG, "SELECT E'a\\', 1'", "SELECT '"),
        (PYMYSQL, "SELECT 'a\\', 1'", "SELECT '"),
        (replace(PYMYSQL, backslash_escapes=False), "SELECT 'a\\', 1", "SELECT ' , 0"),
        (PYMYSQL, 'SELECT "a;b"', "SELECT '"),
        (replace(PYMYSQL, ansi_quotes=True), 'SELECT "a;b"', 'SELECT "a;b'),
        (SQLITE, "SELECT [a;b], `c;d`, \"e;f\", 'g;h'", 'SELECT "a;b , "c;d , "e;f , \''),
        (SQLITE, "SELECT 'a'';'", "SELECT '"),
        (SQLITE, 'SELECT "a"";"', 'SELECT "a";'),
    ],
)
def test_code_ends_where_the_origin_ends_it(syntax, text, expected):
    """Each of these was asked of the real server."""
    assert words(text, syntax) == expected


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (SQLITE, "", 0),
        (SQLITE, " ; ; -- x", 0),
        (SQLITE, ";SELECT 1;", 1),
        (SQLITE, "SELECT ';' /* ; */ -- ;", 1),
        (SQLITE, "SELECT 1; SELECT 2", 2),
        (PSYCOPG, "SELECT $$;$$; DELETE FROM t", 2),
        (PSYCOPG, "SELECT 'a\\'; DELETE FROM t; --'", 2),
        (PYMYSQL, "SELECT 'a\\'; DELETE FROM t; --'", 1),
        (PYMYSQL, "SELECT 'a\\\\'; DELETE FROM t", 2),
    ],
)
def test_statements_are_counted_outside_literals(syntax, text, expected):
    """A semicolon in a literal or a comment ends nothing; an empty statement is none."""
    assert scan(text, syntax).statement_count == expected


@pytest.mark.parametrize("comment", ["/*!", "/*! x */", "/*!50000 x */", "/*M! x */", "/*M!100000 x*/"])
def test_executable_comments_are_seen_where_they_run(comment):
    """MySQL runs them, an unknown dialect may; in a literal or elsewhere they are text."""
    assert scan("SELECT 1 " + comment, PYMYSQL).has_executable_comment
    assert scan("SELECT 1 " + comment, OTHER).has_executable_comment
    assert not scan(f"SELECT '{comment}'", PYMYSQL).has_executable_comment
    assert not scan("SELECT 1 " + comment, SQLITE).has_executable_comment


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (SQLITE, "SELECT 'a"),
        (SQLITE, "SELECT 'a''"),
        (SQLITE, 'SELECT "a'),
        (SQLITE, "SELECT [a"),
        (SQLITE, "SELECT 1 /* a"),
        (PSYCOPG, "SELECT 1 /* /* a */"),
        (PSYCOPG, "SELECT $$a"),
        (PSYCOPG, "SELECT $a$a$$"),
        (PYMYSQL, "SELECT 'a\\'"),
        (PYMYSQL, "SELECT `a"),
    ],
)
def test_a_text_that_ends_in_a_literal_is_unterminated(syntax, text):
    """And its closed counterpart isn't."""
    assert scan(text, syntax).unterminated
    assert not scan("SELECT 'a', 'b''', '' FROM t", syntax).unterminated


@pytest.mark.parametrize(
    "text", ["SELECT 'a' 'b'", "SELECT E'\\x41'", "SELECT U&'a'", "SELECT 2!=-1", "SELECT 1 /*+ x */"]
)
def test_what_sqlglot_reads_otherwise_is_ambiguous(text):
    """2!=-1 is one operator in PostgreSQL; E'…' loses its E; a hint can change the answer."""
    assert scan(text, PSYCOPG).ambiguous is not None


@pytest.mark.parametrize(
    "text", ["SELECT a<-1", "SELECT a=-1", "SELECT a<>-1", "SELECT a*-1", "SELECT a::int"]
)
def test_a_sign_behind_an_operator_is_no_operator(text):
    """PostgreSQL ends an operator before a sign."""
    assert scan(text, PSYCOPG).ambiguous is None


@pytest.mark.parametrize(
    "text", ["SELECT\xa0a", "SELECT\u2003a", "SELECT a\u200bb", "ſELECT a", "SELECT a\x00", "SELECT\x01a"]
)
def test_characters_that_only_look_like_sql_are_ambiguous(text):
    """sqlglot takes them for blanks or letters, the origins don't."""
    assert all(scan(text, syntax).ambiguous is not None for syntax in ALL)


@given(st.text(alphabet=st.sampled_from("aE_$'\"`[]\\-/*!#%s(x)?:;,.1 \n\r\t\xa0éſ&@=<>|\x00"), max_size=40))
def test_any_text_has_a_scan(text):
    """Invariant: tokens lie in the text, in order; words and placeholders match them."""
    for syntax in ALL:
        found = scan(text, syntax)

        assert len(found.words) == len(found.tokens)
        assert [token.start for token in found.tokens] == sorted({token.start for token in found.tokens})
        assert all(0 <= token.start < token.end <= len(text) for token in found.tokens)
        placeholders = [token for token in found.tokens if token.kind is TokenKind.PLACEHOLDER]
        assert len(placeholders) == len(found.parameters)
        assert found == scan(text, syntax)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"E'a'", "'a'"),
        (r"e''", "''"),
        (r"E'it\'s'", "'it''s'"),
        (r"E'it''s'", "'it''s'"),
        (r"E'a\nb\\c'", "'a\nb\\c'"),
        (r"E'\x41'", None),
        (r"E'\101'", None),
        (r"E'\u0041'", None),
        (r"E'\q'", None),
        (r"E'open", None),
        (r"E'\'", None),
    ],
)
def test_escapes_are_read_where_they_are_plain(written, plain):
    """What PostgreSQL makes of E'…', without the E; None where a digit or a letter more might matter."""
    assert unescaped(written) == plain


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM t WHERE v = '100%%'",
        "SELECT id FROM t WHERE v = '100%%' AND id = %s",
        "SELECT id %% 2 FROM t",
        'SELECT "a%%" FROM t WHERE id = %s',
        "SELECT id FROM t -- 100%%",
        "SELECT $$100%%$$ FROM t",
    ],
)
def test_a_driver_that_may_leave_percent_signs_as_they_are_gives_no_meaning(text):
    """pg8000 halves them only where there are values, and then outside of quotes only."""
    assert "%%" in str(scan(text, PG8000).ambiguous)
    assert scan(text, PSYCOPG).ambiguous is None
    if "'" in text:
        assert skeleton(text, PG8000) is None


def test_a_driver_that_halves_percent_signs_beside_placeholders_is_understood():
    found = scan("SELECT id %% 2 FROM t WHERE id = %s", PG8000)

    assert found.ambiguous is None
    assert "%" in found.words
    assert skeleton("SELECT id FROM t WHERE v = '100' AND id = %s", PG8000) is not None


def test_pg8000_is_known_as_a_driver_that_may_leave_percent_signs_as_they_are():
    """By its name: its module need not be there."""
    driver = ModuleType("pg8000")
    driver.paramstyle, driver.__version__ = "format", "1.31.2"
    engine = sa.create_engine("postgresql+pg8000://nobody@nowhere/nothing", module=driver)
    other = sa.create_engine("postgresql+psycopg://nobody@nowhere/nothing")

    assert Origin(engine).syntax(has_parameters=True).percent_depends
    assert not Origin(other).syntax(has_parameters=True).percent_depends
