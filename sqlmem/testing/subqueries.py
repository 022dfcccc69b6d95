"""Subqueries by chance, half of them in terms of the statement around them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Bind, Many, Maybe, Node, Part


class Subqueries:
    """They become sorts of expressions, such as `int_query` and `exists_query`, which templates name."""

    def __init__(
        self, rng: random.Random, make: Expressions, tables: Sequence[Table], *, with_stars: bool = False
    ) -> None:
        self.rng = rng
        self._with_stars = with_stars
        self._make = make
        self._tables = tables
        self._aliases = 0
        make.specials |= {
            "exists_query": self._exists,
            "list": self._list,
            "same": self._same,
            **{f"{sort}_query": partial(self._query, sort) for sort in ("int", "num", "text")},
            **{f"{sort}_scalar": partial(self._scalar, sort) for sort in ("int", "num", "text")},
        }

    def start(self) -> None:
        """A new statement: aliases count from the beginning."""
        self._aliases = 0

    def strict(self, sort: str, scope: Scope) -> Part:
        """A column of exactly this sort, so that no loose one is deduplicated."""
        names = scope.columns.get(sort)
        return Node(sort, (self.rng.choice(names),)) if names else self._make.make("key", 0, scope)

    def _other(self) -> tuple[str, Scope]:
        self._aliases += 1
        alias = f"q{self._aliases}"
        table = self.rng.choice(self._tables)
        return f" FROM {table.name} AS {alias}", scope_of(table, alias, is_qualified=True)

    def _correlated(self, depth: int, inner: Scope, outer: Scope) -> Part:
        """A condition on the inner table, half the time in terms of the outer one."""
        rng = self.rng
        if outer.columns and rng.random() < 0.5:
            sort = rng.choice(("int", "int", "text", "num"))
            own = self._make.column(sort, inner)
            theirs = self._make.column(sort, _qualified(outer))
            if own is not None and theirs is not None:
                comparison = rng.choice((" = ", " = ", " < ", " >= "))
                first: tuple[Part, ...] = (" WHERE ", own, comparison, theirs)
                if rng.random() < 0.3:
                    return Maybe((*first, Maybe((" AND ", self._make.make("bool", 0, inner)))))
                return Maybe(first)
        if rng.random() < 0.5:
            return Maybe((" WHERE ", self._make.make("bool", min(depth, 0), inner)))
        return Maybe(())

    def _query(self, sort: str, depth: int, scope: Scope) -> Part:
        source, inner = self._other()
        item = self._make.column(sort, inner) or inner.id
        return Node("subquery", ("(SELECT ", item, source, self._correlated(depth - 1, inner, scope), ")"))

    def _exists(self, depth: int, scope: Scope) -> Part:
        source, inner = self._other()
        item = "*" if self._with_stars and self.rng.random() < 0.5 else "1"
        return Node("subquery", (f"(SELECT {item}", source, self._correlated(depth - 1, inner, scope), ")"))

    def _scalar(self, sort: str, depth: int, scope: Scope) -> Part:
        rng = self.rng
        source, inner = self._other()
        column = self.strict(sort, inner)
        where = self._correlated(depth - 1, inner, scope)
        key = self._make.column("int", _qualified(scope)) if scope.columns else None
        if key is not None and rng.random() < 0.2:
            # The key's row, of which there is one at most.
            return Node(sort, ("(SELECT ", column, source, " WHERE ", inner.id, " = ", key, ")"))
        if rng.random() < 0.25:
            order = rng.choice(("", " DESC"))
            tail = f" ORDER BY {inner.id}{order} LIMIT 1)"
            return Node(sort, ("(SELECT ", column, source, where, tail))
        calls = {"int": ("max", "min", "count", "sum"), "num": ("max", "min", "sum"), "text": ("max", "min")}
        return Node(sort, (f"(SELECT {rng.choice(calls[sort])}(", column, ")", source, where, ")"))

    def _same(self, depth: int, scope: Scope) -> Part:
        """A column compared with what the same column has in other rows of its table."""
        rng = self.rng
        sort = rng.choice(("text", "loose_text", "text", "int", "enum"))
        column = self._make.column(sort, scope)
        name = column.parts[0] if isinstance(column, Node) else None
        plain = name.rpartition(".")[2] if isinstance(name, str) else ""
        if column is None or plain not in {each.name for each in scope.table.columns}:
            return self._make.make("plain_bool", 0, scope)
        self._aliases += 1
        alias = f"q{self._aliases}"
        inner = scope_of(scope.table, alias, is_qualified=True)
        where = self._correlated(depth - 1, inner, scope)
        source = f"{alias}.{plain} FROM {scope.table.name} AS {alias}"
        if rng.random() < 0.4:
            return Node("bool", (column, rng.choice((" IN ", " NOT IN ")), f"(SELECT {source}", where, ")"))
        comparison = rng.choice((" = ", " <> ", " < ", " >= "))
        if rng.random() < 0.5:
            call = rng.choice(("max", "min"))
            source = f"{call}({alias}.{plain}) FROM {scope.table.name} AS {alias}"
            return Node("bool", (column, comparison, f"(SELECT {source}", where, ")"))
        key = f" WHERE {alias}.id = {rng.randint(1, 9)})"
        return Node("bool", (column, comparison, f"(SELECT {source}", key))

    def _list(self, _depth: int, scope: Scope) -> Part:
        """An expanding list of parameters, or the same spelled out."""
        rng = self.rng
        sort = rng.choice(("int", "text", "num"))
        column = self._make.column(sort, scope) or self._make.constant(sort)
        constants = [self._make.constant(sort) for _ in range(rng.randint(1, 4))]
        word = rng.choice(("IN", "IN", "NOT IN"))
        values = tuple(each.value for each in constants if isinstance(each, Bind))
        if len(values) == len(constants):
            return Node("bool", (column, f" {word} ", Bind(sort, values)))
        return Node("bool", (column, f" {word} (", Many(tuple(constants)), ")"))


def _qualified(scope: Scope) -> Scope:
    """The same columns with their qualifier in front, for use inside a subquery."""
    columns = {
        sort: tuple(name if "." in name else f"{scope.qualifier}.{name}" for name in names)
        for sort, names in scope.columns.items()
    }
    return Scope(scope.table, scope.qualifier, columns)
