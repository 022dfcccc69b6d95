"""How anything here is timed.

Rule 1: contestants take turns, round by round, so that a slow minute of the machine hits all; and each turn
        counts as a share of its round (`medians`).
Rule 2: what is quoted is a ratio of medians of one run. Absolute times are for orientation.
        Of contestants that do all their work in this thread it is CPU time, which on an idle machine is the
        same as the time that passes, and on a busy one isn't somebody else's.
Rule 3: the garbage collector is on, but looks only at what the contestants make, and from the start of each
        turn: else who made the last object before a full collection would pay for everybody's.
Rule 4: what is compared is shown to be the same first (`same`), or the table says what differs.
"""

from __future__ import annotations

import gc
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlmem import CachingEngine, last_status, paces, trials

# An argument decides nothing but which row is asked for; it is made beside the clock.
Ask = Callable[[Any], object]

_Name = TypeVar("_Name")

_MOST_GUESSED = 200
# What takes longer is asked three times.
_SLOW_SECONDS = 0.5


class Pace:
    """How long measuring may take. `--quick` is for trying the benchmarks out, not for quoting."""

    def __init__(self, *, is_quick: bool = False, is_full: bool = False) -> None:
        self.is_quick = is_quick
        self.is_full = is_full

    def rounds(self, usual: int) -> int:
        return max(3, usual // 4) if self.is_quick else usual


# Slow answers after which it is known who is faster.
_MOST_SLOW = 8


class Seconds(NamedTuple):
    """Medians, by contestant: of the time that passed, and of this process's CPU time."""

    wall: dict[str, float]
    cpu: dict[str, float]


def seconds_each(
    contestants: Mapping[str, Ask],
    *,
    rounds: int,
    arguments: Callable[[int], Any] = lambda number: number,
    round_seconds: float = 0.04,
    most_calls: int = 4_000,
    is_once: bool = False,
) -> Seconds:
    """The median over the rounds of the seconds that one call takes, for each contestant; see `medians`.

    Args:
        arguments: of a serial number the argument of a call. Serial numbers never repeat, and all
            contestants of a round are asked with the same ones, as far as each gets in its time.
        round_seconds: how long a contestant's turn should take; at least one call.
        is_once: one call is a turn, however short; none warms up.
    """
    calls = dict.fromkeys(contestants, 1)
    serial = 0
    if not is_once:
        for name, ask in contestants.items():
            calls[name], slowest = _calls(ask, arguments, round_seconds, most_calls)
            if slowest > _SLOW_SECONDS:
                rounds = min(rounds, 3)
        serial = 2 + _MOST_GUESSED
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        most = max(calls.values())
        given = [arguments(number) for number in range(serial, serial + most)]
        serial += most
        for name, ask in contestants.items():
            turn = given[: calls[name]]
            gc.collect()
            cpu_began, began = time.process_time(), time.perf_counter()
            for argument in turn:
                ask(argument)
            ended, cpu_ended = time.perf_counter(), time.process_time()
            wall[name].append((ended - began) / len(turn))
            cpu[name].append((cpu_ended - cpu_began) / len(turn))
    gc.unfreeze()
    return Seconds(medians(wall), medians(cpu))


def medians(rounds: Mapping[_Name, Sequence[float]]) -> dict[_Name, float]:
    """Each contestant's median, of rounds that are made alike first.

    Shared machines are half as fast again for some seconds, and then not: medians of each contestant's own
    turns would be of slow rounds for one, and of fast ones for another. So a turn counts as a multiple of the
    geometric mean of its round, and the median of the multiples is given in units of the usual round.
    """
    means = [statistics.geometric_mean(each) for each in zip(*rounds.values(), strict=True)]
    usual = statistics.median(means)
    return {
        name: usual * statistics.median(turn / mean for turn, mean in zip(turns, means, strict=True))
        for name, turns in rounds.items()
    }


def _calls(ask: Ask, arguments: Callable[[int], Any], round_seconds: float, most: int) -> tuple[int, float]:
    """How many calls a turn has, and the seconds that one takes about."""
    taken = 0.0
    for number in range(2):
        began = time.perf_counter()
        ask(arguments(number))
        taken = time.perf_counter() - began
        if taken > 4 * round_seconds:
            return 1, taken
    # Once more, with what a first guess says: a second call may still be a slow one.
    guess = max(1, min(_MOST_GUESSED, int(round_seconds / 4 / taken)))
    given = [arguments(number) for number in range(2, 2 + guess)]
    began = time.perf_counter()
    for argument in given:
        ask(argument)
    taken = (time.perf_counter() - began) / guess
    return max(1, min(most, int(round_seconds / taken))), taken


def settle(engine: CachingEngine, ask: Ask, arguments: Callable[[int], Any]) -> None:
    """Ask until the engine has found out whether the origin is faster at a statement, see `sqlmem.trials`.

    A program would get there in its first minutes: after a trial there is a pause, so that trials are a
    small share of what the origin does. Here it is left out.
    """
    trials.PAUSE_TIMES = 0
    finding = engine._core.trials  # noqa: SLF001 - nothing public waits for it
    for number in range(_MOST_SLOW):
        began = time.perf_counter()
        ask(arguments(number))
        is_slow = time.perf_counter() - began >= paces.LEAST_SECONDS
        if finding is not None:
            finding.wait(30.0)
        status = last_status()
        if status is None or status.outcome != "hit" or (number > 1 and not is_slow):
            return


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def same(*answers: Any) -> None:
    """Contestants that answer differently can't be compared."""
    first, *others = answers
    for other in others:
        if other != first:
            raise RuntimeError(f"not the same answer: {str(first)[:200]} and {str(other)[:200]}")


def together(threads: int, work: Callable[[int], object]) -> float:
    """Seconds from when all begin until the last ends; raises what any of them raised."""
    barrier = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many of a hundred don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
