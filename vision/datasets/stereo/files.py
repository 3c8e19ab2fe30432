"""The files of one stereo pair or pair of frames, how they are read, and what listing them needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from vision.datasets.stereo.visibility import LEFT, RIGHT, seen_by_other
from vision.errors import UsageError
from vision.images import IMAGE_SUFFIXES, MAX_PIXELS, ImageError, common_white, read_image
from vision.stereo_io.disparity import read_disparity
from vision.stereo_io.flow import read_flow
from vision.stereo_io.raster import read_gray, read_rgb16


class StereoFiles(NamedTuple):
    """Paths of one sample; an empty string where the set has no such file.

    `disparity_kind` and `disparity_scale` go to `read_disparity`. `visible_is` says which pixels of the file `visible`
    are seen in both views: `white` (Middlebury, ETH3D: 255 is seen, 128 occluded, 0 unknown; a mask of 0 and 1 is
    understood too), `nonzero` (KITTI: maps without the occluded pixels) or `black` (Sintel: white is occluded).
    """

    left: str
    right: str
    scene: str
    disparity: str = ""
    disparity_right: str = ""
    visible: str = ""
    flow: str = ""
    disparity_kind: str | None = None
    disparity_scale: float | None = None
    visible_is: str = "white"


def read_sample(files: StereoFiles, max_pixels: int = MAX_PIXELS) -> dict[str, Any]:
    """Read a sample as `vision.datasets.StereoDataset` describes it.

    Sets that do not say what both views see, but have the disparities of both, get it from these.

    Raises:
        ImageError: a file cannot be read, or its size is not the left image's.
    """
    white = common_white([files.left, files.right], max_pixels)
    left = read_image(files.left, max_pixels, white)
    sample: dict[str, Any] = {"left": left, "right": read_image(files.right, max_pixels, white)}
    if files.flow:
        sample["flow"] = read_flow(files.flow, max_pixels)
    else:
        for key in ("disparity", "disparity_right"):
            path = getattr(files, key)
            sample[key] = _disparity(files, path, max_pixels) if path else None
    sample["visible"] = _visible(files, max_pixels) if files.visible else None
    for key, value in sample.items():
        if value is not None and value.shape[:2] != left.shape[:2]:
            size = f"{value.shape[1]} x {value.shape[0]}"
            raise ImageError(
                getattr(files, key),
                f"is {size} pixels; expected {left.shape[1]} x {left.shape[0]} as {files.left}",
                code="sizes-differ",
                value=(value.shape[:2], left.shape[:2]),
            )
    if not files.visible and files.disparity and files.disparity_right:
        sample |= _seen(sample["disparity"], sample["disparity_right"])
    return {**sample, "path": files.left, "scene": files.scene}


def stems(folder: str, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, str]:
    """Map the names without suffix to the paths of a folder's files, in order; nothing if there is no such folder."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    split = [(*os.path.splitext(name), name) for name in names if not name.startswith(".")]
    return {stem: os.path.join(folder, name) for stem, suffix, name in split if suffix.lower() in suffixes}


def folders_below(root: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (folder, names of its files) of a tree in order; links are followed, each folder once."""
    seen: set[str] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            names.clear()
            continue
        seen.add(real)
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield folder, sorted(files)


def checked_root(root: str | os.PathLike[str], expected: str) -> str:
    """The folder as an absolute path.

    Raises:
        UsageError: it is none.
    """
    path = os.path.abspath(os.fspath(root))
    if not os.path.isdir(path):
        raise UsageError(f"data root {path!r} is not a folder; expected {expected}", code="bad-data-root", value=path)
    return path


def checked(pairs: list[StereoFiles], root: str, expected: str) -> list[StereoFiles]:
    """The pairs.

    Raises:
        UsageError: there are none.
    """
    if not pairs:
        raise UsageError(
            f"{root}: found no pair of images; looked for {expected}", code="bad-data-root", value=os.fspath(root)
        )
    return pairs


def _seen(left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    """What both views see, by their disparities; what is unknown is not seen."""
    return {
        "visible": seen_by_other(np.nan_to_num(left), right, LEFT) & np.isfinite(left),
        "visible_right": seen_by_other(np.nan_to_num(right), left, RIGHT) & np.isfinite(right),
    }


def _disparity(files: StereoFiles, path: str, max_pixels: int) -> np.ndarray:
    return read_disparity(path, files.disparity_kind, files.disparity_scale, max_pixels)


def _visible(files: StereoFiles, max_pixels: int) -> np.ndarray:
    if files.visible_is == "nonzero" and files.flow:
        return read_rgb16(files.visible, max_pixels)[..., 2] > 0
    values = read_gray(files.visible, max_pixels)
    if files.visible_is == "white":
        return values == (1 if values.max() == 1 else 255)
    return values > 0 if files.visible_is == "nonzero" else values == 0
