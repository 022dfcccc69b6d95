"""Asking an engine, and comparing two answers.

An answer is rows, column names and the driver's type codes, or the classes of an error. Rows are compared
in order where the statement leaves no choice, else as a multiset.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, bindparam, exc, text

from sqlmem.engine import CachingEngine
from sqlmem.exactness import same
from sqlmem.planning import PLANNING_FAILED, QUARANTINED
from sqlmem.statuses import last_status
from sqlmem.testing.tree import Bind, Statement

# text: Core's `text()`. driver: `exec_driver_sql` with the driver's own marks.
# execute: `CachingEngine.execute`.
WAYS = ("text", "driver", "execute")

_PATIENCE_SECONDS = 60

# What `text()` would take for a parameter's name.
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")
# What a mark can't stand behind, and what can't stand behind a mark.
_JOINED = re.compile(r"[\w:\\]\Z")
_GOES_ON = re.compile(r"[\w:]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one asking gave.

    Attributes:
        rows: tuples of values; for the way `execute`, of (name, value) pairs.
        error: the classes of SQLAlchemy's exception and of the driver's own behind it.
        message: for a person; never compared.
        fault: what went wrong inside sqlmem, though the origin's answer stands in for it.
    """

    names: tuple[str, ...] = ()
    codes: tuple[Any, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    error: tuple[type[BaseException], type[BaseException] | None] | None = None
    message: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A statement made ready for one driver; asking it again costs nothing more.

    Attributes:
        text: with `:p0` marks for the ways `text` and `execute`, else with the driver's marks.
        parameters: as Core or the driver takes them; a list among them is an expanding one.
        clause: None for the way `driver`.
    """

    text: str
    parameters: Any
    way: str
    is_ordered: bool
    clause: TextClause | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        clause = None
        if self.way != "driver":
            clause = text(self.text).bindparams(
                *(bindparam(name, expanding=True) for name in self.expanding())
            )
        object.__setattr__(self, "clause", clause)

    def expanding(self) -> list[str]:
        """The names of the parameters that are lists."""
        if self.way == "driver":
            return []
        return [name for name, value in self.parameters.items() if isinstance(value, list)]

    @property
    def spelled(self) -> str | TextClause:
        """What `CachingEngine.execute` is given: the text itself if it can, which is its short way."""
        return self.clause if self.clause is not None and self.expanding() else self.text


def question(statement: Statement, paramstyle: str) -> Question:
    """The statement as it will be asked."""
    pieces = statement.pieces()
    if statement.way == "driver" and (driven := _for_driver(pieces, paramstyle)) is not None:
        return Question(*driven, "driver", statement.is_ordered)
    texts: list[str] = []
    parameters: dict[str, Any] = {}
    for number, piece in enumerate(pieces):
        if isinstance(piece, str):
            texts.append(_COLON.sub(r"\\:", piece))
            continue
        name = f"p{len(parameters)}"
        parameters[name] = list(piece.value) if isinstance(piece.value, tuple) else piece.value
        following = next((each for each in pieces[number + 1 :] if each), "")
        # `:p0::int` would be read as `:p` and `0::int`; broken texts have a word behind a mark.
        is_apart = isinstance(following, Bind) or _GOES_ON.match(following) is not None
        # Nor is a mark one behind a letter, a digit or a colon.
        before = " " if texts and _JOINED.search(texts[-1]) else ""
        texts.append(f"{before}:{name} " if is_apart else f"{before}:{name}")
    way = statement.way if statement.way != "driver" else "text"
    return Question("".join(texts), parameters, way, statement.is_ordered)


def _for_driver(pieces: Sequence[str | Bind], paramstyle: str) -> tuple[str, Any] | None:
    binds = [piece for piece in pieces if isinstance(piece, Bind)]
    if any(isinstance(bind.value, tuple) for bind in binds):
        return None
    has_percent = any("%" in piece for piece in pieces if isinstance(piece, str))
    if paramstyle == "qmark":
        marked = "".join(piece if isinstance(piece, str) else "?" for piece in pieces)
        return marked, tuple(bind.value for bind in binds)
    if has_percent and not binds:
        return None  # whether a lone per cent sign is doubled is each driver's own affair
    texts = []
    number = 0
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece.replace("%", "%%"))
        else:
            texts.append(f"%(p{number})s" if paramstyle == "pyformat" else "%s")
            number += 1
    if paramstyle == "pyformat":
        return "".join(texts), {f"p{number}": bind.value for number, bind in enumerate(binds)}
    return "".join(texts), tuple(bind.value for bind in binds)


def ask(connection: Connection, asked: Question) -> Answer:
    """The answer on an open connection, by Core."""
    try:
        if asked.clause is None:
            result = connection.exec_driver_sql(asked.text, asked.parameters or None)
        else:
            result = connection.execute(asked.clause, asked.parameters)
        codes = tuple(item[1] for item in result.cursor.description)
        names = tuple(result.keys())
        return Answer(names, codes, [tuple(row) for row in result])
    except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
        return _failed(error)


def ask_bare(connection: Connection, asked: Question) -> Answer:
    """The wrapped engine's own answer, in the form of the question's way."""
    answer = ask(connection, asked)
    if answer.error is not None:
        try:
            connection.rollback()
        except exc.DBAPIError:
            connection.invalidate()  # a driver that failed while it read a result can't read another
            connection.rollback()
    elif asked.way == "execute":
        rows = [tuple(dict(zip(answer.names, row, strict=True)).items()) for row in answer.rows]
        return Answer(rows=rows)
    return answer


def ask_cached(engine: CachingEngine, asked: Question) -> Answer:
    """The answer through sqlmem, by the question's way."""
    answer = _cached(engine, asked)
    status = last_status()
    if status is not None and (status.reason or "").startswith((PLANNING_FAILED, QUARANTINED)):
        return replace(answer, fault=str(status.reason))
    return answer


def has_quarantined(engine: CachingEngine) -> bool:
    """Whether the engine's own verification took a plan for wrong, once it has looked at all it took."""
    live = engine._core.live  # noqa: SLF001 - nothing public waits for it
    return (
        live is not None and live.drain(_PATIENCE_SECONDS) and bool(engine.stats().verification.differences)
    )


def _cached(engine: CachingEngine, asked: Question) -> Answer:
    if asked.way == "execute":
        try:
            statement = asked.spelled
            return Answer(rows=[tuple(row.items()) for row in engine.execute(statement, asked.parameters)])
        except Exception as error:  # noqa: BLE001 - whatever is raised is the answer
            return _failed(error)
    with engine.connect() as connection:
        return ask(connection, asked)


def _failed(error: Exception) -> Answer:
    original = getattr(error, "orig", None) if isinstance(error, exc.SQLAlchemyError) else None
    if isinstance(original, sqlite3.Error) and isinstance(original.__context__, sqlite3.ProgrammingError):
        # A parameter that can't be bound: CPython then raises the connection's last error, of an earlier
        # statement, if it has one (`_pysqlite_seterror` in its module sqlite3).
        original = original.__context__
        error = exc.ProgrammingError(None, None, original)
    message = " ".join(str(original or error).split())[:300]
    return Answer(error=(type(error), type(original) if original is not None else None), message=message)


def difference(one: Answer, other: Answer, *, is_ordered: bool) -> str | None:
    """In what two answers differ, in a word or two; None if no program could tell them apart."""
    if one.fault or other.fault:
        return one.fault or other.fault
    if one.error != other.error:
        return "error"
    if one.error is not None:
        return None
    if one.names != other.names:
        return "column names"
    if not same(one.codes, other.codes):
        return "type codes"
    if len(one.rows) != len(other.rows):
        return "number of rows"
    if same(one.rows, other.rows):
        return None
    if not is_ordered and same(sorted(one.rows, key=_sort_key), sorted(other.rows, key=_sort_key)):
        return None
    if same(sorted(one.rows, key=_sort_key), sorted(other.rows, key=_sort_key)):
        return "order"
    return "values"


def _sort_key(row: tuple[Any, ...]) -> str:
    return repr([(type(value).__name__, _plain(value)) for value in row])


def _plain(value: Any) -> str:
    if isinstance(value, memoryview):
        return repr(value.tobytes())
    return repr(value)


def paramstyle_of(engine: Engine) -> str:
    """`qmark`, `format` or `pyformat`, as the engine's driver has it."""
    return "pyformat" if engine.dialect.paramstyle == "pyformat" else engine.dialect.paramstyle


def shown(asked: Question) -> str:
    """The question on one line."""
    return f"{asked.text}  -- {asked.parameters!r}" if asked.parameters else asked.text


def told(answer: Answer) -> str:
    """The answer on one line, shortened."""
    if answer.error is not None:
        names = [error.__name__ for error in answer.error if error is not None]
        return f"{' from '.join(names)}: {answer.message}"
    rows = repr(list(answer.rows[:8]))
    codes = f" of types {', '.join(map(str, answer.codes))}" if answer.codes else ""
    return f"{len(answer.rows)} rows, {', '.join(answer.names)}{codes}: {rows}"[:1000]
