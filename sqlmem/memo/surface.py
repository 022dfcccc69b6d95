"""What a decorated function offers beside being called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from sqlmem.memo.binding import MISSING
from sqlmem.memo.function import Function, Outcome, Raised
from sqlmem.memo.record import Reads, Record
from sqlmem.memo.recording import Recording, sources_of
from sqlmem.memo.records import Records
from sqlmem.memo.steps import walk, walk_async

P = ParamSpec("P")
R = TypeVar("R")


class CacheInfo(NamedTuple):
    """As functools has it. `hits` and `misses` are this process's, `currsize` the store's."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


class Memoized(Protocol, Generic[P, R]):
    """A decorated function."""

    __wrapped__: Callable[P, R]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def cache_info(self) -> CacheInfo: ...

    def cache_clear(self) -> None: ...

    def cache_parameters(self) -> dict[str, Any]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str: ...

    def has(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...

    def put(self, value: Any, /, *args: P.args, **kwargs: P.kwargs) -> None: ...

    def records(self, **arguments: Any) -> Records: ...

    def trim(self, keep: int) -> int: ...


def decorated(function: Callable[P, R], memoized: Function, *, is_off: bool = False) -> Memoized[P, R]:
    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))
    make = _off_wrapper if is_off else _async_wrapper if is_async else _wrapper
    wrapper: Any = make(function, memoized)
    surface = Surface(memoized, is_async=is_async)
    for name in _SURFACE:
        setattr(wrapper, name, getattr(surface, name))
    # By which it is known where another function closes over it.
    wrapper.__memo_identity__ = memoized.identity
    return cast("Memoized[P, R]", wrapper)


def _wrapper(function: Callable[..., Any], memoized: Function) -> Callable[..., Any]:
    key_of, look, hits = memoized.key_of, memoized.look, memoized.hit

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        if key is None:
            return function(*args, **kwargs)
        found = look(key)
        if found is MISSING:
            way = memoized.way(key, args, kwargs)
            found = walk(way, lambda: function(*args, **kwargs))
        else:
            hits(found)
        if type(found) is Raised:
            raise found.error
        return found

    return call


def _off_wrapper(function: Callable[..., Any], memoized: Function) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        memoized.count_miss()
        return function(*args, **kwargs)

    return call


def _async_wrapper(function: Callable[..., Any], memoized: Function) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        key = memoized.key_of(args, kwargs)
        if key is None:
            return await function(*args, **kwargs)
        is_quick = memoized.shared.store.is_quick
        # What isn't quick is asked in a thread, as the first step of the way.
        found = memoized.look(key) if is_quick else MISSING
        if found is MISSING:
            way = memoized.way(key, args, kwargs)
            found = await walk_async(way, lambda: function(*args, **kwargs), is_quick=is_quick)
        else:
            memoized.hit(found)
        if type(found) is Raised:
            raise found.error
        return found

    return call


_SURFACE = (
    "cache_info",
    "cache_clear",
    "cache_parameters",
    "key",
    "has",
    "peek",
    "refresh",
    "forget",
    "put",
    "records",
    "trim",
)


class Surface:
    """The calls that take a function's own arguments name a call by them, in any spelling."""

    def __init__(self, memoized: Function, *, is_async: bool) -> None:
        self._memoized = memoized
        self._store = memoized.shared.store
        if is_async:
            self.refresh = self._refresh_async  # type: ignore[method-assign]

    def cache_info(self) -> CacheInfo:
        hits, misses = self._memoized.counts()
        return CacheInfo(hits, misses, self._memoized.options.maxsize, self._store.count(self._memoized.name))

    def cache_clear(self) -> None:
        """Forget all calls, in the store too; what runs at this moment isn't stored."""
        self._store.clear(self._memoized.name)
        self._memoized.reset_counts()

    def cache_parameters(self) -> dict[str, Any]:
        """The options, as functools has them and more."""
        return dict(self._memoized.options.given)

    def key(self, *args: Any, **kwargs: Any) -> str:
        """The key of a call, as records have it.

        Raises:
            TypeError: it is no call of this function, or lacks what `require` names.
        """
        found = self._memoized.key_of(args, kwargs)
        if found is None:
            self._memoized.check_call(args, kwargs)
            raise TypeError(
                f"this call of {self._memoized.name} isn't remembered: it lacks a required argument"
            )
        return found

    def has(self, *args: Any, **kwargs: Any) -> bool:
        """Whether a call would be answered from the store now."""
        return self._memoized.look(self.key(*args, **kwargs)) is not MISSING

    def peek(self, *args: Any, **kwargs: Any) -> Any:
        """What is stored, without computing.

        Raises:
            KeyError: nothing is.
        """
        key = self.key(*args, **kwargs)
        found = self._memoized.look(key)
        if found is MISSING:
            raise KeyError(key)
        if type(found) is Raised:
            raise found.error
        return found

    def refresh(self, *args: Any, **kwargs: Any) -> Any:
        """Compute anew, and store that."""
        memoized = self._memoized
        way = memoized.way(self.key(*args, **kwargs), args, kwargs, is_forced=True)
        found = walk(way, lambda: memoized.function(*args, **kwargs))
        if type(found) is Raised:
            raise found.error
        return found

    async def _refresh_async(self, *args: Any, **kwargs: Any) -> Any:
        memoized = self._memoized
        way = memoized.way(self.key(*args, **kwargs), args, kwargs, is_forced=True)
        found = await walk_async(
            way, lambda: memoized.function(*args, **kwargs), is_quick=self._store.is_quick
        )
        if type(found) is Raised:
            raise found.error
        return found

    def forget(self, *args: Any, **kwargs: Any) -> bool:
        """Forget one call. Returns whether it was stored; if it runs at this moment it isn't stored."""
        return self._store.delete([self.key(*args, **kwargs)]) > 0

    def put(self, value: Any, /, *args: Any, **kwargs: Any) -> None:
        """Store a value as if the call had returned it.

        Raises:
            ValueError: it can't be stored.
        """
        memoized = self._memoized
        key = self.key(*args, **kwargs)
        payload = memoized.options.serializer.dumps(value)
        shared = memoized.shared
        reads: dict[str, Reads] = {}
        if memoized.options.tables:
            recording = Recording(shared.clock, shared.eras.settle)
            recording.add_tables(memoized.options.tables, sources_of(shared.sources))
            reads = shared.eras.translated(recording.reads())
        created, ttl = shared.clock.wall(), memoized.options.ttl
        end = None if ttl is None else created + ttl
        row = memoized.row(key, Outcome(value, None), payload, reads, created, end, 0.0, (args, kwargs))
        self._store.put(row, owner=None)

    def records(self, **arguments: Any) -> Records:
        """The stored calls, those with these recorded arguments only."""
        memoized = self._memoized

        def load() -> list[Record]:
            memoized.write_used()
            return [Record(row, self._value) for row in self._store.rows(memoized.name)]

        found = Records(load, self._store.delete)
        return found.filter(**arguments) if arguments else found

    def _value(self, key: str, stored: Any) -> Any:
        memoized = self._memoized
        if not memoized.is_trusted(key, stored):
            raise ValueError("the record isn't signed by this memo's secret, or is of another serializer")
        found = memoized.load(key, stored)
        if found is MISSING:
            raise ValueError("the record's value can't be read")
        return found

    def trim(self, keep: int) -> int:
        """Keep so many calls, those used last; returns how many were forgotten."""
        if keep < 0:
            raise ValueError(f"a number of calls to keep is expected, got {keep}")
        self._memoized.write_used()
        return self._store.trim(self._memoized.name, keep)
