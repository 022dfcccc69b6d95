"""In what the cursors of drivers differ that a program can tell, for hits to be given likewise.

PEP 249 leaves open what `execute` returns, and of which type of sequence the rows are.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Manners(NamedTuple):
    """Of one driver's usual cursors.

    Attributes:
        executes_to: what `execute` returns: the cursor, how many rows there are, or None.
        gives_tuples: `fetchall` and `fetchmany` return tuples of rows, not lists.
        may_paste: a parameter can become a part of the statement, as psycopg2's `AsIs`.
    """

    executes_to: Literal["cursor", "count", "nothing"] = "cursor"
    gives_tuples: bool = False
    may_paste: bool = False


USUAL_MANNERS = Manners()
# By SQLAlchemy's name for the driver. A test compares them with the drivers.
_BY_DRIVER = {
    "psycopg2": Manners("nothing", may_paste=True),
    "pymysql": Manners("count", gives_tuples=True),
    "mysqldb": Manners("count", gives_tuples=True),
}


def manners_of(driver: str) -> Manners:
    return _BY_DRIVER.get(driver, USUAL_MANNERS)
