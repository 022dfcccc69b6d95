"""Texts beside parameters, constants in the answer, and texts put together that the origin orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.origins import Origin
from support.twice import differences

from sqlmem import CachingEngine


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
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": "e!"}),
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": None}),
        ("SELECT id, concat(:x, v, '-', id, n) AS y FROM o", {"x": "Dear "}),
        ("SELECT id FROM o WHERE v = concat(:x, 'a')", {"x": "Auror"}),
        (part, {"n": 2, "m": 3}),
        (
            part.replace("left(v, :n)", "left(v, :m)").replace("right(v, :n)", "right(v, :m)"),
            {"n": -2, "m": 1},
        ),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": 0}),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": -9}),
        ("SELECT id FROM o WHERE lower(v) = lower(:x)", {"x": "AURORA"}),
        "SELECT id FROM o WHERE upper(v) = upper('aurora')",
        "SELECT id, substr(v, 1, 1) AS x, floor(p) AS y, ceil(p) AS z FROM o",
        "SELECT id FROM o WHERE BINARY v = 'Aurora'",
        "SELECT id FROM o WHERE v LIKE BINARY 'A%'",
        "SELECT id FROM o WHERE n > 1 && id < 4",
    ]
    others = [
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": 5}),
        # Beside a column of another character set it may be an error.
        ("SELECT id, concat(v, :x) AS y FROM o", {"x": "é!"}),
        ("SELECT id FROM o WHERE concat(v, :x) = 'Auroraa'", {"x": "a"}),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": "2"}),
        ("SELECT id, substring(v, :n) AS a FROM o", {"n": 1.5}),
        # Of no character it is a CHAR beside a window function, and a VARCHAR elsewhere.
        (part, {"n": 0, "m": 0}),
        ("SELECT id, left(v, :n) AS a, row_number() OVER (ORDER BY id) AS r FROM o", {"n": 0}),
        # The case of é is the collation's to say.
        ("SELECT id FROM o WHERE lower(v) = lower(:x)", {"x": "éA"}),
    ]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


WEIGHED = (
    "Aurora",
    "aurora ",
    "é",
    "E",
    "Straße",
    "STRASE",
    "🎸 x",
    "夜",
    "İı",
    "á",
    "",
    "  ",
    "tab\t",
    "100%",
)
WEIGHED += ("a_b", "a\\b", "µ", "Live (live)", "LIVE", "x" * 50)
SAID = (
    "AURORA",
    "aurora  ",
    "e",
    "strase",
    "nobody",
    "",
    " ",
    "a",
    "LIVE ",
    "tab\t",
    "tab",
    "100%",
    "\\",
    "Straße",
)
PATTERNS = (
    "%live%",
    "LIVE%",
    "_",
    "__",
    "%e",
    "",
    "%",
    "%%",
    "a\\_b",
    "100\\%",
    "%\\\\%",
    "strase",
    "a_b",
    "aurora ",
)


@pytest.fixture
def weighed(driver_origin: Origin) -> Origin:
    columns = (
        "v VARCHAR(60)",
        "t TEXT",
        "x VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
        "u VARCHAR(60) COLLATE utf8mb4_unicode_ci",
    )
    driver_origin.execute(
        f"CREATE TABLE w (id INT PRIMARY KEY, {', '.join(columns)}, KEY (v))"
        " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "INSERT INTO w (id) VALUES (99)",
    )
    for number, text in enumerate(WEIGHED):
        driver_origin.execute(
            "INSERT INTO w (id, v, t, u) VALUES (%(id)s, %(text)s, %(text)s, %(text)s)",
            parameters={"id": number, "text": text},
        )
    return driver_origin


@pytest.mark.families("mariadb")
def test_texts_are_compared_by_the_weights_of_their_characters(weighed: Origin) -> None:
    """Under …_general_ci each has one, which the origin tells; those of ASCII's are known."""
    tests = ("v = :x", "v <> :x", "t = :x", "v <=> :x", "lower(v) = :x", "v IN (:x, 'live', 'nobody')")
    local = [
        (f"SELECT id FROM w WHERE {test}", {"x": text}) for test in tests for text in SAID if text.isascii()
    ]
    local += [("SELECT id FROM w WHERE v NOT IN (:x, :y)", {"x": "e", "y": "nobody"})]
    local += [("SELECT id, v = :x AS y FROM w", {"x": text}) for text in (*SAID, None)]
    local += [
        "SELECT id FROM w WHERE v = 'AURORA'",
        "SELECT id FROM w WHERE v = 'nobody' OR v IN ('e', 'zz')",
    ]
    local += [
        ("SELECT id, coalesce(v, x, :none) AS y FROM w", {"none": "n/a"}),
        "SELECT id, CASE WHEN id > 3 THEN v ELSE x END AS y, ifnull(x, v) AS z FROM w",
    ]
    others = [
        # No row has it, and its weights only the collation knows.
        ("SELECT id FROM w WHERE v = :x", {"x": "É"}),
        ("SELECT id FROM w WHERE v <> :x", {"x": "🎵 x"}),
        # Under this one 'ß' is 'ss': a weight may be of several characters.
        ("SELECT id FROM w WHERE u = :x", {"x": "strasse"}),
        # The order of what no row has.
        ("SELECT id FROM w WHERE v > :x", {"x": "nobody"}),
    ]

    assert differences(weighed, local, is_local=True) == []
    assert differences(weighed, others, is_local=False) == []


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("operator", ["=", "LIKE"])
def test_weights_decide_what_is_equal_and_alike(origin: Origin, operator: str) -> None:
    """Every character of the first plane beside every one of ASCII's: asked of the origin itself."""
    character = "convert(char({0}.seq USING utf16) USING utf8mb4) COLLATE utf8mb4_general_ci"
    one, other = character.format("a"), character.format("b")
    weights = "convert(weight_string({0}) USING ucs2) COLLATE ucs2_bin"
    # Wildcards stand for others, and blanks don't count in a comparison.
    left_out = "32" if operator == "=" else "37, 92, 95"
    [(differing, others)] = origin.execute(
        f"SELECT sum(({one} {operator} {other}) <> ({weights.format(one)} = {weights.format(other)})),"
        f" sum(upper(char(b.seq USING ascii)) <> convert({weights.format(other)} USING ascii))"
        " FROM seq_1_to_65535 AS a, seq_32_to_126 AS b WHERE a.seq NOT BETWEEN 0xd800 AND 0xdfff"
        # Of the small letters one is enough: what their weights are is looked at for itself.
        f" AND b.seq NOT IN ({left_out}) AND (b.seq < 98 OR b.seq > 122)"
    )

    assert (differing, others) == (0, 0)


@pytest.mark.families("mariadb")
def test_patterns_are_matched_by_the_weights_of_characters(weighed: Origin) -> None:
    """Blanks at the end count here, which they don't in a comparison."""
    local = [
        (f"SELECT id FROM w WHERE {column} {like} :x", {"x": pattern})
        for column in ("v", "t")
        for like in ("LIKE", "NOT LIKE")
        for pattern in (*PATTERNS, None)
    ]
    local += [
        ("SELECT id FROM w WHERE lower(v) LIKE :x", {"x": "%LIVE%"}),
        ("SELECT id FROM w WHERE v LIKE concat('%', :x, '%')", {"x": "live"}),
        ("SELECT id FROM w WHERE v LIKE lower(:x)", {"x": "%LIVE%"}),
        "SELECT id FROM w WHERE v LIKE '%live%'",
        "SELECT id FROM w WHERE v LIKE 'a!_b' ESCAPE '!'",
        "SELECT id FROM w WHERE v LIKE 'axab' ESCAPE 'x'",
        # A column of the origin's.
        "SELECT id FROM w WHERE v LIKE '%é%'",
    ]
    others = [
        ("SELECT id FROM w WHERE v LIKE :x", {"x": "%é%"}),
        ("SELECT id FROM w WHERE v LIKE :x", {"x": 5}),
        ("SELECT id FROM w WHERE u LIKE :x", {"x": "%ss%"}),
    ]

    assert differences(weighed, local, is_local=True) == []
    assert differences(weighed, others, is_local=False) == []


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
def test_day_as_text_is_the_same_in_every_zone(postgresql: Origin) -> None:
    """Also where the zone skips that day's midnight: then it is one o'clock, and the same day."""
    postgresql.execute("INSERT INTO o (id, d) VALUES (9, '2018-11-04')")
    ask = "SELECT to_char(d, 'YYYY-MM-DD Dy DDD') AS x FROM o WHERE id = 9"

    with CachingEngine(postgresql.engine()) as engine:
        rows = engine.execute(ask)
        assert rows.status.outcome.value == "miss"
    for zone in ("America/Sao_Paulo", "UTC", "Pacific/Kiritimati"):
        assert postgresql.execute(f"SET TIME ZONE '{zone}'", ask) == [(rows[0]["x"],)]


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
