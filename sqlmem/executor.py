"""The way of a statement: text to plan, plan to generations, generations to an answer.

    text ── front (parse, plan; once) ──► Planned | Bypassed | Refused
    Planned ── generations there and fresh ──► hit
            ── not there ── lease ── fill ── publish ──► miss
            ── anything in doubt ──► bypass: the origin answers, with the reason

`hits` leads to the hot path, which is in `hot`.
"""

from __future__ import annotations

from math import inf
from typing import Any

from sqlmem.answers import Caller, Local, Remote, refusal
from sqlmem.at_once import AtOnce
from sqlmem.by_origin import ByOrigin
from sqlmem.by_store import ByStore, arguments_or_give_up
from sqlmem.clock import Clock
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
from sqlmem.keeping import Asked, Keeper
from sqlmem.logs import heard, log
from sqlmem.model import Outcome, Status
from sqlmem.registry import TableState
from sqlmem.store import Retired, Store
from sqlmem.together import Together
from sqlmem.trials import Trials

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
        self.front = front
        self.counters = counters
        self._filling = filling
        self._clock = clock
        self._together = together
        self._keeper = keeper
        self._trials = trials
        self.hits = Hits(store=store, counters=counters, clock=clock, trials=trials)
        self.by_store = ByStore(
            front=front,
            store=store,
            filling=filling,
            counters=counters,
            clock=clock,
            stale_seconds=stale_seconds,
            hits=self.hits,
            together=together,
            trials=trials,
        )
        self.by_origin = ByOrigin(front=front, counters=counters, clock=clock, keeper=keeper)
        self._faster = None if trials is None else Faster(self.by_origin, self.by_store, counters, trials)
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
            remote = self.by_origin.unplanned(caller, statement, reason, has_parameters=has_parameters)
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
                return self.by_origin.kept_or_bypass(
                    caller, asked, error.reason, tables, keeps, effect, reads
                )
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
        return self.by_origin.bypass(caller, statement, "its tables change faster than they can be read", ())

    def _planned(
        self, caller: Caller, asked: Asked, planned: Planned, reason: str | None, *, has_filled: bool
    ) -> Local | Remote:
        reason = reason or caller.own_reason(planned.states)
        if reason is not None:
            return self.by_origin.bypass(
                caller, asked.statement, reason, planned.tables, reads=planned.states
            )
        if (
            not caller.directive
            and self._together is None
            and (why := self._filling.why_not_there(planned.states)) is not None
        ):
            # A program that writes as often as it reads: as `ByStore.miss` would find, in fewer steps.
            keeps = planned.states if planned.is_lasting else None
            answer = self.by_origin.kept_or_bypass(
                caller, asked, why, planned.tables, keeps, None, planned.states
            )
            if isinstance(answer, Remote) and answer.keeping is None:
                self.at_once.remember_resting((asked.statement, asked.has_parameters), planned, answer)
            return answer
        return self._store_or_faster(caller, asked, planned, has_filled=has_filled)

    def _store_or_faster(
        self, caller: Caller, asked: Asked, planned: Planned, *, has_filled: bool
    ) -> Local | Remote:
        origins_from = inf if self._trials is None else self._trials.origins_from(planned, caller.directive)
        is_over = False
        # Who wants the store's answer gets it, whatever it takes.
        is_asked = has_filled or asked.newest > -inf
        if caller.directive.way == "only" and planned.pace is not None and planned.pace.decided is not None:
            is_asked = True
        try:
            local = None if is_asked or origins_from == 0 else self.hits.hit(planned, asked.parameters)
        except Over:
            is_over = True
        else:
            if local is not None:
                return local
        if self._faster is not None and (origins_from == 0 or is_over):
            # What has many rows is kept when it is asked for again: a look at each value is dear then.
            may_keep = not is_over or asked_before(planned, asked.parameters, origins_from)
            answer = self._faster.answer(caller, asked, planned, may_keep=may_keep)
            if not is_over and not caller.directive and isinstance(answer, Remote):
                saying = self._faster.saying(planned, answer)
                self.at_once.remember_unkept(asked, planned, answer, saying)
            return answer
        arguments = arguments_or_give_up(planned, asked.parameters)
        return self.by_store.miss(caller, planned, arguments, has_filled=has_filled, newest=asked.newest)

    def _not_local(
        self, caller: Caller, asked: Asked, entry: Bypassed | Passed | Refused, reason: str | None
    ) -> Local | Remote:
        match entry:
            case Refused():
                raise refusal(asked.statement, entry)
            case Passed(effect):
                remote = self.by_origin.passes(caller, asked.statement, effect)
                return self.at_once.remember((asked.statement, asked.has_parameters), entry, remote)
            case Bypassed():
                keeps = entry.keeps if reason is None else None
                is_usual = reason is None
                reason = reason or entry.reason
                if keeps is None:
                    remote = self.by_origin.bypass(
                        caller, asked.statement, reason, entry.tables, entry.effect, entry.reads
                    )
                    if is_usual:
                        self.at_once.remember((asked.statement, asked.has_parameters), entry, remote)
                    return remote
                answer = self.by_origin.kept_or_bypass(
                    caller, asked, reason, entry.tables, keeps, entry.effect, entry.reads
                )
                if is_usual and not caller.directive and isinstance(answer, Remote):
                    self.at_once.remember_unkept(asked, entry, answer)
                return answer

    def passed(self, caller: Caller, statement: str, reason: str | None = None) -> Remote:
        """What is sent to the origin whatever it is: a batch, a procedure, a driver's own way of asking.

        Args:
            reason: why; None: it is such a way.
        """
        if self.is_closed:
            raise ClosedError("this engine was closed; make a new one")
        return self.by_origin.unplanned(
            caller, statement, reason or "it was executed in a way of the driver's", has_parameters=True
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

    def refusal_of(self, state: TableState) -> str | None:
        """Why no fill of this table is tried now; None if one would be."""
        return self._filling.refusal_of(state)

    def faster(self, planned: Planned) -> str | None:
        """Why the origin would answer for its speed, in words; None if the store would."""
        return None if self._trials is None else self._trials.told(planned)

    def faster_at_many(self, planned: Planned) -> str | None:
        """Why the origin would answer for its speed if there are many rows, in words; None if it wouldn't."""
        return None if self._trials is None else self._trials.told_of_many(planned)

    def drop_damaged(self, local: Local) -> None:
        """The answer can't be decoded. Its tables are read anew, so ask again."""
        if local.kept is not None and self._keeper is not None:
            self._keeper.results.drop(local.kept)
        self._filling.drop_damaged(local.bound.generations)
