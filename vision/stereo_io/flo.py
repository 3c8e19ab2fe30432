"""Middlebury's `.flo` files of optical flow (vision.middlebury.edu/flow): tag, width, height, float32 pairs by rows."""

from __future__ import annotations

import os
import struct

import numpy as np

from vision.errors import UsageError
from vision.files import write_bytes
from vision.images import MAX_PIXELS, ImageError, open_regular
from vision.stereo_io.files import check_size

_TAG = struct.pack("<f", 202021.25)  # reads "PIEH"
_HEADER = struct.Struct("<4sii")
_UNKNOWN_ABOVE, _UNKNOWN = 1e9, 1e10


def read_flo(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a flow field.

    Returns:
        float32 `[H, W, 2]`, (x, y) in pixels; NaN where a component is not finite or beyond 1e9, which is how the
        format says that the flow is unknown.

    Raises:
        ImageError: another tag, a size that is not positive or too large, missing or surplus bytes.
    """
    with open_regular(path) as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or head[:4] != _TAG:
            raise ImageError(
                path, f"begins with {head[:8]!r}; expected a .flo file, which begins with 'PIEH' and a size"
            )
        _, width, height = _HEADER.unpack(head)
        check_size(path, height, width, max_pixels)
        expected, size = 8 * width * height, os.fstat(file.fileno()).st_size - _HEADER.size
        if size != expected:
            state = "truncated" if size < expected else "longer than its header says"
            raise ImageError(path, f"{state}: {size:,} bytes of data, {width} x {height} x 2 need {expected:,}")
        flow = np.frombuffer(file.read(expected), "<f4").reshape(height, width, 2).astype(np.float32)
    # Written so that NaN counts as unknown.
    flow[~(np.abs(flow) <= _UNKNOWN_ABOVE).all(axis=2)] = np.nan
    return flow


def write_flo(path: str | os.PathLike[str], flow: np.ndarray) -> None:
    """Write a flow field `[H, W, 2]` whole or not at all; where it is not finite, the file says unknown.

    Raises:
        UsageError: another shape, or empty.
    """
    flow = np.asarray(flow)
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.size == 0:
        raise UsageError(
            f"flow for {os.fspath(path)} is {flow.shape}; expected [H, W, 2], not empty",
            code="bad-array",
            value=(str(flow.dtype), flow.shape),
        )
    known = np.isfinite(flow).all(axis=2, keepdims=True)
    data = np.ascontiguousarray(np.where(known, flow, _UNKNOWN), dtype="<f4")
    write_bytes(path, _HEADER.pack(_TAG, flow.shape[1], flow.shape[0]), data.data)
