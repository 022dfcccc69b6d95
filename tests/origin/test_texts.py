"""Invariant: texts, moments, choices and casts are answered as by the bare engine, with any parameter.

Each statement is asked of an engine of its own and of one that caches; some must be hits, so that
a rule which quietly stops to apply is noticed.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

Row = tuple[Any, ...]


class Pair:
    """A bare engine and a caching one; what differed, and what was no hit."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.bare = origin.engine()
        self.engine = CachingEngine(origin.engine())
        self.asked = 0
        self.hits: set[str] = set()
        self.misses: dict[str, str | None] = {}
        self.differences: list[str] = []

    def ask(self, statement: str, parameters: dict[str, Any] | None = None) -> None:
        """Ask both, the caching one twice; rows in any order, with the columns' names and type codes."""
        expected = _answer(self.bare, statement, parameters)
        given = _answer(self.engine, statement, parameters)
        again = _answer(self.engine, statement, parameters)
        status = last_status()
        self.asked += 1
        if again[0] == "rows" and status is not None:
            if status.outcome is Outcome.HIT:
                self.hits.add(statement)
            else:
                self.misses[statement] = status.reason
        for way in (given, again):
            if not _agree(expected, way):
                self.differences.append(f"{statement} {parameters}\n  bare {expected}\n  here {way}")

    def check(self, *must_hit: str) -> None:
        assert not self.differences, "\n".join(self.differences[:10])
        assert [(one, self.misses.get(one)) for one in must_hit if one not in self.hits] == []


def _answer(engine: sa.Engine, statement: str, parameters: dict[str, Any] | None) -> tuple[str, Any]:
    try:
        with engine.connect() as connection:
            result = connection.execute(text(statement), parameters or {})
            described = [tuple(column[:2]) for column in result.cursor.description]
            return "rows", (described, sorted((tuple(row) for row in result), key=_key))
    except DBAPIError as error:
        return "error", (type(error), type(error.orig))


def _agree(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    if one[0] != other[0] or one[0] == "error":
        return one == other
    return one[1][0] == other[1][0] and same(one[1][1], other[1][1])


def _key(row: Row) -> str:
    return repr([(type(value).__name__, repr(value)) for value in row])


@pytest.fixture
def pair(origin: Origin) -> Iterator[Pair]:
    pair = Pair(origin)
    yield pair
    pair.engine.close()


# The last ones: GLOB holds three characters as one, and case follows a locale.
_HOSTILE = (
    *("Abc", "abc", "a%b", "a_b", "a\\b", "", "a ", " a", "é", "É", "🎸x", "[x]", "*?[", "a\nb", "AB", "ab"),
    *("\ufffe", "\uffff", "\ufffd", "İı", "I", "i"),
)


def _texts(origin: Origin, type_: str) -> None:
    origin.execute(f"CREATE TABLE t (id INTEGER, a {type_})", "INSERT INTO t VALUES (0, NULL)")
    for number, value in enumerate(_HOSTILE, 1):
        origin.execute("INSERT INTO t VALUES (%(id)s, %(a)s)", parameters={"id": number, "a": value})


# -- patterns ----------------------------------------------------------------------------------

_PATTERNS = (
    "abc",
    "a%",
    "A%",
    "%b",
    "%",
    "",
    "_",
    "__",
    "_%",
    "a_b",
    "a\\_b",
    "a\\\\b",
    "a\\",
    "*",
    "?",
    "[x]",
    "[%",
)
_MORE_PATTERNS = ("é", "É", "🎸_", "a ", "%\n%", "\ufffe", "\ufffd", "%%%%", "_%_", None)


@pytest.mark.families("postgresql")
def test_like_is_postgresqls(pair: Pair) -> None:
    """By code points, case kept, with any pattern, escape and composition of one."""
    _texts(pair.origin, "text")
    statements = [
        "SELECT id FROM t WHERE a LIKE :p",
        "SELECT id FROM t WHERE a NOT LIKE :p",
        "SELECT id FROM t WHERE a LIKE '%' || :p || '%'",
        "SELECT id FROM t WHERE a LIKE CAST(:p AS varchar) || '%' ESCAPE '/'",
        "SELECT id FROM t WHERE a ILIKE :p",
        "SELECT id, a LIKE :p AS x FROM t",
        "SELECT id FROM t WHERE lower(a) LIKE lower(:p)",
    ]

    for pattern in (*_PATTERNS, *_MORE_PATTERNS, "x" * 60_000):
        for statement in statements:
            pair.ask(statement, {"p": pattern})

    pair.check(*statements)


@pytest.mark.families("mariadb")
def test_like_under_a_binary_collation_is_mariadbs(pair: Pair) -> None:
    """Under others 'a' is like 'A', and the origin says so; a text may contain NUL."""
    _texts(pair.origin, "varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    pair.origin.execute("INSERT INTO t VALUES (99, CONCAT('a', CHAR(0), 'b'))")
    statements = [
        "SELECT id FROM t WHERE a LIKE :p",
        "SELECT id FROM t WHERE a NOT LIKE :p",
        "SELECT id, a LIKE :p AS x FROM t",
    ]

    for pattern in (*_PATTERNS, *_MORE_PATTERNS):
        for statement in statements:
            pair.ask(statement, {"p": pattern})

    pair.check(*statements)


# -- functions of text -------------------------------------------------------------------------

_FUNCTIONS = (
    "left(a, :n)",
    "right(a, :n)",
    "substring(a, :n) AS x",
    "substr(a, :n, 2)",
    "strpos(a, :s)",
    "replace(a, :s, 'é')",
    "repeat(a, :n)",
    "lpad(a, :n, :s)",
    "rpad(a, :n)",
    "btrim(a, :s)",
    "split_part(a, :s, :n)",
    "starts_with(a, :s)",
    "a || :s",
    "concat(a, CAST(:s AS varchar))",
    "length(a || :s)",
)


@pytest.mark.families("postgresql")
def test_functions_of_text_are_postgresqls(pair: Pair) -> None:
    """By code points; negative and huge counts, empty texts; unaliased as they are named."""
    _texts(pair.origin, "varchar(40)")

    for function in _FUNCTIONS:
        for number in (0, 1, 3, -1, -2, 100, 3_000_000_000, "2", None) if ":n" in function else (1,):
            for part in ("a", "", "é", "🎸", " ", "Ab", 5, None) if ":s" in function else ("a",):
                given = {"n": number, "s": part}
                pair.ask(
                    f"SELECT id, {function} FROM t", {k: v for k, v in given.items() if f":{k}" in function}
                )

    pair.check(*(f"SELECT id, {function} FROM t" for function in _FUNCTIONS))


@pytest.mark.families("postgresql")
def test_texts_under_two_named_collations_are_the_origins_error(pair: Pair) -> None:
    """PostgreSQL can't tell which one to compare by; the store would."""
    pair.origin.execute(
        'CREATE TABLE t (a text COLLATE "C", b text COLLATE "POSIX", d text)',
        "INSERT INTO t VALUES ('x', 'x', 'x')",
    )

    for statement in (
        "a = b",
        "(a || b) = 'xx'",
        "a || d = 'xx'",
        "coalesce(a, b) = 'x'",
        "nullif(a, b) = 'x'",
    ):
        pair.ask(f"SELECT d FROM t WHERE {statement}")

    pair.check("SELECT d FROM t WHERE a || d = 'xx'")


# -- moments -----------------------------------------------------------------------------------

_MOMENTS: tuple[Any, ...] = (
    dt.date(2024, 1, 1),
    dt.date(1, 1, 1),
    dt.date(9999, 12, 31),
    dt.datetime(2024, 1, 1),
    dt.datetime(2024, 1, 1, 12),
    dt.datetime(2024, 1, 1, 0, 0, 0, 1),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    "2024-01-01",
    "2024-01-01 12:00:00",
    "2024-01-01 12:00",
    "20240101",
    "junk",
    "",
    None,
)


@pytest.mark.families("postgresql", "mariadb")
def test_dates_and_timestamps_compare_as_at_the_origin(pair: Pair) -> None:
    """A date beside a moment is its midnight, be it a column, a parameter or a text; casts may cut."""
    is_postgresql = pair.origin.family == "postgresql"
    kind = "timestamp" if is_postgresql else "datetime(6)"
    cast = "timestamp" if is_postgresql else "datetime"
    pair.origin.execute(
        f"CREATE TABLE t (id INTEGER, d date, m {kind})",
        "INSERT INTO t VALUES (1, '2024-01-01', '2024-01-01'), (2, '2024-01-02', '2024-01-01 12:00:00.5'),"
        " (3, NULL, NULL), (4, '2023-12-31', '2023-12-31 23:59:59.999999'), (5, '0001-01-01', '0001-01-01'),"
        " (6, '9999-12-31', '9999-12-31 23:59:59.999999')",
    )
    hits = [f"SELECT id FROM t WHERE {column} >= :p" for column in "dm"]
    hits += ["SELECT id FROM t WHERE d < m", "SELECT id FROM t WHERE m >= DATE '2024-01-01'"]
    moved = "SELECT id FROM t WHERE {} >= :p - INTERVAL " + ("'7 days'" if is_postgresql else "7 DAY")
    hits += [moved.format(column) for column in "dm"]

    for moment in _MOMENTS:
        for column in "dm":
            for operator in ("=", "<", ">="):
                pair.ask(f"SELECT id FROM t WHERE {column} {operator} :p", {"p": moment})
            pair.ask(f"SELECT id FROM t WHERE {column} IN (:p, NULL)", {"p": moment})
            pair.ask(f"SELECT id FROM t WHERE {column} BETWEEN :p AND :q", {"p": moment, "q": moment})
            pair.ask(f"SELECT id FROM t WHERE {column} >= CAST(:p AS date)", {"p": moment})
            pair.ask(
                f"SELECT id FROM t WHERE {column} < CAST(:p AS {cast})",
                {"p": moment},
            )
            pair.ask(f"SELECT id, coalesce({column}, :p) AS x FROM t", {"p": moment})
            pair.ask(moved.format(column), {"p": moment})
            if isinstance(moment, str):
                pair.ask(f"SELECT id FROM t WHERE {column} >= '{moment}'")
    for condition in (
        "d < m",
        "m = d",
        "d BETWEEN m AND d",
        "d IN (m)",
        "m IN (SELECT d FROM t)",
        "m >= DATE '2024-01-01'",
    ):
        pair.ask(f"SELECT id FROM t WHERE {condition}")

    pair.check(*hits)


@pytest.mark.families("postgresql", "mariadb")
def test_interval_moves_moments_as_at_the_origin(pair: Pair) -> None:
    """The last day of a month stays in it; a date may become a timestamp."""
    is_postgresql = pair.origin.family == "postgresql"
    pair.origin.execute(
        f"CREATE TABLE t (d date, m {'timestamp' if is_postgresql else 'datetime(6)'})",
        "INSERT INTO t VALUES ('2024-01-31', '2024-02-29 10:00:00.5'), ('2023-12-31', '2024-01-01')",
        "INSERT INTO t VALUES (NULL, NULL)",
    )
    units = ("1 day", "-1 month", "2 hour", "1 year", "90 second", "1 week", "13 month")
    statements = []
    for unit in units:
        number, name = unit.split()
        step = f"INTERVAL '{unit}'" if is_postgresql else f"INTERVAL {number} {name}"
        for column in "dm":
            statements += [
                f"SELECT max({column}) {operator} {step} AS x FROM t GROUP BY {column}" for operator in "+-"
            ]

    for statement in statements:
        pair.ask(statement)

    pair.check(*statements)


# -- lists -------------------------------------------------------------------------------------

_LISTS: tuple[Any, ...] = (
    *([], [None], [1], [1, 2, None], [10**12], [10**30], ["x"], ["x", "", None], ["🎸", 'a"\\\n'], [1, "a"]),
    *(
        [Decimal("1.5")],
        [Decimal("1.50"), None],
        [1.5],
        [True],
        [uuid.UUID(int=1)],
        [b"a", None],
        ["2024-01-31"],
    ),
    *([dt.date(2024, 1, 31)], [dt.datetime(2024, 1, 1, 10)], [[1], [2]], (1, 2), None, list(range(3000))),
)


@pytest.mark.families("postgresql")
def test_list_as_a_parameter(pair: Pair) -> None:
    """= ANY and <> ALL, with NULL among the items, no items, and items of other types than the column."""
    pair.origin.execute(
        "CREATE TABLE t (id int, i int, n numeric(10, 2), v varchar(20), d date, m timestamp, b boolean,"
        " u uuid, y bytea)",
        "INSERT INTO t VALUES (1, 1, 1.50, 'x', '2024-01-31', '2024-01-01 10:00', true,"
        " '00000000-0000-0000-0000-000000000001', 'a'),"
        " (2, 5, 0, '', '2024-01-01', '2024-01-31', false, NULL, ''),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    columns = ("i", "n", "v", "d", "m", "b", "u", "y")

    for column in columns:
        for items in _LISTS:
            for condition in (f"{column} = ANY(:p)", f"{column} <> ALL(:p)", f"NOT ({column} = ANY(:p))"):
                pair.ask(f"SELECT id FROM t WHERE {condition}", {"p": items})
    pair.ask("SELECT id FROM t WHERE i = ANY(CAST(:p AS integer[]))", {"p": [1, None]})

    pair.check(
        *(f"SELECT id FROM t WHERE {column} = ANY(:p)" for column in columns),
        "SELECT id FROM t WHERE i = ANY(CAST(:p AS integer[]))",
    )


# -- choices and casts -------------------------------------------------------------------------

_COLUMNS = {
    "postgresql": {
        "si": "smallint",
        "i": "integer",
        "bi": "bigint",
        "n": "numeric(10, 2)",
        "n4": "numeric(5, 4)",
        "f": "double precision",
        "v": "varchar(20)",
        "x": "text",
        "d": "date",
        "m": "timestamp",
    },
    "mariadb": {
        "si": "smallint",
        "i": "integer",
        "bi": "bigint",
        "n": "decimal(10, 2)",
        "n4": "decimal(5, 4)",
        "f": "double",
        "v": "varchar(20)",
        "x": "text",
        "d": "date",
        "m": "datetime",
    },
}
_CHOICES = (
    "coalesce({a}, {b})",
    "coalesce({b}, {a})",
    "CASE WHEN id > 1 THEN {a} ELSE {b} END",
    "nullif({a}, {b})",
    "greatest({a}, {b})",
    "least({b}, {a})",
)
_GIVEN: tuple[Any, ...] = (
    *(5, 70_000, 5_000_000_000, True, Decimal("1.5"), Decimal("1.50"), Decimal(0), 1.5, "a", "5", "", None),
    *(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 10), "x" * 5000),
)
_TARGETS = {
    "postgresql": (
        *("smallint", "integer", "bigint", "numeric(10,2)", "numeric(4,1)", "double precision", "text"),
        *("varchar(2)", "boolean", "date", "timestamp"),
    ),
    "mariadb": ("signed", "decimal(10,2)", "decimal(4,1)", "double", "date", "datetime", "char"),
}


def _mixed(origin: Origin) -> dict[str, str]:
    columns = _COLUMNS[origin.family]
    origin.execute(
        f"CREATE TABLE t (id INTEGER, {', '.join(f'{name} {kind}' for name, kind in columns.items())})",
        "INSERT INTO t VALUES (1, 1, 2, 3, 1.50, 1.5000, 1.5, 'x', 'x', '2024-01-01', '2024-01-01 10:00:00'),"
        " (2, -5, 70000, 5000000000, -0.05, 0.0001, -2.5, '', '', '2023-12-31', '2024-01-01'),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, 0, 0, 0, 2.50, -0.5, 0, 'b', 'é', '2024-02-29', '2024-02-29 12:00:00')",
    )
    return columns


@pytest.mark.families("postgresql", "mariadb")
def test_choice_has_the_type_that_its_parts_become(pair: Pair) -> None:
    """COALESCE(smallint, 5) is an integer; a number keeps its scale, or takes the largest one."""
    columns = _mixed(pair.origin)
    hits = ["SELECT coalesce(max(n), 0) AS x FROM t GROUP BY id", "SELECT id, coalesce(i, :p) AS x FROM t"]

    for name in columns:
        for choice in _CHOICES:
            for given in _GIVEN:
                pair.ask(f"SELECT id, {choice.format(a=name, b=':p')} AS x FROM t", {"p": given})
    for name in columns:
        for other in (*columns, "5", "70000", "1.5", "0", "true", "'a'", "NULL"):
            # Of an aggregate, which can't be fetched as a column of the table.
            most = f"max({other})" if other in columns else other
            for choice in (
                "coalesce({a}, {b})",
                "CASE WHEN count(*) > 1 THEN {a} ELSE {b} END",
                "nullif({a}, {b})",
            ):
                pair.ask(f"SELECT {choice.format(a=f'max({name})', b=most)} AS x FROM t GROUP BY id")

    pair.check(*hits)


@pytest.mark.families("postgresql", "mariadb")
def test_casts_round_cut_and_fail_as_at_the_origin(pair: Pair) -> None:
    """Of aggregates and of parameters; what doesn't fit is the origin's error."""
    columns = _mixed(pair.origin)
    numbers = "double precision" if pair.origin.family == "postgresql" else "double"

    for target in _TARGETS[pair.origin.family]:
        for name in columns:
            pair.ask(f"SELECT CAST(max({name}) AS {target}) AS x FROM t GROUP BY id")
            for given in (
                5,
                70_000,
                Decimal("1.555"),
                "5",
                "a",
                "2024-01-01",
                None,
                dt.date(2024, 1, 1),
                1.5,
            ):
                pair.ask(f"SELECT id FROM t WHERE {name} = CAST(:p AS {target})", {"p": given})
        for given in (
            5,
            70_000,
            Decimal("1.5"),
            -0.0,
            "a",
            "5",
            "2024-01-01",
            None,
            dt.datetime(2024, 1, 1, 10),
        ):
            pair.ask(f"SELECT id, CAST(:p AS {target}) AS x FROM t", {"p": given})
    pair.ask("SELECT id FROM t WHERE n4 = CAST('1.55555' AS decimal(5,4))")

    pair.check(f"SELECT CAST(max(i) AS {numbers}) AS x FROM t GROUP BY id")


@pytest.mark.families("postgresql", "mariadb")
def test_long_list_of_parameters(pair: Pair) -> None:
    """A list of thousands is answered, by whoever can."""
    pair.origin.execute("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1), (2500), (NULL)")
    statement = text("SELECT id FROM t WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True))

    for count in (1, 2, 2000):
        with pair.engine.connect() as connection:
            for _ in range(2):
                found = connection.execute(statement, {"ids": list(range(1, count + 1))}).scalars().all()

        assert found == [1]


@pytest.mark.families("mariadb")
def test_texts_that_a_column_can_write_are_answered_and_others_refused(origin: Origin) -> None:
    """latin1 is Windows' there; other sets' constants beyond ASCII are left to the origin."""
    origin.execute(
        "CREATE TABLE narrow (id INTEGER PRIMARY KEY, w VARCHAR(9) CHARACTER SET latin1,"
        " g VARCHAR(9) CHARACTER SET greek)",
        "INSERT INTO narrow VALUES (1, 'caf\u00e9', '\u03b1'), (2, '\u20ac', 'b')",
    )
    bare = origin.engine()
    with CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine:
        engine.warm("narrow")
        for column in ("w", "g"):  # the order of its texts is fetched by the first who compares
            engine.execute(f"SELECT id FROM narrow WHERE {column} = :value", {"value": "b"})
        for column, value, outcome in (
            ("w", "caf\u00e9", Outcome.HIT),
            ("w", "\u20ac", Outcome.HIT),
            ("w", "\x80", Outcome.BYPASS),
            ("w", "\N{GRINNING FACE}", Outcome.BYPASS),
            ("g", "b", Outcome.HIT),
            ("g", "\u03b1", Outcome.BYPASS),
            ("g", "\u00e9", Outcome.BYPASS),
        ):
            for condition in ("", " AND id = 77"):
                statement = sa.text(f"SELECT id FROM narrow WHERE {column} = :value{condition}")
                found = []
                for each in (bare, engine):
                    with each.connect() as connection:
                        try:
                            found.append(connection.execute(statement, {"value": value}).all())
                        except sa.exc.DBAPIError as error:
                            found.append(type(error.orig))
                assert found[1] == found[0]
                assert last_status().outcome is outcome, (column, value)
