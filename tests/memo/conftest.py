"""A memo over each kind of store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from sqlmem import CachingEngine, Memo


class Values(dict):
    """The least that a store can be: get, set and delete."""

    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture
def opened() -> Iterator[Callable[..., Memo]]:
    """Makes memos, and closes them."""
    made: list[Memo] = []

    def make(*arguments: Any, **keywords: Any) -> Memo:
        made.append(Memo(*arguments, **keywords))
        return made[-1]

    yield make
    for memo in made:
        memo.close()


@pytest.fixture
def memo(opened, tmp_path) -> Memo:
    """On an SQLite file."""
    return opened(tmp_path / "memo.db")


def redis_region(url: str, prefix: str):
    """A region on Redis with keys of its own."""
    from dogpile.cache import make_region

    arguments = {"url": url, "distributed_lock": True, "thread_local_lock": False, "lock_timeout": 60}
    return make_region(key_mangler=lambda key: f"{prefix}:{key}").configure(
        "dogpile.cache.redis", arguments=arguments
    )


def drop_keys(region, prefix: str) -> None:
    client = region.backend.writer_client
    for key in client.scan_iter(f"*{prefix}:*"):
        client.delete(key)
    region.backend.reader_client.close()
    client.close()


STORES = ("file", "url", "postgresql", "mariadb", "memory", "object", "region", "redis", "tiers")


@pytest.fixture(params=STORES)
def store(request, tmp_path) -> Iterator[Any]:
    """What `Memo` can be given, of each kind; the same things each time that a memo is made of it."""
    kind = request.param
    if kind == "file":
        yield tmp_path / "memo.db"
    elif kind == "url":
        yield f"sqlite:///{tmp_path / 'memo.db'}?timeout=30"
    elif kind in ("postgresql", "mariadb"):
        servers = request.getfixturevalue("_servers")
        origin = servers.origin({"postgresql": "psycopg", "mariadb": "pymysql"}[kind], tmp_path)
        engine = sa.create_engine(origin.url)
        yield engine
        engine.dispose()
        origin.dispose()
    elif kind == "memory":
        yield ":memory:"
    elif kind == "object":
        yield Values()
    elif kind == "region":
        from dogpile.cache import make_region

        yield make_region().configure("dogpile.cache.memory")
    elif kind == "redis":
        prefix = uuid.uuid4().hex
        region = redis_region(request.getfixturevalue("redis_url"), prefix)
        yield region
        drop_keys(region, prefix)
    else:
        yield [":memory:", tmp_path / "memo.db"]


@pytest.fixture
def base(sqlite_origin) -> Iterator[sa.Engine]:
    """A shop of two tables."""
    sqlite_origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, region TEXT, total INTEGER)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO orders VALUES (1, 'north', 10), (2, 'south', 20)",
        "INSERT INTO users VALUES (1, 'Ana')",
    )
    engine = sqlite_origin.engine()
    yield engine
    engine.dispose()


@pytest.fixture
def engine(base) -> Iterator[CachingEngine]:
    with CachingEngine(base, cache_db="") as engine:
        yield engine
