"""Disparity maps in the formats of the field's data sets: float32 `[H, W]`, positive, NaN where unknown."""

from __future__ import annotations

import os

import numpy as np

from vision.errors import UsageError
from vision.images import MAX_PIXELS, ImageError
from vision.stereo_io.files import read_npy, write_npy
from vision.stereo_io.hdf5 import read_hdf5
from vision.stereo_io.pfm import read_pfm, write_pfm
from vision.stereo_io.raster import read_gray, read_rgb8, write_png

KITTI_SCALE, CRESTEREO_SCALE = 256.0, 32.0
# Middlebury kind -> height in pixels -> gray levels per pixel of disparity: the sets come in three sizes each.
_MIDDLEBURY = {"middlebury2003": {375: 4, 750: 2, 1500: 1}, "middlebury2005": {370: 3, 555: 2, 1110: 1}}
DISPARITY_KINDS = ("pfm", "pfm-top-down", "npy", "kitti", "crestereo", *_MIDDLEBURY, "gray", "spring", "sintel")
_SUFFIXES = {".pfm": "pfm", ".npy": "npy", ".dsp5": "spring", ".png": "gray", ".pgm": "gray", ".bmp": "gray"}


def read_disparity(
    path: str | os.PathLike[str],
    kind: str | None = None,
    scale: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Read a disparity map.

    | kind | file | unknown |
    | --- | --- | --- |
    | `pfm` | Middlebury 2014 and later, ETH3D, SceneFlow | infinite or NaN |
    | `pfm-top-down` | PFM of writers that store the highest row first, against the format | infinite or NaN |
    | `npy` | numpy array `[H, W]` | infinite or NaN |
    | `kitti` | 16-bit PNG, disparity * 256 | 0 |
    | `crestereo` | 16-bit PNG, disparity * 32 | none: 0 is infinitely far |
    | `middlebury2003` | 8-bit PNG or PGM, scale 4, 2 or 1 by the height (375, 750, 1500) | 0 |
    | `middlebury2005` | the same for 2005 and 2006: scale 3, 2 or 1 (370, 555, 1110) | 0 |
    | `gray` | PNG or PGM: 16 bits as `kitti`, 8 bits need `scale` | 0 |
    | `sintel` | MPI Sintel's 8-bit RGB PNG, disparity = 4 R + G / 64 + B / 16384 | none |
    | `spring` | HDF5 of twice the image's size; every second pixel is read | infinite or NaN |

    Args:
        path: of the file.
        kind: of the table; by default what the suffix says: `.pfm`, `.npy`, `.disp.png` (crestereo), `.png`, `.pgm`
            (gray) or `.dsp5` (spring).
        scale: what the stored numbers are divided by, instead of what the kind says.
        max_pixels: refuse a larger map.

    Returns:
        float32 `[H, W]` in pixels, owned and writable. A map without any positive value is negated: some writers store
        the left view's displacement, which is negative.

    Raises:
        ImageError: the file cannot be used; also when not a single pixel is known.
        UsageError: an unknown kind, or a scale that is not positive.
    """
    kind = _kind_of(path) if kind is None else kind
    if kind not in DISPARITY_KINDS:
        raise UsageError(
            f"disparity kind is {kind!r}; expected one of {', '.join(DISPARITY_KINDS)}", code="out-of-range", value=kind
        )
    if scale is not None and not 0 < scale < float("inf"):
        raise UsageError(f"disparity scale is {scale}; expected a positive number", code="out-of-range", value=scale)
    disparity = _stored(path, kind, scale, max_pixels)
    disparity[~np.isfinite(disparity)] = np.nan
    known = disparity[~np.isnan(disparity)]
    if not known.size:
        raise ImageError(path, "holds not a single known disparity; expected a disparity map")
    return -disparity if known.max() <= 0 and known.min() < 0 else disparity


def write_disparity(path: str | os.PathLike[str], disparity: np.ndarray, kind: str | None = None) -> int:
    """Write a disparity map whole or not at all.

    Args:
        path: of the file; one that exists is replaced.
        disparity: `[H, W]` in pixels, not finite where unknown.
        kind: `pfm` (unknown is infinite), `npy` (unknown is NaN) or `kitti` (16-bit PNG in steps of 1/256 pixel,
            unknown is 0; negative values and those of 256 pixels or more become unknown, what rounds to 0 becomes
            1/256); by default by the suffix.

    Returns:
        How many known disparities the file does not hold, as they are too large for `kitti`.

    Raises:
        UsageError: another shape or kind, or for `kitti` no disparity below 256 pixels though some are known.
    """
    disparity = np.asarray(disparity)
    if disparity.ndim != 2 or disparity.size == 0:
        raise UsageError(
            f"disparity for {os.fspath(path)} is {disparity.shape}; expected [H, W], not empty",
            code="bad-array",
            value=(str(disparity.dtype), disparity.shape),
        )
    if kind is None:
        kind = {".pfm": "pfm", ".npy": "npy", ".png": "kitti"}.get(os.path.splitext(path)[1].lower(), "unknown")
    known = np.isfinite(disparity)
    lost = 0
    if kind == "pfm":
        write_pfm(path, np.where(known, disparity, np.inf))
    elif kind == "npy":
        write_npy(path, np.where(known, disparity, np.nan))
    elif kind == "kitti":
        levels, lost = _to_kitti(path, disparity, known)
        write_png(path, levels, "disparity")
    else:
        raise UsageError(
            f"cannot write disparities of kind {kind!r} to {os.fspath(path)}; expected .pfm, .npy or .png",
            code="out-of-range",
            value=kind,
        )
    return lost


def _kind_of(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path).lower()
    if name.endswith(".disp.png"):
        return "crestereo"
    try:
        return _SUFFIXES[os.path.splitext(name)[1]]
    except KeyError:
        expected = ", ".join(sorted(_SUFFIXES))
        raise ImageError(
            path, f"the suffix says no format of disparities; expected {expected}, or give kind="
        ) from None


def _stored(path: str | os.PathLike[str], kind: str, scale: float | None, max_pixels: int) -> np.ndarray:
    """What the file says, divided by the scale; unknown is not finite."""
    if kind in ("pfm", "pfm-top-down", "npy", "spring"):
        if kind.startswith("pfm"):
            values = read_pfm(path, kind == "pfm", max_pixels)
        elif kind == "npy":
            values = read_npy(path, max_pixels)
        else:
            # The images are half as wide and high; the values are in their pixels already.
            values = read_hdf5(path, "disparity", 4 * max_pixels, step=2)
        disparity = _one_channel(path, values)
        return disparity if scale is None else disparity / np.float32(scale)
    if kind == "sintel":
        red, green, blue = np.moveaxis(read_rgb8(path, max_pixels).astype(np.float32), 2, 0)
        return (4 * red + green / 64 + blue / 16384) / np.float32(1 if scale is None else scale)
    levels = read_gray(path, max_pixels)
    if scale is None:
        scale = _scale_of(path, kind, levels)
    disparity = levels.astype(np.float32) / np.float32(scale)
    if kind != "crestereo":
        disparity[levels == 0] = np.nan
    return disparity


def _scale_of(path: str | os.PathLike[str], kind: str, levels: np.ndarray) -> float:
    if kind in _MIDDLEBURY:
        sizes = _MIDDLEBURY[kind]
        if levels.shape[0] not in sizes:
            raise ImageError(path, f"is {levels.shape[0]} pixels high; {kind} has {sorted(sizes)}, else give scale=")
        return sizes[levels.shape[0]]
    if levels.dtype != np.uint16:
        raise ImageError(path, "has 8 bits, and nothing says how many gray levels make a pixel; give scale=")
    return CRESTEREO_SCALE if kind == "crestereo" else KITTI_SCALE


def _one_channel(path: str | os.PathLike[str], values: np.ndarray) -> np.ndarray:
    if values.ndim == 2:
        return values
    if values.ndim != 3 or not np.array_equal(values, np.repeat(values[..., :1], values.shape[2], 2), equal_nan=True):
        raise ImageError(path, f"holds {values.shape} values; expected one disparity per pixel, [H, W]")
    return values[..., 0].copy()


def _to_kitti(path: str | os.PathLike[str], disparity: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, int]:
    """The stored values, and how many are lost as 16 bits do not hold them."""
    known = known & (disparity >= 0)
    levels = np.rint(np.where(known, disparity, 0) * KITTI_SCALE)
    fits = known & (levels <= 65535)
    if known.any() and not fits.any():
        raise UsageError(
            f"disparity for {os.fspath(path)} reaches {disparity[known].max():g} pixels, all of it too much; the "
            "16-bit PNG holds less than 256, write .pfm or .npy",
            code="out-of-range",
            value=float(disparity[known].max()),
        )
    return np.where(fits, np.clip(levels, 1, 65535), 0).astype(np.uint16), int(np.count_nonzero(known & ~fits))
