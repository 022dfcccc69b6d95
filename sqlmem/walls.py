"""What keeps a checked-out connection from writing, where that costs something: when it is put up.

    MariaDB, MySQL  START TRANSACTION READ ONLY
    SQLite          PRAGMA query_only

Rule 1: a text is sent without a wall only if it carries one with it (MariaDB: SET STATEMENT) or is proven to
need none (SQLite: by its program). Before anything else is sent the wall is put up.
Rule 2: what is known of a connection holds as long as nobody but sqlmem has it. Where somebody else may reach
it unseen, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import Pool

from sqlmem.checkout import Checkout
from sqlmem.sqlite_programs import ONLY_ITS_OWN, READS, only_reads

# Where the pool keeps, with the driver's connection, that sqlmem has it, and what is known of it.
_OURS = "sqlmem has it"
_KNOWN = "sqlmem's wall"


class Sight(Enum):
    """What is known of a text."""

    SEEN = auto()
    READS = auto()
    MAY_WRITE = auto()


# Texts that a verdict is kept for: how many, and of how many characters.
_MOST_TEXTS = 1_000
_LONGEST = 4_000

_START = "START TRANSACTION READ ONLY"
_UNLESS_BEGUN = f"BEGIN NOT ATOMIC IF @@in_transaction = 0 THEN {_START}; END IF; END"
_IN_TRANSACTION = 1  # of the protocol's SERVER_STATUS_IN_TRANS

# Drivers that send a text as they are given it.
_PLAIN_DRIVERS = frozenset({"mysqldb", "pymysql"})
_FIRST_VERSION = (10, 1, 2)
# From here on the short name comes with a warning.
_FIRST_VERSION_OF_THE_LONG_NAME = (11, 1, 1)

# A comment to all but MariaDB: what sends a statement where its first word says takes the text's own. A
# function may set completion_type, by which the next ROLLBACK would begin a transaction that can write; so it
# is set here, too, and put back by the server after the text.
_PREFIX: Mapping[str | None, str] = {
    name: f"/*M!100100 SET STATEMENT {name} = 1, completion_type = 0 FOR */ "
    for name in ("tx_read_only", "transaction_read_only")
}
# What SET STATEMENT says there it says nowhere else. 2: another transaction than a text's own would be there.
_IS_IGNORED, _IS_HEARD = 0, 1
_QUESTION: Mapping[str | None, str] = {
    name: f"/*M!100100 SET STATEMENT {name} = 1 FOR */ SELECT CASE WHEN @@{name} = 0 THEN {_IS_IGNORED}"
    f" WHEN @@in_transaction = 0 AND @@completion_type = 'NO_CHAIN' THEN {_IS_HEARD} ELSE 2 END"
    for name in _PREFIX
}

# What reads, by its first word, and what would tell of the prefix, or be another statement behind it.
_FIRST_WORD = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|SHOW|EXPLAIN|DESCRIBE|DESC)\b", re.IGNORECASE)
_TELLS = re.compile(
    r";|read_only|in_transaction|completion_type|variables|processlist|performance_schema|profil|status",
    re.IGNORECASE,
)


class Walls:
    """What is known for all connections of an engine.

    For many threads: each step is one of a dict's, and what is lost between two is found out again.
    """

    def __init__(self) -> None:
        self._texts: dict[str, Sight] = {}
        self.epoch = object()
        # Something between the server and us takes SET STATEMENT away, or the server refuses it.
        self.refuses_prefix = False

    def forget(self) -> None:
        """Connections are set otherwise from now on, or the schema is another one."""
        self._texts, self.epoch, self.refuses_prefix = {}, object(), False

    def sight(self, text: str) -> Sight | None:
        """What is known of a text; None the first time that it is seen."""
        if len(text) > _LONGEST:
            return Sight.MAY_WRITE
        known = self._texts.get(text)
        if known is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts = {}
            self._texts[text] = Sight.SEEN if READS.match(text) else Sight.MAY_WRITE
        return known

    def judge(self, text: str, sight: Sight) -> None:
        if text in self._texts:
            self._texts[text] = sight


class Wall:
    """That of one connection, while it is checked out. This one costs nothing, or isn't known.

    Attributes:
        is_up: whether anything may be sent.
        is_lazy: whether texts are looked at, by `carry`.
        unproven: what `prove` is to be called for.
    """

    is_up = True
    is_lazy = False
    unproven: str | None = None

    def put_up(self) -> None:
        """From here on nothing that is sent can write. After an error nobody may use the connection again."""

    def carry(self, text: str) -> str | None:
        """The text as it can be sent now; None if the wall must be put up before."""
        return text

    def prove(self, parameters: Any) -> None:
        """After `unproven` was answered."""

    def before_rollback(self) -> None:
        """The transaction is about to be rolled back."""

    def after_rollback(self) -> None:
        """It was."""

    def to_put_back(self) -> list[str]:
        """What to send so that the connection is as it came."""
        return []


class QueryOnly(Wall):
    """SQLite's."""

    def __init__(self, walls: Walls, checkout: Checkout, put_back: Callable[[Any], None]) -> None:
        self._walls = walls
        self._checkout = checkout
        self._put_back = put_back
        self._is_begun = False
        self._before: int | None = None
        self._has_only_its_own: bool | None = None
        self.is_up = False
        self.is_lazy = checkout.is_plain and not checkout.is_shared
        if self.is_lazy:
            self._info = checkout.info
            self._info[_OURS] = True
        else:
            self.put_up()

    def put_up(self) -> None:
        if not self._checkout.is_shared:
            # Before it is set: from there on somebody may be interrupted anywhere, and lose it.
            self._checkout.at_return(self._put_back)
        self._is_begun = True
        self._before = int(self._checkout.run("PRAGMA query_only", "PRAGMA query_only = 1") or 0)
        self.is_up = True

    def carry(self, text: str) -> str | None:
        sight = self._walls.sight(text)
        self.unproven = text if sight is Sight.SEEN else None
        if self.is_up:
            return text
        if self._has_only_its_own is None:
            self._has_only_its_own = self._look(may_ask=sight is Sight.READS)
        return text if sight is Sight.READS and self._has_only_its_own else None

    def prove(self, parameters: Any) -> None:
        text, self.unproven = self.unproven, None
        if text is not None and self._checkout.is_plain:
            program = self._checkout.rows(f"EXPLAIN {text}", parameters)
            self._walls.judge(
                text, Sight.READS if program is not None and only_reads(program) else Sight.MAY_WRITE
            )

    def _look(self, *, may_ask: bool) -> bool | None:
        """Whether the connection is known to have nothing but SQLite's own; None if it wasn't asked.

        It is the second time that somebody has it: most that are made for one statement never are.
        """
        checkout, info, epoch = self._checkout, self._info, self._walls.epoch
        if not _is_watched(checkout.pool):
            return False
        known: tuple[Any, bool | None] = info.get(_KNOWN, (None, None))
        if known[0] is not epoch:
            info[_KNOWN] = (epoch, None)
            return False
        if known[1] is not None or not may_ask:
            return known[1]
        info[_KNOWN] = (epoch, False)
        try:
            answer = bool(checkout.run(ONLY_ITS_OWN))
        except DBAPIError:  # an older SQLite, which can't tell
            return False
        info[_KNOWN] = (epoch, answer)
        return answer

    def to_put_back(self) -> list[str]:
        # An error as long as nobody knows what it was set to.
        return [f"PRAGMA query_only = {int(self._before)}"] if self._is_begun else []  # type: ignore[arg-type]


class ReadOnlyTransaction(Wall):
    """MariaDB's and MySQL's. On MariaDB a text carries it, as far as it goes."""

    def __init__(
        self, walls: Walls, checkout: Checkout, put_back: Callable[[Any], None], dialect: Dialect
    ) -> None:
        self._walls = walls
        self._checkout = checkout
        # SQLAlchemy may leave out a rollback in autocommit, where it knows of no transaction.
        self._skips_rollback = bool(getattr(dialect, "skip_autocommit_rollback", False))
        self._variable = _variable(dialect)
        self._carries: bool | None = None
        self._has_carried = False
        self.is_up = False
        self.is_lazy = (
            checkout.is_plain
            and not checkout.is_shared
            and not self._skips_rollback
            and self._variable is not None
            and not walls.refuses_prefix
        )
        if self.is_lazy:
            self._info = checkout.info
            self._info[_OURS] = True
        else:
            if self._skips_rollback and not checkout.is_shared:
                checkout.at_return(put_back)
            self.put_up()

    def put_up(self) -> None:
        # A transaction that a text with a prefix has begun is read-only to its end. To begin another one
        # would end it, with the moment that it sees; and to ask for @@in_transaction would be the statement
        # that FOUND_ROWS() tells of.
        self._checkout.run(_UNLESS_BEGUN if self._has_carried else _START)
        self.is_up = True

    def carry(self, text: str) -> str | None:
        if self.is_up:
            return text
        if self._carries is None:
            self._carries = self._look()
        if not self._carries or not _is_the_same_with_prefix(text):
            return None
        # Before it is sent: whoever is interrupted may have sent it.
        self._has_carried = True
        return f"{_PREFIX[self._variable]}{text}"

    def _look(self) -> bool:
        """Whether a text that begins a transaction now would make it read-only."""
        checkout, walls = self._checkout, self._walls
        driver = checkout.plain_driver
        if (
            driver is None
            or walls.refuses_prefix
            # Each text would be a transaction of its own, and see a moment of its own.
            or driver.get_autocommit()
            # Who tells says whether there is one already: its own would stay as it is.
            or getattr(driver, "server_status", 0) & _IN_TRANSACTION
            or not _is_watched(checkout.pool)
        ):
            return False
        info, epoch = self._info, walls.epoch
        known: tuple[Any, bool] = info.get(_KNOWN, (None, False))
        if known[0] is not epoch:
            try:
                found = int(checkout.run(_QUESTION[self._variable]))
            except (DBAPIError, TypeError, ValueError) as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
                found = _IS_IGNORED
            if found == _IS_IGNORED:
                walls.refuses_prefix = True
            info[_KNOWN] = known = (epoch, found == _IS_HEARD)
        return known[1]

    def before_rollback(self) -> None:
        if self._skips_rollback:
            self._checkout.run("ROLLBACK")

    def after_rollback(self) -> None:
        self.is_up = self._has_carried = False
        if not self.is_lazy:
            self.put_up()

    def to_put_back(self) -> list[str]:
        return ["ROLLBACK"] if self._skips_rollback else []


NO_WALL = Wall()


def wall_of(
    family: str, walls: Walls, checkout: Checkout, dialect: Dialect, put_back: Callable[[Any], None]
) -> Wall:
    """The wall of a connection: up, or looking at what is sent.

    Args:
        put_back: has the driver's connection put back as it came, by `Wall.to_put_back`.
    """
    match family:
        case "sqlite":
            return QueryOnly(walls, checkout, put_back)
        case "mysql":
            return ReadOnlyTransaction(walls, checkout, put_back, dialect)
        case _:
            return NO_WALL


def _variable(dialect: Any) -> str | None:
    """What MariaDB calls the setting that a text carries; None if it carries none."""
    version = getattr(dialect, "server_version_info", None)
    if (
        not getattr(dialect, "is_mariadb", False)
        or dialect.driver not in _PLAIN_DRIVERS
        or version is None
        or version < _FIRST_VERSION
    ):
        return None
    is_long = version >= _FIRST_VERSION_OF_THE_LONG_NAME
    return "transaction_read_only" if is_long else "tx_read_only"


def _is_the_same_with_prefix(text: str) -> bool:
    return _is_known_the_same(text) if len(text) <= _LONGEST else _is_the_same(text)


def _is_the_same(text: str) -> bool:
    return _FIRST_WORD.match(text) is not None and _TELLS.search(text) is None


_is_known_the_same = lru_cache(_MOST_TEXTS)(_is_the_same)


def _is_watched(pool: Pool) -> bool:
    """Whether nobody reaches a pool's connections unseen, who hasn't checked one out.

    From the first time on it is seen who gives one back. Somebody who listens gets connections without that.
    """
    dispatch: Any = pool.dispatch
    if dispatch.checkout or dispatch.reset:
        return False
    # In steps that call nothing, of what is listened for on all pools, and on this one.
    heard, own = dispatch.checkin.parent_listeners, dispatch.checkin.listeners
    if not (heard or own):
        event.listen(pool, "checkin", _given_back)
        return True
    return not heard and len(own) == 1 and own[0] is _given_back


def _given_back(_: Any, record: Any) -> None:
    """Somebody who isn't sqlmem may have set a connection otherwise."""
    info = record.info
    if not info.pop(_OURS, False):
        info.pop(_KNOWN, None)


__all__ = ["NO_WALL", "Wall", "Walls", "wall_of"]
