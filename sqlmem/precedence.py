"""Whether what a statement means depends on the precedence of its operators.

Rule: SQLite, PostgreSQL and MariaDB bind operators differently, and sqlglot differently again.
Where two of them could disagree the answer is yes, and parentheses would tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sqlmem.census import Census
from sqlmem.commands import word_set
from sqlmem.lexer import Scan

# operator -> how tightly it binds. An operator may stand bare under a looser one, and to the left
# under its like; all else depends on the dialect and is only trusted in parentheses.
_LOOSENESS: dict[type[exp.Expr], int] = {
    exp.Or: 1,
    exp.And: 2,
    exp.Not: 3,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.Like, exp.ILike), 4),
    exp.SimilarTo: 4,
    **dict.fromkeys((exp.In, exp.Between, exp.Escape, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Glob), 4),
    exp.Add: 6,
    exp.Sub: 6,
    exp.Mul: 7,
    exp.Div: 7,
    exp.Mod: 7,
    exp.IntDiv: 7,
    exp.Neg: 8,
}
_COMPARISON, _BITWISE, _ADDITIVE, _MULTIPLICATIVE = 4, 5, 6, 7


def _operands(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    for key, value in node.args.items():
        if key in ("expressions", "query", "to"):
            continue  # in parentheses of their own: IN (…), a type
        if isinstance(value, exp.Expr):
            yield key, value


class _Operators(dict[type[exp.Expr], bool | None]):
    """type -> whether it is an operator; None: where casts are written as one."""

    def __missing__(self, type_: type[exp.Expr]) -> bool | None:
        found: bool | None = False
        if issubclass(type_, (exp.Cast, exp.TryCast)):
            found = None
        elif not issubclass(type_, (exp.Paren, exp.Dot)):
            found = issubclass(
                type_, (exp.Binary, exp.Unary, exp.Between, exp.In, exp.AtTimeZone, exp.Bracket)
            )
        self[type_] = found
        return found


_OPERATORS = _Operators()


def _is_operator(type_: type[exp.Expr], *, has_casts: bool) -> bool:
    found = _OPERATORS[type_]
    return has_casts if found is None else found


def mixes_nodes(census: Census, *, has_casts: bool) -> bool:
    """Whether an operator stands bare under another that doesn't plainly bind looser."""
    return any(
        _is_operator(type(operand), has_casts=has_casts)
        and not _may_stand_bare(node, _LOOSENESS.get(type_), key, operand)
        for type_, nodes in census.by_type.items()
        if _is_operator(type_, has_casts=has_casts)
        for node in nodes
        for key, operand in _operands(node)
    )


# The same by words, since sqlglot writes groupings of its own into the tree as if they were the
# text's: it takes a <=> b >= c, or a = b NOT IN (c), otherwise than MariaDB and SQLite do.
_COMPARISON_WORDS = word_set(
    "= == <> != < > <= >= <=> LIKE ILIKE SIMILAR IN BETWEEN IS ISNULL NOTNULL GLOB REGEXP RLIKE"
)
_LOOSE_OPERATORS = word_set("|| & | << >> ~ ~* !~ !~* ^ # -> ->>")
_ARITHMETIC = word_set("+ - * / % DIV MOD")
_SEPARATORS = word_set(
    """
    ( [ , ; AND OR SELECT DISTINCT ALL FROM WHERE HAVING BY WHEN THEN ELSE CASE ON LIMIT OFFSET AS
    UNION ASC DESC
    """
    "INTERSECT EXCEPT ORDER GROUP WINDOW ROWS RANGE OVER FILTER VALUES WITH"
)
_BRACKETS = word_set("( [ CASE ) ] END")
_LOOKED_AT = (
    _BRACKETS | _SEPARATORS | _COMPARISON_WORDS | _ARITHMETIC | _LOOSE_OPERATORS | frozenset({"&&", "NOT"})
)
_NEGATED = word_set("LIKE ILIKE SIMILAR IN BETWEEN NULL GLOB REGEXP RLIKE")


@dataclass(slots=True)
class _Run:
    """What was seen of one expression between two separators."""

    comparisons: int = 0
    in_between: bool = False
    has_arithmetic: bool = False
    loose: str = ""


def mixes_operators(scanned: Scan) -> bool:
    """Whether one expression has operators, bare, whose order the dialects see differently."""
    words = scanned.words
    stack, run = [], _Run()
    for index, written in enumerate(words):
        if written not in _LOOKED_AT:
            continue
        word = "AND" if written == "&&" else written
        before = words[index - 1] if index else ";"
        if word in ("(", "[", "CASE"):
            stack.append(run)
            run = _Run()
        elif word in (")", "]", "END"):
            run = stack.pop() if stack else _Run()
        elif word == "AND" and run.in_between:
            run.in_between, run.loose, run.has_arithmetic = False, "", False
        elif word in _SEPARATORS and not (
            before in ("IS", "NOT", "DISTINCT") and word in ("DISTINCT", "FROM")
        ):
            run = _Run()
        elif word in _COMPARISON_WORDS:
            run.comparisons += 1
            run.in_between = word == "BETWEEN"
            run.loose, run.has_arithmetic = "", False
        elif word == "NOT":
            following = words[index + 1] if index + 1 < len(words) else ""
            if not (before in _SEPARATORS or before in ("NOT", "IS") or following in _NEGATED):
                return True
        elif word in _ARITHMETIC:
            run.has_arithmetic = True
        elif word in _LOOSE_OPERATORS:
            if run.loose not in ("", word):
                return True
            run.loose = word
        if run.comparisons > 1 or (run.loose and run.has_arithmetic):
            return True
    return False


def _may_stand_bare(node: exp.Expr, own: int | None, key: str, operand: exp.Expr) -> bool:
    tight = (exp.Cast, exp.TryCast, exp.Bracket)
    if isinstance(operand, tight):
        # a::int binds tighter than all operators but those of its own kind.
        return own is not None or isinstance(node, (*tight, exp.DPipe))
    other = _LOOSENESS.get(type(operand))
    if other is None:
        # Bitwise, ||, JSON arrows, …: bare only where no dialect can see it otherwise.
        is_chain = isinstance(node, exp.DPipe) and isinstance(operand, exp.DPipe) and key == "this"
        return is_chain or (own is not None and own <= _COMPARISON)
    if own is None:
        return False
    if isinstance(node, exp.Escape):
        return isinstance(operand, (exp.Like, exp.ILike))
    if isinstance(node, exp.Is) and isinstance(operand, exp.Not):
        return key == "expression" and isinstance(operand.this, exp.Null)  # IS NOT NULL
    if other > own:
        return True
    if type(node) is type(operand) and own <= 3:
        return True
    return other == own and own in (_ADDITIVE, _MULTIPLICATIVE) and key == "this"
