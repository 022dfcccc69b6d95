"""What a statement is said to do is what it does; what isn't understood may do anything.

The corpora have one statement a line, an arrow, and its effect in words: `read`; `insert:t` and its like for
each table that is written (`writes anything` for all); `at once`, `late`, `defines`, `sets up`, `clouds`; the
control of the transaction; what becomes of the session; `calls f`; `makes t` for a temporary table; `nothing`
for what is none of these and yet no read.
each table that is written (`writes anything` for all); `at once`, `late`, `defines`, `clouds`; the control
of the transaction, `chained` if another one of its kind follows; what becomes of the session; `calls f`;
`makes t` for a temporary table; `nothing` for what is none of these and yet no read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import sqlmem.gate
from sqlmem.commands import COMMANDS
from sqlmem.effects import Effect, Session, effect_of
from sqlmem.effects.skimming import LONG, skimmed
from sqlmem.lexer import Syntax, scan

FIXTURES = Path(__file__).parents[1] / "fixtures"
MARKS = str.maketrans({"␤": "\n", "␉": "\t", "␌": "\f", "␍": "\r", "⍽": "\xa0"})
ARROW = "  →  "
SYNTAXES = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", True),
    "mysql": Syntax("mysql", True, False, "pyformat", True),
}
OTHER = Syntax("other", False, True, "named", False)


def lines(path: Path) -> list[str]:
    return [
        line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("##")
    ]


CORPUS = [
    (family, statement.translate(MARKS), expected)
    for family in SYNTAXES
    for statement, _, expected in (
        line.partition(ARROW) for line in lines(FIXTURES / "effects" / f"{family}.txt")
    )
]
REFUSED = [
    (family, line.translate(MARKS))
    for family in SYNTAXES
    for line in lines(FIXTURES / "gate" / f"{family}.txt")
]
READS = [
    (family, line.translate(MARKS))
    for family in SYNTAXES
    for line in lines(FIXTURES / "gate" / f"reads_{family}.txt")
]


def told(effect: Effect) -> str:
    """An effect in the corpora's words."""
    out = ["read"] if effect.is_read else []
    if effect.writes is None:
        out.append("writes anything")
    for write in sorted(effect.verbs, key=lambda each: (each.schema or "", each.name, each.verb.value)):
        name = write.name if write.schema is None else f"{write.schema}.{write.name}"
        out.append(f"{write.verb.value}:{name}")
    if effect.is_at_once:
        out.append("at once")
    if effect.is_late:
        out.append("late")
    if effect.is_definition:
        out.append("defines")
    if effect.sets_up:
        out.append("sets up")
    if effect.savepoint:
        out.append("savepoint " + " ".join(effect.savepoint))
    if effect.control:
        out.append(effect.control.value)
    if effect.is_chained:
        out.append("chained")
    if effect.session is not Session.SAME:
        out.append(f"session {effect.session.value}" + (" locally" if effect.is_session_local else ""))
    out += [f"calls {name}" for name in sorted(effect.calls)]
    out += [
        "makes " + (name if schema is None else f"{schema}.{name}")
        for schema, name in sorted(effect.temporary, key=str)
    ]
    if effect.clouds:
        out.append("clouds")
    return ", ".join(out) or "nothing"


def test_the_corpora_are_large_and_have_no_statement_twice():
    """At least 600 statements together, all of the gate's among them."""
    statements = [(family, text) for family, text, _ in CORPUS]

    assert len(statements) >= 600
    assert len(set(statements)) == len(statements)
    assert set(REFUSED) <= set(statements)


@pytest.mark.parametrize(("family", "text", "expected"), CORPUS)
def test_a_statement_does_what_it_is_said_to_do(family, text, expected):
    """As the corpora have it."""
    effect = effect_of(text, SYNTAXES[family])

    assert told(effect) == expected
    assert effect.reason
    assert effect.writes is None or effect.writes == {(each.schema, each.name) for each in effect.verbs}


@pytest.mark.parametrize(("family", "text"), REFUSED)
def test_what_the_gate_refuses_is_never_harmless(family, text):
    """And is no read in an unknown dialect either, where nobody knows what it is."""
    assert not effect_of(text, SYNTAXES[family]).is_harmless
    assert not effect_of(text, SYNTAXES[family]).is_read
    other = effect_of(text, OTHER)
    assert not other.is_harmless or scan(text, OTHER).words[0] in ("SELECT", "WITH", "VALUES", "TABLE", "(")


@pytest.mark.parametrize(("family", "text"), READS)
def test_a_read_writes_nothing(family, text):
    """Names, aliases, literals and functions that look like writes are none."""
    effect = effect_of(text, SYNTAXES[family])

    if text.startswith("SELEC "):
        assert effect.writes is None  # not understood
        return
    assert effect.is_read
    assert effect.writes == frozenset()
    assert effect.session is Session.SAME
    assert effect.control is None
    assert not effect.is_at_once
    assert not effect.is_definition


@pytest.mark.parametrize("word", sorted(COMMANDS))
@pytest.mark.parametrize("family", SYNTAXES)
def test_no_command_is_harmless(family, word):
    """Whatever stands in front, in any case, in each dialect."""
    for text in (word, f"{word} x", f"/* c */ -- d\n ;{word.title()} x"):
        assert not effect_of(text, SYNTAXES[family]).is_harmless


# family -> writes of the table t, with their first word
WRITES = {
    "sqlite": [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES (1)",
    ],
    "postgresql": [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM ONLY t",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
    ],
    "mysql": ["INSERT t VALUES (1)", "UPDATE t SET a = 1", "DELETE FROM t", "REPLACE t VALUES (1)"],
}
JUNK = st.lists(
    st.sampled_from([" ", "\n", "\t", "\f", "/* SELECT 1 */", "-- SELECT 1\n", "/**/", "/* ' */", '/* " */']),
    min_size=1,
    max_size=4,
).map("".join)
BEFORE = st.sampled_from(
    [
        "",
        ";",
        "SELECT 1;",
        "SELECT ';';",
        "WITH x AS (SELECT 1) ",
        "WITH x (a) AS (SELECT ')'), y AS (SELECT 1) ",
        "SELECT replace('a', 'b', 'c'); ",
        "EXPLAIN ANALYZE ",
        "COMMIT; ",
        "INSERT INTO u VALUES (1); ",
    ]
)
AFTER = st.sampled_from(
    ["", ";", "; SELECT 1", "; COMMIT", " -- '", " /* ; */", "; DELETE FROM u", " RETURNING 1"]
)


@given(st.sampled_from(sorted(WRITES)), st.data(), BEFORE, AFTER, JUNK, st.booleans())
def test_nothing_around_a_write_hides_it(family, data, before, after, junk, is_swapped):
    """Invariant: comments, case, blanks, CTEs and other statements around it: t is among what is written."""
    write = data.draw(st.sampled_from(WRITES[family]))
    if before.startswith("EXPLAIN") and family == "sqlite":
        before = ""  # there it never runs what it explains
    text = junk + before + junk + write.replace(" ", junk) + after
    if is_swapped:
        text = text.swapcase()

    effect = effect_of(text, SYNTAXES[family])

    assert not effect.is_read
    assert effect.writes is None or {name.lower() for _, name in effect.writes} >= {"t"}


@given(st.sampled_from(WRITES["postgresql"]), JUNK)
def test_a_write_in_a_common_table_expression_is_seen(write, junk):
    """Invariant: however deep PostgreSQL lets it stand."""
    text = f"WITH{junk}x{junk}AS{junk}({junk}{write} RETURNING 1{junk}) SELECT * FROM x"

    effect = effect_of(text, SYNTAXES["postgresql"])

    assert not effect.is_read
    assert effect.writes is None or (None, "t") in effect.writes


PIECES = st.sampled_from(
    [
        "SELECT",
        "INSERT",
        "INTO",
        "t",
        "VALUES",
        ";",
        ",",
        "(",
        ")",
        "(1, 2), (3, 4)",
        "('a''b', NULL)",
        "(1)",
        "'",
        '"',
        "`",
        "[",
        "]",
        "'it\\'s'",
        "E'\\''",
        "e'a'",
        "$$",
        "$a$",
        "$1",
        "?",
        "%s",
        "%(a)s",
        "%%",
        ":a",
        "--",
        "\n",
        "#",
        "/*",
        "*/",
        "/*!",
        "x'41'",
        "_utf8'a'",
        "N'a'",
        "U&'a'",
        "1.5e3",
        "-1",
        "+",
        "::text",
        "::numeric(3, 1)",
        "f(1)",
        "f ('a')",
        "(f(1))",
        "(-- )\n1)",
        "('a' 'b')",
        "DEFAULT",
        "\\",
        "ſ",
        "é",
        "@a",
        ".",
        "=",
        " ",
    ]
)


@example("sqlite", ["[", "(1, 2), (3, 4)"], "")  # a bracket that has no end
@given(st.sampled_from(sorted(SYNTAXES)), st.lists(PIECES, max_size=40), st.sampled_from(["", " "]))
def test_skimming_leaves_out_nothing_but_values(family, pieces, glue):
    """Invariant: the words of a skimmed text are those of the text, but for parentheses full of constants."""
    text = glue.join(pieces)
    long = text + " " * (LONG + 1)

    skim = scan(skimmed(long, SYNTAXES[family]), SYNTAXES[family])
    whole = scan(long, SYNTAXES[family])

    assert _without_values(skim.words) == _without_values(whole.words)
    assert (skim.doubt, skim.unterminated) == (whole.doubt, whole.unterminated)
    assert skim.has_executable_comment == whole.has_executable_comment


def _without_values(words: tuple[str, ...]) -> list[str]:
    """The words with each innermost parenthesis of plain constants as one word, and rows of them as one."""
    out: list[str] = []
    for word in words:
        out.append(word)
        if word != ")":
            continue
        start = max((place for place, each in enumerate(out[:-1]) if each == "("), default=None)
        if start is None:
            continue
        inside = out[start + 1 : -1]
        if inside and all(each in _PLAIN for each in inside):
            del out[start:]
            if out[-2:] == ["VALUES…", ","]:
                del out[-2:]
            out.append("VALUES…")
    return out


_PLAIN = frozenset(
    ["'", "0", "?", ",", "NULL", "DEFAULT", "TRUE", "FALSE", "+", "-", "::", "TEXT", "NUMERIC", "VALUES…"]
) | {"X", "N", "B", "_UTF8", "$", "@", "E", "1"}


def test_a_thousand_rows_are_not_scanned(monkeypatch):
    """Five megabytes of values: what is scanned piece by piece is shorter than a line."""
    scanned: list[int] = []
    monkeypatch.setattr(
        sqlmem.gate, "scan", lambda text, syntax: scanned.append(len(text)) or scan(text, syntax)
    )
    rows = ", ".join(f"({number}, 'it''s {'x' * 5_000}', NULL, %s)" for number in range(1_000))

    effect = effect_of(f"INSERT INTO t (a, b, c, d) VALUES {rows}", SYNTAXES["postgresql"])

    assert told(effect) == "insert:t"
    assert scanned == [len("INSERT INTO t (a, b, c, d) VALUES ('')")]


@pytest.mark.parametrize("family", SYNTAXES)
@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        ("; DELETE FROM u", "insert:t, delete:u"),
        (" -- ; DELETE FROM u", "insert:t"),
        (" /* ; DELETE FROM u */", "insert:t"),
        (", (f(1), 2)", "insert:t, calls f"),
        (", ((SELECT g(1)), '; DELETE FROM u')", "insert:t, calls g"),
    ],
)
def test_what_stands_behind_a_thousand_rows_is_seen(family, behind, expected):
    """The end of a long text counts as its beginning does."""
    rows = ", ".join(f"({number}, 'a; DELETE FROM v')" for number in range(1_000))

    assert told(effect_of(f"INSERT INTO t (a, b) VALUES {rows}{behind}", SYNTAXES[family])) == expected


def test_a_dialect_that_is_not_known_may_write_anything():
    """A read is one there, too; of all else nobody has described what it sets off."""
    assert effect_of("SELECT a FROM t", OTHER).is_read
    for text in ("INSERT INTO t VALUES (1)", "DELETE FROM t", "CREATE TABLE t (a INTEGER)", "CALL p()"):
        assert effect_of(text, OTHER).writes is None


@pytest.mark.parametrize(
    ("family", "text", "variables", "may_be_back"),
    [
        ("postgresql", "SET search_path TO x, public", {"search_path"}, False),
        ("postgresql", "SET SESSION Search_Path = DEFAULT", {"search_path"}, True),
        ("postgresql", 'RESET "search_path"', {"search_path"}, True),
        ("postgresql", "SET my.variable = 'x'", {"my.variable"}, False),
        ("postgresql", "SET TIME ZONE LOCAL", {"timezone"}, True),
        ("postgresql", "SET ROLE none", {"role", "session_authorization"}, True),
        ("postgresql", 'SET ROLE "none"', {"role", "session_authorization"}, False),
        ("postgresql", "SET role TO x", {"role", "session_authorization"}, False),
        ("postgresql", "SET SESSION AUTHORIZATION x", {"role", "session_authorization"}, False),
        ("postgresql", "RESET SESSION AUTHORIZATION", {"role", "session_authorization"}, True),
        ("postgresql", "RESET ALL", {"*"}, True),
        ("postgresql", "DISCARD ALL", {"*", "role", "session_authorization"}, True),
        # What they change isn't one variable, or not told by its value.
        ("postgresql", "SET NAMES 'UTF8'", set(), False),
        ("postgresql", "SET NAMES", set(), False),
        ("postgresql", 'SET "it\'s".x = 1', set(), False),
        ("postgresql", "RESET x y", set(), True),
        ("postgresql", "SET SESSION CHARACTERISTICS AS TRANSACTION SERIALIZABLE", set(), False),
        ("postgresql", "SET search_path TO x; RESET search_path", {"search_path"}, True),
        ("postgresql", "RESET search_path; CREATE TEMP TABLE t (a int)", set(), True),
        ("postgresql", "RESET search_path; SELECT 1", set(), True),
        (
            "mysql",
            "SET time_zone = '+01:00', @@session.lc_time_names = x",
            {"time_zone", "lc_time_names"},
            False,
        ),
        ("mysql", "SET SESSION time_zone = DEFAULT", {"time_zone"}, True),
        ("mysql", "SET time_zone = DEFAULT, character_set_results = DEFAULT", set(), True),
        ("mysql", "SET NAMES utf8mb4, time_zone = '+01:00'", set(), False),
        ("mysql", "SET time_zone = '+01:00', autocommit = 1", set(), False),
    ],
)
def test_by_which_variables_a_session_differs(family, text, variables, may_be_back):
    """None where it may differ otherwise; what looks like a default is looked at, not believed."""
    effect = effect_of(text, SYNTAXES[family])

    assert effect.session is not Session.SAME
    assert (effect.variables, effect.may_be_back) == (variables, may_be_back)
