"""What statements about the session and the transaction do."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlmem.effects.base import (
    ALL_VARIABLES,
    Control,
    Effect,
    Session,
    Verb,
    Write,
    unknown,
    writing,
)
from sqlmem.effects.variables import (
    GLOBAL_WORDS,
    HARMLESS_PRAGMAS,
    HARMLESS_VARIABLES,
    ROLES,
    SINGLE_VARIABLES,
)
from sqlmem.effects.words import Part

_DIFFERS = Effect(session=Session.DIFFERS)
# What SQLite's ANALYZE writes are ordinary tables.
STATISTICS = replace(
    writing((Write(None, f"sqlite_stat{number}", Verb.INSERT) for number in (1, 3, 4)), "statistics"),
    is_at_once=True,
)


def set_(part: Part) -> Effect:
    """SET in PostgreSQL's and MariaDB's forms."""
    if part.family == "postgresql":
        return _set_postgresql(part)
    if part.family == "mysql":
        return _set_mysql(part)
    return unknown("SET of a dialect that isn't known")


def _set_postgresql(part: Part) -> Effect:
    is_local = part.at(1) == "LOCAL"
    index = part.after(1, "SESSION", "LOCAL")
    name = part.at(index).lstrip('"').upper()
    if name in ("TRANSACTION", "CHARACTERISTICS"):
        return _at_level(part, Effect(control=Control.SET), is_local=name == "TRANSACTION")
    if name == "CONSTRAINTS":
        return Effect(reason="SET CONSTRAINTS")
    is_plain = part.at(index + 1) in ("=", "TO") and part.is_name(index)
    if is_plain and name in HARMLESS_VARIABLES["postgresql"] and not _calls(part):
        return Effect(reason=f"SET {name.lower()}")
    effect = replace(_DIFFERS, is_session_local=is_local, reason=f"SET {name.lower()}")
    variables, behind = _variable(part, index)
    return replace(effect, variables=variables, may_be_back=part.words[behind:] in _DEFAULTS)


# What gives a variable the session's default again, or takes a role back.
_DEFAULTS = frozenset([("DEFAULT",), ("LOCAL",), ("NONE",)])
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", re.ASCII)


def _variable(part: Part, index: int) -> tuple[frozenset[str], int]:
    """PostgreSQL: the variables that are set or reset there, and the place behind their name and TO.

    Empty for what has another form.
    """
    for words, variables in _FORMS:
        if part.words[index : index + len(words)] == words:
            return variables, index + len(words)
    spelling, behind = part.spelling(index)
    name = ".".join(each.lower() for each in spelling or () if each is not None)
    is_whole = part.at(behind) in ("=", "TO") if part.at(0) == "SET" else behind == len(part.words)
    if not is_whole or _PLAIN_NAME.fullmatch(name) is None:
        return frozenset(), behind
    return ROLES if name in ROLES else frozenset((name,)), behind + 1


_FORMS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("TIME", "ZONE"), frozenset(["timezone"])),
    (("ROLE",), ROLES),
    (("SESSION", "AUTHORIZATION"), ROLES),
    (("AUTHORIZATION",), ROLES),  # behind SET SESSION
)


# What is said of a transaction whose statements read otherwise than by themselves: all of them as of one
# moment, or what isn't committed. PostgreSQL takes the last of them for READ COMMITTED.
_LEVELS = (
    ("CONSISTENT", "SNAPSHOT"),
    ("TRANSACTION", "SNAPSHOT"),
    ("REPEATABLE", "READ"),
    ("SERIALIZABLE",),
    ("READ", "UNCOMMITTED"),
)


def _at_level(part: Part, effect: Effect, *, is_local: bool) -> Effect:
    """What begins or sets a transaction: whether that reads otherwise.

    Args:
        is_local: it is said of one transaction, not of all of the session's to come.
    """
    levels = _LEVELS[:-1] if part.family == "postgresql" else _LEVELS
    level = next((level for level in levels if part.has(*level)), None)
    first = part.at(0) if effect.control is Control.BEGIN else "SET TRANSACTION"
    if level is None:
        return replace(effect, reason=first)
    reason = f"{first} … {' '.join(level)}"
    return replace(effect, session=Session.DIFFERS, is_session_local=is_local, reason=reason)


def _calls(part: Part) -> bool:
    return "(" in part.words


def _set_mysql(part: Part) -> Effect:
    if part.at(1) == "STATEMENT":
        return unknown("SET STATEMENT … FOR")
    if part.at(1) in ("PASSWORD", "DEFAULT") or part.at(1) == "ROLE":
        return replace(
            _DIFFERS, is_at_once=True, is_definition=part.at(1) == "PASSWORD", reason=f"SET {part.at(1)}"
        )
    if part.at(part.after(1, "SESSION", "LOCAL")) == "TRANSACTION":
        return _at_level(part, Effect(control=Control.SET), is_local=part.at(1) == "TRANSACTION")
    if part.has("TRANSACTION"):
        return Effect(session=Session.DIFFERS, control=Control.OTHER, reason="SET TRANSACTION")
    if any(word in ("SELECT", "INSERT", "UPDATE", "DELETE") for word in part.words) or _calls(part):
        # SET @x = f(): whatever the function does.
        return unknown("SET with something computed")
    effect = Effect()
    names: list[str] = []
    variables: set[str] | None = set()  # None: the session differs otherwise, too
    index = 1
    while True:
        is_global = False
        index = part.after(index, "@")
        while part.at(index) in ("SESSION", "LOCAL", *GLOBAL_WORDS):
            is_global = part.at(index) in GLOBAL_WORDS
            index = part.after(index + 1, ".")
        name = part.at(index).lstrip('"').upper()
        is_user_variable = part.at(index - 1) == "@" and not (index >= 2 and part.at(index - 2) == "@")
        names.append(name.lower())
        if name == "AUTOCOMMIT":
            # Set to 1 inside a transaction it commits.
            effect = replace(effect, is_at_once=True, session=Session.DIFFERS, control=Control.COMMIT)
            variables = None
        elif is_user_variable:
            pass  # what reads it is the origin's to answer
        elif part.at(index + 1) not in ("=", ":=") or name not in HARMLESS_VARIABLES["mysql"]:
            if is_global:  # sessions to come differ from those that are
                return unknown("SET GLOBAL")
            is_default = part.at(index + 2) == "DEFAULT"
            effect = replace(effect, session=Session.DIFFERS, may_be_back=effect.may_be_back or is_default)
            if variables is not None and name in SINGLE_VARIABLES:
                variables.add(name.lower())
            else:
                variables = None
        comma = part.find(index, ",")
        if comma is None:
            break
        index = comma + 1
    return replace(effect, variables=frozenset(variables or ()), reason="SET " + ", ".join(names))


def reset(part: Part) -> Effect:
    if part.family == "postgresql":
        name = part.at(1).lstrip('"').upper()
        if name == "ALL" and len(part.words) == 2:
            # Neither role nor temporary tables are reset by it.
            variables = frozenset((ALL_VARIABLES,))
            return replace(_DIFFERS, variables=variables, may_be_back=True, reason="RESET ALL")
        if name in HARMLESS_VARIABLES["postgresql"]:
            return Effect(reason=f"RESET {name.lower()}")
        variables, _ = _variable(part, 1)
        return replace(_DIFFERS, variables=variables, may_be_back=True, reason=f"RESET {name.lower()}")
    return Effect(is_at_once=True, control=Control.COMMIT, reason="RESET")  # RESET QUERY CACHE and its like


def discard(part: Part) -> Effect:
    if part.at(1) == "ALL":
        variables = ROLES | {ALL_VARIABLES}
        return Effect(session=Session.RESET, variables=variables, may_be_back=True, reason="DISCARD ALL")
    return Effect(reason="DISCARD")


def pragma(part: Part) -> Effect:
    """A PRAGMA that the gate hasn't proven a read."""
    if part.family != "sqlite":
        return unknown("PRAGMA of another dialect")
    index = 3 if part.at(2) == "." else 1
    name = part.at(index).lstrip('"').upper()
    if name == "WRITABLE_SCHEMA":
        return unknown("PRAGMA writable_schema")
    if name == "SCHEMA_VERSION":
        return replace(
            _DIFFERS, is_at_once=True, is_definition=True, writes=None, reason="PRAGMA schema_version"
        )
    if name in HARMLESS_PRAGMAS:
        # Some write the file's head; none writes a row.
        if name == "OPTIMIZE":
            return STATISTICS
        return Effect(is_at_once=True, reason=f"PRAGMA {name.lower()}")
    return replace(_DIFFERS, is_at_once=True, reason=f"PRAGMA {name.lower()}")


def transaction(part: Part) -> Effect:
    """BEGIN, COMMIT, ROLLBACK and their like, as text."""
    first = part.at(0)
    if first == "SAVEPOINT" and part.is_name(1):
        return Effect(savepoint=("set", _savepoint(part, 1)), reason="SAVEPOINT")
    if first == "RELEASE":
        index = part.after(1, "SAVEPOINT")
        return Effect(savepoint=("release", _savepoint(part, index)), reason="RELEASE SAVEPOINT")
    if first in ("ROLLBACK", "ABORT"):
        index = part.after(1, "WORK", "TRANSACTION", "TRAN")
        if part.at(index) == "TO":
            return Effect(
                savepoint=("back", _savepoint(part, part.after(index + 1, "SAVEPOINT"))), reason="ROLLBACK TO"
            )
        if part.at(1) == "PREPARED":
            return Effect(control=Control.ROLLBACK_PREPARED, reason="ROLLBACK PREPARED")
        return Effect(control=Control.ROLLBACK, is_chained=part.has("AND", "CHAIN"), reason=first)
    if first in ("COMMIT", "END"):
        prepared = part.at(1) == "PREPARED"
        control = Control.COMMIT_PREPARED if prepared else Control.COMMIT
        # What a prepared transaction wrote isn't in this text.
        return Effect(
            control=control,
            is_at_once=True,
            writes=None if prepared else frozenset(),
            is_chained=part.has("AND", "CHAIN"),
            reason=first,
        )
    if first in ("BEGIN", "START"):
        if first == "START" and part.at(1) != "TRANSACTION":
            return unknown(f"START {part.at(1)}")
        if part.has("NOT", "ATOMIC"):
            return unknown("an anonymous block")
        # In MariaDB it commits what came before.
        begun = Effect(control=Control.BEGIN, is_at_once=part.family == "mysql")
        return _at_level(part, begun, is_local=True)
    if first == "PREPARE" and part.at(1) == "TRANSACTION":
        return Effect(control=Control.PREPARE, reason="PREPARE TRANSACTION")
    if first == "XA":
        return _xa(part)
    return unknown(f"{first} isn't understood")


def _savepoint(part: Part, index: int) -> str:
    if not part.is_name(index):
        return ""
    name = part.name(index)
    # PostgreSQL tells "A" from a; to the others they are one.
    return name if part.family == "postgresql" else name.lower()


def _xa(part: Part) -> Effect:
    match part.at(1):
        case "PREPARE":
            return Effect(control=Control.PREPARE, reason="XA PREPARE")
        case "COMMIT":
            return Effect(control=Control.COMMIT_PREPARED, is_at_once=True, writes=None, reason="XA COMMIT")
        case "ROLLBACK":
            return Effect(control=Control.ROLLBACK_PREPARED, reason="XA ROLLBACK")
        case "RECOVER":
            return Effect(reason="XA RECOVER")
        case _:
            return Effect(control=Control.OTHER, reason="XA")
