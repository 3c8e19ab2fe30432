"""Judge a stereo matcher on pairs with ground truth, beside OpenCV's StereoSGBM and StereoBM on the same pixels."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import track

from vision.cli.arguments import positive
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.datasets.stereo.sets import DISPARITY_SETS
from vision.errors import UsageError
from vision.files import write_csv
from vision.metrics.stereo.evaluation import Matcher, evaluate_matchers
from vision.metrics.stereo.table import fair_mean, format_stereo_table, stereo_csv_lines
from vision.models.stereo.opencv import bm_disparity, sgbm_disparity
from vision.models.table import STEREO, default_model


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and evaluate; a mistake in them ends with one line and exit code 2."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    try:
        dataset = DISPARITY_SETS[args.layout](args.data_root)
        if args.csv:
            files = [name for pair in dataset.pairs for name in pair if isinstance(name, str)]
            require_free(args.csv, "--csv", [*files, args.data_root, args.checkpoint or ""], args.overwrite)
        rows = evaluate_matchers(dataset, matchers(args), args.limit, args.max_disparity, track=_progress, report=_say)
        print(format_stereo_table(rows))
        print("\nmean over scenes, non-occluded pixels where the scene has them marked, else all:")
        for method, (epe, bad) in fair_mean(rows).items():
            print(f"  {method:<12} EPE {epe:6.3f} px   bad-2 {bad:6.2f} %")
    except UsageError as error:
        parser.error(str(error))
    if args.csv:
        try:
            write_csv(args.csv, *stereo_csv_lines(rows))
        except OSError as error:
            parser.error(f"cannot write {args.csv}: {error.strerror}")
    return 0


def matchers(args: argparse.Namespace) -> dict[str, Matcher]:
    """What to compare: ours, unless it is not wanted, and OpenCV's.

    Raises:
        UsageError: neither is wanted, or ours cannot be loaded.
    """
    if args.no_ours and args.no_opencv:
        raise UsageError("--no-ours and --no-opencv leave no matcher; give one of them only")
    methods: dict[str, Matcher] = {}
    if not args.no_ours:
        methods["ours"] = _ours(args)
    if not args.no_opencv:
        methods["SGBM"] = functools.partial(sgbm_disparity, pad=False)
        methods["BM"] = functools.partial(bm_disparity, pad=False)
        if args.pad_opencv:
            methods["SGBM padded"] = functools.partial(sgbm_disparity, pad=True)
            methods["BM padded"] = functools.partial(bm_disparity, pad=True)
    return methods


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", metavar="DATA_ROOT", help="folder of the set, or a CSV file of pairs")
    parser.add_argument("--layout", default="folder", choices=list(DISPARITY_SETS))
    parser.add_argument("--model", default=default_model(STEREO), metavar="NAME")
    parser.add_argument("--checkpoint", metavar="FILE", help="weights instead of the shipped ones")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scale", metavar="S", type=positive, help="ours: match images enlarged so many times")
    parser.add_argument("--coarse-to-fine", action="store_true", help="ours: start from a match at half the size")
    parser.add_argument("--tile", metavar="PIXELS", type=_positive, help="ours: match larger images in tiles")
    parser.add_argument("--max-size", metavar="PIXELS", type=_positive, help="ours: shrink images with a longer side")
    parser.add_argument("--max-disparity", metavar="PIXELS", type=positive, help="judge only smaller true disparities")
    parser.add_argument("--limit", metavar="N", type=_positive, help="only the first N pairs")
    parser.add_argument("--csv", metavar="FILE", help="write all figures to this file")
    add_overwrite(parser)
    parser.add_argument("--no-opencv", action="store_true", help="leave out StereoSGBM and StereoBM")
    parser.add_argument("--no-ours", action="store_true", help="only StereoSGBM and StereoBM")
    parser.add_argument(
        "--pad-opencv",
        action="store_true",
        help="also let OpenCV search the strip at the left edge, which it leaves out, by widening the images",
    )
    return parser


def _ours(args: argparse.Namespace) -> Matcher:
    from vision.apis import StereoInferencer

    try:
        inferencer: Any = StereoInferencer(
            model=args.model,
            checkpoint=args.checkpoint,
            device=args.device,
            scale=args.scale,
            max_size=args.max_size,
            tile=args.tile,
            coarse_to_fine=args.coarse_to_fine,
        )
    except ValueError as error:  # an unknown model or device, weights that do not fit
        raise UsageError(str(error)) from error
    return lambda left, right, _: inferencer.disparity(left, right)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number above 0")
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _progress(items: Iterable[int]) -> Iterable[int]:
    console = Console(stderr=True)
    return track(items, "matching", console=console, disable=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
