"""Tables of stereo results: one line per scene and matcher, the means over scenes below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vision.metrics.stereo.errors import COLUMNS, REGIONS, SceneErrors, mean_errors

MEAN = "mean"
_TITLES = {"all": "all pixels with ground truth", "noc": "non-occluded pixels"}


@dataclass(frozen=True)
class StereoRow:
    """What one matcher did on one scene; `seconds` is its time, NaN if it was not measured."""

    scene: str
    method: str
    errors: SceneErrors
    seconds: float = math.nan


def mean_rows(rows: Sequence[StereoRow]) -> list[StereoRow]:
    """The unweighted mean over scenes of every matcher, in the order in which the matchers came."""
    means = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        seconds = [row.seconds for row in own if not math.isnan(row.seconds)]
        mean = sum(seconds) / len(seconds) if seconds else math.nan
        means.append(StereoRow(MEAN, method, mean_errors(row.errors for row in own), mean))
    return means


def fair_mean(rows: Sequence[StereoRow]) -> dict[str, tuple[float, float]]:
    """One pair of numbers a matcher: mean EPE and bad-2 over scenes, non-occluded where the scene says what that is.

    A scene without a mask of occlusions enters with all its pixels, so that every scene counts.
    """
    means = {}
    for method in dict.fromkeys(row.method for row in rows):
        best = [row.errors["noc" if row.errors["noc"]["pixels"] else "all"] for row in rows if row.method == method]
        mean = mean_errors({"all": errors, "noc": errors} for errors in best)["all"]
        means[method] = (mean["epe"], mean["bad_2"])
    return means


def format_stereo_table(rows: Sequence[StereoRow]) -> str:
    """Plain text for people: EPE in pixels, the rest in percent; the means below a rule.

    The columns of non-occluded pixels, of matchers and of seconds are left out where no row has them.
    """
    regions = [name for name in REGIONS if name == "all" or any(row.errors[name]["pixels"] for row in rows)]
    with_method = any(row.method for row in rows)
    with_seconds = any(not math.isnan(row.seconds) for row in rows)
    head = ["scene", *(["method"] if with_method else [])]
    lines = [[*head, *(name.replace("_", "") for _ in regions for name in COLUMNS), *["seconds"] * with_seconds]]
    for row in [*rows, *mean_rows(rows)]:
        cells = [row.scene, *([row.method] if with_method else [])]
        cells += [_cell(row.errors[region][name], name) for region in regions for name in COLUMNS]
        lines.append(cells + [_cell(row.seconds, "epe")] * with_seconds)
    return _aligned(lines, len(head), regions, len(rows))


def stereo_csv_lines(rows: Sequence[StereoRow]) -> tuple[list[str], list[list[object]]]:
    """Header and lines for `vision.files.write_csv`, the means last; empty cells where nothing was judged."""
    columns = [f"{region}_{name}" for region in REGIONS for name in ("pixels", *COLUMNS)]
    lines: list[list[object]] = []
    for row in [*rows, *mean_rows(rows)]:
        values = [row.errors[region][name] for region in REGIONS for name in ("pixels", *COLUMNS)]
        lines.append([row.scene, row.method, *("" if math.isnan(v) else v for v in (*values, row.seconds))])
    return ["scene", "method", *columns, "seconds"], lines


def _aligned(lines: list[list[str]], names: int, regions: list[str], scenes: int) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    justify = [str.ljust] * names + [str.rjust] * (len(widths) - names)
    text = ["  ".join(f(c, w) for f, c, w in zip(justify, line, widths, strict=True)).rstrip() for line in lines]
    title = " " * (sum(widths[:names]) + 2 * names)
    for number, region in enumerate(regions):
        first = names + number * len(COLUMNS)
        title += _TITLES[region].ljust(sum(widths[first : first + len(COLUMNS)]) + 2 * len(COLUMNS))
    rule = "-" * max(map(len, text))
    return "\n".join([title.rstrip(), text[0], rule, *text[1 : 1 + scenes], rule, *text[1 + scenes :]])


def _cell(value: float, name: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if name == "epe" else f"{value:.1f}"
