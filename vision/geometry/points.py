"""Colored point clouds from depth, and PLY files of them."""

from __future__ import annotations

import os

import numpy as np

from vision.files import write_bytes
from vision.geometry.calibration import StereoCalibration

_VERTEX = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")],
)


def point_cloud(
    depth: np.ndarray,
    image: np.ndarray,
    calibration: StereoCalibration,
    keep: np.ndarray | None = None,
    max_depth: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Points in the left camera's coordinates: x to the right, y down, z forward; X = (x - cx) Z / focal.

    Args:
        depth: `[H, W]`, NaN where unknown.
        image: uint8 RGB `[H, W, 3]`.
        calibration: of the pair; scaled to the image's size if need be.
        keep: bool `[H, W]`; other pixels are left out. None keeps all with a depth.
        max_depth: leave out what is farther, in the unit of the depth.

    Returns:
        float32 `[N, 3]` in the unit of the depth, and uint8 `[N, 3]`.

    Raises:
        ValueError: the shapes differ.
        CalibrationError: the calibration is for images of other proportions.
    """
    if image.shape != (*depth.shape, 3) or (keep is not None and keep.shape != depth.shape):
        shapes = f"depth {depth.shape}, image {image.shape}, keep {None if keep is None else keep.shape}"
        raise ValueError(f"point cloud of {shapes}; expected [H, W], [H, W, 3] and [H, W]")
    fitted = calibration.fitted(depth.shape[1], depth.shape[0])
    assert fitted.cx is not None and fitted.cy is not None
    wanted = np.isfinite(depth) & (depth > 0)
    if keep is not None:
        wanted &= keep
    if max_depth is not None:
        wanted[wanted] = depth[wanted] <= max_depth
    rows, columns = np.nonzero(wanted)
    z = depth[rows, columns].astype(np.float32)
    points = np.empty((len(z), 3), np.float32)
    points[:, 0] = (columns - fitted.cx) / fitted.focal * z
    points[:, 1] = (rows - fitted.cy) / (fitted.focal_y or fitted.focal) * z
    points[:, 2] = z
    return points, image[rows, columns]


def farthest(calibration: StereoCalibration) -> float:
    """Depth at which disparity (with doffs) is one pixel, in the unit of the baseline.

    Beyond it, an error of a tenth of a pixel is a tenth of the depth and more: the sky becomes points of any distance.
    """
    return calibration.focal * calibration.baseline


def write_ply(path: str | os.PathLike[str], points: np.ndarray, colors: np.ndarray, comment: str = "") -> None:
    """Write a binary little-endian PLY file, whole or not at all.

    Args:
        path: of the file; one that exists is replaced.
        points: `[N, 3]`.
        colors: uint8 `[N, 3]`.
        comment: one line of the header, such as the unit.

    Raises:
        ValueError: the shapes do not match.
        OSError: the file cannot be written.
    """
    if points.ndim != 2 or points.shape[1] != 3 or colors.shape != points.shape:
        raise ValueError(f"points are {points.shape}, colors {colors.shape}; expected [N, 3] both")
    vertices = np.empty(len(points), _VERTEX)
    for number, name in enumerate("xyz"):
        vertices[name] = points[:, number]
    for number, name in enumerate(("red", "green", "blue")):
        vertices[name] = colors[:, number]
    properties = [f"property {'float' if name in 'xyz' else 'uchar'} {name}" for name in _VERTEX.names or ()]
    # A header is ASCII, and a comment ends with its line.
    note = [f"comment {' '.join(comment.split())}".encode("ascii", "replace").decode()] if comment.strip() else []
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        *note,
        f"element vertex {len(points)}",
        *properties,
        "end_header",
    ]
    write_bytes(path, ("\n".join(lines) + "\n").encode(), vertices.tobytes())
