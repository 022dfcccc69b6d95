"""What the functions that a statement calls do, as far as their names tell."""

from __future__ import annotations

from dataclasses import replace

from sqlmem.calls import NOT_FUNCTIONS
from sqlmem.dialects.immutable import MYSQL_FUNCTIONS
from sqlmem.effects.base import Effect, Session, unknown
from sqlmem.effects.words import Part, lowered
from sqlmem.gate import has_side_effects, word_set
from sqlmem.lexer import Family, TokenKind

# Functions with side effects, of which it is known that no table's rows change by them. By family; in
# upper case; a name that ends in * stands for all that begin so.
_ROWLESS: dict[Family, str] = {
    "postgresql": """
        NEXTVAL SETVAL SETSEED PG_NOTIFY PG_ADVISORY_* PG_TRY_ADVISORY_* PG_CURRENT_XACT_ID TXID_CURRENT PG_PREWARM
        PG_STAT_RESET* PG_STAT_CLEAR_SNAPSHOT PG_STAT_FORCE_NEXT_FLUSH PG_EXPORT_SNAPSHOT TS_REWRITE
        PG_TERMINATE_BACKEND PG_CANCEL_BACKEND PG_RELOAD_CONF PG_ROTATE_LOGFILE* PG_SWITCH_WAL LO_* LOWRITE LOREAD
    """,
    # Who reads LAST_INSERT_ID() asks the origin.
    "mysql": "GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS NEXTVAL SETVAL LAST_INSERT_ID",
    "sqlite": "",
    "other": "",
}


def _split(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    names = text.split()
    return (
        frozenset(name for name in names if not name.endswith("*")),
        tuple(name[:-1] for name in names if name.endswith("*")),
    )


_ROWLESS_NAMES = {family: _split(text) for family, text in _ROWLESS.items()}
# Written with a parenthesis, and no call: grammar and types.
_GRAMMAR = NOT_FUNCTIONS | word_set(
    """
    INTO TABLE KEY INDEX UPDATE SET DO CONFLICT VALUE RETURNING ONLY NUMERIC DECIMAL VARCHAR CHAR CHARACTER VARYING
    BIT TIME TIMESTAMP INTERVAL FLOAT PRIMARY UNIQUE REFERENCES CHECK DEFAULT CONSTRAINT WITHOUT LATERAL
    COALESCE NULLIF GREATEST LEAST XMLELEMENT XMLFOREST GROUPING TABLESAMPLE UNNEST TRIM POSITION SUBSTRING OVERLAY
    NORMALIZE FORMAT OPTIONS PARTITION ORDINALITY INHERITS INCLUDE EXPLAIN ANALYZE COPY TO OFFSET
    """
)
_MYSQL_GRAMMAR = word_set(
    "USE FORCE IGNORE INDEX LIKE BINARY SIGNED UNSIGNED DATETIME ENUM ROW DUAL STRAIGHT_JOIN"
)
# MariaDB's own functions that aren't in the table of the immutable ones, and write nothing.
_MYSQL_BUILT_IN = word_set(
    """
    count sum avg min max group_concat bit_and bit_or bit_xor std stddev stddev_pop stddev_samp var_pop var_samp
    variance json_arrayagg json_objectagg now sysdate curdate curtime current_date current_time current_timestamp
    localtime localtimestamp utc_date utc_time utc_timestamp unix_timestamp from_unixtime rand uuid uuid_short
    last_insert_id row_count found_rows connection_id database schema user current_user session_user system_user
    current_role version sleep benchmark row_number rank dense_rank percent_rank cume_dist ntile lag lead
    first_value last_value nth_value coalesce convert cast values value default charset collation coercibility
    json_merge json_merge_patch json_merge_preserve json_set json_insert json_replace json_remove json_array_append
    json_array_insert json_normalize json_loose json_equals json_table addtime subtime timediff maketime
    convert_tz date_format time timestamp timestampadd week nvl nvl2 decode char_length chr lastval match
    concat_operator_oracle is_used_lock is_free_lock md5 sha compress uncompress uncompressed_length encrypt
    aes_encrypt aes_decrypt des_encrypt des_decrypt password old_password random_bytes name_const analyse
    st_astext st_geomfromtext st_x st_y point polygon linestring median percentile_cont percentile_disc
    """
)


def with_calls(part: Part, effect: Effect) -> Effect:
    """The effect with what the calls add."""
    names: set[str] = set()
    for index in range(len(part.words)):
        if not _is_call(part, index):
            continue
        name = part.words[index].lstrip('"').upper()
        if has_side_effects(name, part.family):
            if name == "SET_CONFIG":
                effect = replace(effect, session=Session.DIFFERS)
            elif not _is_rowless(name, part.family):
                return unknown(f"{name.lower()} may do anything")
        else:
            names.add(lowered(part.words[index].lstrip('"')))
    if part.family == "mysql":
        names -= MYSQL_FUNCTIONS | _MYSQL_BUILT_IN
    return replace(effect, calls=effect.calls | names) if names else effect


def _is_rowless(name: str, family: Family) -> bool:
    exact, beginnings = _ROWLESS_NAMES[family]
    return name in exact or name.startswith(beginnings)


def _is_call(part: Part, index: int) -> bool:
    if part.at(index + 1) != "(" or part.kinds[index] not in (TokenKind.WORD, TokenKind.NAME):
        return False
    if index in part.uncalled or part.at(index - 1) in ("AS", "::", ")"):
        return False
    if part.kinds[index] is TokenKind.WORD:
        word = part.words[index]
        if word in _GRAMMAR or (part.family == "mysql" and word in _MYSQL_GRAMMAR):
            return False
    return not _is_relation(part, index)


_BEFORE_RELATION = frozenset(
    ["INTO", "TABLE", "UPDATE", "COPY", "REFERENCES", "INDEX", "INSERT", "REPLACE", "IGNORE"]
)


def _is_relation(part: Part, index: int) -> bool:
    """INSERT INTO s.t (a, b), and its like."""
    while part.at(index - 1) == "." and index >= 2:
        index -= 2
    return part.at(index - 1) in _BEFORE_RELATION
