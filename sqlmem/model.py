"""The words of the project as frozen values; what the layers hand to each other.

Nothing here does I/O, locks or looks at a clock.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Kind(enum.Enum):
    """What an origin's type means to the planner: which comparisons are exact on its values."""

    INTEGER = "integer"  # fits 64 bits with sign
    UNSIGNED = "unsigned"  # 64 bits without sign (MySQL BIGINT UNSIGNED)
    BOOLEAN = "boolean"  # a type of its own; MySQL's and SQLite's booleans are integers
    NUMERIC = "numeric"  # with precision and scale
    DECIMAL = "decimal"  # without: values of unequal scale, projection only
    FLOAT = "float"  # 64 bits, compared as such by the origin
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"  # without time zone
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"  # given by the driver as timedelta
    UUID = "uuid"
    JSON = "json"  # given by the driver as a Python structure
    DYNAMIC = "dynamic"  # SQLite: any value in any column; the store is the same engine
    OPAQUE = "opaque"  # everything else: kept and given back, never compared


class Collation(enum.Enum):
    """What is known of the order and equality of a text column."""

    BINARY = "binary"  # equal only if the code points are, ordered by code point
    DETERMINISTIC = "deterministic"  # equal only if the code points are; order unknown
    NOCASE = "nocase"  # SQLite's NOCASE, which the store has too
    RTRIM = "rtrim"  # SQLite's RTRIM, which the store has too
    FOLDED = "folded"  # MariaDB's …_general_ci: equal if character by character one and the same weight
    UNKNOWN = "unknown"  # nothing may be compared locally


# Why a table with row-level security isn't cached, unless the program names it.
ROW_SECURITY = "row-level security decides who sees which rows"
# Of a column: no answer that has it may be kept, either.
CHANGES_BY_ITSELF = "it is computed when it is read, and may be something else then"


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as the origin's catalogue spells it.

    schema: None only where the dialect has no schemas.
    """

    schema: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as reflected.

    Attributes:
        type_name: the origin's own words for the type (``numeric(10,2)``).
        precision, scale: of NUMERIC; None elsewhere.
        affinity: SQLite origins only: the affinity that the store's column must have.
        is_compared: False where the codec keeps the value, but the origin compares by rules of
            its own (float4, CHAR with its blanks, enums, MySQL's TIMESTAMP): projection only.
        refusal: why the column can't be cached; None if it can.
        expression: of a column that the origin computes: its text for the origin, in the names of the
            table's own columns. None for the table's own columns, and where it isn't known (what
            a snapshot says of it is never sent to the origin).
        description: likewise, what cursor.description says of it behind the name, in a statement that
            asks for it alone: MariaDB describes some types otherwise beside a window function.
        rank_of: likewise, the column or expression that it orders as the origin does; None if it is no rank.
        is_hidden: * leaves it out (MariaDB's INVISIBLE).
        key_of: likewise, the column or expression that is equal to another's where the keys are the same.
        encoding: of MariaDB's and MySQL's texts in a character set with fewer characters than Unicode's:
            Python's name of one that the set has all of. Beside them the origin refuses other constants.
    """

    name: str
    kind: Kind
    type_name: str
    precision: int | None = None
    scale: int | None = None
    collation: Collation = Collation.UNKNOWN
    nullable: bool = True
    affinity: str | None = None
    is_compared: bool = True
    refusal: str | None = None
    expression: str | None = None
    description: tuple[str | int | bool | None, ...] | None = None
    rank_of: str | None = None
    is_hidden: bool = False
    key_of: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    columns: tuple[str, ...]
    is_primary_key: bool = False
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table's definition, as far as an answer may depend on it.

    Attributes:
        depends_on: for a view, an inheritance child or parent: the tables whose invalidation
            is also this one's; None if the origin's catalogue could not tell.
        refusal: why the table is never cached; None if it may be.
        expressions: what statements had the origin compute, once per row. Not part of the definition:
            two schemas that differ in them only are equal.
        by_name: the columns, and the expressions under their own names.
    """

    name: TableName
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    is_view: bool = False
    depends_on: frozenset[TableName] | None = frozenset()
    refusal: str | None = None
    expressions: tuple[Column, ...] = field(default=(), compare=False)
    by_name: Mapping[str, Column] = field(init=False, compare=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        everything = (*self.expressions, *self.columns)
        object.__setattr__(self, "by_name", {column.name: column for column in everything})


class Outcome(enum.StrEnum):
    HIT = "hit"
    MISS = "miss"
    RESULT_HIT = "result_hit"  # an answer of the origin's, kept from an earlier time
    BYPASS = "bypass"
    REJECTED = "rejected"
    PASSED = "passed"  # no read: a write, a definition, what concerns the session or the transaction


class Status(NamedTuple):
    """How one statement was answered.

    Attributes:
        age: seconds since the oldest data in the answer was read from the origin; 0.0 for a bypass.
        tables: the tables read, as the origin's catalogue spells them, sorted.
        reason: why the store didn't answer; None for a hit or a miss.
        is_stale: the data is older than its ttl, served because the refill failed (stale_if_error).
    """

    outcome: Outcome
    age: float = 0.0
    tables: tuple[str, ...] = ()
    reason: str | None = None
    is_stale: bool = False


# A status; or a hit's age in seconds and tables: few are looked at.
Told = Status | tuple[float, tuple[str, ...]]


def status_of(told: Told) -> Status:
    if isinstance(told, Status):
        return told
    age, tables = told
    return Status(Outcome.HIT, age, tables)


class Rows(list[dict[str, Any]]):
    """The rows of `CachingEngine.execute`: a list of plain dicts, and how they were come by.

    Attributes:
        told: the status, or of a hit its age and tables, of which it is made when somebody asks.
    """

    __slots__ = ("told",)

    told: Told

    @property
    def status(self) -> Status:
        return status_of(self.told)

    @status.setter
    def status(self, status: Status) -> None:
        self.told = status


@dataclass(frozen=True, slots=True)
class TableStats:
    """One table's counters. `age` is in seconds and None while the table isn't in the store.

    Attributes:
        refusal: why it isn't cached now; None if it may be.
    """

    columns: tuple[str, ...]
    expressions: tuple[str, ...]
    rows: int
    bytes: int
    generation: int
    epoch: int
    age: float | None
    hits: int
    fills: int
    refusal: str | None = None


class Verdict(enum.StrEnum):
    """What became of a hit that was also asked of the origin."""

    VERIFIED = "verified"
    DIFFERENT = "different"  # also over fresh data: the plan is quarantined
    STALE = "stale"  # the difference was the data's age
    SUPERSEDED = "superseded"  # its tables were invalidated, filled anew or redefined meanwhile
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class VerificationStats:
    """What live verification has done; all 0 where the setting `verify` is.

    Attributes:
        sampled: hits chosen; those that are neither verified nor anything else below still wait.
        differences: answers that a fresh fill didn't explain, and so plans quarantined.
        stale: differences that it did explain: the origin had changed, and nobody had invalidated.
        superseded: samples whose tables were invalidated or filled anew before they were compared.
        skip_reasons: why samples weren't compared -> how many.
    """

    sampled: int = 0
    verified: int = 0
    differences: int = 0
    stale: int = 0
    superseded: int = 0
    skipped: int = 0
    skip_reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stats:
    """What an engine has done since it was made. Counters are exact, also under threads.

    hits + misses + result_hits + bypasses + rejected + passed is the number of statements seen.

    Attributes:
        result_hits: answered by what the origin had answered before.
        passed: transparent mode: statements that are no reads, each passed through to the origin.
        hit_ratio: hits and result hits among the reads that were answered.
        results: answers kept now, and result_bytes what they take, at most max_results.
    """

    hits: int
    misses: int
    bypasses: int
    rejected: int
    result_hits: int
    fills: int
    rows: int
    bytes: int
    hit_ratio: float
    bypass_reasons: Mapping[str, int]
    tables: Mapping[str, TableStats]
    verification: VerificationStats = VerificationStats()
    passed: int = 0
    results: int = 0
    result_bytes: int = 0
