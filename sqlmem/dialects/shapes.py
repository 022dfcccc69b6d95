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
}

POSTGRESQL = frozenset(FORMS)
SQLITE = frozenset(FORMS)
# MySQL has lag's default; MariaDB hasn't.
MYSQL: frozenset[str] = frozenset()
