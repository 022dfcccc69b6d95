"""Whether a statement's tree says no more and no less than its text.

Rule: sqlglot is not believed where its tree and the words of the text disagree. A word, a
placeholder, a clause or an order of operators that the tree doesn't account for is a reason.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from sqlglot import exp

from sqlmem.census import Census
from sqlmem.commands import word_set
from sqlmem.foreign import foreign_form
from sqlmem.grammar import groups_as_origins, placeholder_index
from sqlmem.items import ITEM_ENDS
from sqlmem.lexer import Family, Scan, TokenKind
from sqlmem.precedence import mixes_nodes, mixes_operators
from sqlmem.reserved import is_reserved
from sqlmem.wording import accounts_for_words, is_written_rows

# Words that a tree of known nodes accounts for by its shape. Any other must appear in the tree as
# a name: sqlglot skips or reinterprets what it doesn't need.
_PLAIN_WORDS = word_set(
    """
    SELECT DISTINCT ALL FROM WHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET
    UNION INTERSECT EXCEPT WITH RECURSIVE AS AND OR NOT IN IS NULL TRUE FALSE BETWEEN LIKE ILIKE
    ESCAPE EXISTS ANY SOME CASE WHEN THEN ELSE END CAST OVER PARTITION WINDOW ROWS RANGE GROUPS
    UNBOUNDED PRECEDING FOLLOWING CURRENT ROW FILTER ON COLLATE AT TIME ZONE DIV MOD ISNULL
    NOTNULL FETCH NEXT ONLY VALUES EXTRACT INTERVAL WITHIN SEPARATOR INT INTEGER BIGINT SMALLINT
    TINYINT MEDIUMINT INT2 INT4 INT8 TEXT VARCHAR CHAR CHARACTER VARYING NUMERIC DECIMAL REAL DOUBLE
    PRECISION FLOAT FLOAT4 FLOAT8 BOOLEAN BOOL DATE TIMESTAMP TIMESTAMPTZ DATETIME WITHOUT UUID JSON
    JSONB BYTEA BLOB SIGNED UNSIGNED CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME
    LOCALTIMESTAMP CURRENT_USER SESSION_USER CURRENT_ROLE CURRENT_CATALOG CURRENT_SCHEMA YEAR MONTH
    DAY HOUR MINUTE SECOND ARRAY FOR JOIN NATURAL LEFT RIGHT FULL INNER OUTER CROSS STRAIGHT_JOIN
    GLOB BOTH LEADING TRAILING PLACING X REGCLASS EXCLUDE TIES OTHERS NO
    """
)
# Words that "(" follows in a clause that changes what is read.
_CLAUSE_WORDS = word_set("INDEX KEY ONLY LATERAL TABLE ROLLUP CUBE SETS TABLESAMPLE SYSTEM BERNOULLI USING")


def distrust(census: Census, scanned: Scan) -> str | None:
    """Why the tree may say something else than the text; None if it says the same."""
    family = scanned.syntax.family
    names: set[str] = set()
    placeholders: list[int | None] = []
    for type_, nodes in census.by_type.items():
        match _ROLES[type_]:
            case None:
                continue
            case "identifier":
                if any(is_reserved(node, family) for node in nodes):  # type: ignore[arg-type]
                    return "a reserved word is used as a name"
                names.update([node.name.upper() for node in nodes])
            case "var":
                names.update([node.name.upper() for node in nodes])
            case "placeholder":
                placeholders += [placeholder_index(node) for node in nodes]  # type: ignore[arg-type]
            case "parameter":
                return "it has a placeholder of another style"
            case _:
                if any(_has_unknown_clause(node, family) for node in nodes):
                    # ONLY, TABLESAMPLE, PARTITION (…), INDEXED BY, …
                    return "it has a clause that changes what is read"
                if (
                    issubclass(type_, exp.SetOperation)
                    and any(map(_mixes_set_operations, nodes))  # type: ignore[arg-type]
                    # SQLite takes them from the left, the others take INTERSECT first.
                    and not groups_as_origins()
                ):
                    return "set operations of several kinds without parentheses"
    if sorted(placeholders, key=lambda index: -1 if index is None else index) != list(
        range(len(scanned.parameters))
    ):
        return "the parser lost a placeholder"
    return _distrust_words(census, scanned, names)


class _Roles(dict[type[exp.Expr], str | None]):
    """type -> what `distrust` looks at in a node of it; None: nothing."""

    def __missing__(self, type_: type[exp.Expr]) -> str | None:
        role: str | None = None
        for kind, name in _ROLES_OF.items():
            if issubclass(type_, kind):
                role = name
                break
        else:
            role = "clause" if type_ in _KNOWN_CLAUSES else None
        self[type_] = role
        return role


_ROLES_OF: dict[type[exp.Expr], str] = {
    exp.Identifier: "identifier",
    exp.Var: "var",
    exp.Placeholder: "placeholder",
    exp.Parameter: "parameter",
    exp.TableAlias: "clause",
    exp.DataTypeParam: "clause",
    exp.Order: "clause",
    exp.SetOperation: "clause",
}
_ROLES = _Roles()


def _distrust_words(census: Census, scanned: Scan, names: set[str]) -> str | None:
    """Why the text has words that the tree doesn't account for, or that this origin doesn't know."""
    vocabulary = scanned.vocabulary
    stars = 0 if "*" in vocabulary else sum(map(is_written_rows, census.of(exp.Select)))
    lost = next(
        (
            sign
            for sign, kinds in _SIGNS.items()
            if census.count(*kinds) - (stars if sign == "*" else 0)
            != (scanned.words.count(sign) if sign in vocabulary else 0)
        ),
        None,
    )
    if lost is not None:
        return f"the parser lost a {lost}"
    if not _accounts_for_joins(census, scanned):
        return "the parser reads its joins in another way than the text has them"
    foreign = foreign_form(census, scanned)
    if foreign is not None:
        return foreign
    if scanned.syntax.family == "mysql" and _has_blank_in_a_call(scanned):
        return "a blank between a function's name and its parenthesis"
    if _has_gap(scanned) or not accounts_for_words(census, scanned):
        # SELECT a, FROM t; BETWEEN 1 2; GROUP BY HAVING: sqlglot forgives what the origin reports.
        return "the parser leaves out or adds a word"
    word = _unaccounted(scanned, names, census)
    if word is not None:
        return f"the parser doesn't account for {word}"
    if mixes_operators(scanned) or mixes_nodes(census, has_casts="::" in vocabulary):
        # a = b IS NULL, a || b + c, a NOT LIKE b = c: read differently by different origins.
        return "what it means depends on the precedence of its operators; parentheses would tell"
    return None


# What a node of JOIN has -> the words of it.
_JOIN_ARGUMENTS = ("method", "side", "kind")
_JOIN_WORDS = word_set("NATURAL LEFT RIGHT FULL INNER OUTER CROSS STRAIGHT_JOIN")
_JOINING = _JOIN_WORDS | {"JOIN", "USING", "LATERAL"}


def _accounts_for_joins(census: Census, scanned: Scan) -> bool:
    """Whether each word of a join is in the tree, and what the tree has without a word is a comma."""
    words = scanned.words
    if scanned.vocabulary.isdisjoint(_JOINING) and not census.has(exp.Join, exp.Lateral):
        return True
    given = Counter(
        word
        for index, word in enumerate(words)
        if scanned.tokens[index].kind is TokenKind.WORD
        and word in _JOINING
        # LEFT(a, 1) is a function.
        and not (word in ("LEFT", "RIGHT") and words[index + 1 : index + 2] == ("(",))
    )
    said: Counter[str] = Counter()
    said["LATERAL"] += census.count(exp.Lateral)
    for node in census.of(exp.Join):
        own = [str(node.args[key]).upper() for key in _JOIN_ARGUMENTS if node.args.get(key)]
        said.update(own)
        said["USING"] += bool(node.args.get("using"))
        if (own or node.args.get("on") or node.args.get("using")) and "STRAIGHT_JOIN" not in own:
            said["JOIN"] += 1
    if scanned.syntax.family == "sqlite" and given["CROSS"] < said["CROSS"]:
        # To the parser a comma is a CROSS JOIN there, as it is to SQLite.
        said["JOIN"] -= said["CROSS"] - given["CROSS"]
        said["CROSS"] = given["CROSS"]
    return +given == +said


def _said_by_nodes(census: Census) -> Counter[str]:
    """Words that nodes of these kinds stand for."""
    said: Counter[str] = Counter()
    said["BINARY"] += sum(node.args["to"].this is exp.DType.BINARY for node in census.of(exp.Cast))
    said["USING"] += sum(bool(node.args.get("using")) for node in census.of(exp.Join))
    for kind, words in _SAYING.items():
        count = census.count(kind)
        for word in words:
            said[word] += count
    return said


_SAYING: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Lateral: ("LATERAL",),
    exp.Cube: ("CUBE",),
    exp.Grouping: ("GROUPING",),
    exp.GroupingSets: ("GROUPING", "SETS"),
    exp.RegexpLike: ("REGEXP",),
    exp.Rollup: ("ROLLUP",),
    exp.SimilarTo: ("SIMILAR", "TO"),
}
_SAME_WORDS = {"RLIKE": "REGEXP"}
# What must be in the tree as often as in the text. +a: in SQLite without the affinity of a, elsewhere a
# column of another name.
_SIGNS: dict[str, tuple[type[exp.Expr], ...]] = {"*": (exp.Star, exp.Mul), "+": (exp.Add,)}


# node -> the arguments that it may have; sqlglot has a place for many more.
_KNOWN_CLAUSES: dict[type[exp.Expr], frozenset[str]] = {
    exp.Table: word_set("this db catalog alias joins"),
    exp.Select: word_set(
        "expressions distinct from_ joins where group having order limit offset with_ windows"
    ),
    exp.Join: word_set("this on side kind method using"),
    exp.Lateral: word_set("this alias view outer"),
    exp.Star: frozenset(),
    exp.Subquery: word_set("this alias order limit offset with_"),
    exp.Union: word_set("this expression distinct order limit offset with_"),
    exp.Except: word_set("this expression distinct order limit offset with_"),
    exp.Intersect: word_set("this expression distinct order limit offset with_"),
    exp.Group: word_set("expressions rollup"),
    exp.Distinct: word_set("expressions on"),
    exp.LimitOptions: word_set("rows with_ties"),
    exp.CTE: word_set("this alias materialized"),
    exp.With: word_set("expressions recursive"),
    exp.Order: word_set("expressions"),
    exp.Ordered: word_set("this desc nulls_first"),
}


_ORDERING = (exp.GroupConcat, exp.ArrayAgg, exp.JSONArrayAgg)


def _has_unknown_clause(node: exp.Expr, family: Family) -> bool:
    if isinstance(node, exp.TableAlias):
        # FROM (SELECT …) AS v (a, b): not in SQLite, nor in MariaDB.
        may_list = isinstance(node.parent, exp.CTE) or (
            family == "postgresql" and isinstance(node.parent, (exp.Subquery, exp.Values))
        )
        return bool(node.args.get("columns")) and not may_list
    if isinstance(node, exp.DataTypeParam):
        return not isinstance(node.this, exp.Literal)  # CAST(a AS CHAR(a)): an error at the origin
    if isinstance(node, exp.Order) and node.args.get("this"):
        # An aggregate's own order.
        return not isinstance(node.parent, _ORDERING)
    known = _KNOWN_CLAUSES.get(type(node))
    return known is not None and any(value and key not in known for key, value in node.args.items())


def _has_gap(scanned: Scan) -> bool:
    """Whether something that must stand between two words doesn't."""
    words = ("(", *scanned.words, ";")
    for before, word in pairwise(words):
        if before not in _BEFORE_GAP and word not in _BEHIND_GAP:
            continue
        if word == "," and before in _OPENING:
            return True
        if before == "," and (word in (")", "]", ",") or word in ITEM_ENDS):
            return True
        if before in _NEEDS_MORE and (word in ITEM_ENDS or word in _NO_BEGINNING):
            return True
        if word == "ALL" and before not in _BEFORE_ALL:
            return True  # FROM ALL t
        if before == "AS" and (word in (",", ")", ";") or word in ITEM_ENDS):
            return True  # SELECT a AS, b
        if (before == "IN" and word != "(") or (word == "AS" and before in _OPENING):
            return True
    return False


def _names_columns(words: tuple[str, ...], opening: int) -> bool:
    """Whether the parenthesis is around the columns of a query of WITH: a (x, y) AS (…"""
    closing = next((at for at in range(opening, len(words)) if words[at] == ")"), len(words))
    return words[closing + 1 : closing + 3] == ("AS", "(") and "(" not in words[opening + 1 : closing]


def _has_blank_in_a_call(scanned: Scan) -> bool:
    # count (*): a syntax error in MariaDB and MySQL, or a stored function, unless IGNORE_SPACE is set.
    words, tokens = scanned.words, scanned.tokens
    return any(
        following == "("
        and tokens[index].kind is TokenKind.WORD
        and (word not in _PLAIN_WORDS or word in _CALLED_WORDS)
        and tokens[index].end != tokens[index + 1].start
        and word != "USING"
        and not (index and words[index - 1] in ("WITH", "RECURSIVE"))
        and not _names_columns(words, index + 1)
        for index, (word, following) in enumerate(pairwise(words))
    )


_CALLED_WORDS = word_set("CAST EXTRACT")
_OPENING = word_set("( [ , SELECT DISTINCT ALL BY WHERE")
_BEFORE_ALL = word_set("SELECT UNION INTERSECT EXCEPT LIMIT ( = == <> != < > <= >= .")
_NEEDS_MORE = word_set("SELECT BY WHERE FROM HAVING WHEN THEN ELSE AND OR")
_BEFORE_GAP = _NEEDS_MORE | {",", "AS", "IN"}
_BEHIND_GAP = word_set(", ALL AS")
_NO_BEGINNING = word_set(") SELECT ASC DESC WHEN THEN ELSE END AND OR")


# How what is no word begins in `Scan.words`: signs, constants, placeholders, quoted names.
_NO_WORDS = frozenset("\"'0?(),.;=<>!+-*/%|:&~^#[]")


def _unaccounted(scanned: Scan, names: set[str], census: Census) -> str | None:
    if not any(
        word not in _PLAIN_WORDS and word not in names and word[:1] not in _NO_WORDS
        for word in scanned.vocabulary
    ):
        return None
    words, last, said = scanned.words, len(scanned.words) - 1, _said_by_nodes(census)
    for index, word in enumerate(words):
        if scanned.tokens[index].kind is not TokenKind.WORD or word in _PLAIN_WORDS or word in names:
            continue
        saying = _SAME_WORDS.get(word, word)
        if said[saying] > 0:
            said[saying] -= 1
            continue
        if index < last and words[index + 1] == "(" and word not in _CLAUSE_WORDS:
            continue  # a call; what is called is the planner's to know
        return word
    return None


def _mixes_set_operations(node: exp.SetOperation) -> bool:
    operands = (_without_own_parentheses(node.this), _without_own_parentheses(node.expression))
    return any(
        isinstance(operand, exp.SetOperation)
        and isinstance(operand, exp.Intersect) != isinstance(node, exp.Intersect)
        for operand in operands
    )


def _without_own_parentheses(node: exp.Expr) -> exp.Expr:
    # sqlglot writes the grouping that it chose as a subquery; the text's own look the same.
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    return node
