"""What the arguments of `vision stereo` say of matching: calibration, what to save, the inferencer."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator

from vision.apis.stereo.inferencer import StereoInferencer
from vision.apis.stereo.pair import PairInput
from vision.cli.advice import advised, usage_errors
from vision.cli.stereo.inputs import FilePair
from vision.cli.stereo.needs import DEPTH_KINDS
from vision.errors import Notice, notice_of
from vision.geometry import CalibrationError, CameraPair, StereoCalibration, read_calibration, read_cameras
from vision.geometry.text_formats import is_gray


def kinds_of(command: argparse.Namespace, has_calibrations: bool = False) -> list[str]:
    """What to save: with a calibration, depth and points unless a kind of depth was asked for by name.

    Args:
        command: the arguments.
        has_calibrations: whether a list of pairs names some.
    """
    kinds = list(command.save or [])
    if (has_geometry(command) or has_calibrations) and not set(DEPTH_KINDS) & set(kinds):
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


def inputs_of(command: argparse.Namespace, pairs: Iterable[FilePair]) -> Iterator[PairInput | tuple[str, str]]:
    """What an inferencer takes, pair after pair; a calibration that cannot be used costs its own pairs alone."""
    known: dict[tuple[str, bool | None], StereoCalibration | CameraPair | Notice] = {}
    for pair in pairs:
        if pair.calib is None and pair.error is None and not pair.is_one_file:
            yield pair[0], pair[1]
            continue
        geometry = None
        if pair.calib is not None:
            key = (pair.calib, is_gray(os.path.abspath(pair[0])))
            if key not in known:
                known = {key: _read_geometry(command, *key)}  # lists name the same one for one pair after the other
            geometry = known[key]
        error = pair.error or (geometry if isinstance(geometry, Notice) else None)
        right = None if pair.is_one_file else pair[1]
        yield PairInput(pair[0], right, None if isinstance(geometry, Notice) else geometry, error)


def _read_geometry(
    command: argparse.Namespace, path: str, gray: bool | None
) -> StereoCalibration | CameraPair | Notice:
    try:
        return read_cameras([path]) if command.rectify else read_calibration([path], gray)
    except CalibrationError as error:
        return notice_of(error)


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
