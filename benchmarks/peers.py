"""What a program might use instead: repeats, and statements that nobody has asked before.

dogpile.cache with the session's `do_orm_execute` event, as SQLAlchemy's documentation has it; results pickled
into Redis by hand; cachetools and functools over a function. Those that aren't there are left out.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session, UserDefinedOption, sessionmaker
from sqlalchemy.orm.loading import merge_frozen_result

from benchmarks import charts, report
from benchmarks.data import PLAIN, ROWS, TABLE, Measured, Order, walk
from benchmarks.measure import Pace, seconds_each
from sqlmem import CachingEngine

_ROUNDS = 15
_KEYS = 50  # asked for in turns, where statements repeat
_PREFIX = f"sqlmem_bench_{os.getpid()}:"
_LEVEL = report.at_least(1)

Parameters = dict[str, int]
Ask = Callable[[Parameters], Any]


@dataclass(frozen=True)
class _Peer:
    """A way to ask.

    Attributes:
        hands_out: what the caller gets of an answer that is remembered.
        is_result: rows as SQLAlchemy gives them, rather than dicts.
    """

    name: str
    hands_out: str
    ask: Ask
    is_result: bool = False
    is_ours: bool = False


@dataclass(frozen=True)
class _Question:
    """The same question for every way: as text, as `select()` of the table, and of the mapped class."""

    label: str
    text: str
    core: Any
    select: Any
    arguments: Callable[[int], Parameters]


_TABLE = Order.__table__
_OF_TABLE = [_TABLE.c[name] for name in PLAIN]
_COLUMNS = [getattr(Order, name) for name in PLAIN]
_NAMES = ", ".join(PLAIN)
_POINT = _Question(
    "1 row by its key",
    f"SELECT {_NAMES} FROM {TABLE} WHERE id = :id",
    sa.select(*_OF_TABLE).where(_TABLE.c.id == sa.bindparam("id")),
    sa.select(*_COLUMNS).where(Order.id == sa.bindparam("id")),
    lambda number: {"id": walk(number)},
)
_FEW = _Question(
    "10 rows by a customer",
    f"SELECT {_NAMES} FROM {TABLE} WHERE customer = :customer",
    sa.select(*_OF_TABLE).where(_TABLE.c.customer == sa.bindparam("customer")),
    sa.select(*_COLUMNS).where(Order.customer == sa.bindparam("customer")),
    lambda number: {"customer": walk(number, ROWS // 10)},
)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    if not measured.is_postgresql:
        print("peers: skipped, the origin isn't PostgreSQL\n")
        return
    measured.table()
    with contextlib.ExitStack() as closing:
        engine = closing.enter_context(CachingEngine(measured.engine))
        engine.warm(Order)
        redis = closing.enter_context(_redis())
        repeats: list[report.Row] = []
        news: list[report.Row] = []
        for question in (_POINT, _FEW):
            peers = list(_peers(engine, measured.engine, redis, question))
            repeats += _repeated(question, peers, pace)
            news += _new(question, peers, pace)
        news += _new_texts(engine, measured.engine, redis, pace)
    named = [
        f"{name} {metadata.version(name)}" for name in ("dogpile.cache", "cachetools") if _is_there(name)
    ]
    if redis is not None:
        named.append(f"Redis {redis.info('server')['redis_version']}")
    _write(measured, folder, repeats, news, tuple(named))


def _write(
    measured: Measured,
    folder: Path,
    repeats: list[report.Row],
    news: list[report.Row],
    named: tuple[str, ...],
) -> None:
    about = (
        f"Over {measured.name}, three columns of a table of {ROWS:,} rows. dogpile.cache by SQLAlchemy's "
        "recipe with a Session per call; Redis is on this machine; the functions are `cachetools.cached` "
        "with a lock over an LRUCache, and `functools.lru_cache`, around Core with rows made into dicts. "
        "*multiples of sqlmem's*: of `execute` for those that give dicts, of Core with connect and close "
        "for those that give SQLAlchemy's rows. *hands out*: *new*, what the caller changes is the "
        "caller's own; *shared*, the very object that the next caller gets."
    )
    report.write(
        report.Result(
            name="peers_repeats",
            title="The same statements again, against other caches",
            about=f"{about} {_KEYS} parameters in turns, all remembered. The aim is that no peer which "
            "hands out the same kind of thing, new, is faster: dicts against `execute`, SQLAlchemy's rows "
            "against Core with connect and close. What is shared is for orientation.",
            heading=("question", "way", "hands out", "a call"),
            figure="in multiples of sqlmem's",
            rows=repeats,
            versions=(measured.version, *named),
        ),
        folder,
        charts.bars("time in multiples of sqlmem's for the same kind of rows"),
    )
    report.write(
        report.Result(
            name="peers_new",
            title="Statements not asked before, against other caches",
            about=f"{about} Each call has parameters, or a text, that come for the first time: sqlmem has "
            "the columns and answers, the others ask PostgreSQL and remember the answer.",
            heading=("question", "way", "hands out", "a call"),
            figure="in multiples of sqlmem's",
            rows=news,
            versions=(measured.version, *named),
        ),
        folder,
        charts.bars("time in multiples of sqlmem's for the same kind of rows"),
    )


# -- measuring ---------------------------------------------------------------------------------


def _repeated(question: _Question, peers: list[_Peer], pace: Pace) -> list[report.Row]:
    for peer in peers:
        for number in range(2 * _KEYS):
            peer.ask(question.arguments(number % _KEYS))
    return _rows(question, peers, pace, lambda number: question.arguments(number % _KEYS), is_new=False)


def _new(question: _Question, peers: list[_Peer], pace: Pace) -> list[report.Row]:
    # Each contestant walks on by itself: what one has asked is nothing to another.
    return _rows(question, peers, pace, lambda number: question.arguments(_KEYS + number), is_new=True)


def _rows(
    question: _Question,
    peers: list[_Peer],
    pace: Pace,
    arguments: Callable[[int], Parameters],
    *,
    is_new: bool,
) -> list[report.Row]:
    expected = sorted(map(tuple, (row.values() for row in peers[0].ask(arguments(1)))))
    for peer in peers:
        answer = peer.ask(arguments(1))
        found = sorted(tuple(row) if peer.is_result else tuple(row.values()) for row in answer)
        if found != expected:
            raise RuntimeError(f"{peer.name} answers otherwise")
    taken = seconds_each(
        {peer.name: peer.ask for peer in peers},
        rounds=pace.rounds(_ROUNDS),
        arguments=arguments,
        round_seconds=0.02,
        most_calls=300 if is_new else 4_000,
    ).wall
    ours = {
        peer.is_result: taken[peer.name] for peer in peers if peer.name in {"sqlmem, execute", "sqlmem, Core"}
    }
    rows = []
    for peer in peers:
        has_aim = not peer.is_ours and (is_new or peer.hands_out == "new")
        rows.append(
            report.Row(
                (question.label, peer.name, peer.hands_out, report.seconds(taken[peer.name])),
                taken[peer.name] / ours[peer.is_result],
                _LEVEL if has_aim else None,
                label=f"{peer.name}, {question.label}",
            )
        )
    return rows


def _new_texts(engine: CachingEngine, origin: sa.Engine, redis: Any, pace: Pace) -> list[report.Row]:
    """Another text at each call, where even the planning is new."""

    def question(given: Parameters) -> str:
        return f"SELECT id, customer, name AS n{given['id']} FROM {TABLE} WHERE id = 5"

    asks: dict[str, Ask] = {
        "sqlmem, execute": lambda given: engine.execute(question(given)),
        "bare engine, Core": lambda given: _dicts(origin, question(given), {}),
    }
    if redis is not None:
        hand = functools.partial(_by_hand, redis)
        asks["pickled into Redis by hand"] = lambda given: hand(
            question(given), lambda: _dicts(origin, question(given), {})
        )
    # Single calls: SQLAlchemy and PostgreSQL haven't seen the texts either.
    taken = seconds_each(asks, rounds=pace.rounds(_ROUNDS), arguments=_POINT.arguments, most_calls=40).wall
    return [
        report.Row(
            ("1 row, another text each", name, "new", report.seconds(each)),
            each / taken["sqlmem, execute"],
            None if name.startswith("sqlmem") else _LEVEL,
            label=f"{name}, another text each",
        )
        for name, each in taken.items()
    ]


# -- the ways ----------------------------------------------------------------------------------


def _peers(engine: CachingEngine, origin: sa.Engine, redis: Any, question: _Question) -> Iterator[_Peer]:
    yield _Peer("sqlmem, execute", "new", lambda given: engine.execute(question.text, given), is_ours=True)
    yield _Peer(
        "sqlmem, Core",
        "new",
        lambda given: _result(engine, question.core, given),
        is_result=True,
        is_ours=True,
    )
    yield _Peer(
        "sqlmem, Session",
        "new",
        _session(sessionmaker(engine), question.select),
        is_result=True,
        is_ours=True,
    )
    yield _Peer(
        "bare engine, Core", "new", lambda given: _result(origin, question.core, given), is_result=True
    )
    if _is_there("dogpile.cache"):
        yield _Peer("dogpile.cache, memory", "shared", _dogpile(origin, "memory", question), is_result=True)
        if redis is not None:
            yield _Peer("dogpile.cache, Redis", "new", _dogpile(origin, "redis", question), is_result=True)
    else:
        print("left out, not installed: dogpile.cache")
    ask = functools.partial(_dicts, origin, question.text)
    if redis is not None:
        yield _Peer("pickled into Redis by hand", "new", _pickled(redis, ask, question))
    if _is_there("cachetools"):
        yield _Peer("cachetools", "shared", _cachetools(ask))
        cached = _cachetools(ask)
        yield _Peer("cachetools, each row copied", "new", lambda given: [dict(row) for row in cached(given)])
    else:
        print("left out, not installed: cachetools")
    yield _Peer("functools.lru_cache", "shared", _lru(ask))


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is not None


def _result(engine: sa.Engine, statement: Any, given: Parameters) -> Any:
    with engine.connect() as connection:
        return connection.execute(statement, given).all()


def _session(make: Callable[[], Session], statement: Any) -> Ask:
    def ask(given: Parameters) -> Any:
        with make() as session:
            return session.execute(statement, given).all()

    return ask


def _dicts(engine: sa.Engine, text: str, given: Parameters) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(text), given).mappings()]


class _FromCache(UserDefinedOption):  # type: ignore[misc]
    """Says of a statement that its rows may come from a region of dogpile.cache."""

    propagate_to_loaders = False

    def __init__(self, region: Any) -> None:
        super().__init__()
        self.region = region


def _dogpile(origin: sa.Engine, backend: str, question: _Question) -> Ask:
    from dogpile.cache import make_region

    arguments: dict[str, Any] = {"url": _redis_url()} if backend == "redis" else {}
    region = make_region(key_mangler=lambda key: f"{_PREFIX}{question.label}:{hash(key)}").configure(
        f"dogpile.cache.{backend}", arguments=arguments
    )
    make = sessionmaker(origin)
    keys: dict[Any, Any] = {}

    @event.listens_for(make, "do_orm_execute")
    def executing(context: Any) -> Any:
        option = next((each for each in context.user_defined_options if isinstance(each, _FromCache)), None)
        if option is None:
            return None
        key = context.statement._generate_cache_key()  # noqa: SLF001 - as the recipe has it
        text = key.to_offline_string(keys, context.statement, context.parameters)
        frozen = option.region.get_or_create(text, lambda: context.invoke_statement().freeze())
        return merge_frozen_result(context.session, context.statement, frozen, load=False)()

    return _session(make, question.select.options(_FromCache(region)))


def _pickled(redis: Any, ask: Ask, question: _Question) -> Ask:
    return lambda given: _by_hand(redis, f"{question.text}{sorted(given.items())}", lambda: ask(given))


def _by_hand(redis: Any, key: str, ask: Callable[[], Any]) -> Any:
    if (kept := redis.get(_PREFIX + key)) is not None:
        return pickle.loads(kept)  # noqa: S301 - what this process has put there
    rows = ask()
    redis.setex(_PREFIX + key, 600, pickle.dumps(rows))
    return rows


def _cachetools(ask: Ask) -> Ask:
    import cachetools
    import cachetools.keys

    cache: Any = cachetools.LRUCache(maxsize=100_000)
    by_values: Any = cachetools.cached(
        cache, key=lambda given: cachetools.keys.hashkey(*given.values()), lock=threading.Lock()
    )
    cached: Ask = by_values(ask)
    return cached


def _lru(ask: Ask) -> Ask:
    @functools.lru_cache(maxsize=100_000)
    def by_items(items: tuple[tuple[str, int], ...]) -> Any:
        return ask(dict(items))

    return lambda given: by_items(tuple(given.items()))


def _redis_url() -> str:
    return os.environ.get("SQLMEM_TEST_REDIS") or "redis://127.0.0.1:6379/0"


@contextlib.contextmanager
def _redis() -> Iterator[Any]:
    """A client, or None; the keys of this run are removed at the end."""
    client = _client()
    yield client
    if client is not None:
        for key in client.scan_iter(f"{_PREFIX}*", 1000):
            client.delete(key)
        client.close()


def _client() -> Any:
    if not _is_there("redis"):
        print("left out, not installed: redis")
        return None
    from redis import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(_redis_url(), socket_connect_timeout=3)
    try:
        client.ping()
    except RedisError as error:
        print(
            "left out: what needs Redis; there is none in SQLMEM_TEST_REDIS or on the standard local port "
            f"({type(error).__name__})"
        )
        return None
    return client
