"""`CachingEngine`: SQLAlchemy's Engine over the lazy DBAPI, and what it adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType, TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, create_engine
from sqlalchemy.engine.base import OptionEngineMixin
from sqlalchemy.sql import ClauseElement, Executable

from sqlmem.connections import TRANSPARENT, CachingConnection, ReadOnlyConnection, origin_options
from sqlmem.core import Core
from sqlmem.dbapi import LazyConnection
from sqlmem.directives import OPTIONS, directive_of
from sqlmem.errors import SettingsError
from sqlmem.explain import Explanation
from sqlmem.listeners import join_once
from sqlmem.model import Rows, Stats, TableName
from sqlmem.passing import PassingConnection
from sqlmem.statuses import last_status


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
            self._connection_cls = TRANSPARENT[is_explicit, is_async]
        else:
            self._connection_cls = ReadOnlyConnection
        super().__init__(
            core.lazy_pool,
            base.dialect,
            base.url,
            # Strict mode's statements are the wrapped engine's to echo, as far as they reach the origin.
            echo=base.echo if core.is_transparent else None,
            logging_name=base.logging_name,
            query_cache_size=compiled_cache.capacity if compiled_cache is not None else 0,
            hide_parameters=base.hide_parameters,
        )
        self._execution_options = base._execution_options
        self._is_usual = self._asks_nothing()
        self.takes_at_once = core.takes_at_once
        self.text_results = core.text_results
        self._origin = core.origin
        if core.is_transparent:
            self._heard = base
            # Who listens to the wrapped engine hears of every statement, as before.
            join_once(self, base)
        core.start(self)

    def __repr__(self) -> str:
        return f"CachingEngine({self.url!r})"

    def _asks_nothing(self) -> bool:
        """Whether no option of this engine says that its statements aren't answered as usual."""
        options = self._execution_options
        self._wrapped_options = self._core.origin.engine._execution_options
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
        own = origin_options(self.dialect, options)
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
        if core.origin.engine._execution_options is not self._wrapped_options:
            self._is_usual = self._asks_nothing()
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
        """Fill ahead of time. A table that others write all the while may be left as it was: the log says so.

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
        self.text_results = proxied.text_results
        self._origin = proxied._origin
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
