"""The way of a statement: text to plan, plan to generations, generations to an answer.

    text ── front (parse, plan; once) ──► Planned | Bypassed | Refused
    Planned ── generations there and fresh ──► hit
            ── not there ── lease ── fill ── publish ──► miss
            ── anything in doubt ──► bypass: the origin answers, with the reason

`hits` leads to the hot path, which is in `hot`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import inf
from typing import Any

from sqlmem.answers import Caller, Local, Remote, refusal
from sqlmem.at_once import AtOnce
from sqlmem.clock import Clock
from sqlmem.codecs import Unrepresentable
from sqlmem.costs import obstacle as too_many_steps
from sqlmem.counters import Counters
from sqlmem.directives import Directive
from sqlmem.effects import Effect
from sqlmem.entries import Bypassed, Passed, Planned, Refused
from sqlmem.errors import (
    ClosedError,
    NotCachedError,
    StatementRefused,
)
from sqlmem.faster import Faster, asked_before
from sqlmem.filling import Filling, GiveUp, Replan
from sqlmem.front import Front
from sqlmem.hits import Hits
from sqlmem.hot import Over
from sqlmem.keeping import Asked, Keeper, Keeping
from sqlmem.logs import heard, log
from sqlmem.model import Outcome, Status
from sqlmem.present import obstacle
from sqlmem.registry import TableState
from sqlmem.results import Kept
from sqlmem.store import Generation, Retired, Store
from sqlmem.together import Together, Wanted
from sqlmem.trials import Lap, Trials

# How often a statement looks again because a table changed under it, before the origin answers.
_ATTEMPTS = 20


class Executor:
    """Safe for use by many threads."""

    # Whether a plain hit may be answered by what `Front.ready` gives, without `run`.
    takes_at_once = True

    def __init__(
        self,
        *,
        front: Front,
        store: Store,
        filling: Filling,
        counters: Counters,
        clock: Clock,
        stale_seconds: float,
        together: Together | None = None,
        keeper: Keeper | None = None,
        trials: Trials | None = None,
    ) -> None:
        """Take the parts.

        Args:
            together: what brings a statement's tables as of one moment; None: each is as of its own.
            keeper: what keeps the origin's answers; None: nothing does.
            trials: what finds out what the origin is faster at; None: nothing does.
        """
        self._trials = trials
        self.hits = Hits(store=store, counters=counters, clock=clock, trials=trials)
        self._faster = None if trials is None else Faster(self, trials)
        self._together = together
        self._keeper = keeper
        self.front = front
        self._store = store
        self._filling = filling
        self.counters = counters
        self._clock = clock
        self._stale_seconds = stale_seconds
        self.at_once = AtOnce(front, counters, filling, keeper)
        self.is_closed = False

    def run(
        self,
        caller: Caller,
        statement: str,
        parameters: Any,
        *,
        has_parameters: bool,
        is_whole: bool = True,
    ) -> Local | Remote:
        """Answer a statement as it reached the cursor, or say that the origin must.

        Of what was said before, `at_once` is asked first.

        Args:
            is_whole: all its rows will be fetched at once, as the driver gives them.

        Raises:
            StatementRefused: strict mode doesn't run it; nothing reached the origin.
            The driver's own exceptions, from a fill or the catalogue.
        """
        began = self._clock.monotonic() if heard.debug else 0.0
        try:
            asked = Asked(statement, parameters, has_parameters, is_whole)
            answer = self._run(caller, asked)
        except StatementRefused as refusal:
            self.counters.other(Outcome.REJECTED)
            if heard.debug:
                log.debug("rejected {}: {}", type(refusal).__name__, refusal.reason)
            raise
        if heard.debug:
            self.note(answer.status, began)
        return answer

    def note(self, status: Status, began: float) -> None:
        """Log how a statement was answered."""
        log.debug(
            "{} {}{} {:.1f}ms",
            status.outcome,
            " ".join(status.tables) or "-",
            f" ({status.reason})" if status.reason else "",
            (self._clock.monotonic() - began) * 1000,
        )

    def now(self) -> float:
        return self._clock.monotonic()

    def _run(self, caller: Caller, asked: Asked) -> Local | Remote:
        if self.is_closed:
            raise ClosedError("this engine was closed; make a new one")
        statement, parameters, has_parameters = asked.statement, asked.parameters, asked.has_parameters
        reason = caller.bypass_reason
        if caller.directive:
            asked = asked._replace(newest=self._newest(caller.directive))
            if caller.directive.way == "bypass":
                reason = reason or "it asked to bypass"
        if reason is not None and self.front.is_transparent:
            # Nothing is planned: the catalogue, asked on another connection, could wait for this one's locks.
            remote = self._unplanned(caller, statement, reason, has_parameters=has_parameters)
            if remote.status.outcome is Outcome.BYPASS and not caller.directive:
                self.at_once.remember_special((statement, has_parameters), reason, remote)
            return remote
        has_filled = False
        tables: tuple[str, ...] = ()
        reads: tuple[TableState, ...] | None = None
        is_lasting = False
        for _ in range(_ATTEMPTS):
            try:
                entry = self.front.entry(
                    statement, caller, has_parameters=has_parameters, parameters=parameters
                )
                if not isinstance(entry, Planned):
                    return self._not_local(caller, asked, entry, reason)
                tables = entry.tables
                reads, is_lasting = entry.states, entry.is_lasting
                return self._planned(caller, asked, entry, reason, has_filled=has_filled)
            except GiveUp as error:
                # Given up before it was planned: what it calls isn't known to be harmless.
                effect = self._effect_of_a_read(statement, has_parameters) if reads is None else None
                keeps = reads if is_lasting else None
                return self.kept_or_bypass(caller, asked, error.reason, tables, keeps, effect, reads)
            except Replan as replan:
                has_filled = has_filled or replan.has_filled
            except Retired:
                continue
            except (StatementRefused, NotCachedError):
                raise
            except BaseException:
                # The origin couldn't be reached, or the caller was interrupted: it was no hit.
                self.counters.other(Outcome.MISS)
                raise
        return self._bypass(caller, statement, "its tables change faster than they can be read", ())

    def _planned(
        self, caller: Caller, asked: Asked, planned: Planned, reason: str | None, *, has_filled: bool
    ) -> Local | Remote:
        reason = reason or caller.own_reason(planned.states)
        if reason is not None:
            return self._bypass(caller, asked.statement, reason, planned.tables, reads=planned.states)
        if (
            not caller.directive
            and self._together is None
            and (why := self._filling.why_not_there(planned.states)) is not None
        ):
            # A program that writes as often as it reads: as `_miss` would find, in fewer steps.
            keeps = planned.states if planned.is_lasting else None
            answer = self.kept_or_bypass(caller, asked, why, planned.tables, keeps, None, planned.states)
            if isinstance(answer, Remote) and answer.keeping is None:
                self.at_once.remember_resting((asked.statement, asked.has_parameters), planned, answer)
            return answer
        return self._by_store(caller, asked, planned, has_filled=has_filled)

    def _by_store(
        self, caller: Caller, asked: Asked, planned: Planned, *, has_filled: bool
    ) -> Local | Remote:
        origins_from = inf if self._trials is None else self._trials.origins_from(planned, caller.directive)
        is_over = False
        # Who wants the store's answer gets it, whatever it takes.
        is_asked = has_filled or asked.newest > -inf
        if caller.directive.way == "only" and planned.pace is not None and planned.pace.decided is not None:
            is_asked = True
        try:
            answer = None if is_asked or origins_from == 0 else self.hits.hit(planned, asked.parameters)
        except Over:
            is_over = True
        else:
            if answer is not None:
                return answer
        arguments = _arguments_or_give_up(planned, asked.parameters)
        if self._faster is not None and (origins_from == 0 or is_over):
            # What has many rows is kept when it is asked for again: a look at each value is dear then.
            may_keep = not is_over or asked_before(planned, arguments, origins_from)
            return self._faster.answer(caller, asked, planned, arguments, may_keep=may_keep)
        return self._miss(caller, planned, arguments, has_filled=has_filled, newest=asked.newest)

    def _not_local(
        self, caller: Caller, asked: Asked, entry: Bypassed | Passed | Refused, reason: str | None
    ) -> Local | Remote:
        match entry:
            case Refused():
                raise refusal(asked.statement, entry)
            case Passed(effect):
                remote = self._pass(caller, asked.statement, effect)
                return self.at_once.remember((asked.statement, asked.has_parameters), entry, remote)
            case Bypassed():
                keeps = entry.keeps if reason is None else None
                is_usual = reason is None
                reason = reason or entry.reason
                if keeps is None:
                    remote = self._bypass(
                        caller, asked.statement, reason, entry.tables, entry.effect, entry.reads
                    )
                    if is_usual:
                        self.at_once.remember((asked.statement, asked.has_parameters), entry, remote)
                    return remote
                return self.kept_or_bypass(
                    caller, asked, reason, entry.tables, keeps, entry.effect, entry.reads
                )

    def kept_or_bypass(
        self,
        caller: Caller,
        asked: Asked,
        reason: str,
        tables: tuple[str, ...],
        states: tuple[TableState, ...] | None,
        effect: Effect | None = None,
        reads: tuple[TableState, ...] | None = None,
    ) -> Local | Remote:
        """What the origin has answered before, or the origin, whose answer may be kept.

        Args:
            states: the tables on which the answer depends; None if that isn't known.
        """
        found: Kept | Keeping | None = None
        if (
            self._keeper is not None
            and states is not None
            and caller.directive.invalidates is None
            and (effect is None or effect.is_read)
            and caller.own_reason(states) is None
        ):
            found = self._keeper.find(caller, asked, states)
        if isinstance(found, Kept):
            age = max(0.0, self._clock.monotonic() - found.read_at)
            self.counters.other(Outcome.RESULT_HIT)
            # The list is the caller's own; of values that could be changed the decoder makes new ones.
            status = Status(Outcome.RESULT_HIT, age, tables, reason)
            return Local(list(found.rows), found.bound, status, found)
        try:
            return self._bypass(caller, asked.statement, reason, tables, effect, reads, found)
        except BaseException:
            if found is not None:
                found.__exit__(BaseException, None, None)
            raise

    def _unplanned(self, caller: Caller, statement: str, reason: str, *, has_parameters: bool) -> Remote:
        effect = self.front.effect(statement, has_parameters=has_parameters)
        if not effect.is_read:
            return self._pass(caller, statement, effect)
        known = self.front.known(statement, has_parameters=has_parameters)
        tables = known.tables if isinstance(known, Planned | Bypassed) else ()
        return self._bypass(caller, statement, reason, tables, effect)

    def passed(self, caller: Caller, statement: str, *, has_parameters: bool) -> Remote:
        """What is sent to the origin whatever it is: a batch, a procedure, a driver's own way of asking."""
        if self.is_closed:
            raise ClosedError("this engine was closed; make a new one")
        return self._unplanned(
            caller, statement, "it was executed in a way of the driver's", has_parameters=has_parameters
        )

    def effect(self, statement: str, *, has_parameters: bool) -> Effect:
        """What a statement does to what others read, by its words."""
        return self.front.effect(statement, has_parameters=has_parameters)

    def _effect_of_a_read(self, statement: str, has_parameters: bool) -> Effect | None:  # noqa: FBT001
        if not self.front.is_transparent:
            return None  # the origin's own wall is before it
        return self.front.effect(statement, has_parameters=has_parameters)

    def _newest(self, directive: Directive) -> float:
        if directive.way == "refresh":
            return self._clock.monotonic()
        if directive.max_staleness is not None:
            return self._clock.monotonic() - directive.max_staleness
        return -inf

    def _miss(
        self, caller: Caller, planned: Planned, arguments: Sequence[Any], *, has_filled: bool, newest: float
    ) -> Local:
        generations: list[Generation] = []
        try:
            outcome, is_stale = self._bring(caller, planned, generations, newest)
            return self.answer(
                planned,
                arguments,
                tuple(generations),
                Outcome.MISS if has_filled else outcome,
                is_stale=is_stale,
            )
        finally:
            for generation in generations:
                if generation.is_private:
                    self._store.retire(generation)

    def answer(
        self,
        planned: Planned,
        arguments: Sequence[Any],
        generations: tuple[Generation, ...],
        outcome: Outcome,
        *,
        is_stale: bool,
    ) -> Local:
        """The store's answer over these generations.

        Raises:
            GiveUp: they have values that the plan isn't exact on, or the store can't compute it.
            Retired: one of them went away.
        """
        self.check_values(planned, generations, arguments)
        bound = self.front.bind(planned, generations)
        if self._trials is not None:
            is_quick = self.hits.is_short(planned.plan, self._store.lane(generations))
            planned.pace = None if is_quick else self._trials.paces.of(planned.plan, generations)
        began = self._clock.monotonic()
        try:
            rows = self._store.query(generations, planned.plan.sql, arguments)
        except (sqlite3.Error, OverflowError) as error:
            # An overflow, mostly: an error at the origin too, or a wider type. It says which.
            raise GiveUp(f"the store couldn't compute it ({type(error).__name__})") from None
        now = self._clock.monotonic()
        age = max((now - generation.read_at for generation in generations), default=0.0)
        if outcome is Outcome.HIT:
            self.counters.hit(planned.tables)
        else:
            self.counters.other(outcome)
        lap = None
        if self._trials is not None and planned.pace is not None:
            lap = Lap(self._trials, planned, bound, arguments, began, len(rows))
        return Local(rows, bound, Status(outcome, age, planned.tables, is_stale=is_stale), None, lap)

    def check_values(
        self, planned: Planned, generations: Sequence[Generation], arguments: Sequence[Any] | None = None
    ) -> None:
        """Raise `GiveUp` if the plan isn't exact on what these generations hold, or isn't worth it.

        Args:
            arguments: the store's; None if they aren't known.
        """
        plan = planned.plan
        reason = obstacle(self._store, plan, generations)
        is_new = planned.bound is None or planned.bound.generations != tuple(generations)
        if reason is None and is_new:
            given = [None] * len(plan.arguments) if arguments is None else arguments
            try:
                reason = too_many_steps(self._store, plan, generations, given)
            except (sqlite3.Error, OverflowError):
                reason = None  # what it is, running it will tell
        if reason is not None:
            raise GiveUp(reason)

    def check_arguments(self, planned: Planned, parameters: Any) -> None:
        """Raise `GiveUp` if a parameter stands in the way."""
        _arguments_or_give_up(planned, parameters)

    def refusal_of(self, state: TableState) -> str | None:
        """Why no fill of this table is tried now; None if one would be."""
        return self._filling.refusal_of(state)

    def faster(self, planned: Planned) -> str | None:
        """Why the origin would answer for its speed, in words; None if the store would."""
        return None if self._trials is None else self._trials.told(planned)

    def faster_at_many(self, planned: Planned) -> str | None:
        """Why the origin would answer for its speed if there are many rows, in words; None if it wouldn't."""
        return None if self._trials is None else self._trials.told_of_many(planned)

    def needs_one_moment(self, planned: Planned) -> bool:
        """Whether the tables of a plan are to be as of one moment, and it has several."""
        return self._together is not None and len(planned.states) > 1

    def _bring(
        self, caller: Caller, planned: Planned, found: list[Generation], newest: float
    ) -> tuple[Outcome, bool]:
        """Add a generation for each table of the plan, filled where there is none.

        Returns:
            Whether any was filled, and whether any is older than its ttl.
        """
        if self._together is not None and self.needs_one_moment(planned):
            for state in planned.states:
                if not state.is_verified:
                    self._filling.verify(state)
            wanted = Wanted(planned.states, planned.versions, planned.plan.columns)

            def present(state: TableState, columns: Sequence[str], version: int) -> Generation | None:
                return self.present(state, columns, version, newest)

            def obstacle_to_fill() -> str | None:
                if caller.directive.way == "only":
                    return "its tables aren't there as of one moment, or lack columns, or are too old"
                return caller.past_reason

            brought, was_filled, is_old = self._together.bring(
                caller, wanted, present=present, stale=self.usable, obstacle=obstacle_to_fill
            )
            found.extend(brought)
            return (Outcome.MISS if was_filled else Outcome.HIT), is_old
        outcome = Outcome.HIT
        is_stale = False
        for state, version, columns in zip(
            planned.states, planned.versions, planned.plan.columns, strict=True
        ):
            if not state.is_verified:
                self._filling.verify(state)
            generation = self.present(state, columns, version, newest)
            if generation is None:
                if caller.directive.way == "only":
                    raise GiveUp(f"{state.name} isn't there, or lacks columns, or is too old")
                reason = caller.past_reason
                if reason is not None:
                    raise GiveUp(reason)
                outcome = Outcome.MISS
                generation, was_stale = self._filling.bring(
                    caller, state, columns, version=version, stale=self.usable, newest=newest
                )
                is_stale = is_stale or was_stale
            found.append(generation)
        return outcome, is_stale

    def present(
        self, state: TableState, columns: Sequence[str], version: int, newest: float = -inf
    ) -> Generation | None:
        """The table's generation, if it has these columns and is fresh, and not older than `newest`."""
        generation = state.generation
        if (
            generation is None
            or generation.read_at < newest
            or any(column not in generation.columns for column in columns)
        ):
            return None
        if state.version != version:
            raise Replan
        if (
            state.expires_after is not None
            and self._clock.monotonic() - generation.read_at > state.expires_after
        ):
            return None
        return generation

    def usable(self, state: TableState, columns: Sequence[str], version: int) -> Generation | None:
        """An expired generation that may be served because the refill failed (stale_if_error)."""
        generation = state.generation
        if generation is None or state.version != version or state.expires_after is None:
            return None
        if any(column not in generation.columns for column in columns):
            return None
        age = self._clock.monotonic() - generation.read_at
        return generation if age <= state.expires_after + self._stale_seconds else None

    def kept(self, asked: Asked, states: tuple[TableState, ...]) -> Kept | None:
        """What the origin has answered before, if that would be the answer now."""
        return None if self._keeper is None else self._keeper.peek(asked, states)

    def resting(self, statement: str) -> str | None:
        """Why an answer of this text wouldn't be kept now, though answers of it can be; None if it would."""
        return None if self._keeper is None else self._keeper.resting(statement)

    def drop_damaged(self, local: Local) -> None:
        """The answer can't be decoded. Its tables are read anew, so ask again."""
        if local.kept is not None and self._keeper is not None:
            self._keeper.results.drop(local.kept)
        self._filling.drop_damaged(local.bound.generations)

    def _bypass(
        self,
        caller: Caller,
        statement: str,
        reason: str,
        tables: tuple[str, ...],
        effect: Effect | None = None,
        reads: tuple[TableState, ...] | None = None,
        keeping: Keeping | None = None,
    ) -> Remote:
        if caller.directive.way == "only":
            self.counters.other(Outcome.REJECTED)
            raise NotCachedError(statement, reason)
        self.counters.other(Outcome.BYPASS, reason)
        return Remote(Status(Outcome.BYPASS, 0.0, tables, reason), effect, reads, keeping)

    def _pass(self, caller: Caller, statement: str, effect: Effect) -> Remote:
        if caller.directive.way == "only":
            self.counters.other(Outcome.REJECTED)
            raise NotCachedError(statement, effect.reason)
        self.counters.other(Outcome.PASSED)
        return Remote(Status(Outcome.PASSED, reason=effect.reason), effect)


def _arguments_or_give_up(planned: Planned, parameters: Any) -> Sequence[Any]:
    # Before the fill: a statement that the origin will answer anyway costs it no fetch.
    try:
        return planned.arguments(parameters)
    except Unrepresentable as error:
        raise GiveUp(str(error)) from None
    except (LookupError, TypeError):
        raise GiveUp("parameters that don't fit the statement") from None
