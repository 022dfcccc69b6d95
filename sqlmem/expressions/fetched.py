"""Expressions that the origin computes once per row, fetched like columns; and orders that only it knows.

What the store can't compute exactly it can still read: a parameter-free, immutable expression over
one row of one table is sent to the origin in the statement's own words, as one more column of
the fill. An order that SQLite can't know is fetched as a rank, `dense_rank()` over the value.

The planner knows such a column once the origin has told its type. Until then planning ends with
`Unknown`, which carries what is to be asked.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects import immutable
from sqlmem.dialects.immutable import Asked
from sqlmem.expressions.beside import Beside
from sqlmem.expressions.immutability import is_immutable
from sqlmem.expressions.rendering import Expressions
from sqlmem.lexer import TokenKind
from sqlmem.model import Collation, Column, Kind, TableSchema
from sqlmem.plan import Candidate, Refuse, Unknown
from sqlmem.scopes import Scope
from sqlmem.slices import Call, Slice, Slices
from sqlmem.stored import expression_name, quoted, stored_names
from sqlmem.values import EQUAL_TEXT, Lane, Value, collate_of

# A longer one is generated rather than written, and would be asked for once.
_LONGEST = 2_000
_NOT_OVER_ONE_ROW = (
    exp.Query,
    exp.AggFunc,
    exp.Window,
    exp.Star,
    exp.Placeholder,
    exp.Parameter,
    exp.SessionParameter,
    exp.Ordered,
    exp.Alias,
)
# By themselves no expression worth a column of its own.
_PLAIN = (exp.Column, exp.Literal, exp.Null, exp.Boolean)


def fetched(render: Expressions, node: exp.Expr, scope: Scope) -> Value | None:
    """The value of an expression as a column that the origin computes; None if it can't be one.

    Raises:
        Unknown: the origin hasn't been asked yet what it is.
    """
    semantics, context = render.semantics, render.context
    if not semantics.computes_columns or context.slices is None or isinstance(node, _PLAIN):
        return None
    inner = list(node.walk())
    if any(isinstance(each, _NOT_OVER_ONE_ROW) for each in inner):
        return None
    columns = [each for each in inner if isinstance(each, exp.Column)]
    try:
        values = [context.look_up(column, scope) for column in columns]
    except Refuse:
        return None
    place = _one_table(values)
    if place is None:
        return None
    if any(value.is_nulled for value in values) and not _is_null_of_null(inner):
        # In a row that an outer join added, it would be what it makes of NULL.
        return None
    alias, index = place
    if not _may_stand(render, scope, values, alias):
        return None
    qualifiers = {
        str(column.args["table"].this).lower() for column in columns if column.args.get("table") is not None
    }
    found = _slice(context.slices, node, qualifiers)
    if found is None or len(found.text) > _LONGEST:
        return None
    kinds = {
        id(column): value.type.kind
        for column, value in zip(columns, values, strict=True)
        if value.type is not None
    }
    names = {str(column.this.this) for column in columns}
    if not is_immutable(semantics.name, node, found, names, kinds):
        return None
    schema = context.tables[index]
    candidate = Candidate(
        table=schema.name,
        name=f"({found.text})",
        text=found.text,
        asked=immutable.asked(semantics.name, found.calls, frozenset(kinds.values())),
        collation=_collation(node, values),
        has_constants=any(isinstance(each, exp.Literal) for each in inner),
        may_be_unsigned=semantics.booleans_are_integers and _may_be_unsigned(found, values),
    )
    found_column = _column(render, schema, alias, index, candidate)
    is_nulled = any(value.is_nulled for value in values)
    return found_column if found_column is None else replace(found_column, is_nulled=is_nulled)


# NULL wherever a column in it is.
_NULL_OF_NULL = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Paren,
    exp.Neg,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Lower,
    exp.Upper,
    exp.Length,
    exp.Abs,
    exp.Cast,
    exp.DataType,
    exp.DataTypeParam,
    exp.Extract,
    exp.Var,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.TimestampTrunc,
    exp.Substring,
    exp.Trim,
    exp.Round,
)


def _is_null_of_null(nodes: list[exp.Expr]) -> bool:
    return all(isinstance(node, _NULL_OF_NULL) for node in nodes)


# On a node that the planner made: the function around the part of the statement that it holds.
MADE = "sqlmem_made"


def _slice(slices: Slices, node: exp.Expr, qualifiers: set[str]) -> Slice | None:
    if not (node.meta.get(MADE) and isinstance(node, exp.Func)):
        return slices.of(node, qualifiers)
    inner = slices.of(node.this, qualifiers)
    if inner is None:
        return None
    name = node.sql_name().lower()
    return Slice(
        f"{name}({inner.text})",
        (name.upper(), "(", *inner.words, ")"),
        (TokenKind.WORD, TokenKind.PUNCTUATION, *inner.kinds, TokenKind.PUNCTUATION),
        (Call(name, 1), *inner.calls),
    )


# Functions of MariaDB's whose integers have a sign, though none of them is negative.
_WITH_SIGN = frozenset(
    (
        *(
            "char_length",
            "character_length",
            "length",
            "octet_length",
            "locate",
            "position",
            "instr",
            "ascii",
        ),
        *("field", "find_in_set", "sign", "year", "month", "day", "dayofmonth", "dayofweek", "dayofyear"),
        *("weekday", "quarter", "week", "hour", "minute", "second", "microsecond", "extract", "datediff"),
        *("timestampdiff", "to_days", "coalesce", "ifnull", "nullif", "if", "abs", "cast", "concat", "lower"),
        *("upper", "trim", "substring", "substr", "left", "right", "replace", "date", "in", "and", "or"),
    )
)


def _may_be_unsigned(found: Slice, values: list[Value]) -> bool:
    """Whether an integer may have no sign, which neither its values nor the driver would tell."""
    has_sign = all(
        value.type is not None and not value.type.type_name.upper().endswith("UNSIGNED") for value in values
    )
    is_cast = not {"UNSIGNED", "&", "|", "^", "~", "<<", ">>"}.isdisjoint(found.words)
    return not has_sign or is_cast or not _WITH_SIGN.issuperset(found.calls)


def rank(render: Beside, value: Value) -> Value | None:
    """A number for each row by which it orders as the origin orders the value; None if there is none.

    Equal numbers mean values that the origin holds as equal; a NULL has none.

    Raises:
        Unknown: the origin hasn't been asked yet whether it can order these values.
    """
    if not render.semantics.computes_columns or value.source is None:
        return None
    if value.ranked is not None and value.ranked[0] == value.sql:
        return value.ranked[1]()
    if value.carried is not None and value.carried[0] == value.sql:
        return _carried(render, *value.carried)
    found = _own_column(render, value)
    if found is None:
        return None
    alias, index, column = found
    schema = render.context.tables[index]
    candidate = _rank_of(schema, column.name)
    return None if candidate is None else _column(render, schema, alias, index, candidate)


def rank_source(render: Beside, value: Value) -> tuple[int, str] | None:
    """The column with the ranks of the values that these are, wherever they stand; None if there is none."""
    if not render.semantics.computes_columns or value.source is None:
        return None
    index, name = value.source
    schema = render.context.tables[index]
    candidate = _rank_of(schema, name)
    if candidate is None or _known(schema, candidate) is None:
        return None
    render.context.need_column(index, candidate.name)
    return index, candidate.name


def _rank_of(schema: TableSchema, name: str) -> Candidate | None:
    column = schema.by_name[name]
    if column.kind is Kind.JSON or not _is_own(schema, column):
        return None
    return Candidate(
        table=schema.name,
        name=f"rank({name})",
        text=column.expression,
        asked=Asked((), ()),
        collation=Collation.UNKNOWN,
        has_constants=False,
        rank_of=name,
    )


def _carried(render: Beside, sql: str, lane: Lane) -> Value | None:
    """The rank of a query's column: a column more of that query, which holds it."""
    if lane.rank is None and not _open_lane(render, lane):
        return None
    assert lane.rank is not None
    return replace(lane.rank, sql=f"{sql.rpartition('c')[0]}{lane.name}", alias=None)


def _open_lane(render: Beside, lane: Lane) -> bool:
    """Have each SELECT give out the ranks too; whether they all can, on one scale."""
    found: list[tuple[int, str, Lane]] = []
    for opening, value in lane.arms:
        # A grouping set leaves the column out.
        if value.sql == "NULL":
            found.append((opening, "NULL", lane))
            continue
        ranks = rank(render, value)
        if ranks is None or (lane.rank is not None and ranks.source != lane.rank.source):
            lane.name = lane.rank = None
            return False
        if lane.rank is None:
            # Known from here on: a recursive query's other SELECTs read its own column.
            lane.name, lane.rank = render.context.alias("r"), ranks
        found.append((opening, ranks.sql, lane))
    render.context.added.extend(found)
    return lane.rank is not None


def weights(render: Beside, value: Value, *, is_key: bool) -> Value | None:
    """A text of one character for each of a text's, the same where the collation takes them for one.

    Under MariaDB's …_general_ci, which has a weight for every character, whatever stands beside it.

    Args:
        is_key: without the blanks at the end, which don't count in a comparison, and do in LIKE.

    Raises:
        Unknown: the origin hasn't been asked yet.
    """
    found = _own_column(render, value)
    is_mariadb = render.context.facts.division_digits is not None
    if found is None or found[2].collation is not Collation.FOLDED or not is_mariadb:
        return None  # MySQL's weights weren't looked at
    alias, index, column = found
    schema = render.context.tables[index]
    candidate = Candidate(
        table=schema.name,
        name=f"{'key' if is_key else 'weights'}({column.name})",
        text=column.expression,
        asked=Asked((), ()),
        collation=Collation.BINARY,
        has_constants=False,
        weighs=column.name,
        key_of=column.name if is_key else None,
    )
    return _column(render, schema, alias, index, candidate)


# As interval_cmp compares: a month has 30 days, a day 24 hours.
_LENGTH = (
    "(((extract(year FROM {0}) * 12 + extract(month FROM {0})) * 30 + extract(day FROM {0})) * 86400000000"
    " + extract(hour FROM {0}) * 3600000000 + extract(minute FROM {0}) * 60000000"
    " + extract(microseconds FROM {0}))::bigint"
)


def length(render: Beside, value: Value) -> Value | None:
    """The microseconds by which PostgreSQL compares an INTERVAL column; None if it is none.

    Raises:
        Unknown: the origin hasn't been asked yet.
    """
    found = _own_column(render, value)
    if found is None or found[2].kind is not Kind.INTERVAL or found[2].is_compared:
        return None
    alias, index, column = found
    schema = render.context.tables[index]
    operand = column.expression or '"' + column.name.replace('"', '""') + '"'
    candidate = Candidate(
        table=schema.name,
        name=f"length({column.name})",
        text=_LENGTH.format(f"({operand})"),
        asked=Asked((), ()),
        collation=Collation.UNKNOWN,
        has_constants=False,
    )
    return _column(render, schema, alias, index, candidate)


def _own_column(render: Beside, value: Value) -> tuple[str, int, Column] | None:
    """Alias, table and column whose value it is, unchanged and in reach."""
    if not render.semantics.computes_columns or value.source is None or value.alias is None:
        return None
    index, name = value.source
    schema = render.context.tables[index]
    if value.sql != f"{value.alias}.{quoted(stored_names(schema)[name])}":
        return None  # no longer the table's own value
    column = schema.by_name[name]
    return (value.alias, index, column) if _is_own(schema, column) else None


def _is_own(schema: TableSchema, column: Column) -> bool:
    """Whether the origin has it as a column, or as an expression that it can be asked to compute again."""
    return column in schema.columns or column.expression is not None


def _column(
    render: Beside, schema: TableSchema, alias: str, index: int, candidate: Candidate
) -> Value | None:
    known = _known(schema, candidate)
    if known is None:
        return None
    stored = quoted(expression_name(candidate.name))
    value = Value(f"{alias}.{stored}", known, (index, candidate.name), alias=alias)
    render.context.need(value)
    return value


def _known(schema: TableSchema, candidate: Candidate) -> Column | None:
    """What the origin says of a candidate; None if it can't be a column."""
    if any(column.name == candidate.name for column in schema.columns):
        return None
    known = schema.by_name.get(candidate.name)
    if known is None or (known.expression is None and known.refusal is None):
        raise Unknown(candidate)
    return None if known.refusal is not None else known


def _one_table(values: list[Value]) -> tuple[str, int] | None:
    """The alias and index of the table whose columns all of them are."""
    places = {
        (value.alias, value.source[0]) if value.alias is not None and value.source is not None else None
        for value in values
    }
    place = places.pop() if len(places) == 1 else None
    if place is None or any(value.type is None or value.type.refusal is not None for value in values):
        return None
    return place


def _may_stand(render: Expressions, scope: Scope, values: list[Value], alias: str) -> bool:
    """Whether a grouped SELECT allows it: it is aggregated, or all that it reads is grouped by."""
    owner: Scope | None = scope
    while owner is not None and not owner.has_table(alias):
        owner = owner.parent
    if owner is None:
        return False
    try:
        for value in values:
            render.context.check_stands(value, owner, scope)
    except Refuse:
        return False
    return True


def _collation(node: exp.Expr, values: list[Value]) -> Collation:
    """That of a text which it may be, as the texts have it that it is made of."""
    texts = [value.type for value in values if value.type is not None and value.type.kind is Kind.TEXT]
    is_plain = node.find(exp.Collate) is None and all(
        # Two named collations together are none, and a fetched column's type doesn't name one.
        column.collation in EQUAL_TEXT and column.is_compared and not collate_of(column)
        for column in texts
    )
    if isinstance(node, exp.Lower | exp.Upper) and len(texts) == 1 and isinstance(node.this, exp.Column):
        # Of one column: its collation.
        return texts[0].collation
    return Collation.DETERMINISTIC if is_plain else Collation.UNKNOWN
