"""How values are kept: serializers, signatures, and what becomes of bytes that can't be read or trusted."""

from __future__ import annotations

import dataclasses
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import warnings
from decimal import Decimal

import pytest

from sqlmem import Memo
from sqlmem.memo.opening import open_store
from sqlmem.memo.record import Stored, from_bytes, reads_from_text, sign, to_bytes, to_json


@dataclasses.dataclass
class Point:
    x: int


ran = []


class Bomb:
    """What runs when its pickle is read."""

    def __reduce__(self):
        return ran.append, ("bang",)


def edit(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def remembered(memo, value, **options):
    calls = []

    @memo(name="f", ignore=("value", "calls"), **options)
    def f(x):
        calls.append(x)
        return value

    return f, calls


@pytest.mark.parametrize("serializer", ["pickle", "dill", "cloudpickle", pickle])
def test_pickles_of_every_kind_bring_values_back(memo, serializer):
    """By name, or as a module; imported when they are first used."""
    value = {"a": [Decimal("1.50"), (1, None)], "b": {1, 2}}
    f, calls = remembered(memo, value, serializer=serializer)

    assert f(1) == f(1) == value
    assert len(calls) == 1


def test_dill_and_cloudpickle_keep_what_pickle_cannot(memo):
    """A function made on the spot."""
    for serializer in ("dill", "cloudpickle"):

        @memo(name=serializer, serializer=serializer)
        def make(n):
            return lambda x: x + n

        make(1)
        assert make(1)(2) == 3
        assert make.cache_info().hits == 1


def test_json_keeps_only_what_it_brings_back_as_it_was(memo):
    """A tuple would be a list at the second call: it isn't stored, with one warning."""
    good = {"a": [1, 2.5, None, True, "é\ud800"], "b": {"c": -0.0}}
    f, calls = remembered(memo, good, serializer="json")
    assert f(1) == f(1) == good
    assert len(calls) == 1
    for number, bad in enumerate([(1,), {1: 2}, float("nan"), Decimal(1), {"a": (1,)}, b"", Point(1)]):
        g, more = remembered(memo, bad, serializer="json", version=number)
        with pytest.warns(RuntimeWarning, match="can't be stored with json"):
            g(1)
        g(1)  # not again: a warning is an error here
        assert len(more) == 2


def test_what_cannot_be_stored_is_returned_with_one_warning(store, opened):
    """And computed each time."""
    lock = threading.Lock()
    f, calls = remembered(opened(store), lock)

    with pytest.warns(RuntimeWarning, match="a lock that f returned can't be stored with pickle"):
        assert f(1) is lock

    assert f(1) is lock  # without a second warning, which would be an error here
    assert len(calls) == 2


def test_a_serializer_of_ones_own(memo):
    """Anything with dumps and loads."""

    class Upper:
        name = "upper"

        def dumps(self, value):
            return value.upper().encode()

        def loads(self, data):
            return data.decode()

    f, _ = remembered(memo, "abc", serializer=Upper())

    assert [f(1), f(1)] == ["abc", "ABC"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sqlmem_memo SET payload = x'00'",
        "UPDATE sqlmem_memo SET payload = substr(payload, 1, 5)",
        "UPDATE sqlmem_memo SET payload = x''",
        "UPDATE sqlmem_memo SET serializer = 'dill'",
        "UPDATE sqlmem_memo SET kind = 1",
        "UPDATE sqlmem_memo SET reads = 'nonsense'",
        "UPDATE sqlmem_memo SET reads = '{\"a\": 1}'",
        'UPDATE sqlmem_memo SET reads = \'{"a": [0, null, {"orders": "x.1.y"}, []]}\'',
        "DELETE FROM sqlmem_memo",
    ],
)
def test_a_record_that_cannot_be_read_is_a_miss(memo, tmp_path, damage):
    """It is computed anew, and that is stored."""
    f, calls = remembered(memo, [1, 2, 3])
    f(1)
    edit(tmp_path / "memo.db", damage)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert f(1) == [1, 2, 3]
    assert f(1) == [1, 2, 3]
    assert len(calls) == 2


def test_a_value_of_a_class_that_is_gone_is_a_miss(memo):
    """Code changes between two runs."""
    f, calls = remembered(memo, Point(1))
    f(1)
    found, globals()["Point"] = Point, None
    try:
        del globals()["Point"]
        assert f.has(1) is False
    finally:
        globals()["Point"] = found

    assert f(1) == Point(1)
    assert len(calls) == 1


def test_damaged_bytes_in_a_store_of_values_are_a_miss(opened):
    """Whatever is at the key."""
    from memo.conftest import Values

    values = Values()
    f, calls = remembered(opened(values), 1)
    f(1)
    (key,) = [key for key in values if key.startswith("sqlmem:memo:")]
    for number, junk in enumerate((b"", b"x", values[key][:-1], b"sqlmem1 9999:{}", b"\n" * 50), 1):
        values[key] = junk
        assert f(1) == 1
        assert len(calls) == number + 1


def test_a_database_file_that_is_torn_costs_time_only(tmp_path):
    """Its pages hold something else."""
    path = tmp_path / "memo.db"
    with Memo(path) as memo:
        f, _ = remembered(memo, "x" * 50_000)
        f(1)
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with Memo(path) as memo:
        f, calls = remembered(memo, "x" * 50_000)
        with pytest.warns(RuntimeWarning, match="a memo's store failed"):
            assert f(1) == f(1) == "x" * 50_000
        assert len(calls) == 2


def test_a_file_of_another_version_is_begun_anew(tmp_path):
    """What is remembered in another form is forgotten."""
    path = tmp_path / "memo.db"
    with Memo(path) as memo:
        f, _ = remembered(memo, 1)
        f(1)
    edit(path, "UPDATE sqlmem_version SET version = 999")
    with Memo(path) as memo:
        f, calls = remembered(memo, 1)
        assert f(1) == 1
        assert len(calls) == 1


# -- secrets ---------------------------------------------------------------------------------


def test_a_record_that_is_not_signed_is_refused_and_its_pickle_never_read(tmp_path):
    """Who can write to the file can't run code."""
    path = tmp_path / "memo.db"
    ran.clear()
    with Memo(path, secret="secret") as memo:
        f, calls = remembered(memo, "good")
        f(1)
        edit(path, "UPDATE sqlmem_memo SET payload = ?", pickle.dumps(Bomb()))
        assert f(1) == "good"
        assert ran == []
        assert f(1) == "good"
        assert len(calls) == 2
        edit(path, "UPDATE sqlmem_memo SET payload = ?", pickle.dumps(Bomb()))
        with pytest.raises(ValueError, match="isn't signed"):
            _ = f.records().one().value
        assert ran == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sqlmem_memo SET signature = NULL",
        "UPDATE sqlmem_memo SET signature = x'00'",
        "UPDATE sqlmem_memo SET kind = 1 - kind",
        "UPDATE sqlmem_memo SET created = created + 1",
        "UPDATE sqlmem_memo SET expires = created + 1e9",
        "UPDATE sqlmem_memo SET reads = '{}'",
    ],
)
def test_everything_that_a_hit_depends_on_is_signed(tmp_path, change):
    """Its age, its tables, its kind: not only the payload."""
    path = tmp_path / "memo.db"
    with Memo(path, secret=b"secret") as memo:
        f, calls = remembered(memo, 1, ttl=1e6)
        f(1)
        edit(path, change)
        f(1)
        assert len(calls) == 2


def test_a_payload_under_another_key_is_refused(tmp_path):
    """The key is signed with it."""
    path = tmp_path / "memo.db"
    with Memo(path, secret=b"secret") as memo:
        f = memo(name="f")(lambda x: x)
        f(1)
        f(2)
        stored = {x: memo._shared.store.get(f.key(x)) for x in (1, 2)}
        edit(
            path,
            "UPDATE sqlmem_memo SET payload = ?, signature = ?, created = ? WHERE key = ?",
            stored[2].payload,
            stored[2].signature,
            stored[2].created,
            f.key(1),
        )
        assert f(1) == 1


def test_another_secret_and_none_at_all_read_nothing_of_each_other(tmp_path):
    """With a secret, what has no signature is refused; without one, nothing is looked at."""
    path = tmp_path / "memo.db"
    ran = []
    for secret in (None, "one", "other", "other"):
        with Memo(path, secret=secret) as memo:
            f, calls = remembered(memo, 1)
            f(1)
            ran.append(len(calls))

    assert ran == [1, 1, 1, 0]
    with pytest.raises(ValueError, match="secret must not be empty"):
        Memo(path, secret="")


def test_signatures_work_in_every_store(store, opened):
    """Times and texts come back as they were signed."""
    f, calls = remembered(opened(store, secret=b"secret"), [1], ttl=1e6, record=True)

    assert f(1) == f(1) == [1]
    assert len(calls) == 1


def test_a_record_is_the_same_after_a_way_through_bytes():
    """As stores of values keep it."""
    stored = Stored(b"\x00payload", 0, "pickle", "", 1.1, None, b"\xff" * 32, 0.25)
    from sqlmem.memo.record import Row

    row = Row("k", "f é", stored, 1.1, '{"a":1}', None)

    assert from_bytes("k", to_bytes(row)) == row
    assert sign(b"s", "k", stored) != sign(b"s", "l", stored)
    assert reads_from_text("") == {}


def test_json_columns_show_what_json_has_not():
    """For people: texts of what has no form of its own."""

    @dataclasses.dataclass
    class Pair:
        a: object
        b: object

    value = {1: Pair(Decimal("1.50"), {3, 1}), "x": (float("inf"), None, b"y")}

    assert to_json(value) == {"1": {"a": "1.50", "b": [1, 3]}, "x": ["inf", None, "b'y'"]}


# -- large values, imports -------------------------------------------------------------------


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_large_values_are_kept(store, opened, size):
    """Beyond the 64 kB at which a BLOB of MariaDB's ends."""
    value = os.urandom(size)
    f, calls = remembered(opened(store), value)

    assert f(1) == f(1) == value
    assert len(calls) == 1


def test_nothing_is_imported_before_it_is_used(tmp_path):
    """Neither by the engine nor by a memo: numpy, pandas, dogpile, pickle's kin, nor the memo itself."""
    script = """
import sys, sqlmem
heavy = ["numpy", "pandas", "dogpile", "dill", "cloudpickle", "redis", "attrs", "attr"]
early = [*heavy, "sqlmem.memo", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm"]
assert not [name for name in early if name in sys.modules]
memo = sqlmem.Memo(sys.argv[1])

@memo
def f(x, **more):
    return x

assert f(1) == f(1) == 1
assert f({"a": [1.5, None]}) == {"a": [1.5, None]}
print([name for name in heavy if name in sys.modules])
memo.close()
"""
    found = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "memo.db")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert found.stdout == "[]\n"


def test_stores_are_found_by_what_is_given(tmp_path):
    """A path, a URL, memory; a URL of SQLite without more is the native store."""
    given = {
        str(tmp_path / "a.db"): "SqliteStore",
        f"sqlite:///{tmp_path / 'b.db'}": "SqliteStore",
        f"sqlite:///{tmp_path / 'c.db'}?timeout=5": "SqlStore",
        "sqlite://": "ValueStore",
        ":memory:": "ValueStore",
    }
    for what, kind in given.items():
        opened = open_store(what)
        assert type(opened).__name__ == kind
        opened.close()
    assert open_store([None, None]) is None


def test_a_caching_engine_is_no_store(tmp_path):
    """It is read-only; `engine=` keeps results beside its snapshot."""
    import sqlalchemy as sa

    from sqlmem import CachingEngine

    base = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with CachingEngine(base, cache_db=str(tmp_path / "cache.db")) as engine:
        with pytest.raises(TypeError, match="engine="):
            Memo(engine)
        with Memo(engine=engine) as memo:
            memo(name="f")(lambda: 1)()
        assert (tmp_path / "cache.db.memo").exists()
    base.dispose()


def test_a_region_that_is_invalidated_forgets(opened):
    """dogpile.cache's own way, and its expiration time."""
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.memory", expiration_time=3600)
    f, calls = remembered(opened(region), 1)
    f(1)
    f(1)
    region.invalidate()
    f(1)

    assert len(calls) == 2
    with pytest.raises(TypeError, match="isn't configured"):
        Memo(make_region())


def test_a_redis_url_is_a_store(redis_url, opened):
    """Through dogpile.cache's backend, with its lock."""
    memo = opened(redis_url)
    f, calls = remembered(memo, 1)
    f.cache_clear()

    assert f(1) == f(1) == 1
    assert len(calls) == 1
    f.cache_clear()
    backend = memo._shared.store._values._backend
    backend.reader_client.close()
    backend.writer_client.close()
