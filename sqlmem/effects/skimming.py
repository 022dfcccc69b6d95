"""A long list of values made short, in one pass of one pattern.

Rule: what is left out is a parenthesis with nothing in it but constants and placeholders; it leaves `('')`.
Whatever could be a statement, a call, a name or a comment stays. Where literals or comments end is found as
the lexer finds it; where one pattern can't (comments within comments), the text is left as it is.

A thousand rows of constants cost what one pass over the text costs: a millisecond for a megabyte of long
texts, 20 ms for one of small numbers. All else is the lexer's: half a second for a megabyte of CASE or of
calls.
"""

from __future__ import annotations

import functools
import re

from sqlmem.lexer import Syntax

# Shorter texts are scanned as they are.
LONG = 2_000

_SPACE = r"[ \t\r\n\f\v]*+"
_PLAIN = r"'(?:[^']++|'')*+'"
_BACKSLASHED = r"'(?:[^'\\]++|''|\\.)*+'"
_NUMBER = r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?![A-Za-z0-9_$.])"
_CONSTANT = r"(?:NULL|DEFAULT|TRUE|FALSE)(?![A-Za-z0-9_$\x80-\U0010ffff])"
_CAST = (
    r"(?:::[A-Za-z_][A-Za-z0-9_]*+(?:[ ][A-Za-z_][A-Za-z0-9_]*+)*+"
    r"(?:\([0-9]++(?:,[ ]?[0-9]++)?\))?(?:\[\])*+)*+"
)
_WORD = r"(?:[A-Za-z_]|[^\x00-\x7f\s])(?:[A-Za-z0-9_$]|[^\x00-\x7f\s])*+"


def skimmed(text: str, syntax: Syntax) -> str:
    """The text without its long lists of values; as it was where the rest might not stay as it is."""
    if len(text) <= LONG:
        return text
    out: list[str] = []
    for found in _pattern(syntax).finditer(text):
        match found.lastgroup:
            case "values":
                out.append("('')")
            case "unsure":
                return text
            case _:
                out.append(found.group())
    return "".join(out)


@functools.lru_cache(maxsize=64)
def _pattern(syntax: Syntax) -> re.Pattern[str]:
    string = _BACKSLASHED if syntax.backslash_escapes else _PLAIN
    family = syntax.family
    strings = [string]
    rest = [string]
    match family:
        case "postgresql":
            strings = [r"[eE]" + _BACKSLASHED, r"(?:[uU]&|[bBxXnN])?" + string]
            rest = [r"[eE]" + _BACKSLASHED, r"[uU]&" + string, string]
        case "mysql":
            strings = [rf"(?:_[A-Za-z0-9]++{_SPACE}|[bBxXnN])?" + string]
        case _:
            strings = [r"[bBxXnN]?" + string]
    if family == "mysql" and not syntax.ansi_quotes:
        double = string.replace("'", '"')
        strings.append(double)
        rest.append(double)
    else:
        rest.append(r'"(?:[^"]++|"")*+"')
    if family != "postgresql":
        rest.append(r"`(?:[^`]++|``)*+`")
    if family == "sqlite":
        rest.append(r"\[[^\]]*+\]")
    item = "|".join([_CONSTANT, *strings, _NUMBER, *_placeholders(syntax)])
    item = rf"(?:{item}){_CAST if family == 'postgresql' else ''}"
    values = rf"\({_SPACE}{item}{_SPACE}(?:,{_SPACE}{item}{_SPACE})*+\)"
    line = {
        "postgresql": r"--[^\n\r]*+",
        "mysql": r"--(?=[\x00-\x20\x7f]|\Z)[^\n]*+|\#[^\n]*+",
    }.get(family, r"--[^\n]*+")
    block = r"/\*(?:(?!/\*|\*/).)*+\*/" if family in ("postgresql", "other") else r"/\*.*?\*/"
    plain = r"[^'\"`$\-/#(\[A-Za-z_%\x80-\U0010ffff]"
    groups = [
        ("values", rf"{values}(?:{_SPACE},{_SPACE}{values})*+"),
        ("rest", rf"(?:{'|'.join([line, block, *rest, _WORD, plain])})++"),
        # A quote or a comment that has no end for one pattern, or a dollar quote.
        (
            "unsure",
            (r"\[|" if family == "sqlite" else "")
            + r"/\*|['\"`]|\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$",
        ),
        ("other", "."),
    ]
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in groups), re.DOTALL | re.IGNORECASE)


def _placeholders(syntax: Syntax) -> list[str]:
    found: list[str] = []
    if syntax.percent_is_escaped:
        found.append(r"%\([^()]*+\)s|%s")
    if syntax.paramstyle == "qmark" or syntax.family == "sqlite":
        found.append(r"\?[0-9]*+")
    if syntax.paramstyle in ("named", "numeric") or syntax.family == "sqlite":
        found.append(rf":(?:{_WORD}|[0-9]++)")
    if syntax.paramstyle == "numeric_dollar" or syntax.family == "postgresql":
        found.append(r"\$[0-9]++")
    return found
