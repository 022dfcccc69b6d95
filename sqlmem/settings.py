"""What can be set, by which name, to what, and what it means.

Rule 1: `SETTINGS` is the only list of settings; the keywords of `CachingEngine`, the variables
        and `.env.example` follow from it.
Rule 2: a keyword wins over the environment, the environment over the `.env` file. `.env` is
        only read: nothing is ever written into `os.environ`.
Rule 3: a value that cannot be used is an error that names the setting and where the value came
        from, never a default in its place: a ttl that was silently left out would be old data.

An empty variable counts as given and means the default, except for ``SQLMEM_CACHE_DB``, where
it turns persistence off. A variable ``SQLMEM_…`` that no setting has is left alone: it may
belong to another version, or to the application.
"""

from __future__ import annotations

import difflib
import math
import numbers
import os
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dotenv

from sqlmem.errors import SettingsError
from sqlmem.model import TableName

# Longer than any clock's wait: threads cannot wait for more than some hundred years.
_LONGEST_WAIT_SECONDS = 1e9

# B and the units with a small or capital k, M, G, T and B are powers of 1000, the ones with "i"
# powers of 1024, as SI and IEC have it. A bare "512M" is refused: half the tools mean the one.
_BYTES_PER_UNIT = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-z]*)", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Ttl:
    """How old a table's data may be, in seconds.

    Attributes:
        rest: for every table that isn't named; None for no limit.
        tables: (table, seconds), the table as the user wrote it, with or without its schema.
    """

    rest: float | None = None
    tables: tuple[tuple[str, float], ...] = ()

    def of(self, table: TableName) -> float | None:
        """The limit for this table; None for no limit.

        A name with its schema wins over one without, the exact spelling over another case.
        """
        for name in (str(table), table.name):
            exact = [seconds for written, seconds in self.tables if written == name]
            # Catalogues that ignore case keep a spelling of their own, and a ttl that doesn't find
            # its table would be data older than was asked for: the other cases count too, and of
            # several the shortest.
            folded = [seconds for written, seconds in self.tables if written.casefold() == name.casefold()]
            if found := exact or folded:
                return min(found)
        return self.rest


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one engine. `SETTINGS` has the meaning of each.

    Attributes:
        cache_db: None if nothing is kept on disk.
        backup_interval, stale_if_error: seconds.
        max_memory, max_results: bytes.
        plan_cache_size: statements.
        verify: from 0.0 to 1.0.
    """

    debug: bool
    cache_db: Path | None
    backup_interval: float
    ttl: Ttl
    stale_if_error: float
    max_memory: int
    max_results: int
    mode: str
    consistency: str
    transactions: str
    tables: tuple[str, ...]
    exclude: tuple[str, ...]
    float_aggregates: str
    slow_statements: str
    plan_cache_size: int
    verify: float

    def ttl_for(self, table: TableName) -> float | None:
        """How many seconds old this table's data may be; None for no limit."""
        return self.ttl.of(table)


class _Unusable(Exception):
    """A parser's verdict: what the value must be. The caller adds what it is and its source."""


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.strip().lower()) in _WORDS:
        return _WORDS[word]
    raise _Unusable("must be true or false")


def _path(value: Any) -> Path | None:
    if value is None:
        return None
    try:
        text = os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or "\0" in text:
        raise _Unusable("must be a path, or empty to keep nothing on disk")
    if text.strip() == ":memory:":
        # SQLite's word for "no file" would make a file of that name here.
        raise _Unusable("must be a path, or empty to keep nothing on disk (not ':memory:')")
    if not text.strip():
        return None
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise _Unusable("must be a path whose home directory is known") from None


def _seconds(
    *, expected: str, least: float = 0.0, most: float = math.inf, may_be_least: bool = False
) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (str, Decimal, numbers.Real)):
            raise _Unusable(expected)
        try:
            seconds = float(value)
        except (ValueError, OverflowError):
            raise _Unusable(expected) from None
        in_range = least <= seconds <= most if may_be_least else least < seconds <= most
        if not math.isfinite(seconds) or not in_range:
            raise _Unusable(expected)
        return seconds

    return parse


_ttl_seconds = _seconds(expected="must be a positive number of seconds")


def _ttl(value: Any) -> Ttl:
    expected = (
        "must be a positive number of seconds, or such a number per table (orders=60,public.users=5.5,*=3600)"
    )
    pairs: list[tuple[Any, Any]]
    match value:
        case None:
            return Ttl()
        case Mapping():
            pairs = list(value.items())
        case str() if not value.strip():
            return Ttl()
        case str() if "=" in value:
            # From the left, so that "orders=5;users=6" is refused and not a table "orders=5;users".
            split = [item.partition("=") for item in value.split(",")]
            pairs = [(name.strip(), seconds) for name, _, seconds in split]
        case _:
            pairs = [("*", value)]
    seconds_by_table: dict[str, float] = {}
    for name, given in pairs:
        if not isinstance(name, str) or not name or name in seconds_by_table:
            raise _Unusable(expected)
        try:
            seconds_by_table[name] = _ttl_seconds(given)
        except _Unusable:
            raise _Unusable(expected) from None
    rest = seconds_by_table.pop("*", None)
    return Ttl(rest, tuple(seconds_by_table.items()))


def _is_whole(value: object) -> bool:
    # Also numpy's integers. True is no number of anything.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _size(value: Any) -> int:
    """Bytes from a whole number, or from a number with a unit.

    kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB are powers of 1024. Capital or
    small letters, with or without a blank.
    """
    expected = (
        "must be a positive number of bytes, or one with a unit (512MB is 1000-based, 512MiB 1024-based)"
    )
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip().lower())
        if found is None or found["unit"] not in _BYTES_PER_UNIT:
            raise _Unusable(expected)
        size = int(Decimal(found["number"]) * _BYTES_PER_UNIT[found["unit"]])
    elif _is_whole(value):
        size = int(value)
    else:
        raise _Unusable(expected)
    if size <= 0:
        raise _Unusable(expected)
    return size


def _size_or_none(value: Any) -> int:
    """As `_size`, or 0."""
    if (isinstance(value, str) and value.strip() == "0") or (_is_whole(value) and int(value) == 0):
        return 0
    try:
        return _size(value)
    except _Unusable as unusable:
        raise _Unusable(str(unusable).replace("bytes, or one", "bytes, or 0, or one")) from None


def _mode(value: Any) -> str:
    if value not in ("strict", "transparent"):
        raise _Unusable("must be 'strict' or 'transparent'")
    return str(value)


def _consistency(value: Any) -> str:
    if value not in ("table", "snapshot"):
        raise _Unusable("must be 'table' or 'snapshot'")
    return str(value)


def _transactions(value: Any) -> str:
    if value not in ("never", "until_write", "always"):
        raise _Unusable("must be 'never', 'until_write' or 'always'")
    return str(value)


def _patterns(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset) or not all(
        isinstance(name, str) for name in names
    ):
        raise _Unusable("must be table names, or patterns with * and ?, as a list or between commas")
    return tuple(name.strip() for name in names if name.strip())


def _float_aggregates(value: Any) -> str:
    if value not in ("origin", "local"):
        raise _Unusable("must be 'origin' or 'local'")
    return str(value)


def _slow_statements(value: Any) -> str:
    if value not in ("origin", "store"):
        raise _Unusable("must be 'origin' or 'store'")
    return str(value)


def _count(value: Any) -> int:
    expected = "must be a positive whole number"
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value.strip()):
            raise _Unusable(expected)
        number = int(value)
    elif _is_whole(value):
        number = int(value)
    else:
        raise _Unusable(expected)
    if number <= 0:
        raise _Unusable(expected)
    return number


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of `SETTINGS`.

    Attributes:
        name: the keyword of `CachingEngine`, and the attribute of `Settings`.
        default: as it would stand in the environment.
        parse: makes the attribute's value of a string or of a keyword's value.
        meaning: for people; `.env.example` has the same words.
        empty: what an empty variable stands for, in the environment's spelling.
    """

    name: str
    default: str
    parse: Callable[[Any], Any]
    meaning: str
    empty: str | None = None

    @property
    def variable(self) -> str:
        return f"SQLMEM_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "debug",
        "false",
        _flag,
        "Whether sinks that were added without a level also get each statement with its outcome and time.",
    ),
    Setting(
        "cache_db",
        "cache.db",
        _path,
        "The file, with a folder beside it, that keeps the cache across restarts. Empty: nothing is kept on "
        "disk.",
        empty="",
    ),
    Setting(
        "backup_interval",
        "3600",
        _seconds(
            expected="must be a positive number of seconds, at most 1e9",
            most=_LONGEST_WAIT_SECONDS,
        ),
        "Seconds between two writes of that file. It is only written if something changed.",
    ),
    Setting(
        "ttl",
        "",
        _ttl,
        "Seconds after which cached data is fetched again: one number, or one per table, with * for the rest "
        "(orders=60,public.users=5.5,*=3600). Empty: never.",
    ),
    Setting(
        "stale_if_error",
        "0",
        _seconds(expected="must be a number of seconds, 0 or more", may_be_least=True),
        "Seconds beyond the ttl for which old data is still served if it cannot be fetched again.",
    ),
    Setting(
        "max_memory",
        "512MB",
        _size,
        "The most memory that cached data may take: bytes, or with a unit "
        "(kB, MB, GB, TB of 1000, KiB, MiB, GiB, TiB of 1024).",
    ),
    Setting(
        "max_results",
        "64MB",
        _size_or_none,
        "The most memory that answers of the origin may take which are kept until one of their tables "
        "changes, likewise. 0: none are kept.",
    ),
    Setting(
        "mode",
        "strict",
        _mode,
        "strict: a read-only cache; what isn't proven a read is refused. transparent: writes pass through "
        "and invalidate what they change when they commit; * and joins are answered.",
    ),
    Setting(
        "consistency",
        "table",
        _consistency,
        "Of a statement over several tables. table: each as of its own fill. snapshot: all as of one moment, "
        "filled by one transaction together with what other statements have read beside them.",
    ),
    Setting(
        "transactions",
        "until_write",
        _transactions,
        "Transparent mode: when a read in a transaction may be a hit. never; until_write: until the "
        "transaction has written; always: then too, but of the tables that it has written.",
    ),
    Setting(
        "tables",
        "",
        _patterns,
        "The only tables that are cached: names or patterns with * and ? (orders, public.*, report_?). "
        "Empty: all. One with row-level security is cached only if its full name is here.",
    ),
    Setting(
        "exclude",
        "",
        _patterns,
        "Tables that are never cached, likewise.",
    ),
    Setting(
        "float_aggregates",
        "origin",
        _float_aggregates,
        "What adds up floats whose sum depends on the order: origin, or local for the store, "
        "whose last digits may differ.",
    ),
    Setting(
        "slow_statements",
        "origin",
        _slow_statements,
        "What answers a statement that the origin is faster at, as far as that was measured: origin, or "
        "store, which spares the origin.",
    ),
    Setting(
        "plan_cache_size",
        "1000",
        _count,
        "How many statement texts are remembered with their plans.",
    ),
    Setting(
        "verify",
        "0",
        _seconds(expected="must be a number from 0 to 1", most=1.0, may_be_least=True),
        "The share of the hits that is also asked of the origin, in the background, and compared: "
        "from 0 (none) to 1 (all).",
    ),
)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def find_dotenv() -> Path | None:
    """The nearest `.env`, from the working directory upwards; None if there is none."""
    try:
        found = dotenv.find_dotenv(usecwd=True)
    except OSError:  # the working directory was removed
        return None
    return Path(found) if found else None


def load_settings(
    overrides: Mapping[str, Any], environ: Mapping[str, str], dotenv_path: Path | None
) -> Settings:
    """All settings, from the keywords, the environment and the `.env` file, in this order.

    Args:
        overrides: keyword -> value; only those that were given.
        environ: usually `os.environ`; it is only read.
        dotenv_path: usually `find_dotenv()`; None for no file.

    Raises:
        SettingsError: an unknown keyword, a value that cannot be used, a `.env` that cannot be read.
    """
    for name in overrides:
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, _BY_NAME, n=1)
            hint = f"did you mean {close[0]}?" if close else "known are"
            raise SettingsError(f"{name} is not a setting; {hint} ({', '.join(_BY_NAME)})")
    from_file = _read_dotenv(dotenv_path)
    return Settings(
        **{setting.name: _one(setting, overrides, environ, from_file, dotenv_path) for setting in SETTINGS}
    )


def load_debug(environ: Mapping[str, str], dotenv_path: Path | None) -> bool:
    """The setting `debug` alone, for whoever logs before there is an engine.

    Raises:
        SettingsError: as `load_settings`, but for this setting only.
    """
    value: bool = _one(_BY_NAME["debug"], {}, environ, _read_dotenv(dotenv_path), dotenv_path)
    return value


def _read_dotenv(path: Path | None) -> Mapping[str, str | None]:
    if path is None:
        return {}
    try:
        return dotenv.dotenv_values(path)
    except (OSError, UnicodeError) as error:
        # Going on without it could leave out a ttl, and serve data older than was asked for.
        raise SettingsError(f"{path} must be a readable UTF-8 file, got {type(error).__name__}") from error


def _one(
    setting: Setting,
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    from_file: Mapping[str, str | None],
    dotenv_path: Path | None,
) -> Any:
    """One setting's value, from the first source that has it."""
    value: Any
    if setting.name in overrides:
        value, source = overrides[setting.name], f"the keyword {setting.name}"
    elif setting.variable in environ:
        value, source = _or_default(setting, environ[setting.variable]), setting.variable
    elif from_file.get(setting.variable) is not None:
        value, source = (
            _or_default(setting, from_file[setting.variable]),
            f"{setting.variable} in {dotenv_path}",
        )
    else:
        value, source = setting.default, "the default"
    try:
        return setting.parse(value)
    except _Unusable as verdict:
        # reprlib shortens: the value may be a whole file that somebody exported by mistake.
        raise SettingsError(f"{setting.name} {verdict}, got {reprlib.repr(value)} (from {source})") from None


def _or_default(setting: Setting, text: str | None) -> str | None:
    if text is not None and not text.strip():
        return setting.default if setting.empty is None else setting.empty
    return text
