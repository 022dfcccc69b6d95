"""From an expression of the statement to one of the store, or `Refuse`.

A closed list: a node that has no entry in `_HANDLERS`, and an argument of a node that its
handler doesn't name, are refused. Nothing is passed through.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable, codec_by_name
from sqlmem.dialects.base import Result
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, Reasons, Refuse, SumCheck
from sqlmem.scopes import Context, Scope
from sqlmem.values import (
    NULL,
    Literal,
    Value,
    check_equal,
    check_null,
    check_ordered,
    codec_of,
    converter,
    literal_value,
    unified,
)

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS",
    exp.NullSafeNEQ: "IS NOT",
}
EQUALITIES = frozenset({"=", "<>", "IS", "IS NOT"})

# Operators whose meaning on dynamically typed values is the store's own.
DYNAMIC_OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}

# The parser's class -> the function's name in Semantics.functions, and its arguments in order.
DYNAMIC_FUNCTIONS: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Abs: ("abs", ("this",)),
    exp.Hex: ("hex", ("this",)),
    exp.Length: ("length", ("this",)),
    exp.Lower: ("lower", ("this",)),
    exp.Nullif: ("nullif", ("this", "expression")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Round: ("round", ("this", "decimals")),
    exp.StrPosition: ("instr", ("this", "substr")),
    exp.Typeof: ("typeof", ("this",)),
    exp.Unicode: ("unicode", ("this",)),
    exp.Upper: ("upper", ("this",)),
}

DYNAMIC = Column("", Kind.DYNAMIC, "", collation=Collation.BINARY)

Handler = Callable[["Expressions", Any, Scope], Value]


class Expressions:
    """Renders expressions for one planning. For one thread.

    `subquery` is how the planner renders a SELECT inside of an expression.
    """

    def __init__(
        self, context: Context, subquery: Callable[[exp.Expr, Scope], tuple[str, tuple[Value, ...]]]
    ) -> None:
        self.context = context
        self.semantics = context.semantics
        self._subquery = subquery

    # -- entry points ----------------------------------------------------------------------

    def value(self, node: exp.Expr, scope: Scope) -> Value:
        """The value of an expression; open if it is a literal or parameter alone."""
        grouped = self._group_key(node, scope)
        if grouped is not None:
            return grouped
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise Refuse(f"{_described(node)} is computed by the origin")
        return handler(self, node, scope)

    def typed(self, node: exp.Expr, scope: Scope) -> Value:
        """As `value`, but settled where the surroundings say nothing, as in a select list."""
        return self.settle(self.value(node, scope))

    def condition(self, node: exp.Expr, scope: Scope) -> str:
        """A predicate's text."""
        value = self.value(node, scope)
        if value.is_condition or value is NULL:
            return value.sql
        if value.type is not None:
            if value.type.kind is Kind.BOOLEAN:
                return value.sql
            if self.semantics.booleans_are_integers and value.type.kind in (Kind.INTEGER, Kind.DYNAMIC):
                return value.sql
        raise Refuse("a condition that isn't a predicate")

    def settle(self, value: Value) -> Value:
        if value.parameter is not None:
            if value.cast is None:
                raise Refuse("a parameter whose type only the origin knows")
            if value.cast.kind in (Kind.NUMERIC, Kind.UUID, Kind.TIMESTAMPTZ, Kind.BYTES):
                raise Refuse("a parameter given back by the statement")
            return self.bound(value, value.cast)
        if value.literal is not None:
            if value.cast is not None:
                return self.bound(value, value.cast)
            if not value.literal.is_text and value.literal.text.lstrip("-").isdigit():
                integer = int(value.literal.text)
                if abs(integer) < 2**31:
                    return replace(
                        self.bound(value, self.semantics.integer.type), result=self.semantics.integer
                    )
            if value.literal.is_text and self.semantics.text is not None:
                text = self.semantics.text
                return replace(self.bound(value, text.type), result=text)
            raise Refuse("a constant whose type only the origin knows")
        return value

    def bound(self, value: Value, column: Column) -> Value:
        """An open value, having taken a type; others unchanged."""
        if value.literal is not None:
            if value.cast is not None and value.cast.kind is not column.kind:
                raise Refuse(f"a literal cast to {value.cast.type_name} beside {column.type_name}")
            return Value(
                self.context.constant(literal_value(value.literal, column, self.context.facts.driver)), column
            )
        if value.parameter is not None:
            convert = converter(column, value.cast, self.semantics, self.context.facts.driver)
            return Value(
                self.context.argument(Argument(self.context.parameters[value.parameter], None, convert)),
                column,
            )
        return value

    # -- names, literals, parameters ---------------------------------------------------------

    def column(self, node: exp.Column, scope: Scope) -> Value:
        return self.context.column(node, scope)

    def literal(self, node: exp.Literal, scope: Scope) -> Value:
        return self._literal(Literal(str(node.this), bool(node.is_string)))

    def _literal(self, literal: Literal) -> Value:
        if not self.semantics.is_dynamic:
            return Value("", literal=literal)
        if literal.is_text:
            return Value(self.context.argument(Argument(None, literal.text)), DYNAMIC)
        text = literal.text.lower()
        if text.lstrip("-").isdigit():
            # Beyond 64 bits SQLite reads a float; what it does at the edge is left to it.
            if abs(int(text)) >= 2**63:
                raise Refuse("a number beyond 64 bits")
            return Value(text, DYNAMIC)
        if set(text) <= set("-+.e0123456789"):
            return Value(text, DYNAMIC)
        raise Refuse("a form of number that the planner doesn't know")

    def negative(self, node: exp.Neg, scope: Scope) -> Value:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string:
            return self._literal(Literal(f"-{inner.this}", False))
        if self.semantics.is_dynamic:
            return self._dynamic(f"-{self.value(inner, scope).sql}")
        raise Refuse(self._refused("+", "arithmetic"))

    def boolean(self, node: exp.Boolean, scope: Scope) -> Value:
        if self.semantics.comparison.type.kind is Kind.OPAQUE:
            raise Refuse("a truth value whose type isn't known")
        return Value(
            "1" if node.this else "0",
            self.semantics.comparison.type,
            result=self.semantics.comparison,
            is_condition=True,
        )

    def null(self, node: exp.Null, scope: Scope) -> Value:
        return NULL

    def placeholder(self, node: exp.Placeholder, scope: Scope) -> Value:
        name = str(node.this or "")
        if not (name.startswith("p") and name[1:].isdigit()):
            raise Refuse("a form of parameter that the planner doesn't know")
        index = int(name[1:])
        if self.semantics.is_dynamic:
            convert = codec_of(DYNAMIC, self.context.facts.driver).parameter
            return Value(
                self.context.argument(Argument(self.context.parameters[index], None, convert)), DYNAMIC
            )
        return Value("", parameter=index)

    def row_count(self, node: exp.Placeholder) -> str:
        """A parameter of LIMIT or OFFSET: a whole number that isn't negative."""
        index = int(str(node.this)[1:])
        return self.context.argument(
            Argument(self.context.parameters[index], None, _row_count, refuses_null=True)
        )

    def parenthesis(self, node: exp.Paren, scope: Scope) -> Value:
        value = self.value(node.this, scope)
        # A predicate's text has its parentheses already; a column's affinity and collation
        # pass through them.
        return value

    # -- predicates ------------------------------------------------------------------------

    def predicate(self, sql: str) -> Value:
        return Value(
            f"({sql})", self.semantics.comparison.type, result=self.semantics.comparison, is_condition=True
        )

    def pair(self, left: Value, right: Value, what: str, *, is_ordered: bool) -> tuple[Value, Value]:
        """Two values side by side, with one type; refused unless the store compares them as the origin."""
        if left.type is None and right.type is None:
            raise Refuse(f"{what} of two values whose types only the origin knows")
        if left.type is None:
            right, left = self.pair(right, left, what, is_ordered=is_ordered)
            return left, right
        column = left.type
        if right.type is not None:
            if self.semantics.is_dynamic:
                self._check(right.type, what, is_ordered=is_ordered)
            else:
                column = unified(left.type, right.type, what)
        elif right.is_open:
            right = self.bound(right, column)
        self._check(column, what, is_ordered=is_ordered)
        return left, right

    def _check(self, column: Column, what: str, *, is_ordered: bool) -> None:
        if is_ordered:
            check_ordered(column, what, self.semantics)
        else:
            check_equal(column, what)

    def comparison(self, node: exp.Binary, scope: Scope) -> Value:
        operator = COMPARISONS[type(node)]
        left, right = self.pair(
            self.value(node.this, scope),
            self.value(node.expression, scope),
            "comparison",
            is_ordered=operator not in EQUALITIES,
        )
        return self.predicate(f"{left.sql} {operator} {right.sql}")

    def conjunction(self, node: exp.Connector, scope: Scope) -> Value:
        # The parser nests to the left; a long chain is taken apart without recursion.
        operator = "AND" if isinstance(node, exp.And) else "OR"
        parts: list[exp.Expr] = []
        inner: exp.Expr = node
        while type(inner) is type(node):
            parts.append(inner.expression)
            inner = inner.this
        parts.append(inner)
        reasons = Reasons()
        texts = [
            reasons.attempt(functools.partial(self.condition, part, scope), "") for part in reversed(parts)
        ]
        reasons.raise_any()
        return self.predicate(f" {operator} ".join(texts))

    def negation(self, node: exp.Not, scope: Scope) -> Value:
        return self.predicate(f"NOT {self.condition(node.this, scope)}")

    def is_(self, node: exp.Is, scope: Scope) -> Value:
        _only(node, "this", "expression", "negate")
        operator = "IS NOT" if node.args.get("negate") else "IS"
        right = node.expression
        if isinstance(right, exp.Null):
            value = self.value(node.this, scope)
            if value.is_open:
                raise Refuse("a NULL test of a value whose type only the origin knows")
            check_null(value.type, "a NULL test")
            return self.predicate(f"{value.sql} {operator} NULL")
        if isinstance(right, exp.Boolean):
            condition = self.condition(node.this, scope)
            return self.predicate(f"{condition} {operator} {'TRUE' if right.this else 'FALSE'}")
        if self.semantics.is_dynamic:
            left, other = self.pair(
                self.value(node.this, scope), self.value(right, scope), "comparison", is_ordered=False
            )
            return self.predicate(f"{left.sql} {operator} {other.sql}")
        raise Refuse(f"{_described(right)} after IS")

    def between(self, node: exp.Between, scope: Scope) -> Value:
        _only(node, "this", "low", "high")
        value = self.value(node.this, scope)
        if value.is_open:
            raise Refuse("BETWEEN of a value whose type only the origin knows")
        left, low = self.pair(value, self.value(node.args["low"], scope), "BETWEEN", is_ordered=True)
        _, high = self.pair(value, self.value(node.args["high"], scope), "BETWEEN", is_ordered=True)
        return self.predicate(f"{left.sql} BETWEEN {low.sql} AND {high.sql}")

    def in_(self, node: exp.In, scope: Scope) -> Value:
        _only(node, "this", "expressions", "query")
        value = self.value(node.this, scope)
        if value.is_open:
            raise Refuse("IN of a value whose type only the origin knows")
        query = node.args.get("query")
        if query is not None:
            sql, outputs = self._subquery(query, scope)
            if len(outputs) != 1:
                raise Refuse("IN over several columns")
            left, _ = self.pair(value, outputs[0], "IN", is_ordered=False)
            return self.predicate(f"{left.sql} IN ({sql})")
        items = node.expressions
        if not items:
            raise Refuse("IN over nothing")
        texts = []
        for item in items:
            value, other = self.pair(value, self.value(item, scope), "IN", is_ordered=False)
            texts.append(other.sql)
        return self.predicate(f"{value.sql} IN ({', '.join(texts)})")

    def exists(self, node: exp.Exists, scope: Scope) -> Value:
        _only(node, "this")
        sql, _ = self._subquery(node.this, scope)
        return self.predicate(f"EXISTS ({sql})")

    def scalar_subquery(self, node: exp.Subquery, scope: Scope) -> Value:
        _only(node, "this", "alias")
        sql, outputs = self._subquery(node.this, scope)
        if len(outputs) != 1:
            raise Refuse("a subquery of several columns as a value")
        # Two rows are an error at the origin, the first of them in SQLite.
        if not self.semantics.is_dynamic and not _gives_one_row(node.this):
            raise Refuse("a subquery that may give several rows as a value")
        return replace(self.settle(outputs[0]), sql=f"({sql})", is_condition=False)

    # -- alternatives ----------------------------------------------------------------------

    def case(self, node: exp.Case, scope: Scope) -> Value:
        _only(node, "this", "ifs", "default")
        subject = self.value(node.this, scope) if node.args.get("this") is not None else None
        if subject is not None and subject.is_open:
            raise Refuse("CASE of a value whose type only the origin knows")
        conditions = []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self.condition(branch.this, scope))
            else:
                left, right = self.pair(subject, self.value(branch.this, scope), "CASE", is_ordered=False)
                conditions.append(f"{left.sql} = {right.sql}")
        default = node.args.get("default")
        results = [self.value(branch.args["true"], scope) for branch in node.args["ifs"]]
        results.append(self.value(default, scope) if default is not None else NULL)
        results, value = self.alternatives(results, "CASE")
        branches = " ".join(
            f"WHEN {condition} THEN {result.sql}"
            for condition, result in zip(conditions, results, strict=False)
        )
        return replace(value, sql=f"CASE {branches} ELSE {results[-1].sql} END")

    def coalesce(self, node: exp.Coalesce, scope: Scope) -> Value:
        _only(node, "this", "expressions", "is_nvl", "is_null")
        results = [self.value(item, scope) for item in (node.this, *node.expressions)]
        if len(results) < 2:
            raise Refuse("COALESCE of one value")
        results, value = self.alternatives(results, "COALESCE")
        self._not_overridden("coalesce")
        return replace(value, sql=f"coalesce({', '.join(result.sql for result in results)})")

    def alternatives(self, results: Sequence[Value], what: str) -> tuple[list[Value], Value]:
        """Values of which one is the result, brought to one type."""
        typed = [result for result in results if result.type is not None]
        if not typed:
            settled = [self.settle(result) if result.is_open else result for result in results]
            typed = [result for result in settled if result.type is not None]
            if not typed:
                raise Refuse(f"{what} of nothing but NULL")
            results = settled
        column = typed[0].type
        assert column is not None
        if self.semantics.is_dynamic:
            # 1 and 1.0 from two branches are equal and not the same.
            return list(results), Value("", DYNAMIC, is_distinct=False)
        for result in typed[1:]:
            assert result.type is not None
            column = unified(column, result.type, what)
        if column.kind not in (
            Kind.INTEGER,
            Kind.BOOLEAN,
            Kind.NUMERIC,
            Kind.DATE,
            Kind.TIMESTAMP,
            Kind.TEXT,
        ):
            raise Refuse(f"{what} of {column.type_name or column.kind.value}")
        if column.kind is Kind.TEXT and column.collation not in (Collation.BINARY, Collation.DETERMINISTIC):
            raise Refuse(f"{what} of text under a collation that the store doesn't have")
        results = [self.bound(result, column) for result in results]
        return list(results), Value("", column, result=Result(column, self._code(typed)))

    def _code(self, typed: Sequence[Value]) -> int | None:
        codes = {value.result.code for value in typed if value.result is not None}
        return codes.pop() if len(codes) == 1 and all(value.result for value in typed) else None

    # -- dynamic values --------------------------------------------------------------------

    def _dynamic(self, sql: str, *, is_distinct: bool = False) -> Value:
        # Parenthesised: the parser has settled precedence, and the text must keep it.
        return Value(f"({sql})", DYNAMIC, is_distinct=is_distinct)

    def operator(self, node: exp.Binary, scope: Scope) -> Value:
        if not self.semantics.is_dynamic:
            raise Refuse(
                self._refused(
                    {"-": "+", "*": "+", "%": "/"}.get(
                        DYNAMIC_OPERATORS[type(node)], DYNAMIC_OPERATORS[type(node)]
                    ),
                    "arithmetic",
                )
            )
        left, right = self.value(node.this, scope), self.value(node.expression, scope)
        return self._dynamic(f"{left.sql} {DYNAMIC_OPERATORS[type(node)]} {right.sql}")

    def like(self, node: exp.Like, scope: Scope) -> Value:
        if not self.semantics.is_dynamic:
            raise Refuse(self._refused("LIKE", "LIKE"))
        _only(node, "this", "expression")
        if not self.context.facts.like_ignores_case:
            raise Refuse("LIKE was changed by PRAGMA case_sensitive_like")
        self._not_overridden("like")
        left = self.value(node.this, scope)
        right = node.expression
        escape = ""
        if isinstance(right, exp.Escape):
            escape = f" ESCAPE {self.value(right.expression, scope).sql}"
            right = right.this
        return self.predicate(f"{left.sql} LIKE {self.value(right, scope).sql}{escape}")

    def escaped_like(self, node: exp.Escape, scope: Scope) -> Value:
        if not isinstance(node.this, exp.Like):
            raise Refuse("ESCAPE without LIKE")
        inner = self.like(node.this, scope)
        return self.predicate(f"{inner.sql[1:-1]} ESCAPE {self.value(node.expression, scope).sql}")

    def glob(self, node: exp.Glob, scope: Scope) -> Value:
        if not self.semantics.is_dynamic:
            raise Refuse("GLOB is computed by the origin")
        self._not_overridden("glob")
        return self.predicate(
            f"{self.value(node.this, scope).sql} GLOB {self.value(node.expression, scope).sql}"
        )

    def function(self, node: exp.Func, scope: Scope) -> Value:
        name, keys = DYNAMIC_FUNCTIONS[type(node)]
        stored = self.semantics.functions.get(name)
        if stored is None:
            raise Refuse(f"{name.upper()} is computed by the origin")
        self._not_overridden(name)
        _only(node, *keys, *_IGNORED_ARGUMENTS)
        arguments = [self.value(node.args[key], scope) for key in keys if node.args.get(key) is not None]
        # Their results are of one storage class for equal values, except where they hand on an argument.
        is_distinct = name not in ("abs", "nullif", "round")
        return replace(
            self._dynamic(f"{stored}({', '.join(argument.sql for argument in arguments)})"),
            is_distinct=is_distinct,
        )

    def _not_overridden(self, name: str) -> None:
        if name in self.context.facts.overridden:
            raise Refuse(f"the application replaced the function {name}")

    def cast(self, node: exp.Cast, scope: Scope) -> Value:
        _only(node, "this", "to")
        to = node.args["to"]
        known = self.semantics.casts.get(to.this.value if isinstance(to.this, exp.DType) else "")
        if known is None:
            raise Refuse(f"a cast to {to.sql()}")
        if self.semantics.is_dynamic:
            value = self.value(node.this, scope)
            is_distinct = known.type_name in ("INTEGER", "TEXT")
            return self._dynamic(f"CAST({value.sql} AS {known.type_name})", is_distinct=is_distinct)
        known = _with_size(known, to)
        value = self.value(node.this, scope)
        if value is NULL:
            raise Refuse("a NULL whose type only the origin knows")
        if value.is_open:
            if value.cast is not None:
                raise Refuse("a cast of a cast")
            if value.literal is not None and known.kind is Kind.TEXT and known.precision is not None:
                raise Refuse("a literal that may be cut")
            return replace(value, cast=known)
        if (
            value.type is not None
            and value.type.kind is known.kind
            and value.type.type_name == known.type_name
            and known.precision is None
        ):
            return value
        raise Refuse(f"a cast to {known.type_name}")

    # -- aggregates ------------------------------------------------------------------------

    def aggregate(self, node: exp.AggFunc, scope: Scope) -> Value:
        return self._aggregate(node, scope, is_window=False)

    def _aggregate(self, node: exp.Expr, scope: Scope, *, is_window: bool) -> Value:
        """COUNT, MIN, MAX, SUM and, of conditions, BOOL_AND and BOOL_OR."""
        if not is_window:
            if scope.group_keys is None:
                raise Refuse("an aggregate where the origin allows none")
            if scope.is_in_aggregate:
                raise Refuse("an aggregate of an aggregate")
            scope.saw_aggregate = True
        _only(node, "this", "expressions", "big_int")
        if node.args.get("expressions"):
            raise Refuse("an aggregate of several arguments")
        was_in_aggregate, scope.is_in_aggregate = (
            scope.is_in_aggregate,
            scope.is_in_aggregate or not is_window,
        )
        try:
            argument, is_distinct = node.this, False
            if isinstance(argument, exp.Distinct):
                _only(argument, "expressions")
                if len(argument.expressions) != 1 or is_window:
                    raise Refuse("an aggregate of several distinct values")
                argument, is_distinct = argument.expressions[0], True
            return self._aggregate_of(node, argument, scope, is_distinct=is_distinct)
        finally:
            scope.is_in_aggregate = was_in_aggregate

    def _aggregate_of(self, node: exp.Expr, argument: exp.Expr, scope: Scope, *, is_distinct: bool) -> Value:
        distinct = "DISTINCT " if is_distinct else ""
        if isinstance(node, exp.Count):
            count = self.semantics.count
            if isinstance(argument, exp.Star):
                if is_distinct:
                    raise Refuse("COUNT(DISTINCT *)")
                return Value("count(*)", count.type, result=count)
            value = self.value(argument, scope)
            if value.literal is not None and not is_distinct:
                return Value("count(*)", count.type, result=count)
            if value.is_open:
                raise Refuse("COUNT of a parameter")
            if is_distinct and value.type is not None:
                check_equal(value.type, "COUNT(DISTINCT)")
            check_null(value.type, "COUNT")
            return Value(f"count({distinct}{value.sql})", count.type, result=count)
        if isinstance(node, exp.LogicalAnd | exp.LogicalOr):
            if self.semantics.comparison.type.kind is not Kind.BOOLEAN:
                raise Refuse("an aggregate of conditions is computed by the origin")
            name = "min" if isinstance(node, exp.LogicalAnd) else "max"
            result = self.semantics.comparison
            return Value(f"{name}({self.condition(argument, scope)})", result.type, result=result)
        value = self.value(argument, scope)
        if value.type is None:
            raise Refuse("an aggregate of a value whose type only the origin knows")
        if isinstance(node, exp.Min | exp.Max):
            return self._extreme("min" if isinstance(node, exp.Min) else "max", value)
        if isinstance(node, exp.Sum):
            return self._sum(distinct, value)
        if isinstance(node, exp.Avg) and self.semantics.is_dynamic and not is_distinct:
            self._check_sum(value, is_mean=True)
            return Value(f"avg({value.sql})", DYNAMIC, is_distinct=False)
        raise Refuse(self._refused(node.key.upper(), f"{node.key.upper()} is computed by the origin"))

    def _extreme(self, name: str, value: Value) -> Value:
        column = value.type
        assert column is not None
        check_ordered(column, name.upper(), self.semantics)
        if self.semantics.is_dynamic:
            if column.collation is not Collation.BINARY or not value.is_distinct:
                raise Refuse(f"{name.upper()} of values that may be equal and not the same")
            return Value(f"{name}({value.sql})", DYNAMIC, is_distinct=value.is_distinct)
        if column.kind not in self.semantics.minmax:
            raise Refuse(f"{name.upper()} of {column.type_name or column.kind.value}")
        code = self.semantics.minmax[column.kind]
        result = value.result if value.source is None else Result(column, code)
        return Value(f"{name}({value.sql})", column, value.source, result)

    def _sum(self, distinct: str, value: Value) -> Value:
        column = value.type
        assert column is not None
        if self.semantics.is_dynamic:
            if distinct:
                raise Refuse("SUM(DISTINCT) is computed by the origin")
            self._check_sum(value, is_mean=False)
            return Value(f"sum({value.sql})", DYNAMIC)
        if column.kind is Kind.INTEGER and column.is_compared:
            result = self.semantics.sums.get(column.type_name)
            if result is None:
                raise Refuse(f"SUM of {column.type_name}")
            return Value(f"sum({distinct}{value.sql})", result.type, result=result)
        if column.kind is Kind.NUMERIC and self.semantics.numeric_sum_code is not None:
            if (column.precision or 0) > 18 or column.scale is None:
                raise Refuse("SUM of numbers of more than 18 digits")
            result = Result(replace(column, precision=18), self.semantics.numeric_sum_code)
            codec_by_name(f"numeric:18:{column.scale}")
            return Value(f"sum({distinct}{value.sql})", result.type, result=result)
        # The order of addition shows in a float's last digit.
        raise Refuse(f"SUM of {column.type_name or column.kind.value}")

    def _check_sum(self, value: Value, *, is_mean: bool) -> None:
        if value.source is None:
            raise Refuse("a sum of computed values that may be floats")
        self.context.checks.append(SumCheck(*value.source, is_mean))

    def filtered(self, node: exp.Filter, scope: Scope) -> Value:
        _only(node, "this", "expression")
        if not isinstance(node.this, exp.AggFunc) or not isinstance(node.expression, exp.Where):
            raise Refuse("FILTER without an aggregate")
        value = self.aggregate(node.this, scope)
        scope.is_in_aggregate = True
        try:
            condition = self.condition(node.expression.this, scope)
        finally:
            scope.is_in_aggregate = False
        return replace(value, sql=f"{value.sql} FILTER (WHERE {condition})")

    # -- windows ---------------------------------------------------------------------------

    def window(self, node: exp.Window, scope: Scope) -> Value:
        _only(node, "this", "partition_by", "order", "over")
        inner = node.this
        ordering = node.args.get("order")
        if isinstance(inner, exp.RowNumber | exp.Rank | exp.DenseRank):
            _only(inner)
            if inner.args.get("expressions"):
                raise Refuse("a hypothetical rank")
            result = self.semantics.window_functions.get(_WINDOW_NAMES[type(inner)])
            if result is None:
                raise Refuse(f"{inner.key.upper()} is computed by the origin")
            value = Value(f"{_WINDOW_NAMES[type(inner)]}()", result.type, result=result)
        elif isinstance(inner, exp.Lag | exp.Lead | exp.FirstValue | exp.LastValue):
            _only(inner, "this", "offset")
            of = self.value(inner.this, scope)
            if of.source is None or of.type is None:
                raise Refuse("a window function of a computed value")
            offset = inner.args.get("offset")
            if offset is not None and not (isinstance(offset, exp.Literal) and str(offset.this).isdigit()):
                raise Refuse("a window function with a computed offset")
            more = "" if offset is None else f", {offset.this}"
            value = Value(
                f"{_WINDOW_NAMES[type(inner)]}({of.sql}{more})",
                of.type,
                of.source,
                is_distinct=of.is_distinct,
            )
        elif isinstance(inner, exp.Count | exp.Sum | exp.Min | exp.Max):
            value = self._aggregate(inner, scope, is_window=True)
        else:
            raise Refuse(f"a window over {_described(inner)}")
        parts = []
        keys = node.args.get("partition_by") or []
        if keys:
            texts = []
            for key in keys:
                item = self.value(key, scope)
                if item.type is None:
                    raise Refuse("a window partitioned by a constant")
                check_equal(item.type, "PARTITION BY")
                texts.append(item.sql)
            parts.append(f"PARTITION BY {', '.join(texts)}")
        if ordering is not None:
            parts.append(
                f"ORDER BY {', '.join(self.ordered(item, scope, None) for item in ordering.expressions)}"
            )
        return replace(value, sql=f"{value.sql} OVER ({' '.join(parts)})")

    def ordered(self, node: exp.Expr, scope: Scope, output: Value | None) -> str:
        """One term of an ORDER BY; `output` if it names a column of the select list."""
        if not isinstance(node, exp.Ordered):
            raise Refuse("a form of ORDER BY that the planner doesn't know")
        _only(node, "this", "desc", "nulls_first")
        value = output if output is not None else self.value(node.this, scope)
        if value.type is None:
            raise Refuse("an order by a constant")
        check_ordered(value.type, "ORDER BY", self.semantics)
        direction = "DESC" if node.args.get("desc") else "ASC"
        # The parser has filled in the dialect's own place for NULLs.
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        return f"{value.sql} {direction} NULLS {nulls}"

    # -- helpers ---------------------------------------------------------------------------

    def _group_key(self, node: exp.Expr, scope: Scope) -> Value | None:
        """The value of an expression that is itself grouped by, or None."""
        keys = scope.group_keys
        if not keys or scope.is_in_aggregate or isinstance(node, exp.Column | exp.Literal | exp.Placeholder):
            return None
        arguments, checks = len(self.context.arguments), len(self.context.checks)
        scope.group_keys = None
        try:
            value = self.value(node, scope)
        except Refuse:
            value = NULL
        finally:
            scope.group_keys = keys
        if value.sql in keys:
            return value
        del self.context.arguments[arguments:]
        del self.context.checks[checks:]
        return None

    def _refused(self, key: str, otherwise: str) -> str:
        why = self.semantics.refused.get(key)
        return (
            f"{otherwise} is computed by the origin"
            if why is None
            else f"{key} is computed by the origin: {why}"
        )


def _only(node: exp.Expr, *known: str) -> None:
    """Raises `Refuse` if the parser found something on the node that the handler doesn't know of."""
    for key, argument in node.args.items():
        if key not in known and argument not in (None, False, [], ""):
            raise Refuse(f"{_described(node)} with {key.rstrip('_').replace('_', ' ')}")


def _described(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {str(node.this).lower()}"
    return str(node.key).upper()


def _with_size(known: Column, to: exp.Expr) -> Column:
    sizes = [int(str(size.this)) for size in to.expressions if str(size.this).isdigit()]
    if known.kind is Kind.NUMERIC:
        return replace(known, precision=sizes[0], scale=sizes[1] if len(sizes) > 1 else 0) if sizes else known
    if known.kind is Kind.TEXT:
        return replace(known, precision=sizes[0]) if sizes else known
    if sizes:
        raise Refuse(f"a cast to {to.sql()}")
    return known


def _gives_one_row(node: exp.Expr) -> bool:
    """Whether a SELECT gives at most one row whatever the data are."""
    if not isinstance(node, exp.Select):
        return False
    if not node.args.get("group") and any(
        isinstance(item, exp.AggFunc) or (isinstance(item, exp.Alias) and isinstance(item.this, exp.AggFunc))
        for item in node.expressions
    ):
        return True
    limit = node.args.get("limit")
    return (
        isinstance(limit, exp.Limit)
        and isinstance(limit.expression, exp.Literal)
        and str(limit.expression.this) in ("0", "1")
    )


def _row_count(value: Any) -> int:
    # NULL means no limit to one dialect and an error to another, a negative number likewise.
    if type(value) is not int or not 0 <= value < 2**63:
        raise Unrepresentable("a LIMIT or OFFSET that isn't a whole number from 0")
    return value


_WINDOW_NAMES: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.Lag: "lag",
    exp.Lead: "lead",
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
}

# What the parser notes on functions of other dialects, without meaning here.
_IGNORED_ARGUMENTS = ("binary", "truncate", "is_string", "encoding", "returns_int")

_HANDLERS: dict[type[exp.Expr], Handler] = {
    exp.Column: Expressions.column,
    exp.Literal: Expressions.literal,
    exp.Neg: Expressions.negative,
    exp.Boolean: Expressions.boolean,
    exp.Null: Expressions.null,
    exp.Placeholder: Expressions.placeholder,
    exp.Paren: Expressions.parenthesis,
    exp.And: Expressions.conjunction,
    exp.Or: Expressions.conjunction,
    exp.Not: Expressions.negation,
    exp.Is: Expressions.is_,
    exp.Between: Expressions.between,
    exp.In: Expressions.in_,
    exp.Exists: Expressions.exists,
    exp.Subquery: Expressions.scalar_subquery,
    exp.Case: Expressions.case,
    exp.Coalesce: Expressions.coalesce,
    exp.Cast: Expressions.cast,
    exp.Like: Expressions.like,
    exp.Escape: Expressions.escaped_like,
    exp.Glob: Expressions.glob,
    exp.Window: Expressions.window,
    exp.Filter: Expressions.filtered,
    exp.Count: Expressions.aggregate,
    exp.Min: Expressions.aggregate,
    exp.Max: Expressions.aggregate,
    exp.Sum: Expressions.aggregate,
    exp.Avg: Expressions.aggregate,
    exp.LogicalAnd: Expressions.aggregate,
    exp.LogicalOr: Expressions.aggregate,
    **dict.fromkeys(COMPARISONS, Expressions.comparison),
    **dict.fromkeys(DYNAMIC_OPERATORS, Expressions.operator),
    **dict.fromkeys(DYNAMIC_FUNCTIONS, Expressions.function),
}
