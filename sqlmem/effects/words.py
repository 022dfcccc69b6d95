"""One statement of a text, as words that can be walked over, and the names in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmem.effects.base import Spelling
from sqlmem.lexer import Family, Scan, TokenKind


@dataclass(frozen=True, slots=True)
class Part:
    """A statement of a text.

    Attributes:
        words, kinds: as `Scan.words`, and what each is.
        spelled: unquoted words as the text has them.
    """

    words: tuple[str, ...]
    kinds: tuple[TokenKind, ...]
    spelled: tuple[str, ...]
    family: Family

    def at(self, index: int) -> str:
        """The word there; empty behind the end."""
        return self.words[index] if 0 <= index < len(self.words) else ""

    def after(self, index: int, *options: str) -> int:
        """The place behind any of these words that stand there."""
        while index < len(self.words) and self.words[index] in options:
            index += 1
        return index

    def is_name(self, index: int) -> bool:
        if not 0 <= index < len(self.words):
            return False
        kind = self.kinds[index]
        # SQLite takes a string for a name where only a name can stand.
        return kind in (TokenKind.WORD, TokenKind.NAME) or (
            kind is TokenKind.STRING and self.family == "sqlite"
        )

    def name(self, index: int) -> str:
        """An identifier as the origin folds it."""
        word, kind = self.words[index], self.kinds[index]
        if kind is TokenKind.NAME:
            word = word[1:]
            return lowered(word) if self.family == "sqlite" else word
        spelled = self.spelled[index]
        if kind is TokenKind.STRING:
            return lowered(spelled[1:-1].replace("''", "'"))
        return spelled if self.family == "mysql" else lowered(spelled)

    def spelling(self, index: int) -> tuple[Spelling | None, int]:
        """The table that is named there, and the place behind its name; None if that is no name."""
        names: list[str] = []
        while self.is_name(index):
            names.append(self.name(index))
            index += 1
            if self.at(index) != "." or self.at(index + 1) == "*":
                break
            index += 1
        else:
            return None, index
        match names:
            case [name]:
                return (None, name), index
            case [schema, name] | [_, schema, name]:
                return (schema, name), index
            case _:
                return None, index

    def closing(self, index: int) -> int:
        """The place of the parenthesis that closes the one at `index`; the end if none does."""
        depth = 0
        for place in range(index, len(self.words)):
            depth += {"(": 1, ")": -1}.get(self.words[place], 0)
            if depth == 0:
                return place
        return len(self.words)

    def top(self, index: int) -> Iterator[int]:
        """The places from `index` on that stand in the same parentheses."""
        depth = 0
        for place in range(index, len(self.words)):
            word = self.words[place]
            if word == ")":
                depth -= 1
                if depth < 0:
                    return
            if depth == 0:
                yield place
            if word == "(":
                depth += 1

    def find(self, index: int, *wanted: str) -> int | None:
        """The first place from `index` on, in the same parentheses, with one of these words."""
        return next((place for place in self.top(index) if self.words[place] in wanted), None)

    def has(self, *sequence: str) -> bool:
        """Whether these words follow each other somewhere."""
        length = len(sequence)
        return any(
            self.words[index : index + length] == sequence for index in range(len(self.words) - length + 1)
        )

    def behind(self, index: int) -> Part:
        """The rest from `index` on."""
        return self._slice(index, len(self.words))

    def within(self, index: int) -> Part:
        """What stands in the parentheses that open at `index`."""
        return self._slice(index + 1, self.closing(index))

    def _slice(self, start: int, end: int) -> Part:
        return Part(self.words[start:end], self.kinds[start:end], self.spelled[start:end], self.family)


_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def lowered(name: str) -> str:
    """In lower case as the origins do it: only ASCII's letters."""
    return name.translate(_ASCII_LOWER)


def parts(scan: Scan) -> list[Part]:
    """The statements of a text that aren't empty.

    The body of a trigger or a procedure stays with its head: BEGIN … END, with all that they enclose.
    """
    if ";" not in scan.vocabulary:
        return [part_of(scan, 0, len(scan.words))] if scan.words else []
    found: list[Part] = []
    start = depth = 0
    has_body = False
    for index, word in enumerate((*scan.words, ";")):
        if index == start:
            has_body = word == "CREATE"
            if word == "BEGIN":
                following = scan.words[index + 1 : index + 2]
                has_body = following == ("NOT",)  # MariaDB's anonymous block
        if has_body and scan.words[index - 1 : index] != (".",):
            depth += _nesting(scan.words, index, word)
        if word == ";" and (depth <= 0 or index == len(scan.words)):
            if index > start:
                found.append(part_of(scan, start, index))
            start, depth = index + 1, 0
    return found


def _nesting(words: tuple[str, ...], index: int, word: str) -> int:
    if word == "BEGIN":
        return 1
    if word == "CASE":
        return 0 if words[index - 1] == "END" else 1
    if word == "END":
        # END IF ends what didn't count; END CASE, as END, what did.
        return (
            0
            if words[index + 1 : index + 2] in (("IF",), ("LOOP",), ("WHILE",), ("REPEAT",), ("FOR",))
            else -1
        )
    return 0


def part_of(scan: Scan, start: int, end: int) -> Part:
    tokens = scan.tokens[start:end]
    return Part(
        scan.words[start:end],
        tuple(token.kind for token in tokens),
        tuple(scan.text[token.start : token.end] for token in tokens),
        scan.syntax.family,
    )
