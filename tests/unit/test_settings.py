"""Settings: one table, three sources, and an error for whatever cannot be used."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import dotenv
import pytest

from sqlmem.errors import SettingsError
from sqlmem.model import TableName
from sqlmem.setting_values import Ttl
from sqlmem.settings import SETTINGS, Settings, find_dotenv, load_debug, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
ORDERS = TableName("public", "orders")


def from_environment(**variables: str) -> Settings:
    return load_settings({}, {f"SQLMEM_{name.upper()}": value for name, value in variables.items()}, None)


def from_keywords(**keywords: Any) -> Settings:
    return load_settings(keywords, {}, None)


def test_without_any_source_every_setting_has_its_default():
    """Nothing given is strict mode, silent, a snapshot in the working directory, no ttl, 512 MB."""
    settings = load_settings({}, {}, None)

    assert settings == Settings(
        debug=False,
        cache_db=Path("cache.db"),
        backup_interval=3600.0,
        ttl=Ttl(),
        stale_if_error=0.0,
        max_memory=512_000_000,
        max_results=64_000_000,
        mode="strict",
        transactions="until_write",
        tables=(),
        exclude=(),
        consistency="table",
        float_aggregates="origin",
        slow_statements="origin",
        plan_cache_size=1000,
        verify=0.0,
    )


def test_keyword_wins_over_environment_and_environment_over_dotenv(tmp_path):
    """Each source hides the ones below it, setting by setting."""
    file = tmp_path / ".env"
    file.write_text("SQLMEM_BACKUP_INTERVAL=1\nSQLMEM_TTL=1\nSQLMEM_STALE_IF_ERROR=1\n")
    environ = {"SQLMEM_BACKUP_INTERVAL": "2", "SQLMEM_TTL": "2"}

    settings = load_settings({"backup_interval": 3}, environ, file)

    assert (settings.backup_interval, settings.ttl.rest, settings.stale_if_error) == (3.0, 2.0, 1.0)


def test_dotenv_is_found_upwards_and_never_enters_the_environment(tmp_path, monkeypatch):
    """`.env` of a folder above counts, and the process' environment is as it was."""
    (tmp_path / ".env").write_text("SQLMEM_PLAN_CACHE_SIZE=7\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    before = dict(os.environ)

    settings = load_settings({}, {}, find_dotenv())

    assert settings.plan_cache_size == 7
    assert dict(os.environ) == before


def test_without_a_dotenv_there_is_none_to_find(tmp_path, monkeypatch):
    """No `.env` up to the root is no error; neither is a working directory that is gone."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    found = find_dotenv()

    assert found is None


def test_an_unreadable_dotenv_is_an_error_that_names_it(tmp_path):
    """Left out silently it could take a ttl with it."""
    file = tmp_path / ".env"
    file.write_bytes(b"SQLMEM_TTL=5\nNAME=\xff\xfe\n")

    with pytest.raises(SettingsError) as caught:
        load_settings({}, {}, file)

    assert str(file) in str(caught.value)


def test_an_empty_variable_is_the_default_and_hides_dotenv(tmp_path):
    """An empty variable is given, so the file below it isn't asked."""
    file = tmp_path / ".env"
    file.write_text("SQLMEM_TTL=5\nSQLMEM_DEBUG=true\n")

    settings = load_settings({}, {"SQLMEM_TTL": "", "SQLMEM_DEBUG": " "}, file)

    assert settings.ttl == Ttl()
    assert settings.debug is False


@pytest.mark.parametrize("value", ["", "store", "LOCAL", True, None, 1])
def test_float_aggregates_refuses_what_is_neither(value):
    """Only the two words; an empty keyword is no word."""
    assert from_keywords(float_aggregates="local").float_aggregates == "local"
    with pytest.raises(SettingsError, match=r"^float_aggregates must be 'origin' or 'local'"):
        from_keywords(float_aggregates=value)


@pytest.mark.parametrize("value", ["", "local", "STORE", True, None, 1])
def test_slow_statements_refuses_what_is_neither(value):
    """Only the two words; an empty keyword is no word."""
    assert from_keywords(slow_statements="store").slow_statements == "store"
    with pytest.raises(SettingsError, match=r"^slow_statements must be 'origin' or 'store'"):
        from_keywords(slow_statements=value)


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_cache_db_turns_persistence_off(value):
    """Empty means no file, in the environment and as a keyword; so does the keyword None."""
    assert from_environment(cache_db=value).cache_db is None
    assert from_keywords(cache_db=value).cache_db is None
    assert from_keywords(cache_db=None).cache_db is None


def test_cache_db_is_a_path_with_the_home_directory_filled_in(monkeypatch):
    """A `~` in a `.env` file meets no shell that would replace it."""
    monkeypatch.setenv("HOME", "/somewhere")

    assert from_environment(cache_db="~/x.db").cache_db == Path("/somewhere/x.db")
    assert from_keywords(cache_db=Path("a/b.db")).cache_db == Path("a/b.db")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        ("1.5 GiB", 1_610_612_736),
        ("2KiB", 2048),
        ("2kB", 2000),
        ("1TB", 10**12),
        ("100B", 100),
    ],
)
def test_max_memory_reads_units_of_1000_and_of_1024(text, expected):
    """MB is 1000², MiB is 1024², whatever the case."""
    assert from_environment(max_memory=text).max_memory == expected
    assert from_keywords(max_memory=text).max_memory == expected


def test_ttl_is_one_number_or_one_per_table():
    """The same setting as a number, in the environment's spelling and as a mapping."""
    assert from_environment(ttl="60").ttl_for(ORDERS) == 60.0
    assert from_keywords(ttl=Decimal("2.5")).ttl_for(ORDERS) == 2.5
    per_table = Ttl(3600.0, (("orders", 60.0), ("public.users", 5.5)))
    assert from_environment(ttl="orders=60, public.users=5.5, *=3600").ttl == per_table
    assert from_keywords(ttl={"orders": 60, "public.users": 5.5, "*": 3600}).ttl == per_table


def test_ttl_of_a_table_prefers_the_schema_then_the_name_then_the_rest():
    """The most exact entry decides; without one there is no limit."""
    settings = from_keywords(ttl={"orders": 60, "public.orders": 5, "*": 3600})

    assert settings.ttl_for(ORDERS) == 5.0
    assert settings.ttl_for(TableName("archive", "orders")) == 60.0
    assert settings.ttl_for(TableName(None, "orders")) == 60.0
    assert settings.ttl_for(TableName("public", "users")) == 3600.0
    assert from_keywords(ttl={"orders": 60}).ttl_for(TableName(None, "users")) is None


def test_ttl_finds_its_table_in_another_case():
    """A ttl that misses its table would be data older than was asked for; of several the shortest holds."""
    settings = from_keywords(ttl={"Orders": 60, "ORDERS": 5, "*": 3600})

    assert settings.ttl_for(ORDERS) == 5.0
    assert settings.ttl_for(TableName(None, "Orders")) == 60.0


SECONDS_GARBAGE: list[Any] = [
    "-5", "nan", "inf", "-inf", "1e999", "5s", "0x10", "five", True, False, float("nan"),
    float("inf"), Decimal("sNaN"), 10**400, b"5", [5], ..., None,
]  # fmt: skip


@pytest.mark.parametrize("value", [*SECONDS_GARBAGE, "0", 0, "2e9"], ids=repr)
def test_backup_interval_refuses_what_is_no_positive_number(value):
    """NaN, infinity, booleans, nothing and the longest wait of all are refused with the setting's name."""
    with pytest.raises(SettingsError, match=r"^backup_interval must be a positive number of seconds"):
        from_keywords(backup_interval=value)


@pytest.mark.parametrize("value", SECONDS_GARBAGE, ids=repr)
def test_stale_if_error_refuses_what_is_no_number(value):
    """Zero is fine here, nothing else of the kind is."""
    with pytest.raises(SettingsError, match=r"^stale_if_error must be a number of seconds, 0 or more"):
        from_keywords(stale_if_error=value)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "nan", True, 0, {"orders": 0}, {"orders": None}, {1: 5}, {"": 5}, [5], "orders=", "=5",
     "orders=5,", "orders=5,orders=6", "orders=5;users=6", "orders=5,60"],
    ids=repr,
)  # fmt: skip
def test_ttl_refuses_what_it_cannot_read_to_the_end(value):
    """Half of a list would leave a table without its limit."""
    with pytest.raises(SettingsError, match=r"^ttl must be a positive number of seconds"):
        from_keywords(ttl=value)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "512M", "512 XB", "1.5.5MB", "MB", "0.1B", "1e9", "nan", True, 1.5, 0, None, b"1"],
    ids=repr,
)
def test_max_memory_refuses_what_is_no_size(value):
    """A bare M is refused: it means 1000² to one half of the tools and 1024² to the other."""
    with pytest.raises(SettingsError, match=r"^max_memory must be a positive number of bytes"):
        from_keywords(max_memory=value)


@pytest.mark.parametrize(("given", "expected"), [("0", 0), (0, 0), ("8MB", 8_000_000), (" 0 ", 0)])
def test_max_results_may_be_nothing(given, expected):
    """0 keeps no answers; a size is read as that of max_memory."""
    assert from_keywords(max_results=given).max_results == expected
    assert from_environment(max_results=str(given)).max_results == expected


@pytest.mark.parametrize("value", ["-1", -1, "64M", True, 0.0, "none"])
def test_max_results_refuses_what_is_no_size(value):
    """Nothing is guessed."""
    with pytest.raises(SettingsError, match=r"^max_results must be a positive number of bytes, or 0"):
        from_keywords(max_results=value)


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.0", "many", True, 1.0, 0, None, "9" * 5000], ids=lambda v: repr(v)[:9]
)
def test_plan_cache_size_refuses_what_is_no_count(value):
    """A positive whole number, and nothing like it."""
    with pytest.raises(SettingsError, match=r"^plan_cache_size must be a positive whole number"):
        from_keywords(plan_cache_size=value)


@pytest.mark.parametrize(("value", "expected"), [("0.25", 0.25), (1, 1.0), (0, 0.0), (Decimal("0.1"), 0.1)])
def test_verify_is_a_share(value, expected):
    """From none to all of the hits."""
    assert from_keywords(verify=value).verify == expected


@pytest.mark.parametrize("value", [*SECONDS_GARBAGE, "1.01", -0.1, "25%"], ids=repr)
def test_verify_refuses_what_is_no_share(value):
    """More than all is a mistake for per cent."""
    with pytest.raises(SettingsError, match=r"^verify must be a number from 0 to 1"):
        from_keywords(verify=value)


@pytest.mark.parametrize("value", ["maybe", "2", 1, 0, None, 1.0], ids=repr)
def test_debug_refuses_what_is_no_truth(value):
    """Only booleans and the usual words."""
    with pytest.raises(SettingsError, match=r"^debug must be true or false"):
        from_keywords(debug=value)


@pytest.mark.parametrize("value", [":memory:", "a\0b", b"cache.db", 5, True], ids=repr)
def test_cache_db_refuses_what_is_no_path(value):
    """SQLite's ':memory:' would make a file of that name."""
    with pytest.raises(SettingsError, match=r"^cache_db must be a path"):
        from_keywords(cache_db=value)


@pytest.mark.parametrize("word", ["true", "TRUE", "yes", "on", "1"])
def test_debug_understands_the_usual_words(word):
    """In any case, in the environment; alone too, for whoever logs before there is an engine."""
    assert from_environment(debug=word).debug is True
    assert load_debug({"SQLMEM_DEBUG": word, "SQLMEM_TTL": "garbage"}, None) is True


def test_consistency_is_by_table_or_of_a_snapshot():
    """Anything else is refused, with the name that it came by."""
    with pytest.raises(SettingsError) as caught:
        from_environment(consistency="row")

    assert from_environment(consistency="snapshot").consistency == "snapshot"
    assert str(caught.value) == (
        "consistency must be 'table' or 'snapshot', got 'row' (from SQLMEM_CONSISTENCY)"
    )


def test_the_modes_are_strict_and_transparent():
    """Any other is refused with the two that there are."""
    with pytest.raises(SettingsError) as caught:
        from_environment(mode="lenient")

    assert from_environment(mode="transparent").mode == "transparent"
    assert str(caught.value) == "mode must be 'strict' or 'transparent', got 'lenient' (from SQLMEM_MODE)"


def test_an_error_says_what_was_seen_and_where_it_came_from(tmp_path):
    """Variable, keyword and file each name themselves."""
    file = tmp_path / ".env"
    file.write_text("SQLMEM_BACKUP_INTERVAL=soon\n")
    must = "backup_interval must be a positive number of seconds, at most 1e9"

    def message(*sources: Any) -> str:
        with pytest.raises(SettingsError) as caught:
            load_settings(*sources)
        return str(caught.value)

    assert (
        message({}, {"SQLMEM_BACKUP_INTERVAL": "-5"}, None)
        == f"{must}, got '-5' (from SQLMEM_BACKUP_INTERVAL)"
    )
    assert message({"backup_interval": -5}, {}, None) == f"{must}, got -5 (from the keyword backup_interval)"
    assert message({}, {}, file) == f"{must}, got 'soon' (from SQLMEM_BACKUP_INTERVAL in {file})"


def test_an_unknown_keyword_is_an_error_that_names_the_known_ones():
    """A misspelt ttl must not be a program without one."""
    with pytest.raises(SettingsError) as caught:
        from_keywords(back_up_interval=5)

    assert "did you mean backup_interval?" in str(caught.value)
    assert all(setting.name in str(caught.value) for setting in SETTINGS)


def test_an_unknown_variable_is_left_alone():
    """It may be another version's, or the tests'."""
    assert load_settings({}, {"SQLMEM_TEST_POSTGRESQL": "x", "SQLMEM_FUTURE": "1"}, None) == load_settings(
        {}, {}, None
    )


def test_the_table_of_settings_is_the_list_of_attributes():
    """A setting without an attribute, or the other way round, is one that nobody can use."""
    assert [setting.name for setting in SETTINGS] == list(Settings.__dataclass_fields__)


def test_env_example_has_each_setting_with_its_default_and_its_meaning():
    """The file that people copy says what the code does, in the order of the code."""
    blocks = EXAMPLE.read_text(encoding="utf-8").strip().split("\n\n")[1:]

    described = []
    for block in blocks:
        *comment, assignment = block.splitlines()
        variable, _, default = assignment.partition("=")
        described.append((variable, default, " ".join(line.removeprefix("# ") for line in comment)))

    assert described == [(setting.variable, setting.default, setting.meaning) for setting in SETTINGS]


def test_env_example_as_it_stands_changes_nothing():
    """Copied unchanged to `.env` it is the defaults."""
    assert set(dotenv.dotenv_values(EXAMPLE)) == {setting.variable for setting in SETTINGS}
    assert load_settings({}, {}, EXAMPLE) == load_settings({}, {}, None)
