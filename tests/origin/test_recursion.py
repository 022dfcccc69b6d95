"""Recursive queries: what each origin makes of them, and that none of them takes the process with it.

A statement is asked of the bare engine and of a caching one; where the origin reports an error, so does this.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.origins import Origin
from support.pair import Pair

from sqlmem import CachingEngine, Outcome
from sqlmem.recursion import MOST_ROWS


def test_numbers_that_are_counted(pair: Pair) -> None:
    """A first row, and the next ones made of it: over constants and over a table, with and without ALL."""
    pair.check_local(
        r"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT id FROM t WHERE\
            id IN (SELECT i FROM n)
        WITH RECURSIVE n(i) AS (SELECT min(id) FROM t UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i\
            FROM n
        WITH RECURSIVE n(i) AS (SELECT id FROM t WHERE id = 1 UNION SELECT i + 1 FROM n WHERE i < 5) SELECT\
            i FROM n
        WITH RECURSIVE n(i) AS (SELECT id FROM t WHERE id = 1 UNION SELECT 10 - i FROM n) SELECT i FROM n
        WITH RECURSIVE n AS (SELECT id AS i FROM t WHERE id < 3 UNION ALL SELECT i + 10 FROM n WHERE i < 20)\
            SELECT i FROM n ORDER BY i LIMIT 3
        WITH RECURSIVE n(i) AS (SELECT id FROM t WHERE id < 3 UNION ALL SELECT i + 1 FROM n WHERE i < 4)\
            SELECT DISTINCT i FROM n
        WITH RECURSIVE n(i) AS (SELECT id FROM t UNION ALL SELECT NULL FROM n WHERE i = 3) SELECT i FROM n
        WITH RECURSIVE n(i) AS (SELECT 5 UNION ALL SELECT i - 1 FROM n WHERE i > 1) SELECT id FROM t WHERE\
            id IN (SELECT i FROM n)
        WITH RECURSIVE n(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT id FROM t WHERE id = 2 UNION\
            ALL SELECT i + 2 FROM n WHERE i < 4) SELECT i FROM n
        SELECT id FROM t WHERE id IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i\
            < 3) SELECT i FROM n)
        SELECT d.i FROM (WITH RECURSIVE n(i) AS (SELECT min(id) FROM t UNION ALL SELECT i + 1 FROM n WHERE i\
            < 3) SELECT i FROM n) AS d ORDER BY d.i
        WITH RECURSIVE n(i) AS (SELECT big FROM t WHERE id = 1 UNION ALL SELECT i + 1 FROM n WHERE i < 104)\
            SELECT i, max(i) OVER () AS m FROM n
        WITH RECURSIVE n(i, c) AS (SELECT count(*), 0 FROM t UNION ALL SELECT i - 1, c + 1 FROM n WHERE i >\
            3) SELECT i, c, sum(c) OVER (ORDER BY i) AS s FROM n
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, i * 2 AS d, i\
            + 1 AS e, -i AS g FROM n WHERE i > (SELECT min(id) FROM t)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) AS a,\
            min(i) AS b, sum(i) AS c, avg(i) AS d, count(*) AS e, (SELECT max(id) FROM t) AS f FROM n
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, lag(i) OVER\
            (ORDER BY i) AS l, (SELECT max(id) FROM t) AS f FROM n
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, (SELECT\
            count(*) FROM t WHERE t.g = n.i) AS f FROM n ORDER BY i
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT id FROM t WHERE\
            EXISTS (SELECT 1 FROM n WHERE n.i = t.id AND n.i > 2)
        WITH RECURSIVE a(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a WHERE i < 3), b(j) AS (SELECT i FROM\
            a UNION ALL SELECT j + 10 FROM b WHERE j < 25) SELECT j FROM b WHERE j NOT IN (SELECT id FROM t)
        """
    )


def test_rows_that_are_handed_on(pair: Pair) -> None:
    """A table's values, unchanged from round to round, with their types; and what a subquery finds."""
    pair.check_local(
        r"""
        WITH RECURSIVE r(i, n) AS (SELECT id, n FROM t WHERE id < 3 UNION ALL SELECT i + 10, n FROM r WHERE\
            i < 20) SELECT i, n, n * 2 AS m FROM r
        WITH RECURSIVE r(i, d) AS (SELECT id, d FROM t WHERE id < 3 UNION ALL SELECT i + 10, d FROM r WHERE\
            i < 20) SELECT i, d FROM r
        WITH RECURSIVE r(i, w) AS (SELECT id, w FROM t WHERE id < 3 UNION ALL SELECT i + 10, w FROM r WHERE\
            i < 20) SELECT i, w FROM r
        WITH RECURSIVE r(i, f) AS (SELECT id, f FROM t WHERE id < 3 UNION ALL SELECT i + 10, f FROM r WHERE\
            i < 20) SELECT i, f FROM r
        WITH RECURSIVE r(i, b) AS (SELECT id, b FROM t WHERE id < 3 UNION ALL SELECT i + 10, b FROM r WHERE\
            i < 20) SELECT i, b FROM r
        WITH RECURSIVE r(i, ts) AS (SELECT id, ts FROM t WHERE id < 3 UNION ALL SELECT i + 10, ts FROM r\
            WHERE i < 20) SELECT i, ts FROM r ORDER BY ts, i
        WITH RECURSIVE r(i, s) AS (SELECT id, s FROM t WHERE id < 3 UNION ALL SELECT i + 10, s FROM r WHERE\
            i < 20) SELECT i, s FROM r
        WITH RECURSIVE r(id, b) AS (SELECT id, boss FROM p WHERE id = 6 UNION ALL SELECT b, (SELECT boss\
            FROM p WHERE p.id = r.b) FROM r WHERE b IS NOT NULL) SELECT id, b FROM r
        WITH RECURSIVE r(id, b) AS (SELECT id, boss FROM p UNION SELECT b, (SELECT boss FROM p WHERE p.id =\
            r.b) FROM r WHERE b IS NOT NULL) SELECT id, b FROM r
        WITH RECURSIVE r(id, b, n) AS (SELECT id, boss, name FROM p WHERE id = 6 UNION ALL SELECT b, (SELECT\
            boss FROM p WHERE p.id = r.b), (SELECT name FROM p WHERE p.id = r.b) FROM r WHERE b IS NOT NULL)\
            SELECT id, n FROM r ORDER BY n
        """
    )


def test_texts_keep_their_order(pair: Pair) -> None:
    """What a table's text is ordered and told apart by goes through the rounds with it."""
    pair.check_local(
        r"""
        WITH RECURSIVE r(n, i) AS (SELECT name, 1 FROM p UNION ALL SELECT n, i + 1 FROM r WHERE i < 3)\
            SELECT n, i FROM r ORDER BY n DESC, i
        WITH RECURSIVE r(n, i) AS (SELECT name, 1 FROM p UNION SELECT n, i + 1 FROM r WHERE i < 3) SELECT n,\
            count(*) AS c, max(i) AS m FROM r GROUP BY n
        WITH RECURSIVE r(n, i) AS (SELECT name, 1 FROM p UNION SELECT n, i + 1 FROM r WHERE i < 3) SELECT\
            max(n) AS m FROM r
        WITH RECURSIVE r(n, m, i) AS (SELECT name, name, 1 FROM p UNION ALL SELECT m, n, i + 1 FROM r WHERE\
            i < 3) SELECT n, m, i FROM r ORDER BY n, m DESC, i
        WITH RECURSIVE r(n, i) AS (SELECT name, id FROM p UNION ALL SELECT n, i + 10 FROM r WHERE i < 20 AND\
            n = 'Bob') SELECT n, i FROM r WHERE n <> 'Zoe'
        """
    )


def test_what_a_first_query_fixes(pair: Pair) -> None:
    """The types are the first query's: the rest is an error, is cut, or is another value, by the origin."""
    pair.check(
        r"""
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i * 1.5 FROM r WHERE i < 4)\
            SELECT i FROM r
        WITH RECURSIVE r(n) AS (SELECT n FROM t WHERE id = 1 UNION ALL SELECT n * 2 FROM r WHERE n < 40)\
            SELECT n FROM r
        WITH RECURSIVE r(n) AS (SELECT n FROM t WHERE id = 1 UNION ALL SELECT n + 1 FROM r WHERE n < 14)\
            SELECT n, n + 1 AS m FROM r
        WITH RECURSIVE r(n) AS (SELECT n FROM t WHERE id = 1 UNION ALL SELECT n * 1000000 FROM r WHERE n <\
            1000000000000) SELECT n FROM r
        WITH RECURSIVE r(n) AS (SELECT n FROM t WHERE id = 1 UNION ALL SELECT 12 FROM r WHERE n < 11) SELECT\
            n FROM r
        WITH RECURSIVE r(i) AS (SELECT 1 FROM t WHERE id = 1 UNION ALL SELECT i * 100000 FROM r WHERE i <\
            100000000000) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT k FROM u WHERE id = 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5)\
            SELECT i, i + 1 AS j FROM r
        WITH RECURSIVE r(i) AS (SELECT k FROM u WHERE id = 1 UNION ALL SELECT i * 1000 FROM r WHERE i <\
            100000) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT count(*) FROM r) SELECT i\
            FROM r
        WITH RECURSIVE r(i, k) AS (SELECT 1, 0 UNION ALL SELECT i + 1, (SELECT count(*) FROM t WHERE t.id <=\
            r.i) FROM r WHERE i < 6) SELECT i, k FROM r
        WITH RECURSIVE r(s) AS (SELECT name FROM p WHERE id = 1 UNION ALL SELECT 'x' FROM r WHERE s = 'Zoe')\
            SELECT s FROM r
        WITH RECURSIVE r(s, i) AS (SELECT name, 1 FROM p WHERE id = 1 UNION ALL SELECT tag, i + 1 FROM\
            (SELECT 1 AS x) AS q WHERE x > 1) SELECT s FROM r
        WITH RECURSIVE r(s, i) AS (SELECT s, id FROM t WHERE id = 1 UNION ALL SELECT NULL, i + 1 FROM r\
            WHERE i < 3) SELECT s, i FROM r
        WITH RECURSIVE r(i) AS (SELECT NULL UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT i, (SELECT\
            max(id) FROM t) AS m FROM r
        WITH RECURSIVE r(i, j) AS (SELECT id, g FROM t WHERE id < 3 UNION ALL SELECT i + 1, CASE WHEN i > 3\
            THEN NULL ELSE j END FROM r WHERE i < 6) SELECT i, j FROM r
        WITH RECURSIVE r(b, i) AS (SELECT b, id FROM t WHERE id < 3 UNION ALL SELECT NOT b, i + 2 FROM r\
            WHERE i < 6) SELECT b, i FROM r
        WITH RECURSIVE r(i, d) AS (SELECT 1, d FROM t WHERE id = 1 UNION ALL SELECT i + 1, d + INTERVAL\
            '1 day' FROM r WHERE i < 3) SELECT i, d FROM r
        WITH RECURSIVE r(i, d) AS (SELECT 1, d FROM t WHERE id = 1 UNION ALL SELECT i + 1, d + INTERVAL 1\
            DAY FROM r WHERE i < 3) SELECT i, d FROM r
        WITH RECURSIVE r(i, d) AS (SELECT 1, date(d) FROM t WHERE id = 1 UNION ALL SELECT i + 1, date(d,\
            '+1 day') FROM r WHERE i < 3) SELECT i, d FROM r
        WITH RECURSIVE r(i, s) AS (SELECT 1, CAST(name AS text) FROM p WHERE id = 1 UNION ALL SELECT i + 1,\
            s || 'x' FROM r WHERE i < 3) SELECT i, s FROM r
        WITH RECURSIVE r(i, s) AS (SELECT 1, 'a' UNION ALL SELECT i + 1, s || 'x' FROM r WHERE i < 3) SELECT\
            i, s, (SELECT max(id) FROM t) AS m FROM r
        WITH RECURSIVE r(i, f) AS (SELECT id, f FROM t UNION ALL SELECT i + 10, f FROM r WHERE i < 20)\
            SELECT sum(f) AS x FROM r
        WITH RECURSIVE r(i, n) AS (SELECT id, n FROM t UNION ALL SELECT i + 10, n FROM r WHERE i < 20)\
            SELECT sum(n) AS x, max(n) AS y FROM r WHERE n < 10
        """
    )


def test_forms_that_some_origin_refuses(pair: Pair) -> None:
    """An error stays one: the store's SQLite is more, and less, than any of them."""
    pair.check(
        r"""
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT id FROM p WHERE EXISTS\
            (SELECT 1 FROM r WHERE r.i = p.boss)) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION SELECT id FROM p WHERE boss IN (SELECT i\
            FROM r)) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT q.i FROM (SELECT i + 1 AS i\
            FROM r WHERE i < 4) AS q) SELECT i FROM r
        WITH RECURSIVE r(i, b) AS (SELECT id, 1 FROM p WHERE id = 1 UNION ALL SELECT i + 1, count(*) OVER ()\
            FROM r WHERE i < 4) SELECT i, b FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT max(i) + 1 FROM r WHERE i <\
            4) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT i + 1 FROM r WHERE i < 4\
            GROUP BY i) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT i + 1 FROM r WHERE i < 4\
            ORDER BY 1 LIMIT 3) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT i + 1 FROM r LIMIT 3) SELECT\
            i FROM r
        WITH RECURSIVE r(i) AS ((SELECT id FROM t WHERE id = 1) UNION ALL (SELECT i + 1 FROM r WHERE i < 4))\
            SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT i + 1 FROM r WHERE i < 4 UNION ALL SELECT id FROM t WHERE id = 1)\
            SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i + 2 FROM r WHERE i < 4\
            UNION ALL SELECT i + 3 FROM r WHERE i < 4) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t EXCEPT SELECT i + 1 FROM r) SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i, i FROM r WHERE i < 0)\
            SELECT i FROM r
        WITH RECURSIVE r(i, j) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i FROM r WHERE i < 0)\
            SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT i FROM r) SELECT i, (SELECT count(*) FROM t) AS n FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id < (SELECT count(*) FROM r)) SELECT i FROM r
        WITH RECURSIVE a(x) AS (SELECT y FROM b), b(y) AS (SELECT id FROM t) SELECT x FROM a
        WITH a(x) AS (SELECT y FROM b), b(y) AS (SELECT id FROM t) SELECT x FROM a
        WITH RECURSIVE a(x) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT y + 1 FROM b WHERE y < 5),\
            b(y) AS (SELECT id FROM t WHERE id = 2 UNION ALL SELECT x + 1 FROM a WHERE x < 5) SELECT x FROM\
            a
        WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT id FROM t WHERE id IN\
            (SELECT i FROM n)
        SELECT id FROM t WHERE EXISTS (WITH RECURSIVE r(i) AS (SELECT t.id UNION ALL SELECT i + 1 FROM r\
            WHERE i < 6) SELECT i FROM r WHERE i = 6)
        """
    )


def test_recursive_is_but_a_word(pair: Pair) -> None:
    """Under RECURSIVE a query that doesn't read itself is like any other; names hide tables as ever."""
    pair.check_local(
        """
        WITH RECURSIVE a(x) AS (SELECT id FROM t), b(y) AS (SELECT x FROM a) SELECT y FROM b
        WITH RECURSIVE a AS (SELECT name FROM p) SELECT name FROM a ORDER BY name
        WITH RECURSIVE a AS (SELECT id FROM t UNION SELECT id FROM u) SELECT count(*) AS n FROM a
        WITH RECURSIVE u AS (SELECT id FROM t WHERE id > 3) SELECT id FROM u WHERE id IN (SELECT id FROM t)
        """
    )
    pair.check(
        """
        WITH t AS (SELECT id FROM t WHERE id > 3) SELECT id FROM t
        WITH RECURSIVE t AS (SELECT id FROM t WHERE id > 3) SELECT id FROM t
        WITH a AS (SELECT id FROM t), t AS (SELECT id FROM a WHERE id < 3) SELECT id FROM t
        SELECT id FROM t WHERE id IN (WITH t AS (SELECT k AS id FROM u) SELECT id FROM t)
        """
    )


def test_queries_that_read_later_ones(pair: Pair) -> None:
    """Where the origin lets them; a ring is its own to refuse."""
    pair.check_local(
        """
        WITH RECURSIVE a(x) AS (SELECT y FROM b), b(y) AS (SELECT id FROM t) SELECT x FROM a
        WITH RECURSIVE a(x) AS (SELECT y FROM b WHERE y > (SELECT min(z) FROM c)), b(y) AS (SELECT id FROM\
            t), c(z) AS (SELECT x FROM (SELECT id AS x FROM u) AS d) SELECT x FROM a
        """
    )
    pair.check(
        """
        WITH a(x) AS (SELECT y FROM b), b(y) AS (SELECT id FROM t) SELECT x FROM a
        WITH RECURSIVE a(x) AS (SELECT y FROM b), b(y) AS (SELECT x FROM a) SELECT x FROM a
        """
    )


def test_what_is_done_with_the_rows(pair: Pair) -> None:
    """Groups, windows, set operations, subqueries over a recursive query, and some in its conditions."""
    rounds = (
        "WITH RECURSIVE r(i, n) AS (SELECT id, name FROM p UNION ALL SELECT i + 100, n FROM r WHERE i < 200)"
    )
    for rest in (
        "SELECT n, count(*) AS c FROM r GROUP BY n ORDER BY n",
        "SELECT DISTINCT n FROM r ORDER BY n DESC",
        "SELECT i, rank() OVER (ORDER BY n) AS q FROM r",
        "SELECT id FROM p WHERE name IN (SELECT n FROM r WHERE i > 204)",
        "SELECT a.n FROM r AS a WHERE a.n > (SELECT min(b.n) FROM r AS b) ORDER BY a.n, a.i",
        "SELECT i FROM r UNION SELECT id FROM u ORDER BY 1",
        "SELECT i FROM r INTERSECT SELECT id FROM u",
    ):
        pair.check_local(f"{rounds} {rest}")
    pair.check_local(
        r"""
        WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < (SELECT max(id) FROM t))\
            SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE EXISTS (SELECT 1 FROM t WHERE\
            t.id > r.i)) SELECT i FROM r
        WITH RECURSIVE r(i, s) AS (SELECT id, tag FROM p UNION ALL SELECT i + 10, s FROM r WHERE i < 10 AND\
            s = 'a') SELECT i FROM r
        WITH RECURSIVE r(i, s) AS (SELECT id, tag FROM p UNION ALL SELECT i + 10, s FROM r WHERE i < 10 AND\
            s < (SELECT tag FROM p WHERE id = 1)) SELECT i FROM r
        WITH RECURSIVE r(i, n) AS (SELECT id, lower(name) FROM p UNION ALL SELECT i + 100, n FROM r WHERE i\
            < 200) SELECT n, i FROM r ORDER BY n, i
        """
    )
    pair.check(
        r"""
        SELECT a.id, (WITH RECURSIVE r(i, b) AS (SELECT a.id, a.boss UNION ALL SELECT b, (SELECT boss FROM p\
            WHERE p.id = r.b) FROM r WHERE b IS NOT NULL) SELECT count(*) FROM r) AS depth FROM p AS a ORDER\
            BY a.id
        SELECT id, (WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT t.id FROM r WHERE r.id < 1) SELECT\
            max(id) FROM r) AS x FROM t
        """
    )


@pytest.mark.families("sqlite")
def test_the_order_in_which_sqlite_takes_the_rows(pair: Pair) -> None:
    """ORDER BY in a recursive query is depth first or breadth first, LIMIT ends it."""
    pair.check_local(
        r"""
        WITH RECURSIVE r(i, d) AS (SELECT id, 0 FROM p WHERE id = 1 UNION ALL SELECT i * 2, d + 1 FROM r\
            WHERE d < 4 ORDER BY 2 DESC) SELECT i, d FROM r
        WITH RECURSIVE r(i, d) AS (SELECT id, 0 FROM p UNION ALL SELECT i + 10, d + 1 FROM r WHERE d < 3\
            ORDER BY 2 DESC, 1 LIMIT 9) SELECT i, d FROM r
        WITH RECURSIVE r(i, d) AS (SELECT id, 0 FROM p UNION ALL SELECT i + 10, d + 1 FROM r WHERE d < 3\
            ORDER BY 2, 1 LIMIT 9) SELECT i, d FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM p WHERE id = 1 UNION ALL SELECT i + 1 FROM r LIMIT 3) SELECT\
            i FROM r
        """
    )


def test_parameters(pair: Pair) -> None:
    """They take the type of what stands beside them, in the first query and in the other."""
    pair.check(
        """
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = :a UNION ALL SELECT i + :a FROM r WHERE i < :b)\
            SELECT i FROM r
        WITH RECURSIVE r(i) AS (SELECT :a UNION ALL SELECT i + 1 FROM r WHERE i < :b) SELECT id FROM t WHERE\
            id IN (SELECT i FROM r)
        WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i + 1 FROM r WHERE i < :b)\
            SELECT i FROM r WHERE i > :a ORDER BY i
        """,
        {"a": 2, "b": 7},
    )


def test_a_recursion_without_an_end_is_the_origins(pair: Pair) -> None:
    """The store makes no more than so many rows of it, and then the origin is asked for those wanted."""
    endless = "WITH RECURSIVE r(i) AS (SELECT id FROM t WHERE id = 1 UNION ALL SELECT i + 1 FROM r) "
    with pair.engine.connect() as connection:
        plan = pair.engine.explain(f"{endless} SELECT i FROM r LIMIT 3")
        assert plan.outcome is Outcome.HIT or plan.outcome is Outcome.MISS
        assert f"LIMIT {MOST_ROWS + 1}" in str(plan)
        if pair.family != "mariadb":  # which ends after a number of rounds, with a warning
            rows = connection.execute(sa.text(f"{endless} SELECT i FROM r LIMIT 3")).all()
            assert [tuple(row) for row in rows] == [(1,), (2,), (3,)]
            assert pair.engine.stats().bypasses == 1


@pytest.mark.families("mariadb")
def test_mariadb_ends_a_recursion_after_its_number_of_rounds(pair: Pair) -> None:
    """What it would cut is its own to answer, what it wouldn't is the store's."""
    pair.check_local(
        """
        WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 900) SELECT count(*) AS n,\
            (SELECT max(id) FROM t) AS m FROM r
        WITH RECURSIVE r(i) AS (SELECT id FROM t UNION ALL SELECT i + 10 FROM r WHERE i < 5000) SELECT\
            count(*) AS n, max(i) AS m FROM r
        """
    )
    cut = (
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1500) "
        "SELECT count(*) AS n, (SELECT max(id) FROM t) AS m FROM r"
    )
    pair.check(cut)
    assert pair.outcomes[cut] is Outcome.RESULT_HIT


@pytest.mark.families("postgresql")
def test_digits_of_two_forms_are_ordered_by_the_origin(pair: Pair) -> None:
    """Texts of digits order in every locale as in the store, if all are of one form: '2024', '02-29'."""
    made = (
        "WITH RECURSIVE r(n, d, x) AS (SELECT id, d, to_char(d, 'YYYY') FROM t "
        "UNION ALL SELECT n + 10, d, to_char(d, 'MM-DD') FROM r WHERE n < 10) SELECT n, x FROM r"
    )
    ordered = "SELECT q.n FROM (SELECT id AS n, to_char(d, 'YYYY') AS x FROM t) AS q ORDER BY q.x, q.n"

    pair.check(f"{made} ORDER BY x, n")
    pair.check_local(ordered)

    assert pair.outcomes[f"{made} ORDER BY x, n"] is Outcome.RESULT_HIT


def test_rows_made_of_nothing_count_where_sums_are_bounded(sqlite_origin: Origin) -> None:
    """A sum over what a recursion gives isn't judged by the number of rows in the tables."""
    sqlite_origin.execute(
        "CREATE TABLE one (id INTEGER PRIMARY KEY, x INTEGER)", "INSERT INTO one VALUES (1, 7)"
    )
    with CachingEngine(sqlite_origin.engine(), cache_db="") as engine:
        sql = (
            "WITH RECURSIVE r(i, x) AS (SELECT id, x FROM one UNION ALL SELECT i + 1, x FROM r "
            "WHERE i < 5000) SELECT sum(x) AS s, count(*) AS n, avg(i) AS a FROM r"
        )

        rows = [dict(row) for row in (engine.execute(sql)[0], engine.execute(sql)[0])]

        assert rows == [{"s": 35000, "n": 5000, "a": 2500.5}] * 2
        assert engine.execute(sql).status.outcome is Outcome.HIT


def test_texts_that_are_equal_and_not_the_same(sqlite_origin: Origin) -> None:
    """Under NOCASE 'a' and the 'A' that is made of it are one: which of them stays is the origin's choice."""
    sqlite_origin.execute(
        "CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT COLLATE NOCASE)",
        "INSERT INTO n VALUES (1, 'a'), (2, 'b')",
    )
    with CachingEngine(sqlite_origin.engine(), cache_db="") as engine:
        made = (
            "WITH RECURSIVE r(i, s) AS "
            "(SELECT id, s FROM n UNION ALL SELECT i + 10, upper(s) FROM r WHERE i < 10)"
        )
        asked = [f"{made} SELECT s, i FROM r WHERE s = 'A' ORDER BY i", f"{made} SELECT DISTINCT s FROM r"]

        rows = [engine.execute(sql) for sql in asked for _ in ("cold", "warm")]

        assert [tuple(row.values()) for row in rows[1]] == [("a", 1), ("A", 11)]
        assert rows[1].status.outcome is Outcome.HIT
        assert len(rows[3]) == 2
        assert rows[3].status.outcome is Outcome.RESULT_HIT
