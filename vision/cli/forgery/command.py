"""The options of `vision forgery`."""

from __future__ import annotations

import argparse
from typing import Any

from vision.cli.arguments import add_checkpoint, add_file_options, between, count, several
from vision.limits import MAX_PIXELS
from vision.models.table import FORGERY, default_model

# What --fail-on names, and the records' fields that it looks at: `vision.cli.forgery.rows.alarms`.
PIXELS, DECLARATION, WATERMARK = ALARMS = ("pixels", "declaration", "watermark")

_DESCRIPTION = """\
Tell real images from AI-generated ones, by three kinds of evidence.

Pixels: all of an image up to 12 megapixels is looked at in crops at its native resolution, never resized. It gets a
calibrated probability of being generated and a verdict: real, ai-generated, or inconclusive where the evidence is too
weak, as in icons, flat drawings, pages of text and strongly compressed files.
Declaration: what the file says of its origin (C2PA manifests, whose signatures are validated without any network
access; XMP, generators' texts, EXIF). A claim without a valid signature is shown, never trusted alone.
Watermark: what Stable Diffusion, SDXL and FLUX write into the pixels by default.
The conclusion is all of it in plain words; --json and --csv keep every part apart."""

_EPILOG = """\
exit codes:
  0   every image was judged
  1   some could not be read, or are of a kind that is not read, the others were judged
  2   bad usage: arguments, checkpoint, device, no images, output that cannot be written
  3   with --fail-on: at least one image was found so (also when others could not be read)

A verdict is evidence about how the pixels were made, not proof."""


def add_command(commands: Any) -> None:
    """Add the subcommand to argparse's `commands`."""
    parser = commands.add_parser(
        "forgery",
        help="judge images: real or AI-generated",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="files, folders (searched recursively), patterns, or - for a list on stdin",
    )
    _add_output(parser.add_argument_group("output"))
    add_decision(parser.add_argument_group("decision"))
    add_work(parser.add_argument_group("work"))


def run(command: argparse.Namespace) -> int:
    """Judge what the command names and write what it asks for: `vision.cli.forgery.work`."""
    from vision.cli.forgery.work import judge

    return judge(command)


def _add_output(group: Any) -> None:
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="print one JSON array")
    kind.add_argument("--jsonl", action="store_true", help="print one JSON object per line, as soon as it is ready")
    group.add_argument("--csv", metavar="FILE", help="also write a CSV file, row by row")
    add_file_options(group, "--csv or --report")
    group.add_argument("--report", metavar="DIR", help="also write DIR/report.html, a page with all evidence")
    group.add_argument(
        "--heatmap",
        metavar="DIR",
        help="also draw where the evidence lies (evidence, not localization); replaces nothing",
    )
    group.add_argument(
        "--show-prompt", action="store_true", help="also tell the text of prompts that generators wrote into files"
    )
    group.add_argument(
        "--fail-on",
        type=several(ALARMS),
        default=[],
        metavar="KINDS",
        help="exit with 3 if any image is found by some of these, separated by commas: pixels (verdict ai-generated), "
        "declaration (the file says that AI made or edited it), watermark",
    )
    group.add_argument("--fail-on-fake", action="store_true", help="the same as --fail-on pixels")


def add_decision(group: Any) -> None:
    """What a verdict depends on."""
    rule = group.add_mutually_exclusive_group()
    rule.add_argument(
        "--fpr", type=between(0, 1), metavar="X", help="two verdicts, at this rate of false alarms, such as 0.05"
    )
    rule.add_argument("--threshold", type=between(0, 1), metavar="P", help="two verdicts, at this probability")
    group.add_argument(
        "--robust", action="store_true", help="also judge recompressed copies; inconclusive unless all agree"
    )
    group.add_argument(
        "--thorough",
        action="store_true",
        help="judge overlapping crops of all of an image, at two scales, and search watermarks of cropped images; slow",
    )
    group.add_argument(
        "--trust",
        metavar="FILE_OR_FOLDER",
        help="certificates (PEM) whose signatures count, beside the lists that ship",
    )
    group.add_argument(
        "--model", default=default_model(FORGERY), metavar="NAME", help="see vision models (%(default)s)"
    )
    add_checkpoint(group, ", or an ONNX file of vision export forgery")
    group.add_argument(
        "--foundation",
        metavar="FILE",
        help="weights of the foundation model that the checkpoint names, if it does; else from the Hugging Face cache",
    )


def add_work(group: Any) -> None:
    """What does not change a verdict."""
    group.add_argument(
        "--runtime",
        choices=("torch", "onnx"),
        help="onnx runs an ONNX file of --checkpoint without PyTorch, which starts in a fraction of the time (by the "
        "suffix of --checkpoint)",
    )
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... (CUDA when there is one)")
    group.add_argument("--batch-size", type=count, metavar="N", help="crops per forward pass (2 on a CPU, 32 on a GPU)")
    group.add_argument("--workers", type=count, default=2, metavar="N", help="threads that decode images (%(default)s)")
    group.add_argument(
        "--max-pixels", type=count, default=MAX_PIXELS, metavar="N", help="refuse larger images (%(default)s)"
    )
