"""Orders that only the origin knows, through derived tables, WITH and set operations; one row at most.

The texts of `p` are of the origin's default collation, which SQLite doesn't have.
"""

from __future__ import annotations

import pytest
from support.origins import Origin
from support.pair import Pair

from sqlmem import CachingEngine, Outcome, last_status


def test_texts_of_derived_tables_are_ordered(pair: Pair) -> None:
    """ORDER BY, a window's order, MIN and MAX take the rank that the table has of the value."""
    pair.check_local(
        """
        SELECT d.id FROM (SELECT id, name FROM p) AS d ORDER BY d.name
        SELECT d.id FROM (SELECT id, name FROM p) AS d ORDER BY d.name DESC LIMIT 3
        SELECT d.id, d.x FROM (SELECT id, name AS x, tag AS y FROM p WHERE id > 2) AS d ORDER BY x DESC, y,\
            d.id
        SELECT max(d.name) AS a, min(d.name) AS b FROM (SELECT id, name FROM p) AS d
        SELECT d.id, row_number() OVER (ORDER BY d.name) AS q FROM (SELECT id, name FROM p) AS d
        SELECT d.id, rank() OVER (PARTITION BY d.tag ORDER BY d.name DESC) AS q FROM (SELECT id, name, tag\
            FROM p) AS d
        SELECT e.x FROM (SELECT d.name AS x FROM (SELECT name FROM p WHERE id > 1) AS d) AS e ORDER BY e.x
        SELECT d.l, d.id FROM (SELECT lower(name) AS l, id FROM p) AS d ORDER BY d.l, d.id
        SELECT d.name FROM (SELECT name, boss FROM p ORDER BY id LIMIT 4) AS d ORDER BY d.name
        SELECT d.b, max(d.n) AS m FROM (SELECT boss AS b, name AS n FROM p) AS d GROUP BY d.b
        """
    )


def test_texts_of_queries_of_with_are_ordered(pair: Pair) -> None:
    """A query of WITH that is named twice gives out one rank, and both take it."""
    pair.check_local(
        """
        WITH c AS (SELECT id, name FROM p) SELECT id FROM c ORDER BY name
        WITH c AS (SELECT DISTINCT name FROM p) SELECT name FROM c ORDER BY name
        WITH c AS (SELECT name FROM p GROUP BY name) SELECT name FROM c ORDER BY name DESC
        WITH c AS (SELECT id, name FROM p), d AS (SELECT id, name FROM c WHERE id > 2) SELECT name FROM d\
            ORDER BY name
        WITH c AS (SELECT id, name FROM p) SELECT id FROM c WHERE name > (SELECT min(name) FROM c) ORDER BY\
            name
        WITH c AS (SELECT id, name FROM p) SELECT id, (SELECT max(name) FROM c AS o WHERE o.id < c.id) AS x\
            FROM c ORDER BY id
        """
    )


def test_texts_of_set_operations_are_ordered(pair: Pair) -> None:
    """Where both operands give one column's values; of two columns' the ranks are of two scales."""
    pair.check_local(
        """
        SELECT name FROM p WHERE id < 3 UNION ALL SELECT name FROM p WHERE id > 5 ORDER BY 1
        SELECT name FROM p WHERE id < 3 UNION SELECT name FROM p ORDER BY name DESC
        SELECT name FROM p EXCEPT SELECT name FROM p WHERE id > 4 ORDER BY 1
        SELECT name FROM p INTERSECT SELECT name FROM p WHERE id > 4 ORDER BY 1
        SELECT max(d.name) AS m FROM (SELECT name FROM p WHERE id < 4 UNION SELECT name FROM p WHERE id > 2)\
            AS d
        SELECT d.name, count(*) AS n FROM (SELECT name FROM p UNION ALL SELECT name FROM p) AS d GROUP BY\
            d.name
        """
    )
    pair.check(
        """
        SELECT name FROM p UNION ALL SELECT tag FROM p WHERE id <> 2 ORDER BY 1
        SELECT max(d.x) AS m FROM (SELECT name AS x FROM p UNION ALL SELECT s FROM t) AS d
        SELECT count(*) AS n FROM (SELECT name FROM p UNION SELECT tag FROM p) AS d
        SELECT name FROM p INTERSECT ALL SELECT name FROM p WHERE id > 4 ORDER BY 1
        SELECT name FROM p EXCEPT ALL SELECT name FROM p WHERE id > 4 ORDER BY 1 DESC
        """
    )


def test_groups_and_distinct_of_derived_texts(pair: Pair) -> None:
    """Equality is the origin's where no two values of the column are equal and not the same."""
    pair.check_local(
        """
        SELECT d.name, count(*) AS n FROM (SELECT id, name FROM p) AS d GROUP BY d.name
        SELECT DISTINCT d.name FROM (SELECT name FROM p) AS d
        SELECT count(DISTINCT d.name) AS n FROM (SELECT name FROM p) AS d
        SELECT d.name, sum(d.pay) AS s FROM (SELECT name, pay FROM p WHERE id < 5) AS d GROUP BY d.name\
            ORDER BY d.name
        """
        if pair.family != "sqlite"
        else "SELECT d.name, count(*) AS n FROM (SELECT id, name FROM p) AS d GROUP BY d.name"
    )
    statement = "SELECT DISTINCT d.tag FROM (SELECT tag FROM p) AS d"
    pair.check(statement)
    # 'a' and 'A': which of them stands for both is MariaDB's choice.
    assert pair.outcomes[statement] is (Outcome.RESULT_HIT if pair.family == "mariadb" else Outcome.HIT)


def test_groups_of_which_no_key_is_shown(pair: Pair) -> None:
    """By the rank alone: which of 'a' and 'A' stands for their group isn't seen."""
    pair.check_local(
        """
        SELECT count(*) AS n FROM p GROUP BY tag
        SELECT count(*) AS n, max(id) AS m, min(pay) AS o FROM p GROUP BY tag, boss
        SELECT count(*) AS n FROM p GROUP BY tag HAVING max(id) > 3
        SELECT count(*) AS n FROM (SELECT tag FROM p) AS d GROUP BY d.tag ORDER BY count(*)
        SELECT d.n, count(*) AS m FROM (SELECT count(*) AS n FROM p GROUP BY tag) AS d GROUP BY d.n
        """
    )


def test_what_a_union_gives_is_of_its_type(pair: Pair) -> None:
    """Sums, greatest values and neighbours of its integers."""
    pair.check_local(
        """
        SELECT max(d.i) AS m, min(d.i) AS k, sum(d.i) AS s, avg(d.i) AS a FROM (SELECT id AS i FROM t UNION\
            SELECT id FROM u) AS d
        SELECT d.i + 1 AS m, d.i * 2 AS n, -d.i AS o FROM (SELECT 1 AS i FROM t UNION ALL SELECT 5) AS d
        SELECT max(d.b) AS m FROM (SELECT big AS b FROM t UNION ALL SELECT id FROM t) AS d
        SELECT d.i, lag(d.i) OVER (ORDER BY d.i) AS l FROM (SELECT id AS i FROM t UNION ALL SELECT id FROM\
            u) AS d
        """
    )


def test_one_columns_values_are_compared_wherever_they_stand(pair: Pair) -> None:
    """By the ranks of both: of one table's column these are on one scale."""
    pair.check_local(
        """
        SELECT id FROM p WHERE name = (SELECT max(name) FROM p)
        SELECT id FROM p WHERE name > (SELECT min(name) FROM p WHERE id > 3)
        SELECT id FROM p WHERE name = (SELECT name FROM p WHERE id = 3)
        SELECT id FROM p WHERE name IN (SELECT name FROM p WHERE id > 3)
        SELECT id FROM p WHERE name NOT IN (SELECT name FROM p WHERE id > 3)
        SELECT id FROM p WHERE tag NOT IN (SELECT tag FROM p WHERE id > 3)
        SELECT id FROM p WHERE tag IN (SELECT tag FROM p WHERE id = 2)
        SELECT id FROM p WHERE (name, id) IN (SELECT name, id FROM p WHERE id > 3)
        SELECT id FROM p AS a WHERE EXISTS (SELECT 1 FROM p AS b WHERE b.tag = a.tag AND b.id <> a.id)
        SELECT id, (SELECT count(*) FROM p AS b WHERE b.name < a.name) AS n FROM p AS a
        SELECT id FROM p AS a WHERE tag <> (SELECT b.tag FROM p AS b WHERE b.id = a.boss)
        SELECT d.id FROM (SELECT id, name FROM p) AS d WHERE d.name = 'Bob'
        SELECT d.id FROM (SELECT id, name FROM p) AS d WHERE d.name IN (SELECT name FROM p WHERE id < 3)
        SELECT id FROM p WHERE CASE WHEN name = (SELECT min(name) FROM p) THEN 1 ELSE 0 END = 1
        """
    )
    pair.check(
        """
        SELECT id FROM p WHERE name >= ALL (SELECT name FROM p)
        SELECT id FROM p WHERE name < ANY (SELECT name FROM p WHERE id < 3)
        SELECT id FROM p WHERE name = ANY (SELECT name FROM p WHERE id < 3)
        SELECT id FROM p WHERE name IN (SELECT s FROM t)
        SELECT id FROM p WHERE name = tag
        SELECT id FROM p WHERE name BETWEEN (SELECT min(name) FROM p) AND (SELECT name FROM p WHERE id = 5)
        """
    )


def test_greatest_values_and_neighbours_are_ordered_in_turn(pair: Pair) -> None:
    """What MIN, MAX, a subquery or a window function gives has the rank of the row that it is from."""
    pair.check_local(
        """
        SELECT boss, max(name) AS m FROM p GROUP BY boss ORDER BY m
        SELECT boss, max(name) AS m FROM p GROUP BY boss ORDER BY max(name) DESC
        SELECT max(d.m) AS x FROM (SELECT boss, min(name) AS m FROM p GROUP BY boss) AS d
        SELECT d.m FROM (SELECT boss, min(name) AS m FROM p GROUP BY boss) AS d ORDER BY d.m DESC
        SELECT id, (SELECT b.name FROM p AS b WHERE b.id = a.boss) AS n FROM p AS a ORDER BY n, id
        SELECT id, lag(name) OVER (ORDER BY name) AS x FROM p ORDER BY x, id
        SELECT id, first_value(name) OVER (PARTITION BY boss ORDER BY name DESC) AS x FROM p ORDER BY x, id
        """
    )
    pair.check(
        """
        SELECT boss, max(name) AS m FROM p GROUP BY boss HAVING max(name) = 'Zoe'
        SELECT boss, max(name) AS m FROM p GROUP BY boss HAVING max(name) > 'C'
        SELECT id, max(name) OVER (PARTITION BY boss) AS x FROM p ORDER BY x, id
        SELECT max(name) FILTER (WHERE id > 3) AS x FROM p
        """
    )


@pytest.mark.families("postgresql")
def test_rows_chosen_by_place_and_grouping_sets_keep_the_order(pair: Pair) -> None:
    """DISTINCT ON, WITH TIES, ROLLUP: what is around them orders by it."""
    pair.check_local(
        """
        SELECT d.name FROM (SELECT DISTINCT ON (boss) boss, name FROM p ORDER BY boss, name) AS d ORDER BY\
            d.name
        SELECT d.name FROM (SELECT name FROM p ORDER BY pay FETCH FIRST 2 ROWS WITH TIES) AS d ORDER BY\
            d.name DESC
        SELECT tag, count(*) AS n FROM p GROUP BY ROLLUP (tag) ORDER BY tag, n
        SELECT tag, boss, count(*) AS n FROM p GROUP BY GROUPING SETS ((tag), (boss), (tag, boss)) ORDER BY\
            tag, boss, n
        SELECT max(d.tag) AS m FROM (SELECT tag, count(*) AS n FROM p GROUP BY CUBE (tag, boss)) AS d
        SELECT name FROM p INTERSECT ALL SELECT name FROM p WHERE id > 4 ORDER BY 1
        SELECT name FROM p EXCEPT ALL SELECT name FROM p WHERE id > 4 ORDER BY 1 DESC
        """
    )


def test_a_subquery_that_the_values_say_gives_one_row(pair: Pair) -> None:
    """By the primary key, by what is grouped by, or because no two rows have the same values."""
    pair.check_local(
        """
        SELECT id, (SELECT b.pay FROM p AS b WHERE b.id = a.boss) AS x FROM p AS a
        SELECT id, (SELECT b.pay FROM p AS b WHERE b.pay = a.pay AND b.id = a.id) AS x FROM p AS a
        SELECT id, (SELECT b.id FROM p AS b WHERE b.boss = a.id AND b.pay = 3.00) AS x FROM p AS a
        SELECT id, (SELECT count(*) + 1 FROM u AS b WHERE b.t_id = a.id) AS x FROM t AS a
        SELECT id, (SELECT max(k) FROM u WHERE u.t_id = t.id GROUP BY t_id) AS x FROM t
        SELECT id, (SELECT DISTINCT t.g FROM u WHERE u.t_id = t.id) AS x FROM t
        SELECT id FROM t WHERE g = (SELECT u.k FROM u WHERE u.id = t.id)
        """
        if pair.family != "sqlite"
        else "SELECT id, (SELECT b.pay FROM p AS b WHERE b.id = a.boss) AS x FROM p AS a"
    )
    pair.check(
        """
        SELECT id, (SELECT k FROM u WHERE u.t_id = t.id) AS x FROM t WHERE id > 1
        SELECT id, (SELECT k FROM u WHERE u.t_id = t.id) AS x FROM t
        SELECT id, (SELECT k FROM u WHERE u.t_id = t.id AND u.n = 10.50) AS x FROM t
        SELECT id, (SELECT x FROM e) AS x FROM t WHERE g = (SELECT x FROM e)
        SELECT id FROM t WHERE g = (SELECT k FROM u WHERE t_id = 1) AND id = 1
        SELECT id FROM t WHERE id = 1 AND g = (SELECT k FROM u WHERE t_id = t.id)
        """
    )


def test_windows_that_copy_another(pair: Pair) -> None:
    """OVER (w) is w, where w has no frame."""
    pair.check_local(
        """
        SELECT id, sum(id) OVER (w) AS x FROM t WINDOW w AS (ORDER BY id)
        SELECT id, sum(id) OVER (w) AS x, count(*) OVER w AS y FROM t WINDOW w AS (PARTITION BY g ORDER BY\
            id)
        SELECT id, sum(id) OVER (w ROWS 1 PRECEDING) AS x FROM t WINDOW w AS (ORDER BY id)
        SELECT id, rank() OVER (w ORDER BY id) AS x FROM t WINDOW w AS (PARTITION BY g)
        SELECT id, rank() OVER w2 AS x FROM t WINDOW w AS (PARTITION BY g), w2 AS (w ORDER BY id)
        """
    )
    pair.check(
        """
        SELECT id, sum(id) OVER (w) AS x FROM t WINDOW w AS (ORDER BY id ROWS 1 PRECEDING)
        SELECT id, lag(id) OVER (w) AS x FROM t WINDOW w AS (ORDER BY id)
        SELECT id, lag(id) OVER w2 AS x FROM t WINDOW w AS (ORDER BY id), w2 AS (w)
        SELECT id, ntile(2) OVER (w) AS x, row_number() OVER (w) AS y FROM t WINDOW w AS (ORDER BY id)
        """
    )


def test_all_rows_of_a_table_come_in_the_order_of_the_origin_where_nothing_orders_them(
    origin: Origin,
) -> None:
    """Any order is right; programs get used to the origin's. No index of the store's own is read for it."""
    names = ["jack", "ed", "fred", "chuck"]
    rows = ", ".join(f"({number}, '{name}', {number % 3})" for number, name in enumerate(names, 7))
    origin.execute(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20), number INTEGER)",
        f"INSERT INTO people VALUES {rows}",
    )
    statements = ["SELECT id, name FROM people", "SELECT name FROM people", "SELECT id AS i FROM people"]
    with (
        CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine,
        origin.engine().connect() as bare,
        engine.connect() as connection,
    ):
        # What is looked for gets an index, and texts of some collations ranks with one.
        for condition in ("name = 'ed'", "name > 'b'", "number = 1"):
            connection.exec_driver_sql(f"SELECT id FROM people WHERE {condition} ORDER BY name, number").all()
        for statement in statements:
            found = connection.exec_driver_sql(statement).all()
            assert last_status().outcome is Outcome.HIT
            assert found == bare.exec_driver_sql(statement).all()
