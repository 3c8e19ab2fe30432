"""Files of stereo results: each appears complete or not at all, and none overwrites that of another pair."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.cli.stereo.needs import DEPTH_KINDS
from vision.errors import Notice
from vision.geometry import StereoCalibration, depth_of, point_cloud, write_ply
from vision.geometry.camera_file import write_camera
from vision.geometry.points import farthest
from vision.stereo_io import write_depth16, write_disparity, write_flow, write_pfm, write_png
from vision.stereo_io.depth import MAX_DEPTH_16
from vision.stereo_io.files import write_npy
from vision.structures.stereo import StereoResult
from vision.visualization.flow import flow_colors
from vision.visualization.stereo import disparity_colors, render_stereo

# All that a run may put behind a name: what one run writes has one number, whatever it saves.
ENDINGS = tuple(
    f"_{name}{suffix}{dot}{ending}"
    for name, dot, ending in (
        kind.partition(".")
        for kind in (
            *("disp.pfm", "disp.png", "disp.npy", "color.png", "confidence.png", "occlusion.png", "depth.pfm"),
            *("depth.png", "depth.npy", "rectified.png", "flow.flo", "flow.png", "flow.npy"),
            *("points.ply", "stereo.png", "stereo.mp4", "frames", "camera.json"),
        )
    )
    for suffix in ("", "_right")
)


@dataclass
class Written:
    """What became of one result.

    Attributes:
        files: that were written, in their order.
        warnings: what is odd about them.
        error: what could not be written, in one line, or None.
        points: how many the cloud has, None without one.
        points_beyond: how many were left out as they are too far.
        max_depth: beyond which they were left out, in the unit of the baseline.
    """

    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    points: int | None = None
    points_beyond: int | None = None
    max_depth: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """What a record says of the files."""
        figures = {name: getattr(self, name) for name in ("points", "points_beyond", "max_depth")}
        return figures | {"files": self.files}


class ResultWriter:
    """Writes what was asked for.

    Args:
        kinds: of `vision.cli.stereo.command.KINDS`.
        view: "left", "right" or "both".
        with_image: whether to draw the image beside its disparity.
        max_depth: leave farther points out of the point cloud; None is where the disparity is one pixel.
        unit: of baselines where the calibration does not say it; None is "m", with a warning where it matters.
        with_camera: whether to write the camera that depths belong to, where there is one.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        view: str,
        with_image: bool,
        max_depth: float | None = None,
        unit: str | None = None,
        with_camera: bool = True,
    ) -> None:
        self.with_camera = with_camera
        self.kinds, self.with_image, self.max_depth = list(dict.fromkeys(kinds)), with_image, max_depth
        self.unit = unit
        self.views = {"left": [""], "right": ["_right"], "both": ["", "_right"]}[view]

    def write(self, result: StereoResult, base: str) -> Written:
        """Write the files of one result.

        Args:
            result: of a pair that was matched.
            base: path without an ending.

        Raises:
            OSError: a file cannot be written.
        """
        written, problems = Written(), []
        kinds = self.kinds
        if result.calibration is None and set(kinds) & set(DEPTH_KINDS):
            kinds = [kind for kind in kinds if kind not in DEPTH_KINDS]
            written.warnings.append(Notice("no calibration is known of this pair, so no depth", "no-calibration"))
        for kind in kinds:
            for suffix in self.views if kind != "ply" else [""]:
                try:
                    written.files += self._write_one(result, kind, base, suffix, written)
                except ValueError as error:  # such as disparities that 16 bits do not hold
                    problems.append(str(error))
        if self.with_camera and result.calibration is not None:
            written.files.append(write_camera_of(result.calibration, base))
        written.files += self._images(result, base)
        written.error = "; ".join(problems) or None
        return written

    def _write_one(self, result: StereoResult, kind: str, base: str, suffix: str, written: Written) -> list[str]:
        if kind in ("pfm", "png16", "npy", "color"):
            path, lost = _write_field(result, kind, base, suffix)
            if lost:
                text = f"{lost:,} pixels are too large for the 16-bit PNG and unknown there, write pfm or npy"
                written.warnings.append(Notice(text, "beyond-16-bits", lost))
            return [path]
        if kind == "confidence":
            values = getattr(result, f"confidence{suffix}")
            return [_png(f"{base}_confidence{suffix}.png", np.rint(255 * values).astype(np.uint8), "confidence")]
        if kind == "occlusion":
            values = getattr(result, f"occlusion{suffix}")
            return [_png(f"{base}_occlusion{suffix}.png", values.astype(np.uint8) * 255, "occlusion")]
        if kind == "ply":
            return [self._write_points(result, base, written)]
        return [self._write_depth(result, kind, base, suffix, written)]

    def _write_points(self, result: StereoResult, base: str, written: Written) -> str:
        assert result.depth is not None and result.calibration is not None
        assert result.image is not None and result.occlusion is not None and result.confidence is not None
        # Neither what is hidden in the other view nor what no detail supports.
        keep = ~result.occlusion & (result.confidence > 0.5)
        limit = farthest(result.calibration) if self.max_depth is None else self.max_depth
        points, colors = point_cloud(result.depth, result.image, result.calibration, keep, limit)
        path = f"{base}_points.ply"
        write_ply(path, points, colors, f"unit: {result.calibration.unit or self.unit or result.calibration.unit_name}")
        beyond = int(np.count_nonzero(result.depth[keep] > limit))
        written.points, written.points_beyond = len(points), beyond
        written.max_depth = float(limit) if np.isfinite(limit) else None  # JSON has no infinity
        if beyond and self.max_depth is None:
            text = f"{beyond:,} points beyond {limit:g}, where the disparity is below 1 pixel, are not in the cloud"
            written.warnings.append(Notice(text, "far-points", beyond))
        return path

    def _write_depth(self, result: StereoResult, kind: str, base: str, suffix: str, written: Written) -> str:
        """Unknown is infinite in PFM, as in disparities, NaN in npy and 0 in PNG."""
        assert result.calibration is not None
        depth = result.depth
        if suffix:
            assert result.disparity_right is not None
            depth = depth_of(result.disparity_right, result.calibration)
        assert depth is not None
        path = f"{base}_depth{suffix}"
        if kind == "depth":
            write_pfm(f"{path}.pfm", np.where(np.isfinite(depth), depth, np.inf))
            return f"{path}.pfm"
        if kind == "depth-npy":
            write_npy(f"{path}.npy", np.where(np.isfinite(depth), depth, np.nan))
            return f"{path}.npy"
        unit = result.calibration.unit or self.unit
        if unit is None:
            text = "nothing says the unit of the baseline: taken as meters in the 16-bit depth"
            written.warnings.append(Notice(text, "unit-assumed"))
        lost = write_depth16(f"{path}.png", depth, unit or "m")
        if lost:
            text = f"{lost:,} depths beyond {MAX_DEPTH_16} m are unknown in the 16-bit PNG"
            written.warnings.append(Notice(text, "beyond-16-bits", lost))
        return f"{path}.png"

    def _images(self, result: StereoResult, base: str) -> list[str]:
        files = []
        if result.rectified:
            for view, suffix in ((result.image, ""), (result.image_right, "_right")):
                assert view is not None
                files.append(_png(f"{base}_rectified{suffix}.png", view))
        if self.with_image:
            drawn = np.asarray(render_stereo(result, os.path.basename(result.left)))
            files.append(_png(f"{base}_stereo.png", drawn, "stereo"))
        return files


def write_camera_of(calibration: StereoCalibration, base: str) -> str:
    """Write the camera file; returns its name."""
    path = f"{base}_camera.json"
    write_camera(path, calibration)
    return path


def _write_field(result: StereoResult, kind: str, base: str, suffix: str) -> tuple[str, int]:
    """The disparity or the flow of one view; pfm stands for the usual format, which for flow is .flo."""
    flow = result.flow_back if suffix else result.flow
    if flow is not None:
        if kind == "color":
            return _png(f"{base}_color{suffix}.png", flow_colors(flow), "flow in colors"), 0
        path = f"{base}_flow{suffix}{ {'pfm': '.flo', 'png16': '.png', 'npy': '.npy'}[kind] }"
        return path, write_flow(path, flow)
    disparity = result.disparity_right if suffix else result.disparity
    assert disparity is not None
    if kind == "color":
        return _png(f"{base}_color{suffix}.png", disparity_colors(disparity), "disparity in colors"), 0
    ending, name = {"pfm": (".pfm", "pfm"), "png16": (".png", "kitti"), "npy": (".npy", "npy")}[kind]
    path = f"{base}_disp{suffix}{ending}"
    return path, write_disparity(path, disparity, name)


def _png(path: str, values: np.ndarray, drawn: str = "") -> str:
    write_png(path, values, drawn)
    return path
