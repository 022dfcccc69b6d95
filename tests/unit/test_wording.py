"""Invariant: a statement whose nodes say the words of its text is believed too if it is written back.

What the nodes say is a table of ours, what is written back the parser's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from support import corpus

from sqlmem import wording
from sqlmem.census import Census
from sqlmem.lexer import Scan, Syntax
from sqlmem.parser import Parsed, parse

SYNTAXES = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", False),
    "mysql": Syntax("mysql", True, False, "pyformat", False),
}
TEXTS = (
    "SELECT a, b AS c FROM t WHERE a = 1 AND b IS NOT NULL ORDER BY a LIMIT 3",
    "SELECT t.a, u.b FROM t JOIN u ON t.id = u.id WHERE NOT t.a IN (1, 2) OR u.b LIKE 'x%' ESCAPE '!'",
    "SELECT count(*), sum(DISTINCT a) AS s FROM t GROUP BY b HAVING count(*) > 1",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE NULL END FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
    "WITH v AS (SELECT a FROM t) SELECT a, row_number() OVER (PARTITION BY a ORDER BY a) FROM v",
    "SELECT a FROM t UNION ALL SELECT b FROM u EXCEPT SELECT 1",
    "SELECT DISTINCT a, coalesce(b, 0) FROM t WHERE a BETWEEN 1 AND 2 AND b <> -1 LIMIT 1 OFFSET 2",
    "SELECT CAST(a AS integer), lower(b) FROM s.t AS x, u WHERE x.a = u.a",
    "SELECT count(*) FILTER (WHERE a = 1) FROM t WHERE a IN (SELECT b FROM u)",
    "SELECT a FROM t WHERE (a, b) = (1, 2) AND TRUE AND a || 'x' = b",
)
PIECE = re.compile(r"'[^']*'|\w+|\s+|.", re.DOTALL)
# Put in the place of each word, and behind it.
OTHERS = ("", "NOT", "NULL", "IS", "END", ".", "ILIKE", "1", "DISTINCT", "OFFSET 2")


def changed(text: str) -> Iterator[str]:
    pieces = PIECE.findall(text)
    for index, piece in enumerate(pieces):
        if piece.isspace():
            continue
        for other in OTHERS:
            yield "".join([*pieces[:index], f" {other} ", *pieces[index + 1 :]])
            if other:
                yield "".join([*pieces[: index + 1], f" {other} ", *pieces[index + 1 :]])


@pytest.fixture
def agrees(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Syntax], bool | None]:
    """Whether a statement that is believed by what its nodes say is so too by what is written back.

    None: it isn't believed, or not by that.
    """
    said: list[bool] = []
    says = wording._says_the_same

    def told(census: Census, scanned: Scan) -> bool:
        said.append(says(census, scanned))
        return said[-1]

    def asked(text: str, syntax: Syntax) -> bool | None:
        said.clear()
        monkeypatch.setattr(wording, "_says_the_same", told)
        found = parse(text, syntax, is_strict=False)
        if not isinstance(found, Parsed) or said != [True]:
            return None
        monkeypatch.setattr(wording, "_says_the_same", lambda census, scanned: False)
        return isinstance(parse(text, syntax, is_strict=False), Parsed)

    return asked


@pytest.mark.parametrize("family", SYNTAXES)
def test_of_most_of_the_corpus_the_nodes_say_all_words(agrees, family: str) -> None:
    found = [agrees(statement.sql, SYNTAXES[family]) for statement in corpus.load(family)]

    assert False not in found
    assert found.count(True) > len(found) // 2


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", SYNTAXES)
def test_a_word_more_or_less_is_noticed_either_way(agrees, family: str, text: str) -> None:
    assert agrees(text, SYNTAXES[family]) is not False
    wrong = [each for each in changed(text) if agrees(each, SYNTAXES[family]) is False]

    assert not wrong
