"""What statements that define things do: everything, but for the few that are known to touch no rows."""

from __future__ import annotations

from dataclasses import replace

from sqlmem.effects.base import Effect, Session, Verb, Write, writing
from sqlmem.effects.words import Part
from sqlmem.effects.writes import NotUnderstood

_TEMPORARY = ("TEMP", "TEMPORARY")


def define(part: Part) -> Effect:
    """CREATE, ALTER, DROP and their like: what was planned or known may be wrong afterwards."""
    shown = " ".join(word for word in part.words[:2] if word.isalpha())
    is_at_once = part.family != "postgresql" or "CONCURRENTLY" in part.words or part.at(1) in _AT_ONCE
    everything = Effect(
        writes=None, is_definition=True, is_at_once=is_at_once, reason=f"{shown} changes definitions"
    )
    index = part.after(1, "OR", "REPLACE", "GLOBAL", "LOCAL")
    if part.at(0) in ("CREATE", "DROP") and part.at(index) in _TEMPORARY and part.family != "other":
        return _temporary(part, index + 1, everything)
    return everything


_AT_ONCE = ("DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION")


def _temporary(part: Part, index: int, everything: Effect) -> Effect:
    """What only this session has. A table is unknown to all others; the rest may be more."""
    if part.at(0) == "DROP" and part.family != "mysql":
        return everything
    if part.at(index) != "TABLE":
        return replace(everything, session=Session.DIFFERS, clouds=True)
    index = part.after(index + 1, "IF", "NOT", "EXISTS")
    spelling, _ = part.spelling(index)
    if spelling is None:
        raise NotUnderstood
    return Effect(
        session=Session.DIFFERS,
        temporary=frozenset({spelling}),
        reason=f"{part.at(0)} of a temporary table",
    )


def into(part: Part, index: int, effect: Effect) -> Effect:
    """SELECT … INTO [TEMP] t."""
    is_temporary = part.at(index) in _TEMPORARY
    index = part.after(index, *_TEMPORARY, "LOCAL", "GLOBAL", "UNLOGGED", "TABLE")
    is_temporary = is_temporary or part.at(index - 1) in _TEMPORARY
    spelling, _ = part.spelling(index)
    if spelling is None:
        raise NotUnderstood
    if is_temporary:
        return replace(effect, session=Session.DIFFERS, temporary=frozenset({spelling}))
    return replace(
        effect, writes=None, verbs=frozenset(), is_definition=True, reason="SELECT INTO makes a table"
    )


def refresh(part: Part) -> Effect:
    """REFRESH MATERIALIZED VIEW [CONCURRENTLY] v."""
    if part.words[1:3] != ("MATERIALIZED", "VIEW"):
        raise NotUnderstood
    spelling, _ = part.spelling(part.after(3, "CONCURRENTLY"))
    if spelling is None:
        raise NotUnderstood
    return writing([Write(*spelling, Verb.REFRESH)], f"REFRESH writes {spelling[1]}")
