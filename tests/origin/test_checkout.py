"""Invariant: whether SQLAlchemy's Connection stands over an origin connection or not, nobody can tell."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event, text
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.checkout import needs_connection

NOW = {"sqlite": "random()", "postgresql": "random()", "mariadb": "rand()"}


@pytest.fixture
def base(origin: Origin) -> Engine:
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    return origin.engine(pool_size=1, max_overflow=0, pool_timeout=1)


@pytest.fixture
def question(origin: Origin) -> sa.TextClause:
    return text(f"SELECT id FROM t WHERE {NOW[origin.family]} IS NOT NULL AND id = :id")


def unexpected(*_: Any) -> NoReturn:
    raise AssertionError("a Connection of the wrapped engine was made")


def ask(engine: Engine, question: sa.TextClause) -> list[Any]:
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(question, {"id": 1})]


def test_where_nobody_listens_there_is_none(
    base: Engine, question: sa.TextClause, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement goes through the pool's own wrapper, and everything is given back."""
    with CachingEngine(base, cache_db="") as engine:
        ask(engine, question)
        assert not needs_connection(base)
        monkeypatch.setattr(base, "connect", unexpected)

        assert ask(engine, question) == [1]
        assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_events_of_a_connection_are_those_of_the_bare_engines(
    origin: Origin, base: Engine, question: sa.TextClause, mode: str
) -> None:
    """Whoever listens to the engine before or after it was made, to itself or to the class, is told once."""

    def heard_of(engine: Engine) -> list[str]:
        heard: list[str] = []

        def listen(to: Any, who: str) -> None:
            for name in ("before_cursor_execute", "begin", "rollback"):
                event.listen(to, name, lambda *_, name=name: heard.append(f"{who}: {name}"))

        def asked_by(connection: sa.Connection, when: str) -> None:
            heard.append(when)
            connection.execute(question, {"id": 1}).all()
            connection.rollback()

        with engine.connect() as connection:
            asked_by(connection, "nobody")
            listen(connection, "connection")
            asked_by(connection, "itself")
            listen(engine, "engine")
            asked_by(connection, "itself and the engine")
        event.listen(engine, "engine_connect", lambda _: heard.append("connected"))
        with engine.connect() as connection:
            asked_by(connection, "the engine")
            listen(connection, "connection")
            asked_by(connection, "the engine and itself")
        with engine.connect() as connection:
            asked_by(connection, "the engine again")
        return heard

    with CachingEngine(base, cache_db="", mode=mode) as engine:
        engine.execute("SELECT id FROM t")
        ours = heard_of(engine)

    bare = sa.create_engine(origin.url)
    theirs = heard_of(bare)
    bare.dispose()
    assert ours == theirs
    assert "engine: before_cursor_execute" in ours
    assert "connection: rollback" in ours


@pytest.mark.usefixtures("base")
def test_who_listens_to_the_class_hears_our_connections(origin: Origin, question: sa.TextClause) -> None:
    """As those of SQLAlchemy's own, made before or after; before 2.0.56 nobody could."""
    heard: list[tuple[str, str]] = []
    is_there = hasattr(sa.Connection, "_has_events")
    names = ("before_cursor_execute", "engine_connect")

    def heard_of(engine: Engine) -> list[str]:
        with engine.connect() as before:
            for name in names:
                event.listen(sa.Connection, name, listeners[name])
            try:
                before.execute(question, {"id": 1}).all()
                with engine.connect() as after:
                    after.execute(question, {"id": 1}).all()
                kind = type(before).__name__
            finally:
                for name in names:
                    event.remove(sa.Connection, name, listeners[name])
        return [name for name, of in heard if of == kind]

    listeners = {
        name: lambda *given, name=name: heard.append((name, type(given[0]).__name__)) for name in names
    }
    with CachingEngine(origin.engine(), cache_db="", mode="transparent") as engine:
        ours = heard_of(engine)
    heard.clear()
    theirs = heard_of(origin.engine())

    assert ours == theirs
    # The second one is told of, too.
    assert len(ours) == (3 if is_there else 0)


def test_who_begins_to_listen_hears_what_comes(base: Engine, question: sa.TextClause) -> None:
    """Also in the midst of a transaction, whose end is then heard, too."""
    heard: list[str] = []
    with CachingEngine(base, cache_db="") as engine, engine.connect() as connection:
        connection.execute(question, {"id": 1}).all()
        event.listen(base, "before_cursor_execute", lambda *arguments: heard.append(arguments[2]))
        event.listen(base, "rollback", lambda _: heard.append("rolled back"))
        connection.execute(question, {"id": 2}).all()
        connection.rollback()
        connection.execute(question, {"id": 1}).all()

    asked = [statement for statement in heard if "FROM t" in statement]
    assert len(asked) == 2
    assert heard.count("rolled back") == 2
    assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "listen",
    [
        lambda engine: event.listen(engine, "before_cursor_execute", lambda *_: None),
        lambda engine: event.listen(engine, "handle_error", lambda _: None),
        lambda engine: event.listen(engine, "do_execute", lambda *_: None),
        lambda engine: engine.update_execution_options(logging_token="x"),
    ],
    ids=["statements", "errors", "execution", "options"],
)
def test_whoever_could_tell_is_told(base: Engine, question: sa.TextClause, listen: Any) -> None:
    """A listener of any kind, an option: then there is a Connection, and the answer is the same."""
    listen(base)
    with CachingEngine(base, cache_db="") as engine:
        assert needs_connection(base)
        assert ask(engine, question) == [1]


def test_an_error_is_the_drivers_and_leaves_a_connection(
    origin: Origin, base: Engine, question: sa.TextClause
) -> None:
    """As on the bare engine: the same class, the same text, and the transaction in the same state."""
    wrong = text(f"SELECT nothing, {NOW[origin.family]} FROM t")
    bare = origin.engine()
    with CachingEngine(base, cache_db="") as engine:
        ask(engine, question)
        seen = []
        for each in (bare, engine):
            with each.connect() as connection:
                connection.execute(question, {"id": 1}).all()
                with pytest.raises(sa.exc.DBAPIError) as caught:
                    connection.execute(wrong)
                after: Any = None
                try:
                    connection.execute(question, {"id": 1}).all()
                except sa.exc.DBAPIError as error:
                    after = type(error.orig)
                seen.append(
                    (
                        type(caught.value),
                        type(caught.value.orig),
                        str(caught.value.orig),
                        caught.value.statement,
                        caught.value.connection_invalidated,
                        after,
                    )
                )
                connection.rollback()
                assert connection.execute(question, {"id": 2}).all() == [(2,)]
        assert seen[0] == seen[1]
        assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.families("postgresql", "mariadb")
def test_a_lost_connection_is_noticed(origin: Origin, base: Engine, question: sa.TextClause) -> None:
    """The statement fails as on the bare engine, and the next one has a new connection."""
    ending = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}[origin.family]
    number = {"postgresql": "pg_backend_pid()", "mariadb": "connection_id()"}[origin.family]
    with CachingEngine(base, cache_db="") as engine:
        ask(engine, question)
        with base.connect() as connection:
            process = connection.execute(text(f"SELECT {number}")).scalar()
        with engine.connect() as connection:
            connection.execute(question, {"id": 1}).all()
            origin.execute(ending.format(process))
            with pytest.raises(sa.exc.DBAPIError) as caught:
                connection.execute(question, {"id": 1}).all()
            assert caught.value.connection_invalidated
        assert ask(engine, question) == [1]
        assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("is_heard", [False, True])
def test_a_connection_comes_back_as_it_was(base: Engine, question: sa.TextClause, *, is_heard: bool) -> None:
    """Read-only was ours: afterwards its transactions are what the server's default says."""
    if is_heard:
        event.listen(base, "before_cursor_execute", lambda *_: None)
    drivers = set()
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(2):
            ask(engine, question)
            with base.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                drivers.add(driver.read_only)
    assert drivers == {None}
