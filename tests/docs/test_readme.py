"""What README.md says, held against the code: its code, its tables, its names.

A line `print(…)  # text` says what it prints. A block under `<!-- needs: asyncpg -->` is run
only where that origin is, on its URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

import sqlmem
from sqlmem import CachingEngine, StatementRefused
from sqlmem.settings import SETTINGS

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")

_BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>\w+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
_PRINTED = re.compile(r"^\s*print\(.*\)\s+# (.*)$", re.MULTILINE)

TYPES = {
    "sqlite": ("TIMESTAMP", ""),
    "postgresql": ("TIMESTAMP", ""),
    "mariadb": ("DATETIME", " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"),
}
COLUMN_OF_FAMILY = {"sqlite": 1, "postgresql": 2, "mariadb": 3}


@dataclass(frozen=True)
class Block:
    code: str
    line: int
    needs: str | None


def blocks() -> list[Block]:
    return [
        Block(found["code"], TEXT.count("\n", 0, found.start("code")), found["needs"])
        for found in _BLOCK.finditer(TEXT)
    ]


def make_shop(origin) -> None:
    """The tables that README.md's statements are about."""
    moment, options = TYPES[origin.family]
    origin.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, status VARCHAR(10))"
        + options,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, items INTEGER, status VARCHAR(10),"
        f" total NUMERIC(10,2), weight DOUBLE PRECISION, placed_on DATE, placed_at {moment})" + options,
        "INSERT INTO users VALUES (1, 'Ana', 'active'), (2, 'Jonas', 'left'), (3, 'Elif', 'active')",
        "INSERT INTO orders VALUES"
        " (1, 1, 1, 'new', 10.25, 0.1, '2024-01-01', '2024-01-01 10:00:00'),"
        " (2, 1, 3, 'paid', 20.50, 1.7, '2024-01-02', '2024-01-02 10:00:00'),"
        " (3, 3, 5, 'new', 30.75, 2.6, '2024-01-03', '2024-01-03 10:00:00')",
    )


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table with this heading, whatever is in them."""
    lines = TEXT[TEXT.index(heading) :].splitlines()
    body = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        body.append([cell.strip() for cell in line.strip("|").split("|")])
    return body


def run(block: Block, namespace: dict, capsys: pytest.CaptureFixture[str]) -> None:
    """Execute a block; what it prints must be what its comments say."""
    # Blank lines in front, so that a traceback names README.md's own line.
    code = compile("\n" * block.line + block.code, str(README), "exec", dont_inherit=True)
    capsys.readouterr()

    exec(code, namespace)

    assert capsys.readouterr().out.splitlines() == _PRINTED.findall(block.code)


@pytest.fixture
def every_connection_closed():
    """Closes what pools hold of engines that README.md's short blocks leave to the end of the program."""
    opened = []

    def remember(connection, _record):
        opened.append(connection)

    sa.event.listen(sa.pool.Pool, "connect", remember)
    yield
    sa.event.remove(sa.pool.Pool, "connect", remember)
    for connection in opened:
        connection.close()


@pytest.mark.families("sqlite")
@pytest.mark.usefixtures("every_connection_closed")
def test_the_code_does_what_its_comments_say(origin, tmp_path, capsys):
    """All blocks that need no server run in their order, in one namespace."""
    (tmp_path / "shop.db").symlink_to(origin.url.database)
    make_shop(origin)
    namespace: dict = {"__name__": "readme"}

    for block in blocks():
        if block.needs is None:
            run(block, namespace, capsys)


def test_the_asyncio_code_does_what_its_comments_say(asyncpg_origin, capsys):
    """Likewise for the block that needs asyncpg, on the tests' server."""
    make_shop(asyncpg_origin)
    (block,) = [block for block in blocks() if block.needs == "asyncpg"]
    url = asyncpg_origin.url_for("asyncpg").render_as_string(hide_password=False)
    code = block.code.replace("postgresql+asyncpg://user:password@host/shop", url)

    run(Block(code, block.line, block.needs), {"__name__": "readme"}, capsys)


def test_what_happens_to_a_statement(origin):
    """The walk: each outcome is as in the table, and so is what reaches the origin."""
    make_shop(origin)
    table = rows_of("| statement, in this order |")
    assert len(table) > 8

    with CachingEngine(origin.engine()) as engine:
        for statement, expected, at_origin in table:
            with origin.expect(0 if at_origin == "nothing" else 1):
                try:
                    outcome = str(engine.execute(statement.strip("`")).status.outcome)
                except StatementRefused as refused:
                    outcome = type(refused).__name__
            assert (statement, outcome) == (statement, expected)


def test_who_answers(origin):
    """Each statement is answered by whom the table says, the second time too, as by the bare engine."""
    make_shop(origin)
    table = rows_of("| statement | SQLite |")
    assert len(table) > 20
    said = {row[0].strip("`"): row[COLUMN_OF_FAMILY[origin.family]] for row in table}

    found = {}
    with CachingEngine(origin.engine()) as engine:
        for statement in said:
            parameters = {"pattern": "n%"} if ":pattern" in statement else None
            engine.execute(statement, parameters)
            outcome = engine.execute(statement, parameters).status.outcome
            found[statement] = {
                "hit": "store",
                "bypass": "origin",
                "result_hit": "origin, kept",
            }.get(outcome, str(outcome))

    assert found == said


def test_the_settings_are_those_of_the_code():
    """Keyword, variable, default and meaning of each, in the code's words and order."""
    expected = [
        [
            f"`{setting.name}`",
            f"`{setting.variable}`",
            f"`{setting.default}`" if setting.default else "none",
            setting.meaning,
        ]
        for setting in SETTINGS
    ]

    assert rows_of("| keyword | variable |") == expected


def test_every_public_name_is_explained():
    """What `from sqlmem import …` offers is named; what only comes back from a call may be left out."""
    returned = {"Explanation", "Outcome", "Rows", "Status", "TableStats"}
    missing = {name for name in sqlmem.__all__ if not re.search(rf"\b{name}\b", TEXT)}

    assert missing <= returned
