"""Fill a table before anybody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from sqlmem.catalogue import UnknownTable
from sqlmem.dbapi import LazyConnection
from sqlmem.errors import UnsupportedQueryError
from sqlmem.executor import Executor
from sqlmem.filling import Filling, GiveUp, Replan
from sqlmem.front import Front
from sqlmem.logs import log
from sqlmem.passing import PassingConnection
from sqlmem.progress import progress_bar
from sqlmem.store import Store
from sqlmem.table_state import TableState
from sqlmem.tables import spelling_of

# What is written or defined anew while it is read is read again, but not for ever.
_ATTEMPTS = 20


def warm(
    front: Front,
    filling: Filling,
    executor: Executor,
    store: Store,
    borrower: LazyConnection | PassingConnection,
    table: Any,
    columns: Sequence[str] | None,
    on_progress: Callable[[int, int | None], None] | None,
) -> None:
    """As `CachingEngine.warm`, whose connection the borrower is."""
    spelling = spelling_of(table)
    for _ in range(_ATTEMPTS):
        try:
            state = front.definitions.resolve(spelling, borrower)
        except UnknownTable:
            raise sa.exc.NoSuchTableError(spelling[1]) from None
        except GiveUp as error:
            raise _not_now(f"warm {'.'.join(filter(None, spelling))}", error) from None
        version, schema = state.version, state.schema
        if schema is None:
            continue
        statement = f"warm {schema.name}"
        if schema.refusal is not None:
            raise UnsupportedQueryError(
                statement, f"The table can't be cached: {schema.refusal}", "Leave it out"
            )
        wanted = _wanted(statement, schema, columns)
        if executor.by_store.present(state, wanted, version) is not None:
            return
        try:
            with borrower.borrowed() as connection:
                expected = connection.estimate(state.name, tuple(wanted)).rows
            with progress_bar(str(schema.name), expected, on_progress) as on_rows:
                generation, _ = filling.bring(
                    borrower, state, wanted, version=version, stale=_never_stale, on_rows=on_rows
                )
        except Replan:
            continue
        except GiveUp as error:
            raise _not_now(statement, error) from None
        if generation.is_private:
            store.retire(generation)
            continue
        return
    log.warning(
        "{} wasn't warmed: it was written or defined anew each of {} times",
        ".".join(filter(None, spelling)),
        _ATTEMPTS,
    )


def _not_now(statement: str, given_up: GiveUp) -> UnsupportedQueryError:
    return UnsupportedQueryError(statement, f"The table can't be cached: {given_up.reason}", "Leave it out")


def _never_stale(state: TableState, columns: Sequence[str], version: int) -> None:
    """A table that is warmed is wanted fresh."""


def _wanted(statement: str, schema: Any, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return [column.name for column in schema.columns if column.refusal is None]
    wanted = []
    for name in columns:
        column = schema.by_name.get(name)
        if column is None:
            known = ", ".join(schema.by_name)
            raise UnsupportedQueryError(statement, f"There is no column {name!r}", f"Its columns are {known}")
        if column.refusal is not None:
            raise UnsupportedQueryError(
                statement, f"Column {name} can't be cached: {column.refusal}", "Leave it out"
            )
        wanted.append(name)
    return wanted
