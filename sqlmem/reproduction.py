"""A program that shows a difference again, for whoever looks into it.

It has the tables' definitions, the statement and the types of its parameters. It has no row and
no parameter's value: these are the reader's to fill in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmem.model import Collation, Column, TableSchema

Quote = Callable[[str], str]

_SCRIPT = '''\
"""Compares the store's answer with the origin's. Give it the URL of a database with these tables:

{tables}
"""

import sys{imports}
from {module} import {create}
from sqlmem import CachingEngine

STATEMENT = {statement}
PARAMETERS = {parameters}


def ask(engine):
    with engine.connect() as connection:
        result = connection.exec_driver_sql(STATEMENT, PARAMETERS{options})
        return [column[:2] for column in result.cursor.description], [tuple(row) for row in result]


def main():
    base = {create}(sys.argv[1]){sync}  # {drivername}://...
    origin = ask(base)
    with CachingEngine(base, cache_db="", verify=0) as engine:
        ask(engine)
        store = ask(engine)
    print("the origin:", *origin, sep="\\n")
    print("the store:", *store, sep="\\n")
    print("the same" if repr(store) == repr(origin) else "DIFFERENT, but perhaps only in their order")


{run}
'''


def script(
    tables: Sequence[tuple[TableSchema, Sequence[str]]],
    statement: str,
    parameters: Any,
    *,
    has_parameters: bool,
    drivername: str,
    is_async: bool,
    quote: Quote,
) -> str:
    """The program's text.

    Args:
        tables: each with the columns that the statement needs.
        statement: as it reached the driver.
        parameters: as they reached the driver; only their types are looked at.
        drivername: of the origin's URL.
    """
    definitions = "\n".join(_definition(schema, columns, quote) for schema, columns in tables)
    return _SCRIPT.format(
        # It stands in a docstring.
        tables=definitions.replace("\\", "\\\\").replace('"""', '\\"""'),
        imports="\nimport asyncio\nfrom sqlalchemy.util import greenlet_spawn" if is_async else "",
        module="sqlalchemy.ext.asyncio" if is_async else "sqlalchemy",
        create="create_engine" if not is_async else "create_async_engine",
        statement=repr(statement),
        parameters=_placeholders(parameters),
        options="" if has_parameters else ', execution_options={"no_parameters": True}',
        sync=".sync_engine" if is_async else "",
        drivername=drivername,
        run="asyncio.run(greenlet_spawn(main))" if is_async else "main()",
    )


def _definition(schema: TableSchema, columns: Sequence[str], quote: Quote) -> str:
    parts = [part for part in (schema.name.schema, schema.name.name) if part is not None]
    lines = [_column(schema.by_name[name], quote) for name in columns]
    lines += [
        (f"PRIMARY KEY ({', '.join(map(quote, index.columns))})", "")
        for index in schema.indexes
        if index.is_primary_key and set(index.columns) <= set(columns)
    ]
    # A comma before the comment, and none after the last.
    ends = [","] * (len(lines) - 1) + [""]
    body = "\n".join(f"    {text}{end}{note}" for (text, note), end in zip(lines, ends, strict=True))
    kind = "VIEW, here as a TABLE" if schema.is_view else "TABLE"
    return f"CREATE {kind} {'.'.join(map(quote, parts))} (\n{body}\n);"


def _column(column: Column, quote: Quote) -> tuple[str, str]:
    is_collated = column.collation not in (Collation.BINARY, Collation.FOLDED, Collation.UNKNOWN)
    note = f"  -- collation: {column.collation.value}" if is_collated else ""
    return f"{quote(column.name)} {column.type_name}".rstrip(), note


def _placeholders(parameters: Any) -> str:
    """The parameters with an ellipsis for each, and its type beside it."""
    if not parameters:
        return "{}" if isinstance(parameters, Mapping) else "()"
    if isinstance(parameters, Mapping):
        lines = [f"    {name!r}: ...,  # {_type(value)}" for name, value in parameters.items()]
        return "\n".join(["{", *lines, "}"])
    return "\n".join(["(", *(f"    ...,  # {_type(value)}" for value in parameters), ")"])


def _type(value: Any) -> str:
    if isinstance(value, list | tuple):
        kinds = ", ".join(sorted({type(each).__name__ for each in value}))
        return f"{type(value).__name__} of {len(value)}: {kinds}"
    return type(value).__name__
