"""Progress of a long fill: the caller's function, or a bar where a person can see one."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(
    title: str, expected: int | None, on_progress: Callable[[int, int | None], None] | None
) -> Iterator[Callable[[int], None] | None]:
    """What to tell the rows so far; None if nobody listens.

    Args:
        expected: about how many rows there will be; None if that isn't known.
        on_progress: wins over the bar.
    """
    if on_progress is not None:
        yield lambda rows: on_progress(rows, expected)
        return
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:  # the extra `progress` isn't installed
        yield None
        return
    with tqdm(total=expected, desc=title, unit=" rows", leave=False) as bar:

        def show(rows: int) -> None:
            bar.update(rows - bar.n)

        yield show
