"""What the arguments of `vision stereo` say of matching: calibration, what to save, the inferencer."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import PurePath

from vision.apis.stereo.inferencer import StereoInferencer
from vision.cli.advice import advised, usage_errors
from vision.cli.stereo.files import DEPTH_KINDS
from vision.geometry import CameraPair, StereoCalibration, read_calibration, read_cameras


def kinds_of(command: argparse.Namespace) -> list[str]:
    """What to save: with a calibration, depth and points unless a kind of depth was asked for by name."""
    kinds = list(command.save or [])
    if has_geometry(command) and not set(DEPTH_KINDS) & set(kinds):
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
    if command.rectify:
        return None, read_cameras(command.calib)
    gray = bool({"image_0", "image_00"} & set(PurePath(left).parts))
    calibration = read_calibration(command.calib, gray)
    if calibration.note:
        complain(f"warning: {advised(calibration.note)}")
    return calibration, None


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
