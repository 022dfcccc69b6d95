"""Whether an expression over one row is immutable: the same for the same row, whenever it is computed.

Words and calls are held against the tables in `dialects.immutable`; what PostgreSQL's operators and
casts do by the types of their operands is looked at here. What isn't certain is not immutable.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from sqlmem.dialects import immutable
from sqlmem.lexer import TokenKind
from sqlmem.model import Kind
from sqlmem.slices import Slice

_TEXT_CALLS = frozenset(
    [
        "btrim",
        "concat",
        "initcap",
        "left",
        "lower",
        "lpad",
        "ltrim",
        "md5",
        "overlay",
        "repeat",
        "replace",
        "reverse",
        "right",
        "rpad",
        "rtrim",
        "split_part",
        "substr",
        "substring",
        "translate",
        "trim",
        "upper",
    ]
)
_TIME_TARGETS = frozenset({"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "INTERVAL", "DATETIME"})
_TEXT_TARGETS = frozenset({"TEXT", "VARCHAR", "CHAR", "NAME", "BPCHAR", "NCHAR", "NVARCHAR"})
# Kinds that PostgreSQL writes as text in one way, whatever the session has set.
_WRITTEN_ALIKE = frozenset(
    {Kind.TEXT, Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL, Kind.BOOLEAN, Kind.UUID, Kind.FLOAT, Kind.JSON}
)

_EXACT = frozenset({Kind.INTEGER, Kind.UNSIGNED, Kind.NUMERIC})

# id of a column's node -> its kind
Kinds = Mapping[int, Kind]


def is_immutable(family: str, node: exp.Expr, found: Slice, names: set[str], kinds: Kinds) -> bool:
    """Whether the origin gives the same for the same row, as far as it needn't be asked (`Asked`).

    Args:
        found: the expression's text.
        names: of the columns in it, as written.
    """
    if (
        not _are_words_known(found, names)
        or immutable.unknown_call(family, [call.name for call in found.calls]) is not None
    ):
        return False
    if family == "postgresql":
        return all(_is_immutable_node(each, kinds) for each in node.walk())
    if any(
        _reads_a_moment(each, kinds) or _cuts_a_float(each, kinds) or _lists_a_float(each)
        for each in node.walk()
    ):
        return False
    # MariaDB and MySQL complete a TIME with the present day where a moment is wanted.
    return Kind.INTERVAL not in kinds.values() or isinstance(node, exp.Is)


def _reads_a_moment(node: exp.Expr, kinds: Kinds) -> bool:
    """Whether a text is read as a moment: MariaDB may do that otherwise in WHERE than in a select list."""
    if not isinstance(node, exp.Cast):
        return False
    to = node.args["to"].this
    source = _bare(node.this)
    is_moment = kinds.get(id(source)) in (Kind.DATE, Kind.TIMESTAMP)
    return isinstance(to, exp.DType) and to.value in _TIME_TARGETS and not is_moment


_PLAIN = (exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div)


_ROUNDS = (exp.Floor, exp.Ceil, exp.Round, exp.Trunc)


def _cuts_a_float(node: exp.Expr, kinds: Kinds) -> bool:
    """Whether it rounds what may be a float: MariaDB cuts 1.7e308 where a temporary table is made."""
    if not isinstance(node, _ROUNDS):
        return False
    inner = list(node.this.walk())
    kinds_inside = {kinds.get(id(each)) for each in inner if isinstance(each, exp.Column)}
    return not all(isinstance(each, _PLAIN) for each in inner) or not kinds_inside <= _EXACT


def _lists_a_float(node: exp.Expr) -> bool:
    """Whether it is IN over a float that is written, which MariaDB rounds where an index serves."""
    if not isinstance(node, exp.In | exp.Nullif):
        return False
    literals = node.find_all(exp.Literal)
    return any(not literal.is_string and "e" in str(literal.this).lower() for literal in literals)


def _are_words_known(found: Slice, names: set[str]) -> bool:
    upper = {name.upper() for name in names}
    before = ""
    for number, (word, kind) in enumerate(zip(found.words, found.kinds, strict=True)):
        is_called = number + 1 < len(found.words) and found.words[number + 1] == "("
        match kind:
            case TokenKind.WORD:
                is_known = word in upper or immutable.is_known_word(word) or is_called or before == "COLLATE"
            case TokenKind.NAME:
                is_known = word[1:] in names or before == "COLLATE"
            case TokenKind.PLACEHOLDER:
                is_known = False
            case _:
                is_known = True
        if not is_known:
            return False
        before = word
    return True


def _is_immutable_node(node: exp.Expr, kinds: Kinds) -> bool:
    """PostgreSQL's literals, operators and casts; what functions are it is asked itself."""
    match node:
        case exp.Literal() if node.is_string:
            return not immutable.mentions_the_present(str(node.this))
        case exp.DPipe():
            # text || anything uses the other's output, which may depend on the session.
            return _is_text(node.this, kinds) and _is_text(node.expression, kinds)
        case exp.Cast():
            return _is_immutable_cast(node, kinds)
        case exp.AtTimeZone():
            return isinstance(node.args.get("zone"), exp.Literal)
        case exp.Column() if kinds.get(id(node)) is Kind.TIMESTAMPTZ:
            # Most of what is done to it depends on the session's time zone.
            parent = node.parent
            while isinstance(parent, exp.Paren):
                parent = parent.parent
            return isinstance(parent, exp.AtTimeZone | exp.Is)
        case _:
            return True


def _is_immutable_cast(cast: exp.Cast, kinds: Kinds) -> bool:
    to = cast.args["to"]
    if not isinstance(to, exp.DataType) or not isinstance(to.this, exp.DType):
        return False
    target = to.this.value
    source = _bare(cast.this)
    if isinstance(source, exp.Literal):
        return True
    kind = kinds.get(id(source))
    if target in _TIME_TARGETS:
        return target in ("DATE", "TIMESTAMP") and kind in (Kind.DATE, Kind.TIMESTAMP)
    if target in _TEXT_TARGETS:
        return kind in _WRITTEN_ALIKE or _is_text(source, kinds)
    return kind is not Kind.TIMESTAMPTZ


def _is_text(node: exp.Expr, kinds: Kinds) -> bool:
    node = _bare(node)
    match node:
        case exp.Literal():
            return bool(node.is_string)
        case exp.DPipe():
            return True  # looked at on its own
        case exp.Cast():
            to = node.args["to"].this
            return isinstance(to, exp.DType) and to.value in _TEXT_TARGETS
        case exp.Coalesce():
            return all(_is_text(each, kinds) for each in (node.this, *node.expressions))
        case exp.Column():
            return kinds.get(id(node)) is Kind.TEXT
        case exp.Anonymous():
            return str(node.this).lower() in _TEXT_CALLS
        case _:
            return isinstance(node, exp.Func) and node.sql_name().lower() in _TEXT_CALLS


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node
