"""From a statement's text to what will happen to it, remembered per text.

An entry depends on the definitions that it was made with: it notes their versions, and is
made anew when one has changed. Entries are kept in an LRU; a text is parsed once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmem.borrowing import NOBODY, Borrower, Elsewhere
from sqlmem.entries import Answering, Bound, Bypassed, Entry, Passed, Planned, bound_of
from sqlmem.gate import Reading
from sqlmem.logs import heard
from sqlmem.planning import LONGEST_KEPT, Planning, form_of
from sqlmem.postponed import Lacks, Postponements
from sqlmem.sharing import Key, Refusals, Templates, template_of
from sqlmem.skeletons import Skeleton, begins_as_query, skeleton
from sqlmem.store import Generation
from sqlmem.variants import ByTypes, Typing


@dataclass(eq=False)
class Front(Planning):
    """Safe for use by many threads: two that meet a new text plan it twice, and agree.

    Attributes:
        answering: text -> what answers it with parameters. The hot path looks here; what is found may hold no
            more, and says so itself.
    """

    answering: dict[str, Answering] = field(default_factory=dict)
    _entries: OrderedDict[tuple[str, bool], Entry | ByTypes[Entry]] = field(default_factory=OrderedDict)
    _used: set[tuple[str, bool]] = field(default_factory=set)  # keys met since they were last spared
    _templates: Templates = field(init=False)  # guarded by _lock
    _refusals: Refusals = field(init=False)  # likewise
    _postponed: Postponements = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._templates = Templates(self.capacity)
        self._refusals = Refusals(self.capacity)
        self._postponed = Postponements(self.capacity)

    def known(self, statement: str, parameters: Any = None, *, has_parameters: bool) -> Entry | None:
        """The entry of a statement that was met before, if it still holds."""
        key = (statement, has_parameters)
        entry = self._entries.get(key)
        if type(entry) is ByTypes:
            entry = entry.variant(parameters)
        if entry is None or not entry.is_current():  # type: ignore[union-attr]
            return None
        self._used.add(key)
        return entry  # type: ignore[return-value]

    def holds(self, statement: str, entry: Entry, *, has_parameters: bool) -> bool:
        """Whether this is what is remembered of a statement, whatever its parameters are."""
        return self._entries.get((statement, has_parameters)) is entry

    def is_found(self, key: tuple[str, bool], entry: Entry, parameters: Any) -> bool:
        """Whether this is what is remembered of a text with these parameters."""
        found = self._entries.get(key)
        return (found.variant(parameters) if type(found) is ByTypes else found) is entry

    def remembered(self, key: tuple[str, bool]) -> Entry | ByTypes[Entry] | None:
        """What is remembered of a text and whether it has parameters, also if it doesn't hold any more."""
        return self._entries.get(key)

    def ready(self, statement: str, parameters: Any) -> Answering | None:
        """What may answer a statement with parameters at once; whether it still holds, it looks itself.

        It is found under `answering` from now on, if it holds for all parameters.
        """
        entry = self._entries.get((statement, True))
        if type(entry) is ByTypes:
            entry = entry.variant(parameters)
        if type(entry) is not Planned or entry.ready is None:
            return None
        measured = entry.ready.measured
        if measured is not None and measured.origins_from == 0:
            return None  # the origin answers, as long as that is decided
        if not entry.is_by_types:
            if len(self.answering) >= self.capacity:
                self.answering.clear()
            self.answering[statement] = entry.ready
        return entry.ready

    def rows_at_once(self, statement: str, parameters: Any) -> tuple[list[Any] | None, Answering | None]:
        """The rows of a plain hit as the driver gives them, and whose; their status is remembered. Or None.

        Of statements with parameters, for a caller of whom nothing is special. What makes it no hit, `run` of
        the executor finds out.
        """
        ready = self.answering.get(statement) or self.ready(statement, parameters)
        if ready is None or heard.debug:
            return None, None
        try:
            if ready.measured is None:
                rows = ready.tuples(parameters)
            elif ready.measured.decided is not None:
                rows = ready.few(statement, parameters)
            else:
                rows = ready.timed(ready.tuples, statement, parameters)
        except ValueError:  # a damaged value
            return None, None
        if rows is None:
            self.answering.pop(statement, None)
        return rows, ready

    def entry(
        self, statement: str, borrower: Borrower, *, has_parameters: bool, parameters: Any = None
    ) -> Entry:
        """What will happen to a statement.

        Args:
            parameters: as the driver would get them; None if they aren't known.

        Raises:
            The driver's exceptions, if the catalogue must be asked and can't be.
            Elsewhere: it must be asked, and `borrower` is nobody.
        """
        key = (statement, has_parameters)
        known = self.known(statement, parameters, has_parameters=has_parameters)
        if known is not None:
            return known
        is_short = len(statement) <= LONGEST_KEPT
        reading = Reading(statement, self.origin.syntax(has_parameters=has_parameters))
        shape: Skeleton | None = None
        passed: Passed | None = None
        if self.is_transparent:
            if is_short and begins_as_query(statement):
                shape = skeleton(statement, reading.syntax)
            passed = self._passed(key, shape, reading)
            if not passed.effect.is_read:
                return passed
        postponed = self._postponed.find(key, lambda: borrower.past_reason)
        if postponed is not None:
            return postponed
        if is_short and shape is None:
            shape = skeleton(statement, reading.syntax)
        typing = Typing(self._entries.get(key), parameters)
        entry: Entry | None = None if shape is None else self._shared(key, shape, passed, borrower)
        if isinstance(entry, Bypassed):
            return entry
        is_lasting: bool | Lacks = True
        if entry is None:
            entry, is_lasting = self.make(reading, borrower, typing, has_parameters=has_parameters)
            if shape is not None and shape.is_shared and not typing.types and is_lasting is True:
                self._share(key, shape, entry)
        if not is_short:
            return entry
        if callable(is_lasting):
            self._postponed.add(key, entry, is_lasting)
        elif is_lasting:
            with self._lock:
                self._remember(key, entry, typing)
                self._evict()
        return entry

    def _shared(
        self, key: Key, shape: Skeleton, passed: Passed | None, borrower: Borrower
    ) -> Planned | Bypassed | None:
        """What was found out of other statements of this shape, if that holds for this one."""
        if not shape.is_shared:
            return None
        of_shape = (shape.shape, key[1])
        planned = self._templates.find(of_shape, shape)
        if planned is not None or not self.origin.has_wall:
            return planned
        if borrower is NOBODY and self._refusals.has(of_shape):
            raise Elsewhere  # a text is met for the first time once only
        refused = self._refusals.find(of_shape, key)
        if refused is None or passed is None or passed.effect is refused.effect:
            return refused
        return replace(refused, effect=passed.effect)

    def _share(self, key: Key, shape: Skeleton, entry: Entry) -> None:
        of_shape = (shape.shape, key[1])
        with self._lock:
            self._refusals.note(of_shape, entry)
            if isinstance(entry, Planned):
                template = template_of(shape, entry)
                if template is not None:
                    self._templates.add(of_shape, template)

    def _remember(self, key: tuple[str, bool], entry: Entry, typing: Typing) -> None:
        if not typing.types:
            self._entries[key] = entry
            return
        by_types = self._entries.get(key)
        if type(by_types) is not ByTypes or not by_types.takes(typing):
            by_types = self._entries[key] = ByTypes.of(typing)
        by_types.variants[tuple(typing.types.values())] = entry

    def _evict(self) -> None:
        """Keep the capacity: who was used since the last round gets another one.

        An LRU's approximation (second chance): moving an entry at each use would put a lock on the
        hot path, adding its key to a set doesn't.
        """
        while len(self._entries) > self.capacity:
            key, entry = self._entries.popitem(last=False)
            is_used = self.answering.pop(key[0], None) is not None
            if is_used or key in self._used:
                self._used.discard(key)
                self._entries[key] = entry
        if len(self._used) > 2 * self.capacity:
            self._used.intersection_update(self._entries)

    def quarantine(self, planned: Planned) -> None:
        """Let the origin answer what this plan answers, whatever text asks it.

        It holds for as long as the tables are defined as they are, also beyond invalidations. When
        this has returned, no statement that begins later is answered by such a plan.
        """
        with self._lock:
            self._quarantined |= {form_of(planned)}
        # Plans are held in many places; what makes them all outdated is their tables' version.
        self.registry.outdate(planned.states)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    # -- binding ---------------------------------------------------------------------------

    def bind(self, planned: Planned, generations: tuple[Generation, ...]) -> Bound:
        """Tie a plan to generations that cover it."""
        bound = planned.bound
        if bound is None or bound.generations != generations:
            bound = planned.bound = self.bound(planned, generations)
        return bound

    def bound(self, planned: Planned, generations: tuple[Generation, ...]) -> Bound:
        """The same for generations that only the caller sees: the plan stays tied as it is."""
        return bound_of(planned, generations, self.origin.dialect.driver)
