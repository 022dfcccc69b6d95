"""Which store a memo's first argument means."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy.engine import URL, Engine, create_engine, make_url

from sqlmem.engine import CachingEngine
from sqlmem.memo.sql_store import SqlStore
from sqlmem.memo.sqlite_store import SqliteStore
from sqlmem.memo.store import Store
from sqlmem.memo.tiers import Tiers
from sqlmem.memo.value_store import Memory, Object, Region, ValueStore

# How long a lock in Redis stands whose owner has died.
LOCK_SECONDS = 60


def open_store(given: Any) -> Store | None:
    """The store; None if nothing is to be remembered.

    Raises:
        TypeError: nothing that a store can be made of.
    """
    if given is None:
        return None
    if isinstance(given, list | tuple):
        stores = [store for store in map(open_store, given) if store is not None]
        if not stores:
            return None
        return stores[0] if len(stores) == 1 else Tiers(stores)
    if isinstance(given, os.PathLike):
        return SqliteStore(given)
    if isinstance(given, URL):
        return _of_url(given)
    if isinstance(given, str):
        return _of_text(given)
    return _of_object(given)


def _of_text(given: str) -> Store:
    if given == ":memory:":
        return ValueStore(Memory())
    if "://" not in given:
        return SqliteStore(given)
    if given.startswith(("redis://", "rediss://", "unix://")):
        return ValueStore(Region(_redis_region(given)))
    return _of_url(make_url(given))


def _of_url(url: URL) -> Store:
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            return ValueStore(Memory())
        if not url.query and not str(url.database).startswith("file:"):
            return SqliteStore(str(url.database))
    return SqlStore(create_engine(url), is_owned=True)


def _of_object(given: Any) -> Store:
    if isinstance(given, CachingEngine):
        raise TypeError(
            "a CachingEngine is read-only: say Memo(engine=…) to keep results beside its snapshot"
        )
    if isinstance(given, Engine):
        return SqlStore(given, is_owned=False)
    if hasattr(given, "sync_engine"):
        raise TypeError("an AsyncEngine can't be a store: give its URL, or a synchronous Engine")
    if hasattr(given, "get_or_create") and hasattr(given, "region_invalidator"):
        return ValueStore(Region(given))
    if all(callable(getattr(given, name, None)) for name in ("get", "set", "delete")):
        return ValueStore(Object(given))
    raise TypeError(
        "a memo keeps its results in a path, a database URL, an Engine, a dogpile.cache region, an object "
        f"with get, set and delete, a list of these, or None; got {type(given).__name__}"
    )


def _redis_region(url: str) -> Any:
    try:
        from dogpile.cache import make_region
    except ImportError:
        raise TypeError("a Redis URL needs dogpile.cache: pip install 'sqlmem[redis]'") from None
    return make_region().configure(
        "dogpile.cache.redis",
        arguments={
            "url": url,
            "distributed_lock": True,
            "thread_local_lock": False,
            "lock_timeout": LOCK_SECONDS,
        },
    )


def beside(engine: CachingEngine) -> str:
    """Where the results of functions over an engine are kept: a file beside its snapshot."""
    path = engine._core.settings.cache_db  # noqa: SLF001 - one package
    if path is None or engine._core.origin.is_ephemeral:  # noqa: SLF001 - one package
        return ":memory:"
    return f"{path}.memo"
