"""Records in any database that SQLAlchemy knows.

Rule 1: one short transaction per call; a connection is never held while a body runs.
Rule 2: no dialect's own way to write a row that may be there: an UPDATE, then an INSERT, then the UPDATE
        again if somebody else's INSERT came first.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from sqlmem.errors import ClosedError
from sqlmem.memo.life import Life
from sqlmem.memo.record import Row, Stored
from sqlmem.memo.store import IsDead

T = TypeVar("T")

_ATTEMPTS = 20
# MySQL: TEXT and BLOB by themselves end at 64 kB.
_LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_KEY = sa.String(64)

_metadata = sa.MetaData()
# A primary key of MySQL can't be as long as a name may be: names are looked up by a digest of theirs.
_memo = sa.Table(
    "sqlmem_memo",
    _metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("function", sa.String(500), nullable=False, index=True),
    sa.Column("payload", sa.LargeBinary(2**32 - 1), nullable=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("serializer", sa.String(200), nullable=False),
    sa.Column("reads", _LONG_TEXT, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("expires", sa.Double),
    sa.Column("signature", sa.LargeBinary(32)),
    sa.Column("runtime", sa.Double, nullable=False),
    sa.Column("used", sa.Double, nullable=False),
    sa.Column("arguments", _LONG_TEXT),
    sa.Column("value", _LONG_TEXT),
    mysql_charset="utf8mb4",
)
_tokens = sa.Table(
    "sqlmem_tokens",
    _metadata,
    sa.Column("place", _KEY, primary_key=True),
    sa.Column("scope", _LONG_TEXT, nullable=False),
    sa.Column("name", _LONG_TEXT, nullable=False),
    sa.Column("token", sa.String(200), nullable=False),
    mysql_charset="utf8mb4",
)
_claims = sa.Table(
    "sqlmem_claims",
    _metadata,
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("function", sa.String(500), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("until", sa.Double, nullable=False),
    mysql_charset="utf8mb4",
)
_STORED = [_memo.c[name] for name in Stored._fields]
_ROW = [_memo.c.key, _memo.c.function, *_STORED, _memo.c.used, _memo.c.arguments, _memo.c.value]


class SqlStore:
    """Safe for use by many threads and processes; see `store.Store`."""

    is_quick = False
    needs_lease = True
    tells_owners = True

    def __init__(self, engine: Engine, *, is_owned: bool) -> None:
        self._engine = engine
        self._is_owned = is_owned
        self._lock = threading.Lock()  # who makes the tables
        self._is_made = False
        self._is_closed = False
        self._life = Life(self)

    def _ready(self) -> None:
        if self._is_closed:
            raise ClosedError("this memo was closed")
        if not self._is_made:
            self._make()

    def _make(self) -> None:
        with self._lock:
            if self._is_made:
                return
            for attempt in range(_ATTEMPTS):
                try:
                    _metadata.create_all(self._engine)
                    break
                except sa.exc.DBAPIError:
                    # Another process makes them at this moment.
                    if attempt == _ATTEMPTS - 1:
                        raise
            self._is_made = True

    def _write(self, action: Callable[[Connection], T]) -> T:
        self._ready()
        for attempt in range(_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    return action(connection)
            except (IntegrityError, OperationalError):
                # Somebody else's row came first, or a deadlock chose this transaction.
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _read(self, statement: sa.Select[Any]) -> list[Any]:
        self._ready()
        # Its own transaction: what others commit is seen at once.
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    def close(self) -> None:
        self._is_closed = True
        self._life.end()
        if self._is_owned:
            self._engine.dispose()

    # -- records ---------------------------------------------------------------------------

    def get(self, key: str) -> Stored | None:
        found = self._read(sa.select(*_STORED).where(_memo.c.key == key))
        return _stored(found[0]) if found else None

    def put(self, row: Row, *, owner: str | None) -> bool:
        values = {
            "function": row.function,
            **row.stored._asdict(),
            "used": row.used,
            "arguments": row.arguments,
            "value": row.value,
        }

        def write(connection: Connection) -> bool:
            if owner is not None and not connection.execute(_claim_of(row.key, owner)).rowcount:
                return False
            _upsert(connection, _memo, {"key": row.key}, values)
            return True

        return self._write(write)

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)

        def write(connection: Connection) -> int:
            connection.execute(_claims.delete().where(_claims.c.key.in_(listed)))
            return connection.execute(_memo.delete().where(_memo.c.key.in_(listed))).rowcount

        return self._write(write)

    def clear(self, function: str | None) -> None:
        def write(connection: Connection) -> None:
            for table in (_claims, _memo):
                statement = table.delete()
                if function is not None:
                    statement = statement.where(table.c.function == function)
                connection.execute(statement)

        self._write(write)

    def rows(self, function: str) -> Sequence[Row]:
        statement = (
            sa.select(*_ROW).where(_memo.c.function == function).order_by(_memo.c.created, _memo.c.key)
        )
        return [Row(row[0], row[1], _stored(row[2:10]), *row[10:]) for row in self._read(statement)]

    def count(self, function: str) -> int:
        statement = sa.select(sa.func.count()).select_from(_memo).where(_memo.c.function == function)
        return int(self._read(statement)[0][0])

    def touch(self, used: Mapping[str, float]) -> None:
        statement = (
            _memo.update()
            .where(_memo.c.key == sa.bindparam("k"), _memo.c.used < sa.bindparam("u"))
            .values(used=sa.bindparam("u"))
        )
        rows = [{"k": key, "u": when} for key, when in sorted(used.items())]
        self._write(lambda connection: connection.execute(statement, rows))

    def trim(self, function: str, keep: int) -> int:
        statement = (
            sa.select(_memo.c.key)
            .where(_memo.c.function == function)
            .order_by(_memo.c.used.desc(), _memo.c.created.desc())
        )
        # In two steps: MySQL deletes from no table that the statement reads.
        keys = [row[0] for row in self._read(statement)[keep:]]
        return self.delete(keys) if keys else 0

    # -- tokens ----------------------------------------------------------------------------

    def tokens(self, scope: str, names: Iterable[str]) -> dict[str, str]:
        places = {_place(scope, name): name for name in names}
        statement = sa.select(_tokens.c.place, _tokens.c.token).where(_tokens.c.place.in_(list(places)))
        return {places[place]: token for place, token in self._read(statement)}

    def set_tokens(self, scope: str, tokens: Mapping[str, str]) -> None:
        def write(connection: Connection) -> None:
            for name, token in sorted(tokens.items()):
                values = {"scope": scope, "name": name, "token": token}
                _upsert(connection, _tokens, {"place": _place(scope, name)}, values)

        self._write(write)

    def add_token(self, scope: str, name: str, token: str) -> str:
        place = _place(scope, name)
        row = {"place": place, "scope": scope, "name": name, "token": token}
        if name not in self.tokens(scope, [name]):
            with contextlib.suppress(IntegrityError), self._engine.begin() as connection:
                connection.execute(_tokens.insert(), row)
        return self.tokens(scope, [name])[name]

    # -- claims ----------------------------------------------------------------------------

    def claim(self, key: str, function: str, owner: str, until: float, is_dead: IsDead) -> bool:
        found = self._read(sa.select(_claims.c.owner, _claims.c.until).where(_claims.c.key == key))
        mine = {"owner": owner, "until": until}
        try:
            with self._engine.begin() as connection:
                if not found:
                    connection.execute(_claims.insert(), {"key": key, "function": function, **mine})
                    return True
                holder, until_then = found[0]
                if holder != owner and not is_dead(holder, until_then):
                    return False
                # Only if it is still that one's: of two who find it dead, one takes it over.
                taken = connection.execute(
                    _claims.update()
                    .where(_claims.c.key == key, _claims.c.owner == holder, _claims.c.until == until_then)
                    .values(mine)
                )
                return taken.rowcount == 1
        except (IntegrityError, OperationalError):
            return False

    def renew(self, owner: str, until: float) -> None:
        statement = _claims.update().where(_claims.c.owner == owner).values(until=until)
        self._write(lambda connection: connection.execute(statement))

    def release(self, key: str, owner: str) -> None:
        self._write(lambda connection: connection.execute(_claim_of(key, owner)))

    # -- the process -----------------------------------------------------------------------

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        # The parent's connections are the parent's; a pool of our own has no others.
        self._engine.dispose(close=False)


def _upsert(
    connection: Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    is_it = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if not connection.execute(table.update().where(is_it).values(values)).rowcount:
        connection.execute(table.insert(), {**key, **values})


def _claim_of(key: str, owner: str) -> sa.Delete:
    return _claims.delete().where(_claims.c.key == key, _claims.c.owner == owner)


def _place(scope: str, name: str) -> str:
    import hashlib

    return hashlib.sha256(f"{len(scope)}:{scope}{name}".encode()).hexdigest()


def _stored(row: Sequence[Any]) -> Stored:
    payload, kind, serializer, reads, created, expires, signature, runtime = row
    return Stored(
        bytes(payload),
        kind,
        serializer,
        reads,
        created,
        expires,
        None if signature is None else bytes(signature),
        runtime,
    )
