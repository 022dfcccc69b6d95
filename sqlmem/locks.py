"""How long a question of our own waits for a lock at the origin: not for ever, whatever the server's setting.

Who asks may wait for itself. Its program's transaction may hold the lock, or another statement that waits
for that transaction may stand before ours in the server's queue; no server knows that the one waits for the
other.
"""

from __future__ import annotations

from typing import Any

# Locks that are held for longer aren't worth waiting for: the origin answers, and waits as it always would.
LOCK_SECONDS = 1

# family -> what makes the connection wait no longer. PostgreSQL's ends with the transaction.
BRIEFLY = {
    "postgresql": f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'",
    "mysql": "SET @sqlmem_lock_wait = @@session.lock_wait_timeout,"
    f" SESSION lock_wait_timeout = {LOCK_SECONDS}",
}
# family -> what makes it wait as before
AS_BEFORE = {"mysql": "SET SESSION lock_wait_timeout = @sqlmem_lock_wait"}

_LOCK_NOT_AVAILABLE = "55P03"
_LOCK_WAIT_TIMEOUT = 1205


def is_lock_timeout(error: Any) -> bool:
    """Whether a driver's exception says that a lock couldn't be had in time."""
    if _LOCK_NOT_AVAILABLE in (getattr(error, "sqlstate", None), getattr(error, "pgcode", None)):
        return True
    number = next(iter(getattr(error, "args", ())), None)
    return bool(number == _LOCK_WAIT_TIMEOUT)
