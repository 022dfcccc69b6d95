"""From a parsed statement to the plan by which the store answers it, or `Refuse`.

Pure: no I/O, no lock, no clock. What the origin's catalogue says comes in as schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlglot import exp

from sqlmem.census import Census
from sqlmem.codecs import codec_for
from sqlmem.context import Context, representative
from sqlmem.determinism import why_made_may_change
from sqlmem.dialects.base import Facts, Semantics
from sqlmem.dialects.parameters import ParameterType
from sqlmem.dialects.sqlite_functions import FUNCTIONS
from sqlmem.guards import computed_first
from sqlmem.model import Kind, TableSchema
from sqlmem.outputs import Spelling, definition_of, given_names, table_spelling
from sqlmem.parser import Parsed
from sqlmem.plan import Output, Plan, Refuse
from sqlmem.queries import Queries
from sqlmem.scopes import Scope
from sqlmem.slices import Slices
from sqlmem.values import NULL, Value


def make_plan(
    parsed: Parsed,
    semantics: Semantics,
    facts: Facts,
    schemas: Mapping[Spelling, TableSchema],
    types: Mapping[str | int, ParameterType] = MappingProxyType({}),
    *,
    shares_literals: bool = True,
    sums_floats: bool = False,
) -> Plan:
    """How the store answers the statement.

    Args:
        schemas: definition of each table that `table_spellings` names.
        shares_literals: the plan is to hold for other constants too, where it can.
        types: the types of those parameters that earlier plannings asked for, by their keys.
        sums_floats: sums of floats may be the store's, whatever their last digits are.

    Raises:
        Refuse: the origin must answer, with the reason.
        Unknown: the origin must be asked first about a column that it would compute.
        TypesNeeded: one more parameter's type decides.
    """
    if facts.peculiar is not None:
        raise Refuse(facts.peculiar)
    if semantics.name == "postgresql" and (facts.overridden or facts.operators or facts.changing):
        _check_made(parsed, facts)
    slices = Slices(parsed.scanned)
    context = Context(
        semantics,
        facts,
        parsed.parameters,
        schemas,
        types,
        sums_floats=sums_floats,
        slices=slices,
        local_functions=_local_functions(semantics),
    )
    _check_functions(parsed, slices, semantics)
    context.shares_literals = shares_literals
    # The parser's tree is shared, and * is replaced in it.
    tree = parsed.tree.copy() if _has_star(parsed) else parsed.tree
    queries = Queries(context, tree)
    sql, values = queries.query(tree, Scope(None))
    names = given_names(context, tree, parsed.item_texts, parsed.item_calls)
    if len(names) != len(values):
        raise Refuse("names of columns that only the origin knows")
    if facts.names_have_types:
        _check_typed_names([*names, *(column.name for each in schemas.values() for column in each.columns)])
    if semantics.name == "mysql":
        _check_order(tree)
        _check_constants(tree)
        _check_large_texts(tree, context, values)
    outputs = [_output(name, value, context) for name, value in zip(names, values, strict=True)]
    for index, table in enumerate(context.tables):
        if not context.needed[index]:
            context.needed[index][representative(table)] = None
        for column in context.needed[index]:
            refusal = table.by_name[column].refusal
            if refusal is not None:
                raise Refuse(f"column {table.name}.{column} isn't cached: {refusal}")
            context.check_digits(table.by_name[column])
    sql, arguments = context.in_order(computed_first(context, sql))
    return Plan(
        tables=tuple(table.name for table in context.tables),
        columns=tuple(tuple(needed) for needed in context.needed),
        sql=sql,
        arguments=arguments,
        outputs=tuple(outputs),
        checks=tuple(dict.fromkeys(context.checks)),
        uses=max(1, context.uses),
        made=context.made,
        joins=tuple(context.reads) if context.joins else (),
    )


def _check_typed_names(names: Iterable[str]) -> None:
    """Raises `Refuse` for a name that sqlite3's PARSE_COLNAMES cuts, and may convert values by."""
    if any("[" in name for name in names):
        raise Refuse("a column's name that the driver takes for its type, too")


def _has_star(parsed: Parsed) -> bool:
    """Whether there is another * than that of count(*)."""
    return any(not isinstance(star.parent, exp.Count) for star in parsed.census.of(exp.Star))


def _output(name: str, value: Value, context: Context) -> Output:
    """A column of the answer."""
    semantics, result = context.semantics, value.result
    context.check_digits(result.type if result is not None else value.type)
    if value is NULL and semantics.nothing is not None:
        return Output(name, None, semantics.nothing)
    if value.source is not None:
        return Output(name, value.source, result, is_nulled=value.is_nulled)
    if result is None or result.type.kind is Kind.OPAQUE:
        if not semantics.is_dynamic:
            raise Refuse("a result whose type only the origin knows")
        return Output(name, None, semantics.integer, is_nulled=value.is_nulled)
    if not result.codec and codec_for(result.type, context.facts.driver) is None:
        raise Refuse("a result whose Python type only the driver knows")
    return Output(name, None, result, is_nulled=value.is_nulled)


def table_spellings(census: Census, semantics: Semantics) -> tuple[Spelling, ...]:
    """The tables that a statement reads, as it spells them, folded; CTEs' names left out.

    Raises:
        Refuse: a source that isn't plainly a table.
    """
    context = Context(semantics, Facts(), (), {})
    return tuple(
        dict.fromkeys(
            table_spelling(table, context)
            for table in census.of(exp.Table)
            if definition_of(table, context) is None
        )
    )


# MariaDB describes its larger texts (codes of the protocol) otherwise where a temporary table is made, and
# those of one length.
_LARGE_TEXTS = frozenset({249, 250, 251, 254})


def _check_large_texts(tree: exp.Expr, context: Context, values: Sequence[Value]) -> None:
    """Raises `Refuse` for a computed text whose description the origin's plan may change."""
    clauses = ("group", "distinct", "order", "having", "windows")
    is_plain = isinstance(tree, exp.Select) and not any(tree.args.get(clause) for clause in clauses)
    if is_plain and tree.find(exp.Window, exp.With) is None and not _has_derived_table(tree):
        return
    for value in values:
        if value.source is not None:
            column = context.tables[value.source[0]].by_name[value.source[1]]
            if column.description is not None and column.description[0] in _LARGE_TEXTS:
                raise Refuse("a computed text that the origin describes in several ways")


def _has_derived_table(tree: exp.Expr) -> bool:
    return any(isinstance(query.parent, exp.From | exp.Join) for query in tree.find_all(exp.Subquery))


_LARGEST_SIGNED = 2**63 - 1


def _check_constants(tree: exp.Expr) -> None:
    """Raises `Refuse` for constants of which MariaDB makes one thing here, and another there."""
    for literal in tree.find_all(exp.Literal):
        text = str(literal.this)
        if not literal.is_string and text.isdigit() and int(text) > _LARGEST_SIGNED:
            # Grouped by a CASE over it and a SMALLINT, it is one group with NULL.
            raise Refuse("a constant that has no place in 64 bits with sign")
        if literal.is_string and not text and _is_output_within(literal):
            # It is described otherwise where a temporary table is made of it.
            raise Refuse("an empty text as a column of a derived table")


def _is_output_within(node: exp.Expr) -> bool:
    """Whether it is a column of a query that isn't the outermost."""
    item = node.parent if isinstance(node.parent, exp.Alias) else node
    return (
        isinstance(item.parent, exp.Select)
        and item.arg_key == "expressions"
        and item.parent.parent is not None
    )


def _check_order(tree: exp.Expr) -> None:
    """Raises `Refuse` for groups with a window over them, ordered by what they are grouped by.

    MariaDB takes the order for done where an index has it, and then the window undoes it:
    SELECT m, sum(count(*)) OVER () FROM t GROUP BY m ORDER BY m comes in any order, and in another each time.
    """
    for select in tree.find_all(exp.Select):
        order = select.args.get("order")
        if order is None or not select.args.get("group") or select.find(exp.Window) is None:
            continue
        items: dict[str, exp.Expr] = {item.alias.lower(): item.unalias() for item in select.expressions}
        items |= {str(place): item.unalias() for place, item in enumerate(select.expressions, 1)}
        terms = [items.get(term.this.name.lower(), term.this) for term in order.expressions]
        if not any(term.find(exp.AggFunc) for term in terms):
            raise Refuse("groups with a window over them, whose order MariaDB may forget")


# Functions that the parser makes the same node of as an operator.
_OPERATORS = frozenset({"mod"})


def _check_functions(parsed: Parsed, slices: Slices, semantics: Semantics) -> None:
    """Raises `Refuse` for what is called by a name that no node of the tree is known to have.

    The others are looked at where they stand: `Context.check_called`.
    """
    if not parsed.functions:
        return
    seen = {slices.called(node) for node in parsed.census.of(exp.Func)}
    unknown = sorted(
        {name.lower() for name in parsed.functions} - seen - _SYNTAX - (semantics.called & _OPERATORS)
    )
    if unknown:
        raise Refuse(f"the function {unknown[0]} is computed by the origin")


# Used where no sign says so: by IN, BETWEEN, NULLIF, CASE, USING and quantifiers.
_COMPARING = frozenset(["=", "<>", "!=", "<", ">", "<=", ">="])
_BEHIND_WORDS = {"~~": "LIKE", "!~~": "LIKE", "~~*": "ILIKE", "!~~*": "ILIKE"}


def _check_made(parsed: Parsed, facts: Facts) -> None:
    """Raises `Refuse` for a function or operator of PostgreSQL's of whose name somebody has made others.

    By name alone, so for some that would mean PostgreSQL's own.
    """
    for name in sorted({each.lower() for each in parsed.functions} & facts.overridden):
        raise Refuse(f"somebody has made another function {name}, which may be meant")
    words = frozenset(parsed.scanned.words)
    for name in sorted(facts.operators):
        if name in _COMPARING or _BEHIND_WORDS.get(name, name) in words:
            raise Refuse(f"somebody has made another operator {name}, which may be meant")
    if (changing := why_made_may_change(parsed, facts)) is not None:
        raise Refuse(changing)


# What has a syntax of its own, or is none: the parser tells of no place for these.
_SYNTAX = frozenset(
    [
        "all",
        "any",
        "array",
        "cast",
        "ceil",
        "char",
        "chr",
        "convert",
        "datetime",
        "decimal",
        "exists",
        "extract",
        "float",
        "floor",
        "group_concat",
        "if",
        "in",
        "initcap",
        "json_agg",
        "json_object",
        "lateral",
        "numeric",
        "overlay",
        "position",
        "some",
        "string_agg",
        "substr",
        "substring",
        "time",
        "timestamp",
        "trim",
        "values",
        "varchar",
    ]
)


def _local_functions(semantics: Semantics) -> frozenset[str]:
    if semantics.is_dynamic:
        return _DYNAMIC_NAMES
    return _TYPED_NAMES | semantics.called


_TYPED_NAMES = frozenset(
    [
        "count",
        "min",
        "max",
        "sum",
        "avg",
        "coalesce",
        "row_number",
        "rank",
        "dense_rank",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
        "ntile",
        "percent_rank",
        "cume_dist",
        "bool_and",
        "bool_or",
        "every",
        "array_agg",
        "bit_and",
        "bit_or",
        "bit_xor",
        "mode",
        "percentile_cont",
        "percentile_disc",
        "std",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "var_pop",
        "var_samp",
        "variance",
        "exists",
        "cast",
        "any",
        "row",
        "nullif",
        "grouping",
        # Types with a size, which look like calls.
        "char",
        "datetime",
        "decimal",
        "numeric",
        "varchar",
    ]
)
_DYNAMIC_NAMES = _TYPED_NAMES | {"total"} | FUNCTIONS.keys()
