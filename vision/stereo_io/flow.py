"""Flow fields in the formats of the field's data sets: float32 `[H, W, 2]`, (x, y) in pixels, NaN where unknown."""

from __future__ import annotations

import os

import numpy as np

from vision.errors import UsageError
from vision.images import MAX_PIXELS, ImageError
from vision.stereo_io.files import read_npy, write_npy
from vision.stereo_io.flo import read_flo, write_flo
from vision.stereo_io.hdf5 import read_hdf5
from vision.stereo_io.pfm import read_pfm
from vision.stereo_io.raster import read_rgb16, write_png

_ZERO, _STEPS = 2**15, 64.0  # KITTI: what no motion is stored as, steps per pixel


def read_flow(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a flow field by its suffix.

    `.flo` (Middlebury, Sintel), `.png` (KITTI: three channels of 16 bits, x and y * 64 + 2^15 and whether it is
    known), `.pfm` (FlyingThings3D: x, y and an empty channel), `.npy` (`[H, W, 2]`), `.flo5` (Spring: HDF5 of twice
    the image's size, of which every second pixel is read).

    Returns:
        float32 `[H, W, 2]`, owned and writable; both components are NaN where the flow is unknown.

    Raises:
        ImageError: the file cannot be used; also when not a single pixel is known.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".flo":
        flow = read_flo(path, max_pixels)
    elif suffix == ".png":
        flow = _from_kitti(read_rgb16(path, max_pixels))
    elif suffix == ".pfm":
        flow = _pair(path, read_pfm(path, max_pixels=max_pixels), 3)
    elif suffix == ".npy":
        flow = _pair(path, read_npy(path, max_pixels), 2)
    elif suffix == ".flo5":
        # The images are half as wide and high; the values are in their pixels already.
        flow = _pair(path, read_hdf5(path, "flow", 4 * max_pixels, step=2), 2)
    else:
        raise ImageError(path, "the suffix says no format of flow; expected .flo, .png, .pfm, .npy or .flo5")
    unknown = ~np.isfinite(flow).all(axis=2)
    if unknown.all():
        raise ImageError(path, "holds not a single known pixel; expected a flow field")
    flow[unknown] = np.nan
    return flow


def write_flow(path: str | os.PathLike[str], flow: np.ndarray) -> int:
    """Write a flow field `[H, W, 2]`, not finite where unknown, as `.flo`, `.png` (KITTI) or `.npy`.

    Returns:
        How many known pixels the file does not hold: those that move by 512 pixels or more become unknown in `.png`.

    Raises:
        UsageError: another shape or suffix, or for `.png` no motion below 512 pixels though some are known.
    """
    flow = np.asarray(flow)
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.size == 0:
        raise UsageError(
            f"flow for {os.fspath(path)} is {flow.shape}; expected [H, W, 2], not empty",
            code="bad-array",
            value=(str(flow.dtype), flow.shape),
        )
    lost = 0
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".flo":
        write_flo(path, flow)
    elif suffix == ".npy":
        write_npy(path, np.where(np.isfinite(flow).all(axis=2, keepdims=True), flow, np.nan))
    elif suffix == ".png":
        levels, lost = _to_kitti(path, flow)
        write_png(path, levels, "flow")
    else:
        raise UsageError(
            f"cannot write flow to {os.fspath(path)}; expected .flo, .png or .npy",
            code="out-of-range",
            value=os.fspath(path),
        )
    return lost


def _pair(path: str | os.PathLike[str], values: np.ndarray, channels: int) -> np.ndarray:
    if values.ndim != 3 or values.shape[2] != channels:
        raise ImageError(path, f"holds {values.shape} values; expected [H, W, {channels}] of a flow field")
    return values[..., :2].copy()


def _from_kitti(stored: np.ndarray) -> np.ndarray:
    flow = (stored[..., :2].astype(np.float32) - _ZERO) / np.float32(_STEPS)
    flow[stored[..., 2] == 0] = np.nan
    return flow


def _to_kitti(path: str | os.PathLike[str], flow: np.ndarray) -> tuple[np.ndarray, int]:
    """The stored values, and how many pixels are lost as 16 bits do not hold them."""
    known = np.isfinite(flow).all(axis=2)
    levels = np.rint(np.where(known[..., None], flow, 0) * _STEPS) + _ZERO
    fits = known & ((levels >= 0) & (levels <= 65535)).all(axis=2)
    if known.any() and not fits.any():
        largest = np.abs(flow[known]).max()
        raise UsageError(
            f"flow for {os.fspath(path)} reaches {largest:g} pixels; KITTI's PNG holds less than 512, write .flo",
            code="out-of-range",
            value=float(largest),
        )
    stored = np.where(fits[..., None], levels, 0)
    return np.dstack([stored, fits]).astype(np.uint16), int(np.count_nonzero(known & ~fits))
