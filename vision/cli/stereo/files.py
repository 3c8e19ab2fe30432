"""Files of stereo results: each appears complete or not at all, and none overwrites that of another pair."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from vision.geometry import StereoCalibration, depth_of, point_cloud, write_ply
from vision.geometry.camera_file import write_camera
from vision.stereo_io import write_disparity, write_flow, write_pfm, write_png
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
            *(
                "rectified.png",
                "flow.flo",
                "flow.png",
                "flow.npy",
                "points.ply",
                "stereo.png",
                "stereo.mp4",
                "frames",
                "camera.json",
            ),
        )
    )
    for suffix in ("", "_right")
)


class ResultWriter:
    """Writes what was asked for.

    Args:
        kinds: of `vision.cli.stereo.command.KINDS`.
        view: "left", "right" or "both".
        with_image: whether to draw the image beside its disparity.
        max_depth: leave farther points out of the point cloud.
        with_camera: whether to write the camera that depths belong to, where there is one.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        view: str,
        with_image: bool,
        max_depth: float | None = None,
        with_camera: bool = True,
    ) -> None:
        self.with_camera = with_camera
        self.kinds, self.with_image, self.max_depth = list(dict.fromkeys(kinds)), with_image, max_depth
        self.views = {"left": [""], "right": ["_right"], "both": ["", "_right"]}[view]

    def write(self, result: StereoResult, base: str) -> tuple[list[str], str | None]:
        """Write the files of one result.

        Args:
            result: of a pair that was matched.
            base: path without an ending.

        Returns:
            The files that were written, and what went wrong with the values in one line, or None.

        Raises:
            OSError: a file cannot be written.
        """
        files: list[str] = []
        problems: list[str] = []
        for kind in self.kinds:
            for suffix in self.views if kind != "ply" else [""]:
                try:
                    files += self._write_one(result, kind, base, suffix)
                except ValueError as error:  # such as a disparity that 16 bits do not hold
                    problems.append(str(error))
        if self.with_camera and result.calibration is not None:
            files.append(write_camera_of(result.calibration, base))
        files += self._images(result, base)
        return files, "; ".join(problems) or None

    def _write_one(self, result: StereoResult, kind: str, base: str, suffix: str) -> list[str]:
        if kind in ("pfm", "png16", "npy", "color"):
            return [_write_field(result, kind, base, suffix)]
        if kind == "confidence":
            values = getattr(result, f"confidence{suffix}")
            return [_png(f"{base}_confidence{suffix}.png", np.rint(255 * values).astype(np.uint8), "confidence")]
        if kind == "occlusion":
            values = getattr(result, f"occlusion{suffix}")
            return [_png(f"{base}_occlusion{suffix}.png", values.astype(np.uint8) * 255, "occlusion")]
        if kind == "depth":
            return [_write_depth(result, base, suffix)]
        assert kind == "ply"
        return [self._write_points(result, base)]

    def _write_points(self, result: StereoResult, base: str) -> str:
        assert result.depth is not None and result.calibration is not None
        assert result.image is not None and result.occlusion is not None
        keep = ~result.occlusion
        points, colors = point_cloud(result.depth, result.image, result.calibration, keep, self.max_depth)
        path = f"{base}_points.ply"
        write_ply(path, points, colors, f"unit: {result.calibration.unit_name}")
        return path

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


def _write_field(result: StereoResult, kind: str, base: str, suffix: str) -> str:
    """The disparity or the flow of one view; pfm stands for the usual format, which for flow is .flo."""
    flow = result.flow_back if suffix else result.flow
    if flow is not None:
        if kind == "color":
            return _png(f"{base}_color{suffix}.png", flow_colors(flow), "flow in colors")
        path = f"{base}_flow{suffix}{ {'pfm': '.flo', 'png16': '.png', 'npy': '.npy'}[kind] }"
        write_flow(path, flow)
        return path
    disparity = result.disparity_right if suffix else result.disparity
    assert disparity is not None
    if kind == "color":
        return _png(f"{base}_color{suffix}.png", disparity_colors(disparity), "disparity in colors")
    ending, name = {"pfm": (".pfm", "pfm"), "png16": (".png", "kitti"), "npy": (".npy", "npy")}[kind]
    path = f"{base}_disp{suffix}{ending}"
    write_disparity(path, disparity, name)
    return path


def _write_depth(result: StereoResult, base: str, suffix: str) -> str:
    """Infinite where unknown, as disparities are."""
    assert result.calibration is not None
    depth = result.depth
    if suffix:
        assert result.disparity_right is not None
        depth = depth_of(result.disparity_right, result.calibration)
    assert depth is not None
    path = f"{base}_depth{suffix}.pfm"
    write_pfm(path, np.where(np.isfinite(depth), depth, np.inf))
    return path


def _png(path: str, values: np.ndarray, drawn: str = "") -> str:
    write_png(path, values, drawn)
    return path
