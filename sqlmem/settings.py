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
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dotenv

from sqlmem.errors import SettingsError
from sqlmem.model import TableName
from sqlmem.setting_values import (
    Ttl,
    Unusable,
    count,
    flag,
    one_of,
    path,
    patterns,
    seconds,
    size,
    size_or_none,
    ttl,
)

# Longer than any clock's wait: threads cannot wait for more than some hundred years.
_LONGEST_WAIT_SECONDS = 1e9


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
        flag,
        "Whether sinks that were added without a level also get each statement with its outcome and time.",
    ),
    Setting(
        "cache_db",
        "cache.db",
        path,
        "The file, with a folder beside it, that keeps the cache across restarts. Empty: nothing is kept on "
        "disk.",
        empty="",
    ),
    Setting(
        "backup_interval",
        "3600",
        seconds(
            expected="must be a positive number of seconds, at most 1e9",
            most=_LONGEST_WAIT_SECONDS,
        ),
        "Seconds between two writes of that file. It is only written if something changed.",
    ),
    Setting(
        "ttl",
        "",
        ttl,
        "Seconds after which cached data is fetched again: one number, or one per table, with * for the rest "
        "(orders=60,public.users=5.5,*=3600). Empty: never.",
    ),
    Setting(
        "stale_if_error",
        "0",
        seconds(expected="must be a number of seconds, 0 or more", may_be_least=True),
        "Seconds beyond the ttl for which old data is still served if it cannot be fetched again.",
    ),
    Setting(
        "max_memory",
        "512MB",
        size,
        "The most memory that cached data may take: bytes, or with a unit "
        "(kB, MB, GB, TB of 1000, KiB, MiB, GiB, TiB of 1024).",
    ),
    Setting(
        "max_results",
        "64MB",
        size_or_none,
        "The most memory that answers of the origin may take which are kept until one of their tables "
        "changes, likewise. 0: none are kept.",
    ),
    Setting(
        "mode",
        "strict",
        one_of("strict", "transparent"),
        "strict: a read-only cache; what isn't proven a read is refused. transparent: writes pass through "
        "and invalidate what they change when they commit; * and joins are answered.",
    ),
    Setting(
        "consistency",
        "table",
        one_of("table", "snapshot"),
        "Of a statement over several tables. table: each as of its own fill. snapshot: all as of one moment, "
        "filled by one transaction together with what other statements have read beside them.",
    ),
    Setting(
        "transactions",
        "until_write",
        one_of("never", "until_write", "always"),
        "Transparent mode: when a read in a transaction may be a hit. never; until_write: until the "
        "transaction has written; always: then too, but of the tables that it has written.",
    ),
    Setting(
        "tables",
        "",
        patterns,
        "The only tables that are cached: names or patterns with * and ? (orders, public.*, report_?). "
        "Empty: all. One with row-level security is cached only if its full name is here.",
    ),
    Setting(
        "exclude",
        "",
        patterns,
        "Tables that are never cached, likewise.",
    ),
    Setting(
        "float_aggregates",
        "origin",
        one_of("origin", "local"),
        "What adds up floats whose sum depends on the order: origin, or local for the store, "
        "whose last digits may differ.",
    ),
    Setting(
        "slow_statements",
        "origin",
        one_of("origin", "store"),
        "What answers a statement that the origin is faster at, as far as that was measured: origin, or "
        "store, which spares the origin.",
    ),
    Setting(
        "plan_cache_size",
        "1000",
        count,
        "How many statement texts are remembered with their plans.",
    ),
    Setting(
        "verify",
        "0",
        seconds(expected="must be a number from 0 to 1", most=1.0, may_be_least=True),
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


def _read_dotenv(file: Path | None) -> Mapping[str, str | None]:
    if file is None:
        return {}
    try:
        return dotenv.dotenv_values(file)
    except (OSError, UnicodeError) as error:
        # Going on without it could leave out a ttl, and serve data older than was asked for.
        raise SettingsError(f"{file} must be a readable UTF-8 file, got {type(error).__name__}") from error


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
    except Unusable as verdict:
        # reprlib shortens: the value may be a whole file that somebody exported by mistake.
        raise SettingsError(f"{setting.name} {verdict}, got {reprlib.repr(value)} (from {source})") from None


def _or_default(setting: Setting, text: str | None) -> str | None:
    if text is not None and not text.strip():
        return setting.default if setting.empty is None else setting.empty
    return text
