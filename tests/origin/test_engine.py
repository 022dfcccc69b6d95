"""What `CachingEngine` adds to an Engine: execute, invalidate, stats, explain, warm, close."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from support.origins import Origin

from sqlmem import (
    CachingEngine,
    ClosedError,
    Outcome,
    SettingsError,
    UnsupportedQueryError,
    add_sink,
    last_status,
    remove_sink,
)


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(20))


@pytest.fixture
def base(origin: Origin) -> sa.Engine:
    origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER NOT NULL, status VARCHAR(20))",
        "INSERT INTO orders VALUES (1, 10, 'open'), (2, 20, 'paid'), (3, 30, NULL)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO users VALUES (1, 'ann')",
    )
    return origin.engine()


def table_name(engine: CachingEngine, table: str) -> str:
    return next(name for name in engine.stats().tables if name.endswith(table))


# -- execute ---------------------------------------------------------------------------------------


def test_execute_gives_new_plain_dicts_at_each_call(base: sa.Engine) -> None:
    """A caller that changes what it got changes nobody else's."""
    with CachingEngine(base, cache_db="") as engine:
        first = engine.execute("SELECT id, total FROM orders WHERE id = :id", {"id": 1})
        first[0]["total"] = "changed"

        second = engine.execute("SELECT id, total FROM orders WHERE id = :id", {"id": 1})

        assert type(second[0]) is dict
        assert second == [{"id": 1, "total": 10}]
        assert isinstance(second, list)


def test_status_tells_outcome_age_and_tables(base: sa.Engine, clock) -> None:
    """The age is that of the data, not of the answer."""
    with CachingEngine(base, cache_db="", clock=clock) as engine:
        first = engine.execute("SELECT id FROM orders")
        clock.advance(5.0)

        second = engine.execute("SELECT id FROM orders")

        assert first.status.outcome is Outcome.MISS
        assert second.status.outcome is Outcome.HIT
        assert second.status.age == pytest.approx(5.0)
        assert second.status.tables == (table_name(engine, "orders"),)
        assert second.status.reason is None
        assert last_status() == second.status


def test_execute_takes_any_select(base: sa.Engine) -> None:
    """Types of SQLAlchemy are applied as in a Core connection."""
    with CachingEngine(base, cache_db="") as engine:
        statement = sa.select(Order.id, Order.total).where(Order.id.in_([1, 2])).order_by(Order.id)

        rows = engine.execute(statement)

        assert rows == [{"id": 1, "total": 10}, {"id": 2, "total": 20}]


def test_missing_parameter_is_sqlalchemys_error(base: sa.Engine) -> None:
    """Also when the text is known already."""
    with CachingEngine(base, cache_db="") as engine:
        engine.execute("SELECT id FROM orders WHERE id = :id", {"id": 1})

        with pytest.raises(sa.exc.StatementError, match="id"):
            engine.execute("SELECT id FROM orders WHERE id = :id", {"other": 1})


def test_last_of_two_columns_with_one_name_stands(base: sa.Engine) -> None:
    """In the first answer and in the next, alike."""
    with CachingEngine(base, cache_db="") as engine:
        first = engine.execute("SELECT id AS x, total AS x FROM orders WHERE id = 1")
        second = engine.execute("SELECT id AS x, total AS x FROM orders WHERE id = 1")

        assert first == second == [{"x": 10}]


# -- invalidate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["name", "upper", "qualified", "table", "class"])
def test_invalidate_takes_every_way_to_name_a_table(base: sa.Engine, origin: Origin, how: str) -> None:
    """The next statement fetches anew; another table stays."""
    with CachingEngine(base, cache_db="") as engine:
        engine.execute("SELECT id, total FROM orders")
        engine.execute("SELECT id FROM users")
        names = {
            "name": "orders",
            "upper": "ORDERS",
            "qualified": table_name(engine, "orders"),
            "table": Order.__table__,
            "class": Order,
        }

        engine.invalidate(names[how])

        assert engine.execute("SELECT id FROM users").status.outcome is Outcome.HIT
        with origin.expect(1):
            assert engine.execute("SELECT id FROM orders").status.outcome is Outcome.MISS


def test_invalidating_a_table_that_was_never_cached_is_no_error(base: sa.Engine) -> None:
    """A writer need not know what is cached."""
    with CachingEngine(base, cache_db="") as engine:
        engine.invalidate("nobody_knows_it")
        engine.invalidate("no.such_schema")

        assert engine.stats().fills == 0


def test_invalidate_refuses_what_is_no_table(base: sa.Engine) -> None:
    """It says what was expected."""
    with (
        CachingEngine(base, cache_db="") as engine,
        pytest.raises(TypeError, match="a name, a Table or a mapped"),
    ):
        engine.invalidate(3)


# -- stats -----------------------------------------------------------------------------------------


def test_stats_count_each_statement_once(base: sa.Engine) -> None:
    """By outcome, by reason and by table."""
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(3):
            engine.execute("SELECT id, total FROM orders")
        with pytest.raises(UnsupportedQueryError):
            engine.execute("SELECT * FROM orders")

        stats = engine.stats()

        assert (stats.hits, stats.misses, stats.rejected, stats.fills, stats.rows) == (2, 1, 1, 1, 3)
        assert stats.hit_ratio == pytest.approx(2 / 3)
        table = stats.tables[table_name(engine, "orders")]
        assert table.columns == ("id", "total")
        assert (table.rows, table.hits, table.fills, table.epoch) == (3, 2, 1, 0)
        assert table.bytes == stats.bytes > 0
        assert table.age is not None


# -- explain ---------------------------------------------------------------------------------------


def test_explain_tells_a_miss_and_then_a_hit_and_runs_nothing(base: sa.Engine, origin: Origin) -> None:
    """What a fill would bring is what it then brings."""
    with CachingEngine(base, cache_db="") as engine:
        with origin.expect(0):
            before = engine.explain("SELECT id FROM orders WHERE total > :least", {"least": 5})
        engine.execute("SELECT id FROM orders WHERE total > :least", {"least": 5})
        with origin.expect(0):
            after = engine.explain("SELECT id FROM orders WHERE total > :least", {"least": 5})

        name = table_name(engine, "orders")
        assert before.outcome is Outcome.MISS
        assert set(before.missing[name]) == set(before.columns[name]) == {"id", "total"}
        assert len(before.origin_statements) == 1
        assert after.outcome is Outcome.HIT
        assert not after.missing
        assert after.store_statement
        assert "hit" in str(after)
        assert str(after) == str(engine.explain("SELECT id FROM orders WHERE total > :least", {"least": 5}))


def test_explain_tells_all_reasons_for_a_bypass(base: sa.Engine) -> None:
    """Not only the first: mending one shouldn't reveal the next."""
    with CachingEngine(base, cache_db="") as engine:
        explained = engine.explain("SELECT id FROM orders WHERE nope = 1 AND nada = 2 ORDER BY nichts")

        assert explained.outcome is Outcome.BYPASS
        assert [reason for reason in explained.reasons if "nope" in reason or "nada" in reason] == list(
            explained.reasons[:2]
        )


def test_explain_tells_what_is_rejected_and_what_to_do(base: sa.Engine, origin: Origin) -> None:
    """No parameter's value appears in it."""
    with CachingEngine(base, cache_db="") as engine, origin.expect(0):
        explained = engine.explain("DELETE FROM orders WHERE id = :id", {"id": 424242})

        assert explained.outcome is Outcome.REJECTED
        assert explained.hint
        assert "424242" not in str(explained)


def test_explain_tells_that_a_parameter_stands_in_the_way(base: sa.Engine) -> None:
    """A parameter's type is part of the meaning."""
    with CachingEngine(base, cache_db="") as engine:
        engine.execute("SELECT id FROM orders WHERE total = :total", {"total": 10})

        explained = engine.explain("SELECT id FROM orders WHERE total = :total", {"total": b"10"})

        assert explained.outcome in (Outcome.BYPASS, Outcome.HIT)
        assert (explained.outcome is Outcome.BYPASS) == bool(explained.reasons)


# -- warm ------------------------------------------------------------------------------------------


def test_warm_fills_all_columns_ahead(base: sa.Engine, origin: Origin) -> None:
    """What comes after it reaches nobody."""
    told: list[tuple[int, int | None]] = []
    with CachingEngine(base, cache_db="") as engine:
        with origin.expect(1):
            engine.warm("orders", on_progress=lambda rows, expected: told.append((rows, expected)))

        with origin.expect(0):
            rows = engine.execute("SELECT id, total, status FROM orders ORDER BY id")

        assert rows.status.outcome is Outcome.HIT
        assert [row["status"] for row in rows] == ["open", "paid", None]
        assert told[-1][0] == 3


def test_warm_adds_columns_to_the_registered_ones(base: sa.Engine, origin: Origin) -> None:
    """One fetch brings both; a second warm brings nothing."""
    with CachingEngine(base, cache_db="") as engine:
        engine.execute("SELECT id FROM orders")
        with origin.expect(1):
            engine.warm(Order, ["total"])
        with origin.expect(0):
            engine.warm("orders", ["id", "total"])

        assert engine.stats().tables[table_name(engine, "orders")].columns == ("id", "total")


def test_warming_an_unknown_column_says_which_there_are(base: sa.Engine) -> None:
    """And fetches nothing."""
    with CachingEngine(base, cache_db="") as engine:
        with pytest.raises(UnsupportedQueryError, match="id, total, status"):
            engine.warm("orders", ["colour"])

        assert engine.stats().fills == 0


def test_a_table_that_is_written_all_the_while_is_left_and_the_log_says_so(base: sa.Engine) -> None:
    """Whoever warms it doesn't go on for ever; a table that was warmed before is still answered rightly."""
    warnings: list[str] = []
    sink = add_sink(warnings.append, level="WARNING", format="{message}")
    try:
        with CachingEngine(base, cache_db="") as engine:
            engine.warm("orders", on_progress=lambda rows, expected: engine.invalidate("orders"))

            assert engine.stats().tables[table_name(engine, "orders")].rows == 0
            assert len(engine.execute("SELECT id FROM orders")) == 3
    finally:
        remove_sink(sink)

    assert [warning.strip() for warning in warnings] == [
        "orders wasn't warmed: it was written or defined anew each of 20 times"
    ]


# -- life ------------------------------------------------------------------------------------------


def test_closed_engine_says_so(base: sa.Engine) -> None:
    """By every way in; closing twice is no error."""
    engine = CachingEngine(base, cache_db="")
    engine.execute("SELECT id FROM orders")
    engine.close()
    engine.close()

    with pytest.raises(ClosedError):
        engine.execute("SELECT id FROM orders")
    with pytest.raises(ClosedError), engine.connect() as connection:
        connection.execute(sa.text("SELECT id FROM orders"))


def test_engine_is_an_engine_and_so_are_its_variants(base: sa.Engine) -> None:
    """Variants share the cache."""
    with CachingEngine(base, cache_db="") as engine:
        variant = engine.execution_options(logging_token="t")
        engine.execute("SELECT id FROM orders")

        assert isinstance(engine, sa.Engine)
        assert isinstance(variant, CachingEngine)
        with variant.connect() as connection:
            connection.execute(sa.text("SELECT id FROM orders")).all()
        assert (variant.stats().hits, variant.stats().misses) == (1, 1)
        assert engine.stats().hits == 1


def test_engine_takes_a_url(origin: Origin) -> None:
    """As text and as URL."""
    origin.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    for url in (origin.url, origin.url.render_as_string(hide_password=False)):
        with CachingEngine(url, cache_db="") as engine:
            assert engine.execute("SELECT id FROM orders") == []
            engine.dispose()


@pytest.mark.parametrize("wrong", [3, None, object()])
def test_engine_refuses_what_is_no_engine(wrong: object) -> None:
    """It says what was seen."""
    with pytest.raises(SettingsError, match="engine must be"):
        CachingEngine(wrong)  # type: ignore[arg-type]
