"""The name that PostgreSQL gives a column of a select list that has no alias.

The rule is FigureColnameInternal's in parse_target.c: a column's own name, a function's as it was
written, a cast's target type if its operand has no name, and otherwise ?column?. What was written
the parser doesn't keep (SUBSTR and SUBSTRING are one node): it comes from the text, for the
outermost items; elsewhere only functions with one spelling have a name here.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.items import Call
from sqlmem.plan import Refuse

# With one spelling, so that the node tells the name.
_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Abs: "abs",
    exp.Avg: "avg",
    exp.Coalesce: "coalesce",
    exp.Count: "count",
    exp.CumeDist: "cume_dist",
    exp.DenseRank: "dense_rank",
    exp.Exists: "exists",
    exp.FirstValue: "first_value",
    exp.Floor: "floor",
    exp.Greatest: "greatest",
    exp.Grouping: "grouping",
    exp.Lag: "lag",
    exp.LastValue: "last_value",
    exp.Lead: "lead",
    exp.Least: "least",
    exp.Lower: "lower",
    exp.Max: "max",
    exp.Min: "min",
    exp.NthValue: "nth_value",
    exp.Ntile: "ntile",
    exp.Nullif: "nullif",
    exp.PercentRank: "percent_rank",
    exp.Rank: "rank",
    exp.Round: "round",
    exp.RowNumber: "row_number",
    exp.Sign: "sign",
    exp.Sqrt: "sqrt",
    exp.Sum: "sum",
    exp.Trunc: "trunc",
    exp.Upper: "upper",
}
_BUILT: dict[type[exp.Expr], str] = {exp.AtTimeZone: "timezone", exp.Tuple: "row", exp.Array: "array"}
# What has no name of its own. Every other node is refused: what it was written as isn't known.
_NAMELESS = (exp.Binary, exp.Unary, exp.Literal, exp.Null, exp.Placeholder, exp.Between, exp.In)
_TYPES = {
    "BOOLEAN": "bool",
    "SMALLINT": "int2",
    "INT": "int4",
    "BIGINT": "int8",
    "DECIMAL": "numeric",
    "DOUBLE": "float8",
    "TEXT": "text",
    "VARCHAR": "varchar",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "timestamptz",
    "UUID": "uuid",
}
UNNAMED = "?column?"


def figured_name(node: exp.Expr, call: Call | None = None) -> str:
    """The name, or `Refuse` where the written form would have to be known.

    Args:
        call: how the text begins; None if that isn't known.
    """
    return _figured(node, call)[0]


def _figured(node: exp.Expr, call: Call | None) -> tuple[str, bool]:
    """The name, and whether it is strong enough to win over a cast's type."""
    if isinstance(node, exp.Paren | exp.Window | exp.Filter | exp.WithinGroup | exp.Collate):
        return _figured(node.this, call)
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        name = str(node.this.this)
        return (name if node.this.args.get("quoted") else name.lower()), True
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        name, is_strong = _figured(default, None) if default is not None else (UNNAMED, False)
        return (name, True) if is_strong else ("case", False)
    if isinstance(node, exp.Cast):
        return _cast(node, call)
    if isinstance(node, exp.Subquery):
        return _subquery(node)
    if isinstance(node, exp.Boolean | exp.Dot):
        # TRUE is named bool before PostgreSQL 15, and ?column? since.
        raise Refuse("a name that depends on how it was written")
    if type(node) in _BUILT:
        return _BUILT[type(node)], True
    if isinstance(node, exp.Binary) and call is not None:
        # a % b and mod(a, b) are one node, a ~ b and regexp_like(a, b) too.
        return (call.name, True) if call.name is not None and call.is_whole else (UNNAMED, False)
    if isinstance(node, exp.Func) and not isinstance(node, exp.And | exp.Or):
        written = call.name if call is not None and call.name is not None else _FUNCTIONS.get(type(node))
        if written is None:
            # BOOL_AND and EVERY are one node.
            raise Refuse("a name that depends on how the function was written")
        return written, True
    if isinstance(node, _NAMELESS) and not isinstance(node, exp.Mod | exp.IntDiv):
        return UNNAMED, False
    raise Refuse("a name that depends on how it was written")


def _cast(node: exp.Cast, call: Call | None) -> tuple[str, bool]:
    name, is_strong = _figured(node.this, None if call is not None and call.name == "cast" else call)
    if is_strong:
        return name, True
    to = node.args["to"].this
    known = _TYPES.get(to.value if isinstance(to, exp.DType) else "")
    if known is None:
        raise Refuse("a name that depends on how the type was written")
    return known, False


def _subquery(node: exp.Subquery) -> tuple[str, bool]:
    inner = node.this
    if isinstance(inner, exp.Select) and len(inner.expressions) == 1:
        item = inner.expressions[0]
        if isinstance(item, exp.Alias):
            alias = item.args["alias"]
            name = str(alias.this)
            return (name if alias.args.get("quoted") else name.lower()), True
        return _figured(item, None)
    raise Refuse("a name that only the origin knows")
