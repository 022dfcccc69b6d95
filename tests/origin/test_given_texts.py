"""Texts beside parameters, constants in the answer, and texts put together that the origin orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.origins import Origin
from support.twice import differences


@pytest.fixture
def mariadb(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id INT PRIMARY KEY, g INT, n INT, s SMALLINT, p DECIMAL(10,2), v VARCHAR(20))"
        " CHARACTER SET utf8mb4",
        "INSERT INTO o VALUES (1, 1, 1, 1, 1.5, 'Aurora'), (2, 1, 2, 2, 2.5, 'aurora'), (3, 1, 2, 3, 1, 'x'),"
        " (4, 2, 5, 4, 7, 'YY'), (5, 2, NULL, NULL, NULL, NULL)",
    )
    return driver_origin


@pytest.mark.families("mariadb")
def test_texts_beside_parameters(mariadb: Origin) -> None:
    """They are given out; to be compared they would need the collation, which is the origin's."""
    parts = "substring(v, :n) AS a, substring(v, :n, :m) AS b, left(v, :n) AS c, right(v, :n) AS d"
    part = f"SELECT id, {parts} FROM o"
    local = [
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": "é!"}),
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": None}),
        ("SELECT id, concat(:x, v, '-', id, n) AS y FROM o", {"x": "Dear "}),
        ("SELECT id FROM o WHERE v = concat(:x, 'a')", {"x": "Auror"}),
        (part, {"n": 2, "m": 3}),
        (part, {"n": -2, "m": 1}),
        (part, {"n": 0, "m": 0}),
        (part, {"n": -9, "m": -1}),
        ("SELECT id FROM o WHERE lower(v) = lower(:x)", {"x": "AURORA"}),
        "SELECT id FROM o WHERE upper(v) = upper('aurora')",
        "SELECT id, substr(v, 1, 1) AS x, floor(p) AS y, ceil(p) AS z FROM o",
        "SELECT id FROM o WHERE BINARY v = 'Aurora'",
        "SELECT id FROM o WHERE v LIKE BINARY 'A%'",
        "SELECT id FROM o WHERE n > 1 && id < 4",
    ]
    others = [
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": 5}),
        ("SELECT id FROM o WHERE concat(v, :x) = 'Auroraa'", {"x": "a"}),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": "2"}),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": 1.5}),
        # The case of é is the collation's to say.
        ("SELECT id FROM o WHERE lower(v) = lower(:x)", {"x": "éA"}),
        # No row has it: only the collation knows whether it is equal to one.
        ("SELECT id FROM o WHERE v = :x", {"x": "AURORA"}),
        # 'a' LIKE 'A', 'é' LIKE 'e', and neither 'ß' LIKE 'ss'.
        ("SELECT id FROM o WHERE v LIKE :x", {"x": "%ur%"}),
    ]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.mark.families("mariadb")
def test_constants_in_the_answer(mariadb: Origin) -> None:
    local = [
        "SELECT id, 'abc' AS k, '' AS e, NULL AS z, 1 AS i FROM o",
        "SELECT 'a' AS what, id FROM o UNION ALL SELECT 'bcd', n FROM o",
        "SELECT 'a' AS what FROM o UNION ALL SELECT v FROM o",
        "SELECT id FROM o WHERE NULL = NULL OR NOT (NULL = NULL)",
        "SELECT n AS 'id', v AS \"label x\", 'a' AS 'b''c' FROM o",
    ]
    # 'a' and 'A' are one under the connection's collation.
    others = ["SELECT 'a' AS what FROM o UNION SELECT 'A' FROM o", "SELECT DISTINCT 'abc' AS k, g FROM o"]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.mark.families("mariadb")
def test_texts_of_a_case_are_grouped_and_ordered_as_columns(mariadb: Origin) -> None:
    kind = "CASE WHEN n > 1 THEN 'many' ELSE 'few' END"
    local = [
        f"SELECT {kind} AS k, count(*) AS c FROM o GROUP BY {kind} ORDER BY k",
        f"SELECT {kind} AS k, count(*) AS c FROM o GROUP BY k ORDER BY k",
        f"SELECT DISTINCT {kind} AS k FROM o",
        f"SELECT id, {kind} AS k FROM o ORDER BY 2, 1",
        "SELECT id, coalesce(v, 'none') AS k FROM o ORDER BY coalesce(v, 'none'), id",
        "SELECT max(lower(v)) AS y FROM o",
        "SELECT CASE WHEN sum(n) > 2 THEN 'many' ELSE 'few' END AS k, g FROM o GROUP BY g",
    ]
    given = "CASE WHEN n > :x THEN 'many' ELSE 'few' END"
    others = [(f"SELECT {given} AS k, count(*) AS c FROM o GROUP BY {given}", {"x": 1})]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.mark.families("mariadb")
def test_digits_of_what_is_computed(mariadb: Origin) -> None:
    """The greatest of a column, and a derived table's column, have the column's digits."""
    local = [
        "SELECT max(n) + 1 AS x, min(id) * 2 AS y, max(s) + 1 AS z FROM o",
        "SELECT d.n + 1 AS x, d.s * 2 AS y FROM (SELECT n, s FROM o WHERE id < 3) AS d",
        "SELECT d.n + 1 AS x FROM (SELECT DISTINCT n FROM o) AS d",
        "SELECT max(n) OVER (PARTITION BY g) - n AS x FROM o",
        "SELECT CAST(count(*) AS decimal(10,2)) AS n FROM o",
        "SELECT floor(p) + 1 AS x FROM o",
    ]

    assert differences(mariadb, local, is_local=True) == []


@pytest.mark.families("mariadb")
def test_means_in_having(mariadb: Origin) -> None:
    """MariaDB compares a quotient with all its digits here, and rounded there: both must say the same."""
    local = [
        "SELECT g, avg(n) AS a FROM o GROUP BY g HAVING avg(n) > 1.6667",
        ("SELECT g, avg(n) AS a FROM o GROUP BY g HAVING avg(n) > :x", {"x": Decimal("1.6")}),
        ("SELECT g FROM o GROUP BY g HAVING avg(n) BETWEEN :a AND :b", {"a": 1, "b": 2}),
        "SELECT g FROM o GROUP BY g HAVING avg(n) IN (1.5, 5)",
        "SELECT g FROM o GROUP BY g HAVING sum(n) / count(*) > 1.6",
        "SELECT g FROM o GROUP BY g HAVING avg(n) * 2 > sum(n) / 3",
    ]
    others = [
        # 1.66666… is less than its rounded self.
        "SELECT g FROM o GROUP BY g HAVING avg(n) > avg(p)",
        "SELECT g FROM o GROUP BY g HAVING round(avg(n), 1) > 1.6",
    ]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.fixture
def postgresql(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id integer PRIMARY KEY, n integer, p numeric(10,2), v varchar(20), ts timestamp,"
        " d date)",
        "INSERT INTO o VALUES (1, 1, 1.5, 'Aurora@b', '2024-01-31 10:00:05.25', '2024-01-31'),"
        " (2, 1, -1.5, 'aurora@B', '2009-12-01', '1999-12-31'), (3, NULL, NULL, NULL, NULL, NULL)",
    )
    return driver_origin


@pytest.mark.families("postgresql")
def test_moments_as_text(postgresql: Origin) -> None:
    """In forms that follow no locale and no time zone."""
    forms = (
        "YYYY-MM",
        "YYYY-MM-DD HH24:MI:SS",
        "Mon YYYY",
        "FMMonth DD",
        "Day",
        "FMDay, FMDD",
        "DY",
        "IYYY-IW",
    )
    forms += (
        "Q",
        "WW",
        "DDD",
        "D ID",
        "US MS",
        "yyyy/mm/dd",
        "MONTH",
        "month",
        "HH",
        "FMHH24:FMMI:SS",
        "HH12",
    )
    local = [f"SELECT id, to_char(ts, '{form}') AS x FROM o" for form in forms]
    local += [
        "SELECT id, to_char(d, 'YYYY-MM') AS x, to_char(d, 'Dy') AS y FROM o",
        "SELECT to_char(ts, 'YYYY') FROM o",
        "SELECT to_char(ts, 'YYYY-MM') AS x, count(*) AS n FROM o GROUP BY to_char(ts, 'YYYY-MM') ORDER BY x",
        "SELECT to_char(ts, 'Mon') AS x, count(*) AS n FROM o GROUP BY to_char(ts, 'Mon')",
        ("SELECT id FROM o WHERE to_char(ts, 'YYYY-MM') = :m", {"m": "2024-01"}),
        "SELECT to_char(max(ts), 'YYYY-MM-DD') AS x FROM o",
    ]
    others = [
        "SELECT id, to_char(ts, 'HH12:MI AM') AS x FROM o",
        "SELECT id, to_char(ts, 'TMMonth') AS x FROM o",
        "SELECT id, to_char(ts, 'DDth') AS x FROM o",
        # A date is midnight in the session's zone, which that may skip.
        "SELECT id, to_char(d, 'HH24') AS x FROM o",
        "SELECT id, to_char(n, '999') AS x FROM o",
        # The names' order is the locale's.
        "SELECT to_char(ts, 'Mon') AS x, count(*) AS n FROM o GROUP BY to_char(ts, 'Mon') ORDER BY x",
        ("SELECT id FROM o WHERE to_char(ts, 'YYYY-MM') >= :m", {"m": "2024-01"}),
    ]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, others, is_local=False) == []


@pytest.mark.families("postgresql")
def test_texts_put_together_are_ordered_as_columns(postgresql: Origin) -> None:
    part = "split_part(v, '@', 2)"
    local = [
        f"SELECT {part} AS x, count(*) AS n FROM o GROUP BY {part} ORDER BY n DESC, x",
        f"SELECT {part} AS x, count(*) AS n FROM o GROUP BY 1",
        "SELECT max(v || 'x') AS x FROM o",
        "SELECT id FROM o ORDER BY v || 'x' DESC, id",
        "SELECT DISTINCT v || 'x' AS y FROM o ORDER BY y",
        "SELECT id, 'abc' AS k, NULL AS z, 1.50 AS d FROM o",
        "SELECT id, floor(p) AS a, ceil(p) AS b, initcap(v) AS c FROM o",
        "SELECT count(DISTINCT v) AS x FROM o",
    ]
    others = [("SELECT id, v || :x AS y FROM o ORDER BY y, id", {"x": "a"})]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, others, is_local=False) == []


@pytest.mark.families("sqlite")
def test_sums_of_conditions(origin: Origin) -> None:
    """A condition is 0 or 1, whatever is compared."""
    origin.execute(
        "CREATE TABLE o (id INTEGER PRIMARY KEY, p REAL, v TEXT)",
        "INSERT INTO o VALUES (1, 1.5, 'a'), (2, 2.1, 'b'), (3, NULL, NULL)",
    )
    local = [
        "SELECT sum(p > 1.7) AS a, avg(p > 1.7) AS b, sum(iif(p = 2.1, 1, 0)) AS c FROM o",
        "SELECT v AS 'id', p AS 'a''b' FROM o",
    ]

    assert differences(origin, local, is_local=True) == []
