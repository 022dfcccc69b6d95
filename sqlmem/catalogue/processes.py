"""Which of the server's processes serves a driver's connection, and whether it is still at work."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# One that waits for its client's next words has ended its statement, and commits only if they say so; the
# one that answers this has, too.
_AT_WORK = {
    "postgresql": sa.text(
        "SELECT count(*) FROM pg_catalog.pg_stat_activity"
        " WHERE pid = :process AND pid <> pg_catalog.pg_backend_pid()"
        " AND datname IS NOT NULL AND state IS DISTINCT FROM 'idle'"
    ),
    "mysql": sa.text(
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE id = :process AND id <> connection_id() AND command <> 'Sleep'"
    ),
}


def process_of(driver: Any) -> int | None:
    """The number of the process, as the driver was told it when it connected; None if it wasn't.

    Args:
        driver: the driver's connection, as SQLAlchemy's pool holds it. Nothing is sent.
    """
    for owner, name in (
        (driver, "thread_id"),
        (getattr(driver, "driver_connection", driver), "get_server_pid"),
    ):
        told = getattr(owner, name, None)
        if callable(told):
            return int(told())
    process = getattr(getattr(driver, "info", None), "backend_pid", None)
    return None if process is None else int(process)


def is_at_work(connection: Connection, family: str, process: int) -> bool:
    """Whether that process exists and runs something, or ends it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: as the origin raises it.
    """
    question = _AT_WORK.get(family)
    return question is not None and bool(connection.execute(question, {"process": process}).scalar())
