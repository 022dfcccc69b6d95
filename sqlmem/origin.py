"""The database behind the wrapped engine: who it is, how it reads text, and its connections.

Every statement of ours is sent by a connection that cannot write (`origin_connection`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import pool
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import URL

from sqlmem.catalogue import facts, with_what_was_made
from sqlmem.catalogue.session import DATABASE
from sqlmem.checkout import Checkout
from sqlmem.connecting import makes_its_own
from sqlmem.dialects import BY_FAMILY, Facts, Semantics
from sqlmem.lexer import Syntax
from sqlmem.listeners import join_once
from sqlmem.manners import gives_plain_rows, manners_of
from sqlmem.origin_connection import NOTHING, OriginConnection
from sqlmem.plan import RANKS_OF_THE_CUT, RANKS_OF_THE_LONG, Candidate
from sqlmem.selection import Selection
from sqlmem.sessions import Sessions
from sqlmem.walls import Walls

FAMILIES = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


# PostgreSQL takes READ UNCOMMITTED for READ COMMITTED; SQLite reads so in a shared cache.
FAMILIES_WITH_DIRTY_READS = frozenset({"mysql", "sqlite"})
_REPEATABLE = frozenset({"REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"})


class SessionDiffers(Exception):
    """What the pool's connections read now isn't what others would read."""

    def __init__(self) -> None:
        super().__init__("the pool's connection has a session that differs")


class _Apart(Engine):
    """The wrapped engine once more, with connections of its own; who listens to that one hears of them.

    What listeners set on each connection is what the program's connections are like.
    """

    def __init__(self, base: Any, own: pool.Pool | None = None) -> None:
        super().__init__(base.pool.recreate() if own is None else own, base.dialect, base.url)
        self._base = base
        join_once(self, base)

    _has_events = property(attrgetter("_base._has_events"))


class Origin:
    """Safe for use by many threads; its connections are not."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.family = FAMILIES.get(self.dialect.name, "other")
        self.semantics: Semantics = BY_FAMILY[self.family]
        self.has_wall = self.family != "other"
        self.is_async = bool(getattr(self.dialect, "is_async", False))
        self.manners = manners_of(self.dialect.driver)
        # Whether its cursors give tuples, to a program that has one; None: no connection was seen yet.
        self.rows_are_plain: bool | None = None
        self._facts: Facts | None = None
        self._facts_of = 0
        self._usual_level: str | None = None
        # The engine's options, which are replaced as a whole, and what follows for who has no own.
        self._usual_reason: tuple[Any, str | None] = (None, None)
        self.selection = Selection()
        self.walls = Walls()
        self._for_fills: Engine | None = None

    # -- who it is -------------------------------------------------------------------------

    @property
    def is_ephemeral(self) -> bool:
        """Whether the database is gone with the process, so that a snapshot of it means nothing."""
        return self.family == "sqlite" and self.file is None

    @property
    def asked_isolation_level(self) -> str | None:
        """The isolation level that the wrapped engine was made with; None for the server's own."""
        level = self.engine._execution_options.get("isolation_level") or getattr(
            self.dialect, "_on_connect_isolation_level", None
        )
        return None if level is None else str(level)

    def isolation_reason(self, options: Mapping[str, Any]) -> str | None:
        """Why a connection with these options reads at the origin; None if its level allows hits."""
        of_engine = self.engine._execution_options  # a copy would be another object
        if not options:
            seen, reason = self._usual_reason
            if seen is of_engine:
                return reason
        asked = options.get("isolation_level") or self.asked_isolation_level
        level = str(asked or "").upper().replace("_", " ")
        # Its reads must agree with each other; the store's tables are each as of their own fill.
        reason = f"the connection's isolation level is {level}" if level in _REPEATABLE else None
        if not options:
            self._usual_reason = (of_engine, reason)
        return reason

    def may_read_uncommitted(self, driver: Any, options: Mapping[str, Any]) -> bool:
        """Whether transactions of a driver's connection, checked out with these options, read dirtily.

        Asks the server, once, for the level that connections have which ask for none.
        """
        if self.family not in FAMILIES_WITH_DIRTY_READS:
            return False
        level = options.get("isolation_level") or self.asked_isolation_level
        if level is None:
            if self._usual_level is None:
                self._usual_level = str(self.dialect.get_isolation_level(driver))
            level = self._usual_level
        return str(level).upper().replace("-", " ").replace("_", " ") == "READ UNCOMMITTED"

    @property
    def file(self) -> str | None:
        """The file of an SQLite origin; None for all others."""
        return _sqlite_path(self.engine.url) if self.family == "sqlite" else None

    def files(self) -> dict[str, str]:
        """SQLite: its databases' names, in lower case, and their files, as far as they were asked for."""
        if self.family != "sqlite" or self._facts is None:
            return {}
        databases = (
            (name.removeprefix(DATABASE).lower(), file)
            for name, file in self._facts.session
            if name.startswith(DATABASE)
        )
        return {name: file for name, file in databases if file}

    def identity(self) -> str:
        """What tells this origin from others: its address, user, driver and options, no secret."""
        url = self.engine.url
        if self.family == "sqlite":
            return f"{url.drivername}:{_sqlite_path(url)}"
        options = "&".join(
            f"{key}={value}" for key, value in sorted(url.query.items()) if not _is_secret(key)
        )
        where = f"{url.username or ''}@{(url.host or '').lower()}:{url.port or ''}/{url.database or ''}"
        return f"{url.drivername}://{where}?{options}"

    def place(self) -> str:
        """The database, by whatever driver and user: what one invalidates, all read anew."""
        url = self.engine.url
        if self.family == "sqlite":
            return f"sqlite:{_sqlite_path(url)}"
        address = f"{(url.host or url.query.get('host') or '')}:{url.port or ''}/{url.database or ''}"
        return f"{self.family}:{address.lower()}"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.identity().encode()).hexdigest()

    def may_exist(self) -> bool:
        """False if connecting would make the origin: SQLite creates a file that isn't there."""
        return self.file is None or makes_its_own(self.engine) or Path(self.file).exists()

    def text_of(self, candidate: Candidate) -> str:
        """A candidate's text for the origin, in the names of its table's columns."""
        of = candidate.rank_of or candidate.weighs
        if of is None:
            assert candidate.text is not None
            return candidate.text
        quote = self.dialect.identifier_preparer.quote_identifier
        # The dialect doubles % for its driver, which `expression_text` does.
        operand = candidate.text or quote(of).replace("%%", "%")
        if candidate.weighs is not None:
            operand = operand if candidate.key_of is None else f"TRIM(TRAILING ' ' FROM {operand})"
            return f"CONVERT(WEIGHT_STRING({operand}) USING ucs2)"
        place = f"dense_rank() OVER (ORDER BY ({operand}))"
        if self.family == "mysql":
            place += _cut(f"({operand})")
        # PostgreSQL: a composite value of nothing but NULLs IS NULL too, and yet is one.
        is_null = "IS NOT DISTINCT FROM NULL" if self.family == "postgresql" else "IS NULL"
        return f"CASE WHEN ({operand}) {is_null} THEN NULL ELSE {place} END"

    # -- how it reads text -----------------------------------------------------------------

    def syntax(self, *, has_parameters: bool) -> Syntax:
        """How the server and the driver read a statement's text.

        Args:
            has_parameters: the driver is given parameters, though perhaps none.
        """
        dialect = self.dialect
        backslashes = bool(getattr(dialect, "_backslash_escapes", self.family == "mysql"))
        return Syntax(
            family=self.family,  # type: ignore[arg-type]
            backslash_escapes=backslashes,
            ansi_quotes=bool(getattr(dialect, "_server_ansiquotes", False)),
            paramstyle=dialect.paramstyle,  # type: ignore[arg-type]
            # A driver of these styles processes %% as soon as it is given parameters, if only an
            # empty set, as SQLAlchemy does unless asked for no_parameters. To all others % is nothing.
            percent_is_escaped=has_parameters and dialect.paramstyle in ("format", "pyformat"),
            # It does so if there are values, and outside of quotes; its older versions everywhere.
            percent_depends=dialect.driver == "pg8000",
        )

    # -- connections -----------------------------------------------------------------------

    def connect(
        self,
        options: Mapping[str, Any] | None = None,
        *,
        engine: Engine | None = None,
        is_own: bool = False,
    ) -> OriginConnection:
        """A connection that cannot write.

        Args:
            engine: another than the wrapped one, with its dialect.
            is_own: what it reads is the caller's alone, who gets what the pool gives.

        Raises:
            SessionDiffers: what it reads is for all, and without waiting there is none to be had for that.
            sqlalchemy.exc.DBAPIError: as the wrapped engine's `connect` does.
        """
        checkout = Checkout(engine or self.engine)
        if not is_own and Sessions.knows(checkout.info):
            checkout = self._another(checkout)
        try:
            if self.rows_are_plain is None:
                self.see(checkout.driver)
            return OriginConnection(self, checkout, NOTHING if options is None else options)
        except BaseException:
            checkout.invalidate()
            checkout.close()
            raise

    def _another(self, checkout: Checkout) -> Checkout:
        """In place of one whose session differs, one whose doesn't."""
        idle = getattr(self.engine.pool, "checkedin", int)()
        checkout.close()
        # As many as are at hand; a pool that gives the last one first gives the same again.
        for _ in range(idle):
            if not self.has_spare_connection():
                break
            checkout = Checkout(self.engine)
            if not Sessions.knows(checkout.info):
                return checkout
            checkout.close()
        raise SessionDiffers

    @property
    def hands_on(self) -> bool:
        """Whether its pool resets nothing: who gets a connection may get a transaction of somebody else's."""
        return getattr(self.engine.pool._reset_on_return, "name", "reset_none") == "reset_none"

    def connect_for_fill(self) -> OriginConnection:
        """As `connect`, in no transaction of anybody's.

        Where the pool hands transactions on, by a connection made for it: in such a one rows would be read
        that aren't committed, and its end would be the transaction's.
        """
        if not self.hands_on or isinstance(self.engine.pool, pool.StaticPool | pool.SingletonThreadPool):
            return self.connect({})
        if self._for_fills is None:
            owner: Any = self.engine.pool
            own = pool.NullPool(
                owner._creator,
                echo=owner.echo,
                logging_name=owner._orig_logging_name,
                _dispatch=owner.dispatch,
                dialect=owner._dialect,
            )
            self._for_fills = _Apart(self.engine, own)
        return self.connect({}, engine=self._for_fills)

    def apart(self) -> Engine:
        """An engine with connections of its own. Who listens to the wrapped one hears of them."""
        return _Apart(self.engine)

    def see(self, driver: Any) -> None:
        """Note of one of the driver's connections what holds for all: the engine has made them alike."""
        self.rows_are_plain = gives_plain_rows(driver)

    def gives_other_rows(self) -> bool:
        """Whether its cursors are known to give other rows than tuples."""
        return self.rows_are_plain is False

    def has_spare_connection(self) -> bool:
        """Whether the pool would give one more connection without waiting, as far as can be told.

        Two must be left: who holds one and waits for another may wait for somebody who does the same.
        """
        owner = self.engine.pool
        if isinstance(owner, pool.NullPool):
            return True
        if not isinstance(owner, pool.QueuePool):
            return False
        overflow: int = owner._max_overflow
        return overflow < 0 or owner.size() + overflow - owner.checkedout() >= 2

    def facts(self, connection: OriginConnection, *, since: int | None = None) -> Facts:
        """Asked once; of PostgreSQL, what somebody has made is asked again when definitions were forgotten.

        Args:
            since: how often they were, so far; None takes what is known.
        """
        known = self._facts
        if since is not None and since != self._facts_of:
            self.walls.forget()
        if known is None:
            known = self._facts = facts(connection.connection, self.family)
        elif since is not None and since != self._facts_of and self.family == "postgresql":
            known = self._facts = with_what_was_made(connection.connection, known)
        self._facts_of = self._facts_of if since is None else since
        return known

    @property
    def known_facts(self) -> Facts | None:
        return self._facts

    def facts_if_known(self) -> Facts | None:
        return self._facts

    def remember_facts(self, known: Facts) -> None:
        """From a snapshot: statements are planned before the origin was ever connected to."""
        if self._facts is None:
            self._facts = known

    def renew_facts(self, connection: OriginConnection) -> Facts:
        """Ask for them again. A plan that was made by the old ones is outdated by its tables' versions."""
        self.walls.forget()
        self._facts = found = facts(connection.connection, self.family)
        return found

    def forget_facts(self) -> None:
        """Connections are set otherwise from now on: they are asked for anew."""
        self._facts = None
        self.walls.forget()

    def forget_connections(self) -> None:
        """In a forked child: the pool's connections are the parent's. Leave them to it, unclosed."""
        if not isinstance(self.engine.pool, pool.StaticPool | pool.SingletonThreadPool):
            self.engine.dispose(close=False)


# Bytes that a collation makes of one of a text's, at most: U+FDFA has 18 weights of two bytes on each of
# three levels, and three bytes in UTF-8 (Unicode's DUCET).
_MOST_WEIGHTS = 36


def _cut(operand: str) -> str:
    """What is added to a rank in MariaDB where its sorts may not have looked at all of the value."""
    # Of binary values a sort's key ends with their length, of up to four bytes.
    room = "(@@max_sort_length - 4)"
    return (
        f" + CASE WHEN LENGTH({operand}) * {_MOST_WEIGHTS} <= {room} THEN 0"
        f" WHEN GREATEST(LENGTH({operand}), COALESCE(LENGTH(WEIGHT_STRING({operand})), 0)) > {room}"
        f" THEN {RANKS_OF_THE_CUT}"
        # With a LIMIT a sort allots four bytes to each character.
        f" WHEN CHAR_LENGTH({operand}) * 4 > {room} THEN {RANKS_OF_THE_LONG} ELSE 0 END"
    )


def _sqlite_path(url: URL) -> str | None:
    """The file of an SQLite database; None if it is in memory."""
    name = url.database or ""
    if name.startswith("file:"):
        path = name[5:].partition("?")[0]
        if (
            ":memory:" in name
            or "mode=memory" in name
            or ("mode" in url.query and url.query["mode"] == "memory")
        ):
            return None
        name = path[2:] if path.startswith("///") else path
    if name in ("", ":memory:"):
        return None
    return os.path.realpath(name)


def _is_secret(key: str) -> bool:
    return any(part in key.lower() for part in ("pass", "secret", "token", "key"))
