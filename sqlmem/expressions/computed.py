"""Operators of which no row of a table says what they mean: refused, with the case if one is known."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

# node -> under which operator `Semantics.refused` has the case
OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "+",
    exp.Mul: "+",
    exp.Div: "/",
    exp.Mod: "/",
    exp.DPipe: "||",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}


def operator(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    raise Refuse(render.refused(OPERATORS[type(node)], "arithmetic"))


HANDLERS: Mapping[type[exp.Expr], Handler] = dict.fromkeys(OPERATORS, operator)
