"""In what the cursors of drivers differ that a program can tell, for hits to be given likewise.

PEP 249 leaves open what `execute` returns, and of which type of sequence the rows are; and whether a
connection tells that a transaction is open.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple


class Manners(NamedTuple):
    """Of one driver's usual cursors.

    Attributes:
        executes_to: what `execute` returns: the cursor, how many rows there are, or None.
        gives_tuples: `fetchall` and `fetchmany` return tuples of rows, not lists.
        may_paste: a parameter can become a part of the statement, as psycopg2's `AsIs`.
    """

    executes_to: Literal["cursor", "count", "nothing"] = "cursor"
    gives_tuples: bool = False
    may_paste: bool = False

    def executed(self, cursor: Any) -> Any:
        """What `execute` returns of a cursor of ours."""
        if self.executes_to == "cursor":
            return cursor
        return cursor.rowcount if self.executes_to == "count" else None


USUAL_MANNERS = Manners()
# By SQLAlchemy's name for the driver. A test compares them with the drivers.
_BY_DRIVER = {
    "psycopg2": Manners("nothing", may_paste=True),
    "pymysql": Manners("count", gives_tuples=True),
    "mysqldb": Manners("count", gives_tuples=True),
}

# Drivers whose cursors go on to tell `description` and `rowcount` when they are closed. A test likewise.
TELLING_WHEN_CLOSED = frozenset({"pymysql", "pysqlite"})

# Why a cursor's statements are the origin's.
OTHER_ROWS = "its cursor may give other rows than tuples"
# Where cursors are made whose rows are tuples, but those with this in their class's name.
_PLAIN_MODULES = frozenset({"MySQLdb.cursors", "psycopg2.extensions", "pymysql.cursors"})
_OTHER_NAMES = "Dict"
_FETCHING = ("fetchone", "fetchmany", "fetchall")


def gives_plain_rows(driver: Any) -> bool:
    """Whether the cursors of a driver's connection give tuples, as they do unless they are told otherwise."""
    if hasattr(driver, "row_factory"):  # sqlite3 and psycopg, whatever the class of their cursors
        factory = driver.row_factory
        return factory is None or getattr(factory, "__name__", "") == "tuple_row"
    # Of MariaDB's and MySQL's drivers, of psycopg2; a subclass may do other things than to change rows.
    kind = getattr(driver, "cursorclass", None) or getattr(driver, "cursor_factory", None)
    if kind is None:
        return True
    classes = getattr(kind, "__mro__", ())
    if not classes or any(_OTHER_NAMES in each.__name__ for each in classes):
        return False
    owners = [next((each for each in classes if name in vars(each)), None) for name in _FETCHING]
    return all(owner is not None and owner.__module__ in _PLAIN_MODULES for owner in owners)


def manners_of(driver: str) -> Manners:
    return _BY_DRIVER.get(driver, USUAL_MANNERS)


# MariaDB's and MySQL's status flags: a transaction is open; more results of the same text are to come.
_IN_TRANSACTION = 1
_MORE_RESULTS = 8


def is_in_transaction(driver: Any) -> bool | None:
    """Whether a transaction is open at the origin, as a driver's connection knows without asking it.

    None if it doesn't tell: mysqlclient's, one whose answers haven't all been read, or that was closed.
    """
    try:
        return _told(getattr(driver, "driver_connection", driver))  # SQLAlchemy's own for asyncio has it
    except Exception:  # noqa: BLE001 - whatever a driver raises when it was closed
        return None


def _told(driver: Any) -> bool | None:
    told = getattr(driver, "in_transaction", None)  # sqlite3's and aiosqlite's
    if told is True or told is False:
        return told
    status = getattr(getattr(driver, "info", None), "transaction_status", None)
    if status is not None:
        return bool(status)  # psycopg's and psycopg2's: 0 is idle
    asked = getattr(driver, "is_in_transaction", None)  # asyncpg's
    if callable(asked):
        return bool(asked())
    flags = getattr(driver, "server_status", None)  # PyMySQL's
    if type(flags) is not int or flags & _MORE_RESULTS:
        return None
    return bool(flags & _IN_TRANSACTION)
