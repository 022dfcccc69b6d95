"""The imports of sqlmem are the drawing of its layers, and nothing else.

A new module gets a place in `LAYERS`; where it is placed is what it may know.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sqlmem"

# Lowest first. A module imports only from earlier layers, or from earlier in its own.
# "dialects/*" stands for the modules of that folder, among which any order without a ring is fine.
LAYERS: dict[str, tuple[str, ...]] = {
    "vocabulary": ("errors", "model", "directives", "setting_values", "settings", "clock", "logs"),
    "decision": (
        "selection",
        "pending",
        "exactness",
        "lexemes",
        "tokens",
        "callees",
        "lexer",
        "commands",
        "gate",
        "calls",
        "grammar",
        "census",
        "items",
        "precedence",
        "reserved",
        "foreign",
        "wording",
        "trust",
        "with_names",
        "parser",
        "slices",
        "skeletons",
        "codecs/*",
        "functions/*",
        "measures",
        "dialects/*",
        "effects/*",
        "suspects",
        "reach",
        "constants",
        "plan",
        "arguments",
        "stored",
        "names",
        "positions",
        "readings",
        "values",
        "conversions",
        "scopes",
        "context",
        "lanes",
        "ranges",
        "expressions/*",
        "determinism",
        "stars",
        "outputs",
        "picks",
        "limits",
        "set_operations",
        "row_lists",
        "joins",
        "laterals",
        "sources",
        "recursion",
        "ctes",
        "places",
        "grouping_sets",
        "groups",
        "guards",
        "terms",
        "queries",
        "planner",
        "comparison",
        "reproduction",
        "explain",
    ),
    "state": (
        "dependencies",
        "statuses",
        "counters",
        "turns",
        "store",
        "writing",
        "present",
        "costs",
        "paces",
        "table_state",
        "sessions",
        "learning",
        "eras",
        "windows",
        "losses",
        "registry",
        "moments",
        "residency",
        "prospects",
        "entries",
        "hot",
        "results",
    ),
    "movement": (
        "waiting",
        "alongside",
        "pacing",
        "catalogue/*",
        "locks",
        "listeners",
        "checked_out",
        "checkout",
        "sqlite_programs",
        "walls",
        "origin_connection",
        "manners",
        "connecting",
        "origin",
        "trials",
        "lent",
        "wire",
        "encoders",
        "fill",
        "verdicts",
        "filling",
        "together",
        "snapshot_text",
        "snapshot_file",
        "snapshot_folder",
        "snapshot_form",
        "workers",
        "snapshot_images",
        "snapshot_results",
        "snapshot_load",
        "snapshot",
        "process",
        "keeping",
        "reading_ahead",
        "maintenance",
        "verification",
        "progress",
        "tables",
        "writes",
    ),
    "surface": (
        "variants",
        "sharing",
        "postponed",
        "borrowing",
        "unreadable",
        "definitions",
        "planning",
        "front",
        "answers",
        "at_once",
        "hits",
        "by_origin",
        "by_store",
        "faster",
        "executor",
        "sampling",
        "second_look",
        "live_verification",
        "sent",
        "iterated",
        "lazy_cursor",
        "dbapi",
        "cursor_traits",
        "passing_shared",
        "passing_driver",
        "passing_commit",
        "passing_session",
        "stand_in",
        "passing_rows",
        "unfinished",
        "passing_cursor",
        "passing_minding",
        "passing",
        "lazy_pool",
        "explaining",
        "at_hand",
        "shortcuts",
        "overview",
        "warming",
        "text_results",
        "core",
        "connections",
        "engine",
        "memo/*",
        "__init__",
    ),
    "testing": ("testing/*",),
}

# Who may know what else. What isn't named here is free.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "sqlalchemy": frozenset(
        {
            "catalogue/*",
            "waiting",
            "walls",
            "listeners",
            "checked_out",
            "checkout",
            "pacing",
            "origin_connection",
            "origin",
            "lent",
            "verdicts",
            "verification",
            "live_verification",
            "trials",
            "lazy_cursor",
            "passing_shared",
            "passing_commit",
            "lazy_pool",
            "core",
            "warming",
            "tables",
            "explaining",
            "text_results",
            "connections",
            "engine",
            "memo/*",
            "testing/*",
        }
    ),
    # `waiting` holds no state: it only waits for an event that another thread sets.
    "threading": frozenset(
        {
            "alongside",
            "moments",
            "eras",
            "table_state",
            "results",
            "passing_shared",
            "writes",
            "store",
            "turns",
            "counters",
            "residency",
            "process",
            "maintenance",
            "workers",
            "verification",
            "live_verification",
            "paces",
            "trials",
            "logs",
            "fill",
            "waiting",
            "pacing",
            "front",
            "core",
            "memo/*",
        }
    ),
    "loguru": frozenset({"logs"}),
    "dotenv": frozenset({"settings"}),
    "pickle": frozenset(),  # a snapshot that somebody tampered with must never run code
    "marshal": frozenset(),
    "shelve": frozenset(),
}

# The decision layer does no I/O, takes no lock and asks no clock.
IMPURE = frozenset({"asyncio", "os", "pathlib", "socket", "sqlite3", "subprocess", "threading", "time"})

RANKS = {
    name: (layer_rank, rank)
    for layer_rank, names in enumerate(LAYERS.values())
    for rank, name in enumerate(names)
}


@dataclass(frozen=True)
class Import:
    """One imported module, as written: `sqlmem.model`, `os.path`, or `.model` if relative."""

    module: str
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def module_names() -> list[str]:
    """Every module under sqlmem/, as `planner` or `dialects.sqlite`; the package itself is `__init__`."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths]


def imports_of(source: str) -> list[Import]:
    """All imports, also those inside functions and under TYPE_CHECKING."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.append(Import(module, node.lineno))
    return found


def place_of(name: str) -> str:
    """The entry of `LAYERS` for a module: itself, or its folder's."""
    folder, dot, _ = name.partition(".")
    return f"{folder}/*" if dot or f"{folder}/*" in RANKS else name


def complaints(name: str, source: str) -> list[str]:
    """What in this module isn't as drawn, one line each."""
    place = place_of(name)
    if place not in RANKS:
        return [
            f"sqlmem/{name.replace('.', '/')}.py is in no layer: add it to LAYERS in {Path(__file__).name}"
        ]
    layer = list(LAYERS)[RANKS[place][0]]
    wrong = []
    for each in imports_of(source):
        where = f"{name}, line {each.line}: {each.module}"
        if each.module.startswith("."):
            wrong.append(f"{where}: imports are absolute")
        elif each.module == "sqlmem":
            wrong.append(f"{where}: from the module that has it, not from the package")
        elif each.top == "sqlmem":
            imported = place_of(each.module.removeprefix("sqlmem."))
            if imported not in RANKS:
                wrong.append(f"{where}: is in no layer")
            elif RANKS[imported] > RANKS[place] or (imported == place and not place.endswith("/*")):
                wrong.append(f"{where}: only earlier modules may be imported")
        elif place not in MAY_IMPORT.get(each.top, {place}):
            allowed = ", ".join(sorted(MAY_IMPORT[each.top])) or "no module"
            wrong.append(f"{where}: only for {allowed}")
        elif layer == "decision" and each.top in IMPURE:
            wrong.append(f"{where}: the decision layer does no I/O, takes no lock and asks no clock")
    return wrong


@pytest.mark.parametrize("name", module_names())
def test_a_module_imports_only_from_earlier_ones(name):
    """The direction of the drawing holds for every import, also inside functions."""
    source = (PACKAGE / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")

    assert complaints(name, source) == []


@pytest.mark.parametrize("name", module_names())
def test_a_module_needs_no_more_than_the_project_declares(name):
    """What isn't the standard library's or a dependency's is an extra, imported inside a function."""
    tree = ast.parse((PACKAGE / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
    known = {"sqlmem", "sqlalchemy", "sqlglot", "loguru", "dotenv", *sys.stdlib_module_names}

    at_the_top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    used = {each.top for node in at_the_top for each in imports_of(ast.unparse(node))}

    assert used <= known


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("model", "from sqlmem.planner import Plan", "only earlier modules"),
        ("model", "def f():\n    import sqlmem.engine", "only earlier modules"),
        ("model", "from sqlmem.model import Kind", "only earlier modules"),
        ("codecs", "from sqlmem.dialects.sqlite import x", "only earlier modules"),
        ("codecs", "from sqlmem.dialects import sqlite", "only earlier modules"),
        ("engine", "from sqlmem import ReadOnlyError", "not from the package"),
        ("engine", "from .model import Kind", "absolute"),
        ("engine", "from . import model", "absolute"),
        ("planner", "from sqlalchemy.sql import select", "only for"),
        ("executor", "import threading", "only for"),
        ("snapshot", "import pickle", "no module"),
        ("codecs.opaque", "import pickle", "no module"),
        ("planner", "import os.path", "no I/O"),
        ("novelty", "", "add it to LAYERS"),
        ("engine", "from sqlmem.novelty import x", "in no layer"),
    ],
)
def test_a_crossing_is_noticed(name, source, complaint):
    """The check itself: each rule has a case that it refuses."""
    found = complaints(name, source)

    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("planner", "from sqlmem.dialects.sqlite import x\nfrom sqlmem.dialects import base"),
        ("dialects.sqlite", "from sqlmem.dialects.base import x\nfrom sqlmem.model import Kind"),
        ("__init__", "from sqlmem.engine import CachingEngine"),
        ("engine", "import sqlalchemy\nfrom sqlmem.errors import ClosedError"),
    ],
)
def test_the_drawn_direction_is_allowed(name, source):
    """And each rule has its case that passes."""
    assert complaints(name, source) == []
