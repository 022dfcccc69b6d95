"""What a statement asks, as a tree that says no more and no less than the text does.

Rule 1: sqlglot is not believed where its tree and the words of the text disagree. A word, a
placeholder or an order of operators that the tree doesn't account for sends the statement to
the origin.
Rule 2: whatever happens inside sqlglot, `parse` returns. It has no effect and no memory.
Rule 3: where several reasons hold, the first of: writes, reads the catalogue, ``*``, join.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sqlmem.calls import function_names
from sqlmem.census import Census
from sqlmem.commands import WRITE_HINT, has_side_effects, word_set
from sqlmem.gate import Passthrough, Query, Reading, Refusal, quick_classify
from sqlmem.grammar import placeholder_index, tree_of
from sqlmem.items import Call, item_calls, item_spans, item_texts
from sqlmem.lexer import Family, Scan, Syntax
from sqlmem.trust import distrust
from sqlmem.with_names import definition
from sqlmem.wording import is_written_rows


@dataclass(frozen=True, slots=True)
class Parsed:
    """A read over one or more tables.

    Attributes:
        tree: a select, a set operation, or one in parentheses. Shared: never to be changed.
        parameters: per placeholder of the tree (`placeholder_index`) its key or zero-based
            position in the DBAPI parameters.
        item_texts: per item of the leftmost outermost SELECT its text as the origin sees it;
            None where it has an alias or the text can't be told.
        item_calls: per item of the same SELECT how its text begins; None where that can't be told.
        functions: the names, in upper case, of all that is called.
        scanned: the text, taken apart.
        census: the tree's nodes.
    """

    tree: exp.Query
    parameters: tuple[str | int, ...]
    item_texts: tuple[str | None, ...]
    item_calls: tuple[Call | None, ...]
    functions: frozenset[str]
    scanned: Scan
    census: Census


STAR = Refusal(
    "unsupported", "* asks for columns that the text doesn't name", "Name the columns that are needed"
)
JOIN = Refusal("unsupported", "it joins tables", "Read each table by a statement of its own")

_CATALOGUE = Passthrough("reads the origin's catalogue")
_NO_TABLE = Passthrough("reads no table")

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

_JOIN_WORDS = frozenset(["JOIN", "STRAIGHT_JOIN", "APPLY", "NATURAL"])


def parse(
    text: str, syntax: Syntax, reading: Reading | None = None, *, is_strict: bool = True
) -> Parsed | Passthrough | Refusal:
    """Read a statement, or say why only the origin may, or that nobody may.

    Never raises for any text.

    Args:
        reading: of the same text, if others have read it.
        is_strict: refuse * and joins. Otherwise the planner sees them.
    """
    refused = quick_classify(text, syntax)
    if refused is not None:
        return refused
    if reading is None:
        reading = Reading(text, syntax)
    scanned, verdict = reading.scanned, reading.verdict
    if not isinstance(verdict, Query):
        return verdict
    hidden = reading.hidden
    if hidden is not None:
        return Refusal("read_only", hidden[0].upper() + hidden[1:], WRITE_HINT)
    if scanned.unterminated:
        return Passthrough("a literal or a comment has no end")
    if scanned.ambiguous is not None:
        return _by_words(scanned, scanned.ambiguous, is_strict=is_strict)
    if _is_too_deep(scanned):
        return _by_words(scanned, "it is nested too deeply", is_strict=is_strict)
    if _begins_with_table(scanned):
        if is_strict or syntax.family != "postgresql":
            return _by_words(scanned, "TABLE is not parsed", is_strict=is_strict)
        return parse(_with_select(scanned), syntax, is_strict=False)
    tree = tree_of(scanned)
    if isinstance(tree, str):
        return _by_words(scanned, tree, is_strict=is_strict)
    return _inspect(tree, scanned, is_strict=is_strict)


def _inspect(tree: exp.Expr, scanned: Scan, *, is_strict: bool) -> Parsed | Passthrough | Refusal:
    census = Census(tree)
    for node in census.nodes:
        may_write = _MAY_WRITE[type(node)]
        if may_write is False:
            continue
        if may_write is True:
            # SELECT … FOR UPDATE answered from the store: the lock is never taken.
            return Refusal(
                "read_only", f"{type(node).__name__.upper()} inside the statement may write", WRITE_HINT
            )
        name = node.name
        if name.upper() == "LAST_INSERT_ID" and not node.expressions:
            continue  # without an argument it only reads the session
        if has_side_effects(name, scanned.syntax.family):
            return Refusal("read_only", f"{name.lower()} is a function with side effects", WRITE_HINT)
    tables = _tables(census, scanned.syntax.family)
    if not tables:
        return _NO_TABLE
    if all(_is_catalogue(table, scanned.syntax.family) for table in tables):
        return _CATALOGUE
    vocabulary = scanned.vocabulary
    stars = [
        node
        for node in census.of(exp.Star)
        if not _is_counted(node)
        and not ("*" not in vocabulary and node.parent is not None and is_written_rows(node.parent))
    ]
    is_written = "*" in vocabulary or "TABLE" in vocabulary
    if stars and not is_written and scanned.syntax.family != "other":
        # SELECT a FROM FROM t: the parser takes it for FROM t, which is SELECT *; the origin reports it.
        return Passthrough("the parser leaves out or adds a word")
    if is_strict and stars:
        # The columns of * change with the table; the text must say what the store has to hold.
        return STAR
    if is_strict and (census.has(exp.Join, exp.Lateral) or _has_join_word(scanned)):
        # JOIN: the store joins by its own collations and types, the origin by others.
        return JOIN
    if not isinstance(tree, exp.Query):
        return Passthrough("not a query that is known")
    reason = distrust(census, scanned)
    if reason is not None:
        return Passthrough(reason)
    spans = item_spans(scanned)
    return Parsed(
        tree,
        scanned.parameters,
        item_texts(tree, scanned, spans),
        item_calls(scanned, spans),
        function_names(scanned),
        scanned,
        census,
    )


class _Writing(dict[type[exp.Expr], bool | None]):
    """type -> whether a node of it may write; None: its name tells."""

    def __missing__(self, type_: type[exp.Expr]) -> bool | None:
        found: bool | None = None
        if issubclass(type_, _WRITE_NODES) and not issubclass(type_, _READ_NODES):
            found = True
        elif not issubclass(type_, exp.Func):
            found = False
        self[type_] = found
        return found


_MAY_WRITE = _Writing()


def _by_words(scanned: Scan, reason: str, *, is_strict: bool) -> Passthrough | Refusal:
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
    if is_strict and _has_star_words(scanned):
        return STAR
    if is_strict and _has_join_word(scanned):
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
    return bool(_tables_as_queries(scanned))


def _tables_as_queries(scanned: Scan) -> list[int]:
    words = scanned.words
    if "TABLE" not in scanned.vocabulary:
        return []
    return [
        index
        for index, word in enumerate(words[:-1])
        if word == "TABLE"
        and (not index or words[index - 1] in _BEFORE_QUERY)
        and words[index + 1] not in ("(", ")", ",")
    ]


def _with_select(scanned: Scan) -> str:
    """The text with SELECT * FROM in the place of TABLE."""
    text = scanned.text
    for index in reversed(_tables_as_queries(scanned)):
        token = scanned.tokens[index]
        text = f"{text[: token.start]}SELECT * FROM{text[token.end :]}"
    return text


_BEFORE_QUERY = word_set("( ) ; UNION ALL DISTINCT INTERSECT EXCEPT")


def _has_join_word(scanned: Scan) -> bool:
    words = scanned.words
    return not scanned.vocabulary.isdisjoint(_JOIN_WORDS) and any(
        word in _JOIN_WORDS and words[index - 1] not in (".", "AS", "SELECT", ",")
        for index, word in enumerate(words)
        if index
    )


def _is_too_deep(scanned: Scan) -> bool:
    if len(scanned.words) <= min(_DEEPEST, _LONGEST_RUN):
        return False
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


def _name(identifier: exp.Identifier) -> str:
    return str(identifier.this)


def _tables(census: Census, family: Family) -> list[exp.Table]:
    """What FROM names, without common table expressions and table functions that aren't catalogue."""
    sees_later = family == "sqlite"
    return [
        node
        for node in census.of(exp.Table)
        if definition(node, _name, sees_later=sees_later) is None
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


__all__ = ["Parsed", "Passthrough", "Refusal", "parse", "placeholder_index"]
