"""Lines that tests add to the end of the run's report: `answered locally: 93.2 %`."""

from __future__ import annotations

import pytest

_LINES: pytest.StashKey[list[str]] = pytest.StashKey()


def summary_line(config: pytest.Config, text: str) -> None:
    """Print this line at the end of the run; the same line only once.

    Args:
        config: a fixture gets it as `request.config` or `pytestconfig`.
    """
    lines = config.stash.setdefault(_LINES, [])
    if text not in lines:
        lines.append(text)


def summary_lines(config: pytest.Config) -> list[str]:
    return config.stash.get(_LINES, [])
