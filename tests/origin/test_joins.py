"""* and joins from the store, in transparent mode: exactly the bare engine's answers, or the origin's.

Each statement is asked of the bare engine, of a cold engine and of the same one warm. `local` says
whether the store must have answered: a refusal where it needn't be is as much a failure as a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.costs import steps
from sqlmem.plan import Rows

TABLES = (
    "CREATE TABLE a (id INTEGER PRIMARY KEY, name VARCHAR(20), price NUMERIC(10,2), k INTEGER)",
    "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER, label VARCHAR(30) NOT NULL, k INTEGER)",
    "CREATE TABLE c (id INTEGER PRIMARY KEY, b_id INTEGER, note VARCHAR(30))",
    "INSERT INTO a VALUES (1, 'x', 1.50, 1), (2, 'y', 2.00, 2), (3, 'z', 3.25, NULL), (4, 'x', NULL, 1)",
    "INSERT INTO b VALUES (1, 1, 'p', 1), (2, 1, 'q', 2), (3, 2, 'r', 5), (4, NULL, 's', NULL)",
    "INSERT INTO c VALUES (1, 1, 'n1'), (2, 9, 'n2'), (3, 1, NULL)",
)

COUNTED = "LATERAL (SELECT count(*) AS n FROM b WHERE b.a_id = a.id) AS l"
EVERYWHERE = (
    "SELECT * FROM a",
    "SELECT a.* FROM a",
    "SELECT *, name AS again, 1 AS one FROM a",
    "SELECT a.*, a.* FROM a",
    "SELECT x.* FROM a AS x WHERE x.id > 1",
    "SELECT * FROM (SELECT * FROM a) AS d WHERE d.k = 1",
    "SELECT d.* FROM (SELECT id, name AS title FROM a) AS d",
    "WITH w AS (SELECT * FROM a) SELECT w.*, b.label FROM w JOIN b ON b.a_id = w.id",
    "SELECT * FROM a UNION ALL SELECT * FROM a",
    "SELECT name FROM a WHERE EXISTS (SELECT * FROM b WHERE b.a_id = a.id)",
    "SELECT name FROM a WHERE NOT EXISTS (SELECT * FROM b WHERE b.a_id = a.id AND b.k > 1)",
    "SELECT * FROM a JOIN b ON b.a_id = a.id",
    "SELECT * FROM a INNER JOIN b ON a.id = b.a_id AND b.k = 1",
    "SELECT * FROM a LEFT JOIN b ON b.a_id = a.id LEFT JOIN c ON c.b_id = b.id",
    "SELECT * FROM a LEFT OUTER JOIN b ON b.a_id = a.id AND a.price > 1.75 WHERE b.id IS NULL",
    "SELECT a.name, b.label FROM a RIGHT JOIN b ON b.a_id = a.id",
    "SELECT * FROM a CROSS JOIN c",
    "SELECT * FROM a, b WHERE a.id = b.a_id",
    "SELECT * FROM a, b JOIN c ON c.b_id = b.id WHERE a.id = b.a_id",
    "SELECT x.name, y.name FROM a AS x JOIN a AS y ON x.id < y.id AND x.k = y.k",
    "SELECT * FROM a NATURAL JOIN b",
    "SELECT * FROM a NATURAL LEFT JOIN b",
    "SELECT * FROM a NATURAL RIGHT JOIN b",
    "SELECT * FROM a JOIN b USING (k)",
    "SELECT * FROM a JOIN b USING (k, id)",
    "SELECT k, a.k, b.k FROM a LEFT JOIN b USING (k)",
    "SELECT * FROM a RIGHT JOIN b USING (k, id)",
    "SELECT id, note FROM a JOIN c USING (id)",
    "SELECT a.name, c.note FROM a LEFT JOIN (b JOIN c ON c.b_id = b.id) ON b.a_id = a.id",
    "SELECT a.name, c.note FROM (a JOIN b ON b.a_id = a.id) LEFT JOIN c ON c.b_id = b.id",
    "SELECT a.name, b.label FROM a JOIN b ON a.price > b.k",
    "SELECT a.name, b.label FROM a JOIN b ON a.price = b.k",
    "SELECT a.id, count(b.id), max(b.k) FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id",
    "SELECT a.name, count(*) FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id, a.name ORDER BY a.id",
    "SELECT count(*), count(b.id), sum(b.k) FROM a LEFT JOIN b ON b.a_id = a.id",
    "SELECT DISTINCT a.k FROM a JOIN b ON b.a_id = a.id ORDER BY a.k",
    "SELECT a.id, b.id FROM a, b ORDER BY a.id DESC, b.id LIMIT 3",
    "SELECT a.id, d.n FROM a LEFT JOIN (SELECT a_id, count(*) AS n FROM b GROUP BY a_id) d ON d.a_id = a.id",
    "SELECT a.id, d.one FROM a LEFT JOIN (SELECT a_id, 1 AS one FROM b) AS d ON d.a_id = a.id",
    "SELECT name FROM a WHERE id IN (SELECT a_id FROM b JOIN c ON c.b_id = b.id)",
    "SELECT name FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL)",
    "SELECT a.id, (SELECT count(*) FROM b JOIN c ON c.b_id = b.id WHERE b.a_id = a.id) AS n FROM a",
    "SELECT a.id, row_number() OVER (ORDER BY a.id, b.id) AS n FROM a JOIN b ON b.a_id = a.id",
    "SELECT a.id FROM a JOIN b ON b.a_id = a.id UNION SELECT c.id FROM c JOIN b ON c.b_id = b.id",
)
BY_FAMILY: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "SELECT a.rowid, b.oid FROM a JOIN b ON b.a_id = a.id",
        "SELECT a.id, b.id FROM a FULL JOIN b ON b.a_id = a.id",
        "SELECT * FROM a JOIN b ON a.name = b.label",
        "SELECT b.label, c.note FROM (a, b) LEFT JOIN c ON c.b_id = b.id",
    ),
    "postgresql": (
        "SELECT * FROM a FULL JOIN b ON b.a_id = a.id",
        "SELECT * FROM a FULL JOIN b USING (k)",
        "SELECT * FROM a NATURAL FULL JOIN b",
        f"SELECT a.id, l.n FROM a, {COUNTED}",
        f"SELECT a.id, l.n FROM a JOIN {COUNTED} ON TRUE WHERE l.n > 0",
        "SELECT l.* FROM a LEFT JOIN LATERAL (SELECT sum(k), max(k) AS m FROM b WHERE a_id = a.id) l ON TRUE",
        f"SELECT l.n, count(*) FROM a CROSS JOIN {COUNTED} GROUP BY l.n",
        f"SELECT a.*, l.*, c.note FROM a CROSS JOIN {COUNTED} JOIN c ON c.id = l.n",
        "TABLE a",
        "TABLE public.a ORDER BY id DESC LIMIT 2",
        "TABLE a UNION ALL TABLE a",
        "WITH w AS (TABLE b) SELECT w.label FROM w",
        "SELECT * FROM a JOIN b ON a.name = b.label",
        "SELECT a.name, b.k FROM a JOIN b ON b.a_id = a.id GROUP BY a.id, b.id",
        "SELECT lower(b.label) AS low FROM a LEFT JOIN b ON b.a_id = a.id",
    ),
    "mariadb": (
        "SELECT * FROM a STRAIGHT_JOIN b ON b.a_id = a.id",
        "SELECT * FROM (a, b) LEFT JOIN c ON c.b_id = b.id",
        "SELECT lower(b.label) AS low FROM a LEFT JOIN b ON b.a_id = a.id",
    ),
}
# The origin's to answer or to refuse: (statement, families or none for all)
NOT_LOCAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("SELECT id FROM a JOIN b ON b.a_id = a.id", ()),
    ("SELECT a.id FROM a JOIN b ON c.id = a.id", ()),
    ("SELECT a.id FROM a, b JOIN c ON c.id = a.id", ("postgresql", "mariadb")),
    ("SELECT c.* FROM a JOIN b ON b.a_id = a.id", ()),
    ("SELECT * FROM a JOIN a ON 1 = 1", ("postgresql", "mariadb")),
    ("SELECT * FROM a LEFT JOIN b", ()),
    ("SELECT * FROM a JOIN b", ("postgresql",)),
    ("SELECT * FROM a JOIN b USING (label)", ()),
    ("SELECT * FROM a CROSS JOIN b JOIN c USING (id)", ("postgresql", "mariadb")),
    ("SELECT a.id FROM a JOIN b ON b.a_id = a.id ORDER BY id", ("sqlite",)),
    ("SELECT rowid FROM a JOIN b ON b.a_id = a.id", ("sqlite",)),
    ("SELECT * FROM a FULL JOIN b ON a.id < b.id", ("postgresql",)),
    ("SELECT * FROM a FULL JOIN b ON a.id = a.k", ("postgresql",)),
    ("SELECT * FROM (a, b) LEFT JOIN c ON c.b_id = b.id", ("postgresql",)),
    # SQLite makes up names: id:1.
    ("SELECT * FROM a LEFT JOIN (b JOIN c ON c.b_id = b.id) ON b.a_id = a.id", ("sqlite",)),
    ("SELECT c.id FROM a LEFT JOIN (b JOIN c ON c.b_id = b.id) ON b.a_id = a.id", ("sqlite",)),
    # SQLite gives t.* of a derived table what USING merged.
    ("SELECT d.* FROM (SELECT * FROM a) AS d RIGHT JOIN b USING (k)", ("sqlite",)),
    ("SELECT * FROM (SELECT * FROM a) AS d JOIN b USING (k) FULL JOIN c ON c.id = b.id", ("sqlite",)),
    ("SELECT * FROM a FULL JOIN b USING (k) JOIN c ON c.id = b.id", ("sqlite",)),
    ("SELECT a.k FROM a FULL JOIN b ON b.a_id > 5 JOIN c USING (id)", ("sqlite",)),
    ("SELECT c.note FROM a RIGHT JOIN b ON b.a_id = a.id NATURAL JOIN c", ("sqlite",)),
    # A row that the join adds has what the expression makes of NULL, which the fill never saw.
    ("SELECT coalesce(initcap(b.label), 'x') AS t FROM a LEFT JOIN b ON b.a_id = a.id", ("postgresql",)),
    # MariaDB gives out the inner name.
    ("SELECT d.NAME FROM (SELECT * FROM a) AS d", ("mariadb", "sqlite")),
    (
        f"SELECT b.id, l.n FROM a CROSS JOIN {COUNTED} RIGHT JOIN b ON b.id = a.id AND b.k = 1",
        ("postgresql",),
    ),
    (f"SELECT a.id, l.n FROM a INNER JOIN {COUNTED}", ("postgresql",)),
    (
        "SELECT a.id, l.label FROM a JOIN LATERAL (SELECT * FROM b WHERE b.a_id = a.id) AS l ON TRUE",
        ("postgresql",),
    ),
)


@pytest.fixture
def bare(origin: Origin) -> Iterator[sa.Engine]:
    origin.execute(*TABLES)
    engine = sa.create_engine(origin.url)
    yield engine
    engine.dispose()


def ask(engine: sa.Engine, statement: str, parameters: Any = None) -> Any:
    """Names, type codes and sorted rows; the classes of an error."""
    try:
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement, parameters)
            described = [tuple(item[:2]) for item in result.cursor.description]
            return described, sorted((tuple(row) for row in result), key=repr)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return type(error), type(getattr(error, "orig", error))


def differences(bare: sa.Engine, engine: CachingEngine, statement: str, *, local: bool) -> list[str]:
    expected = ask(bare, statement)
    wrong = []
    for when in ("cold", "warm"):
        got = ask(engine, statement)
        if not same(got, expected):
            wrong.append(f"{statement}, {when}: {got!r}, expected {expected!r}")
    status = last_status()
    if (status is not None and status.outcome == "hit") != local:
        wrong.append(f"{statement}: {status}")
    return wrong


def test_stars_and_joins_are_answered_by_the_store(origin: Origin, bare: sa.Engine):
    """Same names, type codes and rows, and the second time from the store."""
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = [
            line
            for statement in (*EVERYWHERE, *BY_FAMILY[origin.family])
            for line in differences(bare, engine, statement, local=True)
        ]

    assert not wrong, "\n".join(wrong)


def test_what_only_the_origin_knows_is_its_own(origin: Origin, bare: sa.Engine):
    """Ambiguous names, errors of a dialect and quirks of SQLite come from the origin itself."""
    statements = [statement for statement, families in NOT_LOCAL if not families or origin.family in families]

    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = [
            line for statement in statements for line in differences(bare, engine, statement, local=False)
        ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.families("postgresql")
def test_a_column_that_cant_be_cached_makes_the_star_the_origins(origin: Origin, bare: sa.Engine):
    """The reason says which column it is; what doesn't need it is the store's."""
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE)", "INSERT INTO t VALUES (1, 'infinity')")
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = [
            *differences(bare, engine, "SELECT * FROM t", local=False),
            *differences(bare, engine, "SELECT id FROM t", local=True),
            *differences(bare, engine, "SELECT a.* FROM a JOIN t ON t.id = a.id", local=True),
        ]
        explained = engine.explain("SELECT a.id, t.* FROM a JOIN t ON t.id = a.id")

    assert not wrong, "\n".join(wrong)
    assert explained.reasons[0].startswith("column public.t.d isn't cached")


def test_a_column_added_is_seen_after_an_invalidation(origin: Origin, bare: sa.Engine):
    """* stands for the columns that the table had when its definition was read."""
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        before = ask(engine, "SELECT * FROM c")
        origin.execute("ALTER TABLE c ADD COLUMN extra INTEGER")
        stale = ask(engine, "SELECT * FROM c")
        engine.invalidate("c")
        after = ask(engine, "SELECT * FROM c")

    assert stale == before
    assert after == ask(bare, "SELECT * FROM c")
    assert [name for name, _ in after[0]][-1] == "extra"


@pytest.mark.families("mariadb")
def test_invisible_columns_are_left_out(origin: Origin, bare: sa.Engine):
    """MariaDB leaves INVISIBLE columns out of *, and gives them to who names them."""
    origin.execute(
        "CREATE TABLE v (id INTEGER PRIMARY KEY, x INTEGER INVISIBLE, y INTEGER)",
        "INSERT INTO v (id, x, y) VALUES (1, 2, 3)",
    )
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = [
            line
            for statement in ("SELECT * FROM v", "SELECT x, v.* FROM v", "SELECT * FROM v NATURAL JOIN a")
            for line in differences(bare, engine, statement, local=True)
        ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.families("sqlite")
def test_generated_columns_are_part_of_the_star(origin: Origin, bare: sa.Engine):
    """SQLite's * has them, virtual and stored."""
    origin.execute(
        "CREATE TABLE g (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER AS (x + 1),"
        " z INTEGER AS (x * 2) STORED)",
        "INSERT INTO g (id, x) VALUES (1, 2)",
    )
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = differences(bare, engine, "SELECT * FROM g", local=True)

    assert not wrong, "\n".join(wrong)


def test_a_limit_without_an_order_gives_the_first_rows_of_the_first_table(origin: Origin, bare: sa.Engine):
    """Any rows would do: the store's are the same each time."""
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        asked = "SELECT a.id, b.id FROM a CROSS JOIN b LIMIT 3"
        first, second = ask(engine, asked), ask(engine, asked)

    assert first == second
    assert first[1] == [(1, 1), (1, 2), (1, 3)]


def test_an_index_that_sqlite_makes_for_one_statement_is_not_looked_into(sqlite_origin: Origin):
    """To find out how many rows a value has would read the table for each sample, before the first answer."""
    values = ", ".join(f"({number}, {number % 977})" for number in range(4_000))
    sqlite_origin.execute(
        "CREATE TABLE l (id INTEGER PRIMARY KEY, x INTEGER)",
        "CREATE TABLE r (id INTEGER PRIMARY KEY, x INTEGER)",
        "CREATE INDEX i ON l (x)",
        f"INSERT INTO l VALUES {values}",
        f"INSERT INTO r VALUES {values}",
    )
    with CachingEngine(sqlite_origin.engine(), mode="transparent") as engine:
        for statement in (
            "SELECT count(*) FROM l LEFT JOIN r ON r.x = l.id",
            "SELECT id FROM l WHERE x = 5",
        ):
            with engine.connect() as connection:
                for _ in range(2):
                    connection.exec_driver_sql(statement).all()
        samples = {
            state.name.name: state.generation.samples
            for state in engine._core.registry.states()
            if state.generation is not None
        }

    assert samples["r"] == {}
    assert samples["l"].keys() == {"x"}


def test_a_loop_within_a_loop_is_the_origins(sqlite_origin: Origin):
    """What SQLite would compute row by row over two large tables is not the store's."""
    values = ", ".join(f"({number}, {number % 977})" for number in range(4_000))
    sqlite_origin.execute(
        "CREATE TABLE l (id INTEGER PRIMARY KEY, x INTEGER)",
        "CREATE TABLE r (id INTEGER PRIMARY KEY, x INTEGER)",
        f"INSERT INTO l VALUES {values}",
        f"INSERT INTO r VALUES {values}",
    )
    with CachingEngine(sqlite_origin.engine(), mode="transparent", max_results=0) as engine:

        def outcome(statement: str) -> tuple[str, str | None]:
            with engine.connect() as connection:
                for _ in range(2):
                    connection.exec_driver_sql(statement).all()
            status = last_status()
            assert status is not None
            return str(status.outcome), status.reason

        by_index = outcome("SELECT count(*) FROM l JOIN r ON r.x = l.x WHERE l.id < 10")
        by_key = outcome("SELECT count(*) FROM l JOIN r ON r.id = l.x")
        by_list = outcome("SELECT count(*) FROM l WHERE x NOT IN (SELECT x FROM r)")
        in_loops = outcome("SELECT count(*) FROM l JOIN r ON r.x + 1 > l.x - 5 AND r.id + l.id = 7")

    assert [by_index[0], by_key[0], by_list[0]] == ["hit"] * 3
    assert in_loops == ("bypass", "the store would go through its tables row by row for each other's rows")


def test_steps_are_counted_by_the_loops():
    """Within each other they multiply, beside each other they add up; one look by a key is one row."""
    told = [
        (1, 0, 0, "MATERIALIZE d1"),
        (2, 1, 0, "SCAN t1"),
        (3, 0, 0, "SCAN t2"),
        (4, 0, 0, "SEARCH t3 USING INTEGER PRIMARY KEY (rowid=?)"),
        (5, 0, 0, "SEARCH d1 USING AUTOMATIC COVERING INDEX (x=?)"),
        (6, 0, 0, "CORRELATED SCALAR SUBQUERY 2"),
        (7, 6, 0, "SCAN t4"),
    ]
    rows = {"t1": 1_000, "t2": 100, "t3": 50, "t4": 20}

    assert steps(told, rows, 7, lambda name, column: 3) == 1_000 + 100 + 100 + 300 + 300 * 20


def test_sums_over_a_join_are_bounded_by_its_keys(origin: Origin, bare: sa.Engine):
    """A row beside the one that its key finds is no further row: a sum of large numbers stays local."""
    large = 2**63 // 40
    origin.execute(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, a_id INTEGER, n NUMERIC(18,0))",
        *(f"INSERT INTO big VALUES ({number}, {1 + number % 3}, {large // 10**3})" for number in range(30)),
    )
    by_key = "SELECT sum(big.n) FROM big JOIN a ON a.id = big.a_id LEFT JOIN b ON b.id = a.k"
    by_anything = (
        "SELECT sum(big.n) FROM big JOIN a ON a.k < big.id JOIN b ON b.k <> a.id JOIN c ON c.id > a.id"
    )
    by_anything += " JOIN big AS other ON other.id <> big.id JOIN big AS third ON third.id <> other.id"
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        wrong = [
            *differences(bare, engine, by_key, local=True),
            *differences(bare, engine, by_anything, local=False),
        ]

    assert not wrong, "\n".join(wrong)


def test_rows_are_counted_by_the_join():
    """Beside each other they are multiplied; of an outer join each side may be extended."""
    left, right = Rows(0), Rows(1)
    both = Rows(parts=(left, right), is_product=True)

    assert both.at_most([3, 5]) == 15
    assert Rows(parts=(both, left, right)).at_most([3, 5]) == 23
    assert Rows(parts=(left,), count=2).at_most([3, 5]) == 5
