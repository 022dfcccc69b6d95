"""What commands do, by their first word, and functions, by their name.

All dialects' commands stand together: a word that is one somewhere is never taken for a slip of the pen
elsewhere. Functions stand by the family of the origin, since names of one are free in another.
"""

from __future__ import annotations

from sqlmem.lexer import Family

WRITE_HINT = "Run it on the wrapped engine, then call invalidate() for the tables that it changes"
SESSION_HINT = "Set it on the wrapped engine (connect arguments or events), or use SQLAlchemy's own API"
TRANSACTION_HINT = "Use the connection's begin(), commit() and rollback()"
LOCK_HINT = "Take locks on the wrapped engine; an answer from the cache locks nothing"
SPLIT_HINT = "Send one statement at a time"

QUERY_WORDS = frozenset(["SELECT", "WITH", "VALUES", "TABLE", "("])


def word_set(text: str) -> frozenset[str]:
    """The words of a table that is written as text."""
    return frozenset(text.split())


_WRITE = ("writes data", WRITE_HINT)
_DEFINE = ("changes the schema", WRITE_HINT)
_GRANT = ("changes privileges", WRITE_HINT)
_RUN = ("runs code that may write", WRITE_HINT)
_MAINTAIN = ("changes the server or its files", WRITE_HINT)
_LOCK = ("takes locks", LOCK_HINT)
_SESSION = ("changes the session", SESSION_HINT)
_TRANSACTION = ("controls the transaction", TRANSACTION_HINT)


def _commands(kind: tuple[str, str], words: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(words.split(), kind)


# first word -> what such a statement does, and what to do instead
COMMANDS: dict[str, tuple[str, str]] = {
    **_commands(
        _WRITE, "INSERT UPDATE DELETE MERGE REPLACE UPSERT TRUNCATE COPY LOAD IMPORT EXPORT UNLOAD PUT"
    ),
    **_commands(
        _WRITE, "GET REMOVE RM BULK WRITETEXT UPDATETEXT HANDLER REFRESH REINDEX MSCK PURGE FLASHBACK UNDROP"
    ),
    **_commands(
        _DEFINE, "CREATE ALTER DROP RENAME COMMENT SECURITY REASSIGN ASSOCIATE DISASSOCIATE ADD EXCHANGE"
    ),
    **_commands(_GRANT, "GRANT REVOKE DENY"),
    **_commands(
        _RUN, "CALL DO EXEC EXECUTE PREPARE DEALLOCATE DECLARE DELIMITER IF WHILE LOOP REPEAT CASE FOR"
    ),
    **_commands(_RUN, "SIGNAL RESIGNAL RETURN RETURNS RAISE RAISERROR THROW PRINT GO RUN COMPOUND"),
    **_commands(
        _MAINTAIN, "VACUUM ANALYZE ANALYSE CLUSTER CHECKPOINT OPTIMIZE REPAIR CHECK CHECKSUM FLUSH RESET"
    ),
    **_commands(
        _MAINTAIN, "KILL SHUTDOWN RESTART INSTALL UNINSTALL CACHE UNCACHE BACKUP RESTORE DBCC RECONFIGURE"
    ),
    **_commands(_MAINTAIN, "CHANGE START STOP BINLOG CLONE AUDIT NOAUDIT SYSTEM ATTACH DETACH"),
    **_commands(_LOCK, "LOCK UNLOCK"),
    **_commands(
        _SESSION, "SET UNSET USE DISCARD LISTEN UNLISTEN NOTIFY FETCH MOVE CLOSE OPEN CONNECT DISCONNECT"
    ),
    **_commands(_SESSION, "ADVISE RESOURCE ALLOCATE SETUSER REVERT"),
    **_commands(_TRANSACTION, "BEGIN COMMIT ROLLBACK ABORT END SAVEPOINT RELEASE XA SAVE"),
}
COMMANDS["RESET"] = _SESSION
COMMANDS["ATTACH"] = COMMANDS["DETACH"] = ("changes the session's databases", SESSION_HINT)
COMMANDS["START"] = _TRANSACTION

SHOW_WORDS = frozenset(["SHOW", "HELP"])
EXPLAIN_WORDS = frozenset(["EXPLAIN", "DESCRIBE", "DESC"])

# EXPLAIN's own words, before the statement that it explains.
EXPLAIN_OPTIONS = word_set(
    """
    ANALYZE ANALYSE VERBOSE EXTENDED PARTITIONS QUERY PLAN FORMAT = TREE JSON TRADITIONAL XML YAML TEXT
    """
)

# PRAGMAs that only look, with or without an argument.
PRAGMAS_ABOUT = word_set(
    (
        "table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list "
        "foreign_key_check database_list collation_list function_list module_list pragma_list "
        "compile_options integrity_check quick_check"
    ).upper()
)
# PRAGMAs that look without an argument, and set with one.
PRAGMAS_BARE = word_set(
    """
    application_id auto_vacuum automatic_index busy_timeout cache_size cache_spill cell_size_check
    data_version defer_foreign_keys encoding foreign_keys freelist_count journal_mode
    journal_size_limit legacy_alter_table locking_mode max_page_count mmap_size page_count page_size
    query_only read_uncommitted recursive_triggers reverse_unordered_selects schema_version
    secure_delete synchronous temp_store threads trusted_schema user_version wal_autocheckpoint
    """.upper()
)

STATEMENT_VERBS = word_set(
    """
    INSERT UPDATE DELETE MERGE REPLACE TRUNCATE UPSERT CREATE ALTER DROP GRANT REVOKE
    CALL COPY EXECUTE
    """
)

# Functions that write, lock, or change the session; or run SQL that is given as text. In upper
# case; a name that ends in * stands for all that begin so.
_SIDE_EFFECTS_TEXT: dict[Family, str] = {
    "sqlite": "LOAD_EXTENSION WRITEFILE EDIT EVAL FTS3_TOKENIZER SQLITE_LOG",
    "postgresql": """
        NEXTVAL SETVAL SET_CONFIG SETSEED PG_NOTIFY PG_ADVISORY_* PG_TRY_ADVISORY_* LO_* LOWRITE LOREAD
        DBLINK* QUERY_TO_XML* CURSOR_TO_XML* TABLE_TO_XML_* XPATH_TABLE CROSSTAB* CONNECTBY TS_STAT TS_REWRITE
        PG_TERMINATE_BACKEND PG_CANCEL_BACKEND PG_RELOAD_CONF PG_ROTATE_LOGFILE* PG_SWITCH_WAL PG_SWITCH_XLOG
        PG_CREATE_RESTORE_POINT PG_PROMOTE PG_BACKUP_* PG_START_BACKUP PG_STOP_BACKUP PG_WAL_REPLAY_PAUSE
        PG_WAL_REPLAY_RESUME PG_XLOG_REPLAY_* PG_LOGICAL_* PG_CREATE_LOGICAL_* PG_CREATE_PHYSICAL_*
        PG_COPY_LOGICAL_* PG_COPY_PHYSICAL_* PG_DROP_REPLICATION_* PG_REPLICATION_ORIGIN_*
        PG_REPLICATION_SLOT_ADVANCE PG_SYNC_REPLICATION_SLOTS PG_STAT_RESET* PG_STAT_STATEMENTS_RESET
        PG_STAT_FORCE_NEXT_FLUSH PG_STAT_CLEAR_SNAPSHOT PG_FILE_* PG_LOGDIR_* PG_EXPORT_SNAPSHOT
        PG_LOG_BACKEND_MEMORY_CONTEXTS PG_LOG_STANDBY_SNAPSHOT PG_IMPORT_SYSTEM_COLLATIONS
        PG_NEXTOID PG_STOP_MAKING_PINNED_OBJECTS PG_CURRENT_XACT_ID TXID_CURRENT PG_PREWARM AUTOPREWARM_*
        BRIN_SUMMARIZE_* BRIN_DESUMMARIZE_* GIN_CLEAN_PENDING_LIST BINARY_UPGRADE_* PG_RESTORE_* PG_CLEAR_*
        PG_SET_* PG_EXTENSION_CONFIG_DUMP SET_LIMIT POSTGRES_FDW_DISCONNECT* HEAP_FORCE_* PG_TRUNCATE_*
        PG_SURGERY_* DATABASE_TO_XML_AND_* SCHEMA_TO_XML_AND_*""",
    "mysql": """
        GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS NEXTVAL SETVAL LAST_INSERT_ID SYS_EXEC SYS_EVAL SYS_SET
        SERVICE_GET_WRITE_LOCKS SERVICE_GET_READ_LOCKS SERVICE_RELEASE_LOCKS VERSION_TOKENS_*
        ASYNCHRONOUS_CONNECTION_FAILOVER_* GROUP_REPLICATION_* KEYRING_KEY_* AUDIT_LOG_* AUDIT_API_*
        MASKING_* MASK_DICTIONARIES_* GEN_DICTIONARY_* FIREWALL_* MYSQL_FIREWALL_* SET_FIREWALL_*
        READ_FIREWALL_* SPIDER_* MYSQL_QUERY_ATTRIBUTE_* SET_USER_VAR""",
    "other": "",
}


def _by_family() -> dict[Family, tuple[frozenset[str], tuple[str, ...]]]:
    everything = " ".join(_SIDE_EFFECTS_TEXT.values())
    texts: dict[Family, str] = {
        **_SIDE_EFFECTS_TEXT,
        "other": everything + " OPENQUERY OPENROWSET DBMS_* UTL_*",
    }
    tables: dict[Family, tuple[frozenset[str], tuple[str, ...]]] = {}
    for family, names in texts.items():
        split = names.split()
        exact = frozenset(name for name in split if not name.endswith("*"))
        tables[family] = (exact, tuple(name[:-1] for name in split if name.endswith("*")))
    return tables


# family -> names, beginnings of names
_SIDE_EFFECTS = _by_family()


def has_side_effects(name: str, family: Family) -> bool:
    """Whether a function of that name writes, locks, changes the session or runs SQL given as text."""
    exact, beginnings = _SIDE_EFFECTS[family]
    upper = name.upper()
    return upper in exact or upper.startswith(beginnings)
