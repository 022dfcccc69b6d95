"""What a write also changes: foreign keys with an action, triggers, rules, partitions, views, functions.

Rule 1: what the catalogue doesn't know may be anything. A name that isn't in it, a routine whose text isn't
told, a foreign table: everything.
Rule 2: an unqualified name means the tables of that name in every schema.
Rule 3: what the catalogue says must happen is taken to happen, whatever the session has switched off.

Views that read a table aren't told here: their definitions say what they depend on
(`TableSchema.depends_on`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sqlmem.effects import Effect, Spelling, Verb, Write
from sqlmem.effects.bodies import Body
from sqlmem.lexer import Family
from sqlmem.suspects import Suspects

Name = tuple[str | None, str]


class Kind(enum.Enum):
    TABLE = "table"
    PARTITIONED = "partitioned"
    VIEW = "view"
    MATERIALIZED = "materialized view"
    BEYOND = "beyond"  # foreign, federated, merged, virtual: what its writes change isn't in the catalogue


class Relation(NamedTuple):
    """A table or view.

    Attributes:
        is_transactional: a rollback undoes what was written.
        prefix: of a virtual table: its rows are in the tables whose names begin so; None elsewhere.
    """

    name: Name
    kind: Kind
    is_transactional: bool = True
    prefix: str | None = None


class ForeignKey(NamedTuple):
    """From a child to its parent, and what becomes of the child's rows; None: nothing."""

    child: Name
    parent: Name
    on_delete: Verb | None
    on_update: Verb | None


class Trigger(NamedTuple):
    """What runs when a table is written.

    Attributes:
        body: with the names of its writes as the trigger means them.
    """

    table: Name
    verb: Verb
    body: Body
    is_instead: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """What the catalogue has, as plain rows.

    Attributes:
        children: child and parent, of inheritance and partitions.
        views: a view and what a write to it may write: all that it reads.
        rules: tables for which a rule stands in for a verb.
        also: what a verb does to the same table beside its own: SQLite's ON CONFLICT REPLACE deletes.
        counted: tables whose rows are counted elsewhere as they are inserted, and where.
        computing: tables for whose new rows functions are called that may write.
        functions: name in lower case -> what those of that name do.
        built_in: names in lower case of functions that write nothing.
        defining_fires: what defines something runs event triggers, which may do anything.
        suspects: what may write by being read: views over functions that may write, operators.
        hidden: schemas whose triggers this user isn't shown; None for all.
        unread: tables whose definitions couldn't be read, to which any key may lead, and where theirs lead.
        files: SQLite: a database's name in lower case -> its file. One may be there by several names.
    """

    family: Family
    relations: tuple[Relation, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    children: tuple[tuple[Name, Name], ...] = ()
    views: tuple[tuple[Name, Name], ...] = ()
    rules: tuple[tuple[Name, Verb], ...] = ()
    also: tuple[tuple[Name, Verb, Verb], ...] = ()
    counted: tuple[tuple[Name, Name], ...] = ()
    computing: frozenset[Name] = frozenset()
    functions: Mapping[str, tuple[Body, ...]] = field(default_factory=dict)
    built_in: frozenset[str] = frozenset()
    defining_fires: bool = False
    suspects: Suspects = field(default_factory=Suspects)
    hidden: frozenset[str] | None = frozenset()
    unread: frozenset[Name] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)


class Told(NamedTuple):
    """What is known of an effect.

    Attributes:
        is_plain: in a transaction there is nothing to mind of it but what it writes: a rollback takes that
            back, and the session and the transaction are as before.
    """

    effect: Effect
    written: frozenset[Name] | None
    unknown: frozenset[str]
    may_change_session: bool
    is_plain: bool


_NONE: frozenset[Spelling] = frozenset()
_MOST_TOLD = 1000


class _Everything(Exception):
    """What is reached can't be told."""


class Reach:
    """Answers from one reading of the catalogue. Immutable; any thread may ask.

    Attributes:
        has_suspects: whether a statement may write by what it reads.
        known: id of an effect -> what `told` has told of it; it may be another effect's by now.
    """

    def __init__(self, rows: Rows) -> None:
        self.has_suspects = bool(rows.suspects)
        self._family = rows.family
        self._ignores_case = rows.family in ("sqlite", "mysql")
        self._rows = rows
        self._relations = {each.name: each for each in rows.relations}
        self._by_name: dict[str, list[Name]] = {}
        for each in rows.relations:
            self._by_name.setdefault(self._folded(each.name[1]), []).append(each.name)
        self._keys = _grouped((key.parent, key) for key in rows.foreign_keys)
        self._triggers = _grouped(((trigger.table, trigger.verb), trigger) for trigger in rows.triggers)
        self._children = _grouped((parent, child) for child, parent in rows.children)
        self._parents = _grouped(rows.children)
        self._views = _grouped(rows.views)
        self._rules = frozenset(rows.rules)
        self._also = _grouped(((name, verb), other) for name, verb, other in rows.also)
        self._counted = _grouped(rows.counted)
        self._called: dict[str, Body | None] = {}
        # Dropped as a whole when full. The same few statements are asked about again and again.
        self.known: dict[int, Told] = {}

    def of(
        self, effect: Effect, text: str = "", *, temporary: frozenset[Spelling] = frozenset()
    ) -> frozenset[Name] | None:
        """All tables that a statement may change, as the catalogue spells them; None: any.

        Args:
            text: the statement's, in which views are looked for whose reading may write.
            temporary: the session's temporary tables, which the catalogue need not know.
        """
        if effect.writes is None or (text and self.has_suspects and self.is_suspect(text)):
            return None
        return self._of(effect, temporary) if temporary else self.told(effect).written

    def _of(self, effect: Effect, temporary: frozenset[Spelling]) -> frozenset[Name] | None:
        if effect.fires and self._rows.defining_fires:
            return None
        try:
            writes = set(effect.verbs) | self._writes_of_calls(effect.calls)
            return self._closed(writes, temporary)
        except _Everything:
            return None

    def told(self, effect: Effect) -> Told:
        """Both of what follows, of a session without temporary tables; of what is no suspect."""
        told = self.known.get(id(effect))
        if told is None or told.effect is not effect:
            told = Told(
                effect,
                self._of(effect, _NONE),
                self._unknown(effect, _NONE),
                self._may_change_session(effect),
                self._is_plain(effect),
            )
            if len(self.known) >= _MOST_TOLD:
                self.known = {}
            self.known[id(effect)] = told
        return told

    def _is_plain(self, effect: Effect) -> bool:
        written = self._of(effect, _NONE)
        return (
            effect.is_plain
            and written is not None
            and not self._unknown(effect, _NONE)
            and not self._may_change_session(effect)
            # Only MariaDB and MySQL have tables without transactions.
            and (self._family != "mysql" or all(map(self.is_transactional, written)))
        )

    def told_at_once(self, effect: Effect, text: str) -> Told | None:
        """As `told`, if that is all: what it names is known, and nothing that it reads may write."""
        told = self.told(effect)
        if told.unknown or (text and self.has_suspects and self.is_suspect(text)):
            return None
        return told

    def unknown(self, effect: Effect, *, temporary: frozenset[Spelling] = frozenset()) -> frozenset[str]:
        """What a statement names and this catalogue doesn't have: a newer one may."""
        return self._unknown(effect, temporary) if temporary else self.told(effect).unknown

    def _unknown(self, effect: Effect, temporary: frozenset[Spelling]) -> frozenset[str]:
        tables = {
            spelling[1]
            for spelling in effect.writes or ()
            if not self._meant(spelling) and not self._is_temporary(spelling, temporary)
        }
        return frozenset(tables | {name for name in effect.calls if not self._is_known(name)})

    def may_write(self, function: str) -> bool:
        """Whether a call of that name may write a table, or isn't known."""
        body = self._body(function)
        return body is None or body.writes is None or bool(body.writes)

    def may_change_session(self, effect: Effect) -> bool:
        """Whether the functions that a statement calls may leave a session that differs."""
        return self.told(effect).may_change_session

    def _may_change_session(self, effect: Effect) -> bool:
        bodies = [self._body(name) for name in effect.calls]
        return any(body is None or body.differs for body in bodies)

    def by_all_names(self, spelled: frozenset[Spelling]) -> frozenset[Spelling]:
        """With what the same tables are called by their database's other names."""
        return spelled | {name for each in spelled if each[0] is not None for name in self._meant(each)}

    def is_suspect(self, text: str) -> bool:
        """Whether what a text names may write by being read: a view over a function that does."""
        return self._rows.suspects.any_in(text)

    def is_transactional(self, table: Name) -> bool:
        """Whether a rollback undoes what was written to it. False if the table isn't known."""
        relation = self._relations.get(table)
        return relation is not None and relation.is_transactional

    # -- names ---------------------------------------------------------------------------------

    def _folded(self, name: str) -> str:
        return name.lower() if self._ignores_case else name

    def _meant(self, spelling: Spelling) -> list[Name]:
        schema, name = spelling
        found = self._by_name.get(self._folded(name), [])
        if schema is None:
            return found
        place = self._place(schema)
        return [each for each in found if each[0] is None or self._place(each[0]) == place]

    def _place(self, schema: str) -> str:
        """What is the same for all names of one schema."""
        folded = self._folded(schema)
        return self._rows.files.get(folded, folded)

    def _is_temporary(self, spelling: Spelling, temporary: frozenset[Spelling]) -> bool:
        schema, name = spelling
        if schema in _TEMPORARY_SCHEMAS.get(self._family, ()):
            return True
        return any(self._folded(name) == self._folded(each) for _, each in temporary) and schema is None

    # -- functions -----------------------------------------------------------------------------

    def _is_known(self, name: str) -> bool:
        return name in self._rows.functions or name in self._rows.built_in

    def _body(self, name: str) -> Body | None:
        """What a call does with all that it calls; None if it isn't known."""
        name = name.lower()
        if name in self._called:
            return self._called[name]
        writes: set[Write] = set()
        differs, seen, waiting = False, {name}, [name]
        while waiting:
            current = waiting.pop()
            if not self._is_known(current):
                return self._called.setdefault(name, None)
            for body in self._rows.functions.get(current, ()):
                differs = differs or body.differs
                if body.writes is None:
                    return self._called.setdefault(name, Body(None, frozenset(), differs=True))
                writes |= body.writes
                waiting += sorted(body.calls - seen)
                seen |= body.calls
        return self._called.setdefault(name, Body(frozenset(writes), frozenset(), differs))

    def _writes_of_calls(self, calls: Iterable[str]) -> set[Write]:
        found: set[Write] = set()
        for name in calls:
            body = self._body(name)
            if body is None or body.writes is None:
                raise _Everything
            found |= body.writes
        return found

    # -- tables --------------------------------------------------------------------------------

    def _closed(self, writes: Iterable[Write], temporary: frozenset[Spelling]) -> frozenset[Name]:
        touched: set[Name] = set()
        seen: set[tuple[Name, Verb]] = set()
        waiting: list[tuple[Name, Verb]] = []

        def push(write: Write) -> None:
            names = self._meant((write.schema, write.name))
            if not names and not self._is_temporary((write.schema, write.name), temporary):
                raise _Everything
            waiting.extend((name, write.verb) for name in names)

        for write in writes:
            push(write)
        while waiting:
            step = waiting.pop()
            if step in seen:
                continue
            seen.add(step)
            name, verb = step
            relation = self._relations.get(name)
            if relation is None:
                # A key or trigger of a table that was made while the catalogue was read, or isn't shown.
                raise _Everything
            if relation.kind is not Kind.VIEW:
                touched.add(name)
            for body in self._run_by(relation, verb):
                for write in body.writes or ():
                    push(write)
                for write in self._writes_of_calls(body.calls):
                    push(write)
            waiting.extend(self._next(relation, verb))
            touched.update(self._beside(relation, verb))
        if touched:
            touched |= self._rows.unread
        return frozenset(touched | self._ancestors(touched))

    def _run_by(self, relation: Relation, verb: Verb) -> Iterable[Body]:
        """What runs when this is written."""
        name = relation.name
        if (name, verb) in self._rules or (name in self._rows.computing and verb in _FILLING):
            raise _Everything
        hidden = self._rows.hidden
        if hidden is None or (name[0] is not None and name[0] in hidden):
            raise _Everything
        bodies = [trigger.body for trigger in self._triggers.get((name, verb), ())]
        if any(body.writes is None for body in bodies):
            raise _Everything
        return bodies

    def _next(self, relation: Relation, verb: Verb) -> Iterable[tuple[Name, Verb]]:
        """What the origin itself writes because this is written."""
        name = relation.name
        if relation.kind is Kind.BEYOND and relation.prefix is None:
            raise _Everything
        if verb is Verb.DEFINE:
            raise _Everything
        yield from ((name, other) for other in self._also.get((name, verb), ()))
        if relation.kind is Kind.VIEW:
            if not any(trigger.is_instead for trigger in self._triggers.get((name, verb), ())):
                below = self._views.get(name, ())
                if not below:
                    raise _Everything
                yield from ((each, verb) for each in below)
            return
        for key in self._keys.get(name, ()):
            if verb is Verb.TRUNCATE_CASCADE:
                yield key.child, verb
            elif verb is Verb.DELETE and key.on_delete is not None:
                yield key.child, key.on_delete
            elif verb is Verb.UPDATE and key.on_update is not None:
                yield key.child, key.on_update
        if verb is Verb.TRUNCATE_CASCADE:
            yield name, Verb.TRUNCATE
        yield from self._descending(relation, verb)

    def _descending(self, relation: Relation, verb: Verb) -> Iterable[tuple[Name, Verb]]:
        """To partitions and children."""
        is_partitioned = relation.kind is Kind.PARTITIONED
        if verb is Verb.INSERT and not is_partitioned:
            return  # a row inserted into a parent stays there
        # An update of a partitioned table may move rows.
        verbs = (Verb.UPDATE, Verb.DELETE, Verb.INSERT) if is_partitioned and verb is Verb.UPDATE else (verb,)
        for child in self._children.get(relation.name, ()):
            yield from ((child, each) for each in verbs)

    def _beside(self, relation: Relation, verb: Verb) -> Iterable[Name]:
        """Tables in which the origin keeps count, or a virtual table its rows."""
        if verb is Verb.INSERT:
            yield from self._counted.get(relation.name, ())
        if relation.prefix is not None:
            prefix = self._folded(relation.prefix)
            for folded, names in self._by_name.items():
                if folded.startswith(prefix):
                    yield from (each for each in names if each[0] == relation.name[0])

    def _ancestors(self, touched: set[Name]) -> set[Name]:
        """What shows its children's rows as its own."""
        found: set[Name] = set()
        waiting = list(touched)
        while waiting:
            for parent in self._parents.get(waiting.pop(), ()):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found


_FILLING = (Verb.INSERT, Verb.UPDATE)
_TEMPORARY_SCHEMAS: Mapping[Family, tuple[str, ...]] = {"sqlite": ("temp",), "postgresql": ("pg_temp",)}


Key = TypeVar("Key")
Value = TypeVar("Value")


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    grouped: dict[Key, list[Value]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped


# Where the catalogue can't be read, or of a dialect that nobody has described.
def everything(family: Family) -> Reach:
    """A reach that knows nothing: every write reaches everything."""
    return Reach(Rows(family, hidden=None))
