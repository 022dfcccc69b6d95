"""What of an answer a statement settles, and when two answers differ in that."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from decimal import Decimal
from typing import Any

import pytest

from sqlmem.comparison import Answer, Failed, Free, Rule, difference, rule_of
from sqlmem.dialects import BY_FAMILY
from sqlmem.exactness import likeness, same
from sqlmem.lexer import Syntax
from sqlmem.model import Collation, Column, Index, Kind, TableName, TableSchema
from sqlmem.parser import Parsed, parse
from sqlmem.planner import table_spellings

SYNTAXES = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", True),
}


def column(family: str, name: str, type_name: str, *, nocase: bool = False) -> Column:
    if family == "sqlite":
        collation = Collation.NOCASE if nocase else Collation.BINARY
        affinity = {"INTEGER": "INTEGER", "VARCHAR": "TEXT", "": "BLOB"}[type_name]
        return Column(name, Kind.DYNAMIC, type_name, collation=collation, affinity=affinity)
    kind = Kind.INTEGER if type_name == "INTEGER" else Kind.TEXT
    return Column(name, kind, type_name or "INTEGER", collation=Collation.BINARY)


def rule(text: str, family: str = "postgresql", *, is_strict: bool = True, **more: Any) -> Rule | Free:
    """The rule of a statement over `t` (key id, text w, untyped x) or `pair` (key a, b)."""
    schema = {
        "t": TableSchema(
            TableName("s", "t"),
            (
                column(family, "id", "INTEGER"),
                column(family, "a", "INTEGER"),
                column(family, "b", "INTEGER"),
                column(family, "w", "VARCHAR", nocase=True),
                column(family, "x", ""),
            ),
            (Index(("id",), is_primary_key=True),),
            **more,
        ),
        "pair": TableSchema(
            TableName("s", "pair"),
            (column(family, "a", "INTEGER"), column(family, "b", "INTEGER"), column(family, "c", "INTEGER")),
            (Index(("a", "b"), is_primary_key=True),),
        ),
    }
    parsed = parse(text, SYNTAXES[family], is_strict=is_strict)
    assert isinstance(parsed, Parsed), parsed
    semantics = BY_FAMILY[family]
    spellings = table_spellings(parsed.census, semantics)
    return rule_of(parsed.tree, semantics, {spelling: schema[spelling[1]] for spelling in spellings})


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, a FROM t",
        "SELECT a, count(*) AS n FROM t GROUP BY a",
        "SELECT max(a) AS m FROM t",
        "SELECT max(a) AS m FROM t LIMIT 1",
        "SELECT a FROM t UNION SELECT b FROM t",
        "SELECT id FROM t WHERE a IN (SELECT b FROM t)",
        "SELECT id FROM t WHERE EXISTS (SELECT b FROM t)",
        "SELECT id, (SELECT max(b) FROM t) AS m FROM t",
        "SELECT id, rank() OVER (ORDER BY a) AS r FROM t",
        "SELECT id, count(*) OVER (PARTITION BY a) AS r FROM t",
        "SELECT id, row_number() OVER (PARTITION BY a ORDER BY id DESC) AS r FROM t",
        "SELECT a FROM pair AS p WHERE c > 1",
        "SELECT d.a FROM (SELECT a FROM t ORDER BY id LIMIT 3) AS d",
        "WITH k AS (SELECT a FROM t ORDER BY id LIMIT 3) SELECT a FROM k",
    ],
)
@pytest.mark.parametrize("family", SYNTAXES)
def test_rows_without_an_order_are_a_multiset(family, text):
    """No ORDER BY: any order will do, and nothing else is open."""
    assert rule(text, family) == Rule(is_total=False)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, a FROM t ORDER BY id",
        "SELECT a FROM t ORDER BY a, t.id DESC",
        "SELECT a AS n, b FROM t AS u ORDER BY b, u.id LIMIT 3 OFFSET 1",
        "SELECT a FROM t ORDER BY a LIMIT 3",
        "SELECT a, b FROM t ORDER BY 2, 1 LIMIT 3",
        "SELECT -a AS n FROM t ORDER BY n, id",
        "SELECT DISTINCT a FROM t ORDER BY a LIMIT 2",
        "SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY n DESC, a LIMIT 2",
        "SELECT count(*) AS n FROM t GROUP BY a, b ORDER BY b, a",
        "SELECT a FROM t UNION SELECT b FROM t ORDER BY 1 LIMIT 2",
    ],
)
@pytest.mark.parametrize("family", SYNTAXES)
def test_an_order_without_ties_is_the_answers(family, text):
    """All outputs, all groups or the whole key of the only table: a LIMIT is settled too."""
    assert rule(text, family) == Rule(is_total=True)


def test_a_key_of_several_columns_leaves_no_ties_but_in_sqlite():
    """There it may hold NULL twice."""
    text = "SELECT c FROM pair ORDER BY b, a"

    assert rule(text) == Rule(is_total=True)
    assert rule("(SELECT id FROM t ORDER BY id LIMIT 2)") == Rule(is_total=True)
    assert rule(text, "sqlite") == Rule(is_total=False)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("SELECT id, a FROM t ORDER BY a", (1,)),
        ("SELECT a, b, id FROM t ORDER BY b DESC, 1", (0, 1)),
        ("SELECT a AS b, id FROM t ORDER BY b", (0,)),
        ("SELECT id FROM t ORDER BY a", ()),
        ("SELECT b, a, a AS c FROM t ORDER BY a", (1, 2)),
        ("SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY n", (1,)),
        ("SELECT a, b FROM t UNION SELECT b, a FROM t ORDER BY 2", (1,)),
        ("SELECT d.id, d.a FROM (SELECT id, a, b FROM t) AS d ORDER BY d.a", (1,)),
    ],
)
def test_an_order_with_ties_settles_the_sequence_of_what_is_ordered_by(text, keys):
    """Tied rows may stand in any order among each other; the ordered columns that are given out may not."""
    assert rule(text) == Rule(is_total=False, keys=keys)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM t LIMIT 1",
        "SELECT id FROM t ORDER BY a LIMIT 1",
        "SELECT id, a FROM t ORDER BY a LIMIT 1 OFFSET 2",
        "SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY n LIMIT 1",
        "SELECT a FROM t UNION ALL SELECT b FROM t LIMIT 1",
        "SELECT d.a FROM (SELECT a, id FROM t ORDER BY a LIMIT 3) AS d",
        "WITH k AS (SELECT a, id FROM t ORDER BY a LIMIT 3) SELECT a FROM k",
        "WITH t AS (SELECT id, a FROM pair) SELECT a FROM t ORDER BY id LIMIT 3",
        "SELECT id FROM t WHERE a = (SELECT b FROM t LIMIT 1)",
        "SELECT c FROM pair ORDER BY a LIMIT 3",
        "SELECT id, row_number() OVER (ORDER BY a) AS r FROM t",
        "SELECT id, lag(b) OVER (PARTITION BY b ORDER BY a) AS r FROM t",
        "SELECT a, first_value(b) OVER (ORDER BY a) AS r FROM t ORDER BY id",
    ],
)
def test_what_leaves_more_open_than_an_order_is_free(text):
    """Which rows, or which value: the origin may choose otherwise each time."""
    assert isinstance(rule(text), Free)


@pytest.mark.parametrize(
    "more", [{"is_view": True}, {"depends_on": frozenset([TableName("s", "heir")])}, {"depends_on": None}]
)
def test_the_key_of_a_view_or_of_a_table_with_heirs_may_come_twice(more):
    """Their keys are those of other tables."""
    assert isinstance(rule("SELECT a FROM t ORDER BY id LIMIT 1", **more), Free)
    assert rule("SELECT a FROM t ORDER BY id", **more) == Rule(is_total=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT w FROM t ORDER BY w", Rule(is_total=False)),  # 'a' and 'A' are tied under NOCASE
        ("SELECT x FROM t ORDER BY x", Rule(is_total=False)),  # 1 and 1.0 without affinity
        ("SELECT x, a FROM t ORDER BY x, a", Rule(is_total=False, keys=(1,))),
        ("SELECT a + 1 AS n FROM t ORDER BY n", Rule(is_total=False)),
        ("SELECT a FROM t UNION ALL SELECT x FROM t ORDER BY a", Rule(is_total=False)),
        ("SELECT b, c FROM pair GROUP BY a, b", Free("a column that isn't grouped by")),
        ("SELECT a + b AS n FROM pair GROUP BY a + b", Rule(is_total=False)),
        ("SELECT id, a FROM t GROUP BY id", Rule(is_total=False)),
        ("SELECT id, a FROM t GROUP BY id ORDER BY id LIMIT 1", Rule(is_total=True)),
        ("SELECT a AS n, max(b) AS m FROM t GROUP BY n HAVING max(b) > 1", Rule(is_total=False)),
        (
            "SELECT id, (SELECT b FROM t) AS m FROM t",
            Free("a subquery that may give several rows as a value"),
        ),
    ],
)
def test_equal_values_of_sqlite_need_not_be_the_same(text, expected):
    """What may be equal and another value settles nothing."""
    assert rule(text, "sqlite") == expected


# -- two answers -------------------------------------------------------------------------------


def answer(*rows: tuple[Any, ...], names: tuple[str, ...] = ("n", "m"), codes: Any = None) -> Answer:
    return Answer(names, codes or (None,) * len(names), list(rows))


ANY, FIRST, TOTAL = Rule(is_total=False), Rule(is_total=False, keys=(0,)), Rule(is_total=True)


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        (TOTAL, [(1, "a"), (2, "b")], [(1, "a"), (2, "b")]),
        (ANY, [(1, "a"), (2, "b")], [(2, "b"), (1, "a")]),
        (ANY, [(1, [1]), (2, {"k": 1.5}), (1, [1])], [(2, {"k": 1.5}), (1, [1]), (1, [1])]),
        (FIRST, [(1, "a"), (1, "b"), (2, "c")], [(1, "b"), (1, "a"), (2, "c")]),
        (ANY, [(float("nan"), None)], [(float("nan"), None)]),
        (TOTAL, [], []),
    ],
)
def test_what_the_statement_leaves_open_is_no_difference(rule, one, other):
    """Whichever way the rows stand that may stand in any."""
    assert difference(rule, answer(*one), answer(*other)) is None
    assert difference(rule, answer(*other), answer(*one)) is None


@pytest.mark.parametrize(
    ("rule", "one", "other", "said"),
    [
        (ANY, [(1, "a")], [], "1 rows, not 0"),
        (TOTAL, [(1, "a"), (2, "b")], [(2, "b"), (1, "a")], "row 1: column n has another int"),
        (FIRST, [(2, "a"), (1, "b")], [(1, "b"), (2, "a")], "row 1 stands elsewhere in the order"),
        (
            ANY,
            [(1, "a"), (1, "a")],
            [(1, "a"), (2, "a")],
            "1 of 2 rows, one of them: column n has another int",
        ),
        (ANY, [(True, "")], [(1, "")], "1 of 1 rows, one of them: column n is bool, not int"),
        (TOTAL, [(1.0, "")], [(1, "")], "row 1: column n is float, not int"),
        (TOTAL, [(0.0, "")], [(-0.0, "")], "row 1: column n has another float"),
        (TOTAL, [(Decimal("1.5"), 0)], [(Decimal("1.50"), 0)], "row 1: column n has another Decimal"),
        (ANY, [(1, [1])], [(1, [1.0])], "1 of 1 rows, one of them: column m has another list"),
        (ANY, [(1, None)], [(1, "")], "1 of 1 rows, one of them: column m is NoneType, not str"),
    ],
)
def test_what_the_statement_settles_is_a_difference(rule, one, other, said):
    """It is told without a value."""
    assert difference(rule, answer(*one), answer(*other)) == said


def test_columns_are_compared_too():
    """By name, and by the driver's type code."""
    assert difference(ANY, answer(names=("n",)), answer(names=("m",))) == "the columns are called otherwise"
    assert difference(ANY, answer(names=("n",)), answer(names=("n", "m"))) is not None
    assert (
        difference(ANY, answer(names=("n",), codes=(23,)), answer(names=("n",), codes=(20,)))
        == "column n has type code 23, not 20"
    )


def test_an_error_is_an_answer():
    """The same one is the same; an answer beside it is a difference."""
    assert difference(ANY, Failed("DataError"), Failed("DataError")) is None
    assert difference(ANY, answer(), Failed("DataError")) == "the store answers, the origin reports DataError"
    assert (
        difference(ANY, Failed("ValueError"), answer()) == "the store reports ValueError, the origin answers"
    )


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        -0.0,
        float("nan"),
        Decimal("1.50"),
        Decimal("NaN"),
        "a",
        b"a",
        dt.date(2024, 1, 1),
        dt.datetime(2024, 1, 1, tzinfo=BERLIN),
        dt.time(1, 2, fold=1),
        dt.timedelta(1),
        [1, {"a": (2.5, None)}],
        {1, 2},
        memoryview(b"a"),
    ],
)
def test_the_same_values_are_alike(value):
    """What `same` says is the same has one likeness, so that a search by it misses nothing."""
    import copy

    other = memoryview(bytes(value)) if isinstance(value, memoryview) else copy.deepcopy(value)

    assert same(value, other)
    assert likeness(value) == likeness(other)


def test_unlike_values_are_told_apart_in_a_search():
    """Most that are not the same have another likeness, so that the search is short."""
    values = [None, True, 1, 1.0, 0.0, -0.0, Decimal("1.5"), Decimal("1.50"), "1", b"1", [1], (1,), {"a": 1}]

    assert len({likeness(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM t ORDER BY id", Rule(is_total=True)),
        ("SELECT * FROM t ORDER BY a", Rule(is_total=False)),
        ("SELECT * FROM t ORDER BY 1", Rule(is_total=False)),
        ("SELECT t.a FROM t JOIN pair ON pair.a = t.a ORDER BY t.id", Rule(is_total=False)),
        ("SELECT t.a FROM t JOIN pair ON pair.a = t.a ORDER BY t.a", Rule(is_total=True)),
        (
            "SELECT t.a FROM t JOIN pair ON pair.a = t.a ORDER BY t.id LIMIT 1",
            Free("LIMIT under an order that may leave ties"),
        ),
    ],
)
def test_a_star_and_a_join_settle_less(text: str, expected: Rule | Free):
    """What * stands for isn't in the text, and one table's key doesn't tell the rows of a join apart."""
    assert rule(text, is_strict=False) == expected
