"""Which expressions the origin may compute once per row and the store keep: the immutable ones.

An expression qualifies if each of its words is known here: a column, an operator, a keyword without
dependence on time or session, or the name of a function that is immutable, by this table or
(PostgreSQL) by the origin's own word, `pg_proc.provolatile`. A word that isn't known is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlmem.model import Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Operators, keywords, types and units: what may stand in an expression beside columns, constants
# and calls. Not here, among others: CURRENT_DATE and its like, DEFAULT, NEXT, SELECT, OVER, FILTER.
_WORDS = _words(
    """
    AND OR NOT XOR IS NULL TRUE FALSE UNKNOWN DISTINCT FROM BETWEEN SYMMETRIC ASYMMETRIC IN LIKE ILIKE
    SIMILAR TO ESCAPE REGEXP RLIKE CASE WHEN THEN ELSE END AS FOR BOTH LEADING TRAILING PLACING COLLATE
    BINARY DIV MOD INTERVAL ARRAY ANY ALL SOME ISNULL NOTNULL USING INT INTEGER BIGINT SMALLINT TINYINT
    MEDIUMINT INT2 INT4 INT8 TEXT VARCHAR CHAR CHARACTER VARYING NUMERIC DECIMAL REAL DOUBLE PRECISION
    FLOAT FLOAT4 FLOAT8 BOOLEAN BOOL DATE TIME TIMESTAMP DATETIME WITHOUT UUID JSON JSONB BYTEA SIGNED
    UNSIGNED YEAR MONTH DAY HOUR MINUTE SECOND QUARTER WEEK DECADE CENTURY MILLENNIUM DOW DOY ISODOW
    ISOYEAR EPOCH MICROSECOND MICROSECONDS MILLISECONDS MILLISECOND DAYOFWEEK YEAR_MONTH DAY_HOUR
    DAY_MINUTE DAY_SECOND HOUR_MINUTE HOUR_SECOND MINUTE_SECOND AT ZONE
    """
)
# Called like functions, and part of the grammar: CAST(…), a type with its size, IN (…).
_GRAMMAR_CALLS = _words(
    """
    cast convert coalesce nullif greatest least extract substring substr position trim overlay in any
    all some and or not when then else case between like ilike similar to regexp rlike is from for as
    array row varchar char character varying numeric decimal float bit time timestamp interval xor div
    mod if ifnull binary
    """
)
# Of those, the ones behind which PostgreSQL has functions of several volatilities.
_POSTGRESQL_CALLS: Mapping[str, str] = {
    "extract": "extract",
    "substring": "substring",
    "substr": "substr",
    "position": "position",
    "overlay": "overlay",
    "trim": "btrim",
}
# MariaDB and MySQL: deterministic, and dependent on nothing but their arguments. Not here: ord, whose type is
# too narrow for its values, which a temporary table cuts.
MYSQL_FUNCTIONS = _words(
    """
    abs acos adddate ascii asin atan atan2 bin bit_count bit_length ceil ceiling char char_length
    character_length concat concat_ws conv cos cot crc32 date date_add date_format date_sub datediff day
    dayname dayofmonth dayofweek dayofyear degrees elt exp export_set extractvalue field find_in_set
    floor format from_base64 from_days greatest hex hour ifnull if inet6_aton inet6_ntoa inet_aton
    inet_ntoa insert instr isnull is_ipv4 is_ipv6 json_array json_array_length json_compact
    json_contains json_contains_path json_depth json_detailed json_exists json_extract json_keys
    json_length json_object json_overlaps json_pretty json_query json_quote json_search json_type
    json_unquote json_valid json_value last_day lcase least left length ln locate log log10 log2 lower
    lpad ltrim makedate md5 microsecond mid minute mod month monthname nullif oct octet_length
    period_add period_diff pi position pow power quarter quote radians regexp_instr regexp_replace
    regexp_substr repeat replace reverse right round rpad rtrim second sha sha1 sha2 sign sin space sqrt
    strcmp str_to_date subdate substr substring substring_index tan time_format time_to_sec
    timestampdiff timestampadd to_base64 to_days to_seconds trim truncate ucase unhex upper week weekday
    weekofyear weight_string year yearweek date_diff soundex uuid_to_bin bin_to_uuid
    """
)
# MariaDB and MySQL complete a TIME with the present day where a moment is wanted, so that functions
# which make one aren't in the list above, and these don't stand beside a TIME column.
_MYSQL_COMPLETING = _words("timestamp time")
# PostgreSQL's input functions give these words the present day; a literal with one of them isn't constant.
_PRESENT = ("now", "today", "tomorrow", "yesterday")
_MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the origin must be asked of an expression before it counts as immutable.

    Attributes:
        functions: names as its catalogue has them, and with how many arguments they are called; None
            where a syntax of its own leaves that open.
        moments: kinds of date and time among the columns: a function that has variants of several
            volatilities must have an immutable one for each of these, and no other.
    """

    functions: tuple[tuple[str, int | None], ...]
    moments: tuple[Kind, ...]


def is_known_word(word: str) -> bool:
    return word in _WORDS


def unknown_call(family: str, calls: Iterable[str]) -> str | None:
    """The first of the called names that isn't immutable; None if all are, or only the origin knows."""
    if family == "postgresql":
        return None
    return next(
        (
            name
            for name in calls
            if name in _MYSQL_COMPLETING or (name not in _GRAMMAR_CALLS and name not in MYSQL_FUNCTIONS)
        ),
        None,
    )


def asked(family: str, calls: Iterable[tuple[str, int]], kinds: frozenset[Kind]) -> Asked:
    """What is for the origin's catalogue to say."""
    if family != "postgresql":
        return Asked((), ())
    wanted = [
        (_POSTGRESQL_CALLS[name], None) if name in _POSTGRESQL_CALLS else (name, arity)
        for name, arity in calls
        if name in _POSTGRESQL_CALLS or name not in _GRAMMAR_CALLS
    ]
    moments = sorted((kind for kind in kinds if kind in _MOMENTS), key=lambda kind: kind.value)
    return Asked(tuple(dict.fromkeys(wanted)), tuple(moments))


def mentions_the_present(literal: str) -> bool:
    lowered = literal.lower()
    return any(word in lowered for word in _PRESENT)
