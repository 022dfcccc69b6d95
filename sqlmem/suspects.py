"""What writes by being read: a view over a function that may write, an operator, and whatever reads one.

Rule 1: a name is looked for in a text as a whole word, whatever its case and its quotes.
Rule 2: where the text or the name doesn't show where the word begins and ends, whatever holds it has it: a
text with a backslash, whose escapes end in letters; a name with more than letters, digits and underscores; a
name of a length that an origin may have cut a longer word to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlmem.effects.bodies import Body

# Not from a digit on: MariaDB runs what stands behind the version of /*!50000name*/.
_WORD = re.compile(r"[^\W\d]\w*")
# In bytes. PostgreSQL cuts words to 63 (NAMEDATALEN), unless it was built for more, or for less.
_MAY_BE_CUT = 31
# Doubled in a name that stands in a text.
_DOUBLED = str.maketrans("", "", '"`%')
_BLANKS = ' \t\n\r\f\v"'


class Suspects:
    """Names that may write by being read. Immutable; any thread may ask.

    Args:
        names: of relations and operators; an empty one stands in every text.
        attributes: of functions, which may be called behind a dot.
    """

    def __init__(self, names: Iterable[str] = (), attributes: Iterable[str] = ()) -> None:
        self.names = frozenset(name.lower() for name in names)
        self._words = frozenset(filter(_is_word, self.names))
        attributes = frozenset(name.lower() for name in attributes)
        self._attributes = frozenset(filter(_is_word, attributes))
        self._parts = frozenset(map(_bare, (self.names | attributes) - self._words - self._attributes))
        self._all = self._parts | self._words | self._attributes

    def __bool__(self) -> bool:
        return bool(self._all)

    def any_in(self, text: str) -> bool:
        """Whether a text has one of them."""
        if not self._all:
            return False
        lowered = text.lower()
        bare = _bare(lowered)
        if "\\" in text:
            return any(part in bare for part in self._all)
        return (
            any(part in bare for part in self._parts)
            or not self._words.isdisjoint(_WORD.findall(lowered))
            or bool(self._attributes and self._has_attribute(lowered))
        )

    def _has_attribute(self, text: str) -> bool:
        for found in _WORD.finditer(text):
            if found.group() in self._attributes:
                before = text[: found.start()].rstrip(_BLANKS)
                # Between the dot and the name there may be a comment.
                if before.endswith((".", "*/")) or "--" in before[before.rfind("\n") + 1 :]:
                    return True
        return False


def _is_word(name: str) -> bool:
    return bool(_WORD.fullmatch(name)) and len(name.encode()) < _MAY_BE_CUT


def _bare(text: str) -> str:
    return text.translate(_DOUBLED)


class Reader(NamedTuple):
    """A view, a table with a policy, an operator.

    Attributes:
        calls: the functions that reading it calls, in lower case.
        reads: the relations that it reads, in lower case.
        text: its definition, where those aren't known for all that it reads.
    """

    name: str
    calls: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    text: str = ""


class Routine(NamedTuple):
    """A function.

    Attributes:
        name: in lower case.
        text: of its body; empty if whatever that reads can't write.
        is_attribute: it may be called as a row's attribute, behind a dot: PostgreSQL's ``t.f``.
    """

    name: str
    body: Body
    text: str = ""
    is_attribute: bool = False


def closed(
    readers: Sequence[Reader], routines: Sequence[Routine], direct: Iterable[str] = ()
) -> tuple[frozenset[str], Suspects]:
    """The functions that may write, and what may by being read, through each other.

    Args:
        direct: names of which that is known.
    """
    writing = {each.name for each in routines if each.body.writes is None or each.body.writes}
    suspects = Suspects(direct)
    while True:
        found = {
            each.name
            for each in readers
            if not writing.isdisjoint(each.calls)
            or not suspects.names.isdisjoint(each.reads)
            or (each.text and suspects.any_in(each.text))
        } | suspects.names
        calling = {
            each.name
            for each in routines
            if not writing.isdisjoint(each.body.calls) or (each.text and suspects.any_in(each.text))
        } | writing
        if len(found) == len(suspects.names) and calling == writing:
            return frozenset(writing), suspects
        attributes = {each.name for each in routines if each.is_attribute and each.name in calling}
        writing, suspects = calling, Suspects(found, attributes)
