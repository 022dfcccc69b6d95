"""One statement to its effect, by its first words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlmem.effects import definitions, sessions
from sqlmem.effects.base import Control, Effect, Session, Verb, Write, unknown, writing
from sqlmem.effects.calling import calls_of
from sqlmem.effects.words import Part
from sqlmem.effects.writes import NotUnderstood, writes_in
from sqlmem.gate import QUERY_WORDS


def classify(part: Part) -> Effect:
    """What one statement does. Its `is_read` is left to the gate."""
    first = part.at(0)
    reader = _READERS.get(first)
    if first in QUERY_WORDS:
        reader = _query
    if reader is None:
        return unknown(f"{first[:40]} isn't understood")
    try:
        effect = reader(part)
    except NotUnderstood:
        return unknown(f"{first} of something that isn't understood")
    return calls_of(part, effect)


def _writes(part: Part) -> Effect:
    writes = writes_in(part)
    first = part.at(0)
    if not writes:
        raise NotUnderstood
    effect = writing(writes, f"{first} writes {_shown(writes)}")
    if first == "TRUNCATE":
        return replace(effect, is_at_once=part.family == "mysql")
    return effect


def _shown(writes: frozenset[Write]) -> str:
    names = sorted({each.name if each.schema is None else f"{each.schema}.{each.name}" for each in writes})
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _query(part: Part) -> Effect:
    """SELECT, WITH, VALUES, TABLE: what is written inside of it, or by INTO."""
    writes = writes_in(part)
    effect = writing(writes, f"{_shown(writes)} written inside a query" if writes else "a query")
    for index, word in enumerate(part.words):
        if word == "INTO" and part.at(index - 1) not in (".", "AS", "INSERT", "REPLACE", "MERGE", "IGNORE"):
            if part.family == "mysql":
                if part.at(index + 1) in ("OUTFILE", "DUMPFILE"):
                    continue
                effect = replace(effect, session=Session.DIFFERS)  # a variable
            elif part.family == "postgresql":
                if any(part.words[place] in ("INSERT", "MERGE") for place in range(max(0, index - 2), index)):
                    continue
                effect = definitions.into(part, index + 1, effect)
            else:
                raise NotUnderstood
        if word == ":=" and part.family != "postgresql":
            effect = replace(effect, session=Session.DIFFERS)
    return effect


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
            return writing([Write(*spelling, Verb.INSERT)], f"COPY writes {spelling[1]}")
        case _:
            raise NotUnderstood


def _load(part: Part) -> Effect:
    if part.family != "mysql" or part.at(1) not in ("DATA", "XML"):
        return unknown("LOAD")
    for index in range(len(part.words)):
        if part.words[index : index + 2] == ("INTO", "TABLE"):
            spelling, _ = part.spelling(index + 2)
            if spelling is not None:
                verbs = [Verb.INSERT] + ([Verb.DELETE] if "REPLACE" in part.words else [])
                return writing((Write(*spelling, verb) for verb in verbs), f"LOAD writes {spelling[1]}")
    raise NotUnderstood


_EXPLAIN_WORDS = (
    "EXPLAIN ANALYZE ANALYSE VERBOSE EXTENDED PARTITIONS QUERY PLAN FORMAT = TREE JSON TRADITIONAL XML YAML TEXT DESCRIBE DESC"
).split()


def _explain(part: Part) -> Effect:
    """EXPLAIN runs what it explains under ANALYZE, and is taken to do so without it."""
    index = 1
    if part.at(1) == "(" and part.at(2) not in QUERY_WORDS:
        index = part.closing(1) + 1
    index = part.after(index, *_EXPLAIN_WORDS)
    explained = part.behind(index)
    if not explained.words or (
        part.family == "mysql" and explained.at(0) not in _READERS and explained.at(0) not in QUERY_WORDS
    ):
        return Effect(reason="DESCRIBE")  # a table
    if explained.at(0) == "INTO":
        return Effect(session=Session.DIFFERS, reason="EXPLAIN INTO")
    inner = classify(explained)
    return replace(inner, reason=f"EXPLAIN: {inner.reason}")


def _analyze(part: Part) -> Effect:
    if part.family == "mysql" and part.at(1) not in ("TABLE", "LOCAL", "NO_WRITE_TO_BINLOG"):
        return _explain(part)
    return Effect(
        is_at_once=part.family == "mysql",
        writes=_STATISTICS if part.family == "sqlite" else frozenset(),
        reason=part.at(0),
    )


# What SQLite's ANALYZE writes are ordinary tables.
_STATISTICS = frozenset({(None, f"sqlite_stat{number}") for number in (1, 3, 4)})


def _runs(part: Part) -> Effect:
    return replace(
        unknown(f"{part.at(0)} runs code"),
        is_definition=False,
        clouds=False,
        control=None,
        session=Session.SAME,
    )


def _prepare(part: Part) -> Effect:
    if part.at(1) == "TRANSACTION" and part.family == "postgresql":
        return sessions.transaction(part)
    return Effect(session=Session.DIFFERS, reason="PREPARE")


def _nothing(part: Part) -> Effect:
    return Effect(reason=f"{part.at(0)} writes no rows")


def _nothing_at_once(part: Part) -> Effect:
    return Effect(is_at_once=True, reason=f"{part.at(0)} writes no rows")


def _lock(part: Part) -> Effect:
    # LOCK TABLES and UNLOCK TABLES commit in MariaDB; under locks, other tables can't be read.
    if part.family == "mysql":
        return Effect(
            is_at_once=True, session=Session.DIFFERS, control=Control.COMMIT, reason=f"{part.at(0)} commits"
        )
    return Effect(reason="LOCK")


def _differs(part: Part) -> Effect:
    return Effect(session=Session.DIFFERS, is_at_once=True, reason=f"{part.at(0)} changes the session")


def _declare(part: Part) -> Effect:
    """DECLARE c CURSOR FOR a query."""
    if part.family != "postgresql":
        raise NotUnderstood
    found = part.find(1, "FOR")
    if found is None:
        raise NotUnderstood
    return replace(_query(part.behind(found + 1)), reason="DECLARE … CURSOR")


def _unknown(part: Part) -> Effect:
    return unknown(f"{part.at(0)} may do anything")


def _table(words: str, reader: Callable[[Part], Effect]) -> dict[str, Callable[[Part], Effect]]:
    return dict.fromkeys(words.split(), reader)


# first word -> how the statement is read; without a row it may do anything
_READERS: dict[str, Callable[[Part], Effect]] = {
    **_table("INSERT REPLACE UPDATE DELETE MERGE TRUNCATE", _writes),
    **_table("COPY", _copy),
    **_table("LOAD", _load),
    **_table("EXPLAIN DESCRIBE DESC", _explain),
    **_table("ANALYZE ANALYSE", _analyze),
    **_table("CALL DO EXECUTE EXEC", _runs),
    **_table("PREPARE", _prepare),
    **_table("SHOW HELP CHECKPOINT LISTEN UNLISTEN NOTIFY FETCH MOVE CLOSE DEALLOCATE", _nothing),
    **_table("VACUUM REINDEX CLUSTER OPTIMIZE CHECK CHECKSUM KILL", _nothing_at_once),
    **_table("LOCK UNLOCK", _lock),
    **_table("USE ATTACH DETACH HANDLER", _differs),
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
