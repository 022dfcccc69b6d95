"""Invariant: a session that differed is as others again only when it is, whatever its statements say.

Values are compared, not words: a RESET gives what a connection began with, which the pool's own events may
have changed since, and a rollback takes it back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.effects import effect_of
from sqlmem.lexer import Syntax
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
ROWS = [(1, 0), (2, 0)]
ELSEWHERE = [(9, 9)]


@pytest.fixture
def items(origin: Origin) -> Origin:
    return prepared(origin)


@pytest.fixture
def driver_items(driver_origin: Origin) -> Origin:
    return prepared(driver_origin)


def prepared(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
    )
    if origin.family == "postgresql":
        origin.execute(
            "CREATE SCHEMA elsewhere",
            "CREATE TABLE elsewhere.items (id INTEGER PRIMARY KEY, version INTEGER)",
            "INSERT INTO elsewhere.items VALUES (9, 9)",
        )
    return origin


@pytest.fixture
def engine(items: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(items.engine(), mode="transparent") as engine:
        ask(engine)
        yield engine


def within(connection: sa.Connection, statement: str = ASK) -> tuple[list[Any], Outcome]:
    rows = connection.execute(text(statement)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def ask(engine: CachingEngine, statement: str = ASK) -> tuple[list[Any], Outcome]:
    with engine.connect() as connection:
        return within(connection, statement)


def autocommit(engine: CachingEngine) -> sa.Connection:
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


BACK = [
    ("SET search_path TO elsewhere", "RESET search_path"),
    ('SET SESSION "search_path" = elsewhere', "SET search_path TO DEFAULT"),
    ("SET search_path TO elsewhere", "set session search_path = default"),
    ("SET TIME ZONE 'Asia/Tokyo'", "RESET TIME ZONE"),
    ("SET TIME ZONE 'Asia/Tokyo'", "SET TIME ZONE DEFAULT"),
    ("SET timezone TO 'Asia/Tokyo'", "SET TIME ZONE LOCAL"),
    ("SET datestyle TO 'German'", "RESET ALL"),
    ("SET datestyle TO 'German'", "DISCARD ALL"),
    ("SET ROLE pg_read_all_data", "RESET ROLE"),
    ("SET ROLE pg_read_all_data", "SET ROLE NONE"),
    ("SET SESSION AUTHORIZATION pg_read_all_data", "RESET SESSION AUTHORIZATION"),
    ("SET SESSION AUTHORIZATION pg_read_all_data", "SET SESSION AUTHORIZATION DEFAULT"),
    ("SET search_path TO elsewhere; SET TIME ZONE 'Asia/Tokyo'", "RESET search_path; RESET timezone"),
]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(("change", "back"), BACK)
def test_what_is_reset_is_as_others_again(change: str, back: str, engine: CachingEngine) -> None:
    """In autocommit at once, any number of times."""
    with autocommit(engine) as connection:
        for _ in range(3):
            connection.exec_driver_sql(change)
            assert within(connection)[1] is Outcome.BYPASS
            connection.exec_driver_sql(back)
            assert within(connection) == (ROWS, Outcome.HIT)
    assert not engine._core.passing.sessions.any_differ


@pytest.mark.families("postgresql")
def test_what_is_reset_in_a_transaction_is_looked_at_in_the_next(
    driver_items: Origin,
) -> None:
    """At its first read, which is the origin's still; through every driver."""
    with CachingEngine(driver_items.engine(), mode="transparent") as engine:
        ask(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("SET search_path TO elsewhere")
            differing = within(connection)
            connection.exec_driver_sql("RESET search_path")
            reset = within(connection)
            connection.commit()
            first, second = within(connection), within(connection)

    assert differing == (ELSEWHERE, Outcome.BYPASS)
    assert reset == (ROWS, Outcome.BYPASS)
    assert first == (ROWS, Outcome.BYPASS)
    assert second == (ROWS, Outcome.HIT)


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("end", ["rollback", "ROLLBACK TO SAVEPOINT here", "an error that nobody saw"])
def test_a_reset_that_is_rolled_back_is_none(end: str, engine: CachingEngine) -> None:
    """The value that was set is there again, and with it the mark."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET search_path TO elsewhere")
        connection.commit()
        connection.exec_driver_sql("SAVEPOINT here")
        connection.exec_driver_sql("RESET search_path")
        if end == "rollback":
            connection.rollback()
        elif end.startswith("ROLLBACK"):
            connection.exec_driver_sql(end)
            connection.commit()
        else:
            # The program's own statement on the driver's cursor has failed, and COMMIT rolls back.
            lazy: Any = connection.connection.dbapi_connection.behind
            with pytest.raises(Exception, match="division"):
                lazy._held.execute("SELECT 1/0")
            connection.commit()
        after = [within(connection), within(connection)]

    assert after == [(ELSEWHERE, Outcome.BYPASS)] * 2


@pytest.mark.families("postgresql")
def test_a_reset_undoes_its_own_variable_only(engine: CachingEngine) -> None:
    """The other one stays set; a temporary table isn't reset by RESET ALL."""
    with autocommit(engine) as connection:
        connection.exec_driver_sql("SET search_path TO elsewhere")
        connection.exec_driver_sql("SET TIME ZONE 'Asia/Tokyo'")
        connection.exec_driver_sql("RESET timezone")
        other = within(connection)
        connection.exec_driver_sql("RESET ALL")
        all_of_them = within(connection)
        connection.exec_driver_sql("CREATE TEMPORARY TABLE items AS SELECT 5 AS id, 5 AS version")
        connection.exec_driver_sql("RESET ALL")
        temporary = within(connection)
        connection.exec_driver_sql("DISCARD ALL")
        discarded = within(connection)

    assert other == (ELSEWHERE, Outcome.BYPASS)
    assert all_of_them == (ROWS, Outcome.HIT)
    assert temporary == ([(5, 5)], Outcome.BYPASS)
    assert discarded == (ROWS, Outcome.HIT)


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    "back", ["RESET search_path", "SET search_path TO DEFAULT", "RESET ALL", "DISCARD ALL"]
)
@pytest.mark.parametrize("is_changed", [True, False])
def test_a_reset_to_what_others_dont_have_makes_a_session_differ(
    back: str, is_changed: bool, items: Origin
) -> None:
    """The pool's own event has given all connections a search path, which is gone then."""
    base = items.engine()

    @event.listens_for(base, "connect")
    def connected(dbapi_connection: Any, record: object) -> None:
        dbapi_connection.autocommit = True
        dbapi_connection.execute("SET search_path TO elsewhere")
        dbapi_connection.autocommit = False

    with CachingEngine(base, mode="transparent") as engine:
        usual = ask(engine)
        with autocommit(engine) as connection:
            if is_changed:
                connection.exec_driver_sql("SET search_path TO public, elsewhere")
            for _ in range(2):
                connection.exec_driver_sql(back)
                reset = within(connection)
                assert reset == (ROWS, Outcome.BYPASS)
            other = ask(engine)
            connection.exec_driver_sql("SET search_path TO elsewhere")
            own = within(connection)

    assert usual == (ELSEWHERE, Outcome.MISS)
    assert other == (ELSEWHERE, Outcome.HIT)
    assert own == (ELSEWHERE, Outcome.BYPASS)  # as before, but it isn't looked at for that


@pytest.mark.families("postgresql")
def test_options_of_the_connection_are_what_all_have(items: Origin) -> None:
    """RESET gives them again."""
    base = items.engine(connect_args={"options": "-c search_path=elsewhere"})
    with CachingEngine(base, mode="transparent") as engine:
        ask(engine)
        with autocommit(engine) as connection:
            connection.exec_driver_sql("SET search_path TO public")
            differing = within(connection)
            connection.exec_driver_sql("RESET search_path")
            back = within(connection)

    assert differing == (ROWS, Outcome.BYPASS)
    assert back == (ELSEWHERE, Outcome.HIT)


@pytest.mark.families("postgresql")
def test_a_role_that_changes_another_variable_is_compared_with_it(items: Origin) -> None:
    """Setting the session's user takes its role away, and resetting it doesn't bring that back."""
    base = items.engine()

    @event.listens_for(base, "connect")
    def connected(dbapi_connection: Any, record: object) -> None:
        dbapi_connection.autocommit = True
        dbapi_connection.execute("SET ROLE pg_read_all_data")
        dbapi_connection.autocommit = False

    with CachingEngine(base, mode="transparent") as engine:
        ask(engine)
        with autocommit(engine) as connection:
            connection.exec_driver_sql("SET SESSION AUTHORIZATION pg_monitor")
            connection.exec_driver_sql("RESET SESSION AUTHORIZATION")
            assert within(connection, "SHOW role")[0] == [("none",)]
            after = within(connection)

    assert after == (ROWS, Outcome.BYPASS)


@pytest.mark.families("postgresql")
def test_what_is_set_by_a_function_is_not_undone_by_a_reset(engine: CachingEngine) -> None:
    """Nobody has seen what it was."""
    with autocommit(engine) as connection:
        connection.exec_driver_sql("SELECT set_config('search_path', 'elsewhere', false)")
        connection.exec_driver_sql("SET search_path TO public")
        connection.exec_driver_sql("RESET search_path")

        assert within(connection) == (ROWS, Outcome.BYPASS)


@pytest.mark.families("postgresql")
def test_a_variable_of_the_programs_own_is_never_what_it_was(engine: CachingEngine) -> None:
    """Reset, it is empty; before, there was none: a policy may tell them apart."""
    with autocommit(engine) as connection:
        connection.exec_driver_sql("SET app.tenant = '7'")
        connection.exec_driver_sql("RESET app.tenant")

        assert within(connection) == (ROWS, Outcome.BYPASS)


@pytest.mark.families("postgresql")
def test_set_local_hides_what_the_session_had(engine: CachingEngine) -> None:
    """What is seen beneath it is no value to come back to."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO elsewhere")
        connection.exec_driver_sql("SET search_path TO public")
        connection.commit()
        connection.exec_driver_sql("SET search_path TO DEFAULT")
        connection.commit()

        assert [within(connection)[1] for _ in range(2)] == [Outcome.BYPASS] * 2


@pytest.mark.families("postgresql")
def test_set_transaction_may_follow_what_sets_variables(engine: CachingEngine) -> None:
    """What they were is asked without a query."""
    engine._core.writes.forget_reach()
    with engine.connect() as connection:
        connection.exec_driver_sql("SET search_path TO elsewhere")
        connection.exec_driver_sql("RESET ALL")
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")

        assert within(connection, "SHOW transaction_isolation")[0] == [("serializable",)]


@pytest.mark.families("postgresql")
def test_a_transaction_that_a_pool_hands_on_keeps_its_reset_undecided(items: Origin) -> None:
    """The next one to have it may still roll it back."""
    base = items.engine(pool_size=1, max_overflow=0, pool_reset_on_return=None)
    with CachingEngine(base, mode="transparent") as engine:
        ask(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("SET search_path TO elsewhere")
            connection.commit()
            connection.exec_driver_sql("RESET search_path")
        with engine.connect() as connection:
            within(connection)
            connection.rollback()
            after = within(connection)

    assert after == (ELSEWHERE, Outcome.BYPASS)


@pytest.mark.families("postgresql")
def test_what_a_variable_was_is_asked_once_on_a_connection(items: Origin) -> None:
    """A SET that is repeated costs nothing more, a RESET in autocommit one look."""
    with (
        CachingEngine(items.engine(pool_size=1), mode="transparent") as engine,
        autocommit(engine) as connection,
    ):
        for statement in ("SET search_path TO elsewhere", "RESET search_path", "RESET ALL"):
            connection.exec_driver_sql(statement)
        before = len(items.counter.everything)
        for statement in ("SET search_path TO elsewhere", "RESET search_path", "RESET ALL"):
            connection.exec_driver_sql(statement)
        sent = items.counter.everything[before:]

    assert [each.partition(" ")[0] for each in sent] == ["SET", "RESET", "SELECT", "RESET"]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("is_usual", [True, False])
def test_mariadbs_default_is_looked_at(is_usual: bool, driver_items: Origin) -> None:
    """It is the server's global value of now, which needn't be what the other connections have."""
    base = driver_items.engine()
    if not is_usual:

        @event.listens_for(base, "connect")
        def connected(dbapi_connection: Any, record: object) -> None:
            dbapi_connection.cursor().execute("SET SESSION group_concat_max_len = 2000")

    with CachingEngine(base, mode="transparent") as engine:
        ask(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("SET SESSION group_concat_max_len = 100")
            differing = within(connection)
            connection.exec_driver_sql("SET group_concat_max_len = DEFAULT")
            back = within(connection)

    assert differing == (ROWS, Outcome.BYPASS)
    assert back == (ROWS, Outcome.HIT if is_usual else Outcome.BYPASS)


@pytest.mark.families("mariadb")
def test_mariadbs_variables_that_change_others_are_not_undone(engine: CachingEngine) -> None:
    """A character set brings a collation with it."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET character_set_connection = latin1")
        connection.exec_driver_sql("SET character_set_connection = DEFAULT")

        assert within(connection)[1] is Outcome.BYPASS


@pytest.mark.families("sqlite")
def test_sqlites_pragmas_have_no_way_back(engine: CachingEngine) -> None:
    """Setting the old value again isn't looked at."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA case_sensitive_like = 1")
        connection.exec_driver_sql("PRAGMA case_sensitive_like = 0")

        assert within(connection)[1] is Outcome.BYPASS


@pytest.mark.families("mariadb")
def test_mariadbs_own_functions_are_known(origin: Origin) -> None:
    """One that isn't counts as a function of somebody's, after which the session may differ."""
    with origin.engine().connect() as connection:
        if (
            connection.exec_driver_sql("SHOW TABLES FROM information_schema LIKE 'SQL_FUNCTIONS'").first()
            is None
        ):
            pytest.skip("this server doesn't list them")
        names = connection.exec_driver_sql(
            "SELECT `FUNCTION` FROM information_schema.SQL_FUNCTIONS"
        ).scalars()
        texts = {name: f"SELECT {name}(1)" for name in names}

    syntax = Syntax("mysql", True, False, "pyformat", True)
    unknown = {name for name, asked in texts.items() if effect_of(asked, syntax).calls}

    assert texts
    assert unknown == set()


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "asked",
    [
        "SELECT * FROM pragma_table_info('items')",
        "SELECT * FROM pragma_index_list('items') AS i, pragma_index_info(i.name)",
        "SELECT name FROM pragma_database_list()",
        "SELECT m.name, i.name FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS i",
        "SELECT count(*) FROM pragma_foreign_key_list('items')",
    ],
)
def test_sqlites_pragmas_that_are_read_as_tables_change_nothing(
    origin: Origin, engine: CachingEngine, asked: str
) -> None:
    """They tell of the schema: the rows that are there stay, and the connection goes on reading them."""
    with engine.connect() as connection:
        within(connection)
        connection.exec_driver_sql(asked).all()
        with origin.expect(0):
            assert within(connection) == (ROWS, Outcome.HIT)

    with origin.expect(0), engine.connect() as connection:
        assert within(connection) == (ROWS, Outcome.HIT)


@pytest.mark.families("sqlite")
def test_sqlites_pragma_that_writes_though_it_is_read_as_a_table(engine: CachingEngine) -> None:
    """Pragma_optimize makes the statistics, in tables of the database."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM pragma_optimize(0xfffe)").all()

        assert within(connection)[1] is Outcome.BYPASS


# -- what sets up later sessions -------------------------------------------------------------------


@contextlib.contextmanager
def setting(origin: Origin) -> Iterator[str]:
    """What sets up this user's later sessions in this database."""
    role = f"ALTER ROLE CURRENT_USER IN DATABASE {origin.url.database}"
    try:
        yield f"{role} SET search_path = elsewhere"
    finally:
        origin.execute(f"{role} RESET ALL")


@pytest.fixture
def sets_up(items: Origin) -> Iterator[str]:
    with setting(items) as statement:
        yield statement


PLACE = "SELECT version FROM items ORDER BY id"
PUBLIC, OF_THE_ROLE = [(0,), (0,)], [(9,)]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("way", ["begin", "autocommit", "execute"])
def test_what_sets_up_later_sessions_leaves_the_origin_to_answer(
    items: Origin, sets_up: str, way: str
) -> None:
    """Old connections mean one table, new ones another: the pool decides, as without a cache.

    When the pool was replaced, all are new, and what was known is asked anew.
    """
    with CachingEngine(items.engine(), mode="transparent") as engine:
        assert [ask(engine, PLACE) for _ in range(2)] == [(PUBLIC, Outcome.MISS), (PUBLIC, Outcome.HIT)]
        if way == "execute":
            engine.execute(sets_up)
        else:
            level = "AUTOCOMMIT" if way == "autocommit" else "READ COMMITTED"
            with engine.execution_options(isolation_level=level).begin() as connection:
                connection.exec_driver_sql(sets_up)
        old = [ask(engine, PLACE) for _ in range(3)]
        with engine.connect() as connection, engine.connect() as second:
            first = within(connection, PLACE)
            of_another = within(second, PLACE)
        by_text = engine.execute(PLACE)
        engine.dispose()
        new = [ask(engine, PLACE) for _ in range(3)]

    assert old == [(PUBLIC, Outcome.BYPASS)] * 3
    assert (first, of_another) == ((PUBLIC, Outcome.BYPASS), (OF_THE_ROLE, Outcome.BYPASS))
    assert by_text.status.outcome is Outcome.BYPASS
    assert new == [(OF_THE_ROLE, Outcome.MISS), *[(OF_THE_ROLE, Outcome.HIT)] * 2]


@pytest.mark.families("postgresql")
def test_a_connection_from_before_goes_on_meaning_what_it_meant(items: Origin, sets_up: str) -> None:
    """Its pool has been replaced, and others have new ones."""
    with CachingEngine(items.engine(), mode="transparent") as engine:
        ask(engine, PLACE)
        with engine.connect() as connection:
            within(connection, "SELECT pg_backend_pid()")
            connection.commit()
            with engine.begin() as other:
                other.exec_driver_sql(sets_up)
            engine.dispose()
            new = [ask(engine, PLACE) for _ in range(2)]
            old = [within(connection, PLACE) for _ in range(2)]
            # The pool that it would go back to is nobody's any more, and nobody would close it.
            connection.invalidate()

    assert new == [(OF_THE_ROLE, Outcome.MISS), (OF_THE_ROLE, Outcome.HIT)]
    assert old == [(PUBLIC, Outcome.BYPASS)] * 2


@pytest.mark.families("postgresql")
def test_of_a_pool_that_keeps_none_all_connections_are_new(items: Origin, sets_up: str) -> None:
    base = items.engine(poolclass=sa.pool.NullPool)
    with CachingEngine(base, mode="transparent") as engine:
        ask(engine, PLACE)
        with engine.connect() as connection:
            connection.exec_driver_sql(sets_up)
            connection.commit()
            own = within(connection, PLACE)
        found = [ask(engine, PLACE) for _ in range(3)]

    assert own == (PUBLIC, Outcome.BYPASS)
    assert found == [(OF_THE_ROLE, Outcome.MISS), *[(OF_THE_ROLE, Outcome.HIT)] * 2]


@pytest.mark.families("postgresql")
def test_what_was_to_set_up_later_sessions_and_was_rolled_back_is_nothing(
    items: Origin, sets_up: str
) -> None:
    with CachingEngine(items.engine(), mode="transparent") as engine:
        ask(engine, PLACE)
        with engine.connect() as connection:
            connection.exec_driver_sql(sets_up)
            connection.rollback()

        assert ask(engine, PLACE) == (PUBLIC, Outcome.HIT)


@pytest.mark.parametrize("is_prepared", [True, False])
def test_what_sets_up_later_sessions_is_minded_before_its_second_phase(
    preparing_origin: Origin, *, is_prepared: bool
) -> None:
    """Who commits it need not be this engine."""
    if preparing_origin.family != "postgresql":
        pytest.skip("only PostgreSQL's sessions are set up so")
    prepared(preparing_origin)
    with (
        setting(preparing_origin) as sets_up,
        CachingEngine(preparing_origin.engine(), mode="transparent") as engine,
    ):
        ask(engine, PLACE)
        with engine.connect() as connection, connection.begin_twophase() as transaction:
            connection.exec_driver_sql(sets_up)
            if is_prepared:
                transaction.prepare()
        old = ask(engine, PLACE)
        engine.dispose()

        assert old == (PUBLIC, Outcome.BYPASS)
        assert [ask(engine, PLACE)[1] for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX names ON labels (name(10))",
        "CREATE INDEX names ON labels (id, `name`(10) DESC)",
        "ALTER TABLE labels ADD INDEX names (name(10))",
        "CREATE TABLE others (name VARCHAR(20), KEY names (name(10)))",
    ],
)
def test_the_length_of_a_key_part_is_no_call(items: Origin, engine: CachingEngine, statement: str) -> None:
    """Nobody knows what a function of that name would do to the session."""
    items.execute("CREATE TABLE labels (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    ask(engine)

    with engine.begin() as connection:
        connection.execute(text(statement))

    assert [ask(engine) for _ in range(2)][-1] == (ROWS, Outcome.HIT)


# Statements after which all reads of a transaction are as of one moment, from the first of them on at latest.
OF_ONE_MOMENT = {
    "mariadb": [
        ["START TRANSACTION WITH CONSISTENT SNAPSHOT"],
        ["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"],
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION"],
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION", "COMMIT AND CHAIN"],
        ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN"],
    ],
    "postgresql": [
        ["BEGIN ISOLATION LEVEL REPEATABLE READ"],
        ["BEGIN ISOLATION LEVEL SERIALIZABLE"],
        ["START TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ;"],
        ["BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"],
        ["BEGIN ISOLATION LEVEL REPEATABLE READ", "COMMIT AND CHAIN"],
        ["BEGIN ISOLATION LEVEL REPEATABLE READ", "ROLLBACK AND CHAIN"],
        ["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ", "COMMIT", "BEGIN"],
    ],
}


@pytest.mark.families("mariadb", "postgresql")
@pytest.mark.parametrize("is_autocommit", [True, False])
@pytest.mark.parametrize("number", range(max(map(len, OF_ONE_MOMENT.values()))))
def test_a_transaction_of_one_moment_is_the_origins(
    driver_items: Origin, number: int, *, is_autocommit: bool
) -> None:
    """However it was asked for in SQL. Nothing of ours is asked before it, which would be its moment."""
    for beginning in OF_ONE_MOMENT[driver_items.family][number : number + 1]:
        with (
            CachingEngine(driver_items.engine(), mode="transparent") as engine,
            autocommit(engine) if is_autocommit else engine.connect() as connection,
        ):
            for statement in beginning:
                connection.exec_driver_sql(statement)
            before = within(connection)
            with engine.begin() as other:
                other.exec_driver_sql("UPDATE items SET version = version + 1")
            ask(engine)
            meanwhile = ask(engine)
            after = within(connection)
            connection.exec_driver_sql("ROLLBACK")
            has_ended = within(connection)

        assert (before, after) == ((ROWS, Outcome.BYPASS),) * 2, beginning
        assert meanwhile == ([(1, 1), (2, 1)], Outcome.HIT)
        is_kept = any("SESSION" in statement for statement in beginning)
        assert has_ended == (meanwhile[0], Outcome.BYPASS if is_kept else Outcome.HIT)
        driver_items.execute("UPDATE items SET version = 0")


@pytest.mark.families("mariadb", "postgresql")
@pytest.mark.parametrize("end", ["COMMIT", "CREATE INDEX versions ON items (version)", "by the driver"])
def test_a_transaction_of_one_moment_ends(items: Origin, engine: CachingEngine, end: str) -> None:
    """MariaDB's also with what commits by itself."""
    with engine.connect() as connection:
        connection.exec_driver_sql(OF_ONE_MOMENT[items.family][0][0])
        during = within(connection)
        if end == "by the driver":
            connection.commit()
        else:
            connection.exec_driver_sql(end)
        ask(engine)
        after = within(connection)

    assert during == (ROWS, Outcome.BYPASS)
    is_over = items.family == "mariadb" or "INDEX" not in end
    assert after == (ROWS, Outcome.HIT if is_over else Outcome.BYPASS)


@pytest.mark.families("mariadb", "postgresql")
@pytest.mark.parametrize(
    "beginning",
    [
        ["SET TRANSACTION READ ONLY"],
        ["SET TRANSACTION READ WRITE"],
        ["SET TRANSACTION ISOLATION LEVEL READ COMMITTED"],
        ["START TRANSACTION READ ONLY"],
        ["START TRANSACTION READ WRITE"],
    ],
)
def test_a_transaction_that_reads_as_others_keeps_nothing_from_the_store(
    engine: CachingEngine, beginning: list[str]
) -> None:
    """Nor does its end drop anything."""
    with engine.connect() as connection:
        for statement in beginning:
            connection.exec_driver_sql(statement)
        during = within(connection)
        connection.commit()

    assert during == ask(engine) == (ROWS, Outcome.HIT)


@pytest.mark.families("mariadb", "postgresql")
@pytest.mark.parametrize("end", ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "COMMIT"])
def test_a_chained_transaction_commits_when_it_ends(driver_items: Origin, end: str) -> None:
    """In autocommit, too: what is written after it, others see after the next COMMIT."""
    with CachingEngine(driver_items.engine(), mode="transparent") as engine:
        ask(engine)
        with autocommit(engine) as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(end)
            connection.exec_driver_sql("UPDATE items SET version = 1")
            ask(engine)
            during = ask(engine)[0]
            if "CHAIN" in end:
                connection.exec_driver_sql("COMMIT")
        ask(engine)
        after = ask(engine)

    assert during == (ROWS if "CHAIN" in end else [(1, 1), (2, 1)])
    assert after == ([(1, 1), (2, 1)], Outcome.HIT)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_sql_has_begun_in_autocommit_the_driver_may_end(driver_items: Origin, end: str) -> None:
    """psycopg2 doesn't. What is written afterwards is seen by others when it is by the bare engine."""
    bare = driver_items.engine()
    with CachingEngine(driver_items.engine(), mode="transparent") as engine:
        ask(engine)
        with autocommit(engine) as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("UPDATE items SET version = 1")
            getattr(connection, end)()
            assert asked(engine) == asked(bare)
            if driver_items.driver == "psycopg2":
                connection.exec_driver_sql("COMMIT")
                assert asked(engine) == asked(bare) == [(1, 1), (2, 1)]
            connection.exec_driver_sql("UPDATE items SET version = 2")

            assert asked(engine) == asked(bare) == [(1, 2), (2, 2)]


def asked(engine: sa.Engine) -> list[Any]:
    """Twice, so that there is something to be old."""
    with engine.connect() as connection:
        connection.execute(text(ASK)).all()
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(ASK))]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    "asked_for",
    [
        "COLUMN_GET(COLUMN_ADD(COLUMN_CREATE('a', 1), 'b', 2), 'b' AS INTEGER)",
        "COLUMN_JSON(COLUMN_DELETE(COLUMN_CREATE('a', 1), 'a'))",
        "ST_DISTANCE(POINT(1, 2), ST_CENTROID(ST_BUFFER(POINT(1, 3), 1)))",
        "ASTEXT(GEOMETRYFROMTEXT('POINT(1 1)')), X(POINT(1, 2)), MBREQUAL(POINT(1, 2), POINT(1, 3))",
        "MBRCONTAINS(POINT(1, 1), POINT(1, 1)), NUMPOINTS(LINESTRING(POINT(1, 2), POINT(1, 3)))",
        "GET_FORMAT(DATE, 'EUR'), TRIM(BOTH ('a') FROM 'aba'), TRIM(TRAILING ('a') FROM 'aba')",
        "ROWNUM()",
        "SQL_NO_CACHE (1 + 2)",
        "DISTINCTROW (1 + 2)",
        "a FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INTEGER PATH '$')) AS j",
        "id FROM labels WHERE MATCH name AGAINST ('x' IN BOOLEAN MODE)",
    ],
)
def test_mariadbs_own_calls_leave_the_session_as_it_is(
    items: Origin, engine: CachingEngine, asked_for: str
) -> None:
    """Nor do they drop anything."""
    items.execute("CREATE TABLE labels (id INTEGER, name VARCHAR(20), FULLTEXT KEY (name))")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT {asked_for}").all()

    assert ask(engine) == (ROWS, Outcome.HIT)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("name", ["distance", "st_collect", "columns", "lower", "format", "x"])
def test_a_function_that_somebody_has_made_under_such_a_name_is_called(items: Origin, name: str) -> None:
    """With a schema always; without, where the server has none of its own."""
    items.execute(
        f"CREATE FUNCTION `{name}` (a INTEGER) RETURNS INTEGER MODIFIES SQL DATA"
        " BEGIN UPDATE items SET version = a; RETURN 1; END"
    )
    calls = [f"{items.url.database}.{name}(1)"]
    calls += [f"{name}(2)"] if name in ("distance", "st_collect") else []
    with CachingEngine(items.engine(), mode="transparent") as engine:
        for call in calls:
            for _ in range(2):
                before = ask(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SELECT {call}").all()
            for _ in range(2):
                after = ask(engine)

            version = int(call[-2])
            assert before[0] != after[0]
            assert after == ([(1, version), (2, version)], Outcome.HIT)
