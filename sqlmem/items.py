"""The text of each item of a SELECT list, which is the column's name at SQLite and MariaDB.

Rule: where an origin names an item otherwise than by its text, there is no text.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.gate import word_set
from sqlmem.lexer import Scan, TokenKind

ITEM_ENDS = word_set("FROM WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT FETCH OFFSET FOR ;")


def item_texts(tree: exp.Expr, scanned: Scan) -> tuple[str | None, ...]:
    """Per item of the leftmost outermost SELECT its text; None where it has an alias or can't be told."""
    select = tree
    while isinstance(select, (exp.Subquery, exp.SetOperation)):
        select = select.this
    if not isinstance(select, exp.Select):
        return ()
    items = select.expressions
    spans = _item_spans(scanned)
    if spans is None or len(spans) != len(items):
        return (None,) * len(items)
    return tuple(
        None if _is_named_otherwise(item) else _item_text(scanned, first, last)
        for item, (first, last) in zip(items, spans, strict=True)
    )


def _is_named_otherwise(item: exp.Expr) -> bool:
    if isinstance(item, exp.Paren):
        # (a) is named a by SQLite and MariaDB, (a + 1) is named by its text.
        return isinstance(item.unnest(), (exp.Column, exp.Condition)) and not isinstance(
            item.unnest(), (exp.Binary, exp.Unary, exp.Func, exp.Case)
        )
    return isinstance(item, (exp.Alias, exp.Aliases))


def _item_spans(scanned: Scan) -> list[tuple[int, int]] | None:
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
