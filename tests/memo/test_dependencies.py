"""What the engine tells those who listen, and which tokens an invalidation changes."""

from __future__ import annotations

import gc

import sqlalchemy as sa
from support.clock import ManualClock

from sqlmem import CachingEngine, Memo, dependencies
from sqlmem.dependencies import ALL, ANY, Exactly, listening, names_of, registries
from sqlmem.model import TableName
from sqlmem.registry import Registry
from sqlmem.tables import matcher


class Observer:
    def __init__(self):
        self.seen = []

    def invalidated(self, scope, tokens):
        self.seen.append((scope, tokens))


class Listener:
    def __init__(self):
        self.seen = []

    def before_fill(self, registry, states):
        self.seen.append(("fill", [str(state.name) for state in states]))

    def served(self, generations):
        self.seen.append(("served", [str(generation.table) for generation in generations]))

    def bypassed(self, registry, states, *, sees_the_past):
        tables = None if states is None else [str(state.name) for state in states]
        self.seen.append(("bypassed", tables, sees_the_past))


def test_a_listener_hears_of_fills_hits_and_bypasses_by_every_way_in(engine):
    """In its own context only; what it isn't set for costs one look."""
    listener = Listener()
    token = listening.set(listener)
    try:
        engine.execute("SELECT id FROM orders")
        engine.execute("SELECT id FROM orders")
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT id FROM orders")).all()
            connection.execute(sa.text("SELECT sum(total * 0.1) FROM orders")).all()
            connection.execute(sa.text("SELECT id, random() FROM orders")).all()
    finally:
        listening.reset(token)
    engine.execute("SELECT id FROM users")

    assert listener.seen == [
        ("fill", ["main.orders"]),
        ("served", ["main.orders"]),
        ("served", ["main.orders"]),
        ("served", ["main.orders"]),
        # Widened; then the store finds that the order of addition shows, and the origin answers.
        ("fill", ["main.orders"]),
        ("bypassed", ["main.orders"], False),
        ("bypassed", None, False),
    ]


def test_an_invalidation_changes_the_tokens_of_what_it_means(engine):
    """The named ones, those of views over them, and that of everything unknown."""
    observer = Observer()
    dependencies.observe(observer)
    registry = engine._core.registry
    before = {name: registry.token(name) for name in ("orders", "users", ANY, ALL)}

    engine.invalidate("main.Orders")

    ((scope, tokens),) = observer.seen
    assert scope == registry.scope
    assert set(tokens) == {"orders", "main.orders", ANY}
    assert registry.token("orders") == tokens["orders"] != before["orders"]
    assert registry.token("users") == before["users"]
    assert registry.token(ALL) == before[ALL]
    engine.invalidate()
    assert {"orders", "users", ANY, ALL} <= set(observer.seen[1][1])


def test_what_does_not_say_which_names_it_means_changes_all_tokens():
    """A predicate alone can't be looked for in a store."""
    registry = Registry(ManualClock(), lambda _: None)
    before = registry.token("orders"), registry.token(ALL)

    registry.invalidate(lambda name: False)

    assert registry.token("orders") != before[0]
    assert registry.token(ALL) != before[1]
    exactly = Exactly(frozenset({TableName("public", "Orders")}))
    assert exactly.names == {"orders"}
    assert exactly(TableName("public", "Orders"))
    assert not exactly(TableName("other", "Orders"))
    now = registry.token(ALL)
    registry.invalidate(exactly)
    assert registry.token(ALL) == now
    assert names_of(matcher("public.orders")) == {"orders", "public.orders"}
    assert names_of(None) is None


def test_a_closed_or_collected_registry_is_known_no_more(base):
    """Nobody has its rows."""
    engine = CachingEngine(base, cache_db="")
    scope = engine._core.registry.scope
    assert registries(scope) == [engine._core.registry]
    engine.close()
    assert registries(scope) == []
    registry = Registry(ManualClock(), lambda _: None, scope="gone")
    assert registries("gone") == [registry]
    del registry
    gc.collect()
    assert registries("gone") == []


def test_an_observer_that_is_collected_hears_nothing(engine):
    """It is held by nobody here."""
    observer = Observer()
    seen = observer.seen
    dependencies.observe(observer)
    del observer
    gc.collect()

    engine.invalidate("orders")

    assert seen == []


def test_one_database_is_one_scope_whatever_the_driver_and_the_user():
    """What one invalidates, all have read."""
    from sqlmem.origin import Origin

    urls = (
        "postgresql+psycopg://a@Host:5432/shop",
        "postgresql+psycopg2://b:x@host:5432/shop?connect_timeout=3",
    )
    places = {Origin(sa.create_engine(url)).place() for url in urls}

    assert places == {"postgresql:host:5432/shop"}


def test_a_memo_that_is_closed_hears_nothing(engine, tmp_path):
    """Its store isn't opened again for an invalidation."""
    with Memo(tmp_path / "memo.db") as memo:
        told = []
        memo._shared.store.set_tokens = lambda scope, tokens: told.append(tokens)
        engine.invalidate("orders")
        assert len(told) == 1

    engine.invalidate("orders")

    assert len(told) == 1
