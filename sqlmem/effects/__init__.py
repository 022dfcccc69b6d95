"""What a statement does: which tables it writes, when, and what the session is afterwards.

`effect_of` takes any text of any size. See `effects.base` for the rules.
"""

from __future__ import annotations

from dataclasses import replace

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
from sqlmem.gate import Passthrough, Query, may_hide_a_write
from sqlmem.gate import classify as judge
from sqlmem.lexer import Syntax, scan


def effect_of(text: str, syntax: Syntax) -> Effect:
    """What a statement does, judged by its words. Total: what isn't understood may do anything."""
    found = scan(skimmed(text, syntax), syntax)
    if found.has_executable_comment:
        return unknown("an executable comment")
    if found.doubt is not None or found.unterminated:
        return unknown("it isn't certain where its literals end")
    statements = parts(found)
    if not statements:
        return Effect(is_read=True, reason="an empty statement")
    effect = union(classify(each) for each in statements)
    verdict = judge(found)
    is_read = isinstance(verdict, Query | Passthrough) and may_hide_a_write(found) is None
    return replace(effect, is_read=is_read)


__all__ = ["UNKNOWN", "Control", "Effect", "Session", "Spelling", "Verb", "Write", "effect_of"]
