"""`vision forgery`: judge images, real or AI-generated."""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from vision.cli.arguments import add_file_options, between, count
from vision.limits import MAX_PIXELS
from vision.models.table import FORGERY, default_model, require_weights

if TYPE_CHECKING:
    from vision.apis import ForgeryInferencer, ForgeryResult
    from vision.cli.output import OutputFolder
    from vision.cli.reporter import Subject

FAKE_FOUND = 3

_DESCRIPTION = """\
Tell real images from AI-generated ones.

Each image is looked at in crops at its native resolution, never resized. It gets a calibrated probability of being
generated and a verdict: real, ai-generated, or inconclusive where the evidence is too weak, as in icons, flat
drawings and pages of text. What the file says about its own origin (EXIF, XMP, C2PA, generators' texts) is listed
separately and does not change the score."""

_EPILOG = """\
exit codes:
  0   every image was judged
  1   some could not be read, or are of a kind that is not read, the others were judged
  2   bad usage: arguments, checkpoint, device, no images, output that cannot be written
  3   with --fail-on-fake: at least one is ai-generated (also when others could not be read)

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
    output = parser.add_argument_group("output")
    kind = output.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="print one JSON array")
    kind.add_argument("--jsonl", action="store_true", help="print one JSON object per line, as soon as it is ready")
    output.add_argument("--csv", metavar="FILE", help="also write a CSV file, row by row")
    add_file_options(output)
    output.add_argument(
        "--heatmap",
        metavar="DIR",
        help="also draw where the evidence lies (evidence, not localization); replaces nothing",
    )
    output.add_argument("--fail-on-fake", action="store_true", help="exit with 3 if any image is ai-generated")
    decision = parser.add_argument_group("decision")
    rule = decision.add_mutually_exclusive_group()
    rule.add_argument(
        "--fpr", type=between(0, 1), metavar="X", help="two verdicts, at this rate of false alarms, such as 0.05"
    )
    rule.add_argument("--threshold", type=between(0, 1), metavar="P", help="two verdicts, at this probability")
    decision.add_argument(
        "--robust", action="store_true", help="also judge recompressed copies; inconclusive unless all agree"
    )
    decision.add_argument(
        "--model", default=default_model(FORGERY), metavar="NAME", help="see vision models (%(default)s)"
    )
    decision.add_argument("--checkpoint", metavar="FILE", help="weights instead of the shipped ones")
    work = parser.add_argument_group("work")
    work.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... (CUDA when there is one)")
    work.add_argument("--batch-size", type=count, default=8, metavar="N", help="crops per forward pass (%(default)s)")
    work.add_argument("--workers", type=count, default=2, metavar="N", help="threads that decode images (%(default)s)")
    work.add_argument(
        "--max-pixels", type=count, default=MAX_PIXELS, metavar="N", help="refuse larger images (%(default)s)"
    )


def run(command: argparse.Namespace) -> int:
    """Judge what the command names and write what it asks for.

    Returns:
        Exit code: 0 all judged, 1 some could not be read, 3 (with `fail_on_fake`) an ai-generated image.

    Raises:
        UsageError: exit code 2.
    """
    from vision.cli.output import OutputFolder, write_problem
    from vision.cli.paths import PathFinder
    from vision.cli.reporter import Reporter, record_of
    from vision.drawn import is_drawn
    from vision.images import IMAGE_SUFFIXES

    finder = PathFinder(IMAGE_SUFFIXES, is_drawn)
    paths = finder.expand(command.paths)
    sources = [os.path.abspath(path) for path in paths]
    lists = [path for path in command.paths if path == "-"]
    reporter = Reporter(command, _subject(command), sources, [*paths, *lists, command.checkpoint])
    for remark in finder.remarks():
        reporter.complain(remark)
    # Outputs are tried before the slow part, not found unwritable after it.
    folder = OutputFolder(command.heatmap, "--heatmap") if command.heatmap is not None else None
    with folder or nullcontext(), reporter, reporter.progress(len(paths), "judging") as progress:
        for _ in range(reporter.done):
            progress.advance()
        for result in _inferencer(command).stream(paths[reporter.done :]):
            record = record_of(result)
            if folder is not None:
                try:
                    record["heatmap"] = _draw(result, folder)
                except OSError as error:
                    record["heatmap"], record["error"] = None, record["error"] or write_problem(error)
            reporter.add(record)
            progress.advance()
    reporter.finish()
    if command.fail_on_fake and reporter.outcomes["ai-generated"]:
        return FAKE_FOUND
    return reporter.exit_code


def _subject(command: argparse.Namespace) -> Subject:
    from vision.cli.reporter import Subject
    from vision.structures.forgery import result_fields

    return Subject(
        noun="image",
        done="judged",
        source="path",
        fields=[*result_fields(), *(["heatmap"] if command.heatmap is not None else [])],
        columns=["verdict", "probability", "logit", "crops", *(["stable"] if command.robust else []), "path", "notes"],
        row=lambda record: _row(record, command.robust),
        counts=lambda verdicts: ", ".join(f"{n} {name}" for name, n in sorted(verdicts.items())) or "none judged",
        outcome=lambda record: record["verdict"],
    )


def _inferencer(command: argparse.Namespace) -> ForgeryInferencer:
    require_weights(command.model, command.checkpoint, FORGERY)
    from vision.apis import ForgeryInferencer
    from vision.cli.advice import usage_errors

    with usage_errors():
        return ForgeryInferencer(
            model=command.model,
            checkpoint=command.checkpoint,
            device=command.device,
            batch_size=command.batch_size,
            workers=command.workers,
            max_pixels=command.max_pixels,
            fpr=command.fpr,
            threshold=command.threshold,
            robust=command.robust,
            heatmap=command.heatmap is not None,
        )


def _draw(result: ForgeryResult, folder: OutputFolder) -> str | None:
    if result.heatmap is None:
        return None
    from vision.visualization.forgery import save_heatmap

    target = f"{folder.base_for(result.path, '_heatmap', ['.png'])}.png"
    save_heatmap(result, target, os.path.basename(result.path))
    return target


def _row(record: dict[str, Any], robust: bool) -> list[str]:
    """Cells for people. What is odd about the file, and what it says about itself, stands in the notes."""
    from vision.provenance.fields import FIELDS

    metadata = [f"{field.label}: {_short(record[field.name])}" for field in FIELDS if record[field.name]]
    notes = "; ".join([*record["notes"], *metadata])
    stable = [("yes" if record["stable"] else "no")] if robust else []
    numbers = [f"{record['probability']:.3f}", f"{record['logit']:+.2f}", str(record["crops"])]
    return [record["verdict"], *numbers, *stable, record["path"], notes]


def _short(value: str) -> str:
    """The full text is in the JSON; vocabulary terms are addresses, whose last part says what they mean."""
    value = value.rpartition("/")[2] if value.startswith("http") else value
    return value if len(value) <= 60 else f"{value[:59]}…"
