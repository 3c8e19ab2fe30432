"""Portable Float Map, the format of Middlebury, ETH3D and SceneFlow disparities (www.pauldebevec.com/Research/HDR/PFM).

A text header, `Pf` (one channel) or `PF` (three), width and height, and a scale whose sign says the byte order; then
float32 rows, the lowest row first.
"""

from __future__ import annotations

import math
import os
import re

import numpy as np

from vision.errors import UsageError
from vision.files import write_bytes
from vision.images import MAX_PIXELS, ImageError, open_regular
from vision.stereo_io.files import check_size

_CHANNELS = {b"Pf": 1, b"PF": 3}
_HEADER_LIMIT = 4096
# White space and comments may stand before every field but the first.
_FIELD = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")


def read_pfm(path: str | os.PathLike[str], bottom_up: bool = True, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a file of either byte order; lines that begin with `#` in the header are skipped.

    Values come as they are stored, NaN and infinity too. The size of the scale is ignored, as all data sets do.

    Args:
        path: of the file.
        bottom_up: the lowest row comes first, as the format says; False for the files of writers that got it wrong,
            which look like any other.
        max_pixels: refuse a larger map by its header.

    Returns:
        float32 `[H, W]` or `[H, W, 3]`, the highest row first, owned and writable.

    Raises:
        ImageError: the header is broken, the size is not positive or too large, or the file is shorter or longer
            than its header says.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        channels, width, height, order, start = _parse_header(path, file.read(_HEADER_LIMIT))
        check_size(path, height, width, max_pixels)
        expected = 4 * channels * width * height
        file.seek(start)
        # Text tools on Windows end the header with two characters.
        if size - start == expected + 1 and file.read(1) == b"\n":
            start += 1
        if size - start != expected:
            state = "truncated" if size - start < expected else "longer than its header says"
            raise ImageError(
                path, f"{state}: {size - start:,} bytes of data, {width} x {height} x {channels} need {expected:,}"
            )
        file.seek(start)
        values = np.frombuffer(file.read(expected), dtype=f"{order}f4")
    rows = values.reshape((height, width) if channels == 1 else (height, width, channels))
    return (rows[::-1] if bottom_up else rows).astype(np.float32)


def write_pfm(path: str | os.PathLike[str], array: np.ndarray, little_endian: bool = True) -> None:
    """Write a file whole or not at all.

    Args:
        path: of the file; one that exists is replaced.
        array: `[H, W]` or `[H, W, 3]`, the highest row first; NaN and infinity are stored as they are (data sets mean
            an unknown disparity by infinity, see `write_disparity`).
        little_endian: byte order.

    Raises:
        UsageError: the array has another shape or is empty.
    """
    array = np.asarray(array)
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise UsageError(
            f"array for {os.fspath(path)} is {array.shape}; expected [H, W] or [H, W, 3], not empty",
            code="bad-array",
            value=(str(array.dtype), array.shape),
        )
    kind, scale = "Pf" if array.ndim == 2 else "PF", "-1.0" if little_endian else "1.0"
    header = f"{kind}\n{array.shape[1]} {array.shape[0]}\n{scale}\n".encode()
    data = np.ascontiguousarray(array[::-1], dtype="<f4" if little_endian else ">f4")
    write_bytes(path, header, data.data)


def _parse_header(path: str | os.PathLike[str], head: bytes) -> tuple[int, int, int, str, int]:
    """Channels, width, height, byte order `<` or `>`, and where the data starts."""
    if head[:2] not in _CHANNELS or not head[2:3].isspace():
        raise ImageError(path, f"begins with {head[:8]!r}; expected a PFM file, which begins with 'Pf' or 'PF'")
    fields, position = [], 2
    for name in ("width", "height", "scale"):
        match = _FIELD.match(head, position)
        # A field that ends where what was read ends is cut off.
        if match is None or match.end() == len(head):
            raise ImageError(path, f"the header ends before its {name}; expected width, height and scale")
        fields.append(match[1])
        position = match.end()
    try:
        width, height, scale = int(fields[0]), int(fields[1]), float(fields[2])
    except ValueError:
        raise ImageError(
            path, f"width, height and scale are {b' '.join(fields)[:60]!r}; expected two whole numbers and a number"
        ) from None
    if not (scale and math.isfinite(scale)):
        raise ImageError(path, f"scale is {scale}; expected a number that is not 0, its sign says the byte order")
    return _CHANNELS[head[:2]], width, height, "<" if scale < 0 else ">", position + 1
