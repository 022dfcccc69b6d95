"""Whether the origin gives the same answer again while the tables that a statement reads are the same.

Rule: everything is held against closed lists, the text's words as well as the tree's nodes; what isn't
known there changes by itself. Where a statement leaves something open (rows of a LIMIT without an
order), any of the origin's answers will do, and so one that was kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from sqlmem.dialects import Facts, deterministic, immutable
from sqlmem.lexer import Scan, TokenKind
from sqlmem.model import CHANGES_BY_ITSELF, Kind, TableSchema
from sqlmem.parser import Parsed

# What a query consists of, beside what expressions do (`immutable.is_known_word`).
_QUERY_WORDS = frozenset(
    [
        "SELECT",
        "DISTINCT",
        "ALL",
        "FROM",
        "WHERE",
        "GROUP",
        "BY",
        "HAVING",
        "ORDER",
        "ASC",
        "DESC",
        "NULLS",
        "FIRST",
        "LAST",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "NEXT",
        "ROW",
        "ROWS",
        "ONLY",
        "WITH",
        "TIES",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "VALUES",
        "JOIN",
        "INNER",
        "LEFT",
        "RIGHT",
        "FULL",
        "OUTER",
        "CROSS",
        "NATURAL",
        "LATERAL",
        "ON",
        "USING",
        "AS",
        "RECURSIVE",
        "MATERIALIZED",
        "WINDOW",
        "OVER",
        "PARTITION",
        "RANGE",
        "GROUPS",
        "UNBOUNDED",
        "PRECEDING",
        "FOLLOWING",
        "CURRENT",
        "EXCLUDE",
        "NO",
        "OTHERS",
        "FILTER",
        "WITHIN",
        "ROLLUP",
        "CUBE",
        "GROUPING",
        "SETS",
        "EXISTS",
        "STRAIGHT_JOIN",
        "SEPARATOR",
        "GLOB",
        "ORDINALITY",
        "TABLE",
    ]
)
# Without parentheses, and yet calls; in no dialect of the three a column's name unless it is quoted.
_PRESENT_WORDS = frozenset(
    [
        "CURRENT_CATALOG",
        "CURRENT_DATE",
        "CURRENT_ROLE",
        "CURRENT_SCHEMA",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "CURRENT_USER",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "SESSION_USER",
        "SYSTEM_USER",
        "USER",
        "SYSDATE",
        "SYSTIMESTAMP",
        "UTC_DATE",
        "UTC_TIME",
        "UTC_TIMESTAMP",
        "ROWNUM",
        "TABLESAMPLE",
    ]
)
# Of the grammar, not of the catalogue: nobody can have made another.
GRAMMAR = frozenset(["cast", "coalesce", "nullif", "greatest", "least", "extract", "grouping", "lateral"])

_MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_TIME_TARGETS = frozenset(
    ["DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "DATETIME"]
)
_PLAIN_TARGETS = frozenset(
    [
        "BIGINT",
        "INT",
        "SMALLINT",
        "TINYINT",
        "DECIMAL",
        "FLOAT",
        "DOUBLE",
        "BOOLEAN",
        "TEXT",
        "VARCHAR",
        "CHAR",
        "NCHAR",
        "NVARCHAR",
        "BPCHAR",
        "UUID",
        "JSON",
        "JSONB",
        "VARBINARY",
        "BINARY",
        "UBIGINT",
        "UINT",
        "INTERVAL",
        "BIGDECIMAL",
        "ROWVERSION",
    ]
)
_PUTS_TEXT_TOGETHER = (exp.DPipe, exp.Concat, exp.ConcatWs)

NO_LISTED_CALL = "it calls {}, which may give something else each time"


def why_unkept(parsed: Parsed, family: str, schemas: Sequence[TableSchema | None]) -> str | None:
    """Why the answer may be another one though no table has changed; None if it can't.

    Args:
        schemas: those of all tables that the statement names.
    """
    if family == "other":
        return "what its functions depend on isn't known"
    known = [schema for schema in schemas if schema is not None]
    if len(known) < len(schemas) or not known:
        return "not all of its tables are known"
    refused = next((schema for schema in known if schema.refusal is not None), None)
    if refused is not None:
        return f"{refused.name} may be something else to others: {refused.refusal}"
    return (
        changing_column(parsed, known)
        or _unknown_call(parsed, family)
        or _unknown_word(parsed, family)
        or _unknown_column(parsed.tree, known)
        or _changing_node(parsed.tree, family, _kinds(known))
    )


def changing_column(parsed: Parsed, schemas: Sequence[TableSchema]) -> str | None:
    """Why what a statement reads of its tables may be something else each time."""
    names = {
        column.name.lower()
        for schema in schemas
        for column in schema.columns
        if column.refusal == CHANGES_BY_ITSELF
    }
    if not names:
        return None
    is_natural = any(join.args.get("method") for join in parsed.tree.find_all(exp.Join))
    if is_natural or parsed.tree.find(exp.Star) is not None:
        return f"{min(names)}: {CHANGES_BY_ITSELF}"
    # Also where another column is meant by the name.
    found = names & {str(node.this).lower() for node in parsed.tree.find_all(exp.Identifier)}
    return f"{min(found)}: {CHANGES_BY_ITSELF}" if found else None


def why_made_may_change(parsed: Parsed, facts: Facts) -> str | None:
    """PostgreSQL: why what somebody has made may give something else each time, if it may be meant."""
    if found := sorted(facts.changing.intersection(parsed.scanned.words)):
        return f"somebody has made an operator {found[0]}, whose result may change"
    if "cast" in facts.changing and parsed.tree.find(exp.Cast) is not None:
        return "somebody has made a cast, whose result may change"
    return None


def mentions_the_present(text: str) -> bool:
    """Whether a constant may stand for the present moment, which some input functions read in it."""
    return immutable.mentions_the_present(text)


def _unknown_call(parsed: Parsed, family: str) -> str | None:
    scanned = parsed.scanned
    for name in sorted(parsed.functions):
        if not deterministic.keeps(family, name):
            return NO_LISTED_CALL.format(name.lower())
    for index in range(1, len(scanned.words) - 1):
        if (
            scanned.words[index + 1] == "("
            and scanned.words[index - 1] == "."
            and scanned.tokens[index].kind in (TokenKind.WORD, TokenKind.NAME)
        ):
            # A schema's own function of a name that is known here.
            return NO_LISTED_CALL.format(scanned.words[index].lstrip('"').lower())
    return None


def _unknown_word(parsed: Parsed, family: str) -> str | None:
    scanned = parsed.scanned
    if family == "mysql" and "@" in "".join(scanned.words):
        return "it reads a variable"
    names = {str(node.this).upper() for node in parsed.tree.find_all(exp.Identifier)}
    for index, word in enumerate(scanned.words):
        if scanned.tokens[index].kind is not TokenKind.WORD:
            continue
        if word in _PRESENT_WORDS:
            return f"{word} is something else each time"
        is_called = index + 1 < len(scanned.words) and scanned.words[index + 1] == "("
        if not (
            is_called
            or word in names
            or word in _QUERY_WORDS
            or immutable.is_known_word(word)
            or _follows_collate(scanned, index)
        ):
            return f"what {word} means isn't known"
    return None


def _follows_collate(scanned: Scan, index: int) -> bool:
    return index > 0 and scanned.words[index - 1] == "COLLATE"


def _unknown_column(tree: exp.Expr, schemas: Sequence[TableSchema]) -> str | None:
    """A name that is no column of the tables', nor an output's: a row's place on the disk, a whole row."""
    names = {column.name.lower() for schema in schemas for column in schema.columns}
    for each in tree.walk():
        if isinstance(each, exp.Alias):
            names.add(each.alias.lower())
        elif isinstance(each, exp.TableAlias):
            names.update(column.name.lower() for column in each.columns)
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Star) and column.name.lower() not in names:
            return f"{column.name} is no column that is known"
    return None


def _kinds(schemas: Sequence[TableSchema]) -> dict[str, set[Kind]]:
    kinds: dict[str, set[Kind]] = {}
    for schema in schemas:
        for column in schema.columns:
            kinds.setdefault(column.name.lower(), set()).add(column.kind)
    return kinds


def _changing_node(tree: exp.Expr, family: str, kinds: dict[str, set[Kind]]) -> str | None:
    for node in tree.walk():
        match node:
            case exp.Literal() if node.is_string and mentions_the_present(str(node.this)):
                return "a constant may stand for the present"
            case exp.Parameter() | exp.SessionParameter():
                return "it reads a variable"
            case exp.Cast() if (reason := _changing_cast(node, family, kinds)) is not None:
                return reason
            case exp.Column() if family == "mysql" and Kind.INTERVAL in kinds.get(node.name.lower(), ()):
                # MariaDB and MySQL complete a TIME with the present day where a moment is wanted.
                return "a TIME may be completed with the present day"
    return None


def _changing_cast(cast: exp.Cast, family: str, kinds: dict[str, set[Kind]]) -> str | None:
    to = cast.args.get("to")
    targets = [each.this for each in to.find_all(exp.DataType)] if isinstance(to, exp.DataType) else []
    names = {target.value for target in targets if isinstance(target, exp.DType)} - {"ARRAY"}
    if not names or len(names) < len({*targets} - {exp.DType.ARRAY}):
        return "it casts to a type that isn't known"
    if family == "mysql":
        return "a TIME may be completed with the present day" if "TIME" in names else None
    if names <= _PLAIN_TARGETS:
        return None
    if not names <= _TIME_TARGETS:
        return "it casts to a type that isn't known"
    if family == "sqlite":
        return None  # no date: what such a cast leaves is a number or a text
    source = cast.this
    while isinstance(source, exp.Paren):
        source = source.this
    if isinstance(source, exp.Literal | exp.Placeholder):
        return None
    columns = list(source.find_all(exp.Column))
    is_moment = bool(columns) and all(
        (found := kinds.get(column.name.lower())) is not None and found <= _MOMENTS for column in columns
    )
    if not is_moment or any(isinstance(each, _PUTS_TEXT_TOGETHER) for each in source.walk()):
        return "a text that is read as a moment may stand for the present"
    return None
