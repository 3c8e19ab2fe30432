"""`vision video`: finds and tracks things in a video, a folder of frames, a camera or a stream."""

from __future__ import annotations

import argparse
from typing import Any

from vision.cli.arguments import add_checkpoint, at_least, between, count, positive
from vision.cli.video.source import Source
from vision.cli.video.targets import check_targets
from vision.errors import UsageError
from vision.limits import MAX_PIXELS

MODES = ("causal", "offline")
MIN_SIDE = 32  # of what the network sees

_DESCRIPTION = """\
Find people, or what else a model knows, in the frames of a video, follow them from frame to frame, and draw them.

IN is a video file that holds its frames itself (MP4, MOV, MKV, AVI and the like); a folder of frames, taken in the
order of their numbers; the number of a camera, such as 0, unless a file has that name; or the address of a stream
(rtsp://, http://, https://). Without an option that asks for more, a table of what was found is printed."""

_EPILOG = """\
what is written:
  -o OUT.mp4     H.264 video with boxes, scores and numbers of tracks. It has as many frames as the input: with
                 --every, the frames between keep the last boxes, of which then only the corners are drawn; a frame
                 that cannot be read shows the one before it
  --jsonl        one JSON object per frame that was looked at, on standard output: frame (from 0), time (seconds),
                 width, height, objects (box: left, top, right, bottom in pixels; score; label; track, or null),
                 seconds, warnings, error
  --mot FILE     MOTChallenge's columns, a line per detection: frame (from 1), track (-1: none), left, top, width,
                 height in pixels of the input, score, -1, -1, -1
  --state FILE   memory and tracks as the run ends, also by Ctrl-C: --resume FILE goes on there. Of the same file or
                 folder, the frames that were done are passed over; another one begins at its first frame
What is there is replaced only with --overwrite, and an input never. Ctrl-C leaves a video that plays, and complete
lines.

exit codes:
  0   every frame was read; warnings change nothing
  1   some could not be read, or a camera or stream broke off; the others were done
  2   bad usage: arguments, checkpoint, device, no frames, output that cannot be written

examples:
  vision video street.mp4 -o found.mp4
  vision video street.mp4 --mot tracks.txt --jsonl > frames.jsonl
  vision video 0 -o seen.mp4 --every 3
  vision video rtsp://192.168.0.9/live --state live.state --jsonl
  vision video street.mp4 -o found.mp4 --mode offline
  vision video street.mp4 -o found.mp4 --config my_detector.py --checkpoint my_detector.pth"""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    parser = commands.add_parser(
        "video",
        help="find and follow things in video",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("input", metavar="IN", help="video file, folder of frames, camera's number, or address")
    _add_output(parser.add_argument_group("output"))
    add_finding(parser.add_argument_group("finding"))
    add_video(parser.add_argument_group("video"))


def run(command: argparse.Namespace) -> int:
    """Look at the video and write what is asked for.

    Returns:
        Exit code: 0 every frame was read, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    source = Source.of(command.input)
    _check(command, source)
    check_targets(command, source)
    from vision.cli.video.run import run_video  # torch is loaded when the arguments are right

    return run_video(command, source)


def _check(command: argparse.Namespace, source: Source) -> None:
    """Files that are named, and arguments that only make sense together."""
    for option in ("checkpoint", "config", "resume"):
        if getattr(command, option) == "":
            raise UsageError(f"--{option} '' names no file; expected one")
    if command.mode == "offline" and source.is_live:
        raise UsageError(
            f"--mode offline reads the video twice, and {source.name} is there only once; "
            "expected a file or a folder, or see --mode causal"
        )
    if command.config is not None and command.checkpoint is None:
        raise UsageError("--config needs the weights of its model; name their file with --checkpoint")
    if command.config is not None and command.model is not None:
        raise UsageError("--config and --model exclude each other; give one of the two")
    if command.config is not None and command.precision != "fp32":
        raise UsageError("--precision is for --model; a --config says its own")
    if command.fps is not None and not source.is_folder:
        raise UsageError(f"--fps is for folders of frames; {source.name} says its own")


def _add_output(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="OUT.mp4", help="video with what was found drawn on it")
    group.add_argument("--jsonl", action="store_true", help="print one JSON object per frame, as soon as it is ready")
    group.add_argument("--mot", metavar="FILE", help="write every detection in the columns of MOTChallenge")
    group.add_argument(
        "--overwrite", action="store_true", help="let -o, --mot and --state replace files that are there"
    )


def add_finding(group: Any) -> None:
    """What is looked for, and by which model."""
    group.add_argument("--model", metavar="NAME", help="see `vision models` (mamba_people_nano)")
    add_checkpoint(group)
    group.add_argument(
        "--config",
        metavar="FILE",
        help="a detector of mmdet instead of --model, with its weights in --checkpoint; needs the OpenMMLab packages. "
        "It is Python that runs: name only one that you trust",
    )
    group.add_argument(
        "--threshold", type=between(0, 1), metavar="P", help="least score of what is reported (the model's own)"
    )
    group.add_argument("--classes", type=_names, metavar="LIST", help="report these alone, separated by commas (all)")
    group.add_argument(
        "--max-size", type=at_least(MIN_SIDE), metavar="PX", help="longest side of the frames that the network sees"
    )
    group.add_argument("--no-track", action="store_true", help="do not number what is found; -1 in --mot")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... (CUDA when there is one)")
    group.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32", help="(%(default)s)")
    group.add_argument(
        "--max-pixels", type=count, default=MAX_PIXELS, metavar="N", help="refuse larger frames (%(default)s)"
    )


def add_video(group: Any, has_state: bool = True) -> None:
    """Which frames are looked at; `has_state` is whether a run can go on from a file."""
    group.add_argument(
        "--mode",
        choices=MODES,
        default="causal",
        help="causal: a frame is judged by what came before it. offline: the video is read twice, and 14 frames of "
        "all of it are in memory from the start; not for cameras and streams (%(default)s)",
    )
    group.add_argument("--every", type=count, default=1, metavar="N", help="look at every Nth frame (%(default)s)")
    group.add_argument("--fps", type=positive, metavar="N", help="frames per second of a folder (25)")
    if not has_state:
        return
    group.add_argument("--state", metavar="FILE", help="save memory and tracks there at the end")
    group.add_argument("--resume", metavar="FILE", help="go on from what --state has saved")


def _names(text: str) -> list[str]:
    """Names separated by commas; the model knows which there are."""
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names of classes separated by commas, got {text!r}")
    return names
