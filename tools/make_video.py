"""Write a generated clip of moving shapes or people, with the exact box of each in every frame.

OUT that ends in .mp4 is an H.264 video; with --gt beside it, in MOTChallenge's form. Anything else is a new folder: a
sequence of MOTChallenge (img1/000001.png, gt/gt.txt, seqinfo.ini), which annotations.json describes in CocoVID's form.
The same arguments make the same frames. Objects of which hardly anything is seen count neither as found nor as missed.
In gt.txt classes have the numbers from 1 in the order of --classes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from vision.apis.video.sink import SUFFIXES, VideoSink
from vision.cli.arguments import at_least, between, count, positive
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.datasets.video.synthetic.clip import Clip
from vision.datasets.video.synthetic.maker import clip_maker
from vision.datasets.video.synthetic.sequence import mot_lines, write_sequence
from vision.errors import UsageError
from vision.files import write_text


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and write; a mistake in them ends with one line and exit code 2."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    is_file = Path(args.output).suffix.lower() in SUFFIXES
    try:
        _check_targets(args, is_file)
        classes = args.classes[0] if args.classes in (["shapes"], ["people"]) else args.classes
        maker = clip_maker(
            tuple(args.size),
            classes,
            args.degraded,
            objects=args.objects and tuple(args.objects),
            restless=args.restless,
            people=args.people,
            backgrounds=args.backgrounds,
            seed=args.seed,
        )
    except UsageError as error:
        parser.error(str(error))
    clip = maker.make((args.seed,), args.frames)
    if is_file:
        write_video(clip, args.output, args.fps)
        if args.gt:
            write_text(args.gt, "".join(mot_lines(clip)))
    else:
        write_sequence(clip, args.output, args.fps, progress=_progress)
    counts = [len(clip.objects(number).boxes) for number in range(len(clip))]
    print(f"wrote {args.output}: {len(clip)} frames, {sum(counts)} boxes")
    return 0


def write_video(clip: Clip, path: str, fps: float) -> None:
    """Write the frames of a clip as H.264.

    Raises:
        UsageError: PyAV or its encoder is missing.
        OSError: the file cannot be written.
    """
    with VideoSink(path, fps) as sink:
        for number in _progress(range(len(clip))):
            sink.write(clip.frame(number))


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUT", help="video NAME.mp4, or new folder")
    parser.add_argument(
        "--classes",
        metavar="NAME",
        nargs="+",
        default=["shapes"],
        help="people, shapes (default: four kinds), or names of kinds of shapes",
    )
    parser.add_argument("--frames", metavar="N", type=count, default=48, help="default: 48")
    parser.add_argument(
        "--size", metavar=("HEIGHT", "WIDTH"), nargs=2, type=count, default=[240, 320], help="default: 240 320"
    )
    parser.add_argument("--fps", metavar="F", type=positive, default=25.0, help="frames per second (default: 25)")
    parser.add_argument("--seed", metavar="N", type=at_least(0), default=0, help="another one makes another clip")
    parser.add_argument(
        "--objects", metavar=("LEAST", "MOST"), nargs=2, type=at_least(0), help="how many (default: a few)"
    )
    parser.add_argument(
        "--degraded",
        metavar="S",
        type=between(0, 1),
        default=0.25,
        help="share of the frames that are blurred, out of focus, dark or hidden on purpose (default: 0.25)",
    )
    parser.add_argument(
        "--restless", metavar="S", type=between(0, 1), help="0 a camera that stands still, 1 held in the hand"
    )
    parser.add_argument(
        "--people", metavar="FOLDER", help="photographs NAME.jpg with masks NAME_mask.png, whose people appear, too"
    )
    parser.add_argument("--backgrounds", metavar="FOLDER", help="photographs that serve as backgrounds, too")
    parser.add_argument("--gt", metavar="FILE", help="of a video: write its boxes to this file, such as gt.txt")
    add_overwrite(parser)
    return parser


def _check_targets(args: argparse.Namespace, is_file: bool) -> None:
    """Raise a UsageError where something would be lost, before there is work to lose."""
    if not is_file:
        if args.gt:
            raise UsageError(f"--gt {args.gt!r} is for a video; a folder has gt/gt.txt in it")
        if os.path.lexists(args.output) and not (os.path.isdir(args.output) and not os.listdir(args.output)):
            raise UsageError(f"{args.output} is there already: remove it, or name another folder")
        return
    require_free(args.output, "OUT", [], args.overwrite)
    if args.gt:
        if Path(args.gt).resolve() == Path(args.output).resolve():
            raise UsageError(f"--gt {args.gt!r} is OUT; expected another file")
        require_free(args.gt, "--gt", [], args.overwrite)


def _progress(numbers: Sequence[int]) -> Iterable[int]:
    console = Console(stderr=True)
    return track(numbers, "drawing", console=console, disable=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
