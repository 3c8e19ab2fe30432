"""Stereo pairs listed in a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

from vision.datasets.stereo.files import StereoFiles
from vision.errors import UsageError
from vision.stereo_io.pair_list import REQUIRED, read_pair_list

OPTIONAL = ("disparity", "disparity_right", "mask", "scene")


def list_csv(
    path: str | os.PathLike[str], disparity_kind: str | None = None, disparity_scale: float | None = None
) -> list[StereoFiles]:
    """Read a list of pairs.

    The first line names the columns: `left`, `right` and, in any order, `disparity`, `disparity_right`, `mask` (255
    where a pixel is seen in both views) and `scene` (by default the name of the left file without suffix). Paths are
    relative to the folder of the CSV file; an optional cell may be empty.

    Args:
        path: of the CSV file, UTF-8.
        disparity_kind, disparity_scale: as in `vision.stereo_io.read_disparity`; by default by the suffix.

    Raises:
        UsageError: the file cannot be read, lacks a column or has an unknown one, or a line lacks a cell or names a
            file that does not exist; the message names the line.
    """
    return [_pair(path, line, cells, disparity_kind, disparity_scale) for line, cells in read_pair_list(path, OPTIONAL)]


def _pair(
    path: str | os.PathLike[str], line: int, row: dict[str, str], kind: str | None, scale: float | None
) -> StereoFiles:
    folder = Path(path).absolute().parent
    files = {}
    for name in (*REQUIRED, *OPTIONAL[:3]):
        value = row.get(name, "")
        files[name] = str(folder / value) if value else ""
        if value and not os.path.isfile(files[name]):
            raise UsageError(
                f"{os.fspath(path)}, line {line}: {name} {files[name]!r} is no file; paths start at {folder}",
                code="bad-list",
                value=files[name],
            )
    return StereoFiles(
        files["left"],
        files["right"],
        row.get("scene") or Path(files["left"]).stem,
        files["disparity"],
        files["disparity_right"],
        files["mask"],
        disparity_kind=kind,
        disparity_scale=scale,
    )
