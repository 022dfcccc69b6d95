"""From a statement's text to an entry: parsed, its tables resolved, planned; or why not.

Nothing is remembered here but what a text does and whose a function is: `front` keeps the entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmem.borrowing import NOBODY, Borrower, Elsewhere, NotAsked, NotNow
from sqlmem.catalogue import Spelling, UnknownTable
from sqlmem.codecs import Unrepresentable
from sqlmem.definitions import Definitions, asked
from sqlmem.determinism import GRAMMAR, changing_column, why_made_may_change, why_unkept
from sqlmem.dialects import Facts, Semantics
from sqlmem.dialects.deterministic import all_kept
from sqlmem.effects import Effect, Session, effect_of
from sqlmem.entries import Bypassed, Entry, Passed, Planned, Refused
from sqlmem.filling import LOCKED
from sqlmem.gate import Passthrough, Reading, Refusal
from sqlmem.locks import is_lock_timeout
from sqlmem.logs import heard, log
from sqlmem.model import Column, TableSchema
from sqlmem.origin import Origin
from sqlmem.parser import Parsed, parse
from sqlmem.plan import Candidate, Plan, Refuse, TypesNeeded, Unknown
from sqlmem.planner import make_plan, table_spellings
from sqlmem.postponed import Lacks
from sqlmem.registry import Registry, TableState
from sqlmem.skeletons import Skeleton
from sqlmem.unreadable import Unanswered, Unreadable
from sqlmem.variants import Typing

Form = tuple[str, tuple[tuple[str, tuple[int, str] | None], ...], tuple[TableSchema | None, ...]]


# Of columns that the origin would compute, in one statement that is planned.
_MOST_UNKNOWN = 40
QUARANTINED = "quarantined: an answer of the store differed from the origin's"

# Texts longer than this aren't remembered: a plan for each would cost more than it saves.
LONGEST_KEPT = 100_000


@dataclass(eq=False)
class Planning:
    """Safe for use by many threads. `capacity`: how many texts are remembered."""

    origin: Origin
    registry: Registry
    capacity: int
    sums_floats: bool = False
    is_transparent: bool = False
    keeps_results: bool = False
    # text -> what it does, for transparent mode; dropped as a whole when full.
    _effects: dict[tuple[str, bool], Passed] = field(default_factory=dict)
    # The same of shapes, for reads that do nothing else whatever their constants are; likewise.
    _of_shapes: dict[tuple[str, bool], Passed] = field(default_factory=dict)
    definitions: Definitions = field(init=False)
    # What is never answered by the store, see `Front.quarantine`. Only grows, replaced by reference.
    _quarantined: frozenset[Form] = frozenset()

    def __post_init__(self) -> None:
        self.definitions = Definitions(self.origin, self.registry)

    def effect(self, statement: str, *, has_parameters: bool) -> Effect:
        """What a statement does to what others read, by its words. For transparent mode."""
        return self._passed((statement, has_parameters)).effect

    def _passed(
        self, key: tuple[str, bool], shape: Skeleton | None = None, reading: Reading | None = None
    ) -> Passed:
        """The entry that a statement has if it is no read."""
        known = self._effects.get(key)
        if known is not None:
            return known
        statement, has_parameters = key
        if shape is not None:
            known = self._of_shapes.get((shape.shape, has_parameters))
        if known is None:
            syntax = self.origin.syntax(has_parameters=has_parameters)
            known = Passed(effect_of(statement, syntax, reading))
            if shape is not None and _is_plain(known.effect):
                if len(self._of_shapes) >= self.capacity:
                    self._of_shapes = {}
                self._of_shapes[shape.shape, has_parameters] = known
        if len(statement) <= LONGEST_KEPT:
            if len(self._effects) >= self.capacity:
                self._effects = {}
            self._effects[key] = known
        return known

    def make(
        self, reading: Reading, borrower: Borrower, typing: Typing, *, has_parameters: bool
    ) -> tuple[Entry, bool | Lacks]:
        """The entry, and whether it lasts: or as long as something isn't known and can't be asked for."""
        statement = reading.text
        verdict = parse(statement, reading.syntax, reading, is_strict=not self.is_transparent)
        match verdict:
            case Refusal(error, reason, hint):
                if self.is_transparent:
                    # It is a read by its words, which the parser didn't believe.
                    return self._with_effect(Bypassed(reason), statement, has_parameters), True
                return Refused(error, reason, hint), True
            case Passthrough(reason) if self.is_transparent:
                return self._with_effect(Bypassed(reason), statement, has_parameters), True
            case Passthrough(reason):
                if not self.origin.has_wall and reason not in _PROVEN_READS:
                    return Refused("read_only", reason, "This origin can't be made read-only"), True
                return Bypassed(reason), True
            case Parsed():
                entry, is_lasting = self._plan(verdict, borrower, typing)
                if self.keeps_results and isinstance(entry, Bypassed) and entry.keeps is not None:
                    entry = self._with_keeping(entry, verdict, borrower)
                if self.is_transparent and isinstance(entry, Bypassed):
                    entry = self._with_effect(entry, statement, has_parameters)
                return entry, is_lasting

    def _with_keeping(self, entry: Bypassed, parsed: Parsed, borrower: Borrower) -> Bypassed:
        """With the tables on which the answer depends, or why it may change by itself."""
        states = entry.keeps or ()
        why = why_unkept(parsed, self.origin.family, [state.schema for state in states])
        if why is None:
            why = self._may_be_somebodys(parsed, borrower)
        return entry if why is None else replace(entry, keeps=None, unkept=why)

    def _may_be_somebodys(self, parsed: Parsed, borrower: Borrower) -> str | None:
        """PostgreSQL: which of the functions called may be somebody's, under the name of one of its own."""
        if self.origin.family != "postgresql":
            return None
        facts = self.definitions.facts(borrower)
        if facts.changing and (why := why_made_may_change(parsed, facts)) is not None:
            return why
        return self.definitions.why_foreign({name.lower() for name in parsed.functions} - GRAMMAR, borrower)

    def _with_effect(self, entry: Bypassed, statement: str, has_parameters: bool) -> Bypassed:  # noqa: FBT001
        """With what the origin may do when it answers: a function may write."""
        return replace(entry, effect=self.effect(statement, has_parameters=has_parameters))

    def _plan(self, parsed: Parsed, borrower: Borrower, typing: Typing) -> tuple[Entry, bool | Lacks]:
        semantics = self.origin.semantics
        try:
            spellings = table_spellings(parsed.census, semantics)
        except Refuse as refused:
            return self._bypassed(parsed, refused, ()), True
        states: dict[Spelling, TableState] = {}
        try:
            for spelling in spellings:
                states[spelling] = self.definitions.known(spelling, borrower)
        except NotAsked as refused:
            return self._bypassed(parsed, refused, tuple(states.values())), refused.lacks
        except Refuse as refused:
            return self._bypassed(parsed, refused, tuple(states.values())), False
        except Unreadable as found:
            return self._bypassed(parsed, Refuse(found.reason), tuple(states.values())), found.lasts
        except UnknownTable:
            # The origin reports it; tomorrow there may be one.
            unknown = Refuse(f"table {spellings[len(states)][1]} isn't known")
            return self._bypassed(parsed, unknown, tuple(states.values())), False
        # The versions before the schemas: a change in between makes the entry outdated at once.
        versions = {spelling: state.version for spelling, state in states.items()}
        known = tuple(states.values()), tuple(versions.values())
        try:
            plan = self._planned(parsed, borrower, states, versions, typing)
        except Refuse as refused:
            return self._bypassed(parsed, refused, *known), True
        except NotNow as refused:
            return self._bypassed(parsed, Refuse(refused.reason), ()), refused.lacks or False
        except Unanswered as unanswered:
            noted = self.definitions.unreadable(spellings[0], unanswered)
            return self._bypassed(parsed, Refuse(noted.reason), ()), noted.lasts
        except RecursionError:
            return self._bypassed(parsed, Refuse("it is nested too deeply"), ()), True
        except Unrepresentable as error:
            # Of these parameters only: others may have a meaning.
            entry = self._bypassed(parsed, Refuse(str(error)), tuple(states.values()), reads=known[0])
            return entry, False
        by_name = {state.name: (state, versions[spelling]) for spelling, state in states.items()}
        pairs = [by_name[name] for name in plan.tables]
        planned = Planned(
            plan,
            tuple(state for state, _ in pairs),
            tuple(version for _, version in pairs),
            tuple(sorted({str(name) for name in plan.tables})),
            _positions(parsed),
            tuple(
                (state, name)
                for (state, _), names in zip(pairs, plan.columns, strict=True)
                for name in names
                if name in state.expressions
            ),
            # What is planned changes by itself only where a text in a column is read as a moment: 'now'.
            is_lasting=all_kept(self.origin.family, parsed.functions),
            is_by_types=bool(typing.types),
        )
        # After the versions were noted: a quarantine changes them when it is in force.
        if self._quarantined and form_of(planned) in self._quarantined:
            return (
                Bypassed(QUARANTINED, planned.tables, planned.states, planned.versions, reads=planned.states),
                True,
            )
        return planned, True

    def _planned(
        self,
        parsed: Parsed,
        borrower: Borrower,
        states: Mapping[Spelling, TableState],
        versions: Mapping[Spelling, int],
        typing: Typing,
    ) -> Plan:
        """Plan, anew with each type of a parameter, and each column that the origin would compute, as met.

        Raises:
            Refuse: the origin answers.
            NotNow: likewise, this time.
            Unrepresentable: likewise, as long as the parameters are of this kind.
        """
        semantics, facts = self.origin.semantics, self.definitions.facts(borrower)
        typing.positions = _positions(parsed)
        for _ in range(_MOST_UNKNOWN):
            schemas: dict[Spelling, TableSchema] = {}
            for spelling, state in states.items():
                schema = state.schema
                if schema is None:
                    raise NotNow("its tables change faster than they can be read")
                schemas[spelling] = schema
            try:
                return _plan_of(parsed, semantics, facts, schemas, typing, sums_floats=self.sums_floats)
            except TypesNeeded as needed:
                typing.add(needed.key, semantics.parameters[facts.driver or ""])
            except Unknown as unknown:
                candidate = unknown.candidate
                spelling = next(each for each, state in states.items() if state.name == candidate.table)
                self._ask(candidate, states[spelling], versions[spelling], borrower)
        raise Refuse(f"more than {_MOST_UNKNOWN} columns that the origin would compute")

    def _ask(self, candidate: Candidate, state: TableState, version: int, borrower: Borrower) -> None:
        """Find out what a candidate is, and enter it."""
        if borrower is NOBODY:
            raise Elsewhere  # before it is noted that the candidate was met
        known = state.expressions.get(candidate.name)
        if known is not None and known.refusal is None:
            # From a snapshot: it says what the values are, this statement how they come about.
            column = replace(known, expression=self.origin.text_of(candidate))
        else:
            if not self.registry.admits(state, candidate.name, has_constants=candidate.has_constants):
                raise NotNow("the table has many computed columns, and this one was met for the first time")
            reason = borrower.past_reason
            if reason is not None:
                raise NotNow(
                    reason, lambda: state.version == version and candidate.name not in state.expressions
                )
            try:
                with asked(borrower) as connection:
                    column = _of_table(connection.told(candidate), state.schema)
            except Unanswered as unanswered:
                if is_lock_timeout(unanswered.error):
                    raise NotNow(LOCKED) from None
                raise
            if heard.debug:
                log.debug(
                    "asked {}: {} is {}", state.name, candidate.name, column.refusal or column.type_name
                )
        if not self.registry.know(state, column, version=version):
            raise NotNow("its tables change faster than they can be read")

    def _bypassed(
        self,
        parsed: Parsed,
        refused: Refuse,
        states: tuple[TableState, ...],
        versions: tuple[int, ...] = (),
        *,
        reads: tuple[TableState, ...] | None = None,
    ) -> Entry:
        # Only then they are all of them.
        keeps = states if reads is not None or versions else None
        if not self.origin.has_wall and not self.is_transparent and parsed.functions - _HARMLESS:
            # What isn't known may write, and nothing would stop it.
            return Refused(
                "read_only",
                f"{refused.reason}, and this origin can't be made read-only",
                "Run it on the wrapped engine",
            )
        if versions:
            reads = states
        semantics = self.origin.semantics
        known = semantics.pure_functions | semantics.called
        if any(name not in _HARMLESS and name.lower() not in known for name in parsed.functions):
            reads = None  # it may read whatever it likes
        schemas = [state.schema for state in states if state.schema is not None]
        if reads is not None and changing_column(parsed, schemas) is not None:
            reads = None
        return Bypassed(
            refused.reason,
            tuple(sorted({str(state.name) for state in states})),
            states if versions else (),
            versions,
            refused.reasons,
            reads=reads,
            keeps=keeps,
        )


def form_of(planned: Planned) -> Form:
    """What two plans have in common that give the same answers: the statement, over the same definitions.

    The definitions as reflected, which an invalidation doesn't forget.
    """
    outputs = tuple((output.name, output.source) for output in planned.plan.outputs)
    return planned.plan.sql, outputs, tuple(state.reflected for state in planned.states)


def _plan_of(
    parsed: Parsed,
    semantics: Semantics,
    facts: Facts,
    schemas: Mapping[Spelling, TableSchema],
    typing: Typing,
    *,
    sums_floats: bool,
) -> Plan:
    try:
        return _made(parsed, semantics, facts, schemas, typing.types, sums_floats=sums_floats)
    except Refuse:
        # Where a constant must be seen, to find an expression among those grouped by.
        return _made(
            parsed,
            semantics,
            facts,
            schemas,
            typing.types,
            shares_literals=False,
            sums_floats=sums_floats,
        )


def _made(parsed: Parsed, *given: Any, **options: Any) -> Plan:
    try:
        return make_plan(parsed, *given, **options)
    except (Refuse, TypesNeeded, Unknown, Unrepresentable, RecursionError):
        raise
    except Exception as error:
        log.warning("planning failed ({}): {}", type(error).__name__, parsed.scanned.text)
        raise Refuse(f"{PLANNING_FAILED} ({type(error).__name__})") from error


def _is_plain(effect: Effect) -> bool:
    """Whether it is a read by words that no constant is one of."""
    return (
        effect.is_read
        and effect.writes == frozenset()
        and effect.session is Session.SAME
        and effect.control is None
        and effect.savepoint is None
        and not effect.is_at_once
    )


def _of_table(column: Column, schema: TableSchema | None) -> Column:
    """What is computed, of the characters that the texts have of which it may be: no driver tells."""
    columns = () if schema is None else schema.columns
    found = {each.encoding for each in columns if each.encoding is not None}
    if not found:
        return column
    return replace(column, encoding=found.pop() if len(found) == 1 else "ascii")


def _positions(parsed: Parsed) -> int:
    """How many positional parameters the statement has; named ones count for nothing."""
    return max((key + 1 for key in parsed.parameters if isinstance(key, int)), default=0)


# What no statement should be refused for: a fault of the planner's.
PLANNING_FAILED = "planning failed"

_PROVEN_READS = frozenset({"reads the origin's catalogue", "reads no table"})
_HARMLESS = frozenset(
    {"COUNT", "SUM", "MIN", "MAX", "AVG", "COALESCE", "NULLIF", "CAST", "LOWER", "UPPER", "ABS"}
)
