"""What a memoized function offers, over each kind of store."""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import stat
import warnings

import pytest
from support.clock import ManualClock

from sqlmem import Memo
from sqlmem.memo.surface import CacheInfo


def counted(memo, **options):
    """A memoized function, and the calls that reached its body."""
    calls = []

    def report(region, *, year=2024):
        calls.append((region, year))
        return {"region": region, "year": year, "call": len(calls)}

    return memo(**options)(report), calls


def test_a_second_call_is_answered_from_the_store(store, opened):
    """Once computed, remembered; by another memo on the same store too, if it is shared."""
    report, calls = counted(opened(store))

    first = report("north", year=2024)
    second = report("north")

    assert first == second == {"region": "north", "year": 2024, "call": 1}
    assert len(calls) == 1
    if store != ":memory:":
        again, more = counted(opened(store))
        assert again("north") == first
        assert more == []


def test_a_hit_is_a_fresh_object(store, opened):
    """Changing what was returned changes nothing that is remembered."""
    report, _ = counted(opened(store))
    report("north")["region"] = "changed"
    report("north")["region"] = "changed"

    assert report("north")["region"] == "north"


def test_none_is_a_value(store, opened):
    """It is remembered like any other."""
    calls = []

    @opened(store)
    def nothing(x):
        calls.append(x)

    assert nothing(1) is None
    assert nothing(1) is None
    assert calls == [1]


def test_the_info_is_as_functools_has_it(store, opened):
    """Hits, misses, maxsize and currsize; cache_clear empties the store and the counters."""
    report, calls = counted(opened(store))

    @functools.cache
    def reference(x):
        return x

    for x in ("a", "b", "a"):
        report(x)
        reference(x)

    assert tuple(report.cache_info()) == tuple(reference.cache_info()) == (1, 2, None, 2)
    assert report.cache_info() == CacheInfo(hits=1, misses=2, maxsize=None, currsize=2)
    assert report.cache_parameters()["typed"] is False
    assert report.cache_parameters()["maxsize"] is None
    report.cache_clear()
    assert report.cache_info() == CacheInfo(0, 0, None, 0)
    report("a")
    assert len(calls) == 3
    assert report.__wrapped__("a")["call"] == 4
    assert report.__name__ == "report"


def test_key_has_peek_refresh_forget_and_put(store, opened):
    """Each names a call by its arguments, in any spelling."""
    report, calls = counted(opened(store))

    assert report.key("a") == report.key(region="a", year=2024) != report.key("b")
    assert not report.has("a")
    with pytest.raises(KeyError):
        report.peek("a")
    report("a")
    assert report.has(region="a")
    assert report.peek("a") == {"region": "a", "year": 2024, "call": 1}
    assert len(calls) == 1
    assert report.refresh("a")["call"] == 2
    assert report("a")["call"] == 2
    assert report.forget("a") is True
    assert report.forget("a") is False
    assert not report.has("a")
    report.put("given", "a", year=2024)
    assert report("a") == "given"
    assert len(calls) == 2
    with pytest.raises(TypeError):
        report.key()


def test_the_least_recently_used_go_beyond_maxsize(store, opened):
    """As functools.lru_cache with the same calls, though times are written in batches."""
    clock = ManualClock()
    report, calls = counted(opened(store, clock=clock), maxsize=2)
    reference = functools.lru_cache(maxsize=2)(lambda x: x)

    for x in "abacabbc":
        clock.advance(1)
        report(x)
        reference(x)

    assert report.cache_info()[:3] == reference.cache_info()[:3]
    assert report.cache_info().currsize == 2
    assert len(calls) == reference.cache_info().misses


def test_nothing_is_kept_with_a_maxsize_of_nothing(memo):
    """As functools has it."""
    report, calls = counted(memo, maxsize=0)
    report("a")
    report("a")

    assert len(calls) == 2
    assert report.cache_info() == CacheInfo(0, 2, 0, 0)


def test_a_result_is_good_for_its_ttl(store, opened):
    """And not beyond; a clock that was set back makes no result younger."""
    clock = ManualClock()
    report, calls = counted(opened(store, clock=clock), ttl=60)

    report("a")
    clock.advance(59)
    report("a")
    assert len(calls) == 1
    clock.advance(1)
    report("a")
    assert len(calls) == 2
    clock.jump_wall(-1000)
    report("a")
    assert len(calls) == 3


def test_a_shorter_ttl_holds_for_what_is_stored(store, opened):
    """What the code says now counts."""
    clock = ManualClock()
    memo = opened(store, clock=clock)
    report, _ = counted(memo, name="report")
    report("a")
    clock.advance(10)
    shorter, calls = counted(memo, name="report", ttl=5)

    shorter("a")

    assert len(calls) == 1


def test_trim_keeps_those_used_last(store, opened):
    """As many as are wanted."""
    clock = ManualClock()
    report, calls = counted(opened(store, clock=clock))
    for x in "abcda":
        clock.advance(1)
        report(x)

    assert report.trim(2) == 2

    assert report.cache_info().currsize == 2
    assert report.has("a")
    assert report.has("d")
    assert report.trim(0) == 2
    assert len(calls) == 4
    with pytest.raises(ValueError, match="number of calls"):
        report.trim(-1)


def test_clear_forgets_every_function(store, opened):
    """Of this store."""
    memo = opened(store)
    report, calls = counted(memo)
    other, more = counted(memo, name="other")
    report("a")
    other("a")
    memo.clear()
    report("a")
    other("a")

    assert (len(calls), len(more)) == (2, 2)


# -- exceptions, predicates ------------------------------------------------------------------


def failing(memo, **options):
    calls = []

    def fail(kind):
        calls.append(kind)
        raise {"value": ValueError, "key": KeyError}[kind](kind)

    return memo(**options)(fail), calls


def test_exceptions_are_neither_kept_nor_raised_again_by_default(store, opened):
    """The function is called each time."""
    fail, calls = failing(opened(store))
    for _ in range(2):
        with pytest.raises(ValueError, match="value"):
            fail("value")

    assert len(calls) == 2
    assert fail.cache_info().currsize == 0


@pytest.mark.parametrize("kinds", [True, (ValueError,), ValueError, lambda error: "value" in str(error)])
def test_exceptions_are_kept_and_raised_again_by_type_or_predicate(store, opened, kinds):
    """Both are chosen on their own; a fresh one is raised each time."""
    memo = opened(store)
    fail, calls = failing(memo, exceptions=kinds, reraise=kinds)
    caught = []
    for _ in range(3):
        with pytest.raises(ValueError, match="value") as error:
            fail("value")
        caught.append(error.value)

    assert len(calls) == 1
    assert caught[1] is not caught[2]
    assert [record.is_exception for record in fail.records()] == [True]
    assert isinstance(fail.records().one().exception, ValueError)
    only_kept, calls = failing(memo, exceptions=kinds, name="only kept")
    for _ in range(2):
        with pytest.raises(ValueError, match="value"):
            only_kept("value")
    assert len(calls) == 2
    assert only_kept.cache_info().currsize == 1


def test_an_exception_of_another_type_is_not_kept(memo):
    """Only what was asked for."""
    fail, calls = failing(memo, exceptions=ValueError, reraise=True)
    for _ in range(2):
        with pytest.raises(KeyError):
            fail("key")

    assert len(calls) == 2


def test_stop_iteration_is_an_exception_like_others(memo):
    """The way through a miss is a generator, which must not show."""

    @memo
    def stop():
        raise StopIteration("here")

    with pytest.raises(StopIteration, match="here"):
        stop()


def test_what_cache_if_refuses_is_returned_and_not_kept(store, opened):
    """A predicate of the value."""
    calls = []

    @opened(store)(cache_if=lambda value: value is not None)
    def find(x):
        calls.append(x)
        return None if len(calls) == 1 else x

    assert [find(1), find(1), find(1)] == [None, 1, 1]
    assert len(calls) == 2


def test_valid_decides_by_the_record(store, opened):
    """Whether it may still be served: by its age, its runtime, its value."""
    clock = ManualClock()
    calls = []

    @opened(store, clock=clock)(valid=lambda record: record.value == "good" or clock.wall() - record.time < 5)
    def find(x):
        calls.append(x)
        return x

    for x in ("good", "bad"):
        find(x)
    clock.advance(6)
    for x in ("good", "bad"):
        find(x)

    assert calls == ["good", "bad", "bad"]


# -- records ---------------------------------------------------------------------------------


def test_records_are_found_by_recorded_arguments(store, opened):
    """Filter, order, one, count, delete."""
    clock = ManualClock()
    report, calls = counted(opened(store, clock=clock), record=True)
    for region in ("north", "south"):
        for year in (2023, 2024):
            clock.advance(1)
            report(region, year=year)

    found = report.records(region="north")

    assert found.count() == len(found) == 2
    assert [record.arguments["year"] for record in found.order("year", descending=True)] == [2024, 2023]
    assert [record.value["call"] for record in report.records().order("time")] == [1, 2, 3, 4]
    assert found.filter(lambda record: record.value["call"] == 2).one().arguments == {
        "region": "north",
        "year": 2024,
    }
    record = report.records(region="south", year=2024).one()
    assert record.key == report.key("south")
    assert record.exception is None
    assert record.tables == ()
    assert record.runtime == 0.0
    with pytest.raises(LookupError, match="there are 2"):
        found.one()
    assert found.delete() == 2
    assert report.cache_info().currsize == 2
    report("north")
    assert len(calls) == 5


def test_arguments_and_values_are_json_columns_for_queries_from_outside(memo, tmp_path):
    """All, by name, or through a function."""
    everything, _ = counted(memo, record=True, name="all")
    named, _ = counted(memo, record=("region", "return"), name="named")
    made, _ = counted(
        memo, record=lambda arguments, value: {"r": arguments["region"], "return": value["call"]}, name="made"
    )
    nothing, _ = counted(memo, name="nothing")
    for function in (everything, named, made, nothing):
        function("north", year=2023)

    connection = sqlite3.connect(tmp_path / "memo.db")
    rows = connection.execute(
        "SELECT function, arguments, value, json_extract(arguments, '$.region') FROM sqlmem_memo ORDER BY 1"
    ).fetchall()
    connection.close()

    value = {"region": "north", "year": 2023, "call": 1}
    assert [(f, a and json.loads(a), v and json.loads(v), r) for f, a, v, r in rows] == [
        ("all", {"region": "north", "year": 2023}, value, "north"),
        ("made", {"r": "north"}, 1, None),
        ("named", {"region": "north"}, value, "north"),
        ("nothing", None, None, None),
    ]


# -- decoration ------------------------------------------------------------------------------


def test_generator_functions_are_refused_at_decoration(memo):
    """What they yield can be read once only."""

    def rows():
        yield 1

    async def rows_async():
        yield 1

    for function in (rows, rows_async, functools.partial(rows)):
        with pytest.raises(TypeError, match="Return a list"):
            memo(function)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (classmethod(len), "under @classmethod"),
        (staticmethod(len), "under @staticmethod"),
        (property(len), "under @property"),
        (dict, "is a class"),
        (1, "a function is expected"),
    ],
)
def test_what_is_no_function_is_refused_with_a_hint(memo, function, hint):
    """At decoration, not at the first call."""
    with pytest.raises(TypeError, match=hint):
        memo()(function)


@pytest.mark.parametrize(
    "options",
    [
        {"maxsize": -1},
        {"maxsize": 1.5},
        {"ttl": 0},
        {"ttl": "1"},
        {"key": "x"},
        {"typed": 1},
        {"exceptions": (int,)},
        {"serializer": object()},
        {"ignore": (1,)},
    ],
)
def test_options_that_cannot_be_used_are_refused(memo, options):
    """By name."""
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        memo(**options)


def test_without_a_store_nothing_is_remembered(opened):
    """Memo(None) is off: the function as it is, with the same surface."""
    report, calls = counted(opened(None))
    report("a")
    report("a")

    assert len(calls) == 2
    assert report.cache_info() == CacheInfo(0, 2, None, 0)
    assert not report.has("a")
    assert list(report.records()) == []
    report.cache_clear()
    with pytest.raises(TypeError, match="say where"):
        Memo()


@pytest.mark.parametrize("given", [1, object(), {}])
def test_what_is_no_store_is_refused(given):
    """With what there is."""
    with pytest.raises(TypeError, match="a memo keeps its results in"):
        Memo(given)


def test_the_file_is_its_owners_alone(memo, tmp_path):
    """Mode 0600: it holds data, and with pickle whoever writes it can run code."""
    report, _ = counted(memo)
    report("a")

    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("memo.db*")}
    assert modes == {0o600}


def test_after_close_functions_run_without_a_memo(memo):
    """And nobody is warned of what was wanted."""
    report, calls = counted(memo)
    report("a")
    memo.close()
    memo.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report("a")

    assert len(calls) == 2


def test_partials_and_callable_objects_can_be_memoized(memo):
    """By the function they hold, and their arguments."""
    calls = []

    def add(a, b):
        calls.append((a, b))
        return a + b

    one, two = (memo(functools.partial(add, number)) for number in (1, 2))

    assert [one(1), two(1), one(1)] == [2, 3, 2]
    assert len(calls) == 2


# -- asyncio ---------------------------------------------------------------------------------


def test_async_functions_are_awaited_and_remembered(store, opened):
    """With the same surface; refresh is awaited too."""
    memo = opened(store)
    calls = []

    @memo(exceptions=True, reraise=True)
    async def report(x):
        calls.append(x)
        await asyncio.sleep(0)
        if x == "bad":
            raise ValueError(x)
        return [x]

    async def main():
        assert await report("a") == ["a"]
        assert await report("a") == ["a"]
        assert await report.refresh("a") == ["a"]
        assert report.peek("a") == ["a"]
        for _ in range(2):
            with pytest.raises(ValueError, match="bad"):
                await report("bad")

    asyncio.run(main())

    assert calls == ["a", "a", "bad"]
    assert asyncio.iscoroutinefunction(report)
