"""When two answers to one statement are no difference, although they aren't the same.

A statement leaves things open: the order of rows that it doesn't order, which of tied rows come
under a LIMIT, which of tied rows is the first of a window. Each database may choose, and may
choose otherwise the next time. `rule_of` says what of an answer the statement settles; what
leaves more than an order open is `Free`, and its answers aren't compared.

    no ORDER BY                      the rows as a multiset
    ORDER BY                         likewise, and the sequence of those ordered by that are given out
    ORDER BY that leaves no ties     the sequence of the rows
    LIMIT, row_number() and the like, only where the order leaves no ties: else free

An order leaves no ties if it names all outputs, all that is grouped by, or the whole primary key
of the only table. Where in doubt, less is settled: a false alarm costs a good plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.dialects.base import Facts, Semantics
from sqlmem.exactness import likeness, same
from sqlmem.model import Collation, TableSchema
from sqlmem.outputs import Spelling, callable_names, leftmost, table_spelling
from sqlmem.plan import Refuse
from sqlmem.stars import has_stars

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What of an answer's order the statement settles.

    Attributes:
        is_total: all of it.
        keys: else the positions of the columns that follow each other in one way only.
    """

    is_total: bool
    keys: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Free:
    """The statement leaves more than the order of its rows open."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows as a driver gives them.

    Attributes:
        codes: the `type_code` of each column; None where the driver has none.
    """

    names: tuple[str, ...]
    codes: tuple[Any, ...]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Failed:
    """The origin reported an error about the data; its class."""

    error: str


# -- what a statement settles ------------------------------------------------------------------


def rule_of(tree: exp.Expr, semantics: Semantics, schemas: Mapping[Spelling, TableSchema]) -> Rule | Free:
    """What the statement settles.

    Args:
        tree: of a statement that the planner accepted; it is only read.
        schemas: definition of each table that it reads.
    """
    judge = _Judge(Context(semantics, Facts(), (), schemas), tree)
    try:
        reason = judge.freedom(tree)
        return judge.rule(tree) if reason is None else Free(reason)
    except (Refuse, LookupError, ValueError, RecursionError):
        return Free("its order can't be judged")


# Their values depend on which of tied rows comes first.
_BY_POSITION = (exp.RowNumber, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)
_COMPARED_AFFINITIES = frozenset({"INTEGER", "REAL", "NUMERIC", "TEXT"})


class _Judge:
    """For one statement."""

    def __init__(self, context: Context, tree: exp.Expr) -> None:
        self._context = context
        self._ctes = {context.fold_table(cte.args["alias"].this) for cte in tree.find_all(exp.CTE)}

    def freedom(self, tree: exp.Expr) -> str | None:
        """What is open beside the order of the rows; None if nothing is."""
        is_dynamic = self._context.semantics.is_dynamic
        for node in tree.walk():
            if isinstance(node, exp.Window) and isinstance(node.this, _BY_POSITION):
                terms = [*(node.args.get("partition_by") or []), *_terms(node)]
                select = node.find_ancestor(exp.Select)
                if select is None or not self._has_key(select, terms):
                    return f"{node.this.key.upper()} over rows that may be tied"
            if isinstance(node, exp.Query) and _is_cut(node) and not self._is_total(node):
                return "LIMIT under an order that may leave ties"
            # SQLite takes the first of several rows; the planner has refused it for all others.
            if is_dynamic and _is_value(node) and not _gives_one_row(_inside(node)):
                return "a subquery that may give several rows as a value"
            if is_dynamic and isinstance(node, exp.Select) and self._is_any_of_a_group(node):
                return "a column that isn't grouped by"
        return None

    def _is_any_of_a_group(self, select: exp.Select) -> bool:
        """Whether a group's key isn't the row id, and a column beside it may have several values."""
        group = select.args.get("group")
        if group is None or self._table(select) is None:
            return False
        grouped = [self._meant(select, term)[1] for term in group.expressions]
        if self._has_row_id(select, grouped):
            return False
        clauses = [*select.expressions, select.args.get("having"), select.args.get("order")]
        columns = [
            column for clause in clauses if clause is not None for column in clause.find_all(exp.Column)
        ]
        names = {item.alias for item in select.expressions if isinstance(item, exp.Alias)}
        return any(
            column not in grouped
            and column.find_ancestor(exp.AggFunc) is None
            and column.name not in names
            and column.parent_select is select
            and not any(each in grouped for each in _ancestors(column))
            for column in columns
        )

    def rule(self, tree: exp.Expr) -> Rule:
        query = _inside(tree)
        terms = _terms(query)
        if self._is_total(query) and terms:
            return Rule(is_total=True)
        return Rule(is_total=False, keys=tuple(sorted(self._ordered_outputs(query, terms))))

    def _is_total(self, query: exp.Expr) -> bool:
        """Whether its order leaves no two rows tied, but for rows that are the same in all columns."""
        if isinstance(query, exp.Subquery):
            return False
        if _gives_one_row(query):
            return True
        terms = _terms(query)
        is_listed = not _is_starred(query)
        if is_listed and len(self._ordered_outputs(query, terms)) == len(
            callable_names(self._context, query)
        ):
            return True
        if not isinstance(query, exp.Select) or query.args.get("distinct"):
            return False
        named = [self._meant(query, term)[1] for term in terms]
        group = query.args.get("group")
        if group is not None:
            grouped = [self._meant(query, term)[1] for term in group.expressions]
            return bool(grouped) and all(term in named for term in grouped)
        return not _has_aggregate(query) and self._has_key(query, named)

    def _ordered_outputs(self, query: exp.Expr, terms: Sequence[exp.Expr]) -> set[int]:
        """Positions of the outputs that the order names, of which equal values are the same."""
        found: set[int] = set()
        if _is_starred(query):
            return found  # what stands at which position isn't in the text
        for term in terms:
            position, meant = self._meant(query, term)
            positions = {position} if position is not None else set()
            if isinstance(query, exp.Select):
                positions |= {at for at, item in enumerate(query.expressions) if item.unalias() == meant}
            found |= {index for index in positions if self._is_settled(query, index)}
        return found

    def _meant(self, query: exp.Expr, term: exp.Expr) -> tuple[int | None, exp.Expr]:
        """The output that a term names, if it does, and the expression that it stands for."""
        position = None
        if _is_starred(query):
            return None, term
        if isinstance(term, exp.Literal):
            position = int(str(term.this)) - 1
        elif isinstance(term, exp.Column) and not term.args.get("table"):
            names = callable_names(self._context, query)
            name = self._context.fold_column(term.this)
            position = names.index(name) if name in names else None
        if position is not None and isinstance(query, exp.Select):
            return position, query.expressions[position].unalias()
        return position, term

    def _is_settled(self, query: exp.Expr, position: int) -> bool:
        """Whether equal values of an output are the same value.

        Elsewhere than in SQLite the planner orders by no other types.
        """
        if not self._context.semantics.is_dynamic:
            return True
        if isinstance(query, exp.SetOperation):
            return bool(query.args.get("distinct"))
        if not isinstance(query, exp.Select):
            return False
        item = query.expressions[position].unalias()
        if isinstance(item, exp.Count):
            return True
        schema, names = self._table(query), self._columns(query, [item])
        if schema is None or not names:
            return False
        column = next(column for column in schema.columns if self._context.spelling(column) in names)
        # 1 beside 1.0 in a column without affinity; 'a' beside 'A' under NOCASE.
        return (
            column.is_compared
            and column.collation is Collation.BINARY
            and column.affinity in _COMPARED_AFFINITIES
        )

    def _has_key(self, select: exp.Select, terms: Sequence[exp.Expr]) -> bool:
        """Whether the terms name the whole primary key of the SELECT's only table."""
        schema = self._table(select)
        # A table with heirs has their rows too, under the same keys.
        if schema is None or schema.is_view or schema.depends_on or schema.depends_on is None:
            return False
        if select.args.get("group") or _has_aggregate(select):
            return False
        if self._context.semantics.is_dynamic:
            return self._has_row_id(select, terms)
        return self._names_key(select, schema, terms)

    def _has_row_id(self, select: exp.Select, terms: Sequence[exp.Expr]) -> bool:
        """Whether the terms name SQLite's row id: of its keys the only one that can't be NULL twice."""
        schema = self._table(select)
        if schema is None or not self._names_key(select, schema, terms):
            return False
        key = next(index.columns for index in schema.indexes if index.is_primary_key)
        return [schema.by_name[name].type_name.upper() for name in key] == ["INTEGER"]

    def _names_key(self, select: exp.Select, schema: TableSchema, terms: Sequence[exp.Expr]) -> bool:
        key = next((index.columns for index in schema.indexes if index.is_primary_key), ())
        named = self._columns(select, terms)
        return bool(key) and all(self._context.spelling(schema.by_name[name]) in named for name in key)

    def _columns(self, select: exp.Select, terms: Sequence[exp.Expr]) -> set[str]:
        """The columns of the SELECT's only table that stand among the terms, folded."""
        schema, source = self._table(select), select.args["from_"].this if select.args.get("from_") else None
        if schema is None or not isinstance(source, exp.Table):
            return set()
        alias = source.args.get("alias")
        called = self._context.fold_table(alias.this if alias is not None else source.this)
        known = {self._context.spelling(column) for column in schema.columns}
        found = set()
        for term in terms:
            if isinstance(term, exp.Column) and isinstance(term.this, exp.Identifier):
                qualifier = term.args.get("table")
                if qualifier is None or self._context.fold_table(qualifier) == called:
                    found.add(self._context.fold_column(term.this))
        return found & known

    def _table(self, select: exp.Select) -> TableSchema | None:
        """The definition of the SELECT's only source, if that is a table."""
        clause = select.args.get("from_")
        source = clause.this if clause is not None else None
        if not isinstance(source, exp.Table) or select.args.get("joins"):
            return None
        spelling = table_spelling(source, self._context)
        return None if spelling[0] is None and spelling[1] in self._ctes else self._context.schemas[spelling]


def _is_starred(query: exp.Expr) -> bool:
    return has_stars(leftmost(query))


def _inside(query: exp.Expr) -> exp.Expr:
    while isinstance(query, exp.Subquery):
        query = query.this
    return query


def _ancestors(node: exp.Expr) -> list[exp.Expr]:
    found = []
    while (parent := node.parent) is not None and not isinstance(parent, exp.Select):
        found.append(parent)
        node = parent
    return found


def _terms(node: exp.Expr) -> list[exp.Expr]:
    order = node.args.get("order")
    return [ordered.this for ordered in order.expressions] if order is not None else []


def _is_cut(query: exp.Query) -> bool:
    return query.args.get("limit") is not None or query.args.get("offset") is not None


def _is_value(node: exp.Expr) -> bool:
    """Whether it is a subquery that stands for a value: no source, no operand, not under EXISTS or IN."""
    if not isinstance(node, exp.Subquery) or node.parent is None or node.arg_key == "query":
        return False
    return not isinstance(node.parent, exp.From | exp.SetOperation | exp.Subquery | exp.CTE | exp.Exists)


def _gives_one_row(query: exp.Expr) -> bool:
    """Whether it is an aggregate over all rows."""
    return isinstance(query, exp.Select) and not query.args.get("group") and _has_aggregate(query)


def _has_aggregate(select: exp.Select) -> bool:
    return any(isinstance(item.unalias(), exp.AggFunc) for item in select.expressions)


# -- two answers -------------------------------------------------------------------------------


def difference(rule: Rule, store: Answer | Failed, origin: Answer | Failed) -> str | None:
    """What is different, in words without a value; None if nothing is that the statement settles."""
    if isinstance(store, Failed) or isinstance(origin, Failed):
        said = [
            f"reports {each.error}" if isinstance(each, Failed) else "answers" for each in (store, origin)
        ]
        return None if store == origin else f"the store {said[0]}, the origin {said[1]}"
    if store.names != origin.names:
        return "the columns are called otherwise"
    for name, mine, theirs in zip(store.names, store.codes, origin.codes, strict=True):
        if mine != theirs:
            return f"column {name} has type code {mine}, not {theirs}"
    if len(store.rows) != len(origin.rows):
        return f"{len(store.rows)} rows, not {len(origin.rows)}"
    pairs = list(zip(store.rows, origin.rows, strict=True))
    at = next((at for at, pair in enumerate(pairs) if not same(*pair)), None)
    if at is None:
        return None
    if rule.is_total:
        return f"row {at + 1}: {_described(*pairs[at], store.names)}"
    return _unmatched(store, origin) or _order_of_keys(rule, pairs)


def _unmatched(store: Answer, origin: Answer) -> str | None:
    """What the one has and the other hasn't, in any order."""
    left: dict[Hashable, list[Row]] = defaultdict(list)
    for row in origin.rows:
        left[likeness(row)].append(row)
    alone = []
    for row in store.rows:
        candidates = left[likeness(row)]
        at = next((at for at, candidate in enumerate(candidates) if same(row, candidate)), None)
        if at is None:
            alone.append(row)
        else:
            del candidates[at]
    if not alone:
        return None
    other = next(row for rows in left.values() for row in rows)
    return f"{len(alone)} of {len(store.rows)} rows, one of them: {_described(alone[0], other, store.names)}"


def _order_of_keys(rule: Rule, pairs: Sequence[tuple[Row, Row]]) -> str | None:
    for at, (one, other) in enumerate(pairs, 1):
        if not all(same(one[key], other[key]) for key in rule.keys):
            return f"row {at} stands elsewhere in the order"
    return None


def _described(one: Row, other: Row, names: Sequence[str]) -> str:
    """In which column two rows differ, and in what: their types, or only their values."""
    for name, mine, theirs in zip(names, one, other, strict=True):
        if type(mine) is not type(theirs):
            return f"column {name} is {type(mine).__name__}, not {type(theirs).__name__}"
    for name, mine, theirs in zip(names, one, other, strict=True):
        if not same(mine, theirs):
            return f"column {name} has another {type(mine).__name__}"
    return "another number of columns"
