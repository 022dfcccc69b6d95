"""Invariant: on SQLite an expression of the store gives what the bare engine's gives, in value and type.

Each statement is asked over hostile values, cold and warm, and where it says so it must be the store
that answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from support.exact import same

from sqlmem import CachingEngine, last_status

COLUMNS = ("n", "r", "d", "t", "c", "p", "b", "m", "k")
CREATE = (
    "CREATE TABLE v (id INTEGER PRIMARY KEY, n INTEGER, r REAL, d NUMERIC(10,2), t TEXT,"
    " c TEXT COLLATE NOCASE, p VARCHAR(9) COLLATE RTRIM, b, m TIMESTAMP, k JSON)"
)
ROWS: tuple[tuple[Any, ...], ...] = (
    (3, 0, 0.5, 1.5, "a", "a", "a", 1, "2024-02-29", '{"x": 1, "y": [1, 2.5, "z"]}'),
    (9, None, None, None, None, None, None, None, None, None),
    (1, -7, -1.75, -3.25, "A", "B", "b ", 1.0, "1999-12-31 23:59:59", '{"x": "v"}'),
    (20, 2, 1e15, 2, "é", "É", "", "1", "nonsense", "[1, 2]"),
    (12, 9007199254740993, 0.25, 0.5, "", "", " x", b"a\x00b", "2024-01-01T00:00:00Z", '{"x": null}'),
    (15, 2147483647, 3.0, 100, "12", "zz", "zz", b"", "", "5"),
    (7, 1, -0.5, 0.25, "a b'c", "x%y", "\U0001f600", "x", "2460000.5", '"s"'),
)
VALUES = ("n", "r", "d", "t", "c", "b", "m")

# Functions of one value: over every column of hostile values.
_ONE = """
    abs length octet_length lower upper trim ltrim rtrim hex quote typeof unicode round sign soundex likely
    unlikely ceil floor trunc sqrt exp ln log log10 log2 sin cos atan degrees radians date time datetime
    julianday unixepoch json_valid json_quote unhex zeroblob
"""
ONE = _ONE.split()
MORE = (
    "substr({0}, 2)",
    "substr({0}, -2, 1)",
    "substring({0}, 0, 3)",
    "trim({0}, 'a')",
    "rtrim({0}, ' b')",
    "replace({0}, 'a', 'bb')",
    "instr({0}, 'a')",
    "instr('abc', {0})",
    "coalesce({0}, 'none')",
    "ifnull({0}, 0)",
    "nullif({0}, 'a')",
    "iif({0}, 1, 'no')",
    "max({0}, 1)",
    "min({0}, 'a', 2)",
    "round({0}, 1)",
    "printf('%s|%d|%.2f|%5s', {0}, {0}, {0}, {0})",
    "format('%q', {0})",
    "glob('a*', {0})",
    "like('a%', {0})",
    "char(65, {0})",
    "pow({0}, 2)",
    "mod({0}, 3)",
    "log(2, {0})",
    "likelihood({0}, 0.5)",
    "concat({0}, 'x')",
    "concat_ws('-', {0}, {0})",
    "strftime('%Y-%m', {0})",
    "date({0}, 'start of month', '+1 month', '-1 day')",
    "datetime({0}, '-3 hours')",
    "timediff({0}, '2020-01-01')",
    "- {0}",
    "-(-5)",
    "~{0}",
    "{0} + 1",
    "{0} - 0.5",
    "{0} * {0}",
    "7 / {0}",
    "{0} % 3",
    "{0} || 'x'",
    "{0} & 6",
    "{0} | 1",
    "{0} << 2",
    "{0} >> 1",
    "CAST({0} AS INTEGER)",
    "CAST({0} AS TEXT)",
    "CAST({0} AS REAL)",
    "CAST({0} AS NUMERIC)",
    "CAST({0} AS BLOB)",
    "CAST({0} AS DECIMAL(10, 1))",
    "CAST({0} AS DATE)",
    "CAST({0} AS BOOLEAN)",
    "CAST({0} AS VARCHAR(3))",
    "CASE WHEN {0} THEN {0} ELSE 'none' END",
    "CASE {0} WHEN 1 THEN 'one' WHEN 'a' THEN 2 END",
    "{0} = '1'",
    "{0} = 1",
    "{0} IS 'a'",
    "{0} IS NOT 1.0",
    "{0} IS NULL",
    "{0} NOTNULL",
    "{0} ISNULL",
    "{0} BETWEEN 'a' AND 'b'",
    "{0} IN (1, 'a', NULL)",
    "{0} NOT IN (1, 'a')",
    "{0} LIKE 'A%'",
    "{0} NOT LIKE 'a%'",
    "{0} LIKE 'x!%y' ESCAPE '!'",
    "{0} NOT LIKE 'x!%y' ESCAPE '!'",
    "{0} GLOB 'a*'",
    "{0} NOT GLOB '[a-c]'",
    "{0} COLLATE NOCASE = 'A'",
    "'A' = {0} COLLATE NOCASE",
    "{0} COLLATE BINARY = 'A'",
    "({0}, 1) = ('a', 1)",
    "({0}, id) IN (SELECT b, id FROM v)",
    "{0} IN (SELECT b FROM v)",
    "(SELECT max(n) FROM v) = {0}",
)
JSON = (
    "k -> '$.x'",
    "k ->> '$.x'",
    "k ->> 'x'",
    "k -> 0",
    "json_extract(k, '$.x')",
    "json_extract(k, '$.y[1]', '$.x')",
    "json_type(k)",
    "json_type(k, '$.y')",
    "json_array_length(k)",
    "json_array(n, t, json(k))",
    "json_object('a', n, 'b', k)",
    "json_set(k, '$.x', n)",
    "json_remove(k, '$.x')",
    "json_patch(k, '{}')",
    "json_quote(json_extract(k, '$.y'))",
)

Answer = tuple[str, Any]


class Pair:
    """A bare engine and a caching one over one file."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.bare = sa.create_engine(f"sqlite:///{path}")
        self.engine = CachingEngine(f"sqlite:///{path}", cache_db="", **options)
        self._wrapped: sa.Engine | None = None  # the test's own, which the cache leaves open

    def wrap(self, engine: sa.Engine) -> None:
        """From now on cache this one."""
        self.engine.close()
        self.engine, self._wrapped = CachingEngine(engine, cache_db=""), engine

    def write(self, *statements: str) -> None:
        with sqlite3.connect(self.path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    def ask(self, statement: str, parameters: Mapping[str, Any] | None = None) -> str | None:
        """Compare the answers, cold and warm; the reason if the last was the origin's."""
        expected = answer(self.bare, statement, parameters)
        for way in ("cold", "warm"):
            given = answer(self.engine, statement, parameters)
            status = last_status()
            assert agree(expected, given, is_ordered="ORDER BY" in statement), (
                f"{way}: {statement} {parameters}\n  bare {expected}\n  here {given}\n  {status}"
            )
        assert status is not None
        return status.reason

    def local(self, statements: Iterable[str], parameters: Mapping[str, Any] | None = None) -> None:
        """Compare, and the store must have answered; except what the bare engine has an error for."""
        reasons = {statement: self.ask(statement, parameters) for statement in statements}
        refused = {
            statement: reason
            for statement, reason in reasons.items()
            if reason is not None and answer(self.bare, statement, parameters)[0] == "rows"
        }
        assert refused == {}

    def origins(self, statements: Iterable[str], parameters: Mapping[str, Any] | None = None) -> None:
        """Compare, and the origin must have answered."""
        answered = [statement for statement in statements if self.ask(statement, parameters) is None]
        assert answered == []

    def close(self) -> None:
        self.engine.close()
        self.bare.dispose()
        if self._wrapped is not None:
            self._wrapped.dispose()


def answer(engine: sa.Engine, statement: str, parameters: Mapping[str, Any] | None) -> Answer:
    try:
        with engine.connect() as connection:
            result = connection.execute(text(statement), dict(parameters or {}))
            return "rows", (tuple(result.keys()), [tuple(row) for row in result])
    except sa.exc.DBAPIError as error:
        return "error", (type(error), type(error.orig))


def agree(one: Answer, other: Answer, *, is_ordered: bool) -> bool:
    if one[0] != other[0] or one[0] == "error":
        return one == other
    (one_keys, one_rows), (other_keys, other_rows) = one[1], other[1]
    if not is_ordered:
        one_rows, other_rows = sorted(one_rows, key=repr), sorted(other_rows, key=repr)
    return one_keys == other_keys and same(one_rows, other_rows)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    found = Pair(tmp_path / "origin.db")
    with sqlite3.connect(found.path) as connection:
        connection.execute(CREATE)
        connection.executemany(f"INSERT INTO v VALUES ({', '.join('?' * 10)})", ROWS)
    connection.close()
    yield found
    found.close()


# -- expressions -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONE)
def test_function_of_one_value_is_the_stores(pair: Pair, name: str) -> None:
    """Over numbers, texts, blobs and NULL; what the library lacks or refuses is the bare engine's error."""
    pair.local(f"SELECT id, {name}({column}) AS x FROM v" for column in (*VALUES, "k"))


@pytest.mark.parametrize("form", MORE)
def test_expression_is_the_stores(pair: Pair, form: str) -> None:
    """As a column, and as a condition."""
    for column in VALUES:
        expression = form.format(column)
        pair.local(
            [f"SELECT id, {expression} AS x FROM v", f"SELECT id FROM v WHERE {expression} ORDER BY id DESC"]
        )


@pytest.mark.parametrize("form", JSON)
def test_json_is_the_stores(pair: Pair, form: str) -> None:
    """Its marks pass from one function to the next; its errors are the bare engine's."""
    pair.local([f"SELECT id, {form} AS x FROM v", f"SELECT id FROM v WHERE {form} = 1"])


def test_parameters_stand_where_constants_do(pair: Pair) -> None:
    """Of every type that the driver has, a truth value among them."""
    statements = (
        "SELECT id, coalesce(b, :p) AS x FROM v",
        "SELECT id, substr(t, :p) AS x FROM v",
        "SELECT id, :p AS x FROM v",
        "SELECT id FROM v WHERE n = :p",
        "SELECT id FROM v WHERE :p = :p",
        "SELECT id, t || :p AS x FROM v",
        "SELECT id, k ->> :p AS x FROM v",
        "SELECT id, :p + 1 FROM v",
        "SELECT id, date(m, :p) AS x FROM v",
    )
    for value in (0, 1, -7, 1.5, "a", "", "é", b"a", None, True, False, "+1 day", "$.x"):
        pair.local(statements, {"p": value})


def test_jsons_mark_that_a_derived_table_may_have_lost_is_the_origins(pair: Pair) -> None:
    """json_array(x) of a JSON value is another one than of the same text."""
    pair.origins(["SELECT json_array(d.x) AS y FROM (SELECT json_extract(k, '$.y') AS x FROM v) AS d"])


def test_unary_plus_takes_the_affinity_and_isnt_lost(pair: Pair) -> None:
    """+n = '2' is false of the integer 2, n = '2' is true."""
    pair.origins(["SELECT id FROM v WHERE +n = '2'", "SELECT +n FROM v"])
    pair.local(["SELECT id FROM v WHERE n = '2'"])


# -- the present -------------------------------------------------------------------------------


def test_what_depends_on_the_present_is_the_origins(pair: Pair) -> None:
    """Said in the text, whatever its case; the answers are of one day only."""
    pair.origins(
        [
            "SELECT id, date('now', 'start of year') AS x FROM v",
            "SELECT id, strftime('%Y', 'NOW') AS x FROM v",
            "SELECT id, strftime('%Y') AS x FROM v",
            "SELECT id, date() AS x FROM v",
            "SELECT id, date(m, 'localtime') AS x FROM v",
            "SELECT id, datetime(m, 'UTC') AS x FROM v",
            "SELECT id, CURRENT_DATE AS x FROM v",
        ]
    )


def test_a_value_that_means_the_present_is_the_origins(pair: Pair) -> None:
    """A column's, a computed one, a parameter; other values of the same statement are the store's."""
    pair.local(["SELECT id, date(m) AS x FROM v", "SELECT id, date(substr(m, 1, 10)) AS x FROM v"])
    pair.local(["SELECT id, date(m, :p) AS x FROM v"], {"p": "+1 day"})
    pair.local(["SELECT id, date(:p) AS x FROM v"], {"p": "2024-01-31"})

    pair.origins(["SELECT id, date(:p) AS x FROM v"], {"p": "noW"})
    pair.origins(["SELECT id, date(m, :p) AS x FROM v"], {"p": "LocalTime"})
    pair.write("INSERT INTO v (id, m) VALUES (99, 'Now')")
    pair.engine.invalidate("v")
    pair.origins(["SELECT id, date(m) AS x FROM v", "SELECT id, date(substr(m, 1, 3)) AS x FROM v"])
    pair.local(["SELECT id, date(m) AS x FROM v WHERE id < 99"])


# -- sums of floats ----------------------------------------------------------------------------


def test_exact_sums_of_floats_are_the_stores(pair: Pair) -> None:
    """Multiples of a power of two add up alike in any order."""
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, g INTEGER, x REAL, y NUMERIC(10,2), z INTEGER)",
        "CREATE INDEX f_g ON f (g, x)",
        *(
            f"INSERT INTO f VALUES ({key}, {key % 3}, {(key - 20) * 0.25}, {key % 7 * 1.5}, {key * 3})"
            for key in range(50)
        ),
    )

    pair.local(
        f"SELECT g, {name}({value}) AS s FROM f WHERE g < 2 GROUP BY g"
        for name in ("sum", "avg", "total", "sum(DISTINCT x) + sum")
        for value in (
            "x",
            "y",
            "z",
            "x + y",
            "x * y",
            "x * 2",
            "-x",
            "abs(x)",
            "CASE WHEN g THEN x ELSE 0 END",
        )
    )
    pair.local(["SELECT id, sum(x) OVER (ORDER BY id) AS s FROM f"])


def test_sums_that_show_the_order_are_the_origins(pair: Pair) -> None:
    """Tenths behind an index that another plan may use; and sums that are too large to be exact."""
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, g INTEGER, x REAL, big INTEGER)",
        "CREATE INDEX f_g ON f (g, x)",
        *(f"INSERT INTO f VALUES ({key}, {key % 3}, {key * 0.1}, {2**61 + key})" for key in range(50)),
    )

    pair.origins(
        [
            "SELECT sum(x) AS s FROM f WHERE g < 2",
            "SELECT g, avg(x) AS s FROM f GROUP BY g",
            "SELECT g, sum(x * g) AS s FROM f GROUP BY g",
            "SELECT avg(big) AS s FROM f WHERE g < 2",
            "SELECT sum(big) AS s FROM f WHERE g > 0",
            "SELECT id, sum(x) OVER (ORDER BY id) AS s FROM f",
        ]
    )


def test_a_query_that_is_named_twice_is_added_up_twice(pair: Pair) -> None:
    """The bound of an exact sum counts the rows as often as they are read."""
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, x REAL)",
        *(f"INSERT INTO f VALUES ({key}, {2.0**50!r})" for key in range(7)),
    )
    twice = "SELECT x FROM k UNION ALL SELECT x FROM k"

    pair.local(["WITH k AS (SELECT x FROM f WHERE id < 3) SELECT sum(d.x) AS s FROM (SELECT x FROM k) AS d"])
    pair.origins([f"WITH k AS (SELECT x FROM f) SELECT sum(d.x) AS s FROM ({twice}) AS d"])


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
@pytest.mark.parametrize(
    "index",
    [
        "CREATE INDEX f_x ON f (x)",
        "CREATE INDEX f_d ON f (g DESC)",
        "CREATE INDEX f_e ON f (g + 1)",
        "CREATE INDEX f_p ON f (g) WHERE g > 1",
    ],
)
def test_an_index_that_could_order_otherwise_leaves_the_sum_to_the_origin(pair: Pair, index: str) -> None:
    """One that holds the addends; descending, of expressions or partial ones whatever they hold."""
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, g INTEGER, x REAL)",
        index,
        *(f"INSERT INTO f VALUES ({key}, {key % 3}, {key * 0.1})" for key in range(50)),
    )

    pair.origins(["SELECT sum(x) AS s FROM f", "SELECT g, sum(x) AS s FROM f GROUP BY g"])


@pytest.mark.parametrize(
    "create",
    ["CREATE TABLE f (id INTEGER PRIMARY KEY, x REAL) WITHOUT ROWID", "CREATE TABLE f (id INTEGER, x REAL)"],
)
def test_without_a_key_that_is_the_row_id_the_order_isnt_known(pair: Pair, create: str) -> None:
    """The store would have the rows in the order in which they came."""
    pair.write(create, *(f"INSERT INTO f VALUES ({key}, {key * 0.1})" for key in range(50)))

    pair.origins(["SELECT sum(x) AS s FROM f"])


@pytest.mark.parametrize("pragma", ["reverse_unordered_selects = 1", "threads = 2"])
def test_a_pragma_that_changes_the_order_leaves_sums_to_the_origin(tmp_path: Path, pragma: str) -> None:
    """It is set on each of the pool's connections, as an application would."""
    pair = Pair(tmp_path / "origin.db")
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, x REAL)",
        *(f"INSERT INTO f VALUES ({key}, {key * 0.1})" for key in range(50)),
    )
    base = sa.create_engine(f"sqlite:///{pair.path}")
    for engine in (pair.bare, base):
        event.listen(engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))
    pair.wrap(base)

    pair.origins(["SELECT sum(x) AS s FROM f"])
    pair.close()


def test_float_aggregates_local_leaves_all_sums_to_the_store(tmp_path: Path) -> None:
    """Then the last digits may differ, and nothing else."""
    pair = Pair(tmp_path / "origin.db", float_aggregates="local")
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, g INTEGER, x REAL)",
        "CREATE INDEX f_g ON f (g, x)",
        *(f"INSERT INTO f VALUES ({key}, {key % 3}, {key * 0.1})" for key in range(50)),
    )

    rows = pair.engine.execute("SELECT g, sum(x) AS s, avg(x) AS a FROM f GROUP BY g ORDER BY g")

    assert rows.status.reason is None
    with pair.bare.connect() as connection:
        expected = connection.execute(text("SELECT g, sum(x), avg(x) FROM f GROUP BY g ORDER BY g")).all()
    assert [tuple(row.values()) for row in rows] == [pytest.approx(tuple(row)) for row in expected]
    pair.close()


# -- equal and not the same --------------------------------------------------------------------


def test_one_of_equal_values_is_the_stores_where_they_are_the_same(pair: Pair) -> None:
    """Under NOCASE as long as no two differ in case only; of computed values as long as all are integers."""
    pair.local(
        [
            "SELECT c, count(*) AS s FROM v GROUP BY c",
            "SELECT DISTINCT c FROM v",
            "SELECT min(c) AS a, max(c) AS z FROM v",
            "SELECT DISTINCT n % 3 AS x FROM v",
            "SELECT coalesce(n, 0) AS x, count(*) AS s FROM v GROUP BY coalesce(n, 0)",
        ]
    )
    pair.origins(["SELECT DISTINCT b FROM v", "SELECT b FROM v UNION SELECT r FROM v"])
    pair.write("INSERT INTO v (id, c) VALUES (50, 'A')")
    pair.engine.invalidate("v")
    pair.origins(["SELECT c, count(*) AS s FROM v GROUP BY c", "SELECT min(c) AS a FROM v"])


def test_a_collation_goes_through_casts_and_functions(pair: Pair) -> None:
    """CAST keeps the column's, COLLATE reaches the comparison around a function."""
    pair.write(
        "INSERT INTO v (id, c, t) VALUES (50, 'A', 'a')", "INSERT INTO v (id, c, t) VALUES (51, 'a', 'A')"
    )

    pair.local(
        [
            "SELECT id FROM v WHERE lower(t COLLATE NOCASE) || 'X' = 'ax'",
            "SELECT id FROM v WHERE CAST(c AS TEXT) = 'A'",
        ]
    )
    pair.origins(
        ["SELECT DISTINCT CAST(c AS TEXT) AS x FROM v", "SELECT DISTINCT t COLLATE NOCASE AS x FROM v"]
    )


def test_a_compound_of_unequal_affinities_keeps_the_values(pair: Pair) -> None:
    """Read out of a derived table, a REAL column would make a float of the other side's integer."""
    pair.origins(["SELECT r AS x FROM v UNION ALL SELECT n FROM v"])
    pair.local(["SELECT n AS x FROM v UNION ALL SELECT t FROM v"])
    pair.origins(["SELECT d.x FROM (SELECT n AS x FROM v UNION ALL SELECT t FROM v) AS d WHERE d.x = '2'"])


def test_columns_beside_the_extreme_of_the_key_are_those_of_its_row(pair: Pair) -> None:
    """Of another column several rows may have it, and any of them is the origin's choice."""
    pair.local(
        [
            "SELECT n % 2 AS g, max(id) AS last, t, c FROM v GROUP BY n % 2",
            "SELECT min(ID) AS first, upper(t) AS x FROM v WHERE n > 0",
            "SELECT max(rowid) AS last, b FROM v WHERE n > 1e9 GROUP BY typeof(t)",
        ]
    )
    pair.origins(
        [
            "SELECT n % 2 AS g, max(r) AS most, t FROM v GROUP BY n % 2",
            "SELECT max(id) AS last, min(id) AS first, t FROM v GROUP BY n % 2",
            "SELECT max(id) AS last, count(*) AS s, t FROM v GROUP BY n % 2",
            "SELECT t FROM v GROUP BY n % 2",
        ]
    )


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "s = json(:x) AND id < 0",
        "id < 0 AND s IN (json(:x), 'b')",
        "id < 0 AND n > abs(:least)",
        "id < 0 AND s > json_extract(:x, '$.a')",
        "id < 0 AND s = (:x -> '$.a')",
        "id < 0 AND s = coalesce(json(:x), 'b')",
    ],
)
def test_a_constant_that_fails_where_the_origin_has_an_index_is_the_origins(
    pair: Pair, condition: str
) -> None:
    """An index that the store lacks has its constant computed before any row is looked at."""
    pair.write(
        "CREATE TABLE f (id INTEGER PRIMARY KEY, s TEXT, n INTEGER, other TEXT)",
        "CREATE INDEX f_s ON f (s, other)",
        "CREATE INDEX f_n ON f (n, other)",
        "INSERT INTO f VALUES (1, 'a', 1, 'c'), (2, 'b', 2, 'd')",
    )
    given = {
        name: value for name, value in (("x", "no JSON"), ("least", -(2**63))) if f":{name}" in condition
    }

    pair.origins([f"SELECT id FROM f WHERE {condition}"], given)


def test_names_are_given_as_the_origin_gives_them(pair: Pair) -> None:
    """A column's as declared, the row id's as the key's, an expression's as it is written."""
    pair.local(
        [
            "SELECT ID, T FROM v",
            "SELECT rowid, OID, _rowid_ FROM v WHERE rowid > 3",
            "SELECT v.rowid AS x FROM v ORDER BY oid",
            "SELECT main.v.id FROM main.v",
            "SELECT  Id + 1,  upper( t ) FROM v",
        ]
    )


def test_a_row_id_that_isnt_the_key_is_the_origins(pair: Pair) -> None:
    """The store numbers its rows itself; INTEGER PRIMARY KEY DESC is no row id, and holds NULL."""
    pair.write(
        "CREATE TABLE a (x INTEGER)",
        "INSERT INTO a (rowid, x) VALUES (7, 1), (3, 2)",
        "CREATE TABLE k (x INTEGER PRIMARY KEY DESC, y)",
        "INSERT INTO k VALUES (NULL, 1), (NULL, 2), (5, 3)",
    )

    pair.origins(["SELECT rowid, x FROM a", "SELECT rowid, x FROM k"])
    pair.local(["SELECT x, y FROM k"])


def test_a_database_in_another_encoding_is_the_origins(tmp_path: Path) -> None:
    """In UTF-16 'Ā' sorts before 'a', and hex() shows other bytes."""
    pair = Pair(tmp_path / "origin.db")
    pair.write(
        "PRAGMA encoding = 'UTF-16le'", "CREATE TABLE u (x TEXT)", "INSERT INTO u VALUES ('a'), ('Ā'), ('z')"
    )

    pair.origins(["SELECT x FROM u ORDER BY x", "SELECT hex(x) AS h FROM u"])
    pair.close()


def test_a_function_that_the_application_replaced_is_the_origins(tmp_path: Path) -> None:
    """Under whatever name it is called; LIKE and GLOB are functions too."""
    pair = Pair(tmp_path / "origin.db")
    pair.write("CREATE TABLE u (x TEXT)", "INSERT INTO u VALUES ('a'), ('B')")
    base = sa.create_engine(f"sqlite:///{pair.path}")
    for engine in (pair.bare, base):
        event.listen(
            engine,
            "connect",
            lambda connection, _: connection.create_function("lower", 1, lambda x: f"<{x}>"),
        )
    pair.wrap(base)

    pair.origins(["SELECT lower(x) AS y FROM u"])
    pair.local(["SELECT upper(x) AS y FROM u"])
    pair.close()


def test_a_common_table_expression_may_be_called_like_a_function(pair: Pair) -> None:
    """WITH substr (a) AS (…) is no call, and reads no table of that name."""
    pair.write("CREATE TABLE substr (x INTEGER)", "INSERT INTO substr VALUES (42)")

    pair.local(["WITH substr (x) AS (SELECT n FROM v) SELECT x FROM substr", "SELECT x FROM substr"])
