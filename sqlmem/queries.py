"""Renders queries: SELECT, set operations, CTEs and derived tables, from a closed list of clauses.

This file knows the shape of queries, `expressions` what stands in them.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions import expressions, only
from sqlmem.expressions.closed import is_total
from sqlmem.model import Collation, Column
from sqlmem.order import is_added_in_order
from sqlmem.outputs import ROW_IDS, Spelling, callable_names, table_spelling
from sqlmem.plan import Reasons, Refuse
from sqlmem.scopes import Context, Relation, Scope
from sqlmem.stored import DATA, quoted, stored_names
from sqlmem.values import NULL, Value


class Queries:
    """Renders the queries of one statement. For one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._expressions = expressions(context, self.query)

    # -- queries ---------------------------------------------------------------------------

    def query(self, node: exp.Expr, scope: Scope) -> tuple[str, tuple[Value, ...]]:
        """A SELECT or set operation in the names of the scope around it: its text, its columns."""
        while isinstance(node, exp.Subquery):
            only(node, "this")
            node = node.this
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        raise Refuse(f"{str(node.key).upper()} is computed by the origin")

    def _with(self, node: exp.Query, scope: Scope) -> tuple[str, Scope]:
        clause = node.args.get("with_")
        if clause is None:
            return "", scope
        only(clause, "expressions")
        # A scope of its own without columns: CTEs are seen by what follows, and by nothing outside.
        inner = Scope(scope, ctes=dict(scope.ctes))
        texts = []
        for cte in clause.expressions:
            only(cte, "this", "alias")
            alias = cte.args["alias"]
            only(alias, "this", "columns")
            sql, values = self.query(cte.this, inner)
            relation = self._relation(cte.this, sql, values, alias)
            stored = self._context.alias("k")
            columns = ", ".join(f"c{number}" for number in range(len(values)))
            texts.append(f"{stored}({columns}) AS ({sql})")
            inner.ctes[self._context.fold_table(alias.this)] = replace(relation, sql=stored)
        return f"WITH {', '.join(texts)} ", inner

    def _relation(self, node: exp.Expr, sql: str, values: tuple[Value, ...], alias: exp.Expr) -> Relation:
        listed = alias.args.get("columns") or []
        names = [self._context.fold_column(column) for column in listed] or callable_names(
            self._context, node
        )
        if len(names) != len(values):
            raise Refuse("a list of column names that doesn't fit")
        return Relation(sql, tuple(names), values)

    def _select(self, node: exp.Select, around: Scope) -> tuple[str, tuple[Value, ...]]:
        only(
            node,
            "with_",
            "expressions",
            "distinct",
            "from_",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
        )
        prefix, around = self._with(node, around)
        source, scope = self._from(node, around)
        render = self._expressions
        # What is refused in one clause doesn't keep the others from being looked at: all is told.
        reasons = Reasons()
        where = node.args.get("where")
        where_text = ""
        if where is not None:
            where_text = reasons.attempt(lambda: f" WHERE {render.condition(where.this, scope)}", "")
        scope.outputs = {
            self._context.fold_column(item.args["alias"]): item.this
            for item in node.expressions
            if isinstance(item, exp.Alias) and isinstance(item.args["alias"], exp.Identifier)
        }
        group_text = reasons.attempt(lambda: self._group(node, scope), "")
        # Without knowing the groups nothing can be said of what stands in them.
        reasons.raise_any()
        self._settle_order(node, scope)

        values = [
            reasons.attempt(functools.partial(self._item, item, scope), NULL) for item in node.expressions
        ]
        having = node.args.get("having")
        having_text = ""
        if having is not None:
            having_text = reasons.attempt(lambda: f" HAVING {render.condition(having.this, scope)}", "")
            if not group_text and not scope.saw_aggregate:
                reasons.attempt(_refuse_having, None)
        reasons.raise_any()

        distinct = node.args.get("distinct")
        if distinct is not None:
            reasons.attempt(lambda: only(distinct), None)
            for value in values:
                reasons.attempt(functools.partial(self._check_distinct, value, "DISTINCT"), None)
        order_text = reasons.attempt(
            lambda: self._order(node, scope, values, is_distinct=distinct is not None), ""
        )
        limit_text = reasons.attempt(lambda: self._limit(node), "")
        reasons.raise_any()
        if (
            limit_text
            and not order_text
            and not scope.saw_aggregate
            and not group_text
            and distinct is None
            and source
        ):
            # Any rows would do; these are the origin's first, in the order it gave them.
            order_text = self._natural_order(source)

        columns = ", ".join(f"{value.sql} AS c{number}" for number, value in enumerate(values))
        text = (
            f"{prefix}SELECT {'DISTINCT ' if distinct is not None else ''}{columns}{source}"
            f"{where_text}{group_text}{having_text}{order_text}{limit_text}"
        )
        return text, tuple(values)

    def _settle_order(self, node: exp.Select, scope: Scope) -> None:
        """Find out whether the aggregates add up in the origin's own order; the row id is needed then."""
        source = node.args["from_"].this if node.args.get("from_") is not None else None
        if not isinstance(source, exp.Table) or scope.group_keys is None or _is_within(scope):
            return
        schema = self._context.schemas.get(table_spelling(source, self._context))
        if schema is None or schema.name not in {table.name for table in self._context.tables}:
            return
        if is_added_in_order(self._context, schema, node):
            scope.adds_in_order = True
            key = next(index.columns[0] for index in schema.indexes if index.is_primary_key)
            self._context.need(Value("", source=(self._context.table(schema), key)))

    def _item(self, item: exp.Expr, scope: Scope) -> Value:
        return self._expressions.typed(item.this if isinstance(item, exp.Alias) else item, scope)

    def _natural_order(self, source: str) -> str:
        alias = source.rsplit(" ", 1)[-1]
        return f" ORDER BY {alias}.rowid" if alias.startswith("t") else ""

    def _from(self, node: exp.Select, around: Scope) -> tuple[str, Scope]:
        clause = node.args.get("from_")
        if clause is None:
            return "", Scope(around, ctes=around.ctes, group_keys=None)
        source = clause.this
        if isinstance(source, exp.Table):
            spelling = table_spelling(source, self._context)
            alias_node = source.args.get("alias")
            if alias_node is not None:
                only(alias_node, "this")
            cte = around.ctes.get(spelling[1]) if spelling[0] is None else None
            alias = self._context.fold_table(alias_node.this) if alias_node is not None else spelling[1]
            if cte is not None:
                stored = self._context.alias("d")
                return f" FROM {cte.sql} AS {stored}", self._relation_scope(around, alias, stored, cte)
            return self._table(spelling, alias, around)
        if isinstance(source, exp.Subquery):
            only(source, "this", "alias")
            alias_node = source.args.get("alias")
            if alias_node is None:
                # Some origins demand one and report an error.
                raise Refuse("a derived table without a name")
            only(alias_node, "this", "columns")
            # A derived table doesn't see its neighbours, only what is around the SELECT.
            sql, values = self.query(source.this, around)
            relation = self._relation(source.this, sql, values, alias_node)
            stored = self._context.alias("d")
            scope = self._relation_scope(around, self._context.fold_table(alias_node.this), stored, relation)
            return f" FROM ({sql}) AS {stored}", scope
        raise Refuse(f"{str(source.key).upper()} as a source is computed by the origin")

    def _table(self, spelling: Spelling, alias: str, around: Scope) -> tuple[str, Scope]:
        schema = self._context.schemas[spelling]
        if schema.refusal is not None:
            raise Refuse(f"table {schema.name} isn't cached: {schema.refusal}")
        index = self._context.table(schema)
        self._context.uses += 1
        stored = self._context.alias("t")
        names = stored_names(schema)
        columns: dict[str, Value | None] = {}
        for column in schema.columns:
            key = self._context.spelling(column)
            columns[key] = (
                None
                if key in columns
                else Value(
                    f"{stored}.{quoted(names[column.name])}",
                    column,
                    (index, column.name),
                    is_distinct=_is_distinct(column.affinity, column.collation),
                    alias=stored,
                )
            )
        if self._context.semantics.is_dynamic:
            row_id = next((item.columns[0] for item in schema.indexes if item.is_primary_key), None)
            if row_id is not None:
                value = columns[self._context.spelling(schema.by_name[row_id])]
                columns = {**dict.fromkeys(ROW_IDS, value), **columns}
        keys = next((item.columns for item in schema.indexes if item.is_primary_key), ())
        scope = Scope(
            around,
            alias,
            columns,
            ctes=around.ctes,
            key_columns=frozenset(f"{stored}.{quoted(names[key])}" for key in keys),
            database=spelling[0] if alias == spelling[1] else None,
            stored_alias=stored,
        )
        database = "main" if index == 0 else f"s{index}"
        return f" FROM {database}.{DATA} AS {stored}", scope

    def _relation_scope(self, around: Scope, alias: str, stored: str, relation: Relation) -> Scope:
        columns: dict[str, Value | None] = {}
        for number, (name, value) in enumerate(zip(relation.names, relation.values, strict=True)):
            if value.type is None:
                raise Refuse("a derived column whose type only the origin knows")
            columns[name] = None if name in columns else replace(value, sql=f"{stored}.c{number}", alias=None)
        return Scope(around, alias, columns, ctes=around.ctes)

    def _group(self, node: exp.Select, scope: Scope) -> str:
        """GROUP BY; from here on the scope's columns must be grouped or aggregated."""
        clause = node.args.get("group")
        has_aggregate = any(
            _has_aggregate(item) for item in (*node.expressions, node.args.get("having")) if item
        )
        if clause is None:
            if has_aggregate:
                scope.group_keys = set()
            return ""
        only(clause, "expressions")
        keys: dict[str, None] = {}
        for term in clause.expressions:
            value = self._expressions.value(self._grouped_term(term, node, scope), scope)
            if value.type is None:
                raise Refuse("GROUP BY a constant")
            self._check_distinct(value, "GROUP BY")
            keys[value.sql] = None
        scope.group_keys = set(keys)
        return f" GROUP BY {', '.join(keys)}"

    def _grouped_term(self, term: exp.Expr, node: exp.Select, scope: Scope) -> exp.Expr:
        if isinstance(term, exp.Literal):
            return self._ordinal(term, node)
        if (
            isinstance(term, exp.Column)
            and term.args.get("table") is None
            and isinstance(term.this, exp.Identifier)
        ):
            name = self._context.fold_column(term.this)
            named = scope.outputs.get(name)
            if named is not None and name in scope.columns and named != term:
                # Dialects differ on which of the two is meant.
                raise Refuse("GROUP BY a name that is both a column and an output")
            if named is not None and name not in scope.columns:
                return named
        return term

    def _ordinal(self, term: exp.Literal, node: exp.Select) -> exp.Expr:
        position = int(str(term.this)) if not term.is_string and str(term.this).isdigit() else 0
        if not 1 <= position <= len(node.expressions):
            raise Refuse("a position that isn't in the select list")
        item: exp.Expr = node.expressions[position - 1]
        inner: exp.Expr = item.this if isinstance(item, exp.Alias) else item
        return inner

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
            output = self._output_of(ordered.this, node, values)
            term = self._expressions.ordered(ordered, scope, output)
            if (
                is_distinct
                and output is None
                and term.rsplit(" ", 3)[0] not in {value.sql for value in values}
            ):
                raise Refuse("ORDER BY what DISTINCT leaves out")
            terms.append(term)
        return f" ORDER BY {', '.join(terms)}"

    def _output_of(self, term: exp.Expr, node: exp.Expr, values: list[Value]) -> Value | None:
        """The column of the select list that a term of ORDER BY names, by position or alias."""
        if isinstance(term, exp.Literal):
            if term.is_string or not str(term.this).isdigit() or not 1 <= int(str(term.this)) <= len(values):
                raise Refuse("a position that isn't in the select list")
            return values[int(str(term.this)) - 1]
        if (
            isinstance(term, exp.Column)
            and term.args.get("table") is None
            and isinstance(term.this, exp.Identifier)
        ):
            name = self._context.fold_column(term.this)
            positions = [
                index for index, output in enumerate(callable_names(self._context, node)) if output == name
            ]
            if len(positions) > 1 and len({values[index].sql for index in positions}) > 1:
                raise Refuse("ORDER BY a name that two outputs have")
            if positions:
                return values[positions[0]]
        return None

    def _limit(self, node: exp.Expr) -> str:
        parts = []
        limit = node.args.get("limit")
        if limit is not None:
            if isinstance(limit, exp.Fetch):
                options = limit.args.get("limit_options")
                if options is not None:
                    only(options, "rows")
                count = limit.args.get("count")
            else:
                only(limit, "expression")
                count = limit.expression
            parts.append(f" LIMIT {self._row_count(count)}")
        offset = node.args.get("offset")
        if offset is not None:
            only(offset, "expression")
            if limit is None:
                parts.append(" LIMIT -1")
            parts.append(f" OFFSET {self._row_count(offset.expression)}")
        return "".join(parts)

    def _row_count(self, node: exp.Expr | None) -> str:
        if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
            return str(node.this)
        inner = node
        if isinstance(inner, exp.Cast) and str(inner.args["to"].this) in ("DType.INT", "DType.BIGINT"):
            inner = inner.this
        if isinstance(inner, exp.Placeholder):
            return self._expressions.row_count(inner)
        raise Refuse("a LIMIT that isn't a number")

    def _set_operation(self, node: exp.SetOperation, around: Scope) -> tuple[str, tuple[Value, ...]]:
        only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
        prefix, around = self._with(node, around)
        left_sql, left = self.query(node.this, around)
        right_sql, right = self.query(node.expression, around)
        if len(left) != len(right):
            raise Refuse("a set operation over different numbers of columns")
        is_all = not node.args.get("distinct")
        operator = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}.get(type(node))
        if operator is None or (is_all and operator != "UNION"):
            raise Refuse("a set operation that the store doesn't have")
        values = []
        for one, other in zip(left, right, strict=True):
            _, value = self._expressions.alternatives([one, other], operator)
            is_distinct = one.is_distinct and other.is_distinct
            same = one.source if one.source == other.source else None
            value = replace(
                value, sql="", source=same, is_distinct=is_distinct and value.is_distinct, alias=None
            )
            if not is_all:
                self._check_distinct(value, operator)
                self._check_distinct(one, operator)
                self._check_distinct(other, operator)
            if self._context.semantics.is_dynamic and value.type is not None:
                value = replace(value, type=_compound(value.type, one.type, other.type))
            values.append(value)
        # Every operand as a derived table: SQLite takes no parentheses, ORDER BY or LIMIT in one.
        names = ", ".join(f"c{number}" for number in range(len(values)))
        word = f"{operator} ALL" if is_all else operator
        sql = f"SELECT {names} FROM ({left_sql}) {word} SELECT {names} FROM ({right_sql})"
        values = [replace(value, sql=f"c{number}") for number, value in enumerate(values)]
        stored = self._context.alias("d")
        outer = [replace(value, sql=f"{stored}.c{number}") for number, value in enumerate(values)]
        empty = Scope(around, ctes=around.ctes)
        if node.args.get("order") is not None:
            for ordered in node.args["order"].expressions:
                if self._output_of(ordered.this, node, outer) is None:
                    raise Refuse("ORDER BY an expression behind a set operation")
        order = self._order(node, empty, outer, is_distinct=False)
        tail = f"{order}{self._limit(node)}"
        columns = ", ".join(f"{stored}.c{number} AS c{number}" for number in range(len(values)))
        return f"{prefix}SELECT {columns} FROM ({sql}) AS {stored}{tail}", tuple(outer)


def _is_within(scope: Scope) -> bool:
    """Whether a SELECT with a source of its own is around this one, whose columns it may use."""
    around = scope.parent
    while around is not None:
        if around.columns:
            return True
        around = around.parent
    return False


def _compound(column: Column, left: Column | None, right: Column | None) -> Column:
    """The type of a compound's column in SQLite.

    Of unequal affinities or collations it isn't documented which one a comparison around it uses.
    """
    one, other = (
        (None, Collation.BINARY) if arm is None else (arm.affinity, arm.collation) for arm in (left, right)
    )
    if one[0] != other[0] and "REAL" in (one[0], other[0]):
        # Read out of a derived table, as the store's is, a column of that affinity makes floats of integers.
        raise Refuse("a set operation of a REAL column and another")
    return replace(column, affinity=one[0], collation=one[1], is_compared=one == other and column.is_compared)


def _refuse_having() -> None:
    raise Refuse("HAVING without a group")


def _has_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate of this SELECT's own stands in the expression: no subquery's, no window's."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        children = [child for key, child in node.args.items() if key != "this"]
        inner = node.this
        return any(_has_aggregate(child) for child in _flat(children)) or any(
            _has_aggregate(child) for child in _flat(inner.args.values())
        )
    if (isinstance(node, exp.AggFunc) and not isinstance(node, exp.RowNumber)) or is_total(node):
        return True
    return any(_has_aggregate(child) for child in _flat(node.args.values()))


def _flat(values: object) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    for value in values if isinstance(values, list) else list(values):  # type: ignore[call-overload]
        if isinstance(value, exp.Expr):
            found.append(value)
        elif isinstance(value, list):
            found.extend(item for item in value if isinstance(item, exp.Expr))
    return found


def _is_distinct(affinity: str | None, collation: Collation) -> bool:
    """Whether equal values of a column are the same value.

    Not so under NOCASE, nor where a column without affinity holds 1 beside 1.0.
    """
    if affinity is None:
        return True
    return affinity in ("INTEGER", "REAL", "NUMERIC", "TEXT") and collation is Collation.BINARY
