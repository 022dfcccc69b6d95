"""From a statement's parameters to the store's arguments: at once, and as text for `hot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlmem.codecs.unchanged import unchanged_by
from sqlmem.plan import Argument

# As a driver would get them.
Parameters = Mapping[str, Any] | Sequence[Any]

# More arguments than that aren't written out: a list of thousands would be compiled for each length.
_MOST_WRITTEN = 24


def arguments_of(arguments: Sequence[Argument], positions: int, parameters: Parameters) -> list[Any]:
    """The store's arguments for a statement's parameters.

    Args:
        positions: how many positional parameters the statement has; 0 if they are named.

    Raises:
        Unrepresentable: one of them has no plain meaning beside what it is compared with.
        LookupError, TypeError: they aren't those that the statement has.
    """
    if not isinstance(parameters, Mapping) and len(parameters) != positions:
        raise LookupError("another number of parameters than the statement has")
    taken = []
    for argument in arguments:
        if argument.key is None:
            taken.append(argument.constant)
            continue
        value = parameters[argument.key]  # type: ignore[index]
        if argument.convert is not None and (value is not None or argument.refuses_null):
            value = argument.convert(value)
        taken.append(value)
    return taken


class Shape(NamedTuple):
    """All that the text of the same in Python depends on.

    Attributes:
        kinds: of each argument, whether it is a constant, is converted, refuses NULL, and whether its
            conversion leaves integers as they are. None: there are too many of them.
        positions: as of `arguments_of`; None if a name that isn't found tells as much.
    """

    kinds: tuple[tuple[bool, bool, bool, bool], ...] | None
    positions: int | None


def shape_of(arguments: Sequence[Argument], positions: int) -> tuple[Shape, list[Any]]:
    """The shape, and what the names in `text_of` its text are to be bound to."""
    if len(arguments) > _MOST_WRITTEN:
        return Shape(None, None), [lambda parameters: arguments_of(arguments, positions, parameters)]
    kinds, bindings = [], []
    for argument in arguments:
        unchanged = None if argument.convert is None else unchanged_by(argument.convert)
        is_constant = argument.key is None
        kinds.append(
            (is_constant, argument.convert is not None, argument.refuses_null, unchanged is not None)
        )
        key = argument.constant if is_constant else argument.key
        bindings.append((key, argument.convert, *(unchanged or (None, None))))
    is_named = any(type(argument.key) is str for argument in arguments)
    return Shape(tuple(kinds), None if is_named else positions), bindings


def text_of(shape: Shape) -> tuple[str, list[str], str]:
    """The same as `arguments_of` in Python's words.

    Returns:
        What takes the bindings apart; the lines that look at `parameters`; and the arguments as a tuple.
    """
    if shape.kinds is None:
        return "(all_of,)", [], "all_of(parameters)"
    lines, taken = [], []
    if shape.positions is not None:
        lines.append(f"if not isinstance(parameters, Mapping) and len(parameters) != {shape.positions}:")
        lines.append("    raise LookupError('another number of parameters than the statement has')")
    for number, (is_constant, is_converted, refuses_null, leaves_integers) in enumerate(shape.kinds):
        value = f"v{number}"
        if is_constant:
            taken.append(f"k{number}")
            continue
        lines.append(f"{value} = parameters[k{number}]")
        plain = [] if refuses_null or not is_converted else [f"{value} is None"]
        if leaves_integers:
            plain.append(f"type({value}) is int and l{number} <= {value} <= h{number}")
        if is_converted:
            converted = f"c{number}({value})"
            value = f"({value} if {' or '.join(plain)} else {converted})" if plain else converted
        taken.append(value)
    names = "".join(f"(k{number}, c{number}, l{number}, h{number}), " for number in range(len(shape.kinds)))
    return f"({names})", lines, f"({''.join(f'{value}, ' for value in taken)})"
