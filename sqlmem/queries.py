"""Renders queries: SELECT from a closed list of clauses, and the way to what other modules know.

This file knows the shape of queries, `expressions` what stands in them.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.ctes import with_clause
from sqlmem.expressions import expressions, only
from sqlmem.expressions.choices import chosen
from sqlmem.expressions.closed import has_aggregate
from sqlmem.grouping_sets import by_sets, has_sets
from sqlmem.groups import BEGINNING, by_sorting
from sqlmem.guards import gives_rows, guard_all, guarded
from sqlmem.lanes import given_out
from sqlmem.limits import limit_text
from sqlmem.model import Column, Kind, TableSchema
from sqlmem.outputs import schema_of
from sqlmem.picks import picks_row
from sqlmem.places import chosen_by_place, is_chosen_by_place
from sqlmem.plan import Reasons, Refuse
from sqlmem.positions import is_number
from sqlmem.ranges import may_stop_early, reads_a_range, unindexed
from sqlmem.row_lists import rows_of, values_of
from sqlmem.scopes import Scope
from sqlmem.set_operations import Expected, Rendered, set_operation
from sqlmem.sources import from_clause
from sqlmem.stars import expand
from sqlmem.terms import check_position, grouped_term, output_of, with_aliases
from sqlmem.values import EQUAL_TEXT, NULL, Value


class Queries:
    """Renders the queries of one statement. For one thread."""

    def __init__(self, context: Context, outermost: exp.Expr) -> None:
        self.context = self._context = context
        self._outermost = outermost
        self.expressions = self._expressions = expressions(context, self.query)
        # id of a SELECT that stands for one grouping set -> the columns that it leaves out
        self._left_out: dict[int, list[exp.Expr]] = {}

    # -- queries ---------------------------------------------------------------------------

    def query(self, node: exp.Expr, scope: Scope, expected: Expected = ()) -> Rendered:
        """A SELECT or set operation in the names of the scope around it: its text, its columns.

        Args:
            expected: per column the type that a literal, a parameter or NULL takes in it.
        """
        while isinstance(node, exp.Subquery):
            only(node, "this")
            node = node.this
        if isinstance(node, exp.Select):
            written = values_of(node)
            if written is not None:
                return rows_of(self, written, scope)
            if has_sets(node):
                return by_sets(self, node, scope, self._arm)
            return self._select(node, scope, expected)
        if isinstance(node, exp.Values):
            return rows_of(self, node, scope)
        if isinstance(node, exp.SetOperation):
            return set_operation(self, node, scope)
        raise Refuse(f"{str(node.key).upper()} is computed by the origin")

    def _select(self, node: exp.Select, around: Scope, expected: Expected = ()) -> Rendered:
        only(
            node,
            "with_",
            "expressions",
            "distinct",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "windows",
        )
        prefix, around = with_clause(self, node, around)
        source, scope = from_clause(self, node, around)
        self._context.scopes[id(node)] = scope
        expand(self._context, node, scope)
        scope.windows = self._windows(node)
        scope.may_guard = node.parent is None and bool(source) and gives_rows(node)
        render = self._expressions
        # What is refused in one clause doesn't keep the others from being looked at: all is told.
        reasons = Reasons()
        where = node.args.get("where")
        where_text = ""
        if where is not None:
            around_is_strict = self._context.is_strict
            self._context.is_strict = around_is_strict or self._looks_up_extremes(node)
            where_text = reasons.attempt(lambda: f" WHERE {render.condition(where.this, scope)}", "")
            self._context.is_strict = around_is_strict
        scope.outputs = {
            self._context.fold_column(item.args["alias"]): item.this
            for item in node.expressions
            if isinstance(item, exp.Alias) and isinstance(item.args["alias"], exp.Identifier)
        }
        is_set = id(node) in self._left_out
        group = self._group_by_set if is_set else self._group
        group_text = reasons.attempt(lambda: group(node, scope), "")
        # Without knowing the groups nothing can be said of what stands in them.
        reasons.raise_any()
        self._settle_pick(node, scope)

        types = [*expected, *[None] * len(node.expressions)]
        values = [
            reasons.attempt(functools.partial(self._item, item, scope, type_), NULL)
            for item, type_ in zip(node.expressions, types, strict=False)
        ]
        having = node.args.get("having")
        having_text = ""
        if having is not None:
            condition = with_aliases(self._context, having.this, node, scope, "having alias")
            having_text = reasons.attempt(lambda: f" HAVING {render.condition(condition, scope)}", "")
            if not group_text and not scope.saw_aggregate:
                reasons.attempt(_refuse_having, None)
        reasons.raise_any()
        if is_set and not group_text and "grouping sets" not in self._context.semantics.shapes:
            # WITH ROLLUP: no row for all rows if there are none.
            having_text = f"{having_text} AND count(*) > 0" if having_text else " HAVING count(*) > 0"
        if (
            not group_text
            and scope.saw_aggregate
            and not self._context.semantics.is_dynamic
            and not any(map(has_aggregate, node.expressions))
        ):
            # The store knows an aggregate only by what is selected.
            values[0] = replace(values[0], sql=f"CASE WHEN count(*) >= 0 THEN {values[0].sql} END")

        distinct = node.args.get("distinct")
        is_chosen = is_chosen_by_place(node)
        if distinct is not None and not is_chosen:
            reasons.attempt(lambda: only(distinct), None)
            for value in values:
                reasons.attempt(functools.partial(self._check_distinct, value, "DISTINCT"), None)
        order_text = reasons.attempt(
            lambda: self._order(node, scope, values, is_distinct=distinct is not None and not is_chosen), ""
        )
        limit_text = reasons.attempt(lambda: "" if is_chosen else self.limit(node), "")
        reasons.raise_any()
        if limit_text and any(" OVER (" in value.sql and "sqlmem_" in value.sql for value in values):
            # j - lag(j) OVER (…): the origin computes it of all rows, the store of those that it gives.
            raise Refuse("a computation over a window that may be an error, in rows beyond the limit")
        if limit_text and not is_chosen:
            is_grouped = bool(group_text) or scope.saw_aggregate
            groups = f"{group_text}{having_text}" if is_grouped else None
            guard_all(self._context, scope, values, source, where_text, groups)
        if is_chosen:
            if scope.may_guard and self._context.guards:
                raise Refuse("a subquery that may give several rows as a value")
            body = f"{source}{where_text}{group_text}{having_text}"
            return chosen_by_place(self, node, scope, values, body, order_text, prefix)
        if (
            (limit_text or (not where_text and self._gives_as_stored(node, scope)))
            and not order_text
            and not scope.saw_aggregate
            and not group_text
            and distinct is None
            and source
        ):
            # Any rows, or any order, would do; these are the origin's first, in the order it gave them, and
            # of a join those of the first table's first rows: the same each time.
            order_text = f" ORDER BY {', '.join(scope.row_ids)}" if scope.row_ids else ""

        columns = ", ".join(f"{value.sql} AS c{number}" for number, value in enumerate(values))
        texts = (columns, where_text, having_text, order_text)
        group_text = self._by_sorting(node, scope, group_text, texts, is_limited=bool(limit_text))
        opening, more = self._context.opening()
        if scope.may_guard and self._context.guards:
            source, where_text = guarded(self._context, source, where_text)
        text = (
            f"{prefix}SELECT {'DISTINCT ' if distinct is not None else ''}{columns}{more}{source}"
            f"{where_text}{group_text}{having_text}{order_text}{limit_text}"
        )
        # Around the outermost SELECT nobody asks for what it could give out beside its columns.
        return text, tuple(values) if node is self._outermost else given_out(values, opening)

    def _gives_as_stored(self, node: exp.Select, scope: Scope) -> bool:
        """Whether the origin gives all rows of its table in the order in which it gave them to a fill.

        The store does without sorting them, but would rather read an index that has all the columns, which
        may be one of its own. MariaDB and SQLite do that too, with theirs; PostgreSQL doesn't.
        """
        if node is not self._outermost:
            return False
        schema = self._only_table(node, scope)
        return schema is not None and (
            self._context.semantics.name == "postgresql"
            or all(index.is_primary_key for index in schema.indexes)
        )

    def _looks_up_extremes(self, node: exp.Select) -> bool:
        """Whether MIN or MAX may be looked up in an index.

        MariaDB rounds the constants of WHERE to the column's type there: max(i) WHERE i < 2.4 is 1.
        """
        return (
            self._context.semantics.name == "mysql"
            and node.args.get("group") is None
            and any(item.find(exp.Min, exp.Max) is not None for item in node.expressions)
        )

    def _settle_pick(self, node: exp.Select, scope: Scope) -> None:
        """Find out whether an aggregate picks one row, from which SQLite takes all other columns."""
        if scope.group_keys is None or _is_within(scope):
            return
        schema = self._only_table(node, scope)
        if schema is None or schema.name not in {table.name for table in self._context.tables}:
            return
        key = next((index.columns[0] for index in schema.indexes if index.is_primary_key), None)
        if key is None or not self._context.semantics.is_dynamic:
            return
        scope.picks_row = picks_row(node, key)

    def _by_sorting(
        self, node: exp.Select, scope: Scope, group: str, texts: tuple[str, ...], *, is_limited: bool
    ) -> str:
        """GROUP BY as the store is asked, where no index finds the first groups at once.

        Args:
            texts: all else that is read, the order last.
        """
        if not group or self._context.semantics.is_dynamic:
            return group  # an SQLite origin's rows come in the order of its own choice
        if is_limited and may_stop_early(group, texts[-1]):
            return group
        schema = self._only_table(node, scope)
        if schema is not None:
            group = by_sorting(group, texts, schema.indexes)
        if reads_a_range(self._context, node):
            group = f"{BEGINNING}{unindexed(group.removeprefix(BEGINNING))}"
        return group

    def _only_table(self, node: exp.Select, scope: Scope) -> TableSchema | None:
        """The table that a query reads, if it is one and nothing beside."""
        source = node.args["from_"].this if node.args.get("from_") is not None else None
        if not isinstance(source, exp.Table) or len(scope.sources) != 1:
            return None
        return schema_of(source, self._context)

    def _windows(self, node: exp.Select) -> dict[str, exp.Window]:
        named: dict[str, exp.Window] = {}
        for window in node.args.get("windows") or []:
            key = self._context.fold_column(window.this)
            if key in named:
                raise Refuse(f"two windows {key!r}")
            named[key] = window
        return named

    def _item(self, item: exp.Expr, scope: Scope, expected: Column | None) -> Value:
        inner = item.this if isinstance(item, exp.Alias) else item
        if expected is None:
            value = self._expressions.typed(inner, scope)
            text = self._context.semantics.text
            if value is NULL and text is not None and not _is_operand(item):
                # To what stands around, PostgreSQL's is a text: i IN (SELECT NULL) is an error.
                return Value("NULL", text.type, result=text)
            return value
        value = self._expressions.value(inner, scope)
        if value is NULL:
            return Value("NULL", expected)
        (_, taken), result = chosen(self._expressions, [Value("", expected), value], "a set operation")
        return Value(taken.sql, result.type, result=result.result)

    def _group(self, node: exp.Select, scope: Scope) -> str:
        """GROUP BY; from here on the scope's columns must be grouped or aggregated."""
        clause = node.args.get("group")
        is_aggregated = any(
            has_aggregate(item) for item in (*node.expressions, node.args.get("having")) if item
        )
        if clause is None:
            if is_aggregated:
                scope.group_keys = set()
            return ""
        only(clause, "expressions")
        keys: dict[str, None] = {}
        is_hidden = not any(map(_shows_columns, _shown_clauses(node)))
        for term in clause.expressions:
            check_position(self._context, term)
            meant = grouped_term(self._context, term, node, scope)
            scope.has_computed_keys = scope.has_computed_keys or not isinstance(meant, exp.Column)
            value = self._expressions.value(meant, scope)
            # TRUE too is a constant that PostgreSQL doesn't group by.
            if value.type is None or isinstance(meant, exp.Boolean):
                raise Refuse("GROUP BY a constant")
            rank = self._expressions.rank(value) if is_hidden and _is_unordered(value) else None
            if rank is not None:
                # Nothing of the group is shown: that its values are equal to the origin is enough.
                value = rank
            else:
                self._check_distinct(value, "GROUP BY")
                self._expressions.check_sorted(value, "GROUP BY")
            keys[value.sql] = None
        scope.group_keys = set(keys)
        # A constant's text would name an output of the store's.
        texts = ["NULL" if is_number(key) else key for key in keys]
        return f" GROUP BY {', '.join(texts)}"

    def _check_distinct(self, value: Value, what: str) -> None:
        if value.type is not None:
            self._expressions.check_same(value, what)
        elif not self._context.semantics.is_dynamic:
            raise Refuse(f"{what} of a constant")
        self._expressions.distinct(value, what)

    def _order(self, node: exp.Expr, scope: Scope, values: list[Value], *, is_distinct: bool) -> str:
        clause = node.args.get("order")
        if clause is None:
            return ""
        only(clause, "expressions")
        terms = []
        for ordered in clause.expressions:
            check_position(self._context, ordered.this)
            output = output_of(self._context, ordered.this, node, values)
            if output is None:
                ordered = with_aliases(self._context, ordered, node, scope, "order alias")  # noqa: PLW2901
            term = self._expressions.ordered(ordered, scope, output)
            if (
                is_distinct
                and output is None
                and term.rsplit(" ", 3)[0] not in {value.sql for value in values}
            ):
                raise Refuse("ORDER BY what DISTINCT leaves out")
            terms.append(term)
        return f" ORDER BY {', '.join(terms)}"

    def _arm(self, node: exp.Select, left_out: list[exp.Expr], around: Scope) -> Rendered:
        """A SELECT by one grouping set; `left_out`: columns of the others, NULL in it."""
        self._left_out[id(node)] = left_out
        try:
            return self._select(node, around)
        finally:
            del self._left_out[id(node)]

    def _group_by_set(self, node: exp.Select, scope: Scope) -> str:
        """GROUP BY one grouping set; without a column all rows are one group, also if there are none."""
        left_out = self._left_out[id(node)]
        scope.nulled = frozenset(self._expressions.value(column, scope).sql for column in left_out)
        if node.args["group"].expressions:
            return self._group(node, scope)
        scope.group_keys = set()
        scope.saw_aggregate = True
        return ""

    # -- for the modules that know one shape each ------------------------------------------

    def with_clause(self, node: exp.Query, scope: Scope) -> tuple[str, Scope]:
        return with_clause(self, node, scope)

    def order(self, node: exp.Expr, scope: Scope, values: list[Value], *, is_distinct: bool) -> str:
        return self._order(node, scope, values, is_distinct=is_distinct)

    def output_of(self, term: exp.Expr, node: exp.Expr, values: list[Value]) -> Value | None:
        return output_of(self._context, term, node, values)

    def item(self, item: exp.Expr, scope: Scope, expected: Column | None) -> Value:
        return self._item(item, scope, expected)

    def limit(self, node: exp.Expr) -> str:
        return limit_text(self.expressions, node)

    def check_distinct(self, value: Value, what: str) -> None:
        self._check_distinct(value, what)


def _is_operand(item: exp.Expr) -> bool:
    """Whether it is a column of a set operation's operand, and takes its type from the other one."""
    query = item.parent
    while query is not None and isinstance(query.parent, exp.Subquery) and not query.parent.alias:
        query = query.parent
    return query is not None and isinstance(query.parent, exp.SetOperation)


def _is_within(scope: Scope) -> bool:
    """Whether a SELECT with a source of its own is around this one, whose columns it may use."""
    around = scope.parent
    while around is not None:
        if around.columns:
            return True
        around = around.parent
    return False


def _shown_clauses(node: exp.Select) -> list[exp.Expr]:
    clauses = [*node.expressions, *(node.args.get(key) for key in ("having", "order", "windows", "distinct"))]
    return [each for clause in clauses for each in (clause if isinstance(clause, list) else [clause]) if each]


def _shows_columns(node: exp.Expr) -> bool:
    """Whether a column stands in it outside of aggregates."""
    if isinstance(node, exp.Column | exp.Query | exp.Window):
        return True
    if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Grouping):
        return False
    return any(map(_shows_columns, node.iter_expressions()))


def _is_unordered(value: Value) -> bool:
    """Whether it is a text of which the store can't tell which are equal."""
    return value.type is not None and value.type.kind is Kind.TEXT and value.type.collation not in EQUAL_TEXT


def _refuse_having() -> None:
    raise Refuse("HAVING without a group")
