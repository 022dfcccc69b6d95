"""What a dialect's semantics are, as data: the shape of the tables in this package.

The planner asks these tables and nothing else what an origin's operators, functions and
types mean. Adding an origin is a module with another `Semantics`; adding a function is a row.
A function, cast or type that has no row is the origin's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmem.dialects.aggregates import Aggregates
from sqlmem.dialects.parameters import Classify, ParameterType
from sqlmem.dialects.rules import Result, Rules, result
from sqlmem.model import Collation, Column, Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """What was asked of the origin once, since semantics depend on it, or what was saved does.

    Attributes:
        driver: SQLAlchemy's name of the driver; some give two of the origin's values as one.
        overridden: SQLite: functions that the application replaced (lower case). PostgreSQL: functions of the
            origin's own of whose names somebody has made others, over types that the store computes with.
        operators: PostgreSQL: likewise, operators.
        namesakes: PostgreSQL: functions of the origin's own of whose names somebody has made others, over
            whatever types.
        changing: PostgreSQL: operators that somebody has made, on whatever types, whose results may change;
            "cast" among them for casts.
        division_digits: MariaDB: div_precision_increment; None for MySQL, whose arithmetic wasn't looked at.
        like_ignores_case: SQLite: LIKE as built in; PRAGMA case_sensitive_like changes it.
        names_are_declared: SQLite: an unaliased column is given out under its declared name, however
            the statement writes it; PRAGMA short_column_names changes it.
        names_have_types: SQLite: the driver takes [x] in a column's name for the type of its values.
        recursion_depth: MariaDB, MySQL: the rounds after which a recursive query ends, complete or not.
        backslash_escapes: MariaDB: without NO_BACKSLASH_ESCAPES, which takes it from LIKE too.
        concat_bytes: MariaDB: group_concat_max_len, from which on GROUP_CONCAT is cut; None if not asked.
        folds_i: MariaDB: a constant's i is the lower case of its I, which it isn't in Turkish.
        json_is_parsed: PostgreSQL: the driver gives JSON as Python's json reads it.
        rounds_floats: PostgreSQL: floats come with fewer digits than they have, as connections are set.
        sort_length: MariaDB, MySQL: max_sort_length, the bytes of each value that a sort looks at.
        peculiar: what makes every statement mean something else, or every answer shorter, so that all are the
            origin's; None: nothing of that kind is set.
        session: names and values of what connections are set to, and of constants as their driver gives them.
    """

    driver: str | None = None
    overridden: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    namesakes: frozenset[str] = frozenset()
    changing: frozenset[str] = frozenset()
    like_ignores_case: bool = True
    division_digits: int | None = None
    names_are_declared: bool = False
    names_have_types: bool = False
    backslash_escapes: bool = True
    recursion_depth: int | None = None
    concat_bytes: int | None = None
    folds_i: bool = False
    json_is_parsed: bool = False
    rounds_floats: bool = False
    sort_length: int | None = None
    peculiar: str | None = None
    session: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Semantics:
    """One dialect's meaning.

    Attributes:
        sqlglot: the name of the parser's dialect; None for the parser's own.
        comparison, count: the results of a predicate and of COUNT.
        integer, text: what a constant of the select list is; None: only the origin knows.
        quoted: what a constant text of the select list is, where it can't be compared.
        nothing: what a NULL of the select list is; None: only the origin knows.
        computes_columns: an expression may be computed by the origin and fetched as a column.
        is_dynamic: values carry their types, as in the store itself (SQLite).
        folds_constants: expressions without columns are computed before any row is looked at, or may be.
        folds_unquoted: an unquoted identifier as the catalogue spells it; None where quoting makes
            no difference to it.
        ignores_column_case, ignores_table_case: names are equal if they differ in case only.
        booleans_are_integers: a comparison yields 0 or 1, and a number is a condition.
        sums: type name of an INTEGER column -> result of SUM; without a row: not computed locally.
        numeric_sum_code: `type_code` of a SUM of NUMERIC(p,s); None: not computed locally.
        float_sum: result of SUM and AVG of FLOAT; None: not computed locally.
        mean: from the type of what is averaged to AVG's result, and the form of its text with {0} for the
            sum and {1} for the count; None: not of this type.
        minmax: the kinds that MIN and MAX take, and the `type_code` where it isn't the column's own.
        minmax_integer: what MIN and MAX make of integers that are no column; None: their own type.
        window_functions: those without an argument -> result.
        window_integers: type names of computed integers that LAG, FIRST_VALUE and their like keep.
        casts: parser's type name -> what a parameter or literal so cast is.
        integer_bounds: type name -> largest value; a parameter beyond is an error at the origin.
        codes: type name, without its size -> `type_code`.
        names_are_figured: an unaliased expression is named by PostgreSQL's rule.
        names_are_text: it is named by its text.
        text_order: the collations whose order the store has.
        has_arrays: = ANY and <> ALL take one.
        text_has_nul: a text may contain NUL, at which the store's own functions of text end.
        text_in_quotes: kinds whose constants are texts here, so that COALESCE(date, '2024-01-01')
            is a text and no date.
        pure_functions: functions that a view may call and still be cached.
        aggregates: those beside COUNT, MIN, MAX, SUM and AVG; see `aggregates`.
        rules: what operators and functions mean by the types of their operands; see `rules`.
        shapes: forms of queries that it has, of those that not every origin has; where one is missing
            the statement is an error there. See `shapes`.
        mixes_numbers: numbers of different types compare by their exact values, or as floats beside one.
        division_digits: the fact of that name under which the rows about numbers hold; None: always.
        called: the names of the functions among the rules, as statements call them.
        literals: the type that a literal of its own has; None: only the origin knows.
        parameters: driver -> the type that a parameter of its own has; see `parameters`.
        choice: the type that values of these types become where one of them is the result.
        cast: what a cast makes of a stored value of one type as another: the store's text, and the type.
        refused: what looks local and is not -> the case that would be wrong.
    """

    name: str
    sqlglot: str | None
    comparison: Result
    count: Result
    integer: Result
    text: Result | None = None
    quoted: Result | None = None
    nothing: Result | None = None
    computes_columns: bool = False
    is_dynamic: bool = False
    folds_constants: bool = False
    folds_unquoted: Callable[[str], str] | None = None
    ignores_column_case: bool = False
    ignores_table_case: bool = False
    booleans_are_integers: bool = False
    sums: Mapping[str, Result] = field(default_factory=dict)
    numeric_sum_code: int | None = None
    float_sum: Result | None = None
    mean: Callable[[Column], tuple[Result, str] | None] | None = None
    minmax: Mapping[Kind, int | None] = field(default_factory=dict)
    minmax_integer: Result | None = None
    window_functions: Mapping[str, Result] = field(default_factory=dict)
    window_integers: frozenset[str] = frozenset({"SMALLINT", "INTEGER", "BIGINT"})
    casts: Mapping[str, Column] = field(default_factory=dict)
    integer_bounds: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    names_are_figured: bool = False
    names_are_text: bool = False
    text_order: frozenset[Collation] = frozenset({Collation.BINARY})
    has_arrays: bool = False
    text_has_nul: bool = False
    text_in_quotes: frozenset[Kind] = frozenset()
    pure_functions: frozenset[str] = frozenset()
    aggregates: Aggregates = field(default_factory=dict)
    rules: Rules = field(default_factory=dict)
    shapes: frozenset[str] = frozenset()
    mixes_numbers: bool = False
    division_digits: int | None = None
    called: frozenset[str] = frozenset()
    literals: Callable[..., ParameterType | None] | None = None
    parameters: Mapping[str, Classify] = field(default_factory=dict)
    choice: Callable[[Sequence[ParameterType]], Column | None] | None = None
    cast: Callable[[str, Column, Column], tuple[str, Column] | None] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    def has_text_like(self, type_: Column) -> bool:
        """Whether a text type with rules of its own holds identical texts as equal to each other only.

        Enums and sets do, and in PostgreSQL all of them; MySQL's JSON doesn't.
        """
        return not self.booleans_are_integers or type_.type_name.startswith(("enum", "set"))

    def code_of(self, type_: Column) -> int | None:
        """The `type_code` of a computed result of this type; None if it isn't known."""
        name = type_.type_name.partition(" COLLATE ")[0].partition("(")[0]
        return self.codes.get(name.strip().upper())


# Functions of SQL that depend on nothing but their arguments, under the parser's names:
# what a view may call and still be cached.
PURE_FUNCTIONS = frozenset(
    [
        "abs",
        "and",
        "any",
        "array_agg",
        "avg",
        "bit_length",
        "case",
        "cast",
        "ceil",
        "coalesce",
        "concat",
        "concat_ws",
        "count",
        "countif",
        "dense_rank",
        "divide",
        "exists",
        "exp",
        "extract",
        "floor",
        "greatest",
        "group_concat",
        "hex",
        "if",
        "instr",
        "is_null",
        "lag",
        "last_value",
        "lead",
        "least",
        "left",
        "length",
        "like",
        "ln",
        "log",
        "lower",
        "lpad",
        "ltrim",
        "max",
        "md5",
        "min",
        "mod",
        "mul",
        "nullif",
        "nth_value",
        "ntile",
        "or",
        "percent_rank",
        "pow",
        "quantile",
        "rank",
        "replace",
        "reverse",
        "right",
        "round",
        "row_number",
        "rpad",
        "rtrim",
        "sign",
        "sqrt",
        "stddev",
        "str_position",
        "sub",
        "substring",
        "sum",
        "timestamp_trunc",
        "trim",
        "upper",
        "year",
        "month",
        "day",
        "first_value",
        "cume_dist",
        "string_agg",
        "xor",
        "bool_and",
        "bool_or",
        "logical_and",
        "logical_or",
    ]
)


__all__ = ["PURE_FUNCTIONS", "Facts", "Result", "Semantics", "result"]
