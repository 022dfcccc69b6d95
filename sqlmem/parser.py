"""What a statement asks, as a tree that says no more and no less than the text does.

Rule 1: sqlglot is not believed where its tree and the words of the text disagree. A word, a
placeholder or an order of operators that the tree doesn't account for sends the statement to
the origin.
Rule 2: whatever happens inside sqlglot, `parse` returns. It has no effect and no memory.
Rule 3: where several reasons hold, the first of: writes, reads the catalogue, ``*``, join.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from sqlmem.gate import (
    WRITE_HINT,
    Passthrough,
    Query,
    Refusal,
    classify,
    function_names,
    has_side_effects,
    may_hide_a_write,
    quick_classify,
    word_set,
)
from sqlmem.lexer import PLACEHOLDER_PREFIX, Family, Scan, Syntax, TokenKind, scan

# sqlglot warns of what it doesn't know on its own logger; the verdict says it already. Only in
# here: the application may use sqlglot too, and keeps its warnings.
_is_parsing: ContextVar[bool] = ContextVar("sqlmem_is_parsing", default=False)


def _is_from_elsewhere(_: logging.LogRecord) -> bool:
    return not _is_parsing.get()


logging.getLogger("sqlglot").addFilter(_is_from_elsewhere)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A read over one or more tables.

    Attributes:
        tree: a select, a set operation, or one in parentheses. Shared: never to be changed.
        parameters: per placeholder of the tree (`placeholder_index`) its key or zero-based
            position in the DBAPI parameters.
        item_texts: per item of the leftmost outermost SELECT its text as the origin sees it;
            None where it has an alias or the text can't be told.
        functions: the names, in upper case, of all that is called.
    """

    tree: exp.Query
    parameters: tuple[str | int, ...]
    item_texts: tuple[str | None, ...]
    functions: frozenset[str]


STAR = Refusal(
    "unsupported", "* asks for columns that the text doesn't name", "Name the columns that are needed"
)
JOIN = Refusal("unsupported", "it joins tables", "Read each table by a statement of its own")

_CATALOGUE = Passthrough("reads the origin's catalogue")
_NO_TABLE = Passthrough("reads no table")

_DIALECTS: dict[Family, str] = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}

# Deeper nesting would try the stack of a parser that descends.
_DEEPEST = 60
_LONGEST_RUN = 30

_CATALOGUE_SCHEMAS: dict[Family, frozenset[str]] = {
    "postgresql": frozenset(["PG_CATALOG", "INFORMATION_SCHEMA"]),
    "mysql": frozenset(["INFORMATION_SCHEMA", "PERFORMANCE_SCHEMA", "MYSQL", "SYS"]),
    "sqlite": frozenset(),
    "other": frozenset(["INFORMATION_SCHEMA"]),
}
_SQLITE_CATALOGUE = word_set(
    "SQLITE_MASTER SQLITE_SCHEMA SQLITE_TEMP_MASTER SQLITE_TEMP_SCHEMA SQLITE_SEQUENCE "
    "SQLITE_STAT1 SQLITE_STAT2 SQLITE_STAT3 SQLITE_STAT4 DBSTAT"
)

_WRITE_NODES = (
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Lock,
    exp.Into,
    exp.PropertyEQ,
    exp.NextValueFor,
    exp.Drop,
    exp.Alter,
    exp.Set,
    exp.Use,
    exp.Pragma,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.Kill,
    exp.Analyze,
    exp.Grant,
)
# exp.Query descends from DDL's base in no release so far; a subquery must never count as a write.
_READ_NODES = (exp.Query, exp.CTE, exp.With)

# Words that a tree of known nodes accounts for by its shape. Any other must appear in the tree as
# a name: sqlglot skips or reinterprets what it doesn't need.
_PLAIN_WORDS = word_set(
    """
    SELECT DISTINCT ALL FROM WHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET
    UNION INTERSECT EXCEPT WITH RECURSIVE AS AND OR NOT IN IS NULL TRUE FALSE BETWEEN LIKE ILIKE
    ESCAPE EXISTS ANY SOME CASE WHEN THEN ELSE END CAST OVER PARTITION WINDOW ROWS RANGE GROUPS
    UNBOUNDED PRECEDING FOLLOWING CURRENT ROW FILTER ON COLLATE AT TIME ZONE DIV MOD ISNULL
    NOTNULL FETCH NEXT ONLY VALUES EXTRACT INTERVAL WITHIN SEPARATOR INT INTEGER BIGINT SMALLINT
    TINYINT MEDIUMINT INT2 INT4 INT8 TEXT VARCHAR CHAR CHARACTER VARYING NUMERIC DECIMAL REAL DOUBLE
    PRECISION FLOAT FLOAT4 FLOAT8 BOOLEAN BOOL DATE TIMESTAMP TIMESTAMPTZ DATETIME WITHOUT UUID JSON
    JSONB BYTEA BLOB SIGNED UNSIGNED CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME
    LOCALTIMESTAMP CURRENT_USER SESSION_USER CURRENT_ROLE CURRENT_CATALOG CURRENT_SCHEMA YEAR MONTH
    DAY HOUR MINUTE SECOND ARRAY FOR GLOB X REGCLASS EXCLUDE TIES OTHERS NO
    """
)
# Words that "(" follows in a clause that changes what is read.
_CLAUSE_WORDS = word_set("INDEX KEY ONLY LATERAL TABLE ROLLUP CUBE SETS TABLESAMPLE SYSTEM BERNOULLI USING")

_JOIN_WORDS = frozenset(["JOIN", "STRAIGHT_JOIN", "APPLY", "NATURAL"])

# operator -> how tightly it binds. An operator may stand bare under a looser one, and to the left
# under its like; all else depends on the dialect and is only trusted in parentheses.
_LOOSENESS: dict[type[exp.Expr], int] = {
    exp.Or: 1,
    exp.And: 2,
    exp.Not: 3,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.Like, exp.ILike), 4),
    **dict.fromkeys((exp.In, exp.Between, exp.Escape, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Glob), 4),
    exp.Add: 6,
    exp.Sub: 6,
    exp.Mul: 7,
    exp.Div: 7,
    exp.Mod: 7,
    exp.IntDiv: 7,
    exp.Neg: 8,
}
_COMPARISON, _BITWISE, _ADDITIVE, _MULTIPLICATIVE = 4, 5, 6, 7


def parse(text: str, syntax: Syntax) -> Parsed | Passthrough | Refusal:
    """Read a statement, or say why only the origin may, or that nobody may.

    Never raises for any text.
    """
    refused = quick_classify(text, syntax)
    if refused is not None:
        return refused
    scanned = scan(text, syntax)
    verdict = classify(scanned)
    if not isinstance(verdict, Query):
        return verdict
    hidden = may_hide_a_write(scanned)
    if hidden is not None:
        return Refusal("read_only", hidden[0].upper() + hidden[1:], WRITE_HINT)
    if scanned.unterminated:
        return Passthrough("a literal or a comment has no end")
    if scanned.ambiguous is not None:
        return _by_words(scanned, scanned.ambiguous)
    if _is_too_deep(scanned):
        return _by_words(scanned, "it is nested too deeply")
    if _begins_with_table(scanned):
        return _by_words(scanned, "TABLE is not parsed")
    tree = _tree(scanned)
    if isinstance(tree, str):
        return _by_words(scanned, tree)
    return _inspect(tree, scanned)


def placeholder_index(node: exp.Placeholder) -> int | None:
    """Which of `Parsed.parameters` a placeholder of the tree stands for; None if none."""
    name = node.name
    if not name.startswith(PLACEHOLDER_PREFIX) or not name[1:].isdigit():
        return None
    return int(name[1:])


def _tree(scanned: Scan) -> exp.Expr | str:
    syntax = scanned.syntax
    dialect = _DIALECTS.get(syntax.family, syntax.sqlglot_dialect)
    token = _is_parsing.set(True)
    try:
        trees = sqlglot.parse(scanned.sql, read=dialect, error_level=ErrorLevel.IMMEDIATE)
    except Exception:  # noqa: BLE001 - odd input makes sqlglot raise IndexError, ValueError, RecursionError, …
        return "sqlglot cannot parse it"
    finally:
        _is_parsing.reset(token)
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(found) != 1:
        return "sqlglot sees another number of statements"
    return found[0]


def _inspect(tree: exp.Expr, scanned: Scan) -> Parsed | Passthrough | Refusal:
    nodes = list(tree.walk())
    for node in nodes:
        if isinstance(node, _WRITE_NODES) and not isinstance(node, _READ_NODES):
            # SELECT … FOR UPDATE answered from the store: the lock is never taken.
            return Refusal(
                "read_only", f"{type(node).__name__.upper()} inside the statement may write", WRITE_HINT
            )
        if isinstance(node, exp.Func) and node.name.upper() == "LAST_INSERT_ID" and not node.expressions:
            continue  # without an argument it only reads the session
        if isinstance(node, exp.Func) and has_side_effects(node.name, scanned.syntax.family):
            return Refusal("read_only", f"{node.name.lower()} is a function with side effects", WRITE_HINT)
    tables = _tables(nodes)
    if not tables:
        return _NO_TABLE
    if all(_is_catalogue(table, scanned.syntax.family) for table in tables):
        return _CATALOGUE
    if any(isinstance(node, exp.Star) and not _is_counted(node) for node in nodes):
        # The columns of * change with the table; the text must say what the store has to hold.
        return STAR
    if any(isinstance(node, (exp.Join, exp.Lateral)) for node in nodes) or _has_join_word(scanned):
        # JOIN: the store joins by its own collations and types, the origin by others.
        return JOIN
    if not isinstance(tree, exp.Query):
        return Passthrough("not a query that is known")
    distrust = _distrust(nodes, scanned)
    if distrust is not None:
        return Passthrough(distrust)
    return Parsed(tree, scanned.parameters, _item_texts(tree, scanned), function_names(scanned))


def _by_words(scanned: Scan, reason: str) -> Passthrough | Refusal:
    """Judge a query that has no tree."""
    words, catalogues, others = scanned.words, 0, 0
    for index, word in enumerate(words[:-1]):
        if word in ("FROM", "JOIN", "TABLE") and words[index + 1] not in ("(", "LATERAL", "ONLY"):
            name = words[index + 1].lstrip('"').upper()
            if name in _CATALOGUE_SCHEMAS[scanned.syntax.family] or name in _SQLITE_CATALOGUE:
                catalogues += 1
            else:
                others += 1
    if catalogues and not others:
        return _CATALOGUE
    if _has_star_words(scanned):
        return STAR
    if _has_join_word(scanned):
        return JOIN
    return Passthrough(reason)


def _has_star_words(scanned: Scan) -> bool:
    words = scanned.words
    return _begins_with_table(scanned) or any(
        word == "*" and words[index - 1] in ("SELECT", "DISTINCT", "ALL", ",", ".")
        for index, word in enumerate(words)
        if index
    )


def _begins_with_table(scanned: Scan) -> bool:
    """Whether TABLE x, which is SELECT *, stands where a query can; sqlglot takes it for an alias."""
    words = scanned.words
    return any(
        word == "TABLE"
        and (not index or words[index - 1] in _BEFORE_QUERY)
        and words[index + 1] not in ("(", ")", ",")
        for index, word in enumerate(words[:-1])
    )


_BEFORE_QUERY = word_set("( ) ; UNION ALL DISTINCT INTERSECT EXCEPT")


def _has_join_word(scanned: Scan) -> bool:
    words = scanned.words
    return any(
        word in _JOIN_WORDS and words[index - 1] not in (".", "AS", "SELECT", ",")
        for index, word in enumerate(words)
        if index
    )


def _is_too_deep(scanned: Scan) -> bool:
    depth = run = 0
    for word in scanned.words:
        if word in ("(", "[", "CASE"):
            depth += 1
            if depth > _DEEPEST:
                return True
        elif word in (")", "]", "END"):
            depth -= 1
        run = run + 1 if word in ("NOT", "-", "+", "~", "CASE") else 0
        if run > _LONGEST_RUN:
            return True
    return False


def _tables(nodes: list[exp.Expr]) -> list[exp.Table]:
    """What FROM names, without common table expressions and table functions that aren't catalogue."""
    ctes = {node.alias for node in nodes if isinstance(node, exp.CTE)}
    return [
        node
        for node in nodes
        if isinstance(node, exp.Table)
        and not (node.name in ctes and not node.db)
        and not (isinstance(node.this, exp.Func) and not node.this.name.upper().startswith("PRAGMA_"))
    ]


def _is_catalogue(table: exp.Table, family: Family) -> bool:
    if family == "sqlite":
        function = table.this
        if isinstance(function, exp.Func):
            return function.name.upper().startswith("PRAGMA_")
        name = table.name.upper()
        return name in _SQLITE_CATALOGUE or name.startswith("PRAGMA_")
    if table.db.upper() in _CATALOGUE_SCHEMAS[family]:
        return True
    # pg_catalog is searched first, whether it is in the search path or not.
    return family == "postgresql" and not table.db and table.name.startswith("pg_")


def _is_counted(star: exp.Star) -> bool:
    return isinstance(star.parent, exp.Count) and star.parent.this is star


def _distrust(nodes: list[exp.Expr], scanned: Scan) -> str | None:
    """Why the tree may say something else than the text; None if it says the same."""
    names: set[str] = set()
    placeholders: list[int | None] = []
    for node in nodes:
        if (
            isinstance(node, exp.Identifier)
            and not node.args.get("quoted")
            and node.name.upper() in _RESERVED
        ):
            return "a reserved word is used as a name"
        if isinstance(node, (exp.Identifier, exp.Var)):
            names.add(node.name.upper())
        elif isinstance(node, exp.Placeholder):
            placeholders.append(placeholder_index(node))
        elif isinstance(node, exp.Parameter):
            return "it has a placeholder of another style"
        elif _has_unknown_clause(node):
            # ONLY, DISTINCT ON, TABLESAMPLE, PARTITION (…), INDEXED BY, WITH ROLLUP, WITH TIES, …
            return "it has a clause that changes what is read"
        if isinstance(node, exp.SetOperation) and _mixes_set_operations(node):
            # SQLite takes them from the left, the others take INTERSECT first.
            return "set operations of several kinds without parentheses"
    if sorted(placeholders, key=lambda index: -1 if index is None else index) != list(
        range(len(scanned.parameters))
    ):
        return "the parser lost a placeholder"
    if scanned.words.count("*") != sum(isinstance(node, (exp.Star, exp.Mul)) for node in nodes):
        return "the parser lost a *"
    if _has_gap(scanned) or not _comes_back(nodes, scanned):
        # SELECT a, FROM t; BETWEEN 1 2; GROUP BY HAVING: sqlglot forgives what the origin reports.
        return "the parser leaves out or adds a word"
    word = _unaccounted(scanned, names)
    if word is not None:
        return f"the parser doesn't account for {word}"
    if _mixes_operators(scanned) or _mixes_nodes(nodes, has_casts="::" in scanned.words):
        # a = b IS NULL, a || b + c, a NOT LIKE b = c: read differently by different origins.
        return "what it means depends on the precedence of its operators; parentheses would tell"
    return None


# node -> the arguments that it may have; sqlglot has a place for many more.
_KNOWN_CLAUSES: dict[type[exp.Expr], frozenset[str]] = {
    exp.Table: word_set("this db catalog alias"),
    exp.Select: word_set("expressions distinct from_ where group having order limit offset with_ windows"),
    exp.Subquery: word_set("this alias order limit offset with_"),
    exp.Union: word_set("this expression distinct order limit offset with_"),
    exp.Except: word_set("this expression distinct order limit offset with_"),
    exp.Intersect: word_set("this expression distinct order limit offset with_"),
    exp.Group: word_set("expressions"),
    exp.Distinct: word_set("expressions"),
    exp.LimitOptions: word_set("rows"),
    exp.CTE: word_set("this alias materialized"),
    exp.With: word_set("expressions recursive"),
    exp.Order: word_set("expressions"),
    exp.Ordered: word_set("this desc nulls_first"),
}


def _has_unknown_clause(node: exp.Expr) -> bool:
    if isinstance(node, exp.TableAlias):
        return bool(node.args.get("columns")) and not isinstance(node.parent, exp.CTE)
    known = _KNOWN_CLAUSES.get(type(node))
    return known is not None and any(value and key not in known for key, value in node.args.items())


# Words that no origin takes for a name, and that a statement written back has as often as before.
_RESERVED = word_set(
    """
    SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT UNION INTERSECT EXCEPT DISTINCT CASE WHEN THEN ELSE AND OR
    NOT IN IS NULL LIKE BETWEEN EXISTS WITH ON END
    """
)
_COUNTED = _RESERVED | word_set("OVER PARTITION ESCAPE FILTER VALUES ' 0 .")


def _comes_back(nodes: list[exp.Expr], scanned: Scan) -> bool:
    """Whether the tree, written as text, has the words that the text has."""
    syntax = scanned.syntax
    dialect = _DIALECTS.get(syntax.family, syntax.sqlglot_dialect)
    token = _is_parsing.set(True)
    try:
        written = nodes[0].sql(dialect, comments=False)
    except Exception:  # noqa: BLE001 - as in _tree: whatever sqlglot raises, the origin answers
        return False
    finally:
        _is_parsing.reset(token)
    own_syntax = replace(syntax, percent_is_escaped=False, paramstyle="named")
    back = scan(written, own_syntax)
    counts = Counter(word for word in back.words if word in _COUNTED)
    if counts != Counter(word for word in scanned.words if word in _COUNTED):
        return False
    bodies = sum(
        word == "AS" and following in ("(", "MATERIALIZED", "NOT")
        for word, following in pairwise(scanned.words)
    )
    return bodies >= sum(isinstance(node, exp.CTE) for node in nodes)


def _has_gap(scanned: Scan) -> bool:
    """Whether something that must stand between two words doesn't."""
    words = ("(", *scanned.words, ";")
    for before, word in pairwise(words):
        if word == "," and before in _OPENING:
            return True
        if before == "," and (word in (")", "]", ",") or word in _ITEM_ENDS):
            return True
        if before in _NEEDS_MORE and (word in _ITEM_ENDS or word in _NO_BEGINNING):
            return True
        if (before == "IN" and word != "(") or (word == "AS" and before in _OPENING):
            return True
    return False


_OPENING = word_set("( [ , SELECT DISTINCT ALL BY WHERE")
_NEEDS_MORE = word_set("SELECT BY WHERE FROM HAVING WHEN THEN ELSE AND OR")
_NO_BEGINNING = word_set(") SELECT ASC DESC WHEN THEN ELSE END AND OR")


def _unaccounted(scanned: Scan, names: set[str]) -> str | None:
    words, last = scanned.words, len(scanned.words) - 1
    for index, word in enumerate(words):
        if scanned.tokens[index].kind is not TokenKind.WORD or word in _PLAIN_WORDS or word in names:
            continue
        if index < last and words[index + 1] == "(" and word not in _CLAUSE_WORDS:
            continue  # a call; what is called is the planner's to know
        return word
    return None


def _mixes_set_operations(node: exp.SetOperation) -> bool:
    operands = (_without_own_parentheses(node.this), _without_own_parentheses(node.expression))
    return any(
        isinstance(operand, exp.SetOperation)
        and isinstance(operand, exp.Intersect) != isinstance(node, exp.Intersect)
        for operand in operands
    )


def _without_own_parentheses(node: exp.Expr) -> exp.Expr:
    # sqlglot writes the grouping that it chose as a subquery; the text's own look the same.
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    return node


def _operands(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    for key, value in node.args.items():
        if key in ("expressions", "query", "to"):
            continue  # in parentheses of their own: IN (…), a type
        if isinstance(value, exp.Expr):
            yield key, value


def _is_operator(node: exp.Expr, *, has_casts: bool) -> bool:
    if isinstance(node, (exp.Paren, exp.Dot)):
        return False
    if isinstance(node, (exp.Cast, exp.TryCast)):
        return has_casts
    return isinstance(node, (exp.Binary, exp.Unary, exp.Between, exp.In, exp.AtTimeZone, exp.Bracket))


def _mixes_nodes(nodes: list[exp.Expr], *, has_casts: bool) -> bool:
    """Whether an operator stands bare under another that doesn't plainly bind looser."""
    return any(
        _is_operator(operand, has_casts=has_casts)
        and not _may_stand_bare(node, _LOOSENESS.get(type(node)), key, operand)
        for node in nodes
        if _is_operator(node, has_casts=has_casts)
        for key, operand in _operands(node)
    )


# The same by words, since sqlglot writes groupings of its own into the tree as if they were the
# text's: it takes a <=> b >= c, or a = b NOT IN (c), otherwise than MariaDB and SQLite do.
_COMPARISON_WORDS = word_set(
    "= == <> != < > <= >= <=> LIKE ILIKE IN BETWEEN IS ISNULL NOTNULL GLOB REGEXP RLIKE"
)
_LOOSE_OPERATORS = word_set("|| & | << >> ~ ^ # -> ->>")
_ARITHMETIC = word_set("+ - * / % DIV MOD")
_SEPARATORS = word_set(
    """
    ( [ , ; AND OR SELECT DISTINCT ALL FROM WHERE HAVING BY WHEN THEN ELSE CASE ON LIMIT OFFSET AS
    UNION ASC DESC
    """
    "INTERSECT EXCEPT ORDER GROUP WINDOW ROWS RANGE OVER FILTER VALUES WITH"
)
_NEGATED = word_set("LIKE ILIKE IN BETWEEN NULL GLOB REGEXP RLIKE")


@dataclass(slots=True)
class _Run:
    """What was seen of one expression between two separators."""

    comparisons: int = 0
    in_between: bool = False
    has_arithmetic: bool = False
    loose: str = ""


def _mixes_operators(scanned: Scan) -> bool:
    words = scanned.words
    stack, run = [], _Run()
    for index, word in enumerate(words):
        before = words[index - 1] if index else ";"
        if word in ("(", "[", "CASE"):
            stack.append(run)
            run = _Run()
        elif word in (")", "]", "END"):
            run = stack.pop() if stack else _Run()
        elif word == "AND" and run.in_between:
            run.in_between, run.loose, run.has_arithmetic = False, "", False
        elif word in _SEPARATORS and not (
            before in ("IS", "NOT", "DISTINCT") and word in ("DISTINCT", "FROM")
        ):
            run = _Run()
        elif word in _COMPARISON_WORDS:
            run.comparisons += 1
            run.in_between = word == "BETWEEN"
            run.loose, run.has_arithmetic = "", False
        elif word == "NOT":
            following = words[index + 1] if index + 1 < len(words) else ""
            if not (before in _SEPARATORS or before in ("NOT", "IS") or following in _NEGATED):
                return True
        elif word in _ARITHMETIC:
            run.has_arithmetic = True
        elif word in _LOOSE_OPERATORS:
            if run.loose not in ("", word):
                return True
            run.loose = word
        if run.comparisons > 1 or (run.loose and run.has_arithmetic):
            return True
    return False


def _may_stand_bare(node: exp.Expr, own: int | None, key: str, operand: exp.Expr) -> bool:
    tight = (exp.Cast, exp.TryCast, exp.Bracket)
    if isinstance(operand, tight):
        # a::int binds tighter than all operators but those of its own kind.
        return own is not None or isinstance(node, (*tight, exp.DPipe))
    other = _LOOSENESS.get(type(operand))
    if other is None:
        # Bitwise, ||, JSON arrows, …: bare only where no dialect can see it otherwise.
        is_chain = isinstance(node, exp.DPipe) and isinstance(operand, exp.DPipe) and key == "this"
        return is_chain or (own is not None and own <= _COMPARISON)
    if own is None:
        return False
    if isinstance(node, exp.Escape):
        return isinstance(operand, (exp.Like, exp.ILike))
    if isinstance(node, exp.Is) and isinstance(operand, exp.Not):
        return key == "expression" and isinstance(operand.this, exp.Null)  # IS NOT NULL
    if other > own:
        return True
    if type(node) is type(operand) and own <= 3:
        return True
    return other == own and own in (_ADDITIVE, _MULTIPLICATIVE) and key == "this"


_ITEM_ENDS = word_set("FROM WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT FETCH OFFSET FOR ;")


def _item_texts(tree: exp.Expr, scanned: Scan) -> tuple[str | None, ...]:
    select = tree
    while isinstance(select, (exp.Subquery, exp.SetOperation)):
        select = select.this
    if not isinstance(select, exp.Select):
        return ()
    items = select.expressions
    spans = _item_spans(scanned)
    if spans is None or len(spans) != len(items):
        return (None,) * len(items)
    return tuple(
        None if _is_named_otherwise(item) else _item_text(scanned, first, last)
        for item, (first, last) in zip(items, spans, strict=True)
    )


def _is_named_otherwise(item: exp.Expr) -> bool:
    if isinstance(item, exp.Paren):
        # (a) is named a by SQLite and MariaDB, (a + 1) is named by its text.
        return isinstance(item.unnest(), (exp.Column, exp.Condition)) and not isinstance(
            item.unnest(), (exp.Binary, exp.Unary, exp.Func, exp.Case)
        )
    return isinstance(item, (exp.Alias, exp.Aliases))


def _item_spans(scanned: Scan) -> list[tuple[int, int]] | None:
    """First and last token of each item of the leftmost outermost SELECT; None if not found."""
    words = scanned.words
    index = 0
    while index < len(words) and words[index] in ("(", ";"):
        index += 1
    depth = 0
    while index < len(words) and not (depth == 0 and words[index] == "SELECT"):
        depth += {"(": 1, ")": -1}.get(words[index], 0)
        index += 1
    index += 1
    if index < len(words) and words[index] in ("DISTINCT", "ALL"):
        if words[index : index + 2] == ("DISTINCT", "ON"):
            return None
        index += 1
    spans, first, depth = [], index, 0
    while index < len(words):
        word = words[index]
        if word in ("(", "["):
            depth += 1
        elif word in (")", "]"):
            depth -= 1
        is_end = depth < 0 or (
            depth == 0 and word in _ITEM_ENDS and words[index - 1] not in (".", "AS", "DISTINCT")
        )
        if is_end or (depth == 0 and word == ","):
            spans.append((first, index - 1))
            first = index + 1
        if is_end:
            return spans if all(begin <= end for begin, end in spans) else None
        index += 1
    spans.append((first, index - 1))
    return spans if all(begin <= end for begin, end in spans) else None


def _item_text(scanned: Scan, first: int, last: int) -> str | None:
    start, end = scanned.tokens[first].start, scanned.tokens[last].end
    following = scanned.tokens[last + 1].start if last + 1 < len(scanned.tokens) else len(scanned.text)
    if any(start <= opened < following for opened, _ in scanned.comments):
        return None  # SQLite keeps the comment behind an item in its name, MariaDB doesn't
    text = scanned.text[start:end]
    if scanned.syntax.family == "mysql" and scanned.words[first] == "+":
        return None  # named without its sign
    if (
        scanned.syntax.family == "mysql"
        and first == last
        and (
            scanned.tokens[first].kind is TokenKind.STRING
            or scanned.words[first] in ("NULL", "TRUE", "FALSE")
        )
    ):
        return None  # named by its value, or in capitals
    if scanned.syntax.percent_is_escaped:
        if TokenKind.PLACEHOLDER in {token.kind for token in scanned.tokens[first : last + 1]}:
            return None  # the driver writes the value into the text
        text = text.replace("%%", "%")
    return text
