"""Tables of a detector's results: a row a generator and the unweighted mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vision.metrics.forgery.binary import binary_report

MEAN = "mean"
COUNTS = ("real", "fake")
COLUMNS = ("acc", "bal_acc", "real_acc", "fake_acc", "ap", "auc", "tpr@5fpr", "ece", "best_threshold")
Row = dict[str, float]


def generator_rows(
    labels: ArrayLike, probabilities: ArrayLike, sources: Sequence[str], scores: ArrayLike | None = None
) -> dict[str, Row]:
    """Metrics of each generator, by `binary_report`.

    A generator is a source with generated images. They are judged against the real images of the same source if it has
    any, as in CNNDetection trees, and otherwise against all real images of the set. A source of real images alone gets
    a row with its accuracy; it does not enter the mean.

    Args:
        labels: 0 real, 1 generated, `[N]`.
        probabilities: of being generated, `[N]`.
        sources: generator or photo source of each image, `[N]`.
        scores: what to rank by instead of the probabilities, `[N]`.

    Returns:
        Generators by name, then photo sources by name.
    """
    labels, names = np.asarray(labels), np.asarray(sources, dtype=str)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    scores = probabilities if scores is None else np.asarray(scores, dtype=np.float64)
    if names.shape != labels.shape:
        raise ValueError(f"{len(names)} sources for {len(labels)} labels; expected one per image")
    generators = sorted(set(names[labels == 1].tolist()))
    photos = sorted(set(names.tolist()) - set(generators))
    rows = {}
    for name in generators + photos:
        chosen = names == name
        if name in generators and not (labels[chosen] == 0).any():
            chosen = chosen | (labels == 0)
        rows[name] = binary_report(labels[chosen], probabilities[chosen], scores[chosen])
    return rows


def mean_row(rows: dict[str, Row]) -> Row:
    """Unweighted mean over the generators of every column; what is undefined for a generator is left out of it."""
    generators = [row for row in rows.values() if row["fake"]]
    return {name: _mean([row[name] for row in generators]) for name in COLUMNS}


def format_table(rows: dict[str, Row]) -> str:
    """Plain text for people: percentages, one line per row and the mean below."""
    lines = [["generator", *COUNTS, *COLUMNS]]
    for name, row in [*rows.items(), (MEAN, mean_row(rows))]:
        # The mean has no counts: real images can stand in several rows.
        lines.append([name, *(str(row.get(key, "")) for key in COUNTS), *(_cell(key, row[key]) for key in COLUMNS)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    rule = "-" * len(text[0])
    return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])


def csv_lines(rows: dict[str, Row]) -> tuple[list[str], list[list[object]]]:
    """Header and lines of the table for `write_csv`: fractions of 1, the mean last."""
    columns = [*COUNTS, *COLUMNS]
    listed = [*rows.items(), (MEAN, mean_row(rows))]
    return ["source", *columns], [[name, *(row.get(key, "") for key in columns)] for name, row in listed]


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if name == "best_threshold" else f"{100 * value:.1f}"
