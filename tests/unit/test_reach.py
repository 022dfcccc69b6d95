"""What a write reaches, from plain rows: what isn't known is everything, and nothing goes round for ever."""

from __future__ import annotations

import pytest

from sqlmem.effects import Verb, Write, effect_of
from sqlmem.effects.bodies import ANYTHING, Body, body_of, trigger_of
from sqlmem.lexer import Syntax
from sqlmem.reach import ForeignKey, Kind, Name, Reach, Relation, Rows, Trigger, everything
from sqlmem.suspects import Suspects

POSTGRESQL = Syntax("postgresql", False, True, "pyformat", False)
MYSQL = Syntax("mysql", True, False, "pyformat", False)
SQLITE = Syntax("sqlite", False, True, "qmark", False)

A: Name = ("s", "a")
B: Name = ("s", "b")
OTHER_A: Name = ("r", "a")


def reach(*relations: Name, **rows: object) -> Reach:
    return Reach(Rows("postgresql", tuple(Relation(name, Kind.TABLE) for name in relations), **rows))  # type: ignore[arg-type]


def said(statement: str, found: Reach, **keywords: object) -> frozenset[Name] | None:
    return found.of(effect_of(statement, POSTGRESQL), statement, **keywords)  # type: ignore[arg-type]


def test_a_name_that_the_catalogue_does_not_have_is_everything():
    """And is told, so that a newer catalogue can be asked."""
    found = reach(A)
    effect = effect_of("INSERT INTO c SELECT f(1)", POSTGRESQL)

    assert found.of(effect) is None
    assert found.unknown(effect) == {"c", "f"}
    assert found.unknown(effect_of("DELETE FROM a", POSTGRESQL)) == frozenset()


def test_a_name_without_a_schema_is_every_table_of_that_name():
    """search_path is the session's; a quoted name is another name."""
    found = reach(A, B, OTHER_A)

    assert said("DELETE FROM a", found) == {A, OTHER_A}
    assert said("DELETE FROM r.A", found) == {OTHER_A}
    assert said('DELETE FROM "A"', found) is None


def test_the_sessions_temporary_tables_reach_nothing_else():
    """Unless a lasting table has the name: in doubt that one is meant."""
    found = reach(A)
    temporary = frozenset({(None, "x"), (None, "a")})

    assert said("DELETE FROM x", found, temporary=temporary) == frozenset()
    assert said("DELETE FROM a", found, temporary=temporary) == {A}
    assert said("DELETE FROM s.x", found, temporary=temporary) is None


def test_rings_of_keys_and_triggers_come_to_an_end():
    """Each table and verb is taken once."""
    found = reach(
        A,
        B,
        foreign_keys=(ForeignKey(A, B, Verb.DELETE, None), ForeignKey(B, A, Verb.UPDATE, Verb.UPDATE)),
        triggers=(Trigger(B, Verb.UPDATE, Body(frozenset({Write("s", "a", Verb.DELETE)}))),),
    )

    assert said("DELETE FROM a", found) == {A, B}
    assert said("INSERT INTO a VALUES (1)", found) == {A}


def test_functions_that_call_each_other_come_to_an_end():
    """And do what any of them does."""
    found = reach(
        A,
        functions={
            "f": (Body(frozenset(), frozenset({"g"})),),
            "g": (Body(frozenset({Write("s", "a", Verb.INSERT)}), frozenset({"f"}), differs=True),),
            "h": (Body(frozenset(), frozenset({"nobody_knows"})),),
        },
        built_in=frozenset({"lower"}),
    )

    assert said("SELECT f(1), lower('A')", found) == {A}
    assert said("SELECT h(1)", found) is None
    assert found.may_write("F")
    assert found.may_write("never_heard_of")
    assert not found.may_write("lower")
    assert found.may_change_session(effect_of("SELECT f(1)", POSTGRESQL))
    assert not found.may_change_session(effect_of("SELECT lower('A')", POSTGRESQL))


@pytest.mark.parametrize(
    "rows",
    [
        {"triggers": (Trigger(A, Verb.INSERT, ANYTHING),)},
        {"rules": ((A, Verb.INSERT),)},
        {"computing": frozenset({A})},
        {"suspects": Suspects({"a"})},
        {"hidden": None},
        {"hidden": frozenset({"s"})},
    ],
)
def test_what_the_catalogue_cannot_tell_is_everything(rows):
    """A trigger in C, a rule, a default that calls, a view that writes when read, hidden triggers."""
    assert said("INSERT INTO a VALUES (1)", reach(A, **rows)) is None
    assert said("INSERT INTO b VALUES (1)", reach(B)) == {B}


def test_a_key_of_a_table_that_is_not_shown_is_everything():
    """The catalogue isn't read in one moment, nor shown whole to everybody."""
    assert said("DELETE FROM a", reach(A, foreign_keys=(ForeignKey(B, A, Verb.DELETE, None),))) is None


def test_a_foreign_table_is_everything():
    """It may be another name of one of these."""
    found = Reach(Rows("postgresql", (Relation(A, Kind.BEYOND, is_transactional=False),)))

    assert said("INSERT INTO a VALUES (1)", found) is None
    assert not found.is_transactional(A)


def test_an_unknown_dialect_reaches_everything():
    """Nobody has described its catalogue."""
    assert (
        everything("other").of(effect_of("DELETE FROM a", Syntax("other", False, True, "named", False)))
        is None
    )


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (POSTGRESQL, "BEGIN NEW.at := now(); RETURN NEW; END", ""),
        (POSTGRESQL, "BEGIN RETURN QUERY DELETE FROM t RETURNING a; END", "t"),
        (
            POSTGRESQL,
            "BEGIN FOR r IN UPDATE t SET a = 1 RETURNING a LOOP INSERT INTO u SELECT 1; END LOOP; END",
            "t u",
        ),
        (POSTGRESQL, "BEGIN EXECUTE 'DELETE FROM t'; END", None),
        (POSTGRESQL, "BEGIN EXECUTE format('DELETE FROM %I', TG_TABLE_NAME); END", None),
        (POSTGRESQL, "BEGIN OPEN c FOR EXECUTE q; END", None),
        (POSTGRESQL, "BEGIN CALL p(); END", None),
        (POSTGRESQL, "BEGIN DO 'BEGIN END'; END", None),
        (POSTGRESQL, "BEGIN CREATE TEMP TABLE x (a INTEGER); END", None),
        (
            POSTGRESQL,
            "BEGIN IF a THEN TRUNCATE t; ELSE MERGE INTO u USING v ON a WHEN MATCHED THEN DELETE; END IF",
            "t u",
        ),
        (POSTGRESQL, "BEGIN SELECT a INTO b FROM t FOR UPDATE; END", ""),
        (POSTGRESQL, "BEGIN INSERT INTO t VALUES ('unterminated", None),
        (MYSQL, "SET NEW.a = NEW.a + 1", ""),
        (MYSQL, "INSERT INTO t VALUES (NEW.a)", "t"),
        (
            MYSQL,
            "BEGIN DECLARE EXIT HANDLER FOR 1062 UPDATE t SET a = 1; DELETE x FROM u AS x JOIN v; END",
            "t u",
        ),
        (MYSQL, "BEGIN WHILE a DO REPLACE t VALUES (1); END WHILE; END", "t"),
        (MYSQL, "BEGIN l: LOOP UPDATE t SET a = 1; LEAVE l; END LOOP; END", "t"),
        (MYSQL, "BEGIN CASE a WHEN 1 THEN DELETE FROM t; ELSE INSERT u VALUES (1); END CASE; END", "t u"),
        (MYSQL, "BEGIN /*! DELETE FROM t; */ END", None),
        (MYSQL, "BEGIN PREPARE p FROM 'DELETE FROM t'; EXECUTE p; END", None),
        (MYSQL, "CALL p()", None),
    ],
)
def test_a_body_writes_what_its_words_say(syntax, text, expected):
    """Wherever in it a write begins; a text that is run, another routine, a definition: anything."""
    writes = body_of(text, syntax).writes

    assert (None if writes is None else {write.name for write in writes}) == (
        None if expected is None else set(expected.split())
    )


def test_a_bodys_calls_and_settings_are_told():
    """What it calls is followed by `Reach`; what it sets may stay."""
    assert body_of("BEGIN PERFORM f(1); RETURN g(h(2)); END", POSTGRESQL).calls == {"f", "g", "h"}
    assert body_of("BEGIN SET search_path = x; END", POSTGRESQL).differs
    assert body_of("BEGIN PERFORM set_config('a.b', 'c', false); END", POSTGRESQL).differs
    assert body_of("BEGIN SET @@session.sql_mode = ''; END", MYSQL).differs
    assert not body_of("BEGIN SET a = 1; END", MYSQL).differs


def test_a_trigger_of_sqlite_tells_its_verb():
    """Also where names look like its words."""
    text = 'CREATE TRIGGER "DELETE" AFTER UPDATE OF a ON "INSERT" WHEN f(new.a) BEGIN DELETE FROM t; END'

    verb, body, is_instead = trigger_of(text, SQLITE)

    assert verb is Verb.UPDATE
    assert body.writes == {Write(None, "t", Verb.DELETE)}
    assert body.calls == {"f"}
    assert not is_instead
