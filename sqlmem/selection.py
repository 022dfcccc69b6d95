"""Which tables may be cached, as the settings `tables` and `exclude` say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from sqlmem.model import ROW_SECURITY, TableName, TableSchema


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of names, with or without schema; case isn't regarded.

    Attributes:
        tables: the only ones; empty for all.
        exclude: those left out, whatever `tables` says.
    """

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def admitted(self, schema: TableSchema) -> TableSchema:
        """The definition with a refusal, if the settings leave the table out.

        Row-level security is no refusal for who names the table in full: the program knows then
        that all its sessions see the same rows.
        """
        refusal = self.refusal_of(schema.name)
        if refusal is not None:
            return replace(schema, refusal=refusal)
        if schema.refusal == ROW_SECURITY and self._names(schema.name):
            return replace(schema, refusal=None)
        return schema

    def refusal_of(self, name: TableName) -> str | None:
        """Why the settings leave a table out; None if they don't."""
        if _is_among(name, self.exclude):
            return "the setting exclude names it"
        if self.tables and not _is_among(name, self.tables):
            return "the setting tables doesn't name it"
        return None

    def _names(self, name: TableName) -> bool:
        own = {str(name).casefold(), name.name.casefold()}
        return any(pattern.casefold() in own for pattern in self.tables)


def _is_among(name: TableName, patterns: tuple[str, ...]) -> bool:
    own = (str(name).casefold(), name.name.casefold())
    return any(fnmatchcase(each, pattern.casefold()) for pattern in patterns for each in own)
