"""PostgreSQL's pg_catalog: what a write also changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlmem.commands import word_set
from sqlmem.effects import Session, Verb, effect_of
from sqlmem.effects.bodies import ANYTHING, NOTHING, Body, body_of
from sqlmem.lexer import Syntax
from sqlmem.reach import ForeignKey, Kind, Name, Relation, Rows, Trigger
from sqlmem.suspects import Reader, Routine, closed

_SYSTEM = "('pg_catalog', 'information_schema', 'pg_toast')"
# What is told, by its tag.
Told = dict[str, list[tuple[str, ...]]]

# Functions of the database's own that a thing depends on, by itself or by an operator; those of pg_catalog
# aren't entered there.
_CALLED = """pg_catalog.pg_depend d JOIN (
 SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, oid, proname FROM pg_catalog.pg_proc
 UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, f.proname
 FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc f ON f.oid = o.oprcode
) p ON d.refclassid = p.class AND d.refobjid = p.oid"""
# One question, each line tagged with what it is. All as text: an oid or a "char" differs by driver.
_QUESTION = f"""
SELECT 'relation', n.nspname::text, c.relname::text, c.relkind::text, '', ''
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT 'key', n.nspname::text, c.relname::text, m.nspname::text, r.relname::text,
 k.confdeltype::text || k.confupdtype::text
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f'
UNION ALL SELECT 'trigger', n.nspname::text, c.relname::text, t.tgtype::text, f.nspname::text, p.proname::text
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL SELECT 'child', n.nspname::text, c.relname::text, m.nspname::text, r.relname::text, ''
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = i.inhparent JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
WHERE c.relkind IN ('r', 'p', 'f')
UNION ALL SELECT DISTINCT 'view', n.nspname::text, c.relname::text, m.nspname::text, r.relname::text, ''
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> w.ev_class
JOIN pg_catalog.pg_class r ON r.oid = d.refobjid AND r.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
WHERE w.ev_type = '1' AND c.relkind IN ('v', 'm') AND n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT DISTINCT 'policy', n.nspname::text, c.relname::text, m.nspname::text, r.relname::text, ''
FROM pg_catalog.pg_policy y
JOIN pg_catalog.pg_class c ON c.oid = y.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.objid = y.oid
 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> y.polrelid
JOIN pg_catalog.pg_class r ON r.oid = d.refobjid JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
UNION ALL SELECT 'rule', n.nspname::text, c.relname::text, w.ev_type::text, '', ''
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT DISTINCT 'reading', n.nspname::text, c.relname::text, p.proname::text, '', ''
FROM {_CALLED} JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
 AND d.objid = w.oid
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL SELECT DISTINCT 'reading', n.nspname::text, c.relname::text, p.proname::text, '', ''
FROM {_CALLED} JOIN pg_catalog.pg_policy y ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
 AND d.objid = y.oid
JOIN pg_catalog.pg_class c ON c.oid = y.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL SELECT DISTINCT 'computing', n.nspname::text, c.relname::text, p.proname::text, '', ''
FROM {_CALLED} JOIN (
 SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass AS class, oid, adrelid AS relation
 FROM pg_catalog.pg_attrdef
 UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid FROM pg_catalog.pg_constraint
 UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid, tgrelid FROM pg_catalog.pg_trigger
 WHERE tgqual IS NOT NULL
 UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid, indrelid FROM pg_catalog.pg_index
) x ON d.classid = x.class AND d.objid = x.oid
JOIN pg_catalog.pg_class c ON c.oid = x.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL SELECT DISTINCT 'anywhere', o.oprname::text, p.proname::text, '', '', ''
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT DISTINCT 'anywhere', '', p.proname::text, '', '', ''
FROM pg_catalog.pg_cast t JOIN pg_catalog.pg_proc p ON p.oid = t.castfunc
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT DISTINCT 'anywhere', '', p.proname::text, '', '', ''
FROM {_CALLED} JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
 AND d.objid = k.oid AND k.contypid <> 0
UNION ALL SELECT DISTINCT 'attribute', p.proname::text, '', '', '', ''
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
WHERE p.pronargs = 1 AND t.typtype IN ('c', 'p') AND n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT 'function', p.proname::text, l.lanname::text, p.provolatile::text, p.prokind::text, p.prosrc
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT DISTINCT 'aggregate', p.proname::text, f.proname::text, '', '', ''
FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_proc f ON f.oid = ANY (ARRAY[
 a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn
]::pg_catalog.oid[])
WHERE n.nspname NOT IN {_SYSTEM}
UNION ALL SELECT 'event trigger', e.evtname::text, '', '', '', ''
FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D' AND e.evtevent <> 'login'
UNION ALL SELECT DISTINCT 'built in', p.proname::text, '', '', '', ''
FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
"""
_KINDS = {"r": Kind.TABLE, "p": Kind.PARTITIONED, "v": Kind.VIEW, "m": Kind.MATERIALIZED, "f": Kind.BEYOND}
# pg_constraint.confdeltype and confupdtype; a and r do nothing to the child.
_ON_DELETE = {"c": Verb.DELETE, "n": Verb.UPDATE, "d": Verb.UPDATE}
_ON_UPDATE = {"c": Verb.UPDATE, "n": Verb.UPDATE, "d": Verb.UPDATE}
# pg_trigger.tgtype's bits, of include/catalog/pg_trigger.h.
_EVENTS = {
    4: (Verb.INSERT,),
    8: (Verb.DELETE,),
    16: (Verb.UPDATE,),
    32: (Verb.TRUNCATE, Verb.TRUNCATE_CASCADE),
}
_INSTEAD = 64
_RULES = {"2": Verb.UPDATE, "3": Verb.INSERT, "4": Verb.DELETE}
# Functions in C of extensions that come with PostgreSQL: volatile as declared, and they write no table.
_KNOWN_IN_C = word_set(
    """
    uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_uuid gen_random_bytes gen_salt crypt
    pgp_sym_encrypt pgp_sym_encrypt_bytea pgp_pub_encrypt pgp_pub_encrypt_bytea set_limit show_limit
    moddatetime insert_username autoinc lo_manage tsvector_update_trigger normal_rand
    """
)
# % has no meaning there: no driver has looked at it.
_SYNTAX = Syntax(
    "postgresql", backslash_escapes=False, ansi_quotes=True, paramstyle="pyformat", percent_is_escaped=False
)


def rows(ask: Callable[[str], Sequence[tuple[Any, ...]]]) -> Rows:
    told: Told = {}
    for tag, *values in ask(_QUESTION):
        told.setdefault(str(tag), []).append(tuple(str(value) for value in values))
    writing, suspects = closed(_readers(told), routines := list(_routines(told)))
    functions: dict[str, tuple[Body, ...]] = {}
    for each in routines:
        body = ANYTHING if each.text and suspects.any_in(each.text) else each.body
        functions[each.name] = (*functions.get(each.name, ()), body)
    return Rows(
        family="postgresql",
        relations=tuple(
            Relation((schema, name), _KINDS[kind], is_transactional=kind != "f")
            for schema, name, kind, *_ in told.get("relation", ())
        ),
        foreign_keys=tuple(
            ForeignKey((child, name), (parent, other), _ON_DELETE.get(actions[0]), _ON_UPDATE.get(actions[1]))
            for child, name, parent, other, actions in told.get("key", ())
        ),
        triggers=tuple(trigger for row in told.get("trigger", ()) for trigger in _triggers(row, functions)),
        children=tuple(((a, b), (c, d)) for a, b, c, d, _ in told.get("child", ())),
        views=tuple(((a, b), (c, d)) for a, b, c, d, _ in told.get("view", ())),
        rules=tuple(((schema, name), _RULES[kind]) for schema, name, kind, *_ in told.get("rule", ())),
        computing=frozenset(
            (schema, name)
            for schema, name, function, *_ in told.get("computing", ())
            if function.lower() in writing
        ),
        functions=functions,
        built_in=frozenset(name for name, *_ in told.get("built in", ())),
        defining_fires="event trigger" in told,
        suspects=suspects,
    )


def _readers(told: Told) -> list[Reader]:
    calling = [
        *((name, function) for _, name, function, *_ in told.get("reading", ())),
        *((word, function) for word, function, *_ in told.get("anywhere", ())),
    ]
    reading = [*told.get("view", ()), *told.get("policy", ())]
    return [
        *(Reader(name.lower(), calls=frozenset({function.lower()})) for name, function in calling),
        *(Reader(name.lower(), reads=frozenset({below.lower()})) for _, name, _, below, *_ in reading),
    ]


def _routines(told: Told) -> Iterator[Routine]:
    attributes = {name for name, *_ in told.get("attribute", ())}
    parts: dict[str, set[str]] = {}
    for name, part, *_ in told.get("aggregate", ()):
        parts.setdefault(name, set()).add(part.lower())
    for name, language, volatility, kind, source in told.get("function", ()):
        body = _body(name, language, volatility, kind, source)
        yield Routine(
            name.lower(),
            replace(body, calls=frozenset(parts.get(name, ()))) if kind == "a" else body,
            # What isn't volatile can't write, as it is declared.
            text=source if volatility == "v" else "",
            is_attribute=name in attributes,
        )


def _body(name: str, language: str, volatility: str, kind: str, source: str) -> Body:
    """What a function does: by its text if that is SQL, else by what it is declared to be."""
    if language in ("c", "internal"):
        # In C, what is declared stable or immutable is taken at its word. Aggregates are what they call.
        return NOTHING if volatility != "v" or kind in ("a", "w") or name in _KNOWN_IN_C else ANYTHING
    if language == "plpgsql":
        body = body_of(source, _SYNTAX)
    elif language == "sql" and source:
        effect = effect_of(source, _SYNTAX)
        is_plain = effect.writes is not None and not effect.is_definition and effect.control is None
        is_plain = is_plain and not effect.fires
        body = Body(effect.verbs, effect.calls, effect.session is not Session.SAME) if is_plain else ANYTHING
    else:
        body = ANYTHING
    if volatility != "v" and body.writes is None:
        # The origin refuses writes in it.
        return NOTHING
    return body


def _triggers(row: tuple[str, ...], functions: dict[str, tuple[Body, ...]]) -> list[Trigger]:
    schema, table, bits, function_schema, function = row
    bodies = (NOTHING,) if function_schema == "pg_catalog" else functions.get(function.lower(), (ANYTHING,))
    name: Name = (schema, table)
    return [
        Trigger(name, verb, body, is_instead=bool(int(bits) & _INSTEAD))
        for bit, verbs in _EVENTS.items()
        if int(bits) & bit
        for verb in verbs
        for body in bodies
    ]
