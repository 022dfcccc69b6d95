"""The names of what a statement calls, by its words.

Rule: a name that might be called is given; what knows it not refuses the statement.
"""

from __future__ import annotations

from sqlmem.commands import word_set
from sqlmem.lexer import Scan, TokenKind


def function_names(scan: Scan) -> frozenset[str]:
    """The names, in upper case, of all that is called with parentheses, as far as words can tell."""
    names: set[str] = set()
    if "(" not in scan.vocabulary:
        return frozenset()
    for index in range(len(scan.words) - 1):
        if scan.words[index + 1] == "(" and scan.tokens[index].kind in (TokenKind.WORD, TokenKind.NAME):
            if index in scan.uncalled:
                continue
            if index and (scan.words[index - 1] in _BEFORE_NO_CALL or _names_cte(scan.words, index)):
                continue
            name = scan.words[index].lstrip('"').upper()
            if scan.tokens[index].kind is TokenKind.NAME or name not in NOT_FUNCTIONS:
                names.add(name)
    return frozenset(names)


# A type with its size (AS decimal(10, 2)), a relation with its columns (AS v (a), ) v (a)).
_BEFORE_NO_CALL = frozenset(["AS", "::", ")"])


def _names_cte(words: tuple[str, ...], index: int) -> bool:
    """Whether a name before a parenthesis is a CTE with its columns: WITH n (i) AS (…)."""
    if words[index - 1] not in ("WITH", "RECURSIVE", ","):
        return False
    depth = 0
    for place in range(index + 1, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if depth == 0:
            following = words[place + 1 : place + 3]
            return following[:1] == ("AS",) and following[1:] in (("(",), ("MATERIALIZED",), ("NOT",))
    return False


# Words that "(" follows without a call.
NOT_FUNCTIONS = word_set(
    "SELECT FROM WHERE AND OR NOT IN EXISTS ANY ALL SOME AS ON USING BY HAVING WHEN THEN ELSE CASE VALUES "
    "OVER FILTER WITHIN UNION INTERSECT EXCEPT WITH BETWEEN LIKE ILIKE IS LIMIT OFFSET DISTINCT ROW ARRAY "
    "GROUP ROLLUP CUBE SETS CAST MATERIALIZED WINDOW JOIN FETCH EXTRACT INTERVAL DIV XOR RLIKE REGEXP GLOB "
    "MATCH"
)
