"""Aggregates in an order, percentiles, variances and bits, and JSON made of values."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.origins import Origin
from support.twice import differences

from sqlmem import CachingEngine
from sqlmem.model import Outcome


@pytest.fixture
def postgresql(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id integer PRIMARY KEY, g integer, n integer, b bigint, s smallint, p numeric(10,2),"
        " u numeric, f double precision, v varchar(20), t text, d date, ts timestamp, k boolean)",
        "INSERT INTO o VALUES"
        " (1, 1, 5, 10000000000, 1, 1.50, 1.5, 0.5, 'a', 'x', '2024-01-31', '2024-01-31 10:00:00.5', true),"
        " (2, 1, 7, 3, 2, 2.25, 2.250, 1.5, 'B', '', '2024-02-29', '2024-02-29 23:59:59', false),"
        " (3, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, 1, 5, 4, 3, -1, 3, 2.5, 'é\"\\', 'y', '2023-12-31', '2023-12-31', true),"
        " (5, 2, 9, 4, 3, -1, 3, 2.5, 'b', 'y', '2023-12-31', '2023-12-31', true)",
    )
    return driver_origin


@pytest.mark.families("postgresql")
def test_texts_are_put_together_in_an_order_that_settles_it(postgresql: Origin) -> None:
    """A tie between texts that differ is the origin's choice, and so is no order at all."""
    local = [
        "SELECT g, string_agg(v, ', ' ORDER BY id) AS x FROM o GROUP BY g",
        "SELECT string_agg(v, ', ' ORDER BY v) AS x, string_agg(v, '' ORDER BY v DESC) AS y FROM o",
        "SELECT string_agg(t, '-' ORDER BY g, id DESC) AS x FROM o",
        "SELECT string_agg(DISTINCT t, '-' ORDER BY t) AS x FROM o",
        "SELECT string_agg(t, '-' ORDER BY id) AS x FROM o WHERE id > 99",
        "SELECT string_agg(n::text, ',' ORDER BY id) AS x FROM o",
        "SELECT coalesce(string_agg(v, ',' ORDER BY id), 'none') AS x FROM o WHERE id > 9",
        "SELECT string_agg(v, ',' ORDER BY id) FILTER (WHERE g = 1) AS x FROM o",
        "SELECT d.x FROM (SELECT string_agg(v, ',' ORDER BY id) AS x FROM o) AS d WHERE d.x LIKE 'a%'",
    ]
    others = [
        "SELECT string_agg(t, '-' ORDER BY g) AS x FROM o",
        "SELECT string_agg(t, '-') AS x FROM o WHERE id = 1",
        ("SELECT string_agg(v, :s ORDER BY id) AS x FROM o", {"s": "-"}),
        "SELECT string_agg(v, ',' ORDER BY id) OVER () AS x FROM o",
    ]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, others, is_local=False) == []


@pytest.mark.families("postgresql")
def test_arrays_of_values_in_an_order(postgresql: Origin) -> None:
    """Of every type that has an exact form in an array; an array is given out, and not compared."""
    local = [
        f"SELECT array_agg({column} ORDER BY id) AS x, array_agg({column} ORDER BY n DESC, id) AS y FROM o"
        for column in ("n", "b", "s", "p", "f", "v", "t", "d", "ts", "k", "id + 1")
    ]
    local += [
        "SELECT array_agg(DISTINCT n ORDER BY n DESC NULLS LAST) AS x FROM o",
        "SELECT array_agg(n ORDER BY n NULLS FIRST) AS x FROM o",
        "SELECT array_agg(id ORDER BY id), g FROM o GROUP BY g HAVING count(*) > 2",
        "SELECT array_agg(d.x ORDER BY d.x) AS y FROM (SELECT g AS x, count(*) AS n FROM o GROUP BY g) AS d",
        "SELECT id, ARRAY[id, n] AS x FROM o",
    ]
    others = [
        # Scales of their own in one array.
        "SELECT array_agg(u ORDER BY id) AS x FROM o",
        "SELECT DISTINCT array_agg(id ORDER BY id) AS x FROM o",
        "SELECT array_agg(id ORDER BY id) IS NULL AS x FROM o",
        "SELECT array_agg(id ORDER BY id) AS x FROM o UNION ALL SELECT array_agg(n ORDER BY id) FROM o",
    ]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, others, is_local=False) == []


@pytest.mark.families("postgresql")
def test_json_of_values(postgresql: Origin) -> None:
    """As the driver takes it apart; a value handed out is the caller's own."""
    local = [
        f"SELECT json_agg({column} ORDER BY id) AS x FROM o"
        for column in ("n", "b", "p", "v", "d", "ts", "k")
    ]
    local += [
        "SELECT json_agg(json_build_object('i', id, 'v', v, 'no', NULL, 'w', 'x') ORDER BY id) AS x FROM o",
        "SELECT id, json_build_object('id', id, 'p', p, 'ts', ts, 'k', k, 'v', v || 'x') AS x FROM o",
        "SELECT id, jsonb_build_object('id', id, 'pp', p, 'a', ts, 'k', k, 'id', d) AS x FROM o",
        "SELECT json_build_object('n', count(*), 's', sum(n)) AS x FROM o",
        "SELECT json_build_object('o', json_build_object('id', id)) AS x FROM o",
    ]

    assert differences(postgresql, local, is_local=True) == []
    with CachingEngine(postgresql.engine()) as engine:
        ask = "SELECT json_build_object('n', n) AS x FROM o WHERE id = 1"
        engine.execute(ask)[0]["x"]["n"] = 6
        assert engine.execute(ask) == [{"x": {"n": 5}}]


@pytest.mark.families("postgresql")
def test_json_in_an_applications_own_form_is_the_origins(postgresql: Origin) -> None:
    """An engine with a deserializer of its own may make anything of it."""
    base = sa.create_engine(postgresql.url, json_deserializer=lambda text: ("own", text))

    with CachingEngine(base) as engine:
        rows = engine.execute("SELECT json_build_object('n', n) AS x FROM o WHERE id = 1")
        assert rows.status.outcome is Outcome.BYPASS
        assert rows[0]["x"][0] == "own"
    base.dispose()


def percentiles(function: str, column: str) -> str:
    one, other = (f"WITHIN GROUP (ORDER BY {column}{direction})" for direction in ("", " DESC"))
    return f"SELECT {function}(0.5) {one} AS x, {function}(:p) {other} AS y FROM o"


@pytest.mark.families("postgresql")
def test_percentiles_and_the_most_frequent_value(postgresql: Origin) -> None:
    local = [
        (percentiles("percentile_disc", column), {"p": 0.3})
        for column in ("n", "b", "p", "f", "v", "d", "ts")
    ]
    local += [(percentiles("percentile_cont", column), {"p": 0.3}) for column in ("n", "b", "p", "f")]
    local += [
        "SELECT g, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS x FROM o GROUP BY g ORDER BY x, g",
        "SELECT mode() WITHIN GROUP (ORDER BY n) AS x FROM o",
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS x FROM o WHERE id > 9",
    ]
    others = [
        "SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY n) AS x FROM o",
        # Two values are the most frequent ones.
        "SELECT mode() WITHIN GROUP (ORDER BY p) AS x FROM o WHERE id IN (1, 2)",
    ]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, others, is_local=False) == []


@pytest.mark.families("postgresql")
def test_variances_and_bits(postgresql: Origin) -> None:
    """Of exact numbers; of floats the order of addition shows."""
    local = [
        f"SELECT stddev({column}) AS a, stddev_pop({column}) AS b, variance({column}) AS c,"
        f" var_pop({column}) AS d, var_samp({column}) AS e, stddev_samp({column}) AS f FROM o"
        for column in ("n", "b", "s", "p", "u")
    ]
    local += [
        "SELECT g, stddev(n) AS a, variance(n) AS c, var_pop(n) AS d FROM o GROUP BY g",
        "SELECT round(stddev(n), 3) AS a, variance(n) + 1 AS b FROM o",
        "SELECT bit_and(n) AS a, bit_or(n) AS b, bit_xor(b) AS c, bit_and(s) AS d FROM o",
        "SELECT bit_and(n) AS a FROM o WHERE id > 9",
        "SELECT every(n > 3) AS a, every(k) AS b, bool_and(k) AS c FROM o",
        "SELECT every(n > 3) FROM o",
    ]

    assert differences(postgresql, local, is_local=True) == []
    assert differences(postgresql, ["SELECT stddev(f) AS a FROM o"], is_local=False) == []


@pytest.fixture
def mariadb(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id INT PRIMARY KEY, g INT, n INT, b BIGINT, p DECIMAL(10,2), f DOUBLE,"
        " v VARCHAR(20), t TEXT, d DATE, ts DATETIME, k BOOL) CHARACTER SET utf8mb4",
        "INSERT INTO o VALUES"
        " (1, 1, 5, 10000000000, 1.50, 0.5, 'a', 'x', '2024-01-31', '2024-01-31 10:00:00', 1),"
        " (2, 1, 7, 3, 2.25, 1.5, 'B', '', '2024-02-29', '2024-02-29 23:59:59', 0),"
        " (3, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, 1, 5, 4, -1, 2.5, 'é\"', 'y', '2023-12-31', '2023-12-31', 1),"
        " (5, 2, 9, 4, -1, 2.5, 'b', 'y', '2023-12-31', '2023-12-31', 1)",
    )
    return driver_origin


@pytest.mark.families("mariadb")
def test_group_concat_in_an_order(mariadb: Origin) -> None:
    local = [
        f"SELECT group_concat({column} ORDER BY id) AS x,"
        f" group_concat({column} ORDER BY n DESC, id SEPARATOR '; ') AS y FROM o"
        for column in ("n", "b", "p", "v", "t", "k", "n + 1")
    ]
    dates = ["SELECT group_concat(d ORDER BY id) AS x FROM o"]
    local += [
        "SELECT g, group_concat(v ORDER BY id) AS x FROM o GROUP BY g ORDER BY g",
        "SELECT group_concat(DISTINCT n ORDER BY n) AS x FROM o",
        "SELECT group_concat(v ORDER BY id) AS x FROM o WHERE id > 9",
        "SELECT k, group_concat(n ORDER BY id) AS x FROM o GROUP BY k WITH ROLLUP",
        "SELECT x FROM (SELECT group_concat(n ORDER BY id) AS x, g FROM o GROUP BY g) d ORDER BY g",
    ]
    others = [
        # 'B' and 'b' are one place of the order.
        "SELECT group_concat(v ORDER BY v) AS x FROM o",
        "SELECT group_concat(v) AS x FROM o WHERE id = 1",
        "SELECT group_concat(ts ORDER BY id) AS x FROM o",
        "SELECT group_concat(f ORDER BY id) AS x FROM o",
        # Added up as floats, one after the other; of 64 bits without sign.
        "SELECT std(n) AS x FROM o",
        "SELECT bit_and(n) AS x FROM o",
    ]

    # mysqlclient makes None of the day that isn't one, so that the store doesn't know what was there.
    (others if mariadb.driver == "mysqlclient" else local).extend(dates)
    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.mark.families("mariadb")
def test_group_concat_beyond_its_limit_is_the_origins(mariadb: Origin) -> None:
    """From group_concat_max_len on the origin cuts the text."""
    mariadb.execute(
        "CREATE TABLE long_ones (id INT PRIMARY KEY, v VARCHAR(1000)) CHARACTER SET utf8mb4",
        "INSERT INTO long_ones VALUES (1, repeat('é', 700)), (2, 'b'), (3, repeat('c', 900))",
    )
    base = sa.create_engine(mariadb.url)

    @sa.event.listens_for(base, "connect")
    def shorten(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("SET SESSION group_concat_max_len = 2000")
        cursor.close()

    ask = "SELECT group_concat(v ORDER BY id) AS x FROM long_ones WHERE id <= :last"
    with CachingEngine(base) as engine, base.connect() as bare:
        for last, outcome in ((2, Outcome.HIT), (3, Outcome.BYPASS)):
            engine.execute(ask, {"last": 1})
            rows = engine.execute(ask, {"last": last})
            assert rows.status.outcome is outcome
            assert rows[0]["x"] == bare.execute(sa.text(ask), {"last": last}).scalar_one()
    base.dispose()


@pytest.mark.families("mariadb")
def test_order_of_groups_with_a_window_over_them_is_the_origins(origin: Origin) -> None:
    """Where an index serves the groups, MariaDB gives them in an order of its own, another one each time."""
    origin.execute(
        "CREATE TABLE many (id INT PRIMARY KEY, m INT, KEY (m))",
        "INSERT INTO many SELECT seq, 1 + mod(seq, 5) FROM seq_1_to_3500",
    )
    counts = "SELECT m, count(*) AS n, sum(count(*)) OVER () AS w FROM many GROUP BY m"

    assert differences(origin, [counts, f"{counts} ORDER BY n, m"], is_local=True) == []
    with CachingEngine(origin.engine()) as engine:
        for order in ("m", "1"):
            rows = engine.execute(f"{counts} ORDER BY {order}")
            assert rows.status.outcome is Outcome.BYPASS
            assert sorted(row["m"] for row in rows) == [1, 2, 3, 4, 5]


@pytest.mark.families("mariadb")
def test_count_of_distinct_texts_and_rows(mariadb: Origin) -> None:
    """Texts by the origin's own rank, so that 'B' and 'b' are one; of rows those without a NULL."""
    local = [
        "SELECT count(DISTINCT v) AS x FROM o",
        "SELECT g, count(DISTINCT v) AS x FROM o GROUP BY g HAVING count(DISTINCT v) > 0",
        "SELECT count(DISTINCT g, n) AS x, count(DISTINCT n, d) AS y, count(DISTINCT p, t) AS z FROM o",
        "SELECT g, count(DISTINCT n, p) AS x FROM o GROUP BY g HAVING count(DISTINCT n, p) > 0 ORDER BY g",
    ]
    others = ["SELECT count(DISTINCT g, v) AS x FROM o", "SELECT count(DISTINCT g, f) AS x FROM o"]

    assert differences(mariadb, local, is_local=True) == []
    assert differences(mariadb, others, is_local=False) == []
