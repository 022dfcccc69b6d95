"""Which tables the writes in a statement write, wherever in it they stand.

Rule: each word that can begin a write is accounted for: it is a write whose table is known, or a known
phrase that writes nothing (FOR UPDATE, DO UPDATE). One that is neither means that anything may be written.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmem.commands import word_set
from sqlmem.effects.base import Spelling, Verb, Write
from sqlmem.effects.words import Part

VERBS = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "UPSERT"])
_INSERT_WORDS = ("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO")
_CONFLICTS = ("REPLACE", "ROLLBACK", "ABORT", "FAIL", "IGNORE")
# What a table reference can be followed by, so that it is no alias.
_AFTER_TABLE = word_set(
    """
    SET ON USING WHERE JOIN INNER LEFT RIGHT FULL CROSS NATURAL STRAIGHT_JOIN OUTER ORDER LIMIT RETURNING
    FROM USE FORCE IGNORE PARTITION FOR VALUES VALUE SELECT DEFAULT OVERRIDING WITH INDEXED NOT WHEN GROUP
    HAVING UNION
    """
)
_JOINS = word_set("JOIN STRAIGHT_JOIN ,")
_ENDS = ("WHERE", "ORDER", "LIMIT", "RETURNING", "FROM")


# What follows the verbs of MERGE, where a statement of its own (IF … THEN DELETE FROM …) has its table.
_MERGED = dict.fromkeys(VERBS, frozenset[str]()) | {
    "DELETE": frozenset(["", "WHEN", "RETURNING", ")"]),
    "INSERT": frozenset(["(", "VALUES", "DEFAULT", "OVERRIDING"]),
}


class NotUnderstood(Exception):
    """A word that could begin a write, and none whose table can be told."""


def writes_in(part: Part, *, is_body: bool = False) -> frozenset[Write]:
    """The writes in it.

    Args:
        is_body: a piece of a trigger or routine, whose first word need not begin a statement.

    Raises:
        NotUnderstood: there may be others.
    """
    found: set[Write] = set()
    for index in range(len(part.words)):
        if part.words[index] in VERBS and part.at(index - 1) not in (".", "AS") and part.at(index + 1) != ".":
            found.update(_write_at(part, index, is_first=index == 0 and not is_body))
    return frozenset(found)


def _write_at(part: Part, index: int, *, is_first: bool) -> Iterator[Write]:
    word, before, following = part.words[index], part.at(index - 1), part.at(index + 1)
    if word == "UPDATE":
        if before in ("FOR", "KEY"):
            return  # FOR UPDATE, ON DUPLICATE KEY UPDATE: of the statement's own table
        if before in ("DO", "THEN") and following == "SET":
            return  # ON CONFLICT … DO UPDATE SET, WHEN MATCHED THEN UPDATE SET
    if before == "THEN" and following in _MERGED[word]:
        return  # WHEN MATCHED THEN DELETE, WHEN NOT MATCHED THEN INSERT (a) VALUES (…)
    if word == "REPLACE" and before == "OR" and index >= 2:
        return  # INSERT OR REPLACE
    if word in ("REPLACE", "INSERT", "TRUNCATE") and following == "(" and not is_first:
        return  # replace(a, b, c)
    if not is_first and following in ("", ")", ",", "=", "AS"):
        return  # (update), (update, x), update = 1: columns; WITH update AS (…)
    match word:
        case "INSERT" | "REPLACE" | "UPSERT":
            yield from _insert(part, index)
        case "UPDATE":
            yield from _update(part, index)
        case "DELETE":
            yield from _delete(part, index)
        case "MERGE":
            target = _target(part, part.after(index + 1, "INTO", "ONLY"))
            yield from (Write(*target, verb) for verb in (Verb.INSERT, Verb.UPDATE, Verb.DELETE))
        case "TRUNCATE":
            yield from _truncate(part, index)


def _target(part: Part, index: int) -> Spelling:
    if part.at(index) == "(" and part.family == "postgresql":
        index += 1  # UPDATE ONLY (t)
    spelling, _ = part.spelling(index)
    if spelling is None:
        raise NotUnderstood
    return spelling


def _insert(part: Part, index: int) -> Iterator[Write]:
    is_replace = part.words[index] == "REPLACE"
    index += 1
    if part.at(index) == "OR":
        is_replace = is_replace or part.at(index + 1) == "REPLACE"
        if part.at(index + 1) not in _CONFLICTS:
            raise NotUnderstood
        index += 2
    index = part.after(index, *_INSERT_WORDS)
    target = _target(part, index)
    yield Write(*target, Verb.INSERT)
    if is_replace:
        yield Write(*target, Verb.DELETE)
    if part.has("KEY", "UPDATE") or part.has("DO", "UPDATE"):
        yield Write(*target, Verb.UPDATE)


def _truncate(part: Part, index: int) -> Iterator[Write]:
    # A name called "table" can't follow unquoted in any of the dialects.
    index = part.after(index + 1, "TABLE")
    verb = Verb.TRUNCATE_CASCADE if "CASCADE" in part.words else Verb.TRUNCATE
    while True:
        spelling, index = part.spelling(part.after(index, "ONLY"))
        if spelling is None:
            raise NotUnderstood
        yield Write(*spelling, verb)
        index = part.after(index, "*")
        if part.at(index) != ",":
            return
        index += 1


def _update(part: Part, index: int) -> Iterator[Write]:
    verbs = [Verb.UPDATE]
    index += 1
    if part.at(index) == "OR":
        if part.at(index + 1) not in _CONFLICTS:
            raise NotUnderstood
        if part.at(index + 1) == "REPLACE":
            verbs.append(Verb.DELETE)
        index += 2
    index = part.after(index, "LOW_PRIORITY", "IGNORE", "ONLY")
    if "PORTION" in part.words:
        verbs.append(Verb.INSERT)  # FOR PORTION OF: what lies outside is inserted
    if part.family == "mysql":
        end = part.find(index, "SET")
        if end is None:
            raise NotUnderstood
        tables = list(_references(part, index, end))
        targets = _assigned(part, end + 1, tables)
    else:
        targets = {_target(part, index)}
    yield from (Write(*target, verb) for target in targets for verb in verbs)


def _assigned(part: Part, index: int, tables: list[tuple[Spelling, str]]) -> set[Spelling]:
    """Of several tables those with a column that is set; all where that can't be told."""
    everything = {spelling for spelling, _ in tables}
    if len(everything) == 1:
        return everything
    found: set[Spelling] = set()
    is_target = True
    for place in part.top(index):
        word = part.words[place]
        if word in _ENDS:
            break
        if is_target:
            column, _ = part.spelling(place)
            if column is None or column[0] is None:
                return everything
            found |= _named(column[0], tables, everything)
        is_target = word == ","
    return found or everything


def _named(qualifier: str, tables: list[tuple[Spelling, str]], otherwise: set[Spelling]) -> set[Spelling]:
    return {spelling for spelling, alias in tables if alias.lower() == qualifier.lower()} or otherwise


def _delete(part: Part, index: int) -> Iterator[Write]:
    verbs = [Verb.DELETE]
    if "PORTION" in part.words:
        verbs += [Verb.INSERT, Verb.UPDATE]
    index = part.after(index + 1, "LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY")
    if part.family != "mysql":
        if part.at(index) != "FROM":
            raise NotUnderstood
        targets = {_target(part, part.after(index + 1, "ONLY"))}
    else:
        targets = _deleted(part, index)
    yield from (Write(*target, verb) for target in targets for verb in verbs)


def _deleted(part: Part, index: int) -> set[Spelling]:
    """DELETE FROM t …; DELETE a, b FROM references; DELETE FROM a, b USING references."""
    is_from_first = part.at(index) == "FROM"
    names: list[Spelling] = []
    index += is_from_first
    while True:
        spelling, index = part.spelling(index)
        if spelling is None:
            raise NotUnderstood
        names.append(spelling)
        if part.at(index) == "." and part.at(index + 1) == "*":
            index += 2
        if part.at(index) != ",":
            break
        index += 1
    if part.at(index) != ("USING" if is_from_first else "FROM"):
        if not is_from_first or len(names) > 1:
            raise NotUnderstood
        return set(names)
    end = part.find(index, "WHERE", "ORDER", "LIMIT", "RETURNING")
    tables = list(_references(part, index + 1, len(part.words) if end is None else end))
    everything = {spelling for spelling, _ in tables} | {name for name in names if name[0] is not None}
    found: set[Spelling] = set()
    for schema, name in names:
        if schema is not None:
            found.add((schema, name))
        else:
            found |= _named(name, tables, everything)
    return found


def _references(part: Part, index: int, end: int) -> Iterator[tuple[Spelling, str]]:
    """The tables between two places and what they are called there; no table of a subquery is one."""
    is_table = True
    while index < end:
        word = part.words[index]
        if word == "(":
            if is_table and part.at(index + 1) not in ("SELECT", "WITH", "VALUES"):
                index += 1  # (t JOIN u)
            else:
                # A query, or what belongs to the table before: ON (…), USING (a, b), PARTITION (p).
                index, is_table = part.closing(index) + 1, False
            continue
        if word in _JOINS:
            is_table = True
        elif is_table:
            if not part.is_name(index):
                raise NotUnderstood
            spelling, after = part.spelling(index)
            if spelling is None:
                raise NotUnderstood
            after_as = part.after(after, "AS")
            has_alias = part.is_name(after_as) and (
                after_as > after or part.words[after_as] not in _AFTER_TABLE
            )
            yield spelling, part.name(after_as) if has_alias and after_as < end else spelling[1]
            index, is_table = after, False
            continue
        index += 1
