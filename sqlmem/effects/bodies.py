"""What the body of a trigger or a routine writes, by its words.

Rule: a body is statements, and words around them (IF … THEN, LOOP) that aren't understood. A write is found
wherever it begins; a word that could run text, another routine or a definition means that it may write
anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmem.commands import word_set
from sqlmem.effects.base import Effect, Session, Verb, Write
from sqlmem.effects.calling import with_calls
from sqlmem.effects.words import Part, part_of
from sqlmem.effects.writes import NotUnderstood, writes_in
from sqlmem.lexer import Syntax, scan


@dataclass(frozen=True, slots=True)
class Body:
    """What runs when a trigger or a routine does.

    Attributes:
        writes: the tables as spelled in it; None: it may write anything.
        calls: other routines that it calls.
        differs: the session may differ afterwards.
    """

    writes: frozenset[Write] | None
    calls: frozenset[str] = frozenset()
    differs: bool = False


ANYTHING = Body(None, frozenset(), differs=True)
NOTHING = Body(frozenset())

# Whatever runs text, code that isn't in the body, or a definition.
_OPAQUE = word_set(
    """
    EXECUTE CALL PREPARE COPY LOAD CREATE ALTER DROP RENAME IMPORT REFRESH ATTACH DETACH PRAGMA GRANT REVOKE
    COMMIT ROLLBACK HANDLER XA USE DISCARD RESET VACUUM ANALYZE CLUSTER REINDEX LOCK UNLOCK IMMEDIATE
    """
)
# Words that a statement of a body can stand behind.
_OPENING = word_set("BEGIN THEN ELSE LOOP DO REPEAT ;")
_HARMLESS_BEFORE = (".", "AS", "@")


def body_of(text: str, syntax: Syntax) -> Body:
    """What a body does. Total: what isn't understood may write anything."""
    found = scan(text, syntax)
    if found.has_executable_comment or found.doubt is not None or found.unterminated:
        return ANYTHING
    whole = part_of(found, 0, len(found.words))
    writes: set[Write] = set()
    differs = False
    try:
        start = 0
        for index, word in enumerate((*whole.words, ";")):
            if (
                word in _OPAQUE
                and whole.at(index - 1) not in _HARMLESS_BEFORE
                and _is_statement(whole, index)
            ):
                return ANYTHING
            if word == "COMMENT" and whole.at(index + 1) == "ON" and _is_statement(whole, index):
                return ANYTHING  # for which event triggers may run
            if word == "DO" and syntax.family == "postgresql" and whole.at(index + 1) in ("'", "LANGUAGE"):
                return ANYTHING
            if word == "SET" and index and whole.at(index - 1) in _OPENING and _sets_variable(whole, index):
                differs = True
            if word == ";":
                piece = part_of(found, start, index)
                writes.update(writes_in(piece, is_body=True))
                start = index + 1
        effect = with_calls(whole, Effect())
    except NotUnderstood:
        return ANYTHING
    if effect.writes is None:
        return ANYTHING
    return Body(frozenset(writes), effect.calls, differs or effect.session is Session.DIFFERS)


def _is_statement(part: Part, index: int) -> bool:
    """Whether an opaque word can be one there, and no column or function of that name."""
    word, before, following = part.words[index], part.at(index - 1), part.at(index + 1)
    if word in ("EXECUTE", "CALL", "IMMEDIATE"):
        return True
    if (
        following in (",", ")", "=", ":=", "(", ".", ";")
        and before not in _OPENING
        and word not in ("COMMIT", "ROLLBACK")
    ):
        return False
    # SELECT … INTO STRICT, RAISE … USING: what isn't the first word of a statement is a name.
    return index == 0 or before in _OPENING or before in ("DECLARE", "HANDLER", "FOR", ")", ":")


def _sets_variable(part: Part, index: int) -> bool:
    """SET in PL/pgSQL is the session's; in MariaDB of its own variables, unless it says otherwise."""
    if part.family == "postgresql":
        return True
    return part.at(index + 1) in (
        "SESSION",
        "GLOBAL",
        "LOCAL",
        "NAMES",
        "ROLE",
        "PASSWORD",
        "CHARACTER",
        "TRANSACTION",
    ) or (part.at(index + 1) == "@" and part.at(index + 2) == "@")


def view_of(text: str, syntax: Syntax) -> Body:
    """SQLite's CREATE VIEW: what reading it does. It is one query, which writes by what it calls only."""
    found = scan(text, syntax)
    if "AS" not in found.words or found.unterminated or found.doubt is not None:
        return ANYTHING
    try:
        effect = with_calls(part_of(found, found.words.index("AS"), len(found.words)), Effect())
    except NotUnderstood:
        return ANYTHING
    return ANYTHING if effect.writes is None else Body(frozenset(), effect.calls)


def trigger_of(text: str, syntax: Syntax) -> tuple[Verb | None, Body, bool]:
    """SQLite's CREATE TRIGGER: on which verb, what it does, whether it stands in for the write."""
    found = scan(text, syntax)
    words = found.words
    if "BEGIN" not in words or found.unterminated or found.doubt is not None:
        return None, ANYTHING, False
    begin = words.index("BEGIN")
    event = next((word for word in words[:begin] if word in ("INSERT", "UPDATE", "DELETE")), None)
    is_instead = any(words[index : index + 2] == ("INSTEAD", "OF") for index in range(begin))
    body = body_of(text[found.tokens[begin].start :], syntax)
    try:
        condition = with_calls(part_of(found, 0, begin), Effect())
    except NotUnderstood:
        return None, ANYTHING, is_instead
    if condition.writes is None or body.writes is None:
        return None if event is None else Verb(event.lower()), ANYTHING, is_instead
    # The table's name stands before no parenthesis, and a condition's calls are the trigger's.
    return (
        None if event is None else Verb(event.lower()),
        Body(body.writes, body.calls | condition.calls, body.differs),
        is_instead,
    )
