"""An application run twice, on the bare engine and on a caching one, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from support.origins import Origin

from sqlmem import CachingEngine


@dataclass
class Run:
    """What one run of an application showed.

    Attributes:
        pages: what was asked, and the answer's status and body, in order.
        tables: each table's rows at the end.
        sent: how many statements reached the origin's data in the scenario.
    """

    pages: list[tuple[str, int, bytes]] = field(default_factory=list)
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    sent: int = 0

    def page(self, asked: str, status: int, body: bytes) -> None:
        self.pages.append((asked, status, body))


@contextmanager
def swapped(origin: Origin, *, is_cached: bool, **options: Any) -> Iterator[Engine]:
    """The engine that an application is given: the only thing that differs."""
    base = origin.engine(**options)
    if not is_cached:
        yield base
        base.dispose()
        return
    with CachingEngine(base, mode="transparent") as engine:
        yield engine
    base.dispose()


@contextmanager
def counted(origin: Origin, run: Run) -> Iterator[None]:
    before = len(origin.counter.data)
    yield
    run.sent += len(origin.counter.data) - before


def rows_of_every_table(origin: Origin) -> dict[str, list[tuple[Any, ...]]]:
    """Past the cache, whoever has written them."""
    engine = origin.engine()
    metadata = sa.MetaData()
    metadata.reflect(engine)
    tables = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = [tuple(row) for row in connection.execute(sa.select(table))]
            tables[table.name] = sorted(rows, key=repr)
    engine.dispose()
    return tables


def same(bare: Run, cached: Run) -> None:
    """Fail at the first page or table that differs."""
    for one, other in zip(bare.pages, cached.pages, strict=True):
        assert one == other
    assert bare.tables == cached.tables


def fewer(bare: Run, cached: Run) -> float:
    """By which share the statements at the origin's data became fewer."""
    return 1 - cached.sent / bare.sent
