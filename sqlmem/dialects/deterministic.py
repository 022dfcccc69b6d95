"""Whose answers can be kept: the functions that give the same again while the tables are the same.

Wider than what a column may be computed with (`dialects.immutable`): of a kept answer the rows are the
origin's own, so that a function may also depend on what a session has set, as PostgreSQL's stable ones
do. A session that has set anything bypasses, and its answers are never kept. What no function here
depends on: the time, chance, who asks, a sequence, a table that the statement doesn't name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmem.dialects.immutable import MYSQL_FUNCTIONS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# SQL:2003's, which all three have under these names; also what is part of the grammar.
_COMMON = _words(
    """
    abs avg cast ceil ceiling coalesce concat concat_ws count cume_dist dense_rank exp extract
    first_value floor greatest grouping lag last_value lateral lead least left length ln log lower lpad ltrim
    max min mod nth_value ntile nullif octet_length overlay percent_rank position power rank repeat
    replace right round row_number rpad rtrim sign sqrt substr substring sum trim upper
    """
)
# https://www.sqlite.org/lang_corefunc.html and the pages beside it. Not here: the date functions, for
# which a stored text 'now' is the present; random, changes, last_insert_rowid.
_SQLITE = _words(
    """
    char format group_concat hex ifnull iif instr json json_array json_array_length json_each
    json_error_position json_extract json_group_array json_group_object json_insert json_object
    json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type json_valid
    likelihood likely nullif printf quote soundex string_agg total typeof unhex unicode unlikely zeroblob
    acos acosh asin asinh atan atan2 atanh cos cosh degrees log10 log2 pi pow radians sin sinh tan tanh
    trunc
    """
)
# https://mariadb.com/kb/en/aggregate-functions/ and window-functions. Not here: what needs a seed, a
# lock or a user variable, see `immutable.MYSQL_FUNCTIONS`; and str_to_date, whose result may be a TIME,
# which the present day completes where a moment is wanted.
_MYSQL = (MYSQL_FUNCTIONS - {"str_to_date"}) | _words(
    """
    any_value bit_and bit_or bit_xor convert_tz from_unixtime group_concat json_arrayagg json_objectagg
    median ord percentile_cont percentile_disc std stddev stddev_pop stddev_samp var_pop var_samp variance
    """
)
# https://www.postgresql.org/docs/current/functions.html: volatility "immutable" in pg_proc, or "stable"
# because of the session's settings only. Not here, though stable: now and its kin, age of one argument's
# name, and whatever reads a catalogue.
_POSTGRESQL = _words(
    """
    acos array_agg array_append array_cat array_dims array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_to_json array_to_string array_upper
    ascii asin atan atan2 bit_and bit_length bit_or bool_and bool_or btrim cardinality cbrt char_length
    character_length chr convert_from convert_to corr cos cot covar_pop covar_samp date_bin date_part
    date_trunc decode degrees div encode every factorial format gcd generate_series
    generate_subscripts initcap int4range int8range isempty json_agg json_array_elements
    json_array_elements_text json_array_length json_build_array json_build_object json_each
    json_each_text json_extract_path json_extract_path_text json_object json_object_agg
    json_object_keys json_strip_nulls json_typeof jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
    jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
    jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls
    jsonb_typeof justify_days justify_hours justify_interval lcm lower_inc lower_inf make_date
    make_interval make_time make_timestamp make_timestamptz md5 mode numrange
    num_nonnulls num_nulls percentile_cont percentile_disc phraseto_tsquery pi
    plainto_tsquery pow quote_ident quote_literal quote_nullable radians range_merge
    regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy reverse row_to_json scale setweight sha224 sha256 sha384 sha512 sin
    split_part starts_with stddev stddev_pop stddev_samp string_agg string_to_array strip strpos
    tan timezone to_ascii to_char to_date to_hex to_json to_jsonb to_number to_timestamp
    to_tsquery to_tsvector translate trim_array trim_scale trunc ts_headline ts_rank ts_rank_cd unnest
    upper_inc upper_inf var_pop var_samp variance websearch_to_tsquery width_bucket
    """
)

_BY_FAMILY: Mapping[str, frozenset[str]] = {
    "sqlite": _COMMON | _SQLITE,
    "postgresql": _COMMON | _POSTGRESQL,
    "mysql": _COMMON | _MYSQL,
    "other": frozenset(),
}


def keeps(family: str, function: str) -> bool:
    """Whether a function's result changes only with its arguments and the tables."""
    return function.lower() in _BY_FAMILY[family]


def all_kept(family: str, functions: Iterable[str]) -> bool:
    return all(keeps(family, function) for function in functions)
