"""What a benchmark measured, kept beside what it prints: `--json FILE` of the scripts, which page.py reads."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from vision.files import write_text

OURS, PEER, BOUND = "ours", "peer", "bound"


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        group: what is measured; its figures stand in one table and one plot.
        case: the row.
        name: the column: us, a peer, or the bound.
        kind: OURS, PEER or BOUND.
        value: in `unit`, the less the better.
        unit: ms unless said otherwise.
    """

    group: str
    case: str
    name: str
    kind: str
    value: float
    unit: str


def digits(value: float) -> str:
    """Three of them, or all before the point."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


@dataclass
class Results:
    """Figures in the order in which they were measured."""

    figures: list[Figure] = field(default_factory=list)

    def add(
        self, group: str, case: str, ours: float, peers: dict[str, float], bound: float | None = None, unit: str = "ms"
    ) -> None:
        """One row.

        Args:
            group: of the row.
            case: its name.
            ours: our figure.
            peers: theirs, by name.
            bound: the useful FLOP at the rate of a large matrix product.
            unit: of all figures of the group.
        """
        row = [("ours", OURS, ours), *((name, PEER, value) for name, value in peers.items())]
        if bound is not None:
            row.append(("bound", BOUND, bound))
        self.figures += [Figure(group, case, name, kind, value, unit) for name, kind, value in row]

    def write(self, path: str | None) -> None:
        """Write them as JSON, if a file was asked for."""
        if path is not None:
            write_text(path, json.dumps([asdict(figure) for figure in self.figures], indent=1) + "\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option of the file."""
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file, too")


def read_figures(text: str) -> list[Figure]:
    """The figures of a file that `Results.write` wrote."""
    records: list[dict[str, Any]] = json.loads(text)
    return [Figure(**record) for record in records]
