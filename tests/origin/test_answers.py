"""Invariant: whatever a column holds or a statement says, the answer is the bare engine's, in value and type.

Each statement is asked twice, of an engine of its own and of one that has cached the whole table: the
planner must not find a way to be nearly right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from support.counting import is_data
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.model import Outcome

Answer = tuple[str, Any]


class Twins:
    """A bare engine and a caching one on the same origin, and a list of what differed."""

    def __init__(self, origin: Origin, **options: Any) -> None:
        self.origin = origin
        self.bare = origin.engine(**options)
        self.base = origin.engine(**options)
        self.engine = CachingEngine(self.base)
        self.outcomes: dict[str, Outcome | None] = {}
        self.differences: list[str] = []

    def ask(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Ask both, the caching one three times: cold, warm by the long way, and by the short one."""
        expected = _asked(self.bare, statement, parameters)
        for way in ("cold", "warm", "again"):
            given = _asked(self.engine, statement, parameters)
            if not _agree(expected, given, is_ordered="ORDER BY" in statement):
                self.differences.append(f"{way}: {statement} {parameters}\n  bare {expected}\n  here {given}")
        try:
            rows = self.engine.execute(statement, parameters)
        except (SQLAlchemyError, OverflowError):
            self.outcomes[statement] = None
            return
        self.outcomes[statement] = rows.status.outcome
        if expected[0] == "rows" and len(expected[1][0]) == len(set(expected[1][0])):
            tuples = [tuple(row.values()) for row in rows]
            if not _agree(expected, ("rows", (expected[1][0], tuples)), is_ordered="ORDER BY" in statement):
                self.differences.append(f"execute: {statement}\n  bare {expected}\n  here {tuples}")

    def check(self, statements: Iterable[str], parameters: Mapping[str, Any] | None = None) -> None:
        for statement in statements:
            self.ask(statement, parameters)
        assert not self.differences, "\n".join(self.differences)

    def warm(self, *tables: str) -> None:
        for table in tables:
            self.engine.warm(table)


def _asked(engine: sa.Engine, statement: str, parameters: Mapping[str, Any] | None) -> Answer:
    try:
        with engine.connect() as connection:
            result = connection.execute(text(statement), dict(parameters or {}))
            return "rows", (tuple(result.keys()), [tuple(row) for row in result])
    except (DBAPIError, OverflowError) as error:
        # The sqlite3 module's OverflowError is none of its errors, and isn't wrapped.
        return "error", (type(error), type(getattr(error, "orig", None)))


def _agree(one: Answer, other: Answer, *, is_ordered: bool) -> bool:
    if one[0] != other[0]:
        return False
    if one[0] == "error":
        return one[1] == other[1]
    (one_keys, one_rows), (other_keys, other_rows) = one[1], other[1]
    if one_keys != other_keys or len(one_rows) != len(other_rows):
        return False
    if not is_ordered:
        one_rows, other_rows = sorted(one_rows, key=_key), sorted(other_rows, key=_key)
    return same(one_rows, other_rows)


def _key(row: Any) -> str:
    return repr([(type(value).__name__, repr(value)) for value in row])


@pytest.fixture
def twins(origin: Origin) -> Iterator[Twins]:
    twins = Twins(origin)
    yield twins
    twins.engine.close()


def fill(origin: Origin, create: str | Mapping[str, str], *inserts: str) -> None:
    origin.execute(create if isinstance(create, str) else create[origin.family], *inserts)


# -- columns that aren't there -----------------------------------------------------------------


def test_missing_column_is_the_origins_error(twins: Twins) -> None:
    """The store has no column that wasn't fetched, and a quoted name that it lacks is no string."""
    fill(twins.origin, "CREATE TABLE t (id INTEGER, a INTEGER, b INTEGER)", "INSERT INTO t VALUES (1, 2, 3)")
    twins.engine.execute("SELECT id FROM t")
    quote = "`" if twins.origin.family == "mariadb" else '"'

    twins.check(
        [
            f"SELECT {quote}missing{quote} FROM t",
            "SELECT missing FROM t",
            f"SELECT id FROM t WHERE {quote}b{quote} = 3",
            f"SELECT id FROM t WHERE {quote}missing{quote} = 'missing'",
            "SELECT id FROM t ORDER BY missing",
            "SELECT id FROM t GROUP BY id, missing",
            "SELECT t.b, x.a FROM t AS x",
            "SELECT id FROM t WHERE id IN (SELECT missing FROM t)",
            "SELECT (SELECT max(y.b) FROM t AS y WHERE y.id = x.id) AS m FROM t AS x",
            "SELECT id FROM t WHERE id = 1 AND EXISTS (SELECT 1 FROM t AS y WHERE y.b = t.b)",
        ]
    )


def test_added_column_has_its_values_after_the_invalidation(twins: Twins) -> None:
    """A wider definition is a new copy; the old rows don't read NULL."""
    fill(twins.origin, "CREATE TABLE t (id INTEGER, a INTEGER)", "INSERT INTO t VALUES (1, 2)")
    twins.warm("t")
    twins.origin.execute("ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 5", "UPDATE t SET b = 6")
    twins.engine.invalidate("t")

    twins.check(["SELECT id, a, b FROM t", "SELECT b FROM t WHERE b IS NOT NULL"])


def test_column_added_without_invalidation_is_never_null(twins: Twins) -> None:
    """Until the invalidation it is unknown, and the origin's to answer."""
    fill(twins.origin, "CREATE TABLE t (id INTEGER, a INTEGER)", "INSERT INTO t VALUES (1, 2)")
    twins.warm("t")
    twins.origin.execute("ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 5")

    twins.check(["SELECT id, a, b FROM t"])


def test_column_that_changed_its_type_is_read_as_the_new_one(twins: Twins) -> None:
    fill(twins.origin, "CREATE TABLE t (id INTEGER, a INTEGER)", "INSERT INTO t VALUES (1, 2), (2, 10)")
    ask = "SELECT id, a FROM t WHERE a > '1' ORDER BY id"
    twins.ask(ask)
    twins.origin.execute(
        "DROP TABLE t",
        "CREATE TABLE t (id INTEGER, a VARCHAR(5))",
        "INSERT INTO t VALUES (1, '2'), (2, '10')",
    )
    twins.engine.invalidate("t")

    twins.check([ask, "SELECT max(a) AS m FROM t"])


# -- order -------------------------------------------------------------------------------------


def test_nulls_stand_where_the_origin_puts_them(twins: Twins) -> None:
    """In ORDER BY, both ways, with LIMIT, in windows, MIN and MAX."""
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, d DATE)",
        "INSERT INTO t VALUES (1, NULL, NULL), (2, 5, '2020-01-01'), (3, NULL, '2021-01-01'), (4, -5, NULL)",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT a, id FROM t ORDER BY a, id",
            "SELECT a, id FROM t ORDER BY a DESC, id",
            "SELECT id FROM t ORDER BY a, id LIMIT 1",
            "SELECT id FROM t ORDER BY a DESC, id LIMIT 2 OFFSET 1",
            "SELECT id FROM t ORDER BY d, id",
            "SELECT id, row_number() OVER (ORDER BY a, id) AS n FROM t ORDER BY id",
            "SELECT id, rank() OVER (ORDER BY a DESC) AS n FROM t ORDER BY id",
            "SELECT id, first_value(id) OVER (ORDER BY a, id) AS n FROM t ORDER BY id",
            "SELECT id, sum(a) OVER (ORDER BY a, id) AS n FROM t ORDER BY id",
            "SELECT id, lag(a) OVER (PARTITION BY d ORDER BY a DESC, id) AS n FROM t ORDER BY id",
            "SELECT min(a) AS lo, max(a) AS hi, count(a) AS n FROM t",
            "SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY a",
            "SELECT DISTINCT a FROM t ORDER BY a DESC",
            "SELECT a FROM t UNION SELECT id FROM t ORDER BY 1",
        ]
        + ([] if twins.origin.family == "mariadb" else ["SELECT id FROM t ORDER BY a DESC NULLS LAST, id"])
    )


# -- numbers -----------------------------------------------------------------------------------


def test_decimals_keep_their_scale(twins: Twins) -> None:
    """In values, sums, means, extremes and groups: the digits after the point are part of the answer."""
    number = {"sqlite": "NUMERIC", "postgresql": "NUMERIC", "mariadb": "DECIMAL(30,6)"}[twins.origin.family]
    fill(
        twins.origin,
        f"CREATE TABLE t (id INTEGER, m NUMERIC(10,2), w NUMERIC(30,10), z NUMERIC(5,0), f {number})",
        "INSERT INTO t VALUES (1, 1.50, 12345678901234567890.0000000001, 7, 1.500),"
        " (2, -0.10, 0, -3, 2), (3, NULL, NULL, NULL, NULL), (4, 99999999.99, 1, 99999, 0.10)",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, m, w, z, f FROM t ORDER BY id",
            "SELECT sum(m) AS s, min(m) AS lo, max(m) AS hi FROM t",
            "SELECT sum(w) AS s, max(w) AS hi FROM t",
            "SELECT sum(z) AS s, avg(z) AS a FROM t",
            "SELECT avg(m) AS a FROM t",
            "SELECT sum(f) AS s, max(f) AS hi FROM t",
            "SELECT id FROM t WHERE m = 1.5 ORDER BY id",
            "SELECT id FROM t WHERE m > 1.499 ORDER BY id",
            "SELECT id FROM t WHERE w > 12345678901234567890 ORDER BY id",
            "SELECT id, m + 1 AS x, m * 2 AS y FROM t ORDER BY id",
            "SELECT m FROM t ORDER BY m, id",
            "SELECT sum(m) AS s FROM t WHERE id > 100",
            "SELECT m FROM t UNION SELECT z FROM t",
            "SELECT coalesce(m, 0) AS c, CASE WHEN id = 1 THEN m ELSE 0 END AS d FROM t",
        ]
    )
    for value in (1.5, 1, "1.50", Decimal("1.5") if twins.origin.family != "sqlite" else 1.50):
        twins.ask("SELECT id FROM t WHERE m = :x ORDER BY id", {"x": value})
    assert not twins.differences, "\n".join(twins.differences)


def test_division_and_modulo_are_the_origins(twins: Twins) -> None:
    """7/2 is 3, 3.5 or 3.5000; by zero NULL or an error; the sign of a modulo follows the origin."""
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER, a INTEGER, b INTEGER)",
        "INSERT INTO t VALUES (1, 7, 2), (2, -7, 2), (3, 7, -2), (4, -7, -2), (5, 1, 3)",
    )
    twins.warm("t")

    statements = [
        "SELECT id, a / b AS x FROM t ORDER BY id",
        "SELECT id, a % b AS x FROM t ORDER BY id",
        "SELECT id, a / 0 AS x FROM t ORDER BY id",
        "SELECT id, a % 0 AS x FROM t ORDER BY id",
        "SELECT id, a * b - b AS x, -a AS y FROM t ORDER BY id",
        "SELECT id FROM t WHERE a / b = 3 ORDER BY id",
        "SELECT avg(a) AS x, sum(a) AS y FROM t",
        "SELECT sum(a) / count(*) AS x FROM t",
        "SELECT a / 2.0 AS x FROM t ORDER BY id",
        "SELECT id FROM t WHERE 1 / (id - 1) > 0 ORDER BY id",
    ]
    twins.check(statements)


def test_overflow_is_the_origins(twins: Twins) -> None:
    """A sum beyond 64 bits is wider there, or an error there, and never a float."""
    top = 2**63 - 1
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER, b BIGINT, i INTEGER)",
        f"INSERT INTO t VALUES (1, {top}, 2147483647), (2, {top}, 2147483647), (3, {-top - 1}, -2147483648)",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, b, i FROM t ORDER BY id",
            "SELECT sum(b) AS s FROM t WHERE id < 3",
            "SELECT sum(b) AS s FROM t",
            "SELECT sum(i) AS s FROM t WHERE id < 3",
            "SELECT avg(b) AS s FROM t",
            "SELECT id, b + 1 AS x FROM t ORDER BY id",
            "SELECT id, i + 1 AS x FROM t ORDER BY id",
            "SELECT id, -b AS x FROM t ORDER BY id",
            "SELECT id, b * b AS x FROM t ORDER BY id",
            "SELECT id FROM t WHERE b = 9223372036854775807 ORDER BY id",
            "SELECT id FROM t WHERE b < 9223372036854775808 ORDER BY id",
            "SELECT sum(b) OVER (ORDER BY id) AS s FROM t ORDER BY id",
        ]
    )
    for value in (top, 2**63, -(2**63), 2**70):
        twins.ask("SELECT id FROM t WHERE b >= :x ORDER BY id", {"x": value})
    assert not twins.differences, "\n".join(twins.differences)


def test_floats_keep_their_oddities(twins: Twins) -> None:
    """NaN, infinities, negative zero, and sums whose order of addition shows."""
    double = {"sqlite": "REAL", "postgresql": "DOUBLE PRECISION", "mariadb": "DOUBLE"}[twins.origin.family]
    odd = {
        "postgresql": ", (5, 'NaN'), (6, 'Infinity'), (7, '-Infinity'), (8, '-0')",
        "sqlite": ", (5, 9e999), (6, -9e999), (7, -0.0)",
        "mariadb": ", (5, -0.0)",
    }
    fill(
        twins.origin,
        f"CREATE TABLE t (id INTEGER, f {double})",
        "INSERT INTO t VALUES (1, 0.1), (2, 1e300), (3, -1e300), (4, 0.2)" + odd[twins.origin.family],
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, f FROM t ORDER BY id",
            "SELECT id FROM t ORDER BY f, id",
            "SELECT id FROM t ORDER BY f DESC, id",
            "SELECT id FROM t WHERE f = 0 ORDER BY id",
            "SELECT id FROM t WHERE f > 1 ORDER BY id",
            "SELECT max(f) AS hi, min(f) AS lo FROM t",
            "SELECT sum(f) AS s FROM t WHERE id < 5",
            "SELECT avg(f) AS s FROM t WHERE id IN (1, 4)",
            "SELECT count(DISTINCT f) AS n FROM t",
            "SELECT f, count(*) AS n FROM t GROUP BY f",
            "SELECT DISTINCT f FROM t",
            "SELECT id FROM t WHERE f = 0.1 ORDER BY id",
            "SELECT id FROM t WHERE f IN (0.1, 0.2) ORDER BY id",
        ]
    )


def test_floats_that_add_up_exactly_are_the_stores(twins: Twins) -> None:
    """Multiples of a power of two come out alike in any order; others, and infinities, are the origin's."""
    double = {"sqlite": "REAL", "postgresql": "DOUBLE PRECISION", "mariadb": "DOUBLE"}[twins.origin.family]
    values = [(key % 3, (key - 20) * 0.25, key * 0.1) for key in range(40)]
    fill(
        twins.origin,
        f"CREATE TABLE t (g INTEGER, f {double}, x {double})",
        f"INSERT INTO t VALUES {', '.join(map(str, values))}, (7, NULL, NULL), (8, 1e15, 1e300)",
    )
    twins.warm("t")
    exact = [
        "SELECT g, sum(f) AS s, avg(f) AS a FROM t GROUP BY g",
        "SELECT sum(f) AS s, avg(f) AS a, sum(DISTINCT f) AS d FROM t WHERE g < 3",
        "SELECT sum(f) AS s FROM t WHERE g > 100",
    ]
    inexact = ["SELECT g, sum(x) AS s, avg(x) AS a FROM t GROUP BY g"]

    twins.check([*exact, *inexact])

    assert [twins.outcomes[statement] for statement in exact] == [Outcome.HIT] * len(exact)
    assert twins.outcomes[inexact[0]] is Outcome.RESULT_HIT  # the origin's, asked before


@pytest.mark.families("postgresql")
def test_numeric_that_is_no_number(twins: Twins) -> None:
    """NUMERIC holds NaN, also with precision; without, it holds infinity and any scale."""
    fill(
        twins.origin,
        "CREATE TABLE t (id int, a numeric(10,2), b numeric)",
        "INSERT INTO t VALUES (1, 'NaN', 'NaN'), (2, 1.5, 'Infinity'), (3, NULL, 1.500), (4, -2, 1e30)",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, a, b FROM t ORDER BY id",
            "SELECT id FROM t ORDER BY a, id",
            "SELECT max(a) AS hi, min(a) AS lo, max(b) AS bhi FROM t",
            "SELECT sum(a) AS s FROM t",
            "SELECT id FROM t WHERE a > 1000 ORDER BY id",
            "SELECT id FROM t WHERE a = 'NaN' ORDER BY id",
            "SELECT id FROM t WHERE b > 2 ORDER BY id",
            "SELECT DISTINCT b FROM t",
        ]
    )


def test_nan_that_comes_later_than_the_first_batch(origin: Origin) -> None:
    """A column that begins harmlessly is exact to its end."""
    if origin.family != "postgresql":
        return
    twins = Twins(origin)
    fill(
        origin,
        "CREATE TABLE t (id int, f double precision, n numeric(10,2), i bigint)",
        "INSERT INTO t SELECT g, g, g, g FROM generate_series(1, 5000) g",
        "INSERT INTO t VALUES (5001, 'NaN', 'NaN', 1), (5002, '-0', 1, 2)",
    )

    twins.check(
        [
            "SELECT id, f, n FROM t WHERE id > 4990 ORDER BY id",
            "SELECT max(f) AS a, max(n) AS b FROM t",
            "SELECT id FROM t WHERE f > 4999 ORDER BY id",
        ]
    )
    twins.engine.close()


# -- text --------------------------------------------------------------------------------------


def test_text_compares_as_at_the_origin(twins: Twins) -> None:
    """Case, accents, trailing blanks, LIKE, empty strings, and an order by locale."""
    fill(
        twins.origin,
        {
            "sqlite": "CREATE TABLE t (id INTEGER, v VARCHAR(20), c CHAR(5), n TEXT COLLATE NOCASE, x TEXT)",
            "postgresql": 'CREATE TABLE t (id INTEGER, v VARCHAR(20), c CHAR(5), n TEXT COLLATE "C", x TEXT)',
            "mariadb": "CREATE TABLE t (id INTEGER, v VARCHAR(20), c CHAR(5),"
            " n VARCHAR(20) COLLATE utf8mb4_nopad_bin, x VARCHAR(20) COLLATE utf8mb4_bin)",
        },
        "INSERT INTO t VALUES (1, 'a', 'a', 'a', 'a'), (2, 'A', 'A', 'A', 'A'), (3, 'a ', 'a ', 'a ', 'a '),"
        " (4, 'ä', 'ä', 'ä', 'ä'), (5, '', '', '', ''), (6, NULL, NULL, NULL, NULL), (7, 'B', 'B', 'B', 'B'),"
        " (8, 'ß', 'ß', 'ß', 'ß'), (9, 'ss', 'ss', 'ss', 'ss'), (10, 'É', 'É', 'É', 'É'),"
        " (11, '10', '10', '10', '10'), (12, '9', '9', '9', '9'), (13, 'a_b', 'a_b', 'a_b', 'a_b')",
    )
    twins.warm("t")

    templates = [
        "SELECT id, {0} FROM t ORDER BY id",
        "SELECT id FROM t WHERE {0} = 'a' ORDER BY id",
        "SELECT id FROM t WHERE {0} = 'a ' ORDER BY id",
        "SELECT id FROM t WHERE {0} <> 'A' ORDER BY id",
        "SELECT id FROM t WHERE {0} IN ('ss', 'É', 'b') ORDER BY id",
        "SELECT id FROM t WHERE {0} = '' ORDER BY id",
        "SELECT id FROM t WHERE {0} LIKE 'A%' ORDER BY id",
        "SELECT id FROM t WHERE {0} LIKE 'a_' ORDER BY id",
        "SELECT id FROM t WHERE {0} LIKE 'a!_b' ESCAPE '!' ORDER BY id",
        "SELECT id FROM t WHERE {0} > 'A' ORDER BY id",
        "SELECT id FROM t WHERE {0} BETWEEN '1' AND 'a' ORDER BY id",
        "SELECT {0} FROM t ORDER BY {0}, id",
        "SELECT id FROM t ORDER BY {0} DESC, id LIMIT 3",
        "SELECT count(DISTINCT {0}) AS n FROM t",
        "SELECT min({0}) AS lo, max({0}) AS hi FROM t",
        "SELECT count(*) AS n FROM t GROUP BY {0} ORDER BY n",
        "SELECT id, upper({0}) AS u, lower({0}) AS l, length({0}) AS n FROM t ORDER BY id",
        "SELECT id FROM t WHERE {0} = 10 ORDER BY id",
        "SELECT id FROM t WHERE {0} > 5 ORDER BY id",
        "SELECT id, {0} || NULL AS x FROM t ORDER BY id",
        "SELECT id, {0} || 'z' AS x FROM t ORDER BY id",
        "SELECT id FROM t WHERE {0} || '' = 'a' ORDER BY id",
        "SELECT id FROM t WHERE {0} = v ORDER BY id",
        "SELECT id FROM t WHERE {0} IN (SELECT x FROM t WHERE id = 2) ORDER BY id",
        "SELECT CASE WHEN {0} = 'a' THEN 1 ELSE 0 END AS f, id FROM t ORDER BY id",
        "SELECT CASE {0} WHEN 'a' THEN 1 ELSE 0 END AS f, id FROM t ORDER BY id",
        "SELECT nullif({0}, 'A') AS f, id FROM t ORDER BY id",
    ]
    for column in "vcnx":
        for template in templates:
            twins.ask(template.format(column))
        for value in ("a", "a ", "A", "É", "", 10, None):
            twins.ask(f"SELECT id FROM t WHERE {column} = :x ORDER BY id", {"x": value})
    assert not twins.differences, "\n".join(twins.differences)


@pytest.mark.families("postgresql")
def test_nondeterministic_collation_is_the_origins(twins: Twins) -> None:
    """Under an ICU collation that ignores case, 'a' = 'A': nothing is compared by the store."""
    fill(
        twins.origin,
        "CREATE COLLATION ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE t (id int, a text COLLATE ignoring)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'A'), (3, 'é'), (4, 'É'), (5, 'b')",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, a FROM t ORDER BY id",
            "SELECT id FROM t WHERE a = 'A' ORDER BY id",
            "SELECT count(DISTINCT a) AS n FROM t",
            "SELECT count(*) AS n FROM t GROUP BY a ORDER BY n",
            "SELECT id FROM t WHERE a IN ('B', 'É') ORDER BY id",
            "SELECT id FROM t WHERE a IN (SELECT a FROM t WHERE id = 1) ORDER BY id",
            "SELECT id FROM t ORDER BY a, id",
            "SELECT max(id) AS m FROM t GROUP BY a ORDER BY m",
        ]
    )


# -- booleans, times, keys ---------------------------------------------------------------------


def test_boolean_isnt_an_integer_where_it_isnt(twins: Twins) -> None:
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER, b BOOLEAN, i INTEGER)",
        "INSERT INTO t VALUES (1, TRUE, 1), (2, FALSE, 0), (3, NULL, NULL), (4, TRUE, 2)",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, b FROM t ORDER BY id",
            "SELECT id FROM t WHERE b ORDER BY id",
            "SELECT id FROM t WHERE NOT b ORDER BY id",
            "SELECT id FROM t WHERE b = TRUE ORDER BY id",
            "SELECT id FROM t WHERE b IS TRUE ORDER BY id",
            "SELECT id FROM t WHERE b = 1 ORDER BY id",
            "SELECT id FROM t WHERE i = TRUE ORDER BY id",
            "SELECT id FROM t WHERE i ORDER BY id",
            "SELECT id, i > 1 AS x, b = TRUE AS y FROM t ORDER BY id",
            "SELECT sum(b) AS s FROM t",
            "SELECT max(b) AS s FROM t",
            "SELECT b, count(*) AS n FROM t GROUP BY b ORDER BY b",
            "SELECT id FROM t WHERE (i > 0) = b ORDER BY id",
        ]
    )


def test_keys_that_python_calls_equal_are_told_apart(twins: Twins) -> None:
    """1, True, 1.0, '1' and Decimal(1) as parameters of one statement."""
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER, i INTEGER, v VARCHAR(10), m NUMERIC(8,2))",
        "INSERT INTO t VALUES (1, 1, '1', 1), (2, 2, '1.0', 2), (3, 0, 'True', 0), (4, 1, '01', 1.00)",
    )
    values: list[Any] = [1, True, 1.0, "1", 0, False, 0.0, "0", 1.5, "1.0", "01", "x", None, b"1"]
    if twins.origin.family != "sqlite":
        values += [Decimal(1), Decimal("1.00"), Decimal("1.5")]

    for column in "ivm":
        for value in values:
            twins.ask(f"SELECT id FROM t WHERE {column} = :x ORDER BY id", {"x": value})
        for value in reversed(values):
            twins.ask(f"SELECT id FROM t WHERE {column} IN (:x, :x) ORDER BY id", {"x": value})

    assert not twins.differences, "\n".join(twins.differences)


def test_literal_of_another_type_is_compared_as_at_the_origin(twins: Twins) -> None:
    """Affinity: a text against a number, a number against a text, without any declared type."""
    fill(
        twins.origin,
        {
            "sqlite": "CREATE TABLE t (id INTEGER, i INTEGER, v VARCHAR(10), f REAL, w)",
            "postgresql": "CREATE TABLE t (id int, i int, v varchar(10), f double precision, w text)",
            "mariadb": "CREATE TABLE t (id int, i int, v varchar(10), f double, w text)",
        },
        "INSERT INTO t VALUES (1, 10, '10', 10, '10'), (2, 9, '9', 9, '9'), (3, 0, 'x', 0.5, 'x')",
    )
    twins.warm("t")
    literals = ["10", "'10'", "10.0", "'10.0'", "'x'", "1e1", "'  10'", "'0x0a'", "NULL", "'10 '"]

    twins.check(
        f"SELECT id FROM t WHERE {column} {operator} {literal} ORDER BY id"
        for column in "ivfw"
        for operator in ("=", "<", "IN")
        for literal in ([f"({x})" for x in literals] if operator == "IN" else literals)
    )


def test_moments_are_the_origins_in_any_session(twins: Twins) -> None:
    """Time zones, precision, comparison with text and with dates."""
    fill(
        twins.origin,
        {
            "sqlite": "CREATE TABLE t (id INTEGER, z TEXT, s TIMESTAMP, d DATE)",
            "postgresql": "CREATE TABLE t (id int, z timestamptz, s timestamp, d date)",
            "mariadb": "CREATE TABLE t (id int, z timestamp(6) NULL, s datetime(6), d date)",
        },
        "INSERT INTO t VALUES (1, '2021-03-28 00:30:00', '2021-03-28 02:30:00', '2021-03-28'),"
        " (2, '2021-10-31 00:30:00', '2021-10-31 02:30:00.5', '2021-10-31'),"
        " (3, '2021-10-31 01:30:00', '2021-10-31 02:30:00.123456', '2021-10-31'),"
        " (4, NULL, NULL, NULL), (5, '1970-01-02 00:00:00', '1970-01-01 00:00:00', '1970-01-01')",
    )
    twins.warm("t")

    twins.check(
        [
            "SELECT id, z, s, d FROM t ORDER BY id",
            "SELECT id FROM t ORDER BY z, id",
            "SELECT id FROM t ORDER BY s DESC, id",
            "SELECT max(z) AS a, max(s) AS b, min(d) AS c FROM t",
            "SELECT id FROM t WHERE s = '2021-10-31 02:30:00.5' ORDER BY id",
            "SELECT id FROM t WHERE s > '2021-10-31' ORDER BY id",
            "SELECT id FROM t WHERE s >= '2021-10-31 02:30:00.50' ORDER BY id",
            "SELECT id FROM t WHERE d = '2021-10-31' ORDER BY id",
            "SELECT id FROM t WHERE d < s ORDER BY id",
            "SELECT id FROM t WHERE z > '2021-10-31 00:00:00' ORDER BY id",
            "SELECT d, count(*) AS n FROM t GROUP BY d ORDER BY d",
        ]
    )
    if twins.origin.family == "sqlite":
        return
    moments: list[Any] = [dt.datetime(2021, 10, 31, 2, 30), dt.date(2021, 10, 31), "2021-10-31"]
    moments.append(dt.datetime(2021, 10, 31, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))))
    for value in moments:
        for column in "zsd":
            twins.ask(f"SELECT id FROM t WHERE {column} >= :x ORDER BY id", {"x": value})
    assert not twins.differences, "\n".join(twins.differences)


@pytest.mark.families("postgresql", "mariadb")
def test_time_zone_of_the_wrapped_engines_sessions_holds(origin: Origin) -> None:
    """A listener of the wrapped engine sets the zone of each session: the answers are in it."""
    fill(
        origin,
        {
            "postgresql": "CREATE TABLE t (id int, z timestamptz)",
            "mariadb": "CREATE TABLE t (id int, z timestamp NULL)",
        },
        "INSERT INTO t VALUES (1, '2021-03-28 00:30:00'), (2, '2021-10-31 00:30:00')",
    )
    twins = Twins(origin)
    zone = "SET TIME ZONE 'Asia/Kathmandu'" if origin.family == "postgresql" else "SET time_zone = '+05:45'"
    for engine in (twins.bare, twins.base):

        @event.listens_for(engine, "connect")
        def connected(connection: Any, record: object) -> None:
            cursor = connection.cursor()
            cursor.execute(zone)
            cursor.close()
            connection.commit()

    twins.check(
        [
            "SELECT id, z FROM t ORDER BY id",
            "SELECT id FROM t WHERE z < '2021-03-28 03:00:00' ORDER BY id",
            "SELECT max(z) AS m FROM t",
        ]
    )
    twins.engine.close()


# -- whose table ------------------------------------------------------------------------------


def test_partial_fetch_is_never_published(twins: Twins) -> None:
    """The driver fails in the middle of the rows: nothing of them is served, then or later."""
    fill(
        twins.origin,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " SELECT i, i FROM n",
        "INSERT INTO t SELECT id + 900, a FROM t",
        "INSERT INTO t SELECT id + 1800, a FROM t",
        "INSERT INTO t SELECT id + 3600, a FROM t",
    )
    ask = "SELECT count(*) AS n, sum(a) AS s FROM t"
    batches = [0]
    error = twins.base.dialect.loaded_dbapi.OperationalError

    @event.listens_for(twins.base, "after_cursor_execute")
    def fetched(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, *_: Any) -> None:
        if not is_data(statement) or batches[0]:
            return
        batches[0] = 1

        def broken(name: str) -> Any:
            given = getattr(cursor, name)

            def fetch(*arguments: Any, **keywords: Any) -> Any:
                batches[0] += 1
                if batches[0] > 3:
                    raise error("the connection broke in the middle")
                return given(*arguments, **keywords)

            return fetch

        context.cursor = _Broken(cursor, broken)

    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(twins.engine.execute(ask)[0]["n"])
        except DBAPIError:
            outcomes.append(None)
    twins.engine.invalidate("t")

    twins.check([ask])
    assert batches[0] > 3
    assert all(outcome in (None, 7200) for outcome in outcomes)


class _Broken:
    """A driver's cursor whose fetches are replaced."""

    def __init__(self, cursor: Any, replace: Any) -> None:
        self._cursor = cursor
        self._replace = replace

    def __getattr__(self, name: str) -> Any:
        return self._replace(name) if name.startswith("fetch") else getattr(self._cursor, name)


@pytest.mark.families("postgresql")
def test_search_path_decides_which_table_is_meant(origin: Origin) -> None:
    """Two schemas have a table of the same name; each engine's path, and each schema by name."""
    for number, schema in enumerate(("one", "two"), 1):
        origin.execute(
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.t (id int, a text)",
            f"INSERT INTO {schema}.t VALUES ({number}, '{schema}')",
        )
    for path in ("one,two", "two,one", "two"):
        twins = Twins(origin, connect_args={"options": f"-csearch_path={path}"})

        twins.check(["SELECT id, a FROM t", "SELECT id, a FROM one.t", "SELECT id, a FROM two.t"])
        twins.engine.invalidate("one.t")
        twins.check(["SELECT id, a FROM t", "SELECT id, a FROM one.t"])
        twins.engine.close()


@pytest.mark.families("postgresql")
def test_table_that_moves_in_front_on_the_search_path(origin: Origin) -> None:
    """After an invalidation the name is looked up anew."""
    origin.execute("CREATE SCHEMA front", "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    twins = Twins(origin, connect_args={"options": "-csearch_path=front,public"})
    twins.ask("SELECT id FROM t")
    origin.execute("CREATE TABLE front.t (id int)", "INSERT INTO front.t VALUES (2)")
    twins.engine.invalidate("t")

    twins.check(["SELECT id FROM t"])
    twins.engine.close()


@pytest.mark.families("mariadb")
def test_databases_of_one_server_are_told_apart(twins: Twins) -> None:
    other = f"{twins.origin.url.database}_other"
    twins.origin.execute(
        f"CREATE DATABASE {other}",
        f"CREATE TABLE {other}.t (id int)",
        f"INSERT INTO {other}.t VALUES (2)",
        "CREATE TABLE t (id int)",
        "INSERT INTO t VALUES (1)",
    )
    try:
        twins.check(["SELECT id FROM t", f"SELECT id FROM {other}.t", f"SELECT t.id FROM {other}.t AS t"])
    finally:
        twins.origin.execute(f"DROP DATABASE {other}")


@pytest.mark.families("postgresql")
def test_row_level_security_is_never_cached(twins: Twins) -> None:
    """A table with a policy, and a view over it, are the origin's for whoever asks."""
    reader = f"{twins.origin.url.database}_reader"  # roles are the server's, and other runs have theirs
    twins.origin.execute(
        "CREATE TABLE t (id int, owner text)",
        f"INSERT INTO t VALUES (1, '{reader}'), (2, 'other')",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON t USING (owner = current_user)",
        "CREATE VIEW v AS SELECT id FROM t",
        f"DROP ROLE IF EXISTS {reader}",
        f"CREATE ROLE {reader}",
        f"GRANT SELECT ON t TO {reader}",
        f"GRANT SELECT ON v TO {reader}",
    )
    try:
        for engine in (twins.bare, twins.base):
            event.listen(engine, "connect", _become(reader))

        twins.check(["SELECT id FROM t", "SELECT count(*) AS n FROM t", "SELECT id FROM v"])
        assert set(twins.outcomes.values()) == {Outcome.BYPASS}
        assert twins.engine.execute("SELECT id FROM t") == [{"id": 1}]
    finally:
        twins.origin.dispose()
        twins.engine.close()
        for engine in (twins.bare, twins.base):
            engine.dispose()
        twins.origin.execute(f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")


def _become(role: str) -> Any:
    def connected(connection: Any, record: object) -> None:
        connection.execute(f"SET ROLE {role}")
        connection.commit()

    return connected


@pytest.mark.families("postgresql", "sqlite")
def test_temporary_table_hides_the_cached_one(origin: Origin) -> None:
    """A session's temporary table of the same name is its own: the engine's sessions have one, it is read."""
    origin.execute("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    twins = Twins(origin)
    for engine in (twins.bare, twins.base):

        @event.listens_for(engine, "connect")
        def connected(connection: Any, record: object) -> None:
            cursor = connection.cursor()
            cursor.execute("CREATE TEMPORARY TABLE t (id int)")
            cursor.execute("INSERT INTO t VALUES (7)")
            cursor.close()
            connection.commit()

    schema = "main" if origin.family == "sqlite" else "public"
    twins.check(["SELECT id FROM t", f"SELECT id FROM {schema}.t"])
    assert twins.outcomes["SELECT id FROM t"] is Outcome.BYPASS
    twins.engine.close()


# -- values that are shared, doubled, odd -------------------------------------------------------


@pytest.mark.families("postgresql")
def test_changing_an_answer_changes_no_other(twins: Twins) -> None:
    """JSON and arrays are new objects at each call."""
    fill(
        twins.origin,
        "CREATE TABLE t (id int, j jsonb, a int[], b bytea)",
        """INSERT INTO t VALUES (1, '{"list": [1, {"deep": 2}]}', '{1,2}', 'ab')""",
    )
    ask = "SELECT id, j, a, b FROM t"

    for _ in range(3):
        rows = twins.engine.execute(ask)
        rows[0]["j"]["list"][1]["deep"] = "changed"
        rows[0]["a"].append(3)
        rows[0]["id"] = 99
        rows.append({})
        with twins.engine.connect() as connection:
            row = connection.execute(text(ask)).one()
            row.j["list"].clear()
            row.a.clear()

    twins.check([ask])


def test_duplicate_names_of_columns(twins: Twins) -> None:
    """A row has both; a dict has the last, as the bare engine's mapping."""
    fill(twins.origin, "CREATE TABLE t (id INTEGER, a INTEGER)", "INSERT INTO t VALUES (1, 2)")

    twins.check(["SELECT id, a AS id FROM t", "SELECT id, id, id FROM t", "SELECT a, id AS a, a AS b FROM t"])
    assert twins.engine.execute("SELECT id, a AS id FROM t") == [{"id": 2}]


def test_names_that_need_quotes(twins: Twins) -> None:
    """Case, blanks, dots, quotes, per cent signs, reserved words, and names of the store's own."""
    mysql = twins.origin.family == "mariadb"

    def quoted(name: str) -> str:
        return f"`{name}`" if mysql else '"' + name.replace('"', '""') + '"'

    tables = ["data", "with.dot", "with blank", "100%", "select", "s1", "main", "Übung", "o'clock", "a:b"]
    columns = ["select", "with.dot", "a b", "100%", "c0", "data", "main", "t1", "Ümlaut", "o'clock"]
    if not mysql:
        tables.append('quo"te')
        columns.append('quo"te')
    literals = ", ".join(str(number) for number in range(len(columns)))
    for table in tables:
        declared = ", ".join(f"{quoted(column)} INTEGER" for column in columns)
        for statement in (
            f"CREATE TABLE {quoted(table)} ({declared})",
            f"INSERT INTO {quoted(table)} VALUES ({literals})",
        ):
            twins.origin.execute(statement.replace("%", "%" if twins.origin.family == "sqlite" else "%%"))

    for table in tables:
        name = quoted(table).replace(":", "\\:")
        for column in columns:
            key = quoted(column)
            twins.ask(f"SELECT {key} FROM {name}")
            twins.ask(f"SELECT {key} AS x FROM {name} AS y WHERE y.{key} >= 0 ORDER BY y.{key}")
        twins.engine.invalidate(table)
    assert not twins.differences, "\n".join(twins.differences)
    served = [statement for statement, outcome in twins.outcomes.items() if outcome is Outcome.HIT]
    assert len(served) > len(twins.outcomes) / 2


@pytest.mark.families("postgresql")
def test_names_that_differ_in_case_only(twins: Twins) -> None:
    fill(
        twins.origin,
        'CREATE TABLE t ("Id" int, id int, "ID" int)',
        "INSERT INTO t VALUES (1, 2, 3)",
        'CREATE TABLE "T" (id int)',
        'INSERT INTO "T" VALUES (9)',
    )

    twins.check(
        [
            'SELECT "Id", id, "ID" FROM t',
            "SELECT ID FROM t",
            "SELECT Id FROM T",
            'SELECT id FROM "T"',
            'SELECT "Id" FROM t WHERE "ID" = 3 AND ID = 2',
            'SELECT x."Id" AS "iD", x.ID AS id FROM t AS x ORDER BY "iD"',
            'SELECT sum("Id") AS "S", sum("ID") AS s FROM t',
        ]
    )


@pytest.mark.families("sqlite", "mariadb")
def test_names_ignore_case_where_the_origin_does(twins: Twins) -> None:
    fill(twins.origin, "CREATE TABLE t (Id INTEGER, MiXed INTEGER)", "INSERT INTO t VALUES (1, 2)")

    twins.check(
        ["SELECT id, MIXED FROM t", "SELECT ID, mixed AS M FROM t WHERE mIxEd = 2", "SELECT Id FROM t"]
    )


def test_hidden_columns_are_the_origins(twins: Twins) -> None:
    """rowid, oid, ctid: what no catalogue lists isn't the store's row id."""
    fill(
        twins.origin,
        "CREATE TABLE t (a INTEGER)",
        "INSERT INTO t VALUES (5), (6)",
        "DELETE FROM t WHERE a = 5",
    )
    twins.warm("t")

    twins.check(
        [f"SELECT {name}, a FROM t" for name in ("rowid", "oid", "_rowid_", "ctid", "xmin")]
        + ["SELECT a FROM t WHERE rowid = 1", "SELECT a FROM t ORDER BY rowid"]
    )


@pytest.mark.families("sqlite", "mariadb")
def test_columns_named_like_the_row_id(twins: Twins) -> None:
    fill(
        twins.origin,
        "CREATE TABLE t (rowid VARCHAR(5), oid INTEGER, _rowid_ INTEGER)",
        "INSERT INTO t VALUES ('x', 7, 8), ('y', 5, 6)",
    )

    twins.check(
        [
            "SELECT rowid, oid, _rowid_ FROM t ORDER BY oid",
            "SELECT rowid FROM t WHERE oid = 7",
            "SELECT oid FROM t",
        ]
    )


@pytest.mark.families("postgresql")
@pytest.mark.filterwarnings("ignore:Did not recognize type")
def test_types_of_the_users_own(twins: Twins) -> None:
    """Enums are ordered by declaration, domains are their base type or nobody's, composites opaque."""
    twins.origin.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
        "CREATE DOMAIN positive AS numeric(6,1) CHECK (VALUE > 0)",
        "CREATE DOMAIN code AS char(3)",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE TABLE t (id int, e mood, p positive, c code, q pair, r int4range, h inet, y bit(3), m money)",
        "INSERT INTO t VALUES (1, 'happy', 1.5, 'a', (1, 'x'), '[1,5)', '10.0.0.1', B'101', 12.5),"
        " (2, 'sad', 2, 'b', NULL, 'empty', '10.0.0.0/8', B'000', 3),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )

    twins.check(
        [f"SELECT id, {column} FROM t ORDER BY id" for column in "epcqrhym"]
        + [f"SELECT id FROM t ORDER BY {column}, id" for column in "epcqrhym"]
        + [f"SELECT count(DISTINCT {column}) AS n FROM t" for column in "epcqrhym"]
        + [f"SELECT max({column}) AS n FROM t" for column in "epch"]
        + [
            "SELECT id FROM t WHERE e > 'sad' ORDER BY id",
            "SELECT id FROM t WHERE e = 'angry' ORDER BY id",
            "SELECT id FROM t WHERE p > 1.5 ORDER BY id",
            "SELECT id FROM t WHERE c = 'a' ORDER BY id",
            "SELECT sum(p) AS s FROM t",
            "SELECT id FROM t WHERE r @> 3 ORDER BY id",
        ]
    )


@pytest.mark.families("mariadb")
def test_types_of_mariadb_alone(twins: Twins) -> None:
    twins.origin.execute(
        "CREATE TABLE t (id int, e enum('sad','ok','happy'), s set('x','y'), y year, u bigint unsigned,"
        " z int zerofill, b bit(3), t1 tinyint(1), tm time(3), j json, f float)",
        "INSERT INTO t VALUES (1, 'happy', 'x,y', 1999, 18446744073709551615, 7, b'101', 5,"
        " '-30:00:00.5', '[1]', 0.1),"
        " (2, 'sad', '', 2024, 0, 12, b'0', 0, '838:59:59', NULL, 1e10),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    columns = ("e", "s", "y", "u", "z", "b", "t1", "tm", "j", "f")

    twins.check(
        [f"SELECT id, {column} FROM t ORDER BY id" for column in columns]
        + [f"SELECT id FROM t ORDER BY {column}, id" for column in columns]
        + [f"SELECT count(DISTINCT {column}) AS n FROM t" for column in columns]
        + [f"SELECT max({column}) AS hi, min({column}) AS lo FROM t" for column in columns]
        + [
            "SELECT id FROM t WHERE e = 'HAPPY' ORDER BY id",
            "SELECT id FROM t WHERE e > 1 ORDER BY id",
            "SELECT id FROM t WHERE u > 9223372036854775807 ORDER BY id",
            "SELECT u - 1 AS x FROM t ORDER BY id",
            "SELECT sum(u) AS x FROM t",
            "SELECT id FROM t WHERE f = 0.1 ORDER BY id",
            "SELECT id FROM t WHERE tm < '00:00:00' ORDER BY id",
            "SELECT id FROM t WHERE t1 = TRUE ORDER BY id",
            "SELECT id FROM t WHERE t1 ORDER BY id",
            "SELECT id FROM t WHERE y = 24 ORDER BY id",
        ]
    )


def test_generated_columns(twins: Twins) -> None:
    fill(
        twins.origin,
        "CREATE TABLE t (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED)",
        "INSERT INTO t (a) VALUES (1), (5), (NULL)",
    )

    twins.check(["SELECT a, b FROM t", "SELECT a FROM t WHERE b > 2", "SELECT sum(b) AS s FROM t"])


def test_very_wide_table(twins: Twins) -> None:
    """As many columns as SQLite has places for parameters are too many for nobody."""
    count = 1_000 if twins.origin.family != "mariadb" else 900
    names = [f"c{number}" for number in range(count)]
    fill(
        twins.origin,
        f"CREATE TABLE t ({', '.join(f'{name} INTEGER' for name in names)})",
        f"INSERT INTO t VALUES ({', '.join(map(str, range(count)))})",
    )

    twins.check([f"SELECT {', '.join(names)} FROM t", f"SELECT c1 FROM t WHERE {names[-1]} = {count - 1}"])


def test_table_without_rows(twins: Twins) -> None:
    """Names and types of the columns, aggregates over nothing, and no rows."""
    fill(twins.origin, "CREATE TABLE t (id INTEGER, m NUMERIC(5,2), v VARCHAR(5), d DATE)")
    twins.warm("t")

    twins.check(
        [
            "SELECT id, m, v, d FROM t ORDER BY id",
            "SELECT count(*) AS n, sum(id) AS s, max(m) AS x, min(d) AS y, avg(id) AS a FROM t",
            "SELECT id, count(*) AS n FROM t GROUP BY id",
            "SELECT EXISTS (SELECT 1 FROM t) AS e",
            "SELECT (SELECT max(id) FROM t) AS e",
        ]
    )


def test_table_without_a_key_keeps_its_duplicates(twins: Twins) -> None:
    fill(
        twins.origin,
        "CREATE TABLE t (a INTEGER, b VARCHAR(5))",
        "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (1, 'X')",
    )

    twins.check(
        ["SELECT a, b FROM t", "SELECT a FROM t", "SELECT count(*) AS n FROM t", "SELECT DISTINCT a FROM t"]
    )


@pytest.mark.families("sqlite")
def test_any_value_in_any_column(twins: Twins) -> None:
    """SQLite's columns hold what they are given, whatever they were declared."""
    twins.origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, v VARCHAR(5), n NUMERIC, b BOOLEAN, d DATE, w)",
        "INSERT INTO t VALUES (1, 'x', 5, '1.50', 'yes', 20200101, x'00ff'),"
        " (2, 1.5, x'41', 1.0, 2, '2020', 1.0),"
        " (3, '7', 1.0, '1e2', NULL, 1.5, '1'), (4, 9e999, '', 9223372036854775807, 0, '', 1),"
        " (5, 2, '2', 3, 1, NULL, -0.0)",
    )
    twins.warm("t")

    twins.check(
        [f"SELECT id, {column}, typeof({column}) AS k FROM t ORDER BY id" for column in "ivnbdw"]
        + [f"SELECT id FROM t ORDER BY {column}, id" for column in "ivnbdw"]
        + [
            f"SELECT max({column}) AS hi, min({column}) AS lo, count(DISTINCT {column}) AS n FROM t"
            for column in "ivnbdw"
        ]
        + [
            f"SELECT sum({column}) AS s, avg({column}) AS a, total({column}) AS t FROM t"
            for column in "ivnbdw"
        ]
        + [
            f"SELECT id FROM t WHERE {column} {test} ORDER BY id"
            for column in "ivnbdw"
            for test in (
                "= 1",
                "= '1'",
                "> 1",
                "< 'a'",
                "= 1.0",
                "IN (1, '5', 2)",
                "= x'41'",
                "BETWEEN 0 AND '9'",
            )
        ]
    )


@pytest.mark.families("sqlite")
def test_an_integer_key_that_isnt_the_row_id_may_hold_null(origin: Origin) -> None:
    """INTEGER PRIMARY KEY DESC is kept in an index; the store must not number its NULLs."""
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, v INTEGER)",
        "INSERT INTO t VALUES (NULL, 2), (NULL, 3), (7, 1)",
    )
    with CachingEngine(origin.engine()) as engine:
        answers = [engine.execute("SELECT id, v FROM t ORDER BY v") for _ in range(2)]

    assert [list(answer) for answer in answers] == [
        [{"id": 7, "v": 1}, {"id": None, "v": 2}, {"id": None, "v": 3}]
    ] * 2
