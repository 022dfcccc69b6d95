"""SQLAlchemy's Connection over our lazy ones: what it would set on the driver's connection waits for one.

Rule: what a Connection does for nobody is left out where nobody could tell: a listener, a log, an option.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import ExecuteStyle
from sqlalchemy.util.concurrency import in_greenlet

from sqlmem.directives import OPTIONS, USUAL, directive_of

_OPTIONS = frozenset(OPTIONS)
_EXECUTE = ExecuteStyle.EXECUTE  # an enum's members take longer to look up
# Options of a connection that concern the driver's connection; `logging_token` is SQLAlchemy's alone.
_NOT_THE_ORIGINS = frozenset({"logging_token"})

_DISPATCH: Any = inspect.getattr_static(Connection, "dispatch")
# Older SQLAlchemys have it on instances only.
_HAS_EVENTS_BY_CLASS = hasattr(Connection, "_has_events")


def origin_options(dialect: Dialect, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those execution options that are the driver connection's."""
    names = set(dialect.connection_characteristics) - _NOT_THE_ORIGINS  # type: ignore[attr-defined]
    return {name: value for name, value in options.items() if name in names}


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
    # Whether it is its cursors that are asked first whether all is decided, or the connection behind them.
    _asks_cursor = True

    def __init__(
        self,
        engine: Engine,
        connection: Any = None,
        _has_events: bool | None = None,  # noqa: FBT001 - SQLAlchemy's signature
        **keywords: Any,
    ) -> None:
        is_heard = engine._has_events or (_HAS_EVENTS_BY_CLASS and self._has_events)
        if _has_events is None and not is_heard:
            # Nobody listens to the engine, or to all. Who does later, or to this one, finds them joined.
            super().__init__(engine, connection, False, **keywords)  # noqa: FBT003 - likewise
            if _HAS_EVENTS_BY_CLASS:
                del self._has_events  # what the class says holds, as of SQLAlchemy's own
        else:
            self.dispatch = _DISPATCH.__get__(self, type(self))
            super().__init__(engine, connection, _has_events, **keywords)
        if self._execution_options and (own := origin_options(self.dialect, self._execution_options)):
            self._lazy().set_options(own)

    def _lazy(self) -> Any:
        connection: Any = self.connection.dbapi_connection
        return connection.behind

    def execution_options(self, **options: Any) -> Connection:
        own = origin_options(self.dialect, options)
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
        if not engine._origin.rows_are_plain:
            context.cursor.for_core()
        if (
            engine.takes_at_once
            and context.execute_style is _EXECUTE
            and not (self._has_events or engine._has_events or self._echo or dialect._has_events)
            and not (options and ("no_parameters" in options or not _OPTIONS.isdisjoint(options)))
        ):
            cursor, text, parameters = context.cursor, context.statement, context.parameters[0]
            try:
                if self._asks_cursor:
                    is_done = not context.is_crud and cursor.take(text, parameters)
                else:
                    is_done = cursor._owner.take_at_once(cursor, text, parameters)
                if not is_done:
                    cursor.execute(text, parameters)
                context.post_exec()
                if context.is_text and type(description := cursor.description) is tuple:
                    return engine.text_results.result(context, description)
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

    _asks_cursor = False


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
TRANSPARENT = {
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
