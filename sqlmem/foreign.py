"""What the parser reads in any dialect, and this origin reports as an error or takes for something else.

`DATE '2024-01-01'` is a date in PostgreSQL and MariaDB, and to SQLite a column with an alias. Each form that
was found has its line here; the words of the text decide, since the tree is the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from sqlglot import exp

from sqlmem.census import Census
from sqlmem.commands import word_set
from sqlmem.lexer import Family, Scan

# Words of types that the parser takes for types of any origin. Others are in the tree as names.
_FOREIGN_TYPES: dict[Family, frozenset[str]] = {
    "postgresql": word_set("TINYINT MEDIUMINT DATETIME BLOB SIGNED UNSIGNED COLLATE"),
    "mysql": word_set(
        """
        TEXT NUMERIC REAL PRECISION FLOAT4 FLOAT8 BOOLEAN BOOL TIMESTAMP TIMESTAMPTZ JSONB BYTEA BLOB
        TINYINT SMALLINT MEDIUMINT BIGINT INT2 INT4 INT8 VARYING COLLATE
        """
    ),
    "sqlite": word_set("COLLATE"),
    "other": frozenset(),
}
# The words that may stand before a string, and make a constant of their type of it.
_TYPED_STRINGS: dict[Family, frozenset[str]] = {
    "postgresql": word_set(
        """
        INT INTEGER BIGINT SMALLINT INT2 INT4 INT8 TEXT VARCHAR NUMERIC DECIMAL REAL PRECISION FLOAT FLOAT4
        FLOAT8 BOOLEAN BOOL DATE TIMESTAMP TIMESTAMPTZ UUID JSON JSONB BYTEA
        """
    ),
    "mysql": word_set("DATE TIME TIMESTAMP"),
    "sqlite": frozenset(),
    "other": frozenset(),
}
_DAY = re.compile(r"'\d{4}-\d\d-\d\d'")
# MariaDB and MySQL take no less for one.
_MOMENT = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?'")

# PostgreSQL: what is no column's alias without AS.
_NO_BARE_LABEL = word_set(
    """
    ARRAY CHAR CHARACTER DAY FILTER HOUR MINUTE MONTH OVER PRECISION SECOND VARYING WITHIN WITHOUT YEAR
    """
)
_UNIT = re.compile(r"[A-Z]+_[A-Z]+|MICROSECOND|SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|QUARTER|YEAR")
_SET_OPERATORS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_COUNTS = ("LIMIT", "OFFSET", "FETCH")
_TAILS = frozenset({"ORDER", *_COUNTS})


def foreign_form(census: Census, scanned: Scan) -> str | None:
    """Why the origin would read the text otherwise than the parser; None if nothing is known of it."""
    # What a form is made of is looked for in the vocabulary first: most texts have none of it.
    words, family, vocabulary = scanned.words, scanned.syntax.family, scanned.vocabulary
    copied = _copied_window(census, scanned) if "OVER" in vocabulary else None
    if copied is not None:
        return copied
    if ";" in vocabulary and words.count(";") > 1:
        return "more than one semicolon at the end"
    if not _is_in_order(words):
        return "clauses in another order, or parentheses that don't close"
    if not vocabulary.isdisjoint(_SET_OPERATORS) and _goes_on_behind_its_tail(words):
        return "an operand of a set operation with an order or a limit, without parentheses"
    twice = None if vocabulary.isdisjoint(_TWICE) else _said_twice(words)
    if twice is not None:
        return twice
    if not vocabulary.isdisjoint(_CASTS):
        foreign = next((word for word in _type_words(words) if word in _FOREIGN_TYPES[family]), None)
        if foreign is not None:
            return f"a type with {foreign} is an error at the origin"
    odd = _odd_cast(census, scanned)
    if odd is not None:
        return odd
    if any(_is_aliased_by_string(node, words) for node in census.of(exp.TableAlias)):
        return "a string as a table's alias"
    if family == "postgresql":
        return _of_postgresql(census, scanned)
    own = {"mysql": _of_mysql, "sqlite": _of_sqlite}.get(family)
    return None if own is None else own(scanned)


def _copied_window(census: Census, scanned: Scan) -> str | None:
    if not _copies_window(scanned.words):
        return None
    if any(map(_has_frame, census.of(exp.Select))):
        # OVER (w) is an error where w has a frame, OVER w isn't; the tree is the same.
        return "a window with a frame that may be copied in parentheses"
    if scanned.syntax.family == "mysql" and any(map(_needs_own_order, census.of(exp.Window))):
        # MariaDB doesn't find the order of a window that was copied.
        return "a window that may be copied in parentheses under a function that needs an order"
    return None


def _said_twice(words: tuple[str, ...]) -> str | None:
    for before, word in pairwise(words):
        if before in ("ASC", "DESC") and word in ("ASC", "DESC"):
            return "an order in two directions"
        if before == "BY" and word in ("DISTINCT", "ALL"):
            return f"BY {word}"
    return None


_TWICE = frozenset({"ASC", "DESC", "DISTINCT", "ALL"})
_CASTS = frozenset({"CAST", "::"})


def _is_aliased_by_string(node: exp.TableAlias, words: tuple[str, ...]) -> bool:
    """FROM a AS 'b': as a column's alias MariaDB has it too."""
    alias = node.this
    return (
        isinstance(alias, exp.Identifier)
        and bool(alias.quoted)
        and not any(word[:1] in ('"', "`", "[") and word[1:] == alias.name for word in words)
    )


def _of_postgresql(census: Census, scanned: Scan) -> str | None:
    words, vocabulary = scanned.words, scanned.vocabulary
    if "LIMIT" in vocabulary and "," in vocabulary and _has_limit_with_comma(words):
        return "LIMIT with a comma is an error at the origin"
    if "INTERVAL" in vocabulary or "DOUBLE" in vocabulary:
        for first, before, word in zip(("", *words), words, (*words[1:], ";"), strict=False):
            # Behind AS and :: it is a type.
            if before == "INTERVAL" and word not in ("'", "(") and first not in ("AS", "::"):
                return "an interval without quotes is an error at the origin"
            if before == "DOUBLE" and word != "PRECISION":
                return "DOUBLE alone is no type at the origin"
    if not vocabulary.isdisjoint(_NO_BARE_LABEL):
        aliases = sum(
            isinstance(node.args["alias"], exp.Identifier)
            and not node.args["alias"].quoted
            and node.alias.upper() in _NO_BARE_LABEL
            for node in census.of(exp.Alias)
        )
        if aliases > sum(before == "AS" and word in _NO_BARE_LABEL for before, word in pairwise(words)):
            return "a word that is no alias without AS"
    return _empty(scanned)


_POSTFIXES = frozenset({"ISNULL", "NOTNULL", "INTERVAL"})


def _of_mysql(scanned: Scan) -> str | None:
    words = scanned.words
    if "NULLS" in scanned.vocabulary:
        return "NULLS FIRST and NULLS LAST are errors at the origin"
    for index, word in enumerate(words if not scanned.vocabulary.isdisjoint(_POSTFIXES) else ()):
        if word == "NOTNULL" or (word == "ISNULL" and words[index + 1 : index + 2] != ("(",)):
            return "ISNULL and NOTNULL are no operators at the origin"
        if (
            word == "INTERVAL"
            and words[index + 1 : index + 2] == ("'",)
            and not _UNIT.fullmatch(words[index + 2] if index + 2 < len(words) else "")
        ):
            return "an interval without its unit is an error at the origin"
    return _empty(scanned) or _early_offset(scanned)


def _of_sqlite(scanned: Scan) -> str | None:
    words, vocabulary = scanned.words, scanned.vocabulary
    if "(" in vocabulary and _has_operand_in_parentheses(words):
        return "an operand of a set operation in parentheses is an error at the origin"
    if "IN" in vocabulary and _has_value_in_list(words):
        # IN ((SELECT a FROM t)) is IN over one value, the first row's.
        return "a query in two pairs of parentheses is a value at the origin"
    return _early_offset(scanned)


# -- types ---------------------------------------------------------------------------------


def _type_words(words: tuple[str, ...]) -> Iterator[str]:
    """The words of all types that casts name."""
    for index, word in enumerate(words):
        if word == "::" and index + 1 < len(words):
            yield words[index + 1]
        elif word == "CAST" and words[index + 1 : index + 2] == ("(",):
            yield from _cast_words(words, index + 1)


def _cast_words(words: tuple[str, ...], opening: int) -> list[str]:
    """What stands between the last AS of a CAST and its end."""
    depth = 0
    found: list[str] = []
    for word in words[opening:]:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0:
            break
        if depth == 1 and word == "AS":
            found = []
        found.append(word)
    return found


def _odd_cast(census: Census, scanned: Scan) -> str | None:
    """A cast in the tree that the text has none for: INTEGER '5', CONVERT(a, CHAR)."""
    words, family, vocabulary = scanned.words, scanned.syntax.family, scanned.vocabulary
    if family == "other":
        return None
    written = 0 if vocabulary.isdisjoint(_CASTS) else words.count("CAST") + words.count("::")
    if family == "mysql" and ("CONVERT" in vocabulary or "BINARY" in vocabulary):
        written += words.count("CONVERT") + _binaries(words)
    typed = 0
    may_be_typed = "'" in vocabulary and not vocabulary.isdisjoint(_TYPED_STRINGS[family])
    for index, (before, word) in enumerate(pairwise(words if may_be_typed else ())):
        if word != "'" or before not in _TYPED_STRINGS[family]:
            continue
        if family == "mysql" and not _is_moment(before, scanned, index + 1):
            return "a typed constant that the origin may report"
        typed += 1
    if census.count(exp.Cast) != written + typed:
        return "a cast that isn't written as one"
    return None


def _binaries(words: tuple[str, ...]) -> int:
    """How often BINARY stands before an operand, which makes a cast; not as a type or a character set."""
    return sum(
        word == "BINARY" and before not in ("AS", "SET", "COLLATE", "USING") and behind not in ("(", ")")
        for before, word, behind in zip(("", *words), words, words[1:], strict=False)
    )


def _is_moment(word: str, scanned: Scan, index: int) -> bool:
    token = scanned.tokens[index]
    text = scanned.text[token.start : token.end]
    if word == "TIME":
        return True
    return (_DAY if word == "DATE" else _MOMENT).fullmatch(text) is not None


# -- clauses -------------------------------------------------------------------------------


def _empty(scanned: Scan) -> str | None:
    """IN () and count(), which SQLite has."""
    words = scanned.words
    if "IN" not in scanned.vocabulary and "COUNT" not in scanned.vocabulary:
        return None
    triples = zip(words, words[1:], words[2:], strict=False)
    if any(triple in (("IN", "(", ")"), ("COUNT", "(", ")")) for triple in triples):
        return "an empty list is an error at the origin"
    return None


def _early_offset(scanned: Scan) -> str | None:
    """OFFSET 1 LIMIT 2, which PostgreSQL has."""
    words = scanned.words
    if "OFFSET" not in scanned.vocabulary or "LIMIT" not in scanned.vocabulary:
        return None
    offsets = [False]  # per parenthesis that is open: the last clause was OFFSET
    for word in words:
        if word == "(":
            offsets.append(False)
        elif word == ")":
            offsets = offsets[:-1] or [False]
        elif word in ("SELECT", *_SET_OPERATORS):
            offsets[-1] = False
        elif word in ("OFFSET", "LIMIT"):
            if word == "LIMIT" and offsets[-1]:
                return "OFFSET before LIMIT is an error at the origin"
            offsets[-1] = word == "OFFSET"
    return None


# In the order in which a SELECT has its clauses; LIMIT, OFFSET and FETCH in any.
_CLAUSES = {
    word: place
    for place, words in enumerate(
        (("SELECT",), ("FROM",), ("WHERE",), ("GROUP",), ("HAVING",), ("WINDOW",), ("ORDER",), _COUNTS)
    )
    for word in words
}


_ORDERED = _CLAUSES.keys() | _SET_OPERATORS | {"(", "[", ")", "]"}


def _is_in_order(words: tuple[str, ...]) -> bool:
    """Whether each clause follows those that stand before it, and each parenthesis is closed."""
    reached = [-1]  # per parenthesis that is open: the last clause
    for before, word, after in zip((";", *words), words, (*words[1:], ";"), strict=False):
        if word not in _ORDERED:
            continue
        if word in ("(", "["):
            reached.append(-1)
        elif word in (")", "]"):
            reached.pop()
            if not reached:
                return False
        elif word == "SELECT" or word in _SET_OPERATORS:
            reached[-1] = -1
        elif (
            word in _CLAUSES
            and before not in (".", "AS")
            and (word not in ("GROUP", "ORDER") or after == "BY")
            and (word != "FROM" or before != "DISTINCT")
        ):
            if _CLAUSES[word] < reached[-1]:
                return False
            reached[-1] = _CLAUSES[word]
    return len(reached) == 1


def _goes_on_behind_its_tail(words: tuple[str, ...]) -> bool:
    """Whether UNION stands behind an ORDER BY or a LIMIT of the SELECT before it."""
    tails = [False]
    for before, word in pairwise(("(", *words)):
        if word == "(":
            tails.append(False)
        elif word == ")":
            tails = tails[:-1] or [False]
        elif word in _SET_OPERATORS and tails[-1]:
            return True
        elif word == "SELECT":
            tails[-1] = False
        elif word in _TAILS and before not in (".", "AS"):
            tails[-1] = True
    return False


def _has_operand_in_parentheses(words: tuple[str, ...]) -> bool:
    opened: list[bool] = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else ";"
        following = words[index + 1] if index + 1 < len(words) else ";"
        if word == "(":
            is_query = following in ("SELECT", "(", "WITH", "VALUES")
            if is_query and before in ("UNION", "INTERSECT", "EXCEPT", "ALL", ";"):
                return True
            opened.append(is_query and before == "(")
        elif word == ")" and opened and opened.pop() and following in ("UNION", "INTERSECT", "EXCEPT"):
            return True
    return False


def _has_value_in_list(words: tuple[str, ...]) -> bool:
    return any(
        word == "IN"
        and words[index + 1 : index + 3] == ("(", "(")
        and words[index + 3 : index + 4] in (("SELECT",), ("(",), ("WITH",), ("VALUES",))
        for index, word in enumerate(words)
    )


def _has_limit_with_comma(words: tuple[str, ...]) -> bool:
    depth, is_limit = 0, False
    for word in words:
        if word in ("(", "["):
            depth += is_limit
        elif word in (")", "]"):
            is_limit = is_limit and depth > 0
            depth -= is_limit
        elif word == "LIMIT":
            depth, is_limit = 0, True
        elif word in ("OFFSET", "UNION", "SELECT", "FETCH", ";"):
            is_limit = False
        elif word == "," and is_limit and depth == 0:
            return True
    return False


def _has_frame(node: exp.Select) -> bool:
    return any(window.args.get("spec") is not None for window in node.args.get("windows") or ())


def _needs_own_order(node: exp.Window) -> bool:
    return bool(node.args.get("alias")) and isinstance(
        node.this, exp.Rank | exp.DenseRank | exp.PercentRank | exp.CumeDist | exp.Lag | exp.Lead
    )


def _copies_window(words: tuple[str, ...]) -> bool:
    return any(
        word == "OVER" and words[index + 1 : index + 2] == ("(",) and words[index + 3 : index + 4] == (")",)
        for index, word in enumerate(words)
    )
