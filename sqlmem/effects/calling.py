"""What the functions that a statement calls do, as far as their names tell."""

from __future__ import annotations

from dataclasses import replace

from sqlmem.calls import NOT_FUNCTIONS
from sqlmem.commands import QUERY_WORDS, has_side_effects, word_set
from sqlmem.dialects.immutable import MYSQL_FUNCTIONS
from sqlmem.effects.base import Effect, Session, unknown
from sqlmem.effects.words import Part, lowered
from sqlmem.lexer import Family, TokenKind

# Functions with side effects, of which it is known that no table's rows change by them. By family; in
# upper case; a name that ends in * stands for all that begin so.
_ROWLESS: dict[Family, str] = {
    "postgresql": """
        NEXTVAL SETVAL SETSEED PG_NOTIFY PG_ADVISORY_* PG_TRY_ADVISORY_* PG_CURRENT_XACT_ID TXID_CURRENT
        PG_PREWARM PG_STAT_RESET* PG_STAT_CLEAR_SNAPSHOT PG_STAT_FORCE_NEXT_FLUSH PG_EXPORT_SNAPSHOT
        PG_TERMINATE_BACKEND PG_CANCEL_BACKEND PG_RELOAD_CONF PG_ROTATE_LOGFILE* PG_SWITCH_WAL
        LO_* LOWRITE LOREAD
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
    INTO TABLE KEY INDEX UPDATE SET DO CONFLICT VALUE RETURNING ONLY NUMERIC DECIMAL VARCHAR CHAR
    CHARACTER VARYING BIT TIME TIMESTAMP INTERVAL FLOAT PRIMARY UNIQUE REFERENCES CHECK DEFAULT CONSTRAINT
    WITHOUT LATERAL COALESCE NULLIF GREATEST LEAST XMLELEMENT XMLFOREST GROUPING TABLESAMPLE UNNEST TRIM
    POSITION SUBSTRING OVERLAY NORMALIZE FORMAT OPTIONS PARTITION ORDINALITY INHERITS INCLUDE EXPLAIN
    ANALYZE COPY TO OFFSET RAISE IF ELSEIF WHILE UNTIL RETURN FOR LOOP PERFORM
    """
)
_FAMILY_GRAMMAR: dict[Family, frozenset[str]] = {
    "mysql": word_set(
        """
        USE FORCE IGNORE INDEX LIKE BINARY VARBINARY SIGNED UNSIGNED DATETIME ENUM ROW DUAL STRAIGHT_JOIN
        INT INTEGER TINYINT SMALLINT MEDIUMINT BIGINT DOUBLE REAL TEXT BLOB YEAR BOOLEAN
        """
    ),
    "postgresql": word_set(
        """
        CURRENT_TIMESTAMP CURRENT_TIME LOCALTIME LOCALTIMESTAMP JSON_TABLE XMLTABLE JSON_VALUE JSON_QUERY
        JSON_EXISTS JSON_ARRAY JSON_OBJECT JSON_ARRAYAGG JSON_OBJECTAGG JSON_SCALAR JSON_SERIALIZE
        XMLPARSE XMLROOT XMLSERIALIZE XMLCONCAT XMLPI XMLEXISTS COLLATION PRECISION ZONE INSERT
        """
    ),
    "sqlite": frozenset(),
    "other": frozenset(),
}
# MariaDB's own functions that aren't in the table of the immutable ones, and write nothing.
_MYSQL_BUILT_IN = word_set(
    """
    add_months addtime aes_decrypt aes_encrypt analyse avg benchmark binlog_gtid_pos bit_and bit_or
    bit_xor cast charset chr coalesce coercibility collation column_check column_exists column_json
    column_list compress concat_operator_oracle connection_id convert convert_tz count crc32c cume_dist
    curdate current_date current_role current_time current_timestamp current_user curtime database decode
    decode_histogram decode_oracle default dense_rank des_decrypt des_encrypt encode encrypt extract
    first_value found_rows from_unixtime group_concat is_free_lock is_ipv4_compat is_ipv4_mapped
    is_used_lock json_array_append json_array_insert json_arrayagg json_equals json_insert json_loose
    json_merge json_merge_patch json_merge_preserve json_normalize json_objectagg json_remove json_replace
    json_set json_table lag last_value lastval lead lengthb linestring load_file localtime localtimestamp
    lpad_oracle ltrim_oracle make_set maketime master_gtid_wait master_pos_wait match max median min
    name_const natural_sort_key now nth_value ntile nvl nvl2 old_password ord password percent_rank
    percentile_cont percentile_disc point polygon rand random_bytes rank replace_oracle row_count
    row_number rpad_oracle rtrim_oracle schema schemas sec_to_time session_user sformat sleep st_astext
    st_geomfromtext st_x st_y std stddev stddev_pop stddev_samp substr_oracle subtime sum sys_guid sysdate
    system_user time timediff timestamp to_char trim_oracle uncompress uncompressed_length unix_timestamp
    updatexml user utc_date utc_time utc_timestamp uuid uuid_short value values var_pop var_samp variance
    version wsrep_last_seen_gtid wsrep_last_written_gtid wsrep_sync_wait_upto_gtid
    """
)
_MYSQL_KNOWN = MYSQL_FUNCTIONS | _MYSQL_BUILT_IN
# Of geometries: with ST_ and without, only with it, only without.
_OF_GEOMETRIES = word_set(
    """
    area asbinary astext aswkb aswkt boundary buffer centroid contains convexhull crosses dimension
    disjoint distance endpoint envelope equals exteriorring geomcollfromtext geomcollfromwkb
    geometrycollectionfromtext geometrycollectionfromwkb geometryfromtext geometryfromwkb geometryn
    geometrytype geomfromtext geomfromwkb interiorringn intersects isclosed isempty isring issimple
    linefromtext linefromwkb linestringfromtext linestringfromwkb mlinefromtext mlinefromwkb
    mpointfromtext mpointfromwkb mpolyfromtext mpolyfromwkb multilinestringfromtext
    multilinestringfromwkb multipointfromtext multipointfromwkb multipolygonfromtext multipolygonfromwkb
    numgeometries numinteriorrings numpoints overlaps pointfromtext pointfromwkb pointn pointonsurface
    polyfromtext polyfromwkb polygonfromtext polygonfromwkb srid startpoint touches within x y
    """
)
_WITH_ST = word_set(
    """
    asgeojson collect difference distance_sphere frechetdistance geohash geomcollfromtxt geomfromgeojson
    hausdorffdistance intersection isvalid latfromgeohash latitude length lineinterpolatepoint
    lineinterpolatepoints longfromgeohash longitude makeenvelope numinteriorring pointatdistance
    pointfromgeohash relate simplify swapxy symdifference transform union validate
    """
)
_WITHOUT_ST = word_set(
    """
    geomcollection geometrycollection glength mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequal
    mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin multilinestring multipoint multipolygon
    """
)
# Functions of MariaDB or MySQL that write nothing, in some of their versions; and words of grammar that a
# parenthesis follows, and that aren't reserved everywhere. Unless somebody has made a function of that name.
MYSQL_UNLESS_MADE = (
    _OF_GEOMETRIES
    | _WITHOUT_ST
    | {f"st_{name}" for name in _OF_GEOMETRIES | _WITH_ST}
    | word_set(
        """
        against any_value both can_access_column can_access_database can_access_table can_access_view
        column_add column_create column_delete column_get columns distinctrow escape format_bytes
        format_pico_time get_format gtid_subset gtid_subtract high_priority icu_version is_uuid
        json_array_intersect json_key_value json_object_filter_keys json_object_to_array json_schema_valid
        json_schema_validation_report json_storage_free json_storage_size kdf leading of
        ps_current_thread_id ps_thread_id regexp_like roles_graphml rownum source_pos_wait sql_big_result
        sql_buffer_result sql_cache sql_calc_found_rows sql_no_cache sql_small_result statement_digest
        statement_digest_text string_to_vector to_vector trailing trunc uuid_v4 uuid_v7
        validate_password_strength vec_distance vec_distance_cosine vec_distance_euclidean vec_fromtext
        vec_totext vector_dim vector_to_string wait_for_executed_gtid_set wait_until_sql_thread_after_gtids
        """
    )
)


def with_calls(part: Part, effect: Effect) -> Effect:
    """The effect with what the calls add."""
    names: set[str] = set()
    for index, following in enumerate(part.words[1:]):
        if following != "(" or not _is_call(part, index):
            continue
        name = part.words[index].lstrip('"').upper()
        if has_side_effects(name, part.family):
            if name == "SET_CONFIG":
                effect = replace(effect, session=Session.DIFFERS)
            elif not _is_rowless(name, part.family):
                return unknown(f"{name.lower()} may do anything")
            continue
        name = lowered(part.words[index].lstrip('"'))
        # With a schema it is a function that somebody has made, whatever its name.
        if part.family != "mysql" or part.at(index - 1) == "." or name not in _MYSQL_KNOWN:
            names.add(name)
    return replace(effect, calls=effect.calls | names) if names else effect


def _is_rowless(name: str, family: Family) -> bool:
    exact, beginnings = _ROWLESS_NAMES[family]
    return name in exact or name.startswith(beginnings)


def _is_call(part: Part, index: int) -> bool:
    """Whether what stands before a parenthesis is called."""
    kind = part.kinds[index]
    if kind is TokenKind.WORD:
        word = part.words[index]
        # Behind a dot there is only a name.
        if (word in _GRAMMAR or word in _FAMILY_GRAMMAR[part.family]) and part.at(index - 1) != ".":
            return False
    elif kind is not TokenKind.NAME:
        return False
    if part.at(index - 1) in _BEFORE_NO_CALL or _is_common_table(part, index):
        return False
    return not _is_relation(part, index)


# A type with its size, or a relation with its columns: AS decimal(3, 1), AS v (a), ) v (a).
_BEFORE_NO_CALL = frozenset(["AS", "::", ")"])
_QUERIES = QUERY_WORDS | {"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"}


def _is_common_table(part: Part, index: int) -> bool:
    """WITH d (a, b) AS (SELECT …), and not FROM f(1) AS (a integer): that calls f."""
    if part.at(index - 1) not in ("WITH", "RECURSIVE", ","):
        return False
    behind = part.closing(index + 1) + 1
    if part.at(behind) != "AS":
        return False
    behind = part.after(behind + 1, "NOT", "MATERIALIZED")
    return part.at(behind) == "(" and part.at(behind + 1) in _QUERIES


_BEFORE_RELATION = frozenset(
    ["INTO", "TABLE", "UPDATE", "COPY", "REFERENCES", "INDEX", "INSERT", "REPLACE", "IGNORE"]
)


def _is_relation(part: Part, index: int) -> bool:
    """INSERT INTO s.t (a, b), and its like."""
    while part.at(index - 1) == "." and index >= 2:
        index -= 2
    return part.at(index - 1) in _BEFORE_RELATION
