"""Operators and functions on dynamically typed values, whose meaning is the store's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

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

# What the parser notes on functions of other dialects, without meaning here.
_IGNORED_ARGUMENTS = ("binary", "truncate", "is_string", "encoding", "returns_int")


def operator(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    if not render.semantics.is_dynamic:
        raise Refuse(
            render.refused(
                {"-": "+", "*": "+", "%": "/"}.get(
                    DYNAMIC_OPERATORS[type(node)], DYNAMIC_OPERATORS[type(node)]
                ),
                "arithmetic",
            )
        )
    left, right = render.value(node.this, scope), render.value(node.expression, scope)
    return render.dynamic(f"{left.sql} {DYNAMIC_OPERATORS[type(node)]} {right.sql}")


def function(render: Expressions, node: exp.Func, scope: Scope) -> Value:
    name, keys = DYNAMIC_FUNCTIONS[type(node)]
    stored = render.semantics.functions.get(name)
    if stored is None:
        raise Refuse(f"{name.upper()} is computed by the origin")
    render.not_overridden(name)
    only(node, *keys, *_IGNORED_ARGUMENTS)
    arguments = [render.value(node.args[key], scope) for key in keys if node.args.get(key) is not None]
    # Their results are of one storage class for equal values, except where they hand on an argument.
    is_distinct = name not in ("abs", "nullif", "round")
    return replace(
        render.dynamic(f"{stored}({', '.join(argument.sql for argument in arguments)})"),
        is_distinct=is_distinct,
    )


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(DYNAMIC_OPERATORS, operator),
    **dict.fromkeys(DYNAMIC_FUNCTIONS, function),
}
