"""The lazy DBAPI connection (PEP 249), as SQLAlchemy's own code uses it.

A connection holds nothing until a statement really needs the origin; then it holds one
origin connection until rollback, commit or close, so that the statements of a transaction
that the origin answers see one transaction. A hit costs no pool checkout and no BEGIN.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlmem.answers import Local, Remote
from sqlmem.dependencies import Listener
from sqlmem.directives import USUAL, Directive
from sqlmem.executor import Executor
from sqlmem.filling import GiveUp
from sqlmem.front import Front
from sqlmem.keeping import Keeping
from sqlmem.lazy_cursor import LazyCursor
from sqlmem.origin import Origin, SessionDiffers
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.table_state import TableState

# Of a driver's connection: what only tells.
TOLD = frozenset(
    {
        "character_set_name",
        "charset",
        "dsn",
        "encoding",
        "get_backend_pid",
        "get_character_set_info",
        "get_dsn_parameters",
        "get_host_info",
        "get_parameter_status",
        "get_proto_info",
        "get_server_info",
        "info",
        "protocol_version",
        "server_version",
        "status",
        "thread_id",
    }
)


class LazyConnection:
    """What the pool of a `CachingEngine` holds. For one thread at a time, as PEP 249 allows."""

    # Dialects look at these before a rollback; they must not check anything out. SQLite's take an
    # isolation level of None for autocommit.
    autocommit = False
    isolation_level: str | None = ""
    keeping: Keeping | None = None

    def __init__(self, origin: Origin, executor: Executor, front: Front) -> None:
        self.origin = origin
        self.executor = executor
        self.front = front
        self.answering = front.answering
        self._held: OriginConnection | None = None
        self._held_since = 0  # the registry's count of invalidations when it was checked out
        # An origin connection of this transaction was lost while it was used.
        self._is_lost = False
        # Whose rows are still being read from the held connection.
        self.streaming: LazyCursor | None = None
        # SQLAlchemy sends a savepoint of its own, see `savepoints`; those that reached the origin.
        self.takes_savepoints = False
        self._savepoints: list[str] = []
        # Execution options that are the origin connection's: isolation level and the like.
        self._options: dict[str, Any] = {}
        self.directive: Directive = USUAL
        self.is_autocommit = False
        self.is_async = origin.is_async
        self.counts_rows = origin.family != "sqlite"
        self.manners = origin.manners
        self.rows_reason: str | None = None
        self.wrapped = origin.engine
        # Nothing was asked for by which a hit would be none.
        self.is_usual = self._is_usual()
        self.behind = self  # in transparent mode there is another one behind what SQLAlchemy has

    # -- the origin connection -------------------------------------------------------------

    @property
    def bypass_reason(self) -> str | None:
        return self.rows_reason or self.origin.isolation_reason(self._options)

    def reset_usual(self) -> None:
        self.is_usual = self._is_usual()

    def _is_usual(self) -> bool:
        self.wrapped_options = self.wrapped._execution_options
        return self.executor.takes_at_once and self.bypass_reason is None

    def own_reason(self, states: Sequence[TableState]) -> str | None:
        """Nothing: it can't have written."""
        return None

    @property
    def has_begun(self) -> bool:
        """Whether a rollback would do anything."""
        return self._held is not None or self._is_lost or self.streaming is not None

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is held at the origin."""
        return self._held is None

    @property
    def reads_the_present(self) -> bool:
        """Whether what it reads now is what anybody reads now."""
        return self._can_lend_what_it_holds()

    def make_ready(self) -> bool:
        """Check the origin connection out, if it isn't; whether it reads as the others do."""
        held = self.held()
        return not held.differs and not self.origin.may_read_uncommitted(held.driver, self._options)

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Remember what to apply when the origin connection is checked out; replaces one that is held."""
        self._options.update(options)
        self.is_autocommit = _is_autocommit(self._options.get("isolation_level"))
        self.is_usual = self._is_usual()
        self._release()

    def reset_options(self) -> None:
        if self._options or self.wrapped._execution_options is not self.wrapped_options:
            self._options.clear()
            self.is_autocommit = False
            self.is_usual = self._is_usual()
        self.directive = USUAL

    def _connect(self, *, is_own: bool = False) -> OriginConnection:
        options = {
            key: value
            for key, value in self._options.items()
            # Read-only is a property of a transaction: each statement gets one of its own instead.
            if not (key == "isolation_level" and _is_autocommit(value))
        }
        return self.origin.connect(options, is_own=is_own)

    def held(self) -> OriginConnection:
        if self.streaming is not None:
            self._make_way()
        held = self._held
        if held is None or not held.is_usable:
            self._savepoints = []
            self._held_since = self.front.registry.invalidations
            held = self._held = (
                self._connect(is_own=True) if self._options else self.origin.connect(is_own=True)
            )
        return held

    @property
    def past_reason(self) -> str | None:
        """Why nothing may be cached of what this connection reads now; None if it may.

        Rows of an older snapshot, published now, would pass for current with everybody else.
        """
        if self._can_lend_what_it_holds() or self.origin.has_spare_connection():
            return None
        return "its transaction sees the origin as of an earlier moment"

    @property
    def holds_nothing(self) -> bool:
        return self._held is None

    def let_go(self) -> None:
        """Give back the connection that was taken for a statement that has failed."""
        self._release()

    @property
    def has_lost_its_own(self) -> bool:
        """No: what it holds is the pool's, as what others would take."""
        return False

    def _can_lend_what_it_holds(self) -> bool:
        if self._held is None or not self._held.is_usable:
            return True
        self._make_way()
        return not self._held.sees_the_past

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[OriginConnection]:
        if self.directive.way == "only":
            raise GiveUp("the origin would have to be asked about it")
        if self._held is not None and self._held.is_usable:
            # A second one could wait for ever for a pool whose last connection this is.
            self._make_way()
            if not self._held.sees_the_past or not self.origin.has_spare_connection():
                if self._held.differs:
                    raise GiveUp(str(SessionDiffers()))
                yield self._held
                return
        try:
            connection = self._connect()
        except SessionDiffers as error:
            raise GiveUp(str(error)) from None
        try:
            with driver_errors():
                connection.wait_briefly()
            yield connection
        finally:
            self._is_lost = self._is_lost or not connection.is_usable
            connection.release()

    def tell(self, listener: Listener, answer: Local | Remote) -> None:
        """Tell whoever notes what is read. Of a bypass before it is sent."""
        if isinstance(answer, Local):
            listener.served(answer.copies)
            return
        registry, held = self.front.registry, self._held
        is_past = (
            held is not None
            and held.is_usable
            and self._held_since != registry.invalidations
            and held.sees_the_past
        )
        listener.bypassed(registry, answer.reads, sees_the_past=is_past)

    def _make_way(self) -> None:
        """Before another statement on the held connection."""
        if self.streaming is not None and self.origin.family in ("mysql", "sqlite"):
            # MariaDB and MySQL send one result at a time: the statement would cut this one short. SQLite
            # would show the moment of this one to all that follow.
            self.streaming.read_ahead()
        self.streaming = None

    def _release(self) -> None:
        self.streaming = None
        self._is_lost = False
        self._savepoints = []
        connection, self._held = self._held, None
        if connection is not None:
            connection.release()

    def after_statement(self) -> None:
        """In autocommit there is no transaction to hold a connection for."""
        self._release()

    # -- savepoints ------------------------------------------------------------------------

    @contextlib.contextmanager
    def savepoints(self) -> Iterator[None]:
        """Meanwhile what is executed is SQLAlchemy's own statement for a savepoint."""
        self.takes_savepoints, self.is_usual = True, False
        try:
            yield
        finally:
            self.takes_savepoints, self.is_usual = False, self._is_usual()

    def send_savepoint(self, operation: str) -> None:
        """SAVEPOINT x, ROLLBACK TO SAVEPOINT x or RELEASE SAVEPOINT x, where the origin knows of x."""
        held = self._held
        if held is None or not held.is_usable:
            return
        words = operation.split()
        verb, name = words[0].upper(), words[-1]
        if verb == "SAVEPOINT":
            held.execute(operation, None)
            self._savepoints.append(name)
        elif name in self._savepoints:
            held.execute(operation, None)
        elif verb == "ROLLBACK":
            # The transaction at the origin began after the savepoint: back to it is back to nothing.
            self._release()

    # -- PEP 249 ---------------------------------------------------------------------------

    def cursor(self, *arguments: Any, **keywords: Any) -> LazyCursor:
        """Arguments are how drivers are asked for a server-side cursor."""
        return LazyCursor(self, is_streamed=True) if arguments or keywords else LazyCursor(self)

    # Nothing was written: the origin's transaction ends, however it is called.
    commit = close = rollback = _release

    def terminate(self) -> None:
        """As `close`, where waiting isn't possible: the asyncio dialects' way out."""
        connection, self._held = self._held, None
        if connection is not None:
            connection.discard()

    def abandon(self) -> None:
        """Forgotten where nothing can be awaited: what it holds is collected as the pool's own."""
        self._held = self.streaming = None

    # What dialects look at after an error, to see whether the connection was lost. Never checks out.

    @property
    def closed(self) -> bool:
        return self._is_lost or (self._held is not None and not self._held.is_usable)

    @property
    def broken(self) -> bool:
        return self.closed

    @property
    def notices(self) -> Any:
        """psycopg2's dialect logs them after each statement, and empties the list."""
        held = self._held
        return () if held is None or not held.is_usable else getattr(held.driver, "notices", ())

    @property
    def _connection(self) -> LazyConnection:
        return self

    def is_closed(self) -> bool:
        return self.closed

    def get_autocommit(self) -> bool:
        return self.autocommit

    def __getattr__(self, name: str) -> Any:
        # What else a driver's connection tells of the server, of the origin connection.
        if name not in TOLD:
            # What runs statements isn't handed out: a COMMIT, and the origin connection could write.
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}; take the driver's connection "
                "from the wrapped engine"
            )
        return getattr(self.held().driver, name)


def _is_autocommit(isolation_level: Any) -> bool:
    # As SQLAlchemy spells it after the user did.
    return str(isolation_level).replace("_", " ").upper() == "AUTOCOMMIT"
