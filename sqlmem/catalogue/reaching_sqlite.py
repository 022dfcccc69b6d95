"""SQLite's sqlite_master, of all attached databases: what a write also changes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlmem.effects import Verb
from sqlmem.effects.bodies import ANYTHING, Body, trigger_of, view_of
from sqlmem.lexer import Syntax
from sqlmem.reach import ForeignKey, Kind, Name, Relation, Rows, Trigger
from sqlmem.suspects import Reader, closed

# Functions of the extensions in SQLite's own source (fts3, fts5, rtree) that write nothing, with how many
# arguments they are registered; what an application registers under such a name may take others.
# OPTIMIZE and FTS3_TOKENIZER aren't among them.
_OF_EXTENSIONS = """
 ('bm25', -1), ('highlight', -1), ('snippet', -1), ('fts5_get_locale', -1), ('fts5', 1), ('fts5_locale', 2),
 ('fts5_insttoken', 1), ('fts5_source_id', 0), ('match', 2), ('offsets', 1), ('matchinfo', 1),
 ('matchinfo', 2), ('rtreecheck', -1), ('rtreedepth', 1), ('rtreenode', 2)
"""
# The only pragma that does something when it is read as a table; all others do nothing but tell.
_WRITING_PRAGMA = "optimize"
_QUESTION = f"""
SELECT 'database', name, file, NULL FROM pragma_database_list
UNION ALL SELECT 'function', name, builtin OR (name, narg) IN (VALUES {_OF_EXTENSIONS}), flags
FROM pragma_function_list
UNION ALL SELECT 'module', name, NULL, NULL FROM pragma_module_list WHERE name <> 'pragma_{_WRITING_PRAGMA}'
UNION ALL SELECT 'module', 'pragma_' || name, NULL, NULL FROM pragma_pragma_list
WHERE name <> '{_WRITING_PRAGMA}'
"""
_OF_DATABASE = """
SELECT '{tag}', type, name, tbl_name, sql FROM {schema}.sqlite_master
WHERE type IN ('table', 'view', 'trigger')
UNION ALL SELECT '{tag}', 'key', m.name, k."table", k.on_delete || '/' || k.on_update
FROM {schema}.sqlite_master m, pragma_foreign_key_list(m.name, '{tag}') k WHERE m.type = 'table'
"""
_DETERMINISTIC = 0x800  # SQLITE_DETERMINISTIC, of sqlite3.h
_RULES = {"CASCADE", "SET NULL", "SET DEFAULT"}
_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\s+TABLE\b.*?\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE | re.DOTALL)
# Virtual tables that keep their rows in tables of their own name.
_SHADOWING = frozenset({"fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"})
_SYNTAX = Syntax(
    "sqlite", backslash_escapes=False, ansi_quotes=True, paramstyle="qmark", percent_is_escaped=False
)


def rows(ask: Callable[[str], Sequence[tuple[Any, ...]]]) -> Rows:
    databases: list[str] = []
    files: dict[str, str] = {}
    functions: dict[str, tuple[Body, ...]] = {}
    built_in: set[str] = {"regexp", "match"}
    for kind, name, told_of_it, flags in ask(_QUESTION):
        folded = str(name).lower()
        if kind == "database":
            databases.append(str(name))
            if told_of_it:
                files[folded] = os.path.realpath(str(told_of_it))
        elif kind == "module" or told_of_it or int(flags) & _DETERMINISTIC:
            built_in.add(folded)
        else:
            # What the application registered may do anything in its own process.
            functions[folded] = (ANYTHING,)
    question = " UNION ALL ".join(
        _OF_DATABASE.format(tag=database.replace("'", "''"), schema='"' + database.replace('"', '""') + '"')
        for database in databases
    )
    found = _Found(frozenset(built_in) - frozenset(functions))
    told = [tuple("" if value is None else str(value) for value in row) for row in ask(question)]
    for database, kind, name, _, sql in told:
        if kind in ("table", "view"):
            found.relation(database.lower(), name, sql, is_view=kind == "view")
    for database, kind, name, table, sql in told:
        if kind == "trigger":
            found.trigger(database.lower(), table, sql)
        elif kind == "key":
            found.key(database.lower(), name, table, sql)
    return replace(found.rows(functions), files=files)


class _Found:
    """What was found so far."""

    def __init__(self, built_in: frozenset[str]) -> None:
        self._built_in = built_in
        self._relations: dict[tuple[str, str], Relation] = {}  # folded -> as it is spelled
        self._keys: list[ForeignKey] = []
        self._also: list[tuple[Name, Verb, Verb]] = []
        self._counted: list[tuple[Name, Name]] = []
        self._readers: list[Reader] = []
        self._direct: list[str] = []  # views that call what isn't known to write nothing
        self._fired: list[tuple[Trigger, str]] = []  # and the text that says so

    def relation(self, schema: str, name: str, sql: str, *, is_view: bool) -> None:
        full: Name = (schema, name)
        kind, prefix = Kind.VIEW if is_view else Kind.TABLE, None
        if virtual := _VIRTUAL.match(sql):
            kind = Kind.BEYOND
            prefix = f"{name}_" if virtual[1].lower() in _SHADOWING else None
        self._relations[schema, name.lower()] = Relation(full, kind, prefix=prefix)
        words = sql.upper()
        if is_view:
            body = view_of(sql, _SYNTAX)
            self._readers.append(Reader(name.lower(), body.calls, text=sql))
            # A function may not be registered yet.
            if body.writes is None or body.calls - self._built_in:
                self._direct.append(name.lower())
        elif "REPLACE" in words:
            # UNIQUE ON CONFLICT REPLACE: what is in the way is deleted.
            self._also += [(full, Verb.INSERT, Verb.DELETE), (full, Verb.UPDATE, Verb.DELETE)]
        if "AUTOINCREMENT" in words:
            self._counted.append((full, (schema, "sqlite_sequence")))

    def key(self, schema: str, child: str, parent: str, rules: str) -> None:
        on_delete, _, on_update = rules.partition("/")
        self._keys.append(
            ForeignKey(
                (schema, child),
                self._spelled(schema, parent),
                (Verb.DELETE if on_delete == "CASCADE" else Verb.UPDATE) if on_delete in _RULES else None,
                Verb.UPDATE if on_update in _RULES else None,
            )
        )

    def trigger(self, schema: str, table: str, sql: str) -> None:
        verb, body, is_instead = trigger_of(sql, _SYNTAX)
        if schema != "temp" and body.writes is not None:
            # A trigger writes in its own database, unless it is a temporary one.
            body = Body(
                frozenset(each._replace(schema=schema) for each in body.writes), body.calls, body.differs
            )
        schemas = [schema] if schema != "temp" else sorted({each for each, _ in self._relations})
        verbs = (Verb.INSERT, Verb.UPDATE, Verb.DELETE) if verb is None else (verb,)
        self._fired += [
            (Trigger(self._spelled(each, table), one, body, is_instead=is_instead), sql)
            for each in schemas
            for one in verbs
        ]

    def _spelled(self, schema: str, name: str) -> Name:
        relation = self._relations.get((schema, name.lower()))
        return (schema, name) if relation is None else relation.name

    def rows(self, functions: dict[str, tuple[Body, ...]]) -> Rows:
        _, suspects = closed(self._readers, (), self._direct)
        return Rows(
            family="sqlite",
            relations=tuple(self._relations.values()),
            foreign_keys=tuple(self._keys),
            triggers=tuple(
                trigger._replace(body=ANYTHING) if suspects.any_in(sql) else trigger
                for trigger, sql in self._fired
            ),
            also=tuple(self._also),
            counted=tuple(self._counted),
            functions=functions,
            built_in=self._built_in,
            suspects=suspects,
        )
