"""What ARCHITECTURE.md says, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

# Named in the section on the layers beside the modules.
_FUNCTIONS = {"add_sink"}
_LOCK = re.compile(
    r"^\s*(?:self\.)?(_\w+)(?:: [\w.]+)? = (?:threading\.R?Lock|field\(default_factory=threading\.Lock)",
    re.MULTILINE,
)


def modules() -> set[str]:
    """Every module of sqlmem, as `planner` or `dialects.sqlite`; a folder by its own name."""
    package = ROOT / "sqlmem"
    paths = (path.relative_to(package).with_suffix("") for path in package.rglob("*.py"))
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    return names - {"__init__"}


def listed() -> set[str]:
    """The modules that the section on the layers names."""
    section = TEXT[TEXT.index("## The layers") : TEXT.index("Only `catalogue`")]
    return set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", section)) - _FUNCTIONS


def test_every_module_is_named():
    """A new module gets its line in the list of the layers."""
    assert modules() <= listed()


def test_every_module_named_is_there():
    """The list names no module that has gone."""
    assert listed() <= modules()


def test_every_lock_is_named():
    """A new lock gets its line in the table of locks: who holds it, and for how long."""
    locks = set()
    for path in (ROOT / "sqlmem").rglob("*.py"):
        found = _LOCK.findall(path.read_text(encoding="utf-8"))
        locks |= {(path.stem.replace("_", ""), name) for name in found}
    named = {
        (owner.lower(), name) for owner, name in re.findall(r"^\| `(\w+)\.(_\w+)` \|", TEXT, re.MULTILINE)
    }
    assert len(locks) > 8

    # One class lives in a module of another name.
    in_classes = {("tablestate" if owner == "ending" else owner, name) for owner, name in named}
    assert locks == in_classes
