"""Forms of queries that some origins have and others report as an error.

The parser reads most of them in any dialect; the store has some that the origin lacks. A form
without its word in the origin's set is the origin's to refuse.
"""

from __future__ import annotations

# word -> the form
FORMS = {
    "filter": "count(*) FILTER (WHERE …)",
    "frame everywhere": "a frame with a function to which it means nothing, as rank()",
    "frame exclusion": "EXCLUDE in a frame",
    "groups frame": "GROUPS BETWEEN …",
    "neighbour default": "lag(a, 1, 0)",
    "rank without order": "rank() OVER ()",
    "nulls order": "NULLS FIRST, NULLS LAST",
    "distinct on": "SELECT DISTINCT ON (a)",
    "fetch": "FETCH FIRST 3 ROWS ONLY",
    "grouping sets": "GROUP BY GROUPING SETS (…), ROLLUP (…), CUBE (…)",
    "with rollup": "GROUP BY a WITH ROLLUP",
    "having alias": "HAVING names an output",
    "order alias": "ORDER BY an expression of an output's name",
    "intersect all": "INTERSECT ALL, EXCEPT ALL",
    "limit all": "LIMIT ALL, LIMIT NULL, LIMIT (3)",
    "outer in derived": "a derived table or a query of WITH that names a column of a query around it",
    "materialized": "WITH a AS MATERIALIZED (…)",
    "values": "VALUES (1), (2) where a query can stand",
    "with ties": "FETCH FIRST 3 ROWS WITH TIES",
}

POSTGRESQL = frozenset(FORMS) - {"having alias", "order alias", "with rollup"}
SQLITE = frozenset(
    {
        "filter",
        "frame everywhere",
        "frame exclusion",
        "groups frame",
        "having alias",
        "order alias",
        "outer in derived",
        "materialized",
        "neighbour default",
        "nulls order",
        "rank without order",
        "values",
    }
)
# MySQL has lag's default and MariaDB hasn't, MariaDB has FETCH FIRST and MySQL hasn't: the same
# dialect to the driver, so neither is taken.
MYSQL = frozenset({"having alias", "intersect all", "order alias", "with rollup"})
