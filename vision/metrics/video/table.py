"""Tables of detections in video: Markdown for people, lines for a CSV file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vision.metrics.video.scores import COLUMNS, Scores, VideoScores

_TITLES = {"ap50": "AP50", "ap": "AP", "voc_ap50": "VOC AP50", "voc_ap": "VOC AP"}
HEADER = ("part", "frames", "boxes", *COLUMNS)


def format_video_table(rows: Mapping[str, Scores]) -> str:
    """A table in Markdown, one line per subset, video or method; precision in 0 to 1, a dash where nothing is known."""
    lines = [["", "frames", "boxes", *(_TITLES[name] for name in COLUMNS)]]
    for name, scores in rows.items():
        mean = scores.mean()
        lines.append([name, str(scores.frames), str(scores.boxes), *(_cell(mean[column]) for column in COLUMNS)])
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(HEADER))]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(_line(line, widths) for line in lines)


def table_rows(scores: VideoScores, classes: Sequence[str], most: int | None = None) -> dict[str, Scores]:
    """Rows of a table: the subsets; the classes and the videos, where there are several, but not more than `most`."""
    rows = dict(scores.subsets)
    total = scores.subsets["all"]
    if len(classes) > 1 and (most is None or len(classes) <= most):
        for label, name in enumerate(classes):
            by_class = {column: values[label : label + 1] for column, values in total.by_class.items()}
            if not math.isnan(by_class["ap50"][0]):
                rows[f"class {name}"] = Scores(total.frames, total.boxes_of[label : label + 1], by_class)
    if len(scores.videos) > 1 and (most is None or len(scores.videos) <= most):
        rows |= {f"video {name}": of_video for name, of_video in scores.videos.items()}
    return rows


def video_csv_lines(rows: Mapping[str, Scores]) -> tuple[Sequence[str], list[list[object]]]:
    """Header and lines of a CSV file; nothing where a figure is unknown."""
    lines: list[list[object]] = []
    for name, scores in rows.items():
        values = scores.mean().values()
        lines.append([name, scores.frames, scores.boxes, *("" if math.isnan(value) else value for value in values)])
    return HEADER, lines


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]
    return f"| {' | '.join(padded)} |"
