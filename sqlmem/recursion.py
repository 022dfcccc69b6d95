"""Recursive queries of WITH: a first query, and a SELECT that reads the rows given last.

The store's statement is SQLite's own recursive query over the same SELECTs, so that the rows come out in the
same order. What the origins add is what the columns are: the first query fixes them, and what the SELECT
gives is the origin's if it isn't of that very type (PostgreSQL reports an error) or wouldn't fit (MariaDB
does, or cuts it, by its settings).

Rule: no more than `MOST_ROWS` rows are made. One that goes on is the origin's, which may go on for ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.numbers import DIGITS
from sqlmem.expressions import only
from sqlmem.expressions.beside import OF_DIGITS
from sqlmem.expressions.opened import DYNAMIC
from sqlmem.functions.guards import SMALL
from sqlmem.functions.numbers import NARROW_DIGITS
from sqlmem.lanes import taken_in
from sqlmem.measures import ANYTHING, TEXTS, Measure, constant, either, whole
from sqlmem.model import Collation, Column, Kind
from sqlmem.outputs import definition_of, leftmost
from sqlmem.plan import Refuse, Rows
from sqlmem.scopes import Relation, Scope
from sqlmem.set_operations import Queries, open_items
from sqlmem.sources import from_clause, relation_of
from sqlmem.values import Lane, Value, known

# Each row is taken from a queue, to which the SELECT adds one at most: it reads nothing else. One that joined
# might add as many as a table has.
MOST_ROWS = 10_000

_BOUNDS = {"TINYINT": 7, "SMALLINT": 15, "MEDIUMINT": 23, "INTEGER": 31, "BIGINT": 63}


def recursive_query(queries: Queries, cte: exp.CTE, name: str, around: Scope) -> tuple[list[str], Relation]:
    """The store's texts for a query of WITH that reads itself, and what it is to what follows."""
    context = queries.context
    is_dynamic = context.semantics.is_dynamic
    body = cte.this
    if not isinstance(body, exp.Union):
        raise Refuse("a recursive query of another form than a first query UNION another")
    # In the others an order or a limit of the whole is an error.
    only(body, "this", "expression", "distinct", *(("order", "limit") if is_dynamic else ()))
    step = _step_of(queries, cte)
    sql, first = queries.query(body.this, around)
    context.made += MOST_ROWS
    if len(step.expressions) != len(first):
        raise Refuse("a recursive query over different numbers of columns")
    classes = _classes(queries, cte, step, first) if is_dynamic else [None] * len(first)
    columns = [
        _dynamic_column(value, function) if is_dynamic else _column(queries, value)
        for value, function in zip(first, classes, strict=True)
    ]
    openings = (context.opening(), context.opening())
    # Those of the first query are open from the start: what is repeated may ask for them.
    lanes = [Lane(((openings[0][0], taken_in(value, f"c{number}")),)) for number, value in enumerate(first)]
    tail = _tail(queries, body, around, columns)
    while True:
        mark, uses = context.mark(), context.uses
        stored = context.alias("k")
        own = [
            replace(column, carried=("", lane)) if column.source is not None else column
            for column, lane in zip(columns, lanes, strict=True)
        ]
        relation = replace(
            relation_of(queries, body, stored, tuple(own), cte.args["alias"], Rows(count=MOST_ROWS)),
            is_table=not is_dynamic,
        )
        inner = Scope(around, ctes={**around.ctes, name: relation})
        source, where, given = _rendered(queries, step, inner, columns)
        kept = [
            column if column.source in (None, value.source) else _unsourced(queries, column)
            for column, value in zip(columns, given, strict=True)
        ]
        if kept == columns:
            break
        # What was taken for a table's column is none: what was made of it may be wrong.
        columns = kept
        context.back_to(mark)
        context.uses = uses
    items = [
        _fitted(queries, column, value, item)
        for column, value, item in zip(columns, given, step.expressions, strict=True)
    ]
    if body.args.get("distinct"):
        for value in columns if is_dynamic else (*first, *given, *columns):
            queries.check_distinct(value, "UNION")
    for number, function in enumerate(classes):
        if function is not None:
            # In WHERE: around the value it would change the column's affinity.
            where += f"{' AND' if where else ' WHERE'} {function}({given[number].sql})"
    for lane, value in zip(lanes, given, strict=True):
        _join_lane(queries, lane, openings[1][0], value)
    return _texts(queries, body, relation, sql, (items, source, where), openings, tail)


def _join_lane(queries: Queries, lane: Lane, opening: int, value: Value) -> None:
    """Let the repeated SELECT give out the ranks too, as the first query does or may be made to."""
    lane.arms = (*lane.arms, (opening, value))
    if lane.rank is not None:
        rank = queries.expressions.rank(value)
        if rank is None or rank.source != lane.rank.source:
            raise Refuse("a recursive query over texts of two orders")
        queries.context.added.append((opening, rank.sql, lane))


def _step_of(queries: Queries, cte: exp.CTE) -> exp.Select:
    """The SELECT that is repeated: it reads the query itself, once, as its source."""
    step = cte.this.expression
    while isinstance(step, exp.Subquery):
        only(step, "this")
        step = step.this
    if not isinstance(step, exp.Select):
        raise Refuse("a recursive query whose second part isn't a SELECT")
    # Each of the others is an error at some origin; MariaDB doesn't end with DISTINCT.
    only(step, "expressions", "from_", "where")
    if any(window.find_ancestor(exp.Select) is step for window in step.find_all(exp.Window)):
        raise Refuse("a window in a recursive query is an error at the origin")
    named = [table for table in cte.this.find_all(exp.Table) if definition_of(table, queries.context) is cte]
    source = step.args["from_"].this if step.args.get("from_") is not None else None
    if len(named) != 1 or named[0] is not source:
        raise Refuse("a recursive query that reads itself elsewhere than in one FROM")
    return step


def _rendered(
    queries: Queries, step: exp.Select, around: Scope, columns: Sequence[Value]
) -> tuple[str, str, list[Value]]:
    """FROM, WHERE and the columns of the SELECT that is repeated."""
    source, scope = from_clause(queries, step, around)
    condition = step.args.get("where")
    where = f" WHERE {queries.expressions.condition(condition.this, scope)}" if condition is not None else ""
    is_dynamic = queries.context.semantics.is_dynamic
    opened = set() if is_dynamic else open_items(step)
    given = [
        queries.item(item, scope, column.type if number in opened else None)
        for number, (item, column) in enumerate(zip(step.expressions, columns, strict=True))
    ]
    return source, where, given


def _texts(
    queries: Queries,
    body: exp.Union,
    relation: Relation,
    sql: str,
    step: tuple[list[str], str, str],
    openings: tuple[tuple[int, str], tuple[int, str]],
    tail: str,
) -> tuple[list[str], Relation]:
    """The recursive query, and what gives out its rows once it is certain that these are all."""
    context = queries.context
    stored, checked = relation.sql, context.alias("k")
    items, source, where = step
    (_, more), (_, step_more) = openings
    names = [f"c{number}" for number in range(len(items))]
    listed = [f"{text} AS {name}" for text, name in zip(items, names, strict=True)]
    columns, depth = list(names), context.facts.recursion_depth
    is_counted = not body.args.get("distinct") and depth is not None
    if is_counted:
        # MariaDB ends after so many rounds, with what it has.
        alias = re.search(rf"{stored} AS (\w+)", source)
        assert alias is not None
        columns.append("0 AS rounds")
        listed.append(f"{alias[1]}.rounds + 1 AS rounds")
    if not context.semantics.is_dynamic:
        sql = f"SELECT {', '.join(columns)}{more} FROM ({sql})"
    word = "UNION" if body.args.get("distinct") else "UNION ALL"
    whole = f"{sql} {word} SELECT {', '.join(listed)}{step_more}{source}{where}{tail}"
    test = f"sqlmem_at_most((SELECT count(*) FROM {stored}), {MOST_ROWS})"
    if depth is not None:
        rounds = "max(rounds)" if is_counted else "count(*)"
        test += f" AND sqlmem_at_most((SELECT {rounds} FROM {stored}), {max(depth - 1, 0)})"
    outer, outer_more = context.opening()
    out = [
        replace(value, carried=("", Lane(((outer, taken_in(value, name)),)))) if value.carried else value
        for name, value in zip(names, relation.values, strict=True)
    ]
    return [
        f"{stored} AS ({whole})",
        f"{checked} AS (SELECT {', '.join(names)}{outer_more} FROM {stored} WHERE {test})",
    ], replace(relation, sql=checked, values=tuple(out))


# -- the columns ---------------------------------------------------------------------------


def _column(queries: Queries, value: Value) -> Value:
    """A column of the whole, by the first query's, which fixes the types."""
    type_, semantics = value.type, queries.context.semantics
    if type_ is None or value.has_hidden_digits or value.is_final:
        raise Refuse("a recursive query over values whose type only the origin knows")
    if semantics.name == "mysql":
        if queries.context.facts.recursion_depth is None:
            raise Refuse("a recursive query, whose end only the origin knows")
        type_ = _mysql_type(type_)
    if type_.type_name == OF_DIGITS and semantics.text is not None:
        # What is repeated may be of another form: only texts of one are ordered as numbers.
        type_ = semantics.text.type
    # Of floats no sum is known here, however many rows repeat them.
    source = None if type_.kind is Kind.FLOAT else value.source
    result = value.result
    if result is None and source is None:
        result = queries.expressions.result_of(type_, "a recursive query")
    return Value("", type_, source, result, is_distinct=value.is_distinct)


def _unsourced(queries: Queries, column: Value) -> Value:
    """The column, which has other values than those of the table's."""
    assert column.type is not None
    return replace(
        column, source=None, result=queries.expressions.result_of(column.type, "a recursive query")
    )


def _mysql_type(type_: Column) -> Column:
    """The type of a column of the table in which MariaDB gathers the rows."""
    if type_.kind is Kind.INTEGER and type_.type_name in _BOUNDS:
        return replace(type_, precision=DIGITS[type_.type_name])
    is_known = type_.kind in (Kind.NUMERIC, Kind.DATE, Kind.TIMESTAMP, Kind.FLOAT)
    if not type_.is_compared or not (is_known or _name(type_).startswith("varchar")):
        # Another type of text, or what is described in another way.
        raise Refuse(f"a recursive query over {type_.type_name or type_.kind.value}")
    return type_


def _fitted(queries: Queries, column: Value, given: Value, item: exp.Expr) -> str:
    """The text of what the repeated SELECT gives, as a value of the column."""
    if queries.context.semantics.is_dynamic:
        return given.sql
    type_, own = column.type, given.type
    if given.sql == "NULL" and type_ is not None:
        if queries.context.semantics.name != "mysql" and _has_size(type_):
            raise Refuse("a recursive query that gives NULL, which has no size")
        return given.sql
    if own is None or type_ is None or given.has_hidden_digits or given.is_final:
        raise Refuse("a recursive query over values whose type only the origin knows")
    # A subquery's column has the type with all that is in parentheses behind it, too.
    is_plain = isinstance(_inner(item), exp.Column) or (
        isinstance(_inner(item), exp.Query) and given.source is not None and given.source == column.source
    )
    if queries.context.semantics.name != "mysql":
        text = given.sql if _is_same(type_, own, is_plain=is_plain) else None
    elif is_plain and _name(type_) == _name(own) and given.source is not None:
        text = given.sql
    else:
        text = _mysql_text(type_, own, given.sql)
    if text is None:
        raise Refuse(
            f"a recursive query over {type_.type_name or type_.kind.value} that gives "
            f"{own.type_name or own.kind.value}"
        )
    return text


def _inner(item: exp.Expr) -> exp.Expr:
    return (item.this if isinstance(item, exp.Alias) else item).unnest()


def _is_same(type_: Column, own: Column, *, is_plain: bool) -> bool:
    """Whether PostgreSQL takes two types for one, with what is in parentheses behind them."""
    one, other = (
        (each.kind, each.type_name, each.precision, each.scale, each.collation) for each in (type_, own)
    )
    return one == other and (is_plain or not _has_size(type_))


def _has_size(type_: Column) -> bool:
    is_sized = "(" in type_.type_name or type_.kind in (Kind.NUMERIC, Kind.DECIMAL, Kind.OPAQUE)
    return is_sized or type_.precision is not None


def _mysql_text(type_: Column, own: Column, sql: str) -> str | None:
    """What MariaDB stores in the column, failing where that isn't the value itself; None: not known."""
    if type_.kind is not own.kind or not own.is_compared:
        return None
    if type_.kind is Kind.INTEGER:
        if own.type_name not in _BOUNDS or own.expression is not None:
            return None
        bound = 2 ** _BOUNDS[type_.type_name]
        return f"sqlmem_within({sql}, {-bound}, {bound - 1})"
    if type_.kind is Kind.NUMERIC:
        digits = type_.precision or 0
        if type_.scale != own.scale or digits > NARROW_DIGITS or (own.precision or 99) > NARROW_DIGITS:
            return None
        return f"sqlmem_within({sql}, {1 - 10**digits}, {10**digits - 1})"
    if type_.kind is Kind.TEXT:
        if type_.precision is None or type_.collation is not own.collation:
            return None
        return f"sqlmem_no_longer({sql}, {type_.precision})"
    return sql if _name(type_) == _name(own) else None


def _name(type_: Column) -> str:
    return type_.type_name.lower()


# -- SQLite's columns ----------------------------------------------------------------------

_NUMBERS = (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Not, exp.Predicate, exp.Connector, exp.Count, exp.Length)
_TEXTS = frozenset(
    {"date", "datetime", "time", "strftime", "printf", "hex", "lower", "upper", "substr", "trim"}
)
# What is said of a column's values -> the function that fails for others.
_SPANS = {"sqlmem_is_small": whole(SMALL, is_negative=True), "sqlmem_is_text": TEXTS}


def _classes(queries: Queries, cte: exp.CTE, step: exp.Select, first: Sequence[Value]) -> list[str | None]:
    """Per column the function that makes sure of the class of what the repeated SELECT gives.

    The columns have affinities by rules that aren't documented: these change no integers of an
    integer's column, no texts of a text's, and nothing that is given on as it was.
    """
    items = zip(first, leftmost(cte.this).expressions, step.expressions, strict=True)
    names = relation_of(queries, cte.this, "", tuple(first), cte.args["alias"], Rows()).names
    found: list[str | None] = []
    for number, (value, one, other) in enumerate(items):
        item = _inner(other)
        if _is_own(queries, step, item) and queries.context.fold_column(item.this) == names[number]:
            found.append(None)
            continue
        function = _class_of(queries, value, _inner(one), item)
        if function is None:
            raise Refuse("a recursive query over values of which SQLite may make others")
        found.append(function)
    return found


def _dynamic_column(value: Value, function: str | None) -> Value:
    """A column of SQLite's: of the first query's affinity and collation."""
    if value.is_collated or value.is_json:
        raise Refuse("a recursive query over values with a collation or a mark of their own")
    type_ = value.type if value.type is not None else DYNAMIC
    made = ANYTHING if function is None or type_.collation is not Collation.BINARY else _SPANS[function]
    # What is given on as it was adds nothing; under another collation unequal texts are equal.
    parts = (known(value),) if function is None else (known(value), constant(made))
    return Value("", type_, is_distinct=False, measure=Measure(None, either, parts))


def _is_own(queries: Queries, step: exp.Select, item: exp.Expr) -> bool:
    """Whether it is a column of the repeated SELECT's own source, by its name."""
    if not isinstance(item, exp.Column):
        return False
    qualifier, source = item.args.get("table"), step.args["from_"].this
    alias = source.args.get("alias")
    fold = queries.context.fold_table
    return qualifier is None or fold(qualifier) == fold(alias.this if alias is not None else source.this)


def _class_of(queries: Queries, value: Value, first: exp.Expr, item: exp.Expr) -> str | None:
    """The function for the class that the values seem to be of."""
    affinity = value.type.affinity if value.type is not None else None
    if isinstance(first, exp.Literal):
        affinity = "TEXT" if first.is_string else "INTEGER" if str(first.this).isdigit() else "REAL"
    if affinity is None:
        slices = queries.context.slices
        called = slices.called(item) if slices is not None and isinstance(item, exp.Func) else None
        if isinstance(item, exp.DPipe) or (called or "").lower() in _TEXTS:
            affinity = "TEXT"
        elif isinstance(item, _NUMBERS):
            affinity = "INTEGER"
    return {"INTEGER": "sqlmem_is_small", "TEXT": "sqlmem_is_text"}.get(affinity or "")


def _tail(queries: Queries, body: exp.Union, around: Scope, columns: Sequence[Value]) -> str:
    """The order in which SQLite takes the rows, and how many: its own limit or ours."""
    limit = queries.limit(body)
    count = limit.removeprefix(" LIMIT ")
    order = ""
    if body.args.get("order") is not None:
        stored = queries.context.alias("d")
        outer = [taken_in(column, f"{stored}.c{number}") for number, column in enumerate(columns)]
        for ordered in body.args["order"].expressions:
            if queries.output_of(ordered.this, body, outer) is None:
                raise Refuse("ORDER BY an expression behind a set operation")
        order = queries.order(body, Scope(around, ctes=around.ctes), outer, is_distinct=False)
        # A name alone is one of the result's columns here.
        order = order.replace(f"{stored}.c", "c")
    return f"{order} LIMIT {f'min({count}, {MOST_ROWS + 1})' if limit else MOST_ROWS + 1}"
