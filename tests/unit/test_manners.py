"""Whether a connection's cursors give tuples is told by its row factory, or by the class of its cursors."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import Any

import psycopg
import psycopg.rows
import psycopg2.extensions
import psycopg2.extras
import pymysql.cursors
import pytest

from sqlmem.manners import gives_plain_rows


class Counting(psycopg2.extensions.cursor):
    """Changes how statements are executed, not what they give."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        super().execute(query, vars)


class Upper(pymysql.cursors.Cursor):
    """Changes what is given."""

    def fetchone(self) -> Any:
        return super().fetchone()


@pytest.mark.parametrize(
    "driver",
    [
        SimpleNamespace(row_factory=None),
        SimpleNamespace(row_factory=psycopg.rows.tuple_row, cursor_factory=psycopg.Cursor),
        SimpleNamespace(cursor_factory=None),
        SimpleNamespace(cursor_factory=psycopg2.extensions.cursor),
        SimpleNamespace(cursor_factory=psycopg2.extras.LoggingCursor),
        SimpleNamespace(cursor_factory=Counting),
        SimpleNamespace(cursorclass=pymysql.cursors.Cursor),
        SimpleNamespace(cursorclass=pymysql.cursors.SSCursor),
        SimpleNamespace(),
    ],
)
def test_plain(driver: Any) -> None:
    assert gives_plain_rows(driver)


@pytest.mark.parametrize(
    "driver",
    [
        SimpleNamespace(row_factory=sqlite3.Row),
        SimpleNamespace(row_factory=psycopg.rows.dict_row, cursor_factory=psycopg.Cursor),
        SimpleNamespace(cursor_factory=psycopg2.extras.DictCursor),
        SimpleNamespace(cursor_factory=psycopg2.extras.RealDictCursor),
        SimpleNamespace(cursor_factory=psycopg2.extras.NamedTupleCursor),
        SimpleNamespace(cursor_factory=lambda *_: None),
        SimpleNamespace(cursorclass=pymysql.cursors.DictCursor),
        SimpleNamespace(cursorclass=pymysql.cursors.SSDictCursor),
        SimpleNamespace(cursorclass=Upper),
    ],
)
def test_others(driver: Any) -> None:
    assert not gives_plain_rows(driver)


def test_mysqlclients() -> None:
    cursors = pytest.importorskip("MySQLdb.cursors", reason="mysqlclient isn't installed")
    assert gives_plain_rows(SimpleNamespace(cursorclass=cursors.Cursor))
    assert gives_plain_rows(SimpleNamespace(cursorclass=cursors.SSCursor))
    assert not gives_plain_rows(SimpleNamespace(cursorclass=cursors.DictCursor))
    assert not gives_plain_rows(SimpleNamespace(cursorclass=cursors.SSDictCursor))
