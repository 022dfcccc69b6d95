"""What becomes of one sample: the origin is asked, and a difference looked into.

A difference alone proves nothing: the origin may have changed since the fill, and that is age, not
wrongness. So the plan is run again, over rows read in the very moment of the origin's answer:

    ask the origin                      the same: verified
    in one transaction at the origin, all of it as of one moment:
        ask, read the needed columns into generations that nobody else sees, ask again
    the plan's answer over those rows   the origin's: stale. Another one, twice: different

Rule 1: in doubt it is not different. A statement that leaves its answer open, an origin that
        answers otherwise each time, a definition or a type of values that changed, an error that
        isn't about the data: none of them says anything of the plan.
Rule 2: the origin is never worse off than by the statement itself and, after a difference, by
        the fetches that explain it. Those are made once per plan and set of generations, and take no
        more than a small share of the time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlmem.clock import Clock
from sqlmem.codecs import Unrepresentable
from sqlmem.comparison import Answer, Failed, Free, Rule, difference, rule_of
from sqlmem.entries import Bound, Planned
from sqlmem.errors import StoreError
from sqlmem.fill import ConnectionLost, TooLarge, Uncacheable, fill
from sqlmem.filling import GiveUp
from sqlmem.front import Front
from sqlmem.model import TableSchema, Verdict
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.parser import Parsed, parse
from sqlmem.planner import table_spellings
from sqlmem.residency import Residency
from sqlmem.sampling import Sample
from sqlmem.store import Generation, Store

# After the fetches of a second look none is made for so many times as long as they took.
PAUSE_TIMES = 20
# So many looks in a row must say "different": an origin whose tables know no transactions could have
# changed and changed back while it was read.
_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What a sample came to.

    Attributes:
        reason: why it was skipped, or in what the answers differ; no value of either.
        planned: the plan whose answers differ.
    """

    verdict: Verdict
    reason: str | None = None
    planned: Planned | None = None


class _Redefined(Exception):
    """A table was invalidated or redefined while it was to be read."""


class SecondLook:
    """For one thread."""

    def __init__(
        self,
        *,
        origin: Origin,
        front: Front,
        store: Store,
        residency: Residency,
        clock: Clock,
        check_values: Callable[[Planned, Sequence[Generation]], None],
        goes_on: Callable[[], bool],
    ) -> None:
        """Args: goes_on: asked while a table is read; False ends it."""
        self._origin = origin
        self._front = front
        self._store = store
        self._residency = residency
        self._clock = clock
        self._check_values = check_values
        self._goes_on = goes_on
        self._rules: WeakKeyDictionary[Planned, Rule | Free] = WeakKeyDictionary()
        # plan -> serials of the generations that were found old by it
        self._stale: WeakKeyDictionary[Planned, tuple[int, ...]] = WeakKeyDictionary()
        self._no_look_until = 0.0

    def plan_of(self, sample: Sample) -> Planned | None:
        """The plan that answered, if it and its generations are still current."""
        planned = self._front.known(sample.statement, sample.parameters, has_parameters=sample.has_parameters)
        if not isinstance(planned, Planned):
            return None
        generations = tuple(state.generation for state in planned.states)
        return planned if generations == sample.bound.generations else None

    def check(self, sample: Sample, connect: Callable[[], OriginConnection]) -> Finding:
        """Ask and compare.

        Raises:
            Whatever the pool or the driver raises: the origin couldn't be asked.
        """
        planned = self.plan_of(sample)
        if planned is None:
            return Finding(Verdict.SUPERSEDED)
        if sample.parameters is None:
            return Finding(Verdict.SKIPPED, "a parameter of a type that may have changed since")
        rule = self._rule(sample, planned)
        if isinstance(rule, Free):
            return Finding(Verdict.SKIPPED, rule.reason)
        if not self._origin.has_spare_connection():
            return Finding(Verdict.SKIPPED, NO_CONNECTION)
        with ExitStack() as stack:
            connection = connect()
            stack.callback(connection.release)
            asked = self._ask(connection, sample)
        if self.plan_of(sample) is not planned:
            return Finding(Verdict.SUPERSEDED)
        answered = _answer(sample.bound, list(sample.rows))
        if isinstance(answered, Failed):
            return Finding(Verdict.SKIPPED, "a stored value is damaged")
        if difference(rule, answered, asked) is None:
            return Finding(Verdict.VERIFIED)
        return self._look_into(sample, planned, rule, connect)

    def _rule(self, sample: Sample, planned: Planned) -> Rule | Free:
        rule = self._rules.get(planned)
        if rule is None:
            rule = self._rules[planned] = self._make_rule(sample)
        return rule

    def _make_rule(self, sample: Sample) -> Rule | Free:
        origin = self._origin
        syntax = origin.syntax(has_parameters=sample.has_parameters)
        parsed = parse(sample.statement, syntax, is_strict=not self._front.is_transparent)
        assert isinstance(parsed, Parsed), "what was planned was parsed"
        schemas: dict[tuple[str | None, str], TableSchema] = {}
        for spelling in table_spellings(parsed.census, origin.semantics):
            state = self._front.registry.resolve(spelling)
            schema = state.schema if state is not None else None
            if schema is None:
                return Free("its tables are being redefined")
            schemas[spelling] = schema
        return rule_of(parsed.tree, origin.semantics, schemas)

    def _ask(self, connection: OriginConnection, sample: Sample) -> Answer | Failed:
        """The origin's answer, as the cursor would have given it.

        Raises:
            The driver's exceptions, but for its DataError: that is an answer too. Others may
            be about locks, time-outs or rights.
        """
        origin = self._origin
        dbapi: Any = origin.dialect.loaded_dbapi
        try:
            result = connection.execute(
                sample.statement, sample.parameters, has_no_parameters=not sample.has_parameters
            )
            with driver_errors():
                cursor: Any = result.cursor
                description = [tuple(column) for column in cursor.description]
                rows = list(map(tuple, cursor.fetchall()))
                result.close()
        except getattr(dbapi, "DataError", ()) as error:
            return Failed(type(error).__name__)
        return Answer(
            tuple(column[0] for column in description), tuple(column[1] for column in description), rows
        )

    # -- after a difference ----------------------------------------------------------------

    def _look_into(
        self, sample: Sample, planned: Planned, rule: Rule, connect: Callable[[], OriginConnection]
    ) -> Finding:
        serials = tuple(generation.serial for generation in sample.bound.generations)
        if self._stale.get(planned) == serials:
            return Finding(Verdict.STALE)
        began = self._clock.monotonic()
        if began < self._no_look_until:
            return Finding(Verdict.SKIPPED, "another difference was looked into shortly before")
        finding = Finding(Verdict.SKIPPED)
        try:
            for _ in range(_LOOKS):
                finding = self._look(sample, planned, rule, connect)
                if finding.verdict is not Verdict.DIFFERENT:
                    break
        finally:
            now = self._clock.monotonic()
            self._no_look_until = now + PAUSE_TIMES * (now - began)
        if finding.verdict is Verdict.STALE:
            self._stale[planned] = serials
        elif finding.verdict is Verdict.DIFFERENT and not planned.is_current():
            return Finding(Verdict.SUPERSEDED)
        return finding

    def _look(
        self, sample: Sample, planned: Planned, rule: Rule, connect: Callable[[], OriginConnection]
    ) -> Finding:
        if self.plan_of(sample) is not planned:
            return Finding(Verdict.SUPERSEDED)
        fresh: list[Generation] = []
        holder = object()
        try:
            with ExitStack() as stack:
                connection = connect()
                stack.callback(connection.release)
                connection.stand_still()
                # First of all: from now on the tables can't be redefined under the transaction.
                first = self._ask_apart(connection, sample)
                if self._is_redefined(connection, planned):
                    return Finding(Verdict.STALE)
                if not self._fetch(connection, planned, fresh, holder):
                    return Finding(Verdict.STALE)
                asked = self._ask_apart(connection, sample)
            if difference(rule, first, asked) is not None:
                return Finding(Verdict.SKIPPED, "the origin answers otherwise each time")
            recomputed = self._recompute(sample, planned, tuple(fresh))
            if recomputed is None:
                return Finding(Verdict.STALE)
            found = difference(rule, recomputed, asked)
            return Finding(Verdict.STALE) if found is None else Finding(Verdict.DIFFERENT, found, planned)
        except _Redefined:
            return Finding(Verdict.SUPERSEDED)
        except (TooLarge, StoreError):
            return Finding(Verdict.SKIPPED, "no room for fresh rows beside what is cached")
        except ConnectionLost as lost:
            raise lost.error from None
        finally:
            for generation in fresh:
                self._store.retire(generation)
            self._residency.end(holder)

    def _ask_apart(self, connection: OriginConnection, sample: Sample) -> Answer | Failed:
        with connection.apart() as savepoint:
            asked = self._ask(connection, sample)
            if isinstance(asked, Failed) and savepoint is not None:
                savepoint.rollback()
            return asked

    def _is_redefined(self, connection: OriginConnection, planned: Planned) -> bool:
        """Whether a table isn't defined as it was: what was cached of it is old, if only in its type."""
        return any(
            connection.reflect((state.name.schema, state.name.name)) != state.reflected
            for state in planned.states
        )

    def _fetch(
        self, connection: OriginConnection, planned: Planned, fresh: list[Generation], holder: object
    ) -> bool:
        """Add a generation for each table of the plan; False if one can't be held as the plan expects."""
        for state, version, columns in zip(
            planned.states, planned.versions, planned.plan.columns, strict=True
        ):
            schema = state.schema
            if schema is None or state.version != version:
                raise _Redefined
            taken = sum(generation.bytes for generation in fresh)
            try:
                filled = fill(
                    self._store,
                    self._clock,
                    connection,
                    schema,
                    columns,
                    has_room=lambda size, taken=taken: (  # type: ignore[misc]
                        self._goes_on() and self._residency.reserve(holder, taken + size)
                    ),
                )
            except Uncacheable:
                return False
            filled.generation.is_private = True
            fresh.append(filled.generation)
            if filled.opaque:
                return False
        return True

    def _recompute(
        self, sample: Sample, planned: Planned, fresh: tuple[Generation, ...]
    ) -> Answer | Failed | None:
        """The plan's answer over fresh rows; None if over these it wouldn't have given any."""
        assert sample.parameters is not None
        try:
            self._check_values(planned, fresh)
            rows = self._store.query(fresh, planned.plan.sql, planned.arguments(sample.parameters))
        except (GiveUp, Unrepresentable, sqlite3.Error):
            return None
        return _answer(self._front.bound(planned, fresh), rows)


NO_CONNECTION = "the origin's pool has no connection to spare"


def _answer(bound: Bound, rows: list[Any]) -> Answer | Failed:
    """Stored rows as they are handed out."""
    try:
        decoded = rows if bound.decode is None else bound.decode(rows)
    except ValueError as error:
        return Failed(type(error).__name__)
    return Answer(
        tuple(column[0] for column in bound.description),
        tuple(column[1] for column in bound.description),
        decoded,
    )
