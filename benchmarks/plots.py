"""Plots of a benchmark's figures, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.results import BOUND, Figure, digits

# Of the color-blind safe palette of Okabe and Ito; ours is the darkest.
OURS_COLOR, BOUND_COLOR = "#0072b2", "#1f2933"
PEER_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#b5a7e0")
WIDTH = 8.0  # inches
_LOG_FROM = 10  # times the smallest figure: nearer ones are bars from zero
_STYLE: Any = {"svg.hashsalt": "vision", "font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none"}


def draw(group: str, figures: Sequence[Figure]) -> str:
    """A group as SVG: a bar for us and for each peer, case by case, and a mark where the bound is."""
    cases = list(dict.fromkeys(figure.case for figure in figures))
    names = list(dict.fromkeys(figure.name for figure in figures if figure.kind != BOUND))
    names.sort(key=lambda name: name != "ours")
    colors = dict(zip(names, (OURS_COLOR, *PEER_COLORS * len(names)), strict=False))
    thickness = 0.8 / len(names)
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(WIDTH, 1.1 + len(cases) * (0.16 + 0.15 * len(names))), layout="constrained")
        axes = canvas.subplots()
        for column, name in enumerate(names):
            row = {figure.case: figure.value for figure in figures if figure.name == name}
            at = [cases.index(case) + thickness * (column + 0.5) - 0.4 for case in row]
            bars = axes.barh(at, list(row.values()), thickness, color=colors[name], label=name)
            axes.bar_label(bars, fmt=digits, padding=3, fontsize=7)
        bounds = {figure.case: figure.value for figure in figures if figure.kind == BOUND}
        if bounds:
            at = [cases.index(case) for case in bounds]
            axes.vlines(
                list(bounds.values()), [y - 0.42 for y in at], [y + 0.42 for y in at], BOUND_COLOR, label="bound"
            )
        if max(figure.value for figure in figures) > _LOG_FROM * min(figure.value for figure in figures):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.12)
        axes.set_yticks(range(len(cases)), cases)
        axes.invert_yaxis()
        axes.set_xlabel(figures[0].unit)
        axes.set_title(group, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        canvas.legend(loc="outside lower center", ncols=4, frameon=False)
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
