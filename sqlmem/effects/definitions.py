"""What statements that define things do: everything, but for the few that are known to touch no rows."""

from __future__ import annotations

from dataclasses import replace

from sqlmem.effects.base import Control, Effect, Session, Spelling, Verb, Write, writing
from sqlmem.effects.calling import with_calls
from sqlmem.effects.words import Part
from sqlmem.effects.writes import NotUnderstood, writes_in

_TEMPORARY = ("TEMP", "TEMPORARY")
_TEMPORARY_SCHEMAS = ("TEMP", '"temp', "PG_TEMP", '"pg_temp')
# PostgreSQL runs these outside of any transaction.
_AT_ONCE = frozenset(["DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION"])
# What stands between CREATE or DROP and the kind of thing.
_BEFORE_KIND = ("OR", "REPLACE", "GLOBAL", "LOCAL", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE")


def define(part: Part) -> Effect:
    """CREATE, ALTER, DROP and their like: what was planned or known may be wrong afterwards."""
    effect = _defined(part)
    return replace(effect, fires=True) if part.family == "postgresql" else effect


def _defined(part: Part) -> Effect:
    first, family = part.at(0), part.family
    index = part.after(1, *_BEFORE_KIND)
    kind = part.at(index)
    everything = Effect(
        writes=None,
        is_definition=True,
        sets_up=family == "postgresql" and first == "ALTER" and _sets_up(part, kind),
        is_at_once=family != "postgresql" or "CONCURRENTLY" in part.words or kind in _AT_ONCE,
        control=Control.COMMIT if family == "mysql" else None,
        reason=f"{first} {kind if kind.isalpha() else 'IT'} changes definitions",
    )
    if first in ("CREATE", "DROP") and family != "other":
        if kind in _TEMPORARY:
            return _temporary(part, index + 1, everything)
        named = part.after(index + 1, "IF", "NOT", "EXISTS")
        if part.at(named) in _TEMPORARY_SCHEMAS and part.at(named + 1) == ".":
            return _temporary(part, index, everything)
        if kind == "INDEX" and first == "CREATE":
            return _index(part, replace(everything, writes=frozenset()))
        if kind == "INDEX":
            return replace(everything, writes=frozenset())
    if first == "COMMENT" and family == "postgresql":
        return Effect(reason="COMMENT")
    return everything


def _sets_up(part: Part, kind: str) -> bool:
    """ALTER ROLE, USER or DATABASE with SET or RESET, of whatever variable."""
    is_of_sessions = kind in ("ROLE", "USER", "DATABASE") and part.at(2) != "MAPPING"
    return is_of_sessions and (part.has("SET") or part.has("RESET"))


def _index(part: Part, effect: Effect) -> Effect:
    """An index touches no rows, but one over an expression calls functions."""
    place = part.find(1, "ON")
    if place is None:
        raise NotUnderstood
    spelling, place = part.spelling(part.after(place + 1, "ONLY"))
    if spelling is None:
        raise NotUnderstood
    if part.at(place) == "USING":
        place += 2
    if part.family != "mysql":
        return with_calls(part.behind(place), effect)
    for start in part.top(place + 1):
        # What has no parentheses of its own is a column, if need be with a length: name(10).
        if part.at(start) == "(" and part.at(start - 1) in ("(", ","):
            effect = with_calls(part.within(start), effect)
    return effect


def _temporary(part: Part, index: int, everything: Effect) -> Effect:
    """What only this session has. A table is unknown to all others; the rest may be more."""
    is_made = part.at(0) == "CREATE"
    if not is_made and part.family != "mysql":
        return everything  # DROP TABLE temp.t
    if part.at(index) != "TABLE":
        # A trigger or a view of this session: what its writes reach, others' catalogue doesn't say.
        return replace(everything, session=Session.DIFFERS, clouds=True)
    spelling, index = part.spelling(part.after(index + 1, "IF", "NOT", "EXISTS"))
    if spelling is None:
        raise NotUnderstood
    effect = Effect(
        session=Session.DIFFERS,
        temporary=frozenset({spelling}) if is_made else frozenset(),
        is_at_once=part.family == "sqlite",
        reason=f"{part.at(0)} of a temporary table",
    )
    return _filled(part, index, effect) if is_made else effect


def _filled(part: Part, index: int, effect: Effect) -> Effect:
    """CREATE TABLE … AS a query."""
    start = part.find(index, "AS")
    if start is None:
        if part.family != "mysql":
            return effect
        start = part.find(index, "SELECT", "WITH", "VALUES")  # AS may be left out
        if start is None:
            return effect
        start -= 1
    if part.at(start + 1) not in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        if part.at(start + 1) == "EXECUTE":
            raise NotUnderstood
        return effect  # GENERATED ALWAYS AS
    query = part.behind(start + 1)
    verbs = writes_in(query)
    writes: frozenset[Spelling] = frozenset((each.schema, each.name) for each in verbs)
    return with_calls(query, replace(effect, writes=writes, verbs=verbs))


def into(part: Part, index: int, effect: Effect) -> Effect:
    """SELECT … INTO [TEMP] t."""
    behind = part.after(index, *_TEMPORARY, "LOCAL", "GLOBAL", "UNLOGGED", "TABLE")
    is_temporary = any(word in _TEMPORARY for word in part.words[index:behind])
    spelling, _ = part.spelling(behind)
    if spelling is None:
        raise NotUnderstood
    if is_temporary:
        return replace(effect, session=Session.DIFFERS, temporary=frozenset({spelling}), fires=True)
    return replace(
        effect,
        writes=None,
        verbs=frozenset(),
        is_definition=True,
        fires=True,
        reason="SELECT INTO makes a table",
    )


def refresh(part: Part) -> Effect:
    """REFRESH MATERIALIZED VIEW [CONCURRENTLY] v."""
    if part.words[1:3] != ("MATERIALIZED", "VIEW"):
        raise NotUnderstood
    spelling, _ = part.spelling(part.after(3, "CONCURRENTLY"))
    if spelling is None:
        raise NotUnderstood
    return replace(writing([Write(*spelling, Verb.REFRESH)], f"REFRESH writes {spelling[1]}"), fires=True)
