"""Which variables of a session change what its statements answer, and which don't.

Rule: what has no row makes the session differ. A row is a variable that decides when, how fast or how safely
something is answered, under which name a session is listed, or what is logged, and never what is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmem.commands import word_set
from sqlmem.lexer import Family

# family -> names in upper case
HARMLESS_VARIABLES: Mapping[Family, frozenset[str]] = {
    "postgresql": word_set(
        """
        STATEMENT_TIMEOUT LOCK_TIMEOUT TRANSACTION_TIMEOUT IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        IDLE_SESSION_TIMEOUT DEADLOCK_TIMEOUT TCP_USER_TIMEOUT TCP_KEEPALIVES_IDLE TCP_KEEPALIVES_INTERVAL
        TCP_KEEPALIVES_COUNT CLIENT_CONNECTION_CHECK_INTERVAL APPLICATION_NAME SYNCHRONOUS_COMMIT
        COMMIT_DELAY COMMIT_SIBLINGS CLIENT_MIN_MESSAGES LOG_STATEMENT LOG_MIN_DURATION_STATEMENT
        LOG_MIN_MESSAGES LOG_MIN_ERROR_STATEMENT LOG_DURATION LOG_LOCK_WAITS LOG_ERROR_VERBOSITY
        TRACK_ACTIVITIES TRACK_COUNTS TRACK_IO_TIMING TRACK_FUNCTIONS WORK_MEM HASH_MEM_MULTIPLIER
        MAINTENANCE_WORK_MEM LOGICAL_DECODING_WORK_MEM TEMP_BUFFERS TEMP_FILE_LIMIT TEMP_TABLESPACES
        DEFAULT_TABLESPACE EFFECTIVE_CACHE_SIZE EFFECTIVE_IO_CONCURRENCY MAINTENANCE_IO_CONCURRENCY
        RANDOM_PAGE_COST SEQ_PAGE_COST CPU_TUPLE_COST CPU_INDEX_TUPLE_COST CPU_OPERATOR_COST
        PARALLEL_SETUP_COST PARALLEL_TUPLE_COST MAX_PARALLEL_WORKERS MAX_PARALLEL_WORKERS_PER_GATHER
        MAX_PARALLEL_MAINTENANCE_WORKERS PARALLEL_LEADER_PARTICIPATION MIN_PARALLEL_TABLE_SCAN_SIZE
        MIN_PARALLEL_INDEX_SCAN_SIZE ENABLE_SEQSCAN ENABLE_INDEXSCAN ENABLE_INDEXONLYSCAN
        ENABLE_BITMAPSCAN ENABLE_TIDSCAN ENABLE_SORT ENABLE_INCREMENTAL_SORT ENABLE_HASHAGG
        ENABLE_HASHJOIN ENABLE_MERGEJOIN ENABLE_NESTLOOP ENABLE_MATERIAL ENABLE_MEMOIZE ENABLE_GATHERMERGE
        ENABLE_PARTITION_PRUNING ENABLE_PARTITIONWISE_JOIN ENABLE_PARTITIONWISE_AGGREGATE
        ENABLE_PARALLEL_APPEND ENABLE_PARALLEL_HASH FROM_COLLAPSE_LIMIT JOIN_COLLAPSE_LIMIT GEQO
        GEQO_THRESHOLD JIT JIT_ABOVE_COST PLAN_CACHE_MODE DEFAULT_STATISTICS_TARGET CONSTRAINT_EXCLUSION
        VACUUM_COST_DELAY VACUUM_COST_LIMIT CHECK_FUNCTION_BODIES
        """
    ),
    # sql_safe_updates and sql_select_limit aren't here: they change what is done and answered. With
    # foreign_key_checks off, no action of a foreign key is taken: less than what is expected, not more.
    "mysql": word_set(
        """
        WAIT_TIMEOUT INTERACTIVE_TIMEOUT NET_READ_TIMEOUT NET_WRITE_TIMEOUT LOCK_WAIT_TIMEOUT
        INNODB_LOCK_WAIT_TIMEOUT MAX_STATEMENT_TIME MAX_EXECUTION_TIME IDLE_TRANSACTION_TIMEOUT
        IDLE_READONLY_TRANSACTION_TIMEOUT IDLE_WRITE_TRANSACTION_TIMEOUT FOREIGN_KEY_CHECKS UNIQUE_CHECKS
        BULK_INSERT_BUFFER_SIZE SORT_BUFFER_SIZE JOIN_BUFFER_SIZE READ_BUFFER_SIZE READ_RND_BUFFER_SIZE
        TMP_TABLE_SIZE MAX_HEAP_TABLE_SIZE LONG_QUERY_TIME SLOW_QUERY_LOG PROFILING PROFILING_HISTORY_SIZE
        OPTIMIZER_PRUNE_LEVEL OPTIMIZER_SEARCH_DEPTH SESSION_TRACK_SCHEMA SESSION_TRACK_STATE_CHANGE
        SQL_NOTES SQL_WARNINGS SQL_LOG_OFF MAX_ERROR_COUNT NET_BUFFER_LENGTH QUERY_CACHE_TYPE
        """
    ),
    "sqlite": frozenset(),
    "other": frozenset(),
}

# MariaDB: of the server, for sessions to come; a session's own value stays.
GLOBAL_WORDS = frozenset(["GLOBAL", "PERSIST", "PERSIST_ONLY"])

# PRAGMAs that may be set and change no answer.
HARMLESS_PRAGMAS = word_set(
    """
    AUTOMATIC_INDEX BUSY_TIMEOUT CACHE_SIZE CACHE_SPILL CELL_SIZE_CHECK CHECKPOINT_FULLFSYNC FULLFSYNC
    FOREIGN_KEYS DEFER_FOREIGN_KEYS HARD_HEAP_LIMIT SOFT_HEAP_LIMIT JOURNAL_MODE JOURNAL_SIZE_LIMIT
    LOCKING_MODE MMAP_SIZE SECURE_DELETE SYNCHRONOUS TEMP_STORE THREADS WAL_AUTOCHECKPOINT WAL_CHECKPOINT
    OPTIMIZE ANALYSIS_LIMIT SHRINK_MEMORY INCREMENTAL_VACUUM AUTO_VACUUM MAX_PAGE_COUNT APPLICATION_ID
    USER_VERSION PAGE_SIZE RECURSIVE_TRIGGERS IGNORE_CHECK_CONSTRAINTS
    """
)

# Of MariaDB and MySQL: those that change no other, so that their values tell whether a session is as before.
SINGLE_VARIABLES = word_set(
    """
    TIME_ZONE GROUP_CONCAT_MAX_LEN DIV_PRECISION_INCREMENT LC_TIME_NAMES DEFAULT_WEEK_FORMAT SQL_SELECT_LIMIT
    SQL_SAFE_UPDATES MAX_RECURSIVE_ITERATIONS CTE_MAX_RECURSION_DEPTH
    """
)
# PostgreSQL: who one is; setting the second sets the first.
ROLES = frozenset(["role", "session_authorization"])

# PostgreSQL: of the transaction, or of the server, whoever has set what.
_NOT_OF_THE_SESSION = word_set(
    "TRANSACTION_ISOLATION TRANSACTION_READ_ONLY TRANSACTION_DEFERRABLE IN_HOT_STANDBY IS_SUPERUSER SEED"
)


def tells(family: Family, name: str) -> bool:
    """Whether a variable's value may be part of what an answer depends on."""
    upper = name.upper()
    return upper not in HARMLESS_VARIABLES[family] and upper not in _NOT_OF_THE_SESSION


def values_text(family: str, names: Iterable[str]) -> str:
    """The question for variables' values in this session, as text.

    Args:
        names: plain ones, of letters, digits, underscores and dots.
    """
    if family == "mysql":
        rows = (f"SELECT '{name}', CAST(@@session.{name} AS CHAR)" for name in sorted(names))
        return " UNION ALL ".join(rows)
    listed = ", ".join(f"'{name}'" for name in sorted(names))
    return f"SELECT n, pg_catalog.current_setting(n, true) FROM unnest(ARRAY[{listed}]) AS n"
