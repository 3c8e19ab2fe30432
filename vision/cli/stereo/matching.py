"""What the arguments of `vision stereo` say of matching: calibration, what to save, the inferencer."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from vision.apis.stereo.inferencer import StereoInferencer
from vision.cli.advice import advised, usage_errors
from vision.geometry import CameraPair, StereoCalibration, read_calibration, read_cameras
from vision.geometry.text_formats import is_gray


def kinds_of(command: argparse.Namespace) -> list[str]:
    """What to save: with a calibration, depth and points unless one of the two was asked for by name."""
    kinds = list(command.save or [])
    if has_geometry(command) and not {"depth", "ply"} & set(kinds):
        kinds += ["depth", "ply"]
    return kinds


def has_geometry(command: argparse.Namespace) -> bool:
    """Whether depths can be had."""
    return bool(command.calib) or command.focal is not None


def geometry_of(
    command: argparse.Namespace, left: str, complain: Callable[[str], None]
) -> tuple[StereoCalibration | None, CameraPair | None]:
    """Calibration of the pairs, or the cameras that rectify them.

    Args:
        command: the arguments.
        left: a left image, whose folder says which of KITTI's cameras took it.
        complain: is told how the calibration was understood, where that is not clear.
    """
    if command.focal is not None:
        principal = {"cx": command.cx, "cy": command.cy, "doffs": command.doffs or 0.0}
        name = "--focal and --baseline"
        return StereoCalibration(command.focal, command.baseline, **principal, source=name), None
    if not command.calib:
        return None, None
    calibration, cameras = None, None
    if command.rectify:
        cameras = read_cameras(command.calib)
    else:
        # The folder that the command runs in may be the one that says it.
        calibration = read_calibration(command.calib, is_gray(os.path.abspath(left)))
    known = calibration or cameras
    if known is not None and known.note:
        complain(f"warning: {advised(known.note)}")
    return calibration, cameras


def inferencer_of(
    command: argparse.Namespace,
    geometry: tuple[StereoCalibration | None, CameraPair | None],
    on_tile: Callable[[int, int], None] | None = None,
) -> StereoInferencer:
    """The inferencer that the arguments describe."""
    with usage_errors():
        return StereoInferencer(
            model=command.model,
            checkpoint=command.checkpoint,
            device=command.device,
            precision=command.precision,
            scale=1.0 if command.scale is None and command.video else command.scale,
            max_size=command.max_size,
            tile=command.tile,
            coarse_to_fine=command.coarse_to_fine,
            flow=command.flow,
            calibration=geometry[0],
            cameras=geometry[1],
            checks=not command.no_checks,
            max_pixels=command.max_pixels,
            on_tile=on_tile,
        )
