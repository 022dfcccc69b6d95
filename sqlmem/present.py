"""What a generation's values are, as far as a plan may depend on it; found out once and kept with it.

Nothing here changes a generation: it is asked like any reader asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmem.measures import BLOB, INTEGER, REAL, TEXT, Need, Span, failing
from sqlmem.plan import RANKS_OF_THE_CUT, RANKS_OF_THE_LONG, Plan, RankCheck, SortCheck, UniqueCheck
from sqlmem.store import Generation, Store
from sqlmem.stored import DATA, quoted

# The finest grain that is looked for: floats that are no multiples of 2**-24 are as good as any.
_GRAINS = 24
_MOST = 2.0**70  # beyond, a total is of no use


@dataclass(frozen=True, slots=True)
class Present:
    """The values of a plan's tables.

    Attributes:
        with_distinct: whether equal values that aren't the same are looked for, which costs a sort.
    """

    store: Store
    generations: Sequence[Generation]
    rows: int
    uses: int
    with_distinct: bool

    def span(self, table: int, column: str) -> Span:
        generation = self.generations[table]
        span = generation.facts.get(column)
        if span is None:
            span = _span(self.store, generation, column)
            generation.facts[column] = span
        if not self.with_distinct:
            return span
        key = f"{column}\0"  # no column has such a name
        known = generation.facts.get(key)
        if known is None:
            known = replace(span, is_distinct=_is_distinct(self.store, generation, column))
            generation.facts[key] = known
        return known


def obstacle(store: Store, plan: Plan, generations: Sequence[Generation]) -> str | None:
    """Why the plan isn't exact on these generations' values; None if it is."""
    if not plan.checks:
        return None
    # Nothing else makes rows, and the statement names its tables so many times.
    rows = plan.made + plan.uses * sum(generation.rows for generation in generations)
    uses = plan.uses
    if plan.joins:
        present_rows = [generation.rows for generation in generations]
        uses = rows = max(each.at_most(present_rows) for each in plan.joins)
    for check in plan.checks:
        if isinstance(check, RankCheck):
            if not _is_one_to_one(store, generations[check.table], check.column, check.rank):
                return "values that the origin holds as equal, and that aren't the same"
            continue
        if isinstance(check, SortCheck):
            if _longest(store, generations[check.table], check) > _most(check):
                return "texts of which the origin's sorts look at the beginning only"
            continue
        if isinstance(check, UniqueCheck):
            if not _is_unique(store, generations[check.table], check.columns):
                return "a subquery that gives several rows as a value, or might"
            continue
        present = Present(store, generations, rows, uses, check.need is Need.DISTINCT)
        reason = failing(check, present)
        if reason is not None:
            return reason
    return None


def _span(store: Store, generation: Generation, column: str) -> Span:
    name = quoted(generation.columns[column].stored_name)
    kind = f"typeof({name})"
    whole, real = f"{kind} = 'integer'", f"{kind} = 'real'"
    sql = (
        f"SELECT coalesce(max({whole}), 0), coalesce(max({real}), 0), coalesce(max({kind} = 'text'), 0),"
        f" coalesce(max({kind} = 'blob'), 0),"
        # abs() of the least integer is an error, hence the two halves.
        f" coalesce(max(CASE WHEN {whole} THEN max({name}, -({name} + 1)) END), 0),"
        f" coalesce(max(CASE WHEN {real} THEN abs({name}) END), 0.0),"
        f" coalesce(max(CASE WHEN {whole} OR {real} THEN {name} < 0 END), 0),"
        f" total(CASE WHEN {whole} THEN max({name}, -({name} + 1)) + 1.0 WHEN {real} THEN abs({name}) END)"
        f" FROM main.{DATA}"
    )
    wholes, reals, texts, blobs, integer, largest, negative, total = store.query((generation,), sql, ())[0]
    classes = INTEGER * wholes | REAL * reals | TEXT * texts | BLOB * blobs
    size = integer + 1 if wholes else 0
    units: int | None = size
    exponent = 0
    if texts or blobs:
        units = None
    elif reals:
        grain = _grain(store, generation, name, largest)
        if grain is None:
            units = None
        else:
            exponent = -grain
            units = max(size, int(largest) + 1) << grain
    return Span(
        classes,
        units,
        exponent,
        max(float(size), largest) * (1 + 2**-50) if not (texts or blobs) else float("inf"),
        bool(negative) or bool(texts or blobs),
        # A codec keeps no -0.0 (see encode_float).
        has_signed_zero=False,
        is_distinct=False,
        # Rounded at each step, hence more than enough on top.
        total=None if units is None or total > _MOST else int(total * (1 + 2**-20) + 1) << -exponent,
    )


def _grain(store: Store, generation: Generation, name: str, largest: float) -> int | None:
    """The least k for which all floats are multiples of 2**-k; None if it is past `_GRAINS`."""

    def is_enough(grain: int) -> bool:
        scaled = f"({name} * {2.0**grain!r})"
        # The scaling is exact, and so is the comparison; a cast of what is too large isn't equal.
        sql = (
            f"SELECT EXISTS (SELECT 1 FROM main.{DATA} WHERE typeof({name}) = 'real'"
            f" AND {scaled} <> CAST({scaled} AS INTEGER))"
        )
        return not store.query((generation,), sql, ())[0][0]

    if largest >= 2.0**60:
        return None
    # Scaled, the largest must still fit an integer.
    least, most = 0, min(_GRAINS, 62 - int(largest).bit_length())
    if not is_enough(most):
        return None
    while least < most:
        middle = (least + most) // 2
        if is_enough(middle):
            most = middle
        else:
            least = middle + 1
    return least


def _is_distinct(store: Store, generation: Generation, column: str) -> bool:
    """Whether no two values are equal, by the column's collation, and not the same."""
    name = quoted(generation.columns[column].stored_name)
    sql = (
        f"SELECT (SELECT count(*) FROM (SELECT DISTINCT {name} FROM main.{DATA}))"
        f" = (SELECT count(*) FROM (SELECT DISTINCT {name} COLLATE BINARY, typeof({name}) FROM main.{DATA}))"
    )
    return bool(store.query((generation,), sql, ())[0][0])


def _is_one_to_one(store: Store, generation: Generation, column: str, rank: str) -> bool:
    """Whether each value of a column has one rank and each rank one value; found out once."""
    known = generation.pairs.get((column, rank))
    if known is None:
        value, number = (quoted(generation.columns[name].stored_name) for name in (column, rank))
        sql = (
            f"SELECT count(*) = count(DISTINCT d.{value}) AND count(*) = count(DISTINCT d.{number})"
            f" FROM (SELECT DISTINCT {value}, {number} FROM main.{DATA}"
            # Of some values the driver makes None: they have a rank, and NULL hasn't.
            f" WHERE {value} IS NOT NULL OR {number} IS NOT NULL) AS d"
        )
        known = bool(store.query((generation,), sql, ())[0][0])
        generation.pairs[column, rank] = known
    return known


def _most(check: SortCheck) -> int:
    if check.most is not None:
        return check.most
    return RANKS_OF_THE_LONG if check.is_ordered else RANKS_OF_THE_CUT


def _longest(store: Store, generation: Generation, check: SortCheck) -> int:
    """The bytes of the column's longest value, or its greatest rank; found out once."""
    known = generation.longest.get(check.column)
    if known is None:
        name = quoted(generation.columns[check.column].stored_name)
        value = name if check.most is None else f"length(CAST({name} AS BLOB))"
        known = int(
            store.query((generation,), f"SELECT coalesce(max({value}), 0) FROM main.{DATA}", ())[0][0]
        )
        generation.longest[check.column] = known
    return known


def _is_unique(store: Store, generation: Generation, columns: tuple[str, ...]) -> bool:
    """Whether no two rows have the same values in these columns, NULLs aside; found out once."""
    known = generation.unique.get(columns)
    if known is None:
        names = [quoted(generation.columns[name].stored_name) for name in columns]
        group = ", ".join(f"d.{name}" for name in names)
        where = " AND ".join(f"d.{name} IS NOT NULL" for name in names)
        tail = f" WHERE {where} GROUP BY {group}" if names else ""
        sql = (
            f"SELECT NOT EXISTS (SELECT 1 FROM (SELECT count(*) AS n FROM main.{DATA} AS d{tail})"
            " WHERE n > 1)"
        )
        known = bool(store.query((generation,), sql, ())[0][0])
        generation.unique[columns] = known
    return known
