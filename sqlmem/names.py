"""The name that PostgreSQL gives a column of a select list that has no alias.

The rule is FigureColnameInternal's in parse_target.c: a column's own name, a function's, a
cast's target type if its operand has no name, and otherwise ?column?.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sqlmem.plan import Refuse

# From a function's node to the name by which it is called; None where that isn't known.
Called = Callable[[exp.Expr], str | None]

_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Min: "min",
    exp.Max: "max",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.Lag: "lag",
    exp.Lead: "lead",
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
    exp.Coalesce: "coalesce",
    exp.Exists: "exists",
    exp.Abs: "abs",
    exp.Round: "round",
    exp.Trunc: "trunc",
    exp.Floor: "floor",
    exp.Sign: "sign",
    exp.Sqrt: "sqrt",
    exp.Greatest: "greatest",
    exp.Least: "least",
}
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
# Functions to the parser, and nothing that is called.
_NOT_CALLED = (exp.Connector, exp.Case, exp.Cast)


# Called under one name, and named by another: TRIM is BTRIM, LTRIM or RTRIM.
_NAMED_OTHERWISE = frozenset({"trim", "extract", "overlay", "position", "cast"})


def figured_name(node: exp.Expr, called: Called) -> str:
    """The name, or `Refuse` where the written form would have to be known."""
    return _figured(node, called)[0]


def _figured(node: exp.Expr, called: Called) -> tuple[str, bool]:
    """The name, and whether it is strong enough to win over a cast's type."""
    if isinstance(node, exp.Paren | exp.Window | exp.Filter):
        return _figured(node.this, called)
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        name = str(node.this.this)
        return (name if node.this.args.get("quoted") else name.lower()), True
    if type(node) in _FUNCTIONS:
        return _FUNCTIONS[type(node)], True
    if isinstance(node, exp.Mod) or (isinstance(node, exp.Func) and not isinstance(node, _NOT_CALLED)):
        # BOOL_AND and EVERY are one node, and so are a % b and mod(a, b).
        written = called(node)
        if written is None or not written.isidentifier() or written in _NAMED_OTHERWISE:
            raise Refuse("a name that depends on how the function was written")
        return written, True
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        name, is_strong = _figured(default, called) if default is not None else (UNNAMED, False)
        return (name, True) if is_strong else ("case", False)
    if isinstance(node, exp.Cast):
        name, is_strong = _figured(node.this, called)
        if is_strong:
            return name, True
        to = node.args["to"].this
        known = _TYPES.get(to.value if isinstance(to, exp.DType) else "")
        if known is None:
            raise Refuse("a name that depends on how the type was written")
        return known, False
    if isinstance(node, exp.Subquery):
        inner = node.this
        if isinstance(inner, exp.Select) and len(inner.expressions) == 1:
            item = inner.expressions[0]
            if isinstance(item, exp.Alias):
                alias = item.args["alias"]
                name = str(alias.this)
                return (name if alias.args.get("quoted") else name.lower()), True
            return _figured(item, called)
        raise Refuse("a name that only the origin knows")
    if isinstance(node, exp.Boolean):
        # A typed constant: named by its type.
        return "bool", False
    return UNNAMED, False
