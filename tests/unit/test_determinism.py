"""Invariant: nothing that may change by itself passes for lasting; what passes names nothing but tables,
columns, and functions of a closed list."""

from __future__ import annotations

import pytest

from sqlmem.determinism import why_unkept
from sqlmem.dialects import deterministic
from sqlmem.lexer import Syntax
from sqlmem.model import Column, Kind, TableName, TableSchema
from sqlmem.parser import Parsed, parse

FAMILIES = ("sqlite", "postgresql", "mysql")
STYLES = {"sqlite": "qmark", "postgresql": "pyformat", "mysql": "format"}
COLUMNS = {
    "id": Kind.INTEGER,
    "name": Kind.TEXT,
    "price": Kind.NUMERIC,
    "weight": Kind.FLOAT,
    "day": Kind.DATE,
    "at": Kind.TIMESTAMP,
    "seen": Kind.TIMESTAMPTZ,
    "tags": Kind.OPAQUE,
    "body": Kind.JSON,
}


def schema(name: str = "t", **more: object) -> TableSchema:
    columns = tuple(Column(each, kind, kind.value) for each, kind in COLUMNS.items())
    return TableSchema(TableName(None, name), columns, **more)  # type: ignore[arg-type]


def why(text: str, family: str, *schemas: TableSchema | None) -> str | None:
    syntax = Syntax(
        family=family,  # type: ignore[arg-type]
        backslash_escapes=family == "mysql",
        ansi_quotes=False,
        paramstyle=STYLES[family],  # type: ignore[arg-type]
        percent_is_escaped=False,
    )
    parsed = parse(text, syntax, is_strict=False)
    assert isinstance(parsed, Parsed), parsed
    return why_unkept(parsed, family, schemas or (schema(), schema("u")))


LASTING = {
    "everywhere": (
        FAMILIES,
        (
            "SELECT * FROM t",
            "SELECT t.*, u.name FROM t JOIN u ON u.id = t.id LEFT JOIN u AS v USING (id)",
            "SELECT id FROM t WHERE name LIKE 'n%' ORDER BY price DESC, name LIMIT 3 OFFSET 1",
            "SELECT count(DISTINCT name), sum(weight), avg(weight) FROM t GROUP BY day HAVING max(id) > 2",
            "SELECT lag(id) OVER (PARTITION BY day ORDER BY id ROWS UNBOUNDED PRECEDING) FROM t",
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n, t",
            "SELECT CASE WHEN id > 1 THEN upper(name) ELSE coalesce(name, '-') END AS word FROM t",
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id) UNION SELECT id FROM u",
            "SELECT CAST(price AS DECIMAL(10, 2)), CAST(id AS CHAR(3)) FROM t",
            "SELECT replace(name, 'a', 'b'), round(price, 1), abs(id) FROM t WHERE id IN (1, 2, NULL)",
        ),
    ),
    "sqlite": (
        ("sqlite",),
        (
            "SELECT group_concat(name), total(weight), hex(name) FROM t",
            "SELECT json_extract(body, '$.x'), printf('%05d', id) FROM t WHERE name GLOB 'a*'",
            "SELECT name FROM t ORDER BY name COLLATE NOCASE NULLS LAST",
        ),
    ),
    "postgresql": (
        ("postgresql",),
        (
            "SELECT string_agg(name, ','), array_agg(id) FILTER (WHERE id > 1) FROM t",
            "SELECT date_trunc('month', seen), to_char(at, 'YYYY-MM'), extract(dow FROM day) FROM t",
            "SELECT seen::date, CAST(at AS date), day::timestamp, min(seen)::date FROM t GROUP BY seen, at",
            "SELECT id::text, price::float8, '2024-01-01'::date, timestamp '2024-01-01', '{1}'::int[] FROM t",
            "SELECT day + interval '1 month', seen AT TIME ZONE 'Asia/Tokyo' FROM t",
            "SELECT body ->> 'x', tags FROM t WHERE name ILIKE 'a%' OR name ~ '^a' OR id = ANY(ARRAY[1, 2])",
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM t GROUP BY ROLLUP (id)",
            "SELECT DISTINCT ON (name) name, id FROM t ORDER BY name, id FETCH FIRST 2 ROWS ONLY",
            "SELECT t.id, x.n FROM t CROSS JOIN LATERAL (SELECT count(*) AS n FROM u WHERE u.id = t.id) AS x",
            "SELECT generate_series(1, 3) AS g, id FROM t",
        ),
    ),
    "mysql": (
        ("mysql",),
        (
            "SELECT group_concat(name ORDER BY id SEPARATOR ';'), if(id > 1, 2, 3), ifnull(name, 'x') FROM t",
            "SELECT date_format(at, '%Y-%m'), date_add(day, INTERVAL 1 MONTH), datediff(at, day) FROM t",
            "SELECT name FROM t WHERE (name REGEXP '^a' AND id DIV 2 = 1) OR id MOD 2 = 1",
            "SELECT json_value(body, '$.x'), concat(name, '-', id) FROM t",
        ),
    ),
}


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (family, text)
        for families, texts in LASTING.values()
        for family in families
        for text in texts
        if not (family == "mysql" and "NULLS" in text)
    ],
)
def test_what_depends_on_its_tables_only(family: str, text: str) -> None:
    """The statements of applications: their answers are kept."""
    assert why(text, family) is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "text",
    [
        f"SELECT {word}, id FROM t"
        for word in (
            "CURRENT_TIMESTAMP",
            "CURRENT_DATE",
            "current_time",
            "nobody_knows(id)",
            "random()",
            "rand()",
            "now()",
            "date('now')",
            "lower(random())",
            "coalesce(now(), at)",
            "other.lower(name)",
            "rowid",
            "ctid",
            "'Today'",
            "'x tomorrow x'",
        )
    ],
)
def test_what_may_change_by_itself(family: str, text: str) -> None:
    """Time, chance, unknown functions, and what is no column of a table."""
    try:
        reason = why(text, family)
    except AssertionError:
        return  # it isn't even parsed, so it is the origin's each time
    assert reason is not None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT max(name)::timestamptz FROM t",
        "SELECT name::date FROM t",
        "SELECT (body ->> 'x')::timestamp FROM t",
        "SELECT ('to' || 'day')::date, id FROM t",
        "SELECT concat('to', 'day')::date, id FROM t",
        "SELECT tags::date[] FROM t",
        "SELECT d.x::date FROM (SELECT name AS x FROM t) AS d",
        "SELECT id::mood FROM t",
        "SELECT id::regclass FROM t",
        "SELECT coalesce(at::text, 'n' || 'ow')::timestamp FROM t",
    ],
)
def test_a_text_that_is_read_as_a_moment(text: str) -> None:
    """'now' and 'today' may come from a column, or be put together; a cast may look into the catalogue."""
    assert why(text, "postgresql") is not None


def test_a_mysql_time_is_completed_with_the_present_day() -> None:
    """Wherever a TIME is mentioned, or made."""
    timed = TableSchema(TableName(None, "t"), (Column("span", Kind.INTERVAL, "time"),))
    assert why("SELECT span FROM t", "mysql", timed) is not None
    assert why("SELECT CAST(name AS TIME) FROM t", "mysql") is not None
    assert why("SELECT str_to_date(name, '%H') FROM t", "mysql") is not None


def test_tables_that_others_may_see_otherwise() -> None:
    """A refusal of the table, or one that isn't known, is one of its answers."""
    assert why("SELECT id FROM t", "postgresql", schema(refusal="row-level security")) is not None
    assert why("SELECT id FROM t", "postgresql", None) is not None
    assert why("SELECT id FROM t", "postgresql", schema(), None) is not None


def test_of_an_unknown_dialect_nothing_is_known() -> None:
    """Its functions aren't in any table."""
    assert not deterministic.keeps("other", "lower")
