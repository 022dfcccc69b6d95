"""Charts as SVG: the same figures give the same bytes, whoever draws them and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Result, Row

_MET, _MISSED, _NEUTRAL, _AIM = "#3a7d5c", "#c2553d", "#5b7a9d", "#222222"
_SERIES = ("#9db8d2", "#5b7a9d", "#2b4a6f", "#b08a4a", "#7a9d6b")
_WIDTH = 7.2
# Bars over a wider range than this are drawn on a logarithmic scale.
_WIDE = 30


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "sqlmem",
            "svg.fonttype": "none",  # text stays text: small, and searchable
            "font.family": "sans-serif",
            "font.size": 9,
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    import matplotlib.pyplot as plt

    return plt


def _save(plt: Any, figure: Any, path: Path) -> None:
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # Trailing blanks in the file would be the only ones of the project.
    text = "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    path.write_text(text + "\n", encoding="utf-8")


def _scale(axis: Any, values: list[float]) -> None:
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) > _WIDE:
        axis.set_xscale("log")
        axis.set_xlim(min(positive) / 1.6, max(positive) * 2.2)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_formatter(lambda _value, _: "")
    else:
        axis.set_xlim(0, max(positive, default=1) * 1.14)


def bars(xlabel: str) -> Callable[[Result, Path], None]:
    """A bar for each row, with a tick where its aim is; green where it is met, red where not."""

    def draw(result: Result, path: Path) -> None:
        plt = _pyplot()
        rows = [row for row in result.rows if row.label is not None and row.value is not None]
        if not rows:
            return
        figure, axis = plt.subplots(figsize=(_WIDTH, 0.7 + 0.27 * len(rows)))
        values = [row.value for row in rows if row.value is not None]
        _scale(axis, values + [row.aim.bound for row in rows if row.aim is not None])
        for place, row in enumerate(reversed(rows)):
            _bar(axis, place, 0.62, row, _colour(row), result)
        axis.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
        axis.tick_params(axis="y", length=0)
        axis.set_xlabel(f"{xlabel}; black line: the aim" if any(row.aim for row in rows) else xlabel)
        axis.set_title(result.title, loc="left", fontsize=10.5)
        _save(plt, figure, path)

    return draw


def _colour(row: Row) -> str:
    return {"yes": _MET, "": _NEUTRAL}.get(row.verdict, _MISSED)


def _bar(axis: Any, place: float, height: float, row: Row, colour: str, result: Result) -> None:
    if row.value is None:
        return
    _from_one(axis, place, row.value, height, colour)
    # Not across the aim's line.
    right = max(row.value, 1.0) if axis.get_xscale() == "log" else row.value
    if row.aim is not None and row.value < row.aim.bound < row.value * 1.25:
        right = row.aim.bound
    axis.annotate(
        result.number(row.value), (right, place), xytext=(3, 0), textcoords="offset points",
        va="center", fontsize=7.5,
    )  # fmt: skip
    if row.aim is not None:
        axis.vlines(row.aim.bound, place - height / 2 - 0.06, place + height / 2 + 0.06, color=_AIM, lw=1.6)


def _from_one(axis: Any, place: float, value: float, height: float, colour: str, **more: Any) -> None:
    """A bar; on a logarithmic scale, which has no zero, from where both are alike."""
    start = 1.0 if axis.get_xscale() == "log" else 0.0
    axis.barh(place, value - start, left=start, height=height, color=colour, **more)


def grouped(xlabel: str) -> Callable[[Result, Path], None]:
    """Panels side by side; in each a group of bars per label, a bar per series."""

    def draw(result: Result, path: Path) -> None:
        plt = _pyplot()
        rows = [row for row in result.rows if row.label is not None and row.value is not None]
        panels = list(dict.fromkeys(row.panel for row in rows))
        series = list(dict.fromkeys(row.series for row in rows))
        labels = list(dict.fromkeys(row.label for row in rows))
        height = 0.8 / len(series)
        figure, axes = plt.subplots(
            1, len(panels), figsize=(_WIDTH + 1.5, 0.9 + 0.42 * len(labels)), sharey=True, squeeze=False
        )
        for axis, name in zip(axes[0], panels, strict=True):
            shown = [row for row in rows if row.panel == name]
            values = [row.value for row in rows if row.value is not None]
            _scale(axis, values + [row.aim.bound for row in shown if row.aim is not None])
            for row in shown:
                nth = series.index(row.series)
                place = len(labels) - 1 - labels.index(row.label) + 0.4 - (nth + 0.5) * height
                colour = _SERIES[nth % len(_SERIES)]
                _from_one(axis, place, row.value, height * 0.92, colour, label=row.series)
                if row.aim is not None:
                    axis.vlines(row.aim.bound, place - height / 2, place + height / 2, color=_AIM, lw=1.6)
            axis.axvline(1, color="#999999", lw=0.7, zorder=0)
            axis.set_title(name, fontsize=9)
            axis.tick_params(axis="y", length=0)
        axes[0][0].set_yticks(range(len(labels)), list(reversed(labels)))
        handles = {}
        for axis in axes[0]:
            handles.update(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
        figure.legend(
            [handles[name] for name in series], series, loc="lower right", ncols=len(series),
            fontsize=8, frameon=False, bbox_to_anchor=(0.9, 0.905), bbox_transform=figure.transFigure,
        )  # fmt: skip
        figure.suptitle(result.title, x=0.01, ha="left", fontsize=10.5, y=0.99)
        figure.supxlabel(f"{xlabel}; black line: the aim", fontsize=9, y=0.0)
        figure.subplots_adjust(top=0.86, wspace=0.08, bottom=0.09)
        _save(plt, figure, path)

    return draw


def lines(xlabel: str, ylabel: str) -> Callable[[Result, Path], None]:
    """A line per series; a row's label is its place on the horizontal axis."""

    def draw(result: Result, path: Path) -> None:
        plt = _pyplot()
        rows = [row for row in result.rows if row.label is not None and row.value is not None]
        figure, axis = plt.subplots(figsize=(_WIDTH, 3.0))
        ticks = list(dict.fromkeys(row.label for row in rows))
        for nth, name in enumerate(dict.fromkeys(row.series for row in rows)):
            shown = [row for row in rows if row.series == name]
            axis.plot(
                [ticks.index(row.label) for row in shown], [row.value for row in shown],
                marker="o", color=(_MET, _NEUTRAL, "#999999", "#b08a4a")[nth % 4], label=name, lw=1.6,
            )  # fmt: skip
        for bound in {row.aim.bound for row in rows if row.aim is not None}:
            axis.axhline(bound, color=_AIM, lw=1.2)
        axis.set_xticks(range(len(ticks)), ticks)
        top = max((row.value for row in rows if row.value is not None), default=1)
        axis.set_ylim(0, max(1.1, math.ceil(top * 11) / 10))
        axis.set_xlabel(xlabel)
        axis.set_ylabel(ylabel)
        axis.legend(frameon=False, fontsize=8)
        axis.set_title(result.title, loc="left", fontsize=10.5)
        _save(plt, figure, path)

    return draw
