"""What a statement does: which tables it writes, when, and what the session is afterwards.

`effect_of` takes any text of any size. See `effects.base` for the rules.
"""

from __future__ import annotations

from dataclasses import replace

from sqlmem.commands import QUERY_WORDS
from sqlmem.effects.base import (
    UNKNOWN,
    Control,
    Effect,
    Session,
    Spelling,
    Verb,
    Write,
    union,
    unknown,
)
from sqlmem.effects.classify import classify
from sqlmem.effects.skimming import skimmed
from sqlmem.effects.words import parts
from sqlmem.effects.writes import VERBS
from sqlmem.gate import Passthrough, Query, Reading
from sqlmem.lexer import Scan, Syntax


def effect_of(text: str, syntax: Syntax, reading: Reading | None = None) -> Effect:
    """What a statement does, judged by its words. Total: what isn't understood may do anything.

    Args:
        reading: of the same text, to be shared with who reads it on.
    """
    short = skimmed(text, syntax)
    if reading is None or short != text:
        reading = Reading(short, syntax)
    found = reading.scanned
    if found.has_executable_comment:
        return unknown("an executable comment")
    if found.doubt is not None or found.unterminated:
        return unknown("it isn't certain where its literals end")
    if _is_plain_query(found) and isinstance(reading.verdict, Query) and reading.hidden is None:
        return Effect(is_read=True, reason="a query")
    statements = parts(found)
    if not statements:
        return Effect(is_read=True, reason="an empty statement")
    is_read = isinstance(reading.verdict, Query | Passthrough) and reading.hidden is None
    if is_read and statements[0].at(0) in _ASKING:
        return Effect(is_read=True, reason="it asks the origin about itself")
    effect = union(classify(each) for each in statements)
    if syntax.family == "other" and not is_read:
        # Which triggers or hidden commits it has, nobody has described.
        effect = replace(effect, writes=None, verbs=frozenset(), is_at_once=True)
    # What reads as a query and isn't understood is a slip of the pen, or something worse.
    is_read = is_read and effect.writes is not None
    return effect if effect.is_read is is_read else replace(effect, is_read=is_read)


def _is_plain_query(found: Scan) -> bool:
    """Whether it is one query without a call, and without a word that could begin a write."""
    return (
        found.syntax.family != "other"
        and found.statement_count == 1
        and found.words[0] in QUERY_WORDS
        and found.vocabulary.isdisjoint(_MORE)
    )


_MORE = VERBS | {"(", "INTO"}
_ASKING = frozenset(["PRAGMA", "SHOW", "HELP"])


__all__ = ["UNKNOWN", "Control", "Effect", "Session", "Spelling", "Verb", "Write", "effect_of"]
