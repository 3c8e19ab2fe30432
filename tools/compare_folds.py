"""Compare candidates of an AI-image detector by what they said of generators and cameras that they never saw.

    python tools/compare_folds.py NAME=CSV,CSV,... [NAME=CSV,... ...]

Each CSV is the held_out.csv of one fold of tools/train_crops.py. Generators are judged against the photographs of their
own fold. Prints, for each condition, the area under the curve by generator and candidate, and the share of each photo
source that lies above the threshold of 5 % false alarms of all folds.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from vision.cli.process import program
from vision.metrics.forgery.binary import roc_auc
from vision.metrics.forgery.held_out import HeldOut, read_held_out


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", nargs="+", metavar="NAME=CSV,...")
    args = parser.parse_args(argv)
    said = {}
    for candidate in args.candidates:
        name, separator, files = candidate.partition("=")
        if not separator:
            parser.error(f"{candidate!r} has no name; expected NAME=CSV,CSV,...")
        said[name] = [read_held_out(file) for file in files.split(",")]
    for condition in next(iter(said.values()))[0]:
        print(f"\n{condition}\n{table({name: [fold[condition] for fold in folds] for name, folds in said.items()})}")
    return 0


def table(folds: dict[str, list[HeldOut]]) -> str:
    """Markdown: generators' areas under the curve, photo sources' false alarms, means; in percent."""
    columns = {name: _column(parts) for name, parts in folds.items()}
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    head = f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
    cells = [
        " | ".join(f"{100 * column[row]:.1f}" if row in column else "-" for column in columns.values()) for row in rows
    ]
    return "\n".join([head, *(f"| {row} | {cell} |" for row, cell in zip(rows, cells, strict=True))])


def _column(folds: list[HeldOut]) -> dict[str, float]:
    areas, found, alarms = {}, {}, {}
    threshold = float(np.quantile(np.concatenate([_real(fold) for fold in folds]), 0.95))
    for fold in folds:
        real = _real(fold)
        names = np.array(fold.sources)
        for source, label in dict.fromkeys(zip(fold.sources, fold.labels.tolist(), strict=True)):
            logits = fold.logits[(names == source) & (fold.labels == label)]
            if label == 0:
                alarms[f"false alarms: {source}"] = float(np.mean(logits > threshold))
                continue
            labels, scores = np.repeat([0, 1], [len(real), len(logits)]), np.concatenate([real, logits])
            areas[f"AUC: {source}"] = roc_auc(labels, scores)
            found[source] = float(np.mean(logits > threshold))
    means = {
        "mean AUC": float(np.mean([*areas.values()])),
        "mean found at 5 % false alarms": float(np.mean([*found.values()])),
    }
    return areas | means | alarms | {"most false alarms of a source": max(alarms.values())}


def _real(fold: HeldOut) -> np.ndarray:
    return fold.logits[fold.labels == 0]


if __name__ == "__main__":
    sys.exit(main())
