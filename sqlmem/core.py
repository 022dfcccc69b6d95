"""One engine's parts, put together; what `CachingEngine` does behind SQLAlchemy's interface."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import BindTyping

from sqlmem.clock import Clock, SystemClock
from sqlmem.counters import Counters
from sqlmem.dbapi import LazyConnection
from sqlmem.dependencies import Exactly
from sqlmem.errors import ClosedError
from sqlmem.executor import Executor
from sqlmem.explain import Explanation
from sqlmem.explaining import explain
from sqlmem.filling import Filling
from sqlmem.front import Front
from sqlmem.keeping import Keeper
from sqlmem.lazy_pool import LazyPool
from sqlmem.logs import follow_debug, log
from sqlmem.maintenance import Maintenance
from sqlmem.model import Rows, Stats
from sqlmem.moments import MomentRegistry
from sqlmem.origin import Origin
from sqlmem.overview import overview
from sqlmem.paces import Paces
from sqlmem.passing import PassingConnection
from sqlmem.passing_shared import Passing
from sqlmem.registry import Registry
from sqlmem.residency import Residency
from sqlmem.results import Results
from sqlmem.sampling import SamplingExecutor, Share
from sqlmem.selection import Selection
from sqlmem.sessions import Sessions
from sqlmem.settings import find_dotenv, load_settings
from sqlmem.shortcuts import SampledShortcut, Shortcut
from sqlmem.skeletons import begins_as_query
from sqlmem.snapshot import Owner
from sqlmem.stand_in import StandIn
from sqlmem.store import Generation, Store
from sqlmem.tables import matcher
from sqlmem.text_results import TextResults
from sqlmem.together import Together
from sqlmem.trials import Trials
from sqlmem.verification import Verification
from sqlmem.warming import warm
from sqlmem.writes import Writes

if TYPE_CHECKING:
    from sqlmem.live_verification import LiveVerification


# What SQLAlchemy looks for in a text: parameters, escapes, what a driver would take for a parameter.
_SQLALCHEMYS = frozenset(":%\\")


class Core:
    """Safe for use by many threads."""

    def __init__(self, base: Engine, keywords: Mapping[str, Any]) -> None:
        options = dict(keywords)
        clock = options.pop("clock", None)
        self.settings = load_settings(options, os.environ, find_dotenv())
        if "debug" in options:
            follow_debug(debug=self.settings.debug)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.origin = Origin(base)
        self.origin.selection = Selection(self.settings.tables, self.settings.exclude)
        self.store = Store()
        # A database in memory is this engine's alone, however it is addressed.
        scope = None if self.origin.is_ephemeral else self.origin.place()
        registry = MomentRegistry if self.settings.consistency == "snapshot" else Registry
        self.registry: Registry = registry(self.clock, self.settings.ttl_for, scope=scope)
        self.counters = Counters()
        self.residency = Residency(self.store, self.registry, self.settings.max_memory)
        self.filling = Filling(
            origin=self.origin,
            store=self.store,
            registry=self.registry,
            residency=self.residency,
            clock=self.clock,
            hit_count=self.counters.hit_count,
        )
        self.together: Together | None = None
        if isinstance(self.registry, MomentRegistry):
            self.together = Together(self.registry, self.filling)
        self.front = Front(
            self.origin,
            self.registry,
            self.settings.plan_cache_size,
            sums_floats=self.settings.float_aggregates == "local",
            is_transparent=self.settings.mode == "transparent",
            keeps_results=self.settings.max_results > 0,
        )
        self.results = Results(self.settings.max_results)
        self.keeper: Keeper | None = None
        if self.settings.max_results > 0:
            self.keeper = Keeper(
                results=self.results,
                registry=self.registry,
                filling=self.filling,
                clock=self.clock,
                is_async=self.origin.is_async,
            )
        self.trials: Trials | None = None
        # SQLite is the store's own engine in the same process, and a reader there may be in a writer's way.
        if self.settings.slow_statements == "origin" and self.origin.family != "sqlite":
            paces = Paces(self.settings.plan_cache_size)
            self.trials = Trials(
                origin=self.origin,
                store=self.store,
                paces=paces,
                clock=self.clock,
                largest_kept=self.results.largest,
            )
        is_sampling = self.settings.verify > 0
        self._shortcut = SampledShortcut if is_sampling else Shortcut
        self.executor = (SamplingExecutor if is_sampling else Executor)(
            front=self.front,
            store=self.store,
            filling=self.filling,
            counters=self.counters,
            clock=self.clock,
            stale_seconds=self.settings.stale_if_error,
            together=self.together,
            keeper=self.keeper,
            trials=self.trials,
        )
        self.live: LiveVerification | None = None
        if isinstance(self.executor, SamplingExecutor):
            # With what it takes, a fiftieth of the package's import, for who verifies only.
            from sqlmem.live_verification import LiveVerification

            self.live = LiveVerification(
                origin=self.origin,
                front=self.front,
                store=self.store,
                residency=self.residency,
                counters=self.counters,
                clock=self.clock,
                check_values=self.executor.by_store.check_values,
            )
            self.executor.sample(Share(self.settings.verify), self.live)
        self.writes = Writes(
            family=self.origin.syntax(has_parameters=True).family,
            registry=self.registry,
            store=self.store,
            clock=self.clock,
            counters=self.counters,
        )
        self.sessions = Sessions()
        self.passing = Passing(
            self.origin, self.executor, self.front, self.writes, self.sessions, self.settings.transactions
        )
        self.verification: Verification | None = None
        path = self.settings.cache_db
        if self.origin.is_ephemeral:
            path = None  # the database is gone with the process
        self.maintenance = Maintenance(
            store=self.store,
            registry=self.registry,
            clock=self.clock,
            path=path,
            interval_seconds=self.settings.backup_interval,
            owner=Owner(
                self.origin.fingerprint(), self.origin.identity(), base.dialect.name, base.dialect.driver
            ),
            facts=self.origin.facts_if_known,
            max_bytes=self.settings.max_memory,
            keeper=self.keeper,
            origin_file=self.origin.file,
            on_child=(
                self.counters.reset_after_fork,
                self.residency.reset_after_fork,
                self.front.reset_after_fork,
                self.results.reset_after_fork,
                self.writes.reset_after_fork,
                self.passing.reset_after_fork,
                self.origin.forget_connections,
                self._reset_after_fork(),
                *([self.trials.reset_after_fork] if self.trials is not None else []),
                *([self.live.reset_after_fork] if self.live is not None else []),
                *([self.together.groups.reset_after_fork] if self.together is not None else []),
            ),
        )
        self.registry.on_adopted = _dropping(self.store, self.maintenance)
        self.writes.lost = self.maintenance.lost
        self.lazy_pool = LazyPool(
            self.pooled_connection,
            dialect=base.dialect,
            origin_pool=(lambda: base.pool) if self.is_transparent else None,
            reset_on_return=_reset_on_return(base) if self.is_transparent else True,
        )
        # text of `execute` -> its shortcut; dropped as a whole when full
        self.shortcuts: dict[str, Shortcut] = {}
        self.is_initialized = False
        # Whether our cursors may be told to execute without the dialect: it would do nothing but that.
        self.takes_at_once = (
            self.executor.takes_at_once
            and type(base.dialect).do_execute is DefaultDialect.do_execute
            and base.dialect.bind_typing is not BindTyping.SETINPUTSIZES
        )
        self.text_results = TextResults(base.dialect, self.settings.plan_cache_size)
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def is_transparent(self) -> bool:
        return self.settings.mode == "transparent"

    def pooled_connection(self) -> LazyConnection | StandIn:
        """What SQLAlchemy's pool holds in place of a driver's connection."""
        lazy = self.lazy_connection()
        return lazy if isinstance(lazy, LazyConnection) else StandIn(lazy)

    def lazy_connection(self) -> LazyConnection | PassingConnection:
        """What decides for a statement who answers it."""
        if self.is_transparent:
            return PassingConnection(self.passing)
        return LazyConnection(self.origin, self.executor, self.front)

    # -- life ------------------------------------------------------------------------------

    def start(self, engine: object) -> None:
        """Load the snapshot and start the thread that keeps it, for as long as the engine is there."""
        if self.live is not None:
            self.live.follow(engine)
        loaded = self.maintenance.start(engine)
        if loaded is None:
            return
        # The settings may be other ones than those that the file was written under.
        selection = self.origin.selection
        names = [state.name for state in self.registry.states()]
        left_out = frozenset(name for name in names if selection.refusal_of(name) is not None)
        if left_out:
            for generation in self.registry.invalidate(Exactly(left_out))[1]:
                self.store.retire(generation)
        states = [state for state in self.registry.states() if not state.is_verified]
        if states:
            if loaded.facts is not None:
                self.origin.remember_facts(loaded.facts)
            self.verification = Verification(
                self.origin, self.registry, self.store, self.maintenance.lost, states
            )
            self.filling.verifier = self.verification
            self.verification.start()

    def initialize(self) -> None:
        """Let SQLAlchemy's dialect meet its server, as the wrapped engine's first connect does."""
        if self._is_closed:
            raise ClosedError("this engine was closed; make a new one")
        if self.verification is not None:
            # It meets the server too; if it couldn't, hits go on without.
            self.verification.wait(is_async=self.origin.is_async)
            self.is_initialized = True
            return
        with self.origin.engine.connect():
            pass
        self.is_initialized = True

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self.is_initialized = False  # so that connect() comes by `initialize`
        self.shortcuts = {}
        self.executor.is_closed = True
        self.executor.at_once.close()
        self.front.answering.clear()
        # Nobody of ours uses the origin after this.
        if self.trials is not None:
            self.trials.close()
        if self.live is not None:
            self.live.close()
        if self.verification is not None:
            self.verification.join()
        self.maintenance.close()
        for generation in self.registry.close():
            self.store.retire(generation)
        self.results.clear()

    def _reset_after_fork(self) -> Callable[[], None]:
        # Not a method: what Maintenance holds must not hold the engine.
        filling = self.filling

        def reset() -> None:
            if filling.verifier is not None:
                filling.verifier.reset_after_fork()

        return reset

    # -- the short way ---------------------------------------------------------------------

    def remember_shortcut(self, statement: str, compiled: Any) -> None:
        """Remember the way of a text that was asked for, as SQLAlchemy has compiled it."""
        if statement in self.shortcuts or self._is_closed or self.passing.is_thread_bound:
            return
        short = self._shortcut_of(compiled)
        if short is not None:
            self._remember(statement, short)

    def _shortcut_of(self, compiled: Any) -> Shortcut | None:
        # Whatever needs SQLAlchemy's hand at each execution takes the long way.
        if compiled._bind_processors or compiled.escaped_bind_names or compiled.post_compile_params:
            return None
        positions = getattr(compiled, "positiontup", None)
        names = tuple(positions) if positions is not None else tuple(compiled.bind_names.values())
        return self._shortcut(
            self.executor, self.front, str(compiled), names, is_positional=positions is not None
        )

    def _remember(self, statement: str, short: Shortcut) -> None:
        if len(self.shortcuts) >= self.settings.plan_cache_size:
            self.shortcuts = {}
        self.shortcuts[statement] = short

    def first(self, statement: str, parameters: Mapping[str, Any] | None) -> Rows | None:
        """The answer to a text that wasn't asked for before, if the store has it; None: take the long way.

        Raises:
            ValueError: a stored value is damaged.
        """
        if (
            not self.is_initialized
            or self.passing.is_thread_bound
            or self.origin.is_async
            or not (parameters is None or type(parameters) is dict)
            or not begins_as_query(statement)
        ):
            return None
        short: Shortcut | None
        if _SQLALCHEMYS.isdisjoint(statement):
            # SQLAlchemy would make the same text of it, without parameters.
            short = self._shortcut(self.executor, self.front, statement, (), is_positional=True)
        else:
            short = self._shortcut_of(sa.text(statement).compile(dialect=self.origin.dialect))
        rows = None if short is None else short.first(parameters)
        if short is not None and rows is not None:
            self._remember(statement, short)
        return rows

    # -- the cache -------------------------------------------------------------------------

    def invalidate(self, table: Any | None) -> None:
        matches = None if table is None else matcher(table, self.origin.files())
        states, generations = self.registry.invalidate(matches)
        for generation in generations:
            self.store.retire(generation)
        if states:
            self.maintenance.lost()
        if self.keeper is not None:
            self.keeper.drop_lost()
        log.info("invalidated {}", ", ".join(sorted(str(state.name) for state in states)) or "nothing cached")

    def stats(self) -> Stats:
        return overview(self.registry, self.counters, self.executor, self.results, self.clock)

    def explain(self, statement: Any, parameters: Mapping[str, Any] | None) -> Explanation:
        borrower = self.lazy_connection()
        return explain(self.origin, self.front, self.executor, borrower, statement, parameters)

    def warm(
        self,
        borrower: LazyConnection | PassingConnection,
        table: Any,
        columns: Sequence[str] | None,
        on_progress: Callable[[int, int | None], None] | None,
    ) -> None:
        warm(self.front, self.filling, self.executor, self.store, borrower, table, columns, on_progress)


def _dropping(store: Store, maintenance: Maintenance) -> Callable[[Sequence[Generation]], None]:
    """What to do with rows of an era that has ended elsewhere. Not a method: see `_reset_after_fork`."""

    def drop(generations: Sequence[Generation]) -> None:
        for generation in generations:
            store.retire(generation)
        if generations:
            maintenance.lost()

    return drop


def _reset_on_return(base: Engine) -> Any:
    """What the wrapped engine's pool does with a connection that comes back."""
    style: Any = base.pool._reset_on_return
    return None if style is None else style.name.removeprefix("reset_")
