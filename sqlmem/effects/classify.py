"""One statement to its effect, by its first word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlmem.commands import QUERY_WORDS, word_set
from sqlmem.effects import definitions, sessions
from sqlmem.effects.base import Control, Effect, Session, Verb, Write, unknown, writing
from sqlmem.effects.calling import with_calls
from sqlmem.effects.words import Part
from sqlmem.effects.writes import NotUnderstood, writes_in

Reader = Callable[[Part], Effect]


def classify(part: Part) -> Effect:
    """What one statement does. Its `is_read` is left to the gate."""
    first = part.at(0)
    reader = _query if first in QUERY_WORDS else _READERS.get(first)
    if reader is None:
        return unknown(f"{first[:40]} isn't understood")
    try:
        return reader(part)
    except NotUnderstood:
        return unknown(f"{first} of something that isn't understood")


def _data(part: Part) -> Effect:
    writes = writes_in(part)
    if not writes:
        raise NotUnderstood
    first = part.at(0)
    effect = writing(writes, f"{first} writes {shown(writes)}")
    if part.family == "mysql" and first == "TRUNCATE":
        return _committing(effect)
    if part.family == "mysql" and part.at(1) == "DELAYED":
        # Only of tables without transactions.
        effect = replace(effect, is_at_once=True, is_late=True)
    if part.family == "sqlite" and first not in _BEGUN:
        # The driver begins a transaction for what it knows as a write; a WITH in front it doesn't.
        effect = replace(effect, is_at_once=True)
    return with_calls(part, effect)


_BEGUN = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def _committing(effect: Effect) -> Effect:
    """MariaDB commits what came before."""
    return replace(effect, is_at_once=True, control=Control.COMMIT)


def shown(writes: frozenset[Write]) -> str:
    names = sorted({each.name if each.schema is None else f"{each.schema}.{each.name}" for each in writes})
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _query(part: Part) -> Effect:
    """SELECT, WITH, VALUES, TABLE: what is written inside of it, or by INTO."""
    writes = writes_in(part)
    effect = writing(writes, f"{shown(writes)} written inside a query" if writes else "a query")
    if writes and part.family == "sqlite":
        effect = replace(effect, is_at_once=True)
    for index, word in enumerate(part.words):
        if word == "INTO" and part.at(index - 1) not in _BEFORE_INTO:
            effect = _into(part, index, effect)
    return with_calls(part, effect)


_BEFORE_INTO = (".", "AS", "INSERT", "REPLACE", "MERGE", "IGNORE", "ABORT", "FAIL", "ROLLBACK")


def _into(part: Part, index: int, effect: Effect) -> Effect:
    match part.family:
        case "mysql":
            return effect  # a file or variables, and what reads variables is the origin's to answer
        case "postgresql":
            return definitions.into(part, index + 1, effect)
        case _:
            raise NotUnderstood


def _copy(part: Part) -> Effect:
    if part.family != "postgresql":
        raise NotUnderstood
    if "PROGRAM" in part.words:
        return unknown("COPY with a program")
    if part.at(1) == "(":
        return _query(part.behind(1))
    spelling, index = part.spelling(part.after(1, "BINARY"))
    if spelling is None:
        raise NotUnderstood
    if part.at(index) == "(":
        index = part.closing(index) + 1
    match part.at(index):
        case "TO":
            return Effect(reason="COPY … TO")
        case "FROM":
            return with_calls(part, writing([Write(*spelling, Verb.INSERT)], f"COPY writes {spelling[1]}"))
        case _:
            raise NotUnderstood


def _load(part: Part) -> Effect:
    if part.family != "mysql":
        raise NotUnderstood
    if part.at(1) == "INDEX":
        return _committing(Effect(reason="LOAD INDEX"))
    for index in range(len(part.words)):
        if part.words[index : index + 2] == ("INTO", "TABLE"):
            spelling, _ = part.spelling(index + 2)
            if spelling is None:
                break
            verbs = [Verb.INSERT] + ([Verb.DELETE] if "REPLACE" in part.words else [])
            writes = writing((Write(*spelling, verb) for verb in verbs), f"LOAD writes {spelling[1]}")
            return with_calls(part, writes)
    raise NotUnderstood


_EXPLAIN_WORDS = tuple(
    word_set(
        """
        EXPLAIN ANALYZE ANALYSE VERBOSE EXTENDED PARTITIONS QUERY PLAN FORMAT = TREE JSON TRADITIONAL XML YAML
        TEXT DESCRIBE DESC
        """
    )
)


def _explain(part: Part) -> Effect:
    """EXPLAIN runs what it explains under ANALYZE; its subqueries MariaDB may run without."""
    index = 1
    if part.at(1) == "(" and part.at(2) not in QUERY_WORDS:
        index = part.closing(1) + 1
    index = part.after(index, *_EXPLAIN_WORDS)
    explained = part.behind(index)
    if explained.at(0) in QUERY_WORDS or explained.at(0) in _READERS:
        inner = classify(explained)
        runs = any(word in ("ANALYZE", "ANALYSE") for word in part.words[:index]) or part.family == "other"
        if runs or inner.writes is None:
            return replace(inner, reason=f"EXPLAIN: {inner.reason}")
        return Effect(calls=inner.calls, reason="EXPLAIN")
    if part.family == "mysql" and part.at(0) != "ANALYZE" and part.at(1) not in _EXPLAIN_WORDS:
        return Effect(reason="DESCRIBE")
    if explained.at(0) == "INTO":
        return Effect(reason="EXPLAIN … INTO")
    raise NotUnderstood


def _analyze(part: Part) -> Effect:
    match part.family:
        case "mysql":
            if part.at(1) in ("TABLE", "LOCAL", "NO_WRITE_TO_BINLOG"):
                return _committing(Effect(reason="ANALYZE"))
            return _explain(part)
        case "sqlite":
            return replace(sessions.STATISTICS, reason="ANALYZE")
        case _:
            return Effect(reason="ANALYZE")


def _maintain(part: Part) -> Effect:
    """VACUUM and its like: they touch no rows, at once."""
    if part.family == "sqlite" and part.at(0) == "VACUUM" and "INTO" not in part.words:
        # Tables without a key of their own are numbered anew.
        return Effect(writes=None, is_at_once=True, reason="VACUUM changes row ids")
    # From PostgreSQL 17 on event triggers run for REINDEX too.
    is_reindex = part.family == "postgresql" and part.at(0) == "REINDEX"
    effect = Effect(is_at_once=True, fires=is_reindex, reason=f"{part.at(0)} writes no rows")
    return _committing(effect) if part.family == "mysql" else effect


def _run(part: Part) -> Effect:
    """Code that may do anything, set variables and commit."""
    if part.at(0) == "DO" and part.family == "mysql":
        return replace(_query(part), reason="DO computes")
    return Effect(
        writes=None,
        is_at_once=True,
        session=Session.DIFFERS,
        control=Control.OTHER if part.family == "mysql" else None,
        reason=f"{part.at(0)} runs code",
    )


def _prepare(part: Part) -> Effect:
    if part.at(1) == "TRANSACTION" and part.family == "postgresql":
        return sessions.transaction(part)
    return Effect(reason="PREPARE")


def _nothing(part: Part) -> Effect:
    return Effect(reason=f"{part.at(0)} writes no rows")


def _lock(part: Part) -> Effect:
    if part.family != "mysql":
        return Effect(reason="LOCK")
    # Under LOCK TABLES, what isn't locked can't be read: that is the origin's to say.
    return replace(_committing(Effect(reason=f"{part.at(0)} commits")), session=Session.DIFFERS)


def _differ(part: Part) -> Effect:
    # What another database has under the same name is another table: names are no longer what they were.
    return Effect(session=Session.DIFFERS, is_at_once=True, reason=f"{part.at(0)} changes the session")


def _declare(part: Part) -> Effect:
    """DECLARE c CURSOR FOR a query."""
    found = part.find(1, "FOR")
    if part.family != "postgresql" or found is None:
        raise NotUnderstood
    return replace(_query(part.behind(found + 1)), reason="DECLARE … CURSOR")


def _table(words: str, reader: Reader) -> dict[str, Reader]:
    return dict.fromkeys(words.split(), reader)


# first word -> how the statement is read; without a row it may do anything
_READERS: dict[str, Reader] = {
    **_table("INSERT REPLACE UPDATE DELETE MERGE TRUNCATE", _data),
    **_table("COPY", _copy),
    **_table("LOAD", _load),
    **_table("EXPLAIN DESCRIBE DESC", _explain),
    **_table("ANALYZE ANALYSE", _analyze),
    **_table("CALL DO EXECUTE EXEC", _run),
    **_table("PREPARE", _prepare),
    **_table(
        "SHOW HELP CHECKPOINT LISTEN UNLISTEN NOTIFY FETCH MOVE CLOSE DEALLOCATE HANDLER KILL", _nothing
    ),
    **_table("VACUUM REINDEX CLUSTER OPTIMIZE CHECK CHECKSUM CACHE", _maintain),
    **_table("LOCK UNLOCK", _lock),
    **_table("USE ATTACH DETACH", _differ),
    **_table("SET", sessions.set_),
    **_table("RESET", sessions.reset),
    **_table("DISCARD", sessions.discard),
    **_table("PRAGMA", sessions.pragma),
    **_table("BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE XA", sessions.transaction),
    **_table("DECLARE", _declare),
    **_table(
        "CREATE ALTER DROP RENAME COMMENT SECURITY REASSIGN GRANT REVOKE IMPORT REPAIR FLUSH",
        definitions.define,
    ),
    **_table("REFRESH", definitions.refresh),
}
