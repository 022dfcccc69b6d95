"""`CachingEngine`: SQLAlchemy's Engine over the lazy DBAPI, and what it adds to it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType, TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine, create_engine
from sqlalchemy.engine.base import OptionEngineMixin
from sqlalchemy.engine.interfaces import ExecuteStyle
from sqlalchemy.sql import ClauseElement, Executable
from sqlalchemy.util.concurrency import in_greenlet

from sqlmem.core import Core
from sqlmem.dbapi import LazyConnection
from sqlmem.directives import OPTIONS, USUAL, directive_of
from sqlmem.errors import SettingsError
from sqlmem.explain import Explanation
from sqlmem.model import Rows, Stats, TableName
from sqlmem.passing import PassingConnection
from sqlmem.statuses import last_status

_OPTIONS = frozenset(OPTIONS)
_EXECUTE = ExecuteStyle.EXECUTE  # an enum's members take longer to look up
# Options of a connection that concern the driver's connection; `logging_token` is SQLAlchemy's alone.
_NOT_THE_ORIGINS = frozenset({"logging_token"})

_DISPATCH: Any = inspect.getattr_static(Connection, "dispatch")
# Older SQLAlchemys have it on instances only.
_HAS_EVENTS_BY_CLASS = hasattr(Connection, "_has_events")


class _Joined:
    """A connection's events with its engine's, joined when somebody looks.

    SQLAlchemy joins them when it makes a Connection, which is two thirds of what that takes.
    """

    def __get__(self, connection: Any, owner: type) -> Any:
        if connection is None:
            return _DISPATCH.__get__(None, owner)
        joined = _DISPATCH.__get__(connection, owner)._join(connection.engine.dispatch)
        connection.__dict__["dispatch"] = joined  # found first from now on
        return joined


class CachingConnection(Connection):
    """SQLAlchemy's Connection; what it would set on the driver's connection waits for one."""

    dispatch: Any = _Joined()
    # Whether its cursors are asked for a plain hit before they execute anything, as those of strict mode.
    _asks_first = True

    def __init__(
        self,
        engine: Engine,
        connection: Any = None,
        _has_events: bool | None = None,  # noqa: FBT001 - SQLAlchemy's signature
        **keywords: Any,
    ) -> None:
        if _has_events is None and not engine._has_events:
            # Nobody listens to the engine. Who does later, or to this one, finds them joined.
            super().__init__(engine, connection, False, **keywords)  # noqa: FBT003 - likewise
            if _HAS_EVENTS_BY_CLASS:
                del self._has_events  # what the class says holds, as of SQLAlchemy's own
        else:
            self.dispatch = _DISPATCH.__get__(self, type(self))
            super().__init__(engine, connection, _has_events, **keywords)
        if self._execution_options and (own := self._origin_options(self._execution_options)):
            self._lazy().set_options(own)

    def _lazy(self) -> Any:
        connection: Any = self.connection.dbapi_connection
        return connection.behind

    def _origin_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = set(self.dialect.connection_characteristics) - _NOT_THE_ORIGINS  # type: ignore[attr-defined]
        return {name: value for name, value in options.items() if name in names}

    def execution_options(self, **options: Any) -> Connection:
        own = self._origin_options(options)
        if own:
            if self.in_transaction():
                raise exc.InvalidRequestError(
                    f"{', '.join(sorted(own))} may not be altered within a transaction; "
                    "call rollback() or commit() first"
                )
            self._check_isolation_level(own.get("isolation_level"))
            self._lazy().set_options(own)
            self._execution_options = self._execution_options.union(own)
        return super().execution_options(**{key: value for key, value in options.items() if key not in own})

    def _exec_single_context(self, dialect: Any, context: Any, statement: Any, parameters: Any) -> Any:
        """As SQLAlchemy's, which knows events, echo, options and batches. Most have none."""
        engine: Any = self.engine
        options = context.execution_options
        if (
            engine.takes_at_once
            and context.execute_style is _EXECUTE
            and not (self._has_events or engine._has_events or self._echo or dialect._has_events)
            and not (options and ("no_parameters" in options or not _OPTIONS.isdisjoint(options)))
        ):
            cursor, text, parameters = context.cursor, context.statement, context.parameters[0]
            try:
                if context.is_crud or not self._asks_first or not cursor.take(text, parameters):
                    cursor.execute(text, parameters)
                context.post_exec()
                return context._setup_result_proxy()
            except BaseException as error:  # noqa: BLE001 - SQLAlchemy's handler raises it
                self._handle_dbapi_exception(error, text, parameters, cursor, context)
        if not options or _OPTIONS.isdisjoint(options):
            return super()._exec_single_context(dialect, context, statement, parameters)
        with self._directed(options):
            return super()._exec_single_context(dialect, context, statement, parameters)

    def _exec_insertmany_context(self, dialect: Any, context: Any) -> Any:
        with self._directed(context.execution_options):
            return super()._exec_insertmany_context(dialect, context)

    @contextlib.contextmanager
    def _directed(self, options: Mapping[str, Any]) -> Iterator[None]:
        """Meanwhile our connection knows what the statement asks for itself."""
        lazy = self._lazy()
        lazy.directive = directive_of(options)
        try:
            yield
        finally:
            lazy.directive = USUAL

    def _check_isolation_level(self, level: str | None) -> None:
        if level is None:
            return
        known = self.dialect.get_isolation_level_values(self._lazy())
        if level.replace("_", " ").upper() not in known:
            raise exc.ArgumentError(
                f"Invalid value {level!r} for isolation_level. Valid isolation levels for "
                f"{self.dialect.name!r} are {', '.join(known)}"
            )


class TransparentConnection(CachingConnection):
    """A Connection whose transactions are the origin's."""

    _asks_first = False


class ExplicitConnection(TransparentConnection):
    """One whose reads are the origin's in a transaction that was begun by `begin`."""

    def begin(self) -> Any:
        transaction = super().begin()
        self._lazy().is_explicit = True
        return transaction


class AsyncTransparentConnection(TransparentConnection):
    """In an event loop the driver's connection is looked at where nothing can be awaited any more.

    So it is taken when `AsyncConnection.get_raw_connection` asks for ours; but not where SQLAlchemy itself
    does, when it begins and ends transactions: a hit would take one, too.
    """

    _is_own = False

    @property
    def connection(self) -> Any:
        fairy: Any = super().connection
        if not self._is_own and in_greenlet():
            fairy.dbapi_connection.behind.take()
        return fairy

    @contextlib.contextmanager
    def _own(self) -> Iterator[None]:
        before, self._is_own = self._is_own, True
        try:
            yield
        finally:
            self._is_own = before

    def _lazy(self) -> Any:
        with self._own():
            return super()._lazy()

    def _begin_impl(self, transaction: Any) -> None:
        with self._own():
            super()._begin_impl(transaction)

    def _rollback_impl(self) -> None:
        with self._own():
            super()._rollback_impl()

    def _commit_impl(self) -> None:
        with self._own():
            super()._commit_impl()


class AsyncExplicitConnection(ExplicitConnection, AsyncTransparentConnection):
    """Both."""


# By whether a transaction that was begun by `begin` matters, and whether it is in an event loop.
_TRANSPARENT = {
    (False, False): TransparentConnection,
    (False, True): AsyncTransparentConnection,
    (True, False): ExplicitConnection,
    (True, True): AsyncExplicitConnection,
}


class ReadOnlyConnection(CachingConnection):
    """A Connection of strict mode."""

    # A savepoint is the origin's where a transaction was begun there, and nothing elsewhere.

    def _savepoint_impl(self, name: str | None = None) -> str:
        with self._lazy().savepoints():
            return super()._savepoint_impl(name)

    def _rollback_to_savepoint_impl(self, name: str) -> None:
        if not self._still_open_and_dbapi_connection_is_valid:
            super()._rollback_to_savepoint_impl(name)
            return
        with self._lazy().savepoints():
            super()._rollback_to_savepoint_impl(name)

    def _release_savepoint_impl(self, name: str) -> None:
        with self._lazy().savepoints():
            super()._release_savepoint_impl(name)


class _Heard:
    """Stands for an engine that has listeners."""

    _has_events = True


class CachingEngine(Engine):
    """A read-through cache in front of an engine: the same answers, faster.

    It is an `Engine`: Core, ORM sessions, pandas and everything else that takes one works
    with it. By default (strict mode) it is read-only: writes raise `ReadOnlyError`, `SELECT *`
    and joins raise `UnsupportedQueryError`. Safe for use by many threads, like any Engine.

    Args:
        engine: the engine to wrap, or a URL to make one from. An async engine gives its
            `sync_engine`, and the result goes into `AsyncEngine(...)`.
        **settings: see `sqlmem.settings.SETTINGS`; a keyword wins over the environment
            (`SQLMEM_…`), the environment over `.env`.

    Raises:
        SettingsError: a setting has a value that can't be used, or isn't known.
    """

    _core: Core
    # Whose listeners hear of our statements, or who has some itself; in strict mode nobody's.
    _heard: Any = Engine

    def __init__(self, engine: Engine | URL | str, **settings: Any) -> None:
        base = _base_engine(engine)
        self._owns_base = base is not engine
        self._core = core = Core(base, settings)
        compiled_cache: Any = base._compiled_cache
        if core.is_transparent:
            is_explicit, is_async = core.settings.transactions == "never", core.origin.is_async
            self._connection_cls = _TRANSPARENT[is_explicit, is_async]
        else:
            self._connection_cls = ReadOnlyConnection
        super().__init__(
            core.lazy_pool,
            base.dialect,
            base.url,
            echo=None,
            query_cache_size=compiled_cache.capacity if compiled_cache is not None else 0,
            hide_parameters=base.hide_parameters,
        )
        self._execution_options = base._execution_options
        self._is_usual = self._asks_nothing()
        self.takes_at_once = core.takes_at_once
        if core.is_transparent:
            self._heard = base
            # Who listens to the wrapped engine hears of every statement, as before.
            self.dispatch = self.dispatch._join(base.dispatch)
        core.start(self)

    def __repr__(self) -> str:
        return f"CachingEngine({self.url!r})"

    def _asks_nothing(self) -> bool:
        """Whether no option of this engine says that its statements aren't answered as usual."""
        options = self._execution_options
        return self._core.origin.isolation_reason(options) is None and not directive_of(options)

    # -- SQLAlchemy's Engine ---------------------------------------------------------------

    @property
    def pool(self) -> Any:
        """Transparent mode: the wrapped engine's pool, whose events and numbers are meant."""
        core = self._core
        return core.origin.engine.pool if core.is_transparent else core.lazy_pool

    @pool.setter
    def pool(self, pool: Any) -> None:
        """SQLAlchemy sets what it was given."""

    def _set_has_events(self, value: bool) -> None:  # noqa: FBT001 - a property's setter
        if value:
            self._heard = _Heard

    # SQLAlchemy looks at it several times for each statement: so without a call of ours.
    _has_events = property(attrgetter("_heard._has_events"), _set_has_events)

    def raw_connection(self) -> Any:
        if not self._core.is_initialized:
            self._core.initialize()
        return self._core.lazy_pool.connect()

    def update_execution_options(self, **options: Any) -> None:
        names = set(self.dialect.connection_characteristics) - _NOT_THE_ORIGINS  # type: ignore[attr-defined]
        own = {name: value for name, value in options.items() if name in names}
        # The dialect would set these on each lazy connection; they are the origin connection's.
        self._execution_options = self._execution_options.union(own)
        super().update_execution_options(**{key: value for key, value in options.items() if key not in own})
        self._is_usual = self._asks_nothing()

    def dispose(self, close: bool = True) -> None:  # noqa: FBT001, FBT002 - SQLAlchemy's signature
        """Close the idle connections, the wrapped engine's too. What is cached stays."""
        self._core.lazy_pool.dispose()
        self._core.origin.engine.dispose(close=close)
        self.dispatch.engine_disposed(self)

    # -- the short way ---------------------------------------------------------------------

    def execute(
        self,
        statement: str | Executable,
        parameters: Mapping[str, Any] | None = None,
        *,
        sqlmem: str | None = None,
        sqlmem_max_staleness: float | None = None,
        sqlmem_invalidates: Sequence[Any] | None = None,
    ) -> Rows:
        """Run a statement; the fast way in. In transparent mode what it writes is committed.

        Args:
            statement: text with `:name` binds, or any SQLAlchemy statement.
            parameters: by name.
            sqlmem: "bypass": the origin answers; "refresh": the store, after a fetch that begins now;
                "only": the store, or there is an error.
            sqlmem_max_staleness: seconds that the data may be old; older is fetched again.
            sqlmem_invalidates: the tables that the statement changes, where its text doesn't tell:
                names, Tables or mapped classes.

        Returns:
            The rows as new plain dicts, a list with `.status`. Of columns with the same name
            the last one stands.

        Raises:
            ReadOnlyError, UnsupportedQueryError: strict mode doesn't run it.
            NotCachedError: it was to be answered by the store only, which can't.
            sqlalchemy.exc.DBAPIError: as the wrapped engine raises it.
        """
        if sqlmem is not None or sqlmem_max_staleness is not None or sqlmem_invalidates is not None:
            asked = zip(OPTIONS, (sqlmem, sqlmem_max_staleness, sqlmem_invalidates), strict=True)
            return self._execute(
                statement, parameters, {name: value for name, value in asked if value is not None}
            )
        core = self._core
        # Not while a session differs: its connection might be the next one.
        if type(statement) is str and self._is_usual and not core.sessions.marks:
            short = core.shortcuts.get(statement)
            try:
                if short is not None:
                    rows = short.answer(parameters)
                else:
                    rows = None if self._is_watched() else core.first(statement, parameters)
            except ValueError:  # a damaged value: the long way knows what to do
                rows = None
            if rows is not None:
                return rows
        return self._execute(statement, parameters)

    def _is_watched(self) -> bool:
        """Whether somebody hears of statements, or has given options for them."""
        dialect: Any = self.dialect
        return bool(
            self._execution_options
            or self._has_events
            # Who makes the connections himself (`do_connect`) hears of no statement.
            or (
                dialect._has_events and (dialect.dispatch.do_execute or dialect.dispatch.do_execute_no_params)
            )
            or self._should_log_info()
        )

    def _execute(
        self,
        statement: str | Executable,
        parameters: Mapping[str, Any] | None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Rows:
        clause = sa.text(statement) if isinstance(statement, str) else statement
        with self.connect() as connection:
            result = connection.execute(clause, parameters or {}, execution_options=dict(options))
            rows = Rows()
            is_read = result.returns_rows
            if is_read:
                names = tuple(result.keys())
                rows.extend(dict(zip(names, row, strict=True)) for row in result)
            status = last_status()
            if self._core.is_transparent:
                connection.commit()
        assert status is not None
        rows.status = status
        if isinstance(statement, str) and is_read and not options:
            self._core.remember_shortcut(statement, result.context.compiled)
        return rows

    # -- the cache -------------------------------------------------------------------------

    def invalidate(self, table: str | TableName | Any | None = None) -> None:
        """Forget the rows of a table, and of the cached views that read it; of all tables if None.

        When this has returned, no statement that begins later, in any thread, is answered
        with rows read before. A table that was never cached is no error.

        Args:
            table: a name, a schema-qualified name, a `Table` or a mapped class. A name without
                schema means the tables of that name in every schema.
        """
        self._core.invalidate(table)

    def stats(self) -> Stats:
        """What was counted since the engine was made; exact, also under threads."""
        return self._core.stats()

    def explain(
        self, statement: str | Executable, parameters: Mapping[str, Any] | None = None
    ) -> Explanation:
        """What would happen to a statement now, and why, without running it.

        The origin's catalogue is asked for tables that aren't known yet; its data never.
        """
        if not self._core.is_initialized:
            self._core.initialize()
        return self._core.explain(statement, parameters)

    def warm(
        self,
        table: str | TableName | Any,
        columns: Sequence[str] | None = None,
        *,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Fill ahead of time.

        Args:
            columns: those to fetch beside the registered ones; None for all that can be cached.
            on_progress: called with the rows fetched so far and the number expected (None if the
                origin has no estimate). By default a progress bar, where standard error is a
                terminal and tqdm is installed.

        Raises:
            UnsupportedQueryError: the table, or one of the columns, can't be cached.
            sqlalchemy.exc.NoSuchTableError: there is no such table.
            sqlalchemy.exc.DBAPIError: as the wrapped engine raises it.
        """
        if not self._core.is_initialized:
            self._core.initialize()
        with _Checkout(self) as connection:
            self._core.warm(connection, table, columns, on_progress)

    def close(self) -> None:
        """Write the snapshot, stop the thread, close the idle connections. Idempotent.

        Statements afterwards raise `ClosedError`.
        """
        self._core.close()
        self._core.lazy_pool.dispose()
        if self._owns_base:
            self._core.origin.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class CachingOptionEngine(OptionEngineMixin, CachingEngine):
    """What `execution_options()` gives: the same cache, other options."""

    def __init__(self, proxied: CachingEngine, execution_options: Any) -> None:
        self._core = proxied._core
        self._connection_cls = proxied._connection_cls
        self._owns_base = proxied._owns_base
        self._heard = proxied
        self.takes_at_once = proxied.takes_at_once
        super().__init__(proxied, execution_options)
        self._is_usual = self._asks_nothing()

    # Not SQLAlchemy's, which is a call of two properties.
    _has_events = CachingEngine._has_events

    def update_execution_options(self, **options: Any) -> None:
        CachingEngine.update_execution_options(self, **options)


CachingEngine._option_cls = CachingOptionEngine  # type: ignore[assignment]


class _Checkout:
    """A lazy connection of the engine's, for the while of a `with`."""

    def __init__(self, engine: CachingEngine) -> None:
        self._fairy: Any = engine.raw_connection()

    def __enter__(self) -> LazyConnection | PassingConnection:
        lazy: LazyConnection | PassingConnection = self._fairy.dbapi_connection.behind
        return lazy

    def __exit__(self, *_: object) -> None:
        self._fairy.close()


def _base_engine(engine: Any) -> Engine:
    if isinstance(engine, str | URL):
        return create_engine(engine)
    if isinstance(engine, CachingEngine):
        raise SettingsError("engine must be one that isn't cached yet, got a CachingEngine")
    if isinstance(engine, Engine):
        return engine
    if hasattr(engine, "sync_engine"):
        raise SettingsError(
            "engine must be an Engine or a URL, got an AsyncEngine; "
            "use AsyncEngine(CachingEngine(async_engine.sync_engine))"
        )
    raise SettingsError(f"engine must be an Engine or a URL, got {type(engine).__name__}")


__all__ = ["CachingConnection", "CachingEngine", "ClauseElement"]
