"""A statement that the store was slow at, asked of both: who takes longer, with the same parameters.

Rule 1: nobody is kept waiting, and nobody hears of what goes wrong: then it is put off.
Rule 2: one trial at a time, by a thread of its own that ends with it, on a connection that the pool has
        to spare. None begins for `PAUSE_TIMES` as long as the last one took.
Rule 3: the origin gets no more time for it than the store took.

What follows from a trial is decided in `paces`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from sqlalchemy.util.concurrency import greenlet_spawn

from sqlmem.clock import Clock
from sqlmem.directives import Directive
from sqlmem.entries import Bound, Planned
from sqlmem.exactness import UNCHANGING
from sqlmem.logs import heard, log
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.paces import Band, Pace, Paces, rows_of
from sqlmem.results import fit
from sqlmem.store import Generation, Retired, Store

# After a trial there is none for so many times as long as it took.
PAUSE_TIMES = 20
# The fastest of so many turns counts, as long as they take no longer than this together, or one of both takes
# up to so many times as long as the other: a short time says little of itself, and one of two alike.
_TURNS = 3
_TURNS_SECONDS = 0.1
_ALIKE = 1.3
# What the origin is given at the least.
_LEAST_LIMIT_SECONDS = 0.1
# How long `close` waits for a trial under way.
CLOSE_SECONDS = 2.0

# PostgreSQL: until the transaction ends; a limit that is there already and shorter stays.
_LIMIT_POSTGRESQL = (
    "SELECT set_config('statement_timeout', least(coalesce(nullif(setting, '0')::bigint, {0}), {0})::text,"
    " true) FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'"
)
_LIMIT_MARIADB = "SET STATEMENT max_statement_time={0:.3f} FOR {1}"


class Lap:
    """An answer of the store that may have been slow, until its rows are decoded."""

    __slots__ = ("_answered", "_arguments", "_began", "_bound", "_planned", "_trials")

    def __init__(
        self,
        trials: Trials,
        planned: Planned,
        bound: Bound,
        arguments: Sequence[Any],
        began: float,
        answered: int,
    ) -> None:
        """Take the parts; `answered`: how many rows it has."""
        self._answered = answered
        self._trials = trials
        self._planned = planned
        self._bound = bound
        self._arguments = arguments
        self._began = began

    def end(self, statement: str, parameters: Any, *, has_parameters: bool) -> None:
        """The rows are decoded. Neither waits nor raises.

        Args:
            statement, parameters: as they reached the driver.
        """
        now = self._trials.clock.monotonic()
        seconds = now - self._began
        pace = self._planned.pace
        rows = rows_of(self._bound.generations)
        band = None if pace is None else self._trials.paces.took(pace, seconds, self._answered, rows, now)
        if pace is None or band is None:
            return
        kept = _lasting(parameters)
        if kept is None:
            self._trials.paces.put_off(pace, now)
            return
        self._trials.begin(
            _Trial(
                statement,
                kept,
                has_parameters,
                self._planned,
                self._bound,
                self._arguments,
                pace,
                band,
                seconds,
            )
        )


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is asked of both. `seconds`: that the store has taken for it."""

    statement: str
    parameters: Mapping[str, Any] | tuple[Any, ...]
    has_parameters: bool
    planned: Planned
    bound: Bound
    arguments: Sequence[Any]
    pace: Pace
    band: Band
    seconds: float


class _Times(NamedTuple):
    """The fastest seconds of each.

    Attributes:
        look: of finding out that the answer has so many rows as its band.
        keep: of making the origin's answer fit to be kept; 0.0 if such aren't.
    """

    store: float
    origin: float
    look: float
    keep: float


def _lasting(parameters: Any) -> Mapping[str, Any] | tuple[Any, ...] | None:
    """The parameters, whatever the caller does to his; None if one of them may change."""
    is_named = isinstance(parameters, Mapping)
    if any(type(value) not in UNCHANGING for value in (parameters.values() if is_named else parameters)):
        return None
    return dict(parameters) if is_named else tuple(parameters)


def _present(planned: Planned) -> list[Generation | None]:
    return [state.generation for state in planned.states]


class Trials:
    """Safe for use by many threads."""

    def __init__(
        self, *, origin: Origin, store: Store, paces: Paces, clock: Clock, largest_kept: int = 0
    ) -> None:
        """Take the parts; `largest_kept`: bytes of an answer of the origin's that is kept."""
        self._largest_kept = largest_kept
        self.paces = paces
        self.clock = clock
        self._origin = origin
        self._store = store
        self._is_closed = False
        self._not_before = 0.0  # monotonic seconds
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None  # of the trial under way; guarded by _lock

    def origins_from(self, planned: Planned, directive: Directive) -> float:
        """From how many rows on the origin answers, for its speed; infinity if the store was asked for."""
        if directive.way in ("only", "refresh"):
            return inf
        if planned.pace is None and planned.bound is None:
            # Made anew, after an invalidation or for another constant: it is as fast as it was.
            planned.pace = self.paces.known(planned.plan)
        if planned.pace is None or planned.pace.decided is None:
            return inf
        return self.paces.origins_from(planned.pace, _present(planned), self.clock.monotonic())

    def told(self, planned: Planned) -> str | None:
        """Why the origin answers whatever the parameters, with the times; None if it doesn't.

        Changes nothing.
        """
        pace = self._decided(planned)
        return None if pace is None or pace.origins_from > 0 else pace.told()

    def told_of_many(self, planned: Planned) -> str | None:
        """Why the origin answers where there are many rows, likewise."""
        pace = self._decided(planned)
        if pace is None or pace.origins_from == 0:
            return None
        return f"from {int(pace.origins_from):,} rows on {pace.told()}"

    def _decided(self, planned: Planned) -> Pace | None:
        pace = planned.pace or self.paces.known(planned.plan)
        if pace is None or not self.paces.holds(pace, _present(planned), self.clock.monotonic()):
            return None
        return pace

    def begin(self, trial: _Trial) -> None:
        """Ask both, in the background; put off if that can't be now."""
        now = self.clock.monotonic()
        with self._lock:
            can_be = not self._is_closed and self._thread is None and now >= self._not_before
            if can_be:
                thread = threading.Thread(target=self._run, args=(trial,), name="sqlmem-trial", daemon=True)
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # no more threads, or the interpreter is ending
                    self._thread = None
                    can_be = False
        if not can_be:
            # Another one is under way: the next slow answer is as good.
            self.paces.let_go(trial.pace)

    def end_pause(self) -> None:
        """Let the next one begin at once, for whoever measures."""
        with self._lock:
            self._not_before = 0.0

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the trial under way; False if the time was over first."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)
            return not thread.is_alive()
        return True

    def close(self) -> None:
        """Begin no more; one that hangs in the network is left to itself."""
        with self._lock:
            self._is_closed = True
        self.wait(CLOSE_SECONDS)

    def reset_after_fork(self) -> None:
        """In the child: the thread is the parent's."""
        self.paces.reset_after_fork()
        self._begin_anew()

    # -- the thread ------------------------------------------------------------------------

    def _run(self, trial: _Trial) -> None:
        began = self.clock.monotonic()
        times: _Times | None = None
        try:
            times = self._times(trial)
        except Exception as error:  # noqa: BLE001 - the thread's task: whatever it is, nothing is decided
            if heard.debug:
                log.debug("no trial of {}: {}", " ".join(trial.planned.tables), type(error).__name__)
        finally:
            now = self.clock.monotonic()
            if times is None:
                self.paces.put_off(trial.pace, now)
            else:
                self._conclude(trial, times, now)
            with self._lock:
                self._not_before = now + PAUSE_TIMES * (now - began)
                self._thread = None

    def _conclude(self, trial: _Trial, times: _Times, now: float) -> None:
        self.paces.decide(
            trial.pace,
            trial.band,
            store_seconds=times.store,
            origin_seconds=times.origin,
            look_seconds=times.look,
            keep_seconds=times.keep,
            rows=rows_of(trial.bound.generations),
            now=now,
        )
        if heard.debug:
            log.debug(
                "trial of {}: the store {:.1f}ms, the origin {:.1f}ms",
                " ".join(trial.planned.tables),
                times.store * 1000,
                times.origin * 1000,
            )

    def _times(self, trial: _Trial) -> _Times | None:
        if not self._origin.has_spare_connection():
            return None
        if not self._origin.is_async:
            return self._compare(trial, self._origin.connect)
        # On a connection of its own: the pool's belong to the application's event loop.
        return asyncio.run(greenlet_spawn(self._compare_apart, trial))

    def _compare_apart(self, trial: _Trial) -> _Times | None:
        apart = self._origin.apart()
        try:
            return self._compare(trial, lambda: self._origin.connect(engine=apart))
        finally:
            with contextlib.suppress(Exception):
                apart.dispose()

    def _compare(self, trial: _Trial, connect: Callable[[], OriginConnection]) -> _Times | None:
        """None if they can't be told."""
        store_seconds, origin_seconds, look_seconds, keep_seconds = trial.seconds, inf, inf, inf
        connection = connect()
        try:
            connection.wait_briefly()
            statement = self._limited(connection, trial)
            until = self.clock.monotonic() + _TURNS_SECONDS
            for turn in range(_TURNS):
                if self._is_closed:
                    return None
                began = self.clock.monotonic()
                if turn:
                    self._ask_store(trial)
                    store_seconds = min(store_seconds, self.clock.monotonic() - began)
                    began = self.clock.monotonic()
                if trial.band.least:
                    self._look(trial)
                    look_seconds = min(look_seconds, self.clock.monotonic() - began)
                    began = self.clock.monotonic()
                try:
                    rows = self._ask_origin(connection, statement, trial)
                except Exception:
                    if self.clock.monotonic() - began < trial.seconds:
                        raise
                    break  # the limit, most likely: it isn't faster
                now = self.clock.monotonic()
                origin_seconds = min(origin_seconds, now - began)
                if self._largest_kept and trial.planned.is_lasting:
                    fit(rows, at_most=self._largest_kept)
                keep_seconds = min(keep_seconds, self.clock.monotonic() - now)
                shorter, longer = sorted((store_seconds, origin_seconds))
                if now >= until and longer > _ALIKE * shorter:
                    break
        except (Retired, sqlite3.Error, ValueError):
            return None  # of the store: invalidated meanwhile, say
        finally:
            connection.release()
        return _Times(store_seconds, origin_seconds, look_seconds, keep_seconds)

    def _limited(self, connection: OriginConnection, trial: _Trial) -> str:
        """The statement to ask, once the origin ends what takes longer than the store took."""
        seconds = max(_LEAST_LIMIT_SECONDS, trial.seconds)
        if self._origin.family == "postgresql":
            connection.execute(_LIMIT_POSTGRESQL.format(int(seconds * 1000)), None, has_no_parameters=True)
        elif getattr(self._origin.dialect, "is_mariadb", False):
            result = connection.execute("SELECT @@max_statement_time", None, has_no_parameters=True)
            present = float(result.scalar() or 0)
            return _LIMIT_MARIADB.format(min(seconds, present or seconds), trial.statement)
        return trial.statement

    def _ask_store(self, trial: _Trial) -> None:
        rows = self._store.query(trial.bound.generations, trial.planned.plan.sql, trial.arguments)
        if trial.bound.decode is not None:
            trial.bound.decode(rows)

    def _look(self, trial: _Trial) -> None:
        lane = self._store.lane(trial.bound.generations)
        lane.rows_below(trial.planned.plan.sql, trial.arguments, trial.band.least)

    def _ask_origin(self, connection: OriginConnection, statement: str, trial: _Trial) -> list[Any]:
        result = connection.execute(statement, trial.parameters, has_no_parameters=not trial.has_parameters)
        with driver_errors():
            cursor: Any = result.cursor
            rows: list[Any] = cursor.fetchall()
            result.close()
        return rows
