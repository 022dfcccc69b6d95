"""Joins: what two sources give together, by which name each column is seen, and the order of *.

The standard's rules, and where the origins differ: a comma binds weaker than JOIN (not in SQLite), USING
and NATURAL put what they merge first (SQLite leaves it where it is).

Rule 1: the condition sees the two operands and what is around the SELECT, nothing else of FROM.
Rule 2: a column of the side that an outer join extends is NULL in the rows that it adds, whatever it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from sqlmem.expressions import Expressions, only
from sqlmem.model import Column
from sqlmem.plan import Refuse, Rows
from sqlmem.scopes import Listed, Scope, Source
from sqlmem.set_operations import Queries
from sqlmem.values import Value

# A RIGHT JOIN is written as a LEFT one. FULL JOIN came to SQLite with 3.39: before, the store reports it as
# an error, and the origin answers.
_SIDES = ("", "LEFT", "RIGHT", "FULL")
_KINDS = ("", "INNER", "OUTER", "CROSS", "STRAIGHT_JOIN")


@dataclass(frozen=True, slots=True)
class Joined:
    """What a part of FROM gives.

    Attributes:
        sql: its text in the store, without the last condition.
        rows: how many there are at most.
        conditions: of the last ON.
        columns: folded name -> value, where it stands unqualified; None marks one that two columns share.
        is_inner: nothing in it extends rows, so that its order and its parentheses mean nothing.
        merged: the names that USING and NATURAL have merged.
        is_turned: a RIGHT or FULL JOIN is in it.
        has_lateral: it has columns that are computed beside each row.
        is_flat: there are no parentheses in it, so that a row id has a name.
    """

    sql: str
    sources: tuple[Source, ...]
    listed: tuple[Listed, ...]
    columns: dict[str, Value | None]
    rows: Rows
    conditions: tuple[str, ...] = ()
    is_inner: bool = True
    is_flat: bool = True
    merged: frozenset[str] = frozenset()
    is_turned: bool = False
    has_lateral: bool = False

    @property
    def text(self) -> str:
        return f"{self.sql} ON {' AND '.join(self.conditions)}" if self.conditions else self.sql

    @property
    def operand(self) -> str:
        """The text as a right operand."""
        return self.text if len(self.sources) == 1 else f"({self.text})"


def single(sql: str, source: Source, rows: Rows) -> Joined:
    return Joined(sql, (source,), source.listed, dict(source.columns), rows)


def is_comma(join: exp.Join) -> bool:
    """Whether it was written as a comma: `trust` has seen to it that no JOIN looks the same."""
    return not any(join.args.get(key) for key in ("method", "side", "kind", "on", "using"))


def crossed(queries: Queries, left: Joined, right: Joined) -> Joined:
    """Both, as a comma puts them together."""
    _check_names(left, right)
    return _told(queries, _inner(left, right, (), _columns(left, right)), left, right)


def joined(queries: Queries, left: Joined, right: Joined, node: exp.Join, around: Scope) -> Joined:
    """Both, as a JOIN puts them together."""
    only(node, "this", "on", "using", "side", "kind", "method")
    _check_names(left, right)
    side, kind = (str(node.args.get(key) or "").upper() for key in ("side", "kind"))
    _check_form(queries, node, side, kind)
    if (left.has_lateral and side in ("RIGHT", "FULL")) or (right.has_lateral and side):
        # In a row that is added, a count beside it would be 0 and no NULL.
        raise Refuse("LATERAL on a side that an outer join extends")
    render = queries.expressions
    shared = _shared(queries, left, right, node)
    if shared and queries.context.semantics.is_dynamic and (left.is_turned or right.is_turned):
        # SQLite takes such a condition otherwise than ON, for rows that the other join has added.
        raise Refuse("USING or NATURAL behind a RIGHT or FULL JOIN")
    on = node.args.get("on")
    if shared:
        conditions = tuple(_equal(render, left, right, name) for name in shared)
    elif on is not None:
        conditions = (_condition(queries, left, right, on, around, side),)
    else:
        conditions = ()
    keys = _keys(queries, left, right, on, shared, around)
    # What is seen of an extended side may be NULL.
    seen_left = _extended(left) if side in ("RIGHT", "FULL") else left
    seen_right = _extended(right) if side in ("LEFT", "FULL") else right
    merged = {name: _merged(queries, seen_left, seen_right, name, side) for name in shared}
    columns = _columns(seen_left, seen_right)
    columns.update({name: value.value for name, value in merged.items()})
    is_turned = bool(shared) and _is_turned(queries, node)
    listed = _listed(queries, *((seen_right, seen_left) if is_turned else (seen_left, seen_right)), merged)
    if not side:
        rows = _rows(left, right, keys, is_outer=False)
        found = replace(_inner(left, right, conditions, columns), listed=listed, rows=rows)
        return _told(queries, found, left, right, shared)
    sources = (*seen_left.sources, *seen_right.sources)
    if queries.context.semantics.is_dynamic and side != "LEFT":
        # SQLite gives t.* of a derived table the merged value.
        sources = tuple(unnamed(source, shared) for source in sources)
    first, second = (right, left) if side == "RIGHT" else (left, right)
    word = "FULL" if side == "FULL" else "LEFT"
    sql = f"{first.text} {word} JOIN {second.operand}"
    is_flat = first.is_flat and second.is_flat and len(second.sources) == 1
    rows = _rows(left, right, keys, is_outer=True)
    found = Joined(
        sql, sources, listed, columns, rows, conditions or ("TRUE",), is_inner=False, is_flat=is_flat
    )
    return _told(queries, found, left, right, shared, is_turned=side != "LEFT")


def _told(
    queries: Queries,
    found: Joined,
    left: Joined,
    right: Joined,
    shared: tuple[str, ...] = (),
    *,
    is_turned: bool = False,
) -> Joined:
    """With what both operands say of themselves."""
    merged = left.merged | right.merged | frozenset(shared)
    is_turned = is_turned or left.is_turned or right.is_turned
    has_lateral = left.has_lateral or right.has_lateral
    found = replace(found, merged=merged, is_turned=is_turned, has_lateral=has_lateral)
    if queries.context.semantics.is_dynamic and is_turned and len(found.sources) > 2:
        # SQLite may or may not find ambiguous what was merged beside a RIGHT or FULL JOIN.
        return _without_merged(found)
    return found


def _inner(
    left: Joined, right: Joined, conditions: tuple[str, ...], columns: dict[str, Value | None]
) -> Joined:
    sources, listed = (*left.sources, *right.sources), (*left.listed, *right.listed)
    rows = Rows(parts=(left.rows, right.rows), is_product=True)
    is_inner = left.is_inner and right.is_inner
    if right.is_inner:
        # Without parentheses, which would keep the store from choosing the order.
        sql = f"{left.text} JOIN {right.sql}"
        is_flat = left.is_flat and right.is_flat
        return Joined(
            sql, sources, listed, columns, rows, (*right.conditions, *conditions), is_inner, is_flat
        )
    sql = f"{left.text} JOIN {right.operand}"
    return Joined(sql, sources, listed, columns, rows, conditions, is_inner=False, is_flat=False)


def _check_form(queries: Queries, node: exp.Join, side: str, kind: str) -> None:
    method = str(node.args.get("method") or "").upper()
    semantics = queries.context.semantics
    is_conditional = bool(node.args.get("on") or node.args.get("using") or method == "NATURAL")
    if method not in ("", "NATURAL") or side not in _SIDES or kind not in _KINDS:
        raise Refuse(f"{' '.join(word for word in (method, side, kind, 'JOIN') if word)} isn't known")
    if node.args.get("on") and node.args.get("using"):
        raise Refuse("a join with both ON and USING")
    if method and (node.args.get("on") or node.args.get("using") or kind == "CROSS"):
        raise Refuse("NATURAL with a condition")
    if (kind == "OUTER" and not side) or (side and kind not in ("", "OUTER")):
        raise Refuse("a form of join that the planner doesn't know")
    if kind == "STRAIGHT_JOIN" and (semantics.name != "mysql" or node.args.get("using")):
        raise Refuse("a form of STRAIGHT_JOIN that the planner doesn't know")
    if side == "FULL" and semantics.name == "mysql":
        raise Refuse("FULL JOIN is computed by the origin")
    if not is_conditional and side and not semantics.is_dynamic:
        raise Refuse("an outer join without a condition is an error at the origin")
    if semantics.name == "postgresql" and is_conditional == (kind == "CROSS"):
        raise Refuse("a join with or without a condition is an error at the origin")


# -- how many rows -------------------------------------------------------------------------


def _rows(left: Joined, right: Joined, keys: set[str], *, is_outer: bool) -> Rows:
    """How many there are at most: of a table that is found by its key, one beside each row of the other."""
    found = [side for side in (left, right) if side.sources[0].stored in keys and len(side.sources) == 1]
    both = Rows(parts=(left.rows, right.rows), is_product=True)
    if found:
        both = left.rows if found[0] is right else right.rows
    return Rows(parts=(both, left.rows, right.rows)) if is_outer else both


def _keys(
    queries: Queries,
    left: Joined,
    right: Joined,
    on: exp.Expr | None,
    shared: tuple[str, ...],
    around: Scope,
) -> set[str]:
    """Sources whose key the condition compares with something of the other side."""
    sides = {source.stored: number for number, side in enumerate((left, right)) for source in side.sources}
    pairs = [(left.columns[name], right.columns[name]) for name in shared]
    if on is not None:
        scope = Scope(around, (*left.sources, *right.sources), _columns(left, right), ctes=around.ctes)
        for part in on.flatten() if isinstance(on, exp.And) else [on]:
            equality = part.unnest()
            if isinstance(equality, exp.EQ):
                one, other = equality.this.unnest(), equality.expression.unnest()
                if isinstance(one, exp.Column) and isinstance(other, exp.Column):
                    pairs.append((queries.context.look_up(one, scope), queries.context.look_up(other, scope)))
    unique = {
        key: source.stored
        for side in (left, right)
        for source in side.sources
        for key in source.key
        if source.is_unique
    }
    found = set()
    for pair in pairs:
        texts = [value.sql for value in pair if value is not None]
        for key, other in (texts, reversed(texts)):
            owner = sides.get(other.partition(".")[0])
            if key in unique and owner is not None and owner != sides[unique[key]]:
                found.add(unique[key])
    return found


# -- conditions ----------------------------------------------------------------------------


def _condition(queries: Queries, left: Joined, right: Joined, on: exp.Expr, around: Scope, side: str) -> str:
    sources = (*left.sources, *right.sources)
    scope = Scope(around, sources, _columns(left, right), ctes=around.ctes)
    if side == "FULL" and queries.context.semantics.name == "postgresql":
        _check_hashable(queries, on, scope, {source.stored for source in left.sources})
    return queries.expressions.condition(on, scope)


def _check_hashable(queries: Queries, on: exp.Expr, scope: Scope, left: Collection[str]) -> None:
    # PostgreSQL reports an error where it can neither hash nor merge.
    for part in on.flatten() if isinstance(on, exp.And) else [on]:
        equality = part.unnest()
        columns = (
            [equality.this.unnest(), equality.expression.unnest()] if isinstance(equality, exp.EQ) else []
        )
        sides = {
            queries.context.look_up(column, scope).sql.partition(".")[0] in left
            for column in columns
            if isinstance(column, exp.Column)
        }
        if len(sides) != 2:
            raise Refuse("a condition of FULL JOIN that isn't equality of columns")


def _equal(render: Expressions, left: Joined, right: Joined, name: str) -> str:
    one, other = left.columns[name], right.columns[name]
    assert one is not None
    assert other is not None
    first, second = render.pair(one, other, "USING", is_ordered=False)
    for value in (one, other, first, second):
        render.context.need(value)
    return f"({first.sql} = {second.sql})"


# -- names ---------------------------------------------------------------------------------


def _check_names(left: Joined, right: Joined) -> None:
    if {source.alias for source in left.sources} & {source.alias for source in right.sources}:
        # An error at most origins, unless they are tables of different schemas.
        raise Refuse("two sources of one name")


def _columns(left: Joined, right: Joined) -> dict[str, Value | None]:
    columns = combined_columns(left.columns, right.columns)
    listed = {each.name for each in (*left.listed, *right.listed)}
    # Not listed: a row id, of which each source has one.
    return {name: value if name in listed else None for name, value in columns.items()}


def combined_columns(
    left: Mapping[str, Value | None], right: Mapping[str, Value | None]
) -> dict[str, Value | None]:
    """What unqualified names mean beside each other: None where both have one."""
    columns = {**left, **right}
    return {name: None if name in left and name in right else value for name, value in columns.items()}


def _shared(queries: Queries, left: Joined, right: Joined, node: exp.Join) -> tuple[str, ...]:
    """The columns that the join merges, folded."""
    context = queries.context
    # MariaDB takes a RIGHT JOIN as a LEFT one of the operands the other way round.
    first, second = (right, left) if _is_turned(queries, node) else (left, right)
    others = {each.name for each in second.listed}
    common = [each.name for each in first.listed if each.name in others]
    if node.args.get("method"):
        names = common
    else:
        names = [context.fold_column(identifier) for identifier in node.args.get("using") or []]
        if not set(names).issubset(common):
            raise Refuse("USING names a column that isn't known")
        if context.semantics.name == "mysql":
            # In the order of the table.
            names = sorted(names, key=common.index)
    if len(set(names)) != len(names) or any(
        side.columns[name] is None for name in names for side in (left, right)
    ):
        raise Refuse("a column that USING or NATURAL would merge is ambiguous")
    return tuple(names)


def _is_turned(queries: Queries, node: exp.Join) -> bool:
    return queries.context.semantics.name == "mysql" and str(node.args.get("side") or "").upper() == "RIGHT"


def _merged(queries: Queries, left: Joined, right: Joined, name: str, side: str) -> Listed:
    one, other = left.columns[name], right.columns[name]
    if one is None or other is None:
        raise Refuse("a column that USING or NATURAL would merge is ambiguous")
    given = _given(left, name)
    semantics = queries.context.semantics
    if semantics.is_dynamic:
        if side not in ("RIGHT", "FULL"):
            return Listed(name, given, one)
        return Listed(name, given, queries.expressions.dynamic(f"coalesce({one.sql}, {other.sql})"))
    if one.type is None or other.type is None or _form(one.type) != _form(other.type):
        raise Refuse("USING or NATURAL over columns of different types")
    if given != _given(right, name):
        raise Refuse("USING or NATURAL over names that are written in different ways")
    if side != "FULL":
        return Listed(name, given, other if side == "RIGHT" else one)
    result = queries.expressions.result_of(one.type, "USING")
    return Listed(
        name, given, Value(f"coalesce({one.sql}, {other.sql})", one.type, result=result, is_nulled=True)
    )


def _form(column: Column) -> Column:
    return replace(column, name="", nullable=True, description=None)


def _given(joined: Joined, name: str) -> str | None:
    return next(each.given for each in joined.listed if each.name == name)


def _listed(queries: Queries, left: Joined, right: Joined, merged: dict[str, Listed]) -> tuple[Listed, ...]:
    rest = (each for each in right.listed if each.name not in merged)
    if queries.context.semantics.is_dynamic:
        return (*(merged.get(each.name, each) for each in left.listed), *rest)
    return (*merged.values(), *(each for each in left.listed if each.name not in merged), *rest)


def unnamed(source: Source, names: Collection[str]) -> Source:
    """A source of which only the origin knows how * gives out these columns."""
    listed = tuple(replace(each, given=None if each.name in names else each.given) for each in source.listed)
    return replace(source, listed=listed)


def without_doubles(side: Joined) -> Joined:
    """What is in parentheses to SQLite: of two columns of one name it names one otherwise."""
    names = [each.name for each in side.listed]
    doubled = {name for name in names if names.count(name) > 1}
    sources = tuple(unnamed(source, doubled) for source in side.sources)
    listed = tuple(replace(each, given=None if each.name in doubled else each.given) for each in side.listed)
    return replace(side, sources=sources, listed=listed)


def _without_merged(side: Joined) -> Joined:
    listed = tuple(
        replace(each, given=None if each.name in side.merged else each.given) for each in side.listed
    )
    columns = {name: None if name in side.merged else value for name, value in side.columns.items()}
    return replace(side, listed=listed, columns=columns)


# -- what an outer join makes of a side ----------------------------------------------------


def _extended(side: Joined) -> Joined:
    # Most values stand in a source and in the side, by name and in their order: each is extended once.
    extended: dict[int, Value] = {}

    def extend(value: Value) -> Value:
        found = extended.get(id(value))
        if found is None:
            found = extended[id(value)] = replace(value, is_nulled=True)
        return found

    def listed(each: Listed) -> Listed:
        return replace(each, value=extend(each.value))

    def columns(named: Mapping[str, Value | None]) -> dict[str, Value | None]:
        return {name: None if value is None else extend(value) for name, value in named.items()}

    sources = tuple(
        replace(source, columns=columns(source.columns), listed=tuple(map(listed, source.listed)))
        for source in side.sources
    )
    return replace(
        side,
        sources=sources,
        listed=tuple(map(listed, side.listed)),
        columns=columns(side.columns),
    )
