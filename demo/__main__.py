"""`python -m demo`: sqlmem at work, on a database that it makes for itself.

Without `--url` nothing is needed but the package: the origin is an SQLite file in a temporary
folder. The exit status is 1 if an answer differed from the bare engine's or a hit asked the origin.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

from demo import remembered, table, walk
from demo import shop as shops
from sqlmem import CachingEngine
from sqlmem.model import Stats

PREFIX = "demo_"  # of the tables on an origin that isn't ours alone

_WALK = (
    table.Column("#", 2, is_right=True),
    table.Column("statement", 44),
    table.Column("outcome", 13),
    table.Column("origin", 6, is_right=True),
    table.Column("bare", 8, is_right=True),
    table.Column("sqlmem", 8, is_right=True),
    table.Column("faster", 7, is_right=True),
)
_TABLES = (
    table.Column("table", 24),
    table.Column("columns held", 34),
    table.Column("rows", 8, is_right=True),
    table.Column("memory", 9, is_right=True),
    table.Column("hits", 6, is_right=True),
    table.Column("fills", 6, is_right=True),
)


class Walk:
    """Prints each step as it is taken, and remembers whether anything was wrong."""

    def __init__(self, base: sa.Engine, shop: shops.Shop) -> None:
        self._base = base
        self._shop = shop
        self._counter = walk.OriginCounter(base, shop)
        self._number = 0
        self.problems: list[str] = []

    def chapter(self, title: str, engine: CachingEngine, steps: Iterable[walk.Step]) -> None:
        print(f"\n{title}")
        for step in steps:
            self._number += 1
            self._show(walk.take(step, engine, self._base, self._shop, self._counter))

    def _show(self, result: walk.Result) -> None:
        faster = ""
        if result.outcome == "hit" and result.bare_seconds and result.here_seconds:
            faster = table.times(result.bare_seconds / result.here_seconds)
        cells = (
            str(self._number),
            result.sql,
            result.outcome,
            str(result.origin_statements),
            table.duration(result.bare_seconds),
            table.duration(result.here_seconds),
            faster,
        )
        print(table.row(_WALK, cells))
        if result.remark:
            print(table.note(result.remark))
        if result.problem:
            self.problems.append(f"step {self._number}: {result.problem}")
            print(table.note(result.problem, mark="!! "))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="sqlmem-demo-") as folder:
        if options.url is None:
            base, shop = sa.create_engine(f"sqlite:///{Path(folder) / 'shop.db'}"), shops.describe()
        else:
            try:
                base, shop = sa.create_engine(options.url), shops.describe(PREFIX)
                base.connect().close()
            except (ImportError, sa.exc.OperationalError) as error:
                # A missing driver, no server, a wrong password: the driver's line says it best.
                print(f"--url: {getattr(error, 'orig', error)}", file=sys.stderr)
                return 2
        try:
            return _run(base, shop, options, Path(folder))
        finally:
            base.dispose()


def _run(base: sa.Engine, shop: shops.Shop, options: argparse.Namespace, folder: Path) -> int:
    if existing := shop.existing(base):
        if not options.replace:
            print(
                f"the database already has {', '.join(existing)}: --replace drops them first", file=sys.stderr
            )
            return 2
        shop.drop(base)
    try:
        started = time.perf_counter()
        rows = shop.create(base, options.rows)
        seconds = time.perf_counter() - started
        where = base.url.render_as_string(hide_password=True) if options.url else "an SQLite file"
        print(f"A music shop of {rows:,} rows in {len(shop.tables)} tables (seed {shops.SEED}),")
        print(f"made in {seconds:.1f} s on {where}.")
        print("\norigin: statements that reached its data. bare, sqlmem: time through either engine, the")
        print("median of several askings (of a miss: the one that filled the store).\n")
        return _walk(base, shop, str(folder / "cache.db"))
    finally:
        if not options.keep:
            shop.drop(base)


def _walk(base: sa.Engine, shop: shops.Shop, cache_db: str) -> int:
    steps = Walk(base, shop)
    orders = shop.tables["orders"].name
    print(table.heading(_WALK))
    with CachingEngine(base, cache_db=cache_db) as engine:
        steps.chapter("Columns accumulate; what they cover is answered here:", engine, walk.ACCUMULATE)
        steps.chapter("What only the origin knows, the origin answers:", engine, walk.FORWARD)
        steps.chapter("Refused before anything is sent:", engine, walk.REFUSE)
        engine.invalidate(orders)
        steps.chapter(f'After engine.invalidate("{orders}"):', engine, walk.INVALIDATED)
        before_restart = engine.stats()
        explained = [
            (sql, str(engine.explain(sql))) for sql in (shop.sql(step.sql) for step in walk.EXPLAINED)
        ]
    started = time.perf_counter()
    with CachingEngine(base, cache_db=cache_db) as engine:
        loaded = table.duration(time.perf_counter() - started)
        steps.chapter(
            f"After close() and a new engine (snapshot loaded in {loaded}):", engine, walk.RESTARTED
        )
        after_restart = engine.stats()
        print("\nFunctions that know which tables they read (sqlmem.Memo):\n")
        steps.problems += remembered.show(engine, base, shop, Path(cache_db).with_name("memo.db"))
    print("\nWhat engine.explain() says of two of these:")
    for sql, text in explained:
        print(f"\n{table.note(sql, mark='')}")
        for line in text.splitlines():
            print(table.note(line, mark="    ", indent=" " * 10))
    print("\n(The statistics count the askings for the timing too.)", end="")
    _print_stats("before the restart", before_restart)
    _print_stats("after it", after_restart)
    if steps.problems:
        print("\nWRONG:", *steps.problems, sep="\n    ")
        return 1
    print("\nEvery answer was compared with the bare engine's: same rows, same values, same types.")
    return 0


def _print_stats(when: str, stats: Stats) -> None:
    print(
        f"\nengine.stats() {when}: {stats.hits} hits, {stats.misses} misses, {stats.bypasses} bypasses, ",
        end="",
    )
    print(f"{stats.rejected} rejected; hit ratio {stats.hit_ratio:.0%}; {stats.fills} fills")
    for reason, count in stats.bypass_reasons.items():
        print(table.note(f"{count} bypassed: {reason}"))
    print()
    print(table.heading(_TABLES))
    for name, held in sorted(stats.tables.items()):
        if not held.columns:
            continue  # only met, never fetched
        columns = ", ".join((*held.columns, *held.expressions))
        cells = (name, columns, f"{held.rows:,}", table.bytes_(held.bytes), str(held.hits), str(held.fills))
        print(table.row(_TABLES, cells))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description="sqlmem at work on generated data.")
    parser.add_argument(
        "--url", help=f"SQLAlchemy URL of another origin; tables are named {PREFIX}…, and dropped"
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=shops.DEFAULT_LINES,
        help="rows in the biggest table (default: %(default)s)",
    )
    parser.add_argument("--keep", action="store_true", help="with --url: leave the tables at the end")
    parser.add_argument(
        "--replace", action="store_true", help=f"with --url: drop tables {PREFIX}… that exist"
    )
    options = parser.parse_args(arguments)
    if options.rows < 1:
        parser.error(f"--rows must be at least 1, got {options.rows}")
    if options.url is not None:
        try:
            is_async = sa.make_url(options.url).get_dialect().is_async
        except sa.exc.SQLAlchemyError as error:
            parser.error(f"--url: {error}")
        if is_async:
            parser.error(
                "--url names an asyncio driver; name a synchronous one, such as postgresql+psycopg://"
            )
    return options


if __name__ == "__main__":
    sys.exit(main())
