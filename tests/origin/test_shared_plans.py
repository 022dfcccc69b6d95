"""Statements that differ in constants only share a plan, where that changes no meaning."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from support.exact import same
from support.origins import Origin

import sqlmem.planning
from sqlmem import CachingEngine, Outcome, last_status
from sqlmem.lexemes import Syntax
from sqlmem.sharing import REFUSED_IN_A_ROW
from sqlmem.skeletons import skeleton

SHARED = {
    "numbers compared": "SELECT id FROM t WHERE n > {0} AND id <> {1} ORDER BY id",
    "signed": "SELECT id FROM t WHERE n > -{0} ORDER BY id",
    "in lists": "SELECT id FROM t WHERE id IN ({0}, {1}, 9) ORDER BY id",
    "between": "SELECT id FROM t WHERE id BETWEEN {0} AND 1{1} ORDER BY id",
    "decimals of one scale": "SELECT id FROM t WHERE price >= {0}.25 ORDER BY id",
    "dates": "SELECT id FROM t WHERE d > '2024-01-0{0}' ORDER BY id",
    "beside a LIMIT that stays": "SELECT id FROM t WHERE id > {0} ORDER BY 1 LIMIT 2",
}
NOT_IN_SQLITE = {"decimals of one scale"}
COMMENTED = {
    "behind it": "SELECT id, n FROM t WHERE id > 1 ORDER BY id /* request {0} */ ",
    "before it": "/* {0} */ SELECT id, n FROM t WHERE id > 1 ORDER BY id",
    "to the line's end": "-- {0}\nSELECT id, n FROM t WHERE id > 1 ORDER BY id -- {1}",
    "several": "/* {0} */ /* b */ SELECT id, n + 1 AS m FROM t ORDER BY id /*{1}*/ /* c */",
    "without a constant": "SELECT id, n FROM t ORDER BY id /*traceparent='{0}'*/",
}
# What the comment may be a part of, or isn't one.
COMMENTED_OF_THEIR_OWN = {
    "inside": "SELECT id, n /* {0} */ FROM t WHERE id > 1 ORDER BY id",
    "a number behind it": "SELECT id, n FROM t ORDER BY id /* a */ LIMIT {0}",
    "a hint": "SELECT id, n FROM t ORDER BY id /*+ {0} */",
}
OF_THEIR_OWN = {
    "the number of rows": "SELECT id FROM t ORDER BY id LIMIT {0}",
    "which column orders": "SELECT id, n FROM t ORDER BY {0}, id",
    "which column groups": "SELECT id, n FROM t GROUP BY {0}, id, n ORDER BY id",
    "a value that is given out": "SELECT id, {0} AS k FROM t ORDER BY id",
    "the name of a column": "SELECT id > {0} FROM t ORDER BY id",
    "what is grouped by": "SELECT n > {0} AS b, count(*) AS c FROM t GROUP BY n > {0} ORDER BY 2, 1",
    "a size that decides on the type": "SELECT id FROM t WHERE n < {0}00000000000000000 ORDER BY id",
    "a decimal's scale": "SELECT id FROM t WHERE price < {0}.{1}",
}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were planned."""
    made: list[str] = []
    make_plan = sqlmem.planning.make_plan

    def counted(parsed, *arguments, **options):
        made.append(parsed.scanned.text)
        return make_plan(parsed, *arguments, **options)

    monkeypatch.setattr(sqlmem.planning, "make_plan", counted)
    return made


@pytest.fixture
def engines(origin: Origin):
    moment = "DATE" if origin.family != "sqlite" else "TEXT"
    origin.execute(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, price NUMERIC(10,2), d {moment})",
        "INSERT INTO t VALUES (1, 3, 1.25, '2024-01-01'), (2, 2, 2.50, '2024-01-02'),"
        " (3, 1, 3.25, '2024-01-03'), (4, NULL, NULL, NULL)",
    )
    base = origin.engine()
    with CachingEngine(base, cache_db="") as engine:
        yield base, engine


def ask(engine: Engine, statement: str) -> tuple:
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return tuple(result.keys()), [item[1] for item in result.cursor.description], result.all()


@pytest.mark.parametrize("name", SHARED)
def test_statements_that_differ_in_constants_are_planned_once(origin, engines, plans, name):
    """Each is answered with its own constants, by the first one's plan."""
    if name in NOT_IN_SQLITE and origin.family == "sqlite":
        pytest.skip("SQLite reads a decimal by rules of its own, so it stays in the text")
    base, engine = engines
    texts = [SHARED[name].format(one, other) for one, other in ((1, 2), (2, 3), (3, 1), (1, 3))]
    ask(engine, texts[0])
    first = len(plans)

    answers = [ask(engine, text) for text in texts]

    assert len(plans) == first
    assert last_status().outcome is Outcome.HIT
    assert all(same(answer, ask(base, text)) for answer, text in zip(answers, texts, strict=True))


@pytest.mark.parametrize("name", OF_THEIR_OWN)
def test_a_constant_that_decides_has_a_plan_of_its_own(engines, name):
    """Where a plan depends on a constant, another constant's answer is its own."""
    base, engine = engines
    texts = [OF_THEIR_OWN[name].format(one, other) for one, other in ((1, 5), (2, 25), (1, 255), (2, 5))]

    answers = [ask(engine, text) for text in texts]

    assert all(same(answer, ask(base, text)) for answer, text in zip(answers, texts, strict=True))


def test_a_constant_that_is_no_value_of_the_column_is_the_origins(engines):
    """'2024-02-30' has the shape of a date, and is none: the origin says what it makes of it."""
    base, engine = engines
    ask(engine, "SELECT id FROM t WHERE d > '2024-01-01' ORDER BY id")
    odd = "SELECT id FROM t WHERE d > '2024-02-30' ORDER BY id"

    answers = []
    for each in (base, engine):
        try:
            answers.append(ask(each, odd))
        except Exception as error:  # noqa: BLE001 - whatever it is, both raise it
            answers.append(type(error))

    assert same(answers[0], answers[1])


@pytest.mark.families("mariadb")
def test_a_shared_plan_is_made_anew_after_its_table_changed(engines, origin: Origin):
    """A plan for other constants is as outdated as the one it was made from."""
    base, engine = engines
    ask(engine, "SELECT id FROM t WHERE n = 1")
    origin.execute("ALTER TABLE t MODIFY n VARCHAR(20) CHARACTER SET utf8mb4")
    engine.invalidate("t")

    answer = ask(engine, "SELECT id FROM t WHERE n = 2")

    assert same(answer, ask(base, "SELECT id FROM t WHERE n = 2"))


# -- whatever way a text comes in --------------------------------------------------------------

AT = sa.table("t", sa.column("id"), sa.column("n"))


def as_text(number: int) -> sa.Executable:
    return sa.text(f"SELECT id FROM t WHERE n > {number} ORDER BY id")


def as_literal_column(number: int) -> sa.Executable:
    return sa.select(AT.c.id).where(AT.c.n > sa.literal_column(str(number))).order_by(AT.c.id)


def executed_as_literal(number: int) -> sa.Executable:
    one = sa.bindparam("one", number, type_=sa.Integer, literal_execute=True)
    return sa.select(AT.c.id).where(AT.c.n > one).order_by(AT.c.id)


def in_a_list(number: int) -> sa.Executable:
    listed = sa.bindparam("some", [number, 3], type_=sa.Integer, expanding=True, literal_execute=True)
    return sa.select(AT.c.id).where(AT.c.n.in_(listed)).order_by(AT.c.id)


@pytest.mark.parametrize("make", [as_text, as_literal_column, executed_as_literal, in_a_list])
def test_constants_share_a_plan_whatever_way_they_come_in(engines, plans, make) -> None:
    """The cursor gets a text with a constant in it, and that is all that counts."""
    base, engine = engines

    def answer(of: Engine, number: int) -> list:
        with of.connect() as connection:
            return connection.execute(make(number)).all()

    answer(engine, 1)
    first = len(plans)
    answers = [answer(engine, number) for number in (2, 0, 1, 2)]

    assert len(plans) == first
    assert last_status().outcome is Outcome.HIT
    assert answers == [answer(base, number) for number in (2, 0, 1, 2)]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed, whether a plan came of it or a refusal."""
    texts: list[str] = []
    parse = sqlmem.planning.parse

    def counted(text, *arguments, **options):
        texts.append(text)
        return parse(text, *arguments, **options)

    monkeypatch.setattr(sqlmem.planning, "parse", counted)
    return texts


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_what_is_refused_whatever_its_constants_isnt_planned_again(origin, engines, made, mode) -> None:
    """The origin answers each; a text that is met a second time is planned as any."""
    base, _ = engines
    call = "rand()" if origin.family == "mariadb" else "random()"
    texts = [f"SELECT id FROM t WHERE id = {number} AND {call} IS NOT NULL" for number in range(1, 10)]
    with CachingEngine(origin.engine(), cache_db="", mode=mode) as engine:
        for text in texts[:REFUSED_IN_A_ROW]:
            ask(engine, text)
        first = len(made)
        answers = [ask(engine, text) for text in texts[REFUSED_IN_A_ROW:]]
        reason = last_status().reason

        assert len(made) == first
        assert last_status().outcome is Outcome.BYPASS
        assert "random" in reason or "rand" in reason
        assert all(
            same(answer, ask(base, text))
            for answer, text in zip(answers, texts[REFUSED_IN_A_ROW:], strict=True)
        )
        ask(engine, texts[-1])
        assert len(made) == first + 1


def test_what_might_be_kept_is_when_it_is_asked_again(origin, engines) -> None:
    """A shape whose plans were refused: what is asked twice is planned, and its answer kept."""
    if origin.family == "sqlite":
        pytest.skip("no such function there")
    _, engine = engines
    texts = [f"SELECT regexp_replace(d, '1', 'x') AS s FROM t WHERE id = {number}" for number in range(1, 10)]
    if origin.family == "postgresql":
        texts = [text.replace("(d,", "(d::text,") for text in texts]
    for text in texts:
        ask(engine, text)
    outcomes = []
    for _ in range(3):
        ask(engine, texts[-1])
        outcomes.append(last_status().outcome)

    assert outcomes[-1] is not Outcome.BYPASS


def test_a_write_is_never_taken_for_a_read_of_its_shape(origin, engines) -> None:
    """Transparent mode: what a text does is found by its words, which are the shape's."""
    base, _ = engines
    with CachingEngine(origin.engine(), cache_db="", mode="transparent") as engine:
        for number in (1, 2, 3):
            ask(engine, f"SELECT n FROM t WHERE id = {number}")
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE t SET n = 77 WHERE id = 1")
        answer = ask(engine, "SELECT n FROM t WHERE id = 1")

    assert answer[2] == ask(base, "SELECT n FROM t WHERE id = 1")[2] == [(77,)]


@pytest.mark.parametrize("statement", COMMENTED.values(), ids=COMMENTED)
def test_statements_that_differ_in_comments_around_them_share_a_plan(
    engines, plans: list[str], statement: str
) -> None:
    """A program that says in each text who asks plans none of them anew."""
    base, engine = engines
    plans.clear()
    for numbers in ((1, 2), (3, 4), (5, 6)):
        text = statement.format(*numbers)
        with base.connect() as connection:
            expected = connection.exec_driver_sql(text).all()
        with engine.connect() as connection:
            given = connection.exec_driver_sql(text)
            assert same(given.all(), expected)
            assert list(given.keys()) == list(connection.exec_driver_sql(text).keys())

    assert len(plans) == 1


@pytest.mark.parametrize("statement", COMMENTED_OF_THEIR_OWN.values(), ids=COMMENTED_OF_THEIR_OWN)
def test_other_comments_are_part_of_the_text(engines, statement: str) -> None:
    base, engine = engines
    for numbers in ((1, 2), (2, 3)):
        text = statement.format(*numbers)
        with base.connect() as connection:
            expected = connection.exec_driver_sql(text).all()
        with engine.connect() as connection:
            assert same(connection.exec_driver_sql(text).all(), expected)


def test_what_a_comment_hides_is_no_part_of_the_shape() -> None:
    """An executable comment, one without an end, or a statement behind it: the text is looked at itself."""
    mysql = Syntax("mysql", True, False, "pyformat", True)
    plain = skeleton("SELECT a FROM t WHERE a = 1", mysql)

    assert plain is not None
    for text in (
        "SELECT a FROM t WHERE a = 1 /*! OR 1 */",
        "/*M! DELETE FROM t */ SELECT a FROM t WHERE a = 1",
        "SELECT a FROM t WHERE a = 1 /* b",
        "SELECT a FROM t WHERE a = 1 /* b */ ; DELETE FROM t",
        "SELECT a FROM t WHERE a = 1 /* %s */",
        "SELECT a FROM t WHERE a = 1 --b",
    ):
        found = skeleton(text, mysql)
        assert found is None or found.shape != plain.shape, text
    for text in ("/* b */ SELECT a FROM t WHERE a = 1", "SELECT a FROM t WHERE a = 1 # b\n /* c */\n"):
        found = skeleton(text, mysql)
        assert found is not None
        assert found.shape == plain.shape, text
        assert found.has_comments
