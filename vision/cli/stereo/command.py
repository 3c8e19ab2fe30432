"""`vision stereo`: disparity, depth and point clouds from pairs of images, or from stereo video."""

from __future__ import annotations

import argparse
from typing import Any

from vision.apis.stereo.limits import MAX_SCALE, MIN_SCALE, MIN_TILE
from vision.cli.arguments import (
    add_checkpoint,
    add_file_options,
    add_old_name,
    add_old_switch,
    at_least,
    between,
    count,
    number,
    positive,
    several,
)
from vision.cli.stereo.needs import check_geometry
from vision.errors import UsageError
from vision.limits import MAX_PIXELS
from vision.models.stereo.sizes import MIN_SIZE
from vision.models.table import FLOW, STEREO, default_model

DEFAULT_TILE = 1024
# What can be saved besides the image, and as what it is called.
KINDS = ("pfm", "png16", "npy", "color", "confidence", "occlusion", "depth", "depth16", "depth-npy", "ply")

_DESCRIPTION = """\
Find the disparity of every pixel of a pair of images, and from it depth and point clouds.

INPUT is LEFT RIGHT: two images, or two folders, whose images are paired by their names: equal ones, or what is left of
them without left and right, l and r, cam0 and cam1, image_02 and image_03; else by time stamps that nearly agree, and
never by their place; or one folder with both views, told apart by the same words (im0.png, im1.png); or one CSV file
with columns left and right, whose paths start at its folder, and, if each pair has its own, calib; or one MPO or JPS
file, which holds both views (others: --side-by-side). With --video, two video files or folders of frames. The
left image is what the camera on the left took; both must be rectified (or see --rectify)."""

_EPILOG = """\
files in DIR, named after the left image:
  NAME_disp.pfm          disparity in pixels, positive: x_right = x_left - disparity (always)
  NAME_stereo.png        the image beside its disparity (left out by --no-image)
  NAME_disp.png .npy     png16: KITTI's 16-bit PNG, disparity * 256, 0 unknown; npy: float32
  NAME_color.png         disparity in colors
  NAME_confidence.png    0..255, how well left and right agree
  NAME_occlusion.png     255 where a pixel is hidden in the other view, or wrong
  NAME_depth.pfm         depth = focal * baseline / (disparity + doffs), in the unit of the baseline
  NAME_depth.png .npy    depth16: 16-bit PNG in millimeters, 0 unknown or beyond 65.535 m; depth-npy: float32, NaN
  NAME_points.ply        colored point cloud: x right, y down, z forward; without what is occluded or without texture,
                         and by default without what is so far that its disparity is below 1 pixel (--max-depth)
  NAME_rectified.png     with --rectify: the rectified views, left and (NAME_rectified_right.png) right
  NAME_camera.json       with a calibration: K, baseline, doffs and turn of the (rectified) images, for --calib
  NAME_flow.flo          with --flow instead of a disparity; png16 is KITTI's flow PNG
  NAME_stereo.mp4        with --video; what --save names is written per frame, into NAME_frames,
                         by the names of the frames in folders (their time stamps), else numbers
With --view right or both, NAME_..._right are the same files for the right view; stereo.png and ply always show the
left one. A second image of the same name becomes NAME-2, and so
does one whose files are there already: nothing in DIR is replaced.

exit codes:
  0   every pair was matched; warnings change nothing
  1   some could not be matched, the others were
  2   bad usage: arguments, checkpoint, device, calibration, no images, output that cannot be written

examples:
  vision stereo left.png right.png -o out
  vision stereo left/ right/ --save png16,confidence --view both
  vision stereo left.png right.png --calib calib.txt --max-depth 5000
  vision stereo left.png right.png --rectify --calib stereo.yml
  vision stereo both.png --side-by-side
  vision stereo --video left.mp4 right.mp4 -o out"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    parser = commands.add_parser(
        "stereo",
        help="depth from pairs of images",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="LEFT RIGHT: images or folders; one folder; or a CSV file"
    )
    _add_output(parser.add_argument_group("output"))
    add_geometry(parser.add_argument_group("depth"))
    add_matching(parser.add_argument_group("matching"))
    _add_video(parser.add_argument_group("video"))


def run(command: argparse.Namespace) -> int:
    """Match what the command names and write what it asks for.

    Returns:
        Exit code: 0 all matched, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    _check(command)
    if command.video:
        from vision.cli.stereo.video import run_video

        return run_video(command)
    from vision.cli.stereo.pairs import run_pairs

    return run_pairs(command)


def _check(command: argparse.Namespace) -> None:
    """Arguments that only make sense together."""
    has_geometry = bool(command.calib) or command.focal is not None
    if (command.focal is None) != (command.baseline is None):
        raise UsageError("--focal and --baseline go together; give both, or --calib FILE")
    extra = [name for name in ("cx", "cy", "doffs") if getattr(command, name) is not None]
    if extra and command.focal is None:
        raise UsageError(f"--{extra[0]} needs --focal and --baseline; a --calib file has its own")
    if command.focal is not None and command.calib:
        raise UsageError("--focal and --calib exclude each other; give one of the two")
    if command.rectify and command.focal is not None:
        raise UsageError(
            "--rectify needs a calibration of raw cameras (K1, D1, K2, D2, R, T); name its file with --calib"
        )
    # A list of pairs may name calibrations: known when it is read.
    is_list = len(command.inputs) == 1 and command.inputs[0].lower().endswith(".csv") and not command.video
    if not has_geometry and not is_list:
        check_geometry(command)
    if command.flow and has_geometry:
        raise UsageError("--flow is of two images of one camera; a calibration does not apply to it")
    for option in ("fps", "no_warm_start"):
        if getattr(command, option) and not command.video:
            raise UsageError(f"--{option.replace('_', '-')} is for --video")
    if command.resume and command.video:
        raise UsageError("--resume is for pairs: each frame of a --video starts from the one before; see --overwrite")
    if command.video and command.no_image and not (command.save or command.csv or has_geometry):
        raise UsageError("--video --no-image leaves nothing to write; name what with --save or --csv")


def _add_output(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="DIR", default=".", help="folder to write to (the current one)")
    group.add_argument(
        "--save",
        type=several(KINDS),
        metavar="LIST",
        help=f"save these too, separated by commas: {','.join(KINDS[1:])}",
    )
    group.add_argument(
        "--view", choices=["left", "right", "both"], default="left", help="whose disparity is saved (%(default)s)"
    )
    group.add_argument("--no-image", action="store_true", help="leave out NAME_stereo.png (.mp4)")
    add_old_switch(group, "--no-picture", "--no-image")
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="print one JSON array")
    kind.add_argument("--jsonl", action="store_true", help="print one JSON object per line, as soon as it is ready")
    group.add_argument("--csv", metavar="FILE", help="also write the figures as a CSV file, row by row")
    add_file_options(group)


def add_geometry(group: Any, has_files: bool = True) -> None:
    """What is known of the cameras; `has_files` is whether clouds and depth images are written."""
    group.add_argument(
        "--calib",
        action="append",
        metavar="FILE",
        help="Middlebury calib.txt (mm), KITTI calib (m), OpenCV, ROS, Kalibr, ORB-SLAM; saves depth and ply. Twice "
        "for files that complete each other, or one of each camera, left first",
    )
    group.add_argument("--rectify", action="store_true", help="rectify raw pairs first, by a --calib of raw cameras")
    group.add_argument(
        "--focal", type=number, metavar="PX", help="instead of --calib, with --baseline: focal length in pixels"
    )
    group.add_argument(
        "--baseline", type=number, metavar="B", help="distance between the cameras; depth is in its unit"
    )
    group.add_argument("--cx", type=number, metavar="PX", help="x of the principal point (the middle)")
    group.add_argument("--cy", type=number, metavar="PX", help="y of the principal point (the middle)")
    group.add_argument(
        "--doffs", type=number, metavar="PX", help="x of the right principal point minus that of the left one (0)"
    )
    if not has_files:
        return
    group.add_argument(
        "--max-depth",
        type=positive,
        metavar="Z",
        help="leave farther points out of the cloud (focal * baseline: where the disparity is 1; 1e9 keeps all)",
    )
    group.add_argument(
        "--unit", choices=["mm", "cm", "m"], help="of the baseline, where nothing says it, for depth16 (m)"
    )


def add_matching(group: Any) -> None:
    """How pairs are matched."""
    group.add_argument(
        "--model", metavar="NAME", help=f"{default_model(STEREO)} by default, {default_model(FLOW)} for --flow"
    )
    add_checkpoint(group)
    add_old_name(group, "--weights", "--checkpoint")
    group.add_argument("--flow", action="store_true", help="optical flow from the first image to the second")
    group.add_argument(
        "--scale",
        type=between(MIN_SCALE, MAX_SCALE),
        metavar="S",
        help=f"match images enlarged S times, {MIN_SCALE} to {MAX_SCALE:g}: finer, in S*S times the time (the shipped "
        "model: up to 2, to at most 1 million pixels; other models, and --video: 1)",
    )
    group.add_argument(
        "--max-size", type=at_least(MIN_SIZE), metavar="PX", help="longest side of the images that are matched"
    )
    group.add_argument(
        "--tile",
        type=at_least(MIN_TILE),
        nargs="?",
        const=DEFAULT_TILE,
        metavar="PX",
        help=f"match large images in tiles of at most PX x PX pixels ({DEFAULT_TILE}), in bounded memory",
    )
    group.add_argument(
        "--coarse-to-fine",
        action="store_true",
        help="start from a match at half the size: for large disparities",
    )
    group.add_argument("--no-checks", action="store_true", help="do not look for swapped or unrectified views")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... (CUDA when there is one)")
    group.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32", help="(%(default)s)")
    group.add_argument(
        "--max-pixels", type=count, default=MAX_PIXELS, metavar="N", help="refuse larger images (%(default)s)"
    )


def _add_video(group: Any) -> None:
    group.add_argument("--video", action="store_true", help="INPUT is video: each frame starts from the one before")
    group.add_argument(
        "--side-by-side",
        action="store_true",
        help="INPUT has both views, the left one in its left half (.jps: as it says): video, images, folders",
    )
    group.add_argument("--fps", type=positive, metavar="N", help="frames per second (the file's; 25 for folders)")
    group.add_argument("--no-warm-start", action="store_true", help="match every frame on its own")
