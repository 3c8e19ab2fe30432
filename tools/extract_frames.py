"""Write the frames of a video as numbered images, to label them: OUT_DIR/000000.jpg is the first frame.

A frame keeps its number with --every and beside frames that are damaged, which leave a gap.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import track

from vision.apis.video import VideoFrame, VideoFrames
from vision.cli.arguments import count
from vision.cli.process import program, say
from vision.cli.reporter import ALL_DONE, SOME_FAILED
from vision.errors import UsageError
from vision.files import new_folder, write_bytes

_JPEG_QUALITY = 95  # what is learned from should not show how it was saved


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and write; 1 where frames were damaged, 2 for a mistake in the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="IN", help="video file")
    parser.add_argument("target", metavar="OUT_DIR", help="folder to make; one that has files is left as it is")
    parser.add_argument("--every", metavar="N", type=count, default=1, help="take every Nth frame (%(default)s)")
    parser.add_argument("--png", action="store_true", help="without loss, and about six times as large")
    args = parser.parse_args(argv)
    try:
        written, frames = extract(args.source, args.target, args.every, ".png" if args.png else ".jpg")
    except UsageError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {args.target}: {error.strerror}")
    for notice in frames.warnings:
        say(f"{parser.prog}: {notice}")
    print(f"wrote {args.target}: {written} images of {frames.read} frames")
    return SOME_FAILED if frames.skipped else ALL_DONE


def extract(
    source: str | os.PathLike[str], target: str | os.PathLike[str], every: int = 1, suffix: str = ".jpg"
) -> tuple[int, VideoFrames]:
    """Write the frames 0, every, 2 * every ... of a video; the folder appears when all are there.

    Returns:
        How many images were written, and the frames, which say what was odd.

    Raises:
        UsageError: the folder has files, the source cannot be read, or is a camera or stream, which has no end.
        OSError: the folder cannot be written.
    """
    folder = Path(target)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"OUT_DIR {str(target)!r} is there already and is no empty folder; choose another name")
    frames = VideoFrames(source, every=every)
    if frames.is_live:
        raise UsageError(f"IN {str(source)!r} is a stream, which has no end; expected a video file")
    written = 0
    with new_folder(folder) as made:
        for frame in _shown(frames):
            write_bytes(made / f"{frame.number:06d}{suffix}", _encoded(frame, suffix))
            written += 1
    return written, frames


def _shown(frames: VideoFrames) -> Iterable[VideoFrame]:
    total = None if frames.count is None else -(-frames.count // frames.every)
    return track(frames, "reading", total, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _encoded(frame: VideoFrame, suffix: str) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    _, data = cv2.imencode(suffix, cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


if __name__ == "__main__":
    sys.exit(main())
