"""Whether a tree has the words that its text has: SELECT, AND, NULL, constants, points, … as often.

Rule: each node says the words that it is known to say, and has no argument but those that are known. Where
one isn't, the parser writes the tree back, and the words of what it wrote are counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from sqlglot import exp

from sqlmem.census import Census
from sqlmem.commands import word_set
from sqlmem.grammar import written_back
from sqlmem.lexer import Scan, scan

# Words that a tree has as often as its text.
_COUNTED = word_set(
    """
    SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT UNION INTERSECT EXCEPT DISTINCT CASE WHEN THEN ELSE AND OR
    NOT IN IS NULL LIKE BETWEEN EXISTS WITH ON END OVER PARTITION ESCAPE FILTER VALUES ' 0 .
    """
)
# As they are written back.
_SAME_AS = {"&&": ("AND",), "ISNULL": ("IS", "NULL"), "NOTNULL": ("NOT", "IS", "NULL")}


def accounts_for_words(census: Census, scanned: Scan) -> bool:
    """Whether each counted word of the text is in the tree, and each of the tree's in the text."""
    if not _says_the_same(census, scanned) and not _comes_back(census, scanned):
        return False
    written = census.count(exp.CTE)
    if not written:
        return True
    bodies = sum(
        word == "AS" and following in ("(", "MATERIALIZED", "NOT")
        for word, following in pairwise(scanned.words)
    )
    return bodies >= written


# -- by what each node says ------------------------------------------------------------------


def is_written_rows(node: exp.Expr) -> bool:
    """Whether a SELECT * is what the parser makes of VALUES."""
    source = node.args.get("from_") if isinstance(node, exp.Select) else None
    return (
        source is not None
        and isinstance(source.this, exp.Values)
        and source.this.alias == "_values"
        and isinstance(node.expressions[0], exp.Star)
    )


# The words of a node, and the arguments that it may have, with the words of each.
_Saying = tuple[tuple[str, ...], dict[str, tuple[str, ...]]]


def _says(words: str, arguments: str, **sayings: str) -> _Saying:
    plain: dict[str, tuple[str, ...]] = dict.fromkeys(arguments.split(), ())
    return tuple(words.split()), plain | {key: tuple(text.split()) for key, text in sayings.items()}


_OPERATION = "this expression distinct order limit offset with_"
# type -> what a node of it says. Of counted words only; what isn't here is written back.
_SAYINGS: dict[type[exp.Expr], _Saying] = {
    exp.Select: _says(
        "SELECT", "with_ expressions distinct from_ joins where group having order limit offset"
    ),
    exp.From: _says("FROM", "this"),
    exp.Where: _says("WHERE", "this"),
    exp.Group: _says("GROUP BY", "expressions"),
    exp.Having: _says("HAVING", "this"),
    exp.Order: _says("ORDER BY", "expressions"),
    exp.Ordered: _says("", "this desc nulls_first"),
    exp.Limit: _says("LIMIT", "expression"),
    exp.Offset: _says("", "expression"),
    exp.Distinct: _says("DISTINCT", "expressions"),
    exp.Subquery: _says("", "this alias"),
    exp.Union: _says("UNION", _OPERATION),
    exp.Except: _says("EXCEPT", _OPERATION),
    exp.Intersect: _says("INTERSECT", _OPERATION),
    exp.With: _says("WITH", "expressions recursive"),
    exp.CTE: _says("", "this alias"),
    exp.Table: _says("", "this alias", db=".", catalog="."),
    exp.TableAlias: _says("", "this columns"),
    exp.Join: _says("", "this side kind method using", on="ON"),
    exp.Alias: _says("", "this alias"),
    exp.Column: _says("", "this", table=".", db=".", catalog="."),
    exp.Identifier: _says("", "this quoted"),
    exp.Star: _says("", ""),
    exp.Placeholder: _says("", "this"),
    exp.Null: _says("NULL", ""),
    exp.Boolean: _says("", "this"),
    exp.Paren: _says("", "this"),
    exp.Tuple: _says("", "expressions"),
    exp.Neg: _says("", "this"),
    exp.Not: _says("NOT", "this"),
    exp.And: _says("AND", "this expression"),
    exp.Or: _says("OR", "this expression"),
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Mod),
        _says("", "this expression"),
    ),
    exp.Div: _says("", "this expression typed safe"),
    exp.DPipe: _says("", "this expression safe"),
    exp.Is: _says("IS", "this expression", negate="NOT"),
    exp.In: _says("IN", "this expressions query"),
    exp.Between: _says("BETWEEN AND", "this low high"),
    exp.Like: _says("LIKE", "this expression"),
    exp.Escape: _says("ESCAPE", "this expression"),
    exp.Exists: _says("EXISTS", "this"),
    exp.Case: _says("CASE END", "this ifs", default="ELSE"),
    exp.If: _says("WHEN THEN", "this true"),
    exp.Cast: _says("", "this to"),
    exp.DataType: _says("", "this expressions"),
    exp.DataTypeParam: _says("", "this"),
    exp.Window: _says("OVER", "this order over", partition_by="PARTITION BY"),
    exp.Filter: _says("FILTER", "this expression"),
    exp.Anonymous: _says("", "this expressions"),
    exp.Count: _says("", "this expressions big_int"),
    exp.Coalesce: _says("", "this expressions is_nvl is_null"),
    **dict.fromkeys((exp.Sum, exp.Avg, exp.Lower, exp.Upper, exp.Abs), _says("", "this")),
    **dict.fromkeys((exp.Min, exp.Max), _says("", "this expressions")),
    **dict.fromkeys((exp.RowNumber, exp.Rank, exp.DenseRank), _says("", "this expressions")),
}


# type -> the arguments that are names, if they are there; a.1 is a column with a constant for its name.
_NAMES: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Column: ("this", "table", "db", "catalog"),
    exp.Table: ("this", "db", "catalog"),
    exp.Alias: ("alias",),
    exp.TableAlias: ("this",),
}
_NAME = (exp.Identifier, exp.Star, type(None))


def _says_the_same(census: Census, scanned: Scan) -> bool:
    """Whether the nodes say the counted words of the text; False too where one isn't known."""
    by_type = census.by_type
    if not scanned.vocabulary.isdisjoint(_SAME_AS) or not all(
        _is_plain(kind, by_type[kind]) for kind in _SPECIAL if kind in by_type
    ):
        return False
    said: dict[str, int] = {}
    for type_, nodes in by_type.items():
        if type_ is exp.Literal:
            # There may be thousands.
            texts = sum(map(_is_text, nodes))
            for word, count in (("'", texts), ("0", len(nodes) - texts)):
                if count:
                    said[word] = said.get(word, 0) + count
        elif not _add_sayings(said, type_, nodes):
            return False
    words = scanned.words
    return said == {word: words.count(word) for word in scanned.vocabulary & _COUNTED}


def _add_sayings(said: dict[str, int], type_: type[exp.Expr], nodes: list[exp.Expr]) -> bool:
    """Add what nodes of one type say; False if that isn't known."""
    saying = _SAYINGS.get(type_)
    if saying is None:
        return False
    words, arguments = saying
    for word in words:
        said[word] = said.get(word, 0) + len(nodes)
    names = _NAMES.get(type_)
    for node in nodes:
        given = node.args
        if names is not None:
            for key in names:
                if not isinstance(given.get(key), _NAME):
                    return False
        for key, value in given.items():
            if not value:
                continue
            more = arguments.get(key)
            if more is None:
                return False
            for word in more:
                said[word] = said.get(word, 0) + 1
    return True


def _is_plain(kind: type[exp.Expr], nodes: list[exp.Expr]) -> bool:
    """Whether the nodes of a kind stand where they say what is known of them."""
    if kind is exp.If:
        # As a function it has other words than as a branch of a CASE.
        return all(isinstance(node.parent, exp.Case) for node in nodes)
    if kind is exp.Offset and any(node.parent is None or not node.parent.args.get("limit") for node in nodes):
        return False  # some dialects need a LIMIT before it
    if kind in (exp.Offset, exp.Limit):
        return all(isinstance(node.expression, (exp.Literal, exp.Placeholder)) for node in nodes)
    if kind is exp.Distinct:
        # count(DISTINCT a, b) is an error in some dialects.
        return all(len(node.expressions) < 2 for node in nodes)
    # t.IS NOT NULL is NOT t.IS IS NULL to the parser: there IS is a name, and again the word.
    return not any(str(node.this).upper() in _COUNTED and not node.args.get("quoted") for node in nodes)


_SPECIAL = (exp.If, exp.Limit, exp.Offset, exp.Distinct, exp.Identifier, exp.Anonymous)


def _is_text(literal: exp.Expr) -> bool:
    return bool(literal.args["is_string"])


# -- by writing it back ----------------------------------------------------------------------

_WITH_WORD: dict[str, tuple[type[exp.Expr], ...]] = {
    "FROM": (exp.Trim, exp.Substring, exp.Extract, exp.Overlay),
    "IN": (exp.StrPosition,),
}
_WITH_INTERVAL = (exp.Interval, exp.DateAdd, exp.DateSub)


def _comes_back(census: Census, scanned: Scan) -> bool:
    """Whether the tree, written as text, has the words that the text has."""
    syntax = scanned.syntax
    written = written_back(scanned)
    if written is None:
        return False
    own_syntax = replace(syntax, percent_is_escaped=False, paramstyle="named")
    back = scan(written, own_syntax)
    counts = Counter(word for word in back.words if word in _COUNTED)
    said = (part for word in scanned.words for part in _SAME_AS.get(word, (word,)))
    given = Counter(word for word in said if word in _COUNTED)
    if syntax.family in ("mysql", "sqlite"):
        # AS 'name' is written back as a name.
        given["'"] -= sum(pair == ("AS", "'") for pair in pairwise(scanned.words))
    # INTERVAL 1 DAY is written back as INTERVAL '1' DAY.
    requoted = counts["'"] - given["'"]
    if 0 < requoted <= census.count(*_WITH_INTERVAL):
        counts["'"] -= requoted
        counts["0"] += requoted
    counts.subtract(_added_in_writing(census, scanned, counts, given))
    # TRIM(a FROM b), SUBSTRING(a FROM 1), POSITION(a IN b): written with a comma, or back from one.
    for word, kinds in _WITH_WORD.items():
        if abs(counts[word] - given[word]) <= census.count(*kinds):
            counts[word] = given[word]
    return +counts == +given


def _added_in_writing(census: Census, scanned: Scan, back: Counter[str], given: Counter[str]) -> Counter[str]:
    """Words that the parser's way of writing adds, and that say nothing more."""
    added: Counter[str] = Counter()
    # ROWS 1 PRECEDING as ROWS BETWEEN 1 PRECEDING AND CURRENT ROW.
    short = sum(not node.args.get("end") for node in census.of(exp.WindowSpec))
    added.update({"AND": short, "BETWEEN": short})
    # WITH v AS (VALUES …) as WITH v AS (SELECT * FROM (VALUES …) AS _values).
    rows = 0 if "*" in scanned.vocabulary else sum(map(is_written_rows, census.of(exp.Select)))
    added.update({"SELECT": rows, "FROM": rows})
    # a !~ b as NOT a ~ b.
    added.update({"NOT": sum(word in ("!~", "!~*") for word in scanned.words)})
    # substr(a, 1) as SUBSTRING(a FROM 1).
    added.update({"FROM": min(census.count(exp.Substring), max(0, back["FROM"] - given["FROM"] - rows))})
    # GROUP_CONCAT(a) as GROUP_CONCAT(a SEPARATOR ',').
    bare = sum(not node.args.get("separator") for node in census.of(exp.GroupConcat))
    added.update({"'": min(bare, max(0, back["'"] - given["'"]))})
    return added
