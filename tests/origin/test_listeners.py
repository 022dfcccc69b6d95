"""A listener hears of an event as often as with the bare engine, wherever it was registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError
from support.origins import Origin

from sqlmem import CachingEngine

STATEMENTS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
TRANSACTIONS = ("begin", "commit", "rollback", "savepoint", "rollback_savepoint", "release_savepoint")
EVENTS = (*STATEMENTS, *TRANSACTIONS, "engine_connect", "set_connection_execution_options", "engine_disposed")
READ = "SELECT a FROM items WHERE id = :id"


@pytest.fixture(name="items")
def _items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, a INTEGER)", "INSERT INTO items VALUES (1, 10), (2, 20)"
    )
    return origin


def program(engine: Engine) -> None:
    with engine.connect() as connection:
        for _ in range(3):
            connection.execute(text(READ), {"id": 1}).all()
    with engine.begin() as connection:
        connection.execute(text("UPDATE items SET a = a + 1 WHERE id = :id"), [{"id": 1}, {"id": 2}])
        with connection.begin_nested():
            connection.execute(text(READ), {"id": 1}).all()
        nested = connection.begin_nested()
        nested.rollback()
        with pytest.raises(DBAPIError), connection.begin_nested():
            connection.execute(text("INSERT INTO items VALUES (1, 1)"))
        connection.execution_options(stream_results=True).execute(text(READ), {"id": 2}).all()
    engine.dispose()


def reads(engine: Engine) -> None:
    for parameters in ({"id": 1}, {"id": 1}, {"id": 2}):
        with engine.connect() as connection:
            connection.execution_options(number=1).execute(text(READ), parameters).all()
        with engine.begin() as connection:
            connection.execute(text(READ), parameters).all()
    engine.dispose()


@contextmanager
def listening(target: Any, listeners: dict[str, Callable[..., Any]], **options: Any) -> Iterator[None]:
    for name, listener in listeners.items():
        event.listen(target, name, listener, **options)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(target, name, listener)


class Heard(list[tuple[str, str]]):
    """What an engine's listeners are told: each event's name, and its statement if it has one."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.listeners = {name: self.listener(name) for name in EVENTS}

    def listener(self, name: str) -> Callable[..., None]:
        def listen(source: Any, *arguments: Any) -> None:
            # A statement of the wrapped engine's is heard by who listens to all engines, too.
            if getattr(source, "engine", source) is self.engine:
                number = {"before_execute": 0, "after_execute": 0}.get(name, 1)
                self.append((name, str(arguments[number]) if name in STATEMENTS else ""))

        return listen


def heard_of(engine: Engine, target: Any, run: Callable[[Engine], None]) -> Heard:
    heard = Heard(engine)
    with listening(target, heard.listeners):
        run(engine)
    return heard


@pytest.mark.parametrize(
    ("mode", "run"), [("strict", reads), ("transparent", reads), ("transparent", program)]
)
@pytest.mark.parametrize("option", [False, True], ids=["plain", "options"])
def test_who_listens_to_all_engines_hears_each_event_once(
    items: Origin, mode: str, run: Callable[[Engine], None], option: bool
) -> None:
    """Also of an engine that `execution_options` has made, on either side."""
    bare, base = items.engine(), items.engine()
    expected = heard_of(bare, Engine, run)
    wrapped = base.execution_options(number=0) if option else base
    with CachingEngine(wrapped, mode=mode) as engine:
        before = heard_of(engine, Engine, run)
        again = heard_of(engine, Engine, run)
        made = engine.execution_options(number=2)
        of_made = heard_of(made, Engine, run)

    expected_of_made = [each for each in expected if each[0] != "engine_disposed"]
    assert dict(expected).keys() >= {"before_cursor_execute", "engine_connect"}
    assert before == again == expected
    assert [each for each in of_made if each[0] != "engine_disposed"] == expected_of_made


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_one_that_was_there_before_the_engine_was_made_hears_it_too(items: Origin, mode: str) -> None:
    heard: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if isinstance(connection.engine, CachingEngine):
            heard.append(statement)

    with (
        listening(Engine, {"before_cursor_execute": listen}),
        CachingEngine(items.engine(), mode=mode) as engine,
        engine.connect() as connection,
    ):
        connection.exec_driver_sql("SELECT a FROM items WHERE id = 1").all()

    assert heard == ["SELECT a FROM items WHERE id = 1"]


def test_a_listener_to_a_class_and_to_an_engine_hears_it_twice_as_ever(items: Origin) -> None:
    """Three times where this engine has it, too; and none of it after it was taken away."""
    bare, base = items.engine(), items.engine()
    heard = 0

    def listen(connection: Any, *_: Any) -> None:
        nonlocal heard
        if connection.engine in counted:
            heard += 1

    def count(engine: Engine) -> int:
        nonlocal heard
        heard = 0
        with engine.connect() as connection:
            connection.execute(text(READ), {"id": 1}).all()
        return heard

    listeners = {"before_cursor_execute": listen}
    with CachingEngine(base, mode="transparent") as engine:
        counted = (bare, engine)
        with listening(Engine, listeners), listening(bare, listeners), listening(base, listeners):
            twice = [count(bare), count(engine)]
            with listening(engine, listeners):
                thrice = count(engine)
            again = count(engine)
        with listening(CachingEngine, listeners):
            of_its_class = [count(bare), count(engine)]
        silent = [count(bare), count(engine)]

    assert (twice, thrice, again) == ([2, 2], 3, 2)
    assert of_its_class == [0, 1]
    assert silent == [0, 0]


def test_a_comment_by_a_listener_to_all_engines_is_added_once(items: Origin) -> None:
    """To a write, whose text the origin gets as the listener has made it, and to what is answered."""
    sent: list[str] = []

    def comment(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return f"{statement} /* by {1 + 1} */", parameters

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    with (
        CachingEngine(items.engine(), mode="transparent") as engine,
        listening(Engine, {"before_cursor_execute": comment}, retval=True),
        listening(engine, {"after_cursor_execute": note}),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql("SELECT a FROM items WHERE id = 1").all()
        connection.exec_driver_sql("UPDATE items SET a = 1 WHERE id = 1")

    assert sent == [
        "SELECT a FROM items WHERE id = 1 /* by 2 */",
        "UPDATE items SET a = 1 WHERE id = 1 /* by 2 */",
    ]


def test_of_connections_apart_it_hears_once_as_well(items: Origin) -> None:
    base = items.engine()
    heard: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    with CachingEngine(base) as engine:
        apart = engine._core.origin.apart()
        with (
            listening(Engine, {"before_cursor_execute": listen}),
            listening(base, {"before_cursor_execute": listen}),
            apart.connect() as connection,
        ):
            connection.execute(sa.text("SELECT 1")).all()
        apart.dispose()

    assert heard == ["SELECT 1"] * 2
