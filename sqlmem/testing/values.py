"""Values that several families' tables and parameters share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

NULL = ("NULL",)

# Text that has broken caches: case, accents, blanks, LIKE's own characters, four-byte characters.
TEXTS = (
    "'a'", "'A'", "'é'", "'É'", "'e'", "'ß'", "'ss'", "'SS'", "''", "' '", "'a '", "' a'", "'a  '", "'%'",
    "'_'", "'100%'", "'a_b'", "'a%b'", "'it''s'", "'\U0001f600'", "'a\U0001f600b'", "'ab'", "'aB'", "'B'",
    "'b'", "'Z'", "'é a'", "'10'", "'9'", "'1.0'", "'1'", "'0'", "'-1'", "'abc'", "'ABC'", "'İ'", "'ı'",
    "'ǆ'", "'null'", "'NULL'",
)  # fmt: skip
WORDS = (
    "'apple'", "'Apple'", "'banana'", "'cherry'", "'date'", "'elder berry'", "'fig'", "'grape'",
    "'Zoë'", "'zebra'", "'apple pie'", "'éclair'",
)  # fmt: skip

INTEGERS = (0, 1, 2, 3, -1, 5, 7, 10, 42, 100, 2147483647, 9007199254740993, -(2**63), 2**63 - 1, None, True)
FLOATS = (0.0, 1.5, -0.25, 0.1, 3.0, 1e10, None, -0.0)
DECIMALS = (
    *map(Decimal, ("0", "1.5", "1.50", "-3.25", "10.25", "0.005", "12345678901234567890.12345")),
    None,
)
STRINGS = (
    "a", "A", "apple", "Apple", "é", "", "a ", "b%", "100%", "zebra", "it's", "x_y", "fig",
    "\U0001f600", "1", None,
)  # fmt: skip
PATTERNS = ("a%", "%a%", "A%", "_", "%e", "%", "", "é%", "%\\%%", "a_b", "%pp%", "apple", None)
DATES = (date(2024, 2, 29), date(1999, 12, 31), date(2024, 1, 1), date(2023, 3, 26), None)
MOMENTS = (
    datetime(2024, 2, 29, 12, 30),  # noqa: DTZ001 - as columns without a zone give them
    datetime(1999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2024, 3, 31, 2, 30),  # noqa: DTZ001 - a moment that summer time leaves out
    None,
)
BYTES = (b"", b"a", b"\x00\xff", b"abc", None)
# Beside any column; most are for the driver to refuse, and the error must be the same.
RARE_PARAMETERS = (
    True, False, 2**63, -(2**63) - 1, 10**40, float("nan"), float("inf"), -0.0, 1e300, 5e-324,
    Decimal("NaN"), Decimal("Infinity"), Decimal("-0"), Decimal("1E+5"), Decimal("1E-30"), Decimal("1.50"),
    "", "1", "1.0", " 1", "01", "1e0", "true", "2024-01-01", "2024-02-29 12:30:00", "12:30", "a\0b", "\ud800",
    b"", b"1", b"\xff", bytearray(b"a"), date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), time(12, 30),
    timedelta(days=1), UUID(int=0), None,
)  # fmt: skip

# At the bounds of their types.
EDGES = (
    0, 1, 1, 2, -1, 5, 32767, -32768, 2147483647, -2147483648, 2147483648, 2**63 - 1, -(2**63), 2**63,
    3037000500, None,
)  # fmt: skip
EDGE_LITERALS = (
    "0", "1", "1", "2", "-1", "5", "32767", "2147483647", "-2147483648", "2147483648", "9223372036854775807",
    "-9223372036854775808", "3037000500", "NULL",
)  # fmt: skip
HUGE = (1e300, -1e300, 1e-300, 1e308, 0.0, 1.5)
HUGE_LITERALS = ("1e300", "-1e308", "1e-300", "0e0", "1.5e0")

INTEGER_LITERALS = (
    "0", "1", "2", "3", "-1", "5", "7", "10", "42", "100", "2147483647", "2147483648",
    "9223372036854775807", "NULL",
)  # fmt: skip
DECIMAL_LITERALS = ("0.0", "1.5", "1.50", "-3.25", "10.25", "0.005", "100.00", "99999999.99", "NULL")
FLOAT_LITERALS = ("0e0", "1.5e0", "-2.5e-1", "1e10", "1e-7")
DATE_LITERALS = ("2024-02-29", "1999-12-31", "2024-01-01", "2023-06-15", "2023-07-01")
MOMENT_LITERALS = (
    "2024-02-29 12:30:00", "1999-12-31 23:59:59.999999", "2024-01-01 00:00:00", "2023-06-15 08:15:30.5",
)  # fmt: skip
