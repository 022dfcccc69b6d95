"""The text of each item of a SELECT list, which is the column's name at SQLite and MariaDB.

Rule: where an origin names an item otherwise than by its text, there is no text.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlglot import exp

from sqlmem.commands import word_set
from sqlmem.lexer import Scan, TokenKind

ITEM_ENDS = word_set("FROM WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT FETCH OFFSET FOR ;")


Spans = list[tuple[int, int]]


def item_texts(tree: exp.Expr, scanned: Scan, spans: Spans | None) -> tuple[str | None, ...]:
    """Per item of the leftmost outermost SELECT its text; None where it has an alias or can't be told.

    Args:
        spans: of `item_spans`.
    """
    select = tree
    while isinstance(select, (exp.Subquery, exp.SetOperation)):
        select = select.this
    if not isinstance(select, exp.Select):
        return ()
    items = select.expressions
    if spans is None or len(spans) != len(items):
        return (None,) * len(items)
    return tuple(
        None if _is_named_otherwise(item) else _item_text(scanned, first, last)
        for item, (first, last) in zip(items, spans, strict=True)
    )


class Call(NamedTuple):
    """How an item's text begins, its own parentheses left out.

    Attributes:
        name: the function that it begins with, by the name that PostgreSQL has for it; None: with none.
        is_whole: the item is that call and nothing else.
    """

    name: str | None
    is_whole: bool


def item_calls(scanned: Scan, spans: Spans | None) -> tuple[Call | None, ...]:
    """Per item of the leftmost outermost SELECT how it begins; None where that can't be told."""
    return () if spans is None else tuple(_call(scanned, first, last) for first, last in spans)


def _call(scanned: Scan, first: int, last: int) -> Call | None:
    words = scanned.words
    while words[first] == "(" and _closing(words, first) == last:
        first, last = first + 1, last - 1
    if words[first] == "+":
        return None  # the parser leaves a sign out
    while first < last and words[first] == "(":
        first += 1
    if first >= last or words[first + 1] != "(":
        return Call(None, is_whole=False)
    kind, word = scanned.tokens[first].kind, words[first]
    is_whole = _closing(words, first + 1) == last
    if kind is TokenKind.NAME:
        return Call(word[1:], is_whole)
    if kind is not TokenKind.WORD or word in _OTHERWISE_CALLED:
        return None
    if word == "TRIM":
        return Call(_TRIMS.get(words[first + 2], "btrim"), is_whole)
    return Call(word.lower(), is_whole)


def _closing(words: tuple[str, ...], opening: int) -> int:
    """The place of the parenthesis that closes the one there; -1 if none does."""
    depth = 0
    for index in range(opening, len(words)):
        depth += {"(": 1, ")": -1}.get(words[index], 0)
        if depth == 0:
            return index
    return -1


_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}
# Named by the server's version, by its operands, or no function at all.
_OTHERWISE_CALLED = word_set("EXTRACT COLLATION INTERVAL NOT IN SELECT VALUES CASE ANY SOME ALL DISTINCT")


def _is_named_otherwise(item: exp.Expr) -> bool:
    if isinstance(item, exp.Paren):
        # (a) is named a by SQLite and MariaDB, (a + 1) is named by its text.
        return isinstance(item.unnest(), (exp.Column, exp.Condition)) and not isinstance(
            item.unnest(), (exp.Binary, exp.Unary, exp.Func, exp.Case)
        )
    return isinstance(item, (exp.Alias, exp.Aliases))


def item_spans(scanned: Scan) -> Spans | None:
    """First and last token of each item of the leftmost outermost SELECT; None if not found."""
    words = scanned.words
    index = 0
    while index < len(words) and words[index] in ("(", ";"):
        index += 1
    depth = 0
    while index < len(words) and not (depth == 0 and words[index] == "SELECT"):
        depth += {"(": 1, ")": -1}.get(words[index], 0)
        index += 1
    index += 1
    if index < len(words) and words[index] in ("DISTINCT", "ALL"):
        if words[index : index + 2] == ("DISTINCT", "ON"):
            return None
        index += 1
    spans, first, depth = [], index, 0
    while index < len(words):
        word = words[index]
        if word in ("(", "["):
            depth += 1
        elif word in (")", "]"):
            depth -= 1
        is_end = depth < 0 or (
            depth == 0 and word in ITEM_ENDS and words[index - 1] not in (".", "AS", "DISTINCT")
        )
        if is_end or (depth == 0 and word == ","):
            spans.append((first, index - 1))
            first = index + 1
        if is_end:
            return spans if all(begin <= end for begin, end in spans) else None
        index += 1
    spans.append((first, index - 1))
    return spans if all(begin <= end for begin, end in spans) else None


def _item_text(scanned: Scan, first: int, last: int) -> str | None:
    start, end = scanned.tokens[first].start, scanned.tokens[last].end
    following = scanned.tokens[last + 1].start if last + 1 < len(scanned.tokens) else len(scanned.text)
    if any(start <= opened < following for opened, _ in scanned.comments):
        return None  # SQLite keeps the comment behind an item in its name, MariaDB doesn't
    text = scanned.text[start:end]
    if scanned.syntax.family == "mysql" and scanned.words[first] == "+":
        return None  # named without its sign
    if (
        scanned.syntax.family == "mysql"
        and first == last
        and (
            scanned.tokens[first].kind is TokenKind.STRING
            or scanned.words[first] in ("NULL", "TRUE", "FALSE")
        )
    ):
        return None  # named by its value, or in capitals
    if scanned.syntax.percent_is_escaped:
        if TokenKind.PLACEHOLDER in {token.kind for token in scanned.tokens[first : last + 1]}:
            return None  # the driver writes the value into the text
        text = text.replace("%%", "%")
    return text
