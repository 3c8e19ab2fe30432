"""Stereo pairs listed in a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from vision.datasets.stereo.files import StereoFiles
from vision.errors import UsageError

REQUIRED = ("left", "right")
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
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(path, reader.fieldnames)
            pairs = [_pair(path, line, row, disparity_kind, disparity_scale) for line, row in _rows(path, reader)]
    except OSError as error:
        raise UsageError(f"{os.fspath(path)}: cannot be read ({error.strerror}); expected a CSV file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{os.fspath(path)}: not a CSV file in UTF-8 ({error})") from None
    if not pairs:
        raise UsageError(f"{os.fspath(path)}: lists no pair; expected lines below the header")
    return pairs


def _rows(path: str | os.PathLike[str], reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for row in reader:
        line = reader.line_num
        if None in row:
            raise UsageError(f"{os.fspath(path)}, line {line}: more cells than the header has; quote commas in names")
        yield line, {name: (value or "").strip() for name, value in row.items()}


def _check_columns(path: str | os.PathLike[str], names: object) -> None:
    columns = [str(name) for name in names] if isinstance(names, (list, tuple)) else []
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(columns)) < len(columns):
        raise UsageError(
            f"{os.fspath(path)}, line 1: the columns are {', '.join(columns)[:200] or 'missing'}; "
            f"expected {', '.join(REQUIRED)} and, if wanted, {', '.join(OPTIONAL)}, each once"
        )


def _pair(
    path: str | os.PathLike[str], line: int, row: dict[str, str], kind: str | None, scale: float | None
) -> StereoFiles:
    folder = Path(path).absolute().parent
    files = {}
    for name in (*REQUIRED, *OPTIONAL[:3]):
        value = row.get(name, "")
        files[name] = str(folder / value) if value else ""
        if not value and name in REQUIRED:
            raise UsageError(f"{os.fspath(path)}, line {line}: no {name} image; expected a file name")
        if value and not os.path.isfile(files[name]):
            raise UsageError(
                f"{os.fspath(path)}, line {line}: {name} {files[name]!r} is no file; paths start at {folder}"
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
