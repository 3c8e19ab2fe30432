"""Which arguments of `vision stereo` need a calibration; without torch, so that mistakes are told at once."""

from __future__ import annotations

import argparse

from vision.errors import UsageError

DEPTH_KINDS = ("depth", "depth16", "depth-npy", "ply")


def check_geometry(command: argparse.Namespace) -> None:
    """Refuse what needs a calibration; called where there is none.

    Raises:
        UsageError: an argument needs one.
    """
    if command.rectify:
        raise UsageError(
            "--rectify needs a calibration of raw cameras (K1, D1, K2, D2, R, T); name its file with --calib"
        )
    wanted = [kind for kind in DEPTH_KINDS if kind in (command.save or [])]
    if wanted:
        raise UsageError(f"--save {wanted[0]} needs a calibration: --calib FILE, or --focal and --baseline")
    if command.max_depth is not None:
        raise UsageError("--max-depth needs a calibration: --calib FILE, or --focal and --baseline")
