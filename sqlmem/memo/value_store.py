"""Records in what has keys and values: a dogpile.cache region, memory, any object with get, set and delete.

    sqlmem:memo:<key>               a record
    sqlmem:index:<function>         which records a function has, for `rows`, `count` and `trim`
    sqlmem:era:<function>           changes when the function's records are cleared
    sqlmem:token:<scope, name>      the token in force

Rule 1: what can't be done in one step isn't relied on for an answer. A record that the index has lost is
        still found by its key, and one from before `clear` carries another era than the function's.
Rule 2: records are our own bytes, never a pickle of somebody's: what `secret=` signs is all that is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sqlmem.memo.life import Life
from sqlmem.memo.record import Row, Stored, from_bytes, to_bytes
from sqlmem.memo.store import IsDead


class Values(Protocol):
    """Keys and values, both as they are kept."""

    is_quick: bool
    has_locks: bool

    def get(self, key: str) -> bytes | None: ...

    def set(self, key: str, value: bytes) -> None: ...

    def delete(self, key: str) -> None: ...

    def add(self, key: str, value: bytes) -> None:
        """Set what isn't there; in one step, where that can be done."""
        ...

    def is_outdated(self, created: float) -> bool:
        """Whether a record of that moment counts as gone."""
        ...

    def lock(self, key: str) -> Any:
        """A lock among processes with `acquire(wait)` and `release()`; only where `has_locks`."""
        ...


class ValueStore:
    """Safe for use by many threads; see `store.Store`."""

    needs_lease = False
    tells_owners = False

    def __init__(self, values: Values) -> None:
        self._values = values
        self.is_quick = values.is_quick
        self._lock = threading.Lock()  # the index and the eras, among our own threads
        # key -> the era in which it was claimed, and the lock that makes it a claim among processes, if any
        self._held: dict[str, tuple[bytes, Any]] = {}
        self._life = Life(self)

    # -- records ---------------------------------------------------------------------------

    def get(self, key: str) -> Stored | None:
        row = self._row(key)
        return None if row is None else row.stored

    def _row(self, key: str) -> Row | None:
        data = self._values.get(f"sqlmem:memo:{key}")
        if data is None:
            return None
        era, _, rest = data.partition(b"\n")
        try:
            row = from_bytes(key, rest)
        except Exception:  # noqa: BLE001 - whatever damaged bytes lead to: there is no record
            return None
        if era != self._era(row.function) or self._values.is_outdated(row.stored.created):
            return None
        return row

    def put(self, row: Row, *, owner: str | None) -> bool:
        held = self._held.get(row.key)
        if owner is not None and held is None:
            return False
        # Of the era in which the body began: if `clear` was called meanwhile, nobody will find it.
        era = held[0] if owner is not None and held is not None else self._era(row.function)
        self._values.set(f"sqlmem:memo:{row.key}", era + b"\n" + to_bytes(row))
        self._index(row.function, lambda index: index.__setitem__(row.key, row.used))
        if owner is not None:
            self.release(row.key, owner)
        return era == self._era(row.function)

    def delete(self, keys: Iterable[str]) -> int:
        count = 0
        for key in keys:
            row = self._row(key)
            self.release(key, "")
            self._values.delete(f"sqlmem:memo:{key}")
            if row is not None:
                count += 1
                self._index(row.function, lambda index, key=key: index.pop(key, None))  # type: ignore[misc]
        return count

    def clear(self, function: str | None) -> None:
        names = [function] if function is not None else list(self._read_index("*"))
        for name in names:
            keys = list(self._read_index(name))
            # First: what is put from now on is of the new era.
            self._values.set(_named("era", name), secrets.token_hex(8).encode())
            for key in keys:
                self._values.delete(f"sqlmem:memo:{key}")
            self._values.delete(_named("index", name))

    def rows(self, function: str) -> Sequence[Row]:
        index = self._read_index(function)
        found = [(self._row(key), used) for key, used in index.items()]
        rows = [
            row._replace(used=used) for row, used in found if row is not None and row.function == function
        ]
        return sorted(rows, key=lambda row: (row.stored.created, row.key))

    def count(self, function: str) -> int:
        return len(self._read_index(function))

    def touch(self, used: Mapping[str, float]) -> None:
        by_function: dict[str, dict[str, float]] = {}
        for key, when in used.items():
            row = self._row(key)
            if row is not None:
                by_function.setdefault(row.function, {})[key] = when
        for function, times in by_function.items():
            self._index(function, lambda index, times=times: index.update(times))  # type: ignore[misc]

    def trim(self, function: str, keep: int) -> int:
        index = self._read_index(function)
        oldest = sorted(index, key=lambda key: -index[key])[keep:]
        return self.delete(oldest) if oldest else 0

    def _era(self, function: str) -> bytes:
        key = _named("era", function)
        era = self._values.get(key)
        if era is None:
            self._values.add(key, secrets.token_hex(8).encode())
            era = self._values.get(key) or b""
        return era

    def _read_index(self, function: str) -> dict[str, float]:
        try:
            found = json.loads(self._values.get(_named("index", function)) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _index(self, function: str, change: Callable[[dict[str, float]], object]) -> None:
        with self._lock, self._among_processes(f"index:{function}"):
            index = self._read_index(function)
            change(index)
            self._values.set(_named("index", function), json.dumps(index).encode())
            functions = self._read_index("*")
            if function not in functions:
                functions[function] = 0.0
                self._values.set(_named("index", "*"), json.dumps(functions).encode())

    @contextlib.contextmanager
    def _among_processes(self, name: str) -> Iterator[None]:
        if not self._values.has_locks:
            yield
            return
        lock = self._values.lock(_named("lock", name))
        deadline = time.monotonic() + 5.0
        is_ours = False
        # Whose owner died isn't waited for for ever: the index is for people.
        while not (is_ours := bool(lock.acquire(wait=False))) and time.monotonic() < deadline:
            time.sleep(0.002)
        try:
            yield
        finally:
            if is_ours:
                with contextlib.suppress(Exception):  # it may have run out meanwhile
                    lock.release()

    # -- tokens ----------------------------------------------------------------------------

    def tokens(self, scope: str, names: Iterable[str]) -> dict[str, str]:
        found = {name: self._values.get(_token_key(scope, name)) for name in names}
        return {name: token.decode() for name, token in found.items() if token is not None}

    def set_tokens(self, scope: str, tokens: Mapping[str, str]) -> None:
        for name, token in tokens.items():
            self._values.set(_token_key(scope, name), token.encode())

    def add_token(self, scope: str, name: str, token: str) -> str:
        key = _token_key(scope, name)
        self._values.add(key, token.encode())
        return (self._values.get(key) or token.encode()).decode()

    # -- claims ----------------------------------------------------------------------------

    def claim(self, key: str, function: str, owner: str, until: float, is_dead: IsDead) -> bool:  # noqa: ARG002 - the lock's timeout says who is dead
        lock = None
        if self._values.has_locks:
            lock = self._values.lock(_named("claim", key))
            if not lock.acquire(wait=False):
                return False
        self._held[key] = (self._era(function), lock)
        return True

    def renew(self, owner: str, until: float) -> None:
        """The lock's own timeout is all that there is."""

    def release(self, key: str, owner: str) -> None:  # noqa: ARG002 - as in `claim`
        held = self._held.pop(key, None)
        if held is not None and held[1] is not None:
            with contextlib.suppress(Exception):  # it may have run out meanwhile
                held[1].release()

    def close(self) -> None:
        self._life.end()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        self._held = {}


def _named(kind: str, name: str) -> str:
    return f"sqlmem:{kind}:{hashlib.sha256(name.encode()).hexdigest()}"


def _token_key(scope: str, name: str) -> str:
    return _named("token", f"{len(scope)}:{scope}{name}")


class Memory:
    """Of one process; a fork has a copy."""

    is_quick = True
    has_locks = False

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self.get = self._values.get
        self.set = self._values.__setitem__

    def delete(self, key: str) -> None:
        self._values.pop(key, None)

    def add(self, key: str, value: bytes) -> None:
        self._values.setdefault(key, value)

    def is_outdated(self, created: float) -> bool:  # noqa: ARG002 - nothing outdates it
        return False

    def lock(self, key: str) -> Any:
        raise NotImplementedError


class Object:
    """Any object with get, set and delete: a redis client, a diskcache, a cache of Django's."""

    is_quick = False
    has_locks = False

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._adding = threading.Lock()  # two steps of `add`, among our own threads
        self.set = inner.set
        self.delete = inner.delete

    def get(self, key: str) -> bytes | None:
        found = self._inner.get(key)
        return None if found is None else bytes(found)

    def add(self, key: str, value: bytes) -> None:
        for name in ("add", "setnx"):
            single_step = getattr(self._inner, name, None)
            if single_step is not None:
                single_step(key, value)
                return
        with self._adding:
            if self._inner.get(key) is None:
                self._inner.set(key, value)

    def is_outdated(self, created: float) -> bool:  # noqa: ARG002 - the object says nothing of that
        return False

    def lock(self, key: str) -> Any:
        raise NotImplementedError


class Region:
    """A dogpile.cache region, by its backend: our bytes are kept as they are, without its serializer."""

    is_quick = False

    def __init__(self, region: Any) -> None:
        if not region.is_configured:
            raise TypeError("the dogpile.cache region isn't configured: call its configure() first")
        self._region = region
        backend = self._backend = region.backend
        self._missing = _no_value()
        is_bytes = callable(getattr(backend, "get_serialized", None)) and _has_serializer(backend)
        self._get = backend.get_serialized if is_bytes else backend.get
        self._set = backend.set_serialized if is_bytes else backend.set
        # A lock of its own for each key, that processes share. A file's is one for all keys.
        self.has_locks = bool(getattr(backend, "distributed_lock", False))
        self._adding = threading.Lock()  # as for `Object`

    def _mangled(self, key: str) -> str:
        mangle = self._region.key_mangler
        return str(mangle(key)) if mangle else key

    def get(self, key: str) -> bytes | None:
        found = self._get(self._mangled(key))
        return bytes(found) if isinstance(found, bytes | bytearray | memoryview) else None

    def set(self, key: str, value: bytes) -> None:
        self._set(self._mangled(key), value)

    def delete(self, key: str) -> None:
        self._backend.delete(self._mangled(key))

    def add(self, key: str, value: bytes) -> None:
        lock = self.lock(f"{key}:add") if self.has_locks else None
        with self._adding:
            is_ours = lock is not None and bool(lock.acquire(wait=True))
            try:
                if self.get(key) is None:
                    self.set(key, value)
            finally:
                if is_ours:
                    with contextlib.suppress(Exception):  # it may have run out meanwhile
                        lock.release()  # type: ignore[union-attr]

    def is_outdated(self, created: float) -> bool:
        limit = self._region.expiration_time
        if limit is not None and limit > 0 and time.time() - created > limit:
            return True
        return bool(self._region.region_invalidator.is_invalidated(created))

    def lock(self, key: str) -> Any:
        return self._backend.get_mutex(self._mangled(key))


def _no_value() -> Any:
    import importlib

    return importlib.import_module("dogpile.cache.api").NO_VALUE


def _has_serializer(backend: Any) -> bool:
    import importlib

    bytes_backend: Any = importlib.import_module("dogpile.cache.api").BytesBackend
    return isinstance(backend, bytes_backend)
