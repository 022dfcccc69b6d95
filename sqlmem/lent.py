"""The driver's connection that a program holds, lent to the cache for a moment, and given back as it was.

For when the pool has no other one. Rule 1: only where the server itself says that what is read now is what
everybody sees: each statement sees its own moment, and the transaction has written nothing. Rule 2: the
transaction, its savepoints and its cursors are as before when it is given back, whatever happened meanwhile.

    PostgreSQL      in a savepoint that is rolled back; in autocommit, in a transaction that is
    MariaDB, MySQL  never: a transaction sees the moment of its first read
    SQLite          never: a cursor that wasn't read to its end holds on to its moment, and nobody can tell
"""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from sqlmem.checkout import Checkout
from sqlmem.locks import LOCK_SECONDS
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection

# What the server is asked first: whether the level allows it, and whether anything was written or locked.
# The settings end with the savepoint.
_LOOK = (
    "SELECT pg_catalog.current_setting('transaction_isolation'),"
    " pg_catalog.txid_current_if_assigned() IS NULL,"
    " pg_catalog.set_config('transaction_read_only', 'on', true),"
    f" pg_catalog.set_config('lock_timeout', '{LOCK_SECONDS}s', true)"
)
_FIRST_VERSION = (10,)  # of txid_current_if_assigned
_ANEW = frozenset({"read committed", "read uncommitted"})  # PostgreSQL takes the second for the first


class Unsuitable(Exception):
    """What would be read isn't what everybody sees.

    Attributes:
        is_usual: so it will be with other transactions, too: their level is the server's own.
    """

    def __init__(self, reason: str, *, is_usual: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_usual = is_usual


def is_lendable(origin: Origin) -> bool:
    """Whether connections to this origin may be lent at all."""
    version = getattr(origin.dialect, "server_version_info", None)
    return origin.family == "postgresql" and version is not None and version >= _FIRST_VERSION


class LentConnection(OriginConnection):
    """For one thread at a time. Nobody else may use the driver's connection until `release`."""

    def __init__(self, origin: Origin, fairy: Any, *, is_autocommit: bool) -> None:
        """Begin.

        Args:
            fairy: the pool's wrapper of the driver's connection.
            is_autocommit: there is no transaction now, and none will begin by itself.

        Raises:
            Unsuitable: it is as it was.
            The driver's exceptions: the connection was lost.
        """
        self.origin = origin
        self._checkout = Checkout.over(_over(origin, fairy))
        self._is_autocommit = is_autocommit
        self._has_begun = False
        self._sees_the_past = False
        try:
            self._begin()
            level, is_unwritten, *_ = self.connection.exec_driver_sql(_LOOK).one()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise (error.orig or error) from None
            # In a transaction that has failed, say: that is nothing to those who wait for this fill. Or the
            # server only speaks PostgreSQL's language.
            self.release()
            raise Unsuitable("its transaction can't be asked", is_usual=self._has_begun) from None
        except BaseException:
            self.release()
            raise
        if is_autocommit or (level in _ANEW and is_unwritten):
            return
        self.release()
        if level not in _ANEW:
            raise Unsuitable(f"its transaction's isolation level is {level.upper()}", is_usual=True)
        raise Unsuitable("its transaction has written or locked something", is_usual=False)

    def _begin(self) -> None:
        self.connection.exec_driver_sql("BEGIN" if self._is_autocommit else "SAVEPOINT sqlmem_lent")
        self._has_begun = True

    def _end(self) -> None:
        if self._is_autocommit:
            self.connection.exec_driver_sql("ROLLBACK")
            return
        self.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT sqlmem_lent")
        self.connection.exec_driver_sql("RELEASE SAVEPOINT sqlmem_lent")

    def execute(
        self, statement: str, parameters: Any, *, is_streamed: bool = False, has_no_parameters: bool = False
    ) -> Any:
        """As for any; psycopg2 knows no streaming in autocommit."""
        return super().execute(
            statement,
            parameters,
            is_streamed=is_streamed and not self._is_autocommit,
            has_no_parameters=has_no_parameters,
        )

    def rollback(self) -> None:
        self._end()
        self._begin()
        self.connection.exec_driver_sql(_LOOK)

    def give_up(self, result: Any) -> None:
        """Close the result: the connection is the program's, and goes on."""
        with contextlib.suppress(Exception):
            result.close()

    def release(self) -> None:
        """Give it back as it was. Where that fails it is closed: the program's next statement fails."""
        if not self.is_usable or not self._has_begun:
            return
        try:
            self._end()
        except Exception:  # noqa: BLE001 - whatever the driver raises, it isn't as it was
            self.discard()

    def discard(self) -> None:
        with contextlib.suppress(Exception):
            self._checkout.invalidate()


def _over(origin: Origin, fairy: Any) -> Connection:
    """A connection of the wrapped engine over what is checked out already.

    Listeners hear its statements, but not that it was connected: one of SQLAlchemy's own would set the
    engine's isolation level then, in the midst of a transaction.
    """
    engine = origin.engine
    connection = Connection(engine, connection=fairy, _has_events=False, _allow_revalidate=False)
    connection.dispatch = connection.dispatch._join(engine.dispatch)
    connection._has_events = engine._has_events
    return connection
