"""Whether SQLite's program for a read, as EXPLAIN lists it, can only read.

Rule 1: what isn't in these tables may write. They say what only reads, not what writes.
Rule 2: a verdict holds on a connection that has nothing but SQLite's own functions, collations and virtual
tables (`ONLY_ITS_OWN`). On such a one no change of a view, a table or a plan makes a read write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = re.compile(r"\s*(?:SELECT|WITH|VALUES)\b", re.IGNORECASE)

# Opcodes that run a program, compute, and read. Those that store do so by a cursor, and none is here that
# opens one for writing but on a table of the statement's own (OpenEphemeral, OpenAutoindex, SorterOpen).
# No virtual table: what its module does isn't listed. No Program: triggers.
_OPCODES = _words(
    """
    Init Goto Gosub Return BeginSubrtn InitCoroutine Yield EndCoroutine Halt HaltIfNull Jump Once Noop
    Explain Trace Abortable ReleaseReg If IfNot IfPos IfNotZero DecrJumpZero IfNullRow IfEmpty IfSmaller
    IfSizeBetween IsNull NotNull IsTrue IsType ElseEq ElseNotEq MustBeInt ZeroOrNull Integer Int64 Real
    String String8 Null SoftNull Blob Variable Move Copy SCopy IntCopy ResultRow Concat Add Subtract Multiply
    Divide Remainder BitAnd BitOr BitNot ShiftLeft ShiftRight AddImm Not And Or RealAffinity Affinity Cast Eq
    Ne Lt Le Gt Ge Compare Permutation CollSeq ClrSubtype GetSubtype SetSubtype Function Function0 PureFunc
    PureFunc0 AggStep AggStep0 AggStep1 AggInverse AggValue AggFinal Transaction TableLock OpenRead ReopenIdx
    OpenDup OpenEphemeral OpenAutoindex OpenPseudo SorterOpen Close ColumnsUsed CursorHint CursorLock
    CursorUnlock Offset OffsetLimit MemMax SeekLT SeekLE SeekGE SeekGT SeekScan SeekHit SeekRowid SeekEnd
    NotExists NotFound Found NoConflict IfNoHope IfNotOpen DeferredSeek FinishSeek IdxRowid IdxLE IdxGT IdxLT
    IdxGE Rowid RowData Column NullRow Count Last Sort SorterSort Rewind Next Prev SorterNext SorterData
    SorterCompare Sequence SequenceTest Filter FilterAdd RowSetAdd RowSetRead RowSetTest MakeRecord NewRowid
    Insert IdxInsert SorterInsert Delete ResetSorter
    """
)
# opcode -> the operand that is 0 if it only reads
_READS_BY = {"Transaction": 3, "TableLock": 4}
# Those whose P4 names a function, with how many operands it takes: `lower(1)`.
_CALLS = _words(
    """
    Function Function0 PureFunc PureFunc0 AggStep AggStep0 AggStep1 AggInverse AggValue AggFinal
    """
)

# SQLite's own that compute and nothing else. Not load_extension, fts3_tokenizer and sqlite_log; not floor and
# regexp, which are SQLAlchemy's Python functions.
_FUNCTIONS = _words(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling changes char coalesce concat concat_ws
    cos cosh count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp
    first_value format glob group_concat hex if ifnull iif instr json json_array json_array_length
    json_error_position json_extract json_group_array json_group_object json_insert json_object json_patch
    json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array
    jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove
    jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln
    log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi pow power
    printf quote radians random randomblob rank replace round row_number rtrim sign sin sinh soundex
    sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id sqlite_version sqrt strftime
    string_agg substr substring subtype sum tan tanh time timediff total total_changes trim trunc typeof
    unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob
    """
)

# What connections have that isn't said to be built in: of SQLite's extensions, and what SQLAlchemy makes.
_KNOWN_FUNCTIONS = (
    "bm25",
    "floor",
    "fts3_tokenizer",
    "fts5",
    "fts5_get_locale",
    "fts5_insttoken",
    "fts5_locale",
    "fts5_source_id",
    "highlight",
    "match",
    "matchinfo",
    "offsets",
    "optimize",
    "regexp",
    "rtreecheck",
    "rtreedepth",
    "rtreenode",
    "snippet",
)
_KNOWN_MODULES = (
    "bytecode",
    "dbstat",
    "fts3",
    "fts3tokenize",
    "fts4",
    "fts4aux",
    "fts5",
    "fts5vocab",
    "json_each",
    "json_tree",
    "jsonb_each",
    "jsonb_tree",
    "rtree",
    "rtree_i32",
    "sqlite_dbpage",
    "sqlite_stmt",
    "tables_used",
)
_KNOWN_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")


def _names(known: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in known)


# Asks whether a connection has nothing but SQLite's own. It calls no function, since that could be anybody's:
# pragma_ and what follows is told by its place in the order, ` being the character after _.
ONLY_ITS_OWN = f"""
    SELECT NOT EXISTS (
        SELECT 1 FROM pragma_function_list WHERE NOT builtin AND name NOT IN ({_names(_KNOWN_FUNCTIONS)})
        UNION ALL SELECT 1 FROM pragma_module_list
            WHERE name NOT IN ({_names(_KNOWN_MODULES)}) AND NOT (name > 'pragma_' AND name < 'pragma`')
        UNION ALL SELECT 1 FROM pragma_collation_list WHERE name NOT IN ({_names(_KNOWN_COLLATIONS)})
    )
"""


def only_reads(program: Sequence[Any]) -> bool:
    """Whether all of a program is known to read.

    Args:
        program: rows of EXPLAIN, as the driver gives them; of another shape, they prove nothing.
    """
    return bool(program) and all(_reads(row) for row in program)


def _reads(row: Any) -> bool:
    if type(row) is not tuple or len(row) != 8:
        return False
    opcode, named = row[1], row[5]
    if opcode not in _OPCODES:
        return False
    if opcode in _CALLS:
        return type(named) is str and named.partition("(")[0] in _FUNCTIONS
    operand = _READS_BY.get(opcode)
    return operand is None or row[operand] == 0


__all__ = ["ONLY_ITS_OWN", "READS", "only_reads"]
