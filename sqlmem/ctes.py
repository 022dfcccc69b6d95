"""WITH: its queries, in the order in which they see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.outputs import definition_of
from sqlmem.plan import Refuse
from sqlmem.recursion import recursive_query
from sqlmem.scopes import Relation, Scope
from sqlmem.set_operations import Queries
from sqlmem.sources import read_since, relation_of, seen_by


def with_clause(queries: Queries, node: exp.Query, scope: Scope) -> tuple[str, Scope]:
    """The text of WITH, and the scope in which its names are known."""
    clause = node.args.get("with_")
    if clause is None:
        return "", scope
    only(clause, "expressions", "recursive")
    # A scope of its own without columns: CTEs are seen by what follows, and by nothing outside.
    inner = Scope(scope, ctes=dict(scope.ctes))
    names = [queries.context.fold_table(cte.args["alias"].this) for cte in clause.expressions]
    if len(set(names)) != len(names):
        raise Refuse("two queries of one name in one WITH")
    texts: list[str] = []
    for index in _in_order(queries, clause.expressions):
        cte = clause.expressions[index]
        only(cte, "this", "alias", "materialized")
        if (
            cte.args.get("materialized") is not None
            and "materialized" not in queries.context.semantics.shapes
        ):
            raise Refuse("MATERIALIZED is an error at the origin")
        only(cte.args["alias"], "this", "columns")
        uses, made = queries.context.uses, queries.context.made
        render = recursive_query if _reads_itself(queries, cte) else _plain_query
        added, relation = render(queries, cte, names[index], seen_by(queries, inner))
        texts.extend(added)
        inner.ctes[names[index]] = replace(
            relation, uses=queries.context.uses - uses, made=queries.context.made - made
        )
        queries.context.uses, queries.context.made = uses, made
    return f"WITH {', '.join(texts)} ", inner


def _in_order(queries: Queries, ctes: Sequence[exp.CTE]) -> list[int]:
    """The queries' numbers, each behind those that it reads: some origins let one read a later one."""
    reads = [
        {
            number
            for number, other in enumerate(ctes)
            if other is not cte
            and any(definition_of(table, queries.context) is other for table in cte.this.find_all(exp.Table))
        }
        for cte in ctes
    ]
    found: list[int] = []
    while len(found) < len(ctes):
        ready = [number for number, read in enumerate(reads) if number not in found and read.issubset(found)]
        if not ready:
            raise Refuse("queries of WITH that read each other")
        found.append(ready[0])
    return found


def _plain_query(queries: Queries, cte: exp.CTE, _name: str, around: Scope) -> tuple[list[str], Relation]:
    reads = len(queries.context.reads)
    sql, values = queries.query(cte.this, around)
    relation = relation_of(queries, cte.this, sql, values, cte.args["alias"], read_since(queries, reads))
    stored = queries.context.alias("k")
    return [f"{stored} AS ({sql})"], replace(relation, sql=stored)


def _reads_itself(queries: Queries, cte: exp.CTE) -> bool:
    return any(definition_of(table, queries.context) is cte for table in cte.this.find_all(exp.Table))
