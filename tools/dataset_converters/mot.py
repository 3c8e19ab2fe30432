"""Convert sequences in MOTChallenge's folders to CocoVID's JSON.

A sequence is a folder with img1/000001.jpg, gt/gt.txt (or gt.txt) and seqinfo.ini. By default pedestrians are
found (1 in column 8); whoever finds people on vehicles, people who never move, distractors, reflections and crowds
makes no mistake (2, 7, 8, 12, 13, and 0 in column 7). Boxes begin at pixel 1 there and at 0 in CocoVID.
"""

from __future__ import annotations

import argparse
import sys

from vision.cli.arguments import between
from vision.cli.conversion import converter_parser, run_converter
from vision.cli.process import program
from vision.datasets.video.converters.mot import convert_mot
from vision.datasets.video.mot_folders import NO_MISTAKES, PEDESTRIANS, MOTRules


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and convert; 1 where sequences were left out, 2 for a mistake in the arguments."""
    parser = converter_parser(__doc__, "folder of the sequences, or of one")
    parser.add_argument(
        "--classes",
        metavar="NAME=N,N",
        nargs="+",
        type=_class,
        help="classes with their numbers in column 8, such as person=1,7 car=3 (default: pedestrian=1)",
    )
    parser.add_argument(
        "--min-visibility", metavar="V", type=between(0, 1), default=0.0, help="ignore boxes of which less is seen"
    )
    args = parser.parse_args(argv)
    numbers = dict(args.classes) if args.classes else PEDESTRIANS
    taken = {number for of_class in numbers.values() for number in of_class}
    rules = MOTRules(numbers, tuple(number for number in NO_MISTAKES if number not in taken), args.min_visibility)
    return run_converter(parser, args, lambda conversion: convert_mot(args.root, conversion, rules))


def _class(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, numbers = text.partition("=")
    parts = numbers.split(",")
    if not name or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected a class and its numbers, such as person=1,7, got {text!r}")
    return name, tuple(map(int, parts))


if __name__ == "__main__":
    sys.exit(main())
