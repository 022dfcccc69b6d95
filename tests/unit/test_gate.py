"""What isn't proven a read is refused; what is one is never refused as a write.

The corpora have one statement a line; see the head of each file for the marks that
stand for white space. A line that begins with ## is none.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmem.commands import COMMANDS
from sqlmem.gate import Passthrough, Query, Refusal, classify, may_hide_a_write, quick_classify
from sqlmem.lexer import Syntax, scan

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gate"
MARKS = str.maketrans({"␤": "\n", "␉": "\t", "␌": "\f", "␍": "\r", "⍽": "\xa0"})
SYNTAXES = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", True),
    "mysql": Syntax("mysql", True, False, "pyformat", True),
}
OTHER = Syntax("other", False, True, "named", False)
LEAST_WRITES = {"sqlite": 100, "postgresql": 200, "mysql": 150}


def statements(name: str) -> list[str]:
    lines = (FIXTURES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.translate(MARKS) for line in lines if line and not line.startswith("##")]


WRITES = [(family, text) for family in SYNTAXES for text in statements(family)]
READS = [(family, text) for family in SYNTAXES for text in statements(f"reads_{family}")]


def judge(text: str, syntax: Syntax) -> Query | Passthrough | Refusal | str:
    """What the gate alone says: a verdict, or why a query may hide a write."""
    refused = quick_classify(text, syntax)
    if refused is not None:
        return refused
    found = scan(text, syntax)
    verdict = classify(found)
    if isinstance(verdict, Query):
        return may_hide_a_write(found) or verdict
    return verdict


@pytest.mark.parametrize("family", SYNTAXES)
def test_the_corpus_is_large_and_has_no_statement_twice(family):
    """At least 100, 200 and 150 writes, and 60 reads each, all different."""
    writes, reads = statements(family), statements(f"reads_{family}")

    assert len(writes) >= LEAST_WRITES[family]
    assert len(reads) >= 60
    assert len(set(writes)) == len(writes)
    assert len(set(reads)) == len(reads)
    assert not set(writes) & set(reads)


@pytest.mark.parametrize(("family", "text"), WRITES)
def test_a_write_is_refused_by_its_words(family, text):
    """Without a parse: no write depends on what sqlglot makes of it."""
    verdict = judge(text, SYNTAXES[family])

    assert isinstance(verdict, str) or (isinstance(verdict, Refusal) and verdict.error == "read_only")


@pytest.mark.parametrize(("family", "text"), READS)
def test_a_read_is_not_refused(family, text):
    """Names, aliases, literals and functions that look like writes are none."""
    assert isinstance(judge(text, SYNTAXES[family]), (Query, Passthrough))


@pytest.mark.parametrize(("family", "text"), WRITES)
def test_a_dialect_that_is_not_known_passes_no_write_on(family, text):
    """A write of another dialect is refused, or read as a query of this one, whose parser comes next."""
    assert not isinstance(judge(text, OTHER), Passthrough)


@pytest.mark.parametrize("word", sorted(COMMANDS))
@pytest.mark.parametrize("family", SYNTAXES)
def test_every_known_command_is_refused_with_a_hint(family, word):
    """Whatever follows it, whatever stands in front, in any case, in each dialect."""
    for text in (f"{word} x", f"{word.lower()}\tx", f"/* c */ -- d\n ;{word.title()} x"):
        verdict = judge(text, SYNTAXES[family])

        assert isinstance(verdict, Refusal)
        assert verdict.error == "read_only"
        assert verdict.reason.startswith(word)
        assert verdict.hint


def test_a_long_insert_is_refused_by_its_first_word():
    """The rest isn't looked at: here it has no end that a scan could find."""
    text = "INSERT INTO t VALUES " + "('" * 100_000

    verdict = quick_classify(text, SYNTAXES["sqlite"])

    assert verdict == quick_classify("INSERT", SYNTAXES["sqlite"])
    assert isinstance(verdict, Refusal)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SET a = 1", "changes the session"),
        ("USE x", "changes the session"),
        ("BEGIN", "controls the transaction"),
        ("LOCK t", "takes locks"),
        ("GRANT a TO b", "changes privileges"),
        ("CREATE TABLE t (a)", "changes the schema"),
        ("DELETE FROM t", "writes data"),
        ("CALL p()", "runs code that may write"),
    ],
)
def test_a_refusal_says_what_the_statement_does(text, reason):
    """A user who sets a variable is not told of writes."""
    verdict = judge(text, SYNTAXES["mysql"])

    assert isinstance(verdict, Refusal)
    assert reason in verdict.reason


@pytest.mark.parametrize("family", SYNTAXES)
def test_a_slip_of_the_pen_goes_to_the_origin(family):
    """It is the origin's own syntax error; for an unknown dialect it may be a procedure's name."""
    assert isinstance(judge("SELEC 1", SYNTAXES[family]), Passthrough)
    assert isinstance(judge("SELEC 1", OTHER), Refusal)


def test_a_literal_without_end_is_refused_if_a_semicolon_could_follow():
    """An origin that ends it elsewhere would run the rest."""
    syntax = SYNTAXES["sqlite"]

    assert isinstance(judge("SELECT 'a; DELETE FROM t", syntax), Refusal)
    assert isinstance(judge("SELECT 'a", syntax), Query)


@pytest.mark.parametrize(
    "text",
    ["SELECT 'a\\'; DELETE FROM t --'", "SELECT 1 # '\n; DELETE FROM t", "SELECT /* /* */ 1 */ DELETE"],
)
def test_an_unknown_dialect_refuses_doubtful_quotes(text):
    """Whether a backslash escapes, # comments, or comments nest, isn't known there."""
    assert isinstance(judge(text, OTHER), Refusal)


@given(
    st.sampled_from(WRITES),
    st.lists(
        st.sampled_from([" ", "\n", "\t", "\f", "/* SELECT 1 */", "-- SELECT 1\n", ";", "/**/"]), max_size=5
    ),
    st.booleans(),
)
def test_no_disguise_in_front_makes_a_write_a_read(write, front, is_swapped):
    """Invariant: blanks, comments, empty statements and the letters' case change no verdict."""
    family, text = write
    # Letters in a dollar quote's tag or a literal matter nowhere to the verdict either.
    disguised = "".join(front) + (text.swapcase() if is_swapped else text)

    verdict = judge(disguised, SYNTAXES[family])

    assert isinstance(verdict, str) or (isinstance(verdict, Refusal) and verdict.error == "read_only")
