"""Judge a folder of real and generated images with an AI-image detector: a table of generators, a robustness sweep."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import track

from vision.cli.arguments import at_least, count
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.datasets import ForgeryDataset
from vision.datasets.forgery.folders import layout_names
from vision.device import usable_device
from vision.files import write_csv
from vision.images import MIN_SIDE
from vision.metrics.forgery.evaluation import predict
from vision.metrics.forgery.robustness import Sweep, format_sweep, robustness_sweep, sweep_lines
from vision.metrics.forgery.table import format_table
from vision.models import forgery_detector, forgery_models
from vision.models.table import FORGERY, default_model, default_setting


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and evaluate; a mistake in them ends with one line and exit code 2."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    try:
        usable_device(args.device)
        network = forgery_detector(args.model, args.checkpoint, args.foundation)
        dataset = ForgeryDataset(
            args.data_root,
            layout=args.layout,
            split=args.split,
            include_sources=args.include_sources,
            exclude_sources=args.exclude_sources,
            max_per_source=args.max_images,
            crop_size=args.crop_size,
            test_mode=True,
            cache=args.cache,
        )
        if args.csv:
            inputs = [sample.path for sample in dataset.samples] + [args.checkpoint or "", args.foundation or ""]
            require_free(args.csv, "--csv", inputs, args.overwrite)
    except ValueError as error:
        parser.error(str(error))
    sweep = evaluate(network, dataset, args)
    if args.csv:
        try:
            write_csv(args.csv, *sweep_lines(sweep))
        except OSError as error:
            parser.error(f"cannot write {args.csv}: {error.strerror}")
    return 0


def evaluate(network: Any, dataset: ForgeryDataset, args: argparse.Namespace) -> Sweep:
    """Print the table, and the sweep if it is wanted."""
    console = Console(stderr=True)
    show = functools.partial(_progress, console)
    options = {"batch_size": args.batch_size, "workers": args.workers, "device": args.device, "track": show}
    sweep = robustness_sweep(network, dataset, **options) if args.sweep else {}
    rows = sweep[None, 0] if sweep else predict(network, dataset, **options).rows()
    print(format_table(rows))
    if sweep:
        print(f"\n{format_sweep(sweep, 'ap')}\n\n{format_sweep(sweep, 'acc')}")
    return sweep or {(None, 0): rows}


def argument_parser() -> argparse.ArgumentParser:
    """The tool's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", metavar="DATA_ROOT", help="folder of images in one of the known layouts")
    parser.add_argument("--model", default=default_model(FORGERY), choices=forgery_models())
    parser.add_argument("--checkpoint", metavar="FILE", help="weights instead of the shipped ones")
    parser.add_argument(
        "--foundation", metavar="FILE", help="weights of the foundation model that the checkpoint names"
    )
    parser.add_argument("--layout", default="auto", choices=["auto", *layout_names()])
    parser.add_argument("--split", metavar="NAME", help="only images below folders of this name (train, val, test)")
    parser.add_argument("--include-sources", metavar="NAME", nargs="+", help="judge these sources alone")
    parser.add_argument("--exclude-sources", metavar="NAME", nargs="+", help="leave these sources out")
    parser.add_argument("--max-images", metavar="N", type=count, help="at most N of each class of each source")
    crop_size = default_setting(FORGERY, "crop_size")
    parser.add_argument(
        "--crop-size", metavar="PIXELS", type=at_least(MIN_SIDE), default=crop_size, help="side of the central crop"
    )
    parser.add_argument("--sweep", action="store_true", help="also under JPEG compression and blur (18 passes)")
    parser.add_argument("--csv", metavar="FILE", help="write every row, of every cell of the sweep, to this file")
    add_overwrite(parser)
    parser.add_argument("--cache", action="store_true", help="keep decoded images in memory, faster for --sweep")
    parser.add_argument("--batch-size", metavar="N", type=count, default=8)
    parser.add_argument("--workers", metavar="N", type=at_least(0), default=0, help="processes that decode")
    parser.add_argument("--device", default="cpu")
    return parser


def _progress(console: Console, batches: Iterable[Any]) -> Iterable[Any]:
    return track(batches, "judging", console=console, disable=not console.is_terminal)


if __name__ == "__main__":
    sys.exit(main())
