"""Draw the curves of one or more training runs: what tools/train.py logs in WORK_DIR/<time>/vis_data/scalars.json."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vision.cli.arguments import number
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.errors import UsageError
from vision.files import replacing_path

Curve = tuple[list[float], list[float]]


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and draw; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", metavar="WORK_DIR", type=Path, help="as given to tools/train.py")
    parser.add_argument("output", metavar="IMAGE", type=Path, help=".png or .svg")
    parser.add_argument("--keys", metavar="NAME", nargs="+", default=["loss", "accuracy/top1"], help="(%(default)s)")
    parser.add_argument("--level", metavar="NAME=VALUE", action="append", default=[], help="a dashed line, repeatable")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        require_free(str(args.output), "IMAGE", map(str, args.work_dir.glob("*/vis_data/*")), args.overwrite)
    except UsageError as error:
        parser.error(str(error))
    try:
        levels = {name: number(value) for name, _, value in (text.partition("=") for text in args.level)}
    except argparse.ArgumentTypeError:
        parser.error(f"--level expects NAME=NUMBER, got {args.level}")
    curves = read_curves(args.work_dir, args.keys)
    missing = [key for key in args.keys if not curves[key][0]]
    if missing:
        parser.error(f"no values of {', '.join(missing)} in {args.work_dir}/*/vis_data/scalars.json")
    draw(curves, levels, args.output)
    return 0


def read_curves(work_dir: Path, keys: Sequence[str]) -> dict[str, Curve]:
    """Key -> epochs (steps where a run has none) and values, of all runs in the folder, the latest winning."""
    found: dict[str, dict[float, float]] = {key: {} for key in keys}
    for log in sorted(work_dir.glob("*/vis_data/scalars.json")):
        lines = _lines_of(log)
        logged = Counter(line.get("epoch") for line in lines)
        seen: Counter[Any] = Counter()
        for line in lines:
            # Training logs several lines per epoch, validation one, with the epoch as its step.
            epoch = line.get("epoch")
            seen[epoch] += 1
            when = line["step"] if epoch is None else epoch - 1 + seen[epoch] / logged[epoch]
            for key in keys:
                if key in line:
                    found[key][when] = line[key]
    return {key: (sorted(values), [values[x] for x in sorted(values)]) for key, values in found.items()}


def _lines_of(log: Path) -> list[dict[str, Any]]:
    """What a run has logged; a line that a run that was ended left unfinished is none.

    Raises:
        UsageError: a line is not that of a log.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    found = []
    for place, line in enumerate(lines, 1):
        try:
            values = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            if place == len(lines) and not line.endswith("\n"):
                break
            values = line
        if values is None:
            continue
        if (
            not isinstance(values, dict)
            or not all(isinstance(values.get(name, 0), (int, float)) for name in ("epoch", "step"))
            or not {"epoch", "step"} & set(values)
        ):
            raise UsageError(f"{log}, line {place}: is no line of a log; expected JSON with a step or an epoch")
        found.append(values)
    return found


def draw(curves: dict[str, Curve], levels: dict[str, float], output: Path) -> None:
    """One panel per key; levels go into the last."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(curves), figsize=(5 * len(curves), 3.4), squeeze=False)
    for panel, (key, (x, y)) in zip(panels[0], curves.items(), strict=True):
        panel.plot(x, y, linewidth=1.5)
        panel.set(xlabel="epoch", title=key)
        panel.grid(alpha=0.3)
    for name, level in levels.items():
        panels[0][-1].axhline(level, linestyle="--", linewidth=1, color="gray")
        panels[0][-1].annotate(
            name, (0, level), xycoords=("axes fraction", "data"), xytext=(4, 3), textcoords="offset points", fontsize=8
        )
    figure.tight_layout()
    with replacing_path(output, output.suffix) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
