"""MariaDB's and MySQL's information_schema: what a write also changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlmem.effects import Verb
from sqlmem.effects.bodies import ANYTHING, Body, body_of
from sqlmem.effects.calling import MYSQL_UNLESS_MADE
from sqlmem.lexer import Syntax
from sqlmem.reach import ForeignKey, Kind, Name, Relation, Rows, Trigger
from sqlmem.suspects import Reader, Routine, closed

_SYSTEM = "('information_schema', 'performance_schema', 'mysql', 'sys')"
_USER = "SUBSTRING_INDEX(CURRENT_USER(), '@', {})"
_GRANTEE = f"CONCAT('''', {_USER.format(1)}, '''@''', {_USER.format(-1)}, '''')"
# Whoever defines a table anywhere on the server, as CREATE TABLE … SELECT may for hours, has a lock that
# information_schema waits for. In MariaDB it doesn't: what is locked is left out, but for its name (MySQL 8
# has a catalogue that isn't locked so, and to it this is a comment).
_AT_ONCE = "/*M!100300 SET STATEMENT lock_wait_timeout = 0 FOR */ "
# referential_constraints rather than key_column_usage: one row a key, and nothing of the indexes.
_QUESTION = f"""
SELECT 'relation', table_schema, table_name, table_type, engine, NULL
FROM information_schema.tables WHERE table_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'key', constraint_schema, table_name, unique_constraint_schema, referenced_table_name,
 CONCAT(delete_rule, '/', update_rule)
FROM information_schema.referential_constraints WHERE constraint_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'trigger', event_object_schema, event_object_table, event_manipulation, action_statement,
 sql_mode FROM information_schema.triggers WHERE trigger_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'routine', routine_schema, routine_name, routine_definition, sql_mode, NULL
FROM information_schema.routines WHERE routine_schema NOT IN {_SYSTEM} AND routine_type <> 'PROCEDURE'
UNION ALL SELECT 'may see', NULL, NULL, NULL, NULL, NULL
FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER' AND grantee = {_GRANTEE}
UNION ALL SELECT 'may see', table_schema, NULL, NULL, NULL, NULL
FROM information_schema.schema_privileges WHERE privilege_type = 'TRIGGER' AND grantee = {_GRANTEE}
"""
# It opens every view: asked only where there are any.
_VIEWS = (
    "SELECT table_schema, table_name, view_definition FROM information_schema.views"
    f" WHERE table_schema NOT IN {_SYSTEM}"
)
_TRANSACTIONAL = frozenset({"INNODB", "XTRADB", "TOKUDB", "ROCKSDB", "NDB", "NDBCLUSTER"})
_LOCAL = _TRANSACTIONAL | {"MYISAM", "ARIA", "MEMORY", "CSV", "ARCHIVE"}
_RULES = {"CASCADE", "SET NULL", "SET DEFAULT"}
_VERBS = {"INSERT": Verb.INSERT, "UPDATE": Verb.UPDATE, "DELETE": Verb.DELETE}
# In the form in which definitions are kept, every name is quoted, and a table has its schema.
_QUALIFIED = re.compile(r"`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`")
_CALLED = re.compile(r"(?:`((?:[^`]|``)+)`|([A-Za-z_][A-Za-z0-9_$]*))\s*\(")


def rows(ask: Callable[[str], Sequence[tuple[Any, ...]]]) -> Rows:
    told: dict[str, list[tuple[str, ...]]] = {}
    for tag, *values in ask(_AT_ONCE + _QUESTION.lstrip()):
        told.setdefault(_text(tag), []).append(tuple(_text(value) for value in values))
    relations = tuple(_relation(row) for row in told.get("relation", ()))
    routines = [
        Routine(
            name.lower(),
            _placed(body_of(definition, _syntax(mode)), schema) if definition else ANYTHING,
            definition,
        )
        for schema, name, definition, mode, _ in told.get("routine", ())
    ]
    views: list[tuple[Name, Name]] = []
    readers: list[Reader] = []
    if any(relation.kind is Kind.VIEW for relation in relations):
        views, readers = _views(ask(_AT_ONCE + _VIEWS), relations)
    _, suspects = closed(readers, routines)
    functions: dict[str, tuple[Body, ...]] = {}
    for each in routines:
        body = ANYTHING if suspects.any_in(each.text) else each.body
        functions[each.name] = (*functions.get(each.name, ()), body)
    merged = [
        relation.name
        for row, relation in zip(told.get("relation", ()), relations, strict=True)
        if row[3].upper() == "MRG_MYISAM"
    ]
    myisam = [
        relation.name
        for row, relation in zip(told.get("relation", ()), relations, strict=True)
        if row[3].upper() == "MYISAM"
    ]
    keys = tuple(_key(row) for row in told.get("key", ()))
    return Rows(
        family="mysql",
        relations=relations,
        foreign_keys=keys,
        triggers=tuple(
            Trigger(
                (schema, table),
                _VERBS[event],
                ANYTHING
                if suspects.any_in(statement)
                else _placed(body_of(statement, _syntax(mode)), schema),
            )
            for schema, table, event, statement, mode in told.get("trigger", ())
        ),
        # A merged table shows the rows of others; of which, its definition would say.
        children=tuple((table, merge) for table in myisam for merge in merged),
        views=tuple(dict.fromkeys(views)),
        functions=functions,
        built_in=MYSQL_UNLESS_MADE,
        suspects=suspects,
        hidden=_hidden(told.get("may see", []), relations),
        unread=_unread(told.get("relation", ()), keys),
    )


def _unread(told: Sequence[tuple[str, ...]], keys: Sequence[ForeignKey]) -> frozenset[Name]:
    """Tables that were locked, or can't be opened, and those that their keys lead on to."""
    found: set[Name] = {(row[0], row[1]) for row in told if not row[3] and not row[2].endswith("VIEW")}
    waiting = list(found)
    while waiting:
        parent = waiting.pop()
        further = {key.child for key in keys if key.parent == parent} - found
        found |= further
        waiting += further
    return frozenset(found)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _relation(row: tuple[str, ...]) -> Relation:
    schema, name, kind, engine, _ = row
    if kind.endswith("VIEW"):
        return Relation((schema, name), Kind.VIEW)
    is_local = engine.upper() in _LOCAL
    return Relation(
        (schema, name),
        Kind.TABLE if is_local else Kind.BEYOND,
        # What is locked tells no engine: others' keys may lead to it, which only InnoDB's do.
        is_transactional=not engine or engine.upper() in _TRANSACTIONAL,
    )


def _key(row: tuple[str, ...]) -> ForeignKey:
    child_schema, child, parent_schema, parent, rules = row
    on_delete, _, on_update = rules.partition("/")
    return ForeignKey(
        (child_schema, child),
        (parent_schema, parent),
        (Verb.DELETE if on_delete == "CASCADE" else Verb.UPDATE) if on_delete in _RULES else None,
        Verb.UPDATE if on_update in _RULES else None,
    )


def _syntax(mode: str) -> Syntax:
    """How a body was read when it was made."""
    return Syntax(
        "mysql",
        backslash_escapes="NO_BACKSLASH_ESCAPES" not in mode,
        ansi_quotes="ANSI_QUOTES" in mode,
        paramstyle="pyformat",
        percent_is_escaped=False,
    )


def _placed(body: Body, schema: str) -> Body:
    """What has no schema is of the body's own."""
    if body.writes is None:
        return body
    writes = frozenset(
        each if each.schema is not None else each._replace(schema=schema) for each in body.writes
    )
    return Body(writes, body.calls, body.differs)


def _views(
    told: Sequence[tuple[Any, ...]], relations: tuple[Relation, ...]
) -> tuple[list[tuple[Name, Name]], list[Reader]]:
    """Each view, and what it reads and calls."""
    known = {relation.name for relation in relations}
    found: list[tuple[Name, Name]] = []
    readers: list[Reader] = []
    for row in told:
        schema, name, definition = (_text(value) for value in row)
        parts = [tuple(part.replace("``", "`") for part in pair) for pair in _QUALIFIED.findall(definition)]
        found += [((schema, name), below) for below in parts if below in known]
        readers.append(
            Reader(
                name.lower(),
                calls=frozenset((quoted or plain).lower() for quoted, plain in _CALLED.findall(definition)),
                reads=frozenset(below.lower() for _, below in parts),
            )
        )
    return found, readers


def _hidden(may_see: list[tuple[str, ...]], relations: tuple[Relation, ...]) -> frozenset[str]:
    """The schemas whose triggers this user isn't shown."""
    patterns = [row[0] for row in may_see]
    if "" in patterns:
        return frozenset()
    allowed = [re.compile(_like(pattern), re.DOTALL) for pattern in patterns]
    schemas = {relation.name[0] for relation in relations}
    return frozenset(
        schema
        for schema in schemas
        if schema is not None and not any(each.fullmatch(schema) for each in allowed)
    )


def _like(pattern: str) -> str:
    """A grant's pattern as a regular expression."""
    out, index = "", 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\" and index + 1 < len(pattern):
            index += 1
            out += re.escape(pattern[index])
        else:
            out += {"%": ".*", "_": "."}.get(character, re.escape(character))
        index += 1
    return out
