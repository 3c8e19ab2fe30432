"""The common part of the tools that convert annotations: their options, progress, and what they say at the end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import track

from vision.cli.output import write_problem
from vision.cli.process import say
from vision.cli.reporter import ALL_DONE, SOME_FAILED
from vision.cli.targets import add_overwrite, require_free
from vision.datasets.video.converters.coco_vid import CocoVidWriter
from vision.datasets.video.converters.conversion import Conversion
from vision.errors import UsageError

_MOST_LINES = 20  # of files that are left out; the others are counted


def converter_parser(description: str | None, root_help: str) -> argparse.ArgumentParser:
    """The arguments that all converters have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="ROOT", help=root_help)
    parser.add_argument("output", metavar="OUT.json", help="file to write, in CocoVID's form")
    add_overwrite(parser)
    return parser


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Options of folders with a file of annotations per image."""
    parser.add_argument("--images", metavar="FOLDER", help="folder of the images, in which their names begin")
    parser.add_argument(
        "--videos",
        action="store_true",
        help="images of a folder are the frames of a video, in the order of their numbers; else each is one by itself",
    )
    parser.add_argument(
        "--classes", metavar="NAME", nargs="+", help="take these, in this order (default: all, by the alphabet)"
    )


def run_converter(
    parser: argparse.ArgumentParser, args: argparse.Namespace, convert: Callable[[Conversion], CocoVidWriter]
) -> int:
    """Convert, write, and say what was left out.

    Returns:
        0, or 1 where files were left out that could not be read. A mistake in the arguments ends the program with 2.
    """
    reported = 0

    def report(line: str) -> None:
        nonlocal reported
        reported += 1
        if reported <= _MOST_LINES:
            say(f"{parser.prog}: {line}")

    conversion = Conversion(_progress, report)
    try:
        require_free(args.output, "OUT.json", _inputs(args), args.overwrite)
        writer = convert(conversion)
        counts = writer.write(args.output)
    except UsageError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(write_problem(error))
    if reported > _MOST_LINES:
        say(f"{parser.prog}: and {reported - _MOST_LINES} more that were left out")
    for line in conversion.problems.lines():
        say(f"{parser.prog}: {line}")
    of = ", ".join(f"{counts[name]} {words}" for name, words in _WORDS.items())
    left_out = f"; {conversion.broken} left out, which could not be read" if conversion.broken else ""
    print(f"wrote {args.output}: {of}{left_out}")
    return SOME_FAILED if conversion.broken else ALL_DONE


_WORDS = {"videos": "videos", "images": "images", "annotations": "boxes", "categories": "classes"}


def _inputs(args: argparse.Namespace) -> list[str]:
    return [name for name in (args.root, getattr(args, "list", None)) if name]


def _progress(items: Sequence[Any]) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(items, "reading", console=console, disable=not sys.stderr.isatty())
