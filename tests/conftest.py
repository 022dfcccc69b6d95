"""Fixtures for all tests: origins, a clean environment, ordered threads, lines for the report."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from support.clock import ManualClock
from support.origins import (
    ASYNC_DRIVERS,
    DRIVERS,
    PRIMARY_DRIVERS,
    SYNC_DRIVERS,
    Origin,
    Servers,
    skip_or_fail,
)
from support.pair import Pair
from support.sequencer import Sequencer
from support.spreading import longest_first, processes, scheduler
from support.summary import SUMMARY, summary_lines

from sqlmem import CachingEngine, add_sink, remove_sink

# Run in a pytest of its own, see origin/test_dialect_suite.py.
collect_ignore = ["dialect_suite"]

# The gate is repeatable: the same examples each time, and nothing timed. `make fuzz` looks further.
_profile = hypothesis.settings(
    deadline=None,
    database=None,
    print_blob=True,
    # Examples share a test's origin on purpose: making one for each would be most of the time.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("gate", _profile, derandomize=True, max_examples=100)
hypothesis.settings.register_profile("fuzz", _profile, max_examples=3_000)
hypothesis.settings.load_profile("gate")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means, as `make test` has it."""
    return processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Ours, unless --dist names another one: `-n` alone is "load"."""
    return scheduler(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """The collector needn't look at what was collected, neither now nor while it is run.

    Among thirteen thousand tests each of its full turns takes a quarter of a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process among several the longest tests come first; in one alone they stay as they are written."""
    if hasattr(config, "workerinput"):
        longest_first(items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Origins run once per driver, only on the families that the test names."""
    marker = metafunc.definition.get_closest_marker("families")
    families = set(marker.args) if marker else {family for family, _, _ in DRIVERS.values()}
    if unknown := families - {family for family, _, _ in DRIVERS.values()}:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: no such family: {sorted(unknown)}")
    for fixture, drivers in (
        ("origin", PRIMARY_DRIVERS),
        ("driver_origin", SYNC_DRIVERS),
        ("preparing_origin", SYNC_DRIVERS),
        ("async_origin", ASYNC_DRIVERS),
    ):
        if fixture in metafunc.fixturenames:
            chosen = [driver for driver in drivers if DRIVERS[driver][0] in families]
            ids = [DRIVERS[driver][0] if fixture == "origin" else driver for driver in chosen]
            metafunc.parametrize(fixture, chosen, ids=ids, indirect=True)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside, no snapshot unless the test asks for one, nothing written elsewhere.

    The working directory is the test's own: a relative path is written there, and no `.env`
    of a developer is found.
    """
    for name in os.environ:
        if name.startswith("SQLMEM_") and not name.startswith("SQLMEM_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SQLMEM_CACHE_DB", "")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _unheard_classes() -> Iterator[None]:
    """Who listens to a class listens to all its objects, and SQLAlchemy goes on as if when it is over."""
    dialects = sa.engine.Dialect, sa.engine.default.DefaultDialect
    classes: tuple[Any, ...] = (sa.Engine, CachingEngine, sa.Connection, *dialects)
    before = [vars(each).get("_has_events") for each in classes]
    yield
    for each, flag in zip(classes, before, strict=True):
        if flag is not None:
            each._has_events = flag
        elif "_has_events" in vars(each):
            # A Connection has none of its own before 2.0.56.
            del each._has_events


@pytest.fixture(scope="session")
def _servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture
def origin(request: pytest.FixtureRequest, _servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty origin of each family, through its primary driver."""
    origin = _servers.origin(request.param, tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def pair(origin: Origin) -> Iterator[Pair]:
    """A bare and a caching engine on each family, over tables that are there already."""
    pair = Pair(origin)
    yield pair
    pair.engine.close()


@pytest.fixture
def driver_origin(request: pytest.FixtureRequest, _servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty origin through each driver that isn't asyncio's."""
    origin = _servers.origin(request.param, tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def preparing_origin(request: pytest.FixtureRequest, _servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty origin whose server takes prepared transactions, through each driver that isn't asyncio's."""
    origin = _servers.preparing(request.param, tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def async_origin(request: pytest.FixtureRequest, _servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty origin through each driver of asyncio's: see `Origin.async_engine`."""
    origin = _servers.origin(request.param, tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def asyncpg_origin(_servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty PostgreSQL for asyncio: see `Origin.async_engine`."""
    origin = _servers.origin("asyncpg", tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def psycopg2_origin(_servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty PostgreSQL through psycopg2."""
    origin = _servers.origin("psycopg2", tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture
def sqlite_origin(_servers: Servers, tmp_path: Path) -> Iterator[Origin]:
    """An empty SQLite origin, for tests whose subject is the same everywhere."""
    origin = _servers.origin("pysqlite", tmp_path)
    yield origin
    origin.dispose()


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis at SQLMEM_TEST_REDIS or on the standard local port."""
    import redis

    given = os.environ.get("SQLMEM_TEST_REDIS")
    url = given or "redis://127.0.0.1:6379/0"
    client = redis.Redis.from_url(url, socket_connect_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        if given:
            pytest.fail(f"no Redis at SQLMEM_TEST_REDIS ({type(error).__name__})", pytrace=False)
        skip_or_fail(
            "no Redis: start one on 127.0.0.1:6379 (docker run -p 6379:6379 redis) "
            f"or name one in SQLMEM_TEST_REDIS ({type(error).__name__})"
        )
    finally:
        client.close()
    return url


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sequence() -> Sequencer:
    return Sequencer()


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged as a warning, or worse, from here on."""
    lines: list[str] = []
    sink = add_sink(lines.append, level="WARNING", format="{message}")
    yield lines
    remove_sink(sink)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Add a line to the end of the run's report."""
    return lambda text: record_property(SUMMARY, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests registered, and one line for each reason to skip, however many tests it has hit."""
    lines = summary_lines(terminalreporter.stats)
    if lines:
        terminalreporter.section("sqlmem")
        for line in lines:
            terminalreporter.line(line)
