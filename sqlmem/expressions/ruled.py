"""Operators and functions by the rows of the dialect's table.

The parser's node is brought to a name and operands; the first row that fits decides. What only
the origin computes is refused here, with the row's case; whether it can be a column that the
origin computes is for the caller (`Expressions.value`) to try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.dialects.parameters import Untyped
from sqlmem.dialects.rules import Rule, Taken, Way, expand, matches
from sqlmem.expressions import computed
from sqlmem.expressions.closed import described, only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

# The parser's class -> the name in the tables, and its arguments in order. A list argument
# (`expressions`) stands for all its items.
NODES: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Add: ("+", ("this", "expression")),
    exp.Sub: ("-", ("this", "expression")),
    exp.Mul: ("*", ("this", "expression")),
    exp.Div: ("/", ("this", "expression")),
    exp.IntDiv: ("integer division", ("this", "expression")),
    exp.Mod: ("%", ("this", "expression")),
    exp.Abs: ("abs", ("this",)),
    exp.Round: ("round", ("this", "decimals")),
    exp.Trunc: ("trunc", ("this", "decimals")),
    exp.Floor: ("floor", ("this",)),
    exp.Ceil: ("ceil", ("this",)),
    exp.Sign: ("sign", ("this",)),
    exp.Sqrt: ("sqrt", ("this",)),
}

# What the parser notes on functions without meaning here.
_IGNORED_ARGUMENTS = ("binary", "is_string", "encoding", "returns_int", "typed", "safe")


def ruled(render: Expressions, node: exp.Expr, scope: Scope) -> Value:
    if render.semantics.is_dynamic:
        # There it is the store's own meaning.
        handler = computed.HANDLERS.get(type(node))
        if handler is None:
            raise Refuse(f"{described(node)} is computed by the origin")
        return handler(render, node, scope)
    name, keys = NODES[type(node)]
    if name == "trunc" and name not in render.semantics.rules:
        name = "truncate"
    only(node, *keys, *_IGNORED_ARGUMENTS)
    operands: list[exp.Expr] = []
    for key in keys:
        argument = node.args.get(key)
        if isinstance(argument, list):
            operands.extend(argument)
        elif argument is not None:
            operands.append(argument)
    return by_rules(render, name, [render.value(operand, scope) for operand in operands])


def by_rules(render: Expressions, name: str, values: list[Value]) -> Value:
    """The value of an operator or function on these operands, by the first row that fits.

    Raises:
        Refuse: no row fits, or the row leaves it to the origin; with the case that would be wrong.
    """
    rule = next(
        (rule for rule in render.semantics.rules.get(name, ()) if _fits(render, rule, values)),
        None,
    )
    if rule is None:
        raise Refuse(f"{name} is computed by the origin")
    if rule.way in (Way.COLUMN, Way.ORIGIN):
        raise Refuse(
            f"{name} is computed by the origin: {rule.wrong}"
            if rule.wrong
            else f"{name} is computed by the origin"
        )
    if rule.needs_numbers and not render.context.computes_numbers:
        raise Refuse(f"{name} is computed by the origin: another server or setting than is known")
    if any(value.is_final for value in values):
        raise Refuse(f"{name} of a quotient that was rounded")
    taken = _settled(render, name, rule, values)
    columns = [value.type for value in taken if value.type is not None]
    if len(columns) != len(taken):
        raise Refuse(f"{name} of NULL")
    if rule.render is not None:
        rendered = rule.render(
            [
                Taken(
                    value.sql,
                    column,
                    _number(given),
                    value.result.shown if value.result else None,
                    is_constant=given.is_open or given.is_constant,
                    is_column=given.alias is not None or _has_digits_of_column(render, given),
                )
                for value, column, given in zip(taken, columns, values, strict=True)
            ]
        )
        if rendered is None:
            raise Refuse(f"{name} of operands of these sizes is computed by the origin")
        sql, found = rendered
        return Value(
            f"({sql})",
            found.type,
            result=found,
            is_distinct=found.shown is None,
            # MariaDB keeps quotients in some places with all their digits, in others rounded.
            is_final=found.shown is None and any(value.has_hidden_digits for value in taken),
            is_constant=all(given.is_open or given.is_constant for given in values),
            number=_whole_number(render, name, values, found.type),
        )
    result = rule.result if isinstance(rule.result, Result) else None
    if result is None:
        if rule.result is None:
            result = Result(columns[0], render.semantics.code_of(columns[0]))
        else:
            assert callable(rule.result)
            result = rule.result(columns)
    if result is None:
        raise Refuse(f"{name} of operands of these sizes is computed by the origin")
    texts = [value.sql for value in taken]
    sql = rule.store.format(*texts, all=", ".join(texts))
    return Value(f"({sql})", result.type, result=result)


_COMPUTED: Mapping[str, Callable[[int, int], int]] = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def _whole_number(render: Expressions, name: str, values: list[Value], column: Column) -> int | None:
    """What an operator makes of whole numbers that are written; None if it is made of others.

    Raises:
        Refuse: the type doesn't have it, which the origin reports.
    """
    compute = _COMPUTED.get(name)
    bound = render.semantics.integer_bounds.get(column.type_name) if column.kind is Kind.INTEGER else None
    if compute is None or bound is None:
        return None
    numbers = [_written(value) for value in values]
    if None in numbers:
        return None
    number = compute(*(number for number in numbers if number is not None))
    if not -bound - 1 <= number <= bound:
        raise Refuse(f"{name} of constants beyond their type")
    return number


def _written(value: Value) -> int | None:
    number = _number(value)
    return value.number if number is None else int(number) if number == int(number) else None


def _fits(render: Expressions, rule: Rule, values: list[Value]) -> bool:
    """Whether the operands fit the row. What is open fits any, unless its own type counts there."""
    types = [value.type for value in values]
    if not matches(rule, types):
        return False
    operands = expand(rule, len(values))
    if not any(operand.is_own and value.is_open for value, operand in zip(values, operands, strict=True)):
        return True
    # Only now: asking for a parameter's type makes the plan one of its types.
    for number, (value, operand) in enumerate(zip(values, operands, strict=True)):
        if operand.is_own and value.is_open:
            own = render.own_type(value)
            types[number] = own if isinstance(own, Column) else None
    return matches(rule, types)


def _has_digits_of_column(render: Expressions, value: Value) -> bool:
    """Whether it is a table's column in a derived table, or the greatest or least of one."""
    if value.source is None or value.type is None:
        return False
    index, name = value.source
    return render.context.tables[index].by_name.get(name) == value.type


def _number(value: Value) -> Decimal | None:
    literal = value.literal
    return None if literal is None or literal.is_text else Decimal(literal.text)


def _settled(render: Expressions, name: str, rule: Rule, values: list[Value]) -> list[Value]:
    """The operands, with literals and parameters having taken their types."""
    first = next((value.type for value in values if value.type is not None), None)
    taken = []
    for value, operand in zip(values, expand(rule, len(values)), strict=True):
        if value is NULL or not value.is_open:
            taken.append(value)
            continue
        if operand.is_own:
            own = render.own_type(value)
            if isinstance(own, Column):
                taken.append(render.own(value))
                first = first or own
                continue
            if own is Untyped.NULL and render.semantics.text is None:
                # MariaDB's NULL has no type of its neighbour's: 1 + NULL is a float.
                raise Refuse(f"{name} of NULL")
            if first is not None and first.kind in (Kind.NUMERIC, Kind.DECIMAL):
                # '1.5' is a numeric of scale 1 beside one of any scale.
                raise Refuse(f"{name} of a number and a text, whose scale may be another")
        column = operand.takes if operand.takes is not None else first
        if column is None:
            raise Refuse(f"{name} of values whose types only the origin knows")
        taken.append(render.bound(value, column))
    return taken


HANDLERS: Mapping[type[exp.Expr], Handler] = dict.fromkeys(NODES, ruled)
