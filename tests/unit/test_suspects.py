"""Whose names a text has: whole words, in whatever quotes and case; never one too few."""

from __future__ import annotations

import pytest

from sqlmem.effects.bodies import ANYTHING, NOTHING, Body
from sqlmem.suspects import Reader, Routine, Suspects, closed

LONG = "a_name_of_more_than_thirty_bytes"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("item", "SELECT a FROM item"),
        ("item", "SELECT a FROM ITEM"),
        ("Item", "SELECT a FROM item"),
        ("item", 'SELECT a FROM "item"'),
        ("item", "SELECT a FROM `item`"),
        ("item", "SELECT a FROM [item]"),
        ("item", "SELECT a FROM s.item"),
        ("item", "SELECT item.a"),
        ("item", "SELECT a FROM(item)"),
        ("item", "item"),
        ("item", "SELECT a FROM /*!item*/"),
        ("item", "SELECT a FROM /*!50000item*/"),
        ("item", "SELECT a FROM /*M!100100item*/"),
        ("item", r"SELECT f('SELECT a FROM\nitem')"),
        ("item", "SELECT a FROM items, item"),
        ("größe", "SELECT a FROM GRÖSSE, größe"),
        ("an item", 'SELECT a FROM "an item"'),
        ("it`em", "SELECT a FROM `it``em`"),
        ('it"em', 'SELECT a FROM "it""em"'),
        ("it%em", 'SELECT a FROM "it%%em"'),
        ("it$em", "SELECT a FROM it$em"),
        ("1st", "SELECT a FROM 1st"),
        ("<@@>", "SELECT a<@@>b"),
        ("", "SELECT 1"),
        (LONG, f"SELECT a FROM {LONG}_that_is_cut"),
    ],
)
def test_a_name_is_found(name: str, text: str) -> None:
    assert Suspects([name]).any_in(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("item", "UPDATE items SET a = 1"),
        ("item", "UPDATE my_item SET a = 1"),
        ("item", "UPDATE item_2 SET a = 1"),
        ("item", "UPDATE item2 SET a = 1"),
        ("item", "UPDATE itémitem SET a = 1"),
        ("an item", "UPDATE item SET a = 1"),
    ],
)
def test_a_longer_word_is_another(name: str, text: str) -> None:
    assert not Suspects([name]).any_in(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT (t).f FROM t", True),
        ('SELECT t. "f" FROM t', True),
        ("SELECT t./* of */f FROM t", True),
        ("SELECT t.-- of\nf FROM t", True),
        ("SELECT t.\nF FROM t", True),
        (r"SELECT f('\.') FROM t", True),
        ("SELECT f FROM t", False),
        ("SELECT f(1) FROM t", False),
        ("SELECT t.ff FROM t", False),
    ],
)
def test_an_attribute_stands_behind_a_dot(text: str, *, expected: bool) -> None:
    """A call in parentheses is known as one."""
    assert Suspects(attributes=["f"]).any_in(text) is expected


def test_nobody_is_in_no_text() -> None:
    assert not Suspects()
    assert not Suspects().any_in("SELECT 1")
    assert Suspects([""])


def test_views_and_functions_make_each_other_suspects() -> None:
    """Whatever their order; what only sounds alike, or reads what writes nothing, is none."""
    readers = [
        Reader("third", reads=frozenset({"second"})),
        Reader("second", calls=frozenset({"through"})),
        Reader("first", calls=frozenset({"writes"})),
        Reader("fourth", text="SELECT t.named FROM t"),
        Reader("firsts", text="SELECT a FROM t"),
        Reader("harmless", calls=frozenset({"reads"}), reads=frozenset({"firsts"})),
    ]
    routines = [
        Routine("through", NOTHING, "BEGIN RETURN (SELECT a FROM FIRST); END"),
        Routine("named", Body(frozenset(), frozenset({"through"})), is_attribute=True),
        Routine("writes", ANYTHING),
        Routine("reads", NOTHING, "SELECT a FROM firsts"),
        Routine("taken_at_its_word", NOTHING),
    ]

    writing, suspects = closed(readers, routines, ["known"])

    assert writing == {"through", "named", "writes"}
    assert suspects.names == {"first", "second", "third", "fourth", "known"}
    assert suspects.any_in("SELECT x.named")
    assert not suspects.any_in("SELECT a FROM harmless, firsts")
