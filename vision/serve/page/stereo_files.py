"""What the stereo tab shows and hands out of one result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from vision.errors import UsageError
from vision.geometry import StereoCalibration, depth_of, point_cloud, write_ply
from vision.geometry.camera_file import write_camera
from vision.geometry.points import farthest
from vision.serve.page.clouds import MAX_POINTS, packed
from vision.stereo_io import write_disparity
from vision.structures.stereo import StereoResult
from vision.visualization import disparity_colors, disparity_range
from vision.visualization.canvas import draw_scale, strip


@dataclass
class StereoFiles:
    """Everything of one pair, ready for the page.

    Attributes:
        summary: in a line.
        notes: warnings.
        disparity: with a scale below it.
        views: the two views that were matched.
        confidence, occlusion: uint8 gray.
        cloud: the points to turn, as `vision.serve.page.clouds.packed` gives them; empty where no pixel has a depth.
        cloud_label: what it shows, HTML.
        files: to download.
    """

    summary: str
    notes: list[str]
    disparity: np.ndarray
    views: tuple[np.ndarray, np.ndarray]
    confidence: np.ndarray
    occlusion: np.ndarray
    cloud: str = ""
    cloud_label: str = ""
    files: list[str] = field(default_factory=list)


def stereo_files(result: StereoResult, folder: Path, name: str) -> StereoFiles:
    """Draw and write a result.

    Args:
        result: of a pair.
        folder: for the files, which are called after the left view.
        name: of the left view.

    Raises:
        UsageError: the pair could not be matched; the message says why.
    """
    if result.disparity is None or result.image is None or result.image_right is None:
        raise UsageError(str(result.error), code=getattr(result.error, "code", "usage"))
    assert result.confidence is not None and result.occlusion is not None
    base = folder / (Path(name).stem[:60] or "left")
    made = StereoFiles(
        _summary(result),
        [str(warning) for warning in result.warnings],
        with_scale(result.disparity, result.calibration),
        (result.image, result.image_right),
        np.rint(255 * result.confidence).astype(np.uint8),
        result.occlusion.astype(np.uint8) * 255,
    )
    _write_fields(result, base, made)
    _write_cloud(result, base, made)
    return made


def with_scale(disparity: np.ndarray, calibration: StereoCalibration | None) -> np.ndarray:
    """Disparity in colors above a bar that says what they mean, in pixels, and in the unit of a calibration.

    Args:
        disparity: `[H, W]` in pixels.
        calibration: of the views, if there is one.

    Returns:
        uint8 RGB, as wide as the disparity or at least 480 pixels.
    """
    limits = disparity_range(disparity)
    picture = Image.fromarray(disparity_colors(disparity, limits))
    if picture.width < 480:
        picture = picture.resize((480, round(picture.height * 480 / picture.width)), Image.Resampling.NEAREST)
    unit = int(np.clip(picture.width / 34, 13, 40))
    bar, _ = strip(picture.width, round(2.8 * unit))
    ends = [_reading(value, calibration) for value in (limits[0], sum(limits) / 2, limits[1])]
    texts = (f" {ends[0]}", ends[1], f"{ends[2]} ")
    draw_scale(bar, lambda values: disparity_colors(values, limits), limits, texts, unit, round(1.3 * unit))
    canvas = Image.new("RGB", (picture.width, picture.height + bar.height))
    canvas.paste(picture, (0, 0))
    canvas.paste(bar, (0, picture.height))
    return np.asarray(canvas)


def _reading(value: float, calibration: StereoCalibration | None) -> str:
    if calibration is None:
        return f"{value:.1f} px"
    depth = float(depth_of(np.array([[value]], np.float32), calibration)[0, 0])
    return f"{value:.1f} px = {depth:.3g} {calibration.unit_name}" if np.isfinite(depth) else f"{value:.1f} px"


def _summary(result: StereoResult) -> str:
    assert result.disparity is not None and result.occlusion is not None and result.confidence is not None
    median, hidden = float(np.median(result.disparity)), float(result.occlusion.mean())
    seconds = "" if result.seconds is None else f", in {result.seconds:.1f} s"
    return f"Done: median disparity {median:.1f} px, {hidden:.0%} hidden or wrong{seconds}."


def _write_fields(result: StereoResult, base: Path, made: StereoFiles) -> None:
    assert result.disparity is not None
    for ending, kind in ((".pfm", "pfm"), (".png", "kitti")):
        path = f"{base}_disp{ending}"
        lost = write_disparity(path, result.disparity, kind)
        if lost:
            made.notes.append(f"{lost:,} pixels are too large for the 16-bit PNG and unknown there; take the PFM")
        made.files.append(path)
    if result.calibration is not None:
        write_camera(f"{base}_camera.json", result.calibration)
        made.files.append(f"{base}_camera.json")


def _write_cloud(result: StereoResult, base: Path, made: StereoFiles) -> None:
    """The points to turn, and those to download where a calibration says where they are."""
    assert result.disparity is not None and result.image is not None
    assert result.occlusion is not None and result.confidence is not None
    known = result.calibration
    # Without one, the view of a usual camera: what is right is the order and roughly the shape.
    camera = known or StereoCalibration(focal=float(result.image.shape[1]), baseline=1.0)
    depth = result.depth if known is not None and result.depth is not None else depth_of(result.disparity, camera)
    keep = ~result.occlusion & (result.confidence > 0.5)
    points, colors = point_cloud(depth, result.image, camera, keep, farthest(camera))
    if not len(points):
        return
    made.cloud = packed(points, colors)
    count = f"{MAX_POINTS:,} of {len(points):,} points" if len(points) > MAX_POINTS else f"{len(points):,} points"
    made.cloud_label = f'<p class="key">{count}, without what is hidden or unsure.</p>'
    if known is None:
        made.cloud_label += (
            '<p class="key">Without a calibration the shape is approximate, and there is no file of it.</p>'
        )
        return
    write_ply(f"{base}_points.ply", points, colors, f"unit: {known.unit_name}")
    made.files.append(f"{base}_points.ply")
