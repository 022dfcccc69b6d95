"""What would happen to a statement now, found out without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from sqlmem.borrowing import Borrower
from sqlmem.by_store import arguments_or_give_up
from sqlmem.entries import Bypassed, Passed, Planned, Refused
from sqlmem.executor import Executor
from sqlmem.explain import Explanation
from sqlmem.filling import GiveUp, Replan
from sqlmem.front import Front
from sqlmem.keeping import Asked
from sqlmem.model import Outcome
from sqlmem.origin import Origin
from sqlmem.registry import TableState


def explain(
    origin: Origin,
    front: Front,
    executor: Executor,
    borrower: Borrower,
    statement: Any,
    parameters: Mapping[str, Any] | None,
) -> Explanation:
    """See `CachingEngine.explain`.

    Args:
        parameters: None if they aren't known; then what depends on them isn't told.
    """
    clause = sa.text(statement) if isinstance(statement, str) else statement
    compiled = clause.compile(dialect=origin.dialect, compile_kwargs={"render_postcompile": True})
    text = str(compiled)
    given, wrong = None, None
    if parameters is not None or not compiled.params:
        try:
            given = _driver_parameters(compiled, parameters or {}, text)
        except exc.StatementError as error:
            wrong = error
    try:
        entry = front.entry(text, borrower, has_parameters=True, parameters=given)
    except GiveUp as error:
        return Explanation(Outcome.BYPASS, (error.reason,), origin_statements=(text,), unkept=_UNKNOWN)
    match entry:
        case Refused(_, reason, hint):
            return Explanation(Outcome.REJECTED, (reason,), hint=hint)
        case Passed(effect):
            return Explanation(Outcome.PASSED, (effect.reason,), origin_statements=(text,))
        case Bypassed():
            return _bypassed(executor, entry, text, given)
        case Planned():
            if wrong is not None:
                raise wrong
            return _Planned(origin, executor, entry, text).explain(given)


_UNKNOWN = "what it depends on isn't known"


def _bypassed(executor: Executor, entry: Bypassed, text: str, given: Any | None) -> Explanation:
    reasons = entry.reasons or (entry.reason,)
    if entry.keeps is not None and given is not None:
        return _kept_or_bypassed(executor, entry.keeps, reasons, entry.tables, {}, text, given)
    unkept = entry.unkept if entry.unkept is not None or entry.keeps is not None else _UNKNOWN
    return Explanation(Outcome.BYPASS, reasons, entry.tables, origin_statements=(text,), unkept=unkept)


def _kept_or_bypassed(
    executor: Executor,
    states: tuple[TableState, ...],
    reasons: tuple[str, ...],
    tables: tuple[str, ...],
    columns: Mapping[str, tuple[str, ...]],
    text: str,
    given: Any,
) -> Explanation:
    """What the origin has answered before, or the origin."""
    kept = executor.by_origin.kept(Asked(text, given, has_parameters=True), states)
    if kept is None:
        unkept = executor.by_origin.resting(text)
        return Explanation(Outcome.BYPASS, reasons, tables, columns, origin_statements=(text,), unkept=unkept)
    return Explanation(Outcome.RESULT_HIT, reasons, tables, columns)


class _Planned:
    """The explanation of one planned statement."""

    def __init__(self, origin: Origin, executor: Executor, planned: Planned, text: str) -> None:
        self._origin = origin
        self._executor = executor
        self._planned = planned
        self._text = text

    def explain(self, given: Any | None) -> Explanation:
        planned, executor = self._planned, self._executor
        columns: dict[str, tuple[str, ...]] = {}
        missing: dict[str, tuple[str, ...]] = {}
        fetches, reasons, obstacles, generations = [], [], [], []
        if given is not None:
            try:
                arguments_or_give_up(planned, given)
            except GiveUp as error:
                obstacles.append(error.reason)
        for state, version, needed in zip(
            planned.states, planned.versions, planned.plan.columns, strict=True
        ):
            name = str(state.name)
            columns[name] = needed
            refusal = executor.refusal_of(state)
            if refusal is not None:
                obstacles.append(refusal)
            try:
                present = executor.by_store.present(state, needed, version)
            except Replan:
                present = None
            if present is not None:
                generations.append(present)
                continue
            missing[name], reason = _lacking(state, name, needed)
            reasons.append(reason)
            fetches.append(self._fill_text(state, needed))
        told = executor.faster(planned)
        if told is not None:
            obstacles.append(told)
        if not fetches:
            try:
                executor.by_store.check_values(planned, generations)
            except GiveUp as error:
                obstacles.append(error.reason)
        if obstacles:
            if planned.is_lasting and given is not None:
                return _kept_or_bypassed(
                    executor, planned.states, tuple(obstacles), planned.tables, columns, self._text, given
                )
            return Explanation(
                Outcome.BYPASS,
                tuple(obstacles),
                planned.tables,
                columns,
                origin_statements=(self._text,),
                unkept=None if planned.is_lasting else _UNKNOWN,
            )
        outcome = Outcome.MISS if fetches else Outcome.HIT
        told = executor.faster_at_many(planned)
        if told is not None:
            reasons.append(told)
        return Explanation(
            outcome, tuple(reasons), planned.tables, columns, missing, planned.plan.sql, tuple(fetches)
        )

    def _fill_text(self, state: TableState, needed: Sequence[str]) -> str:
        registered = [*state.needed, *(column for column in needed if column not in state.needed)]
        parts = [part for part in (state.name.schema, state.name.name) if part is not None]
        table = ".".join(map(self._quoted, parts))
        texts = ", ".join(self._column(state, name) for name in registered)
        return f"SELECT {texts} FROM {table}"

    def _column(self, state: TableState, name: str) -> str:
        column = state.expressions.get(name)
        return self._quoted(name) if column is None or column.expression is None else column.expression

    def _quoted(self, name: str) -> str:
        # The dialect doubles % for its driver; this is for people.
        return self._origin.dialect.identifier_preparer.quote_identifier(name).replace("%%", "%")


def _lacking(state: TableState, name: str, needed: Sequence[str]) -> tuple[tuple[str, ...], str]:
    generation = state.generation
    if generation is None:
        return tuple(needed), f"{name} isn't filled"
    lacking = tuple(column for column in needed if column not in generation.columns)
    return lacking, f"{name} lacks columns" if lacking else f"{name} is older than its ttl"


def _driver_parameters(compiled: Any, parameters: Mapping[str, Any], text: str) -> Any:
    """The parameters as the driver would get them.

    Raises:
        sqlalchemy.exc.StatementError: as an execution would.
    """
    try:
        values = compiled.construct_params(dict(parameters), _check=True)
        processors = compiled._bind_processors
        values = {
            name: processors[name](value)
            if name in processors and not isinstance(processors[name], tuple)
            else value
            for name, value in values.items()
        }
    except Exception as error:
        # As SQLAlchemy wraps what goes wrong with parameters before it meets the driver.
        raise exc.StatementError(str(error), text, None, error) from error
    positions = getattr(compiled, "positiontup", None)
    return tuple(values[name] for name in positions) if positions is not None else values
