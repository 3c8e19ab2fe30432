"""`vision forgery`: judge images, real or AI-generated."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vision.errors import UsageError
from vision.limits import MAX_PIXELS
from vision.models.table import FORGERY, default_model, find_model

if TYPE_CHECKING:
    from vision.apis import ForgeryInferencer, ForgeryResult
    from vision.cli.output import HeatmapFolder

_LABELS = {
    "exif_software": "software",
    "exif_make": "make",
    "exif_model": "model",
    "exif_user_comment": "comment",
    "xmp_digital_source_type": "source type",
    "xmp_creator_tool": "creator tool",
    "c2pa_manifest": "C2PA manifest",
    "png_text": "text",
}
ALL_JUDGED, SOME_FAILED, FAKE_FOUND = 0, 1, 3

_DESCRIPTION = """\
Tell real images from AI-generated ones.

Each image is looked at in crops at its native resolution, never resized. It gets a calibrated probability of being
generated and a verdict: real, ai-generated, or inconclusive where the evidence does not reach. What the file says
about its own origin (EXIF, XMP, C2PA, generators' texts) is listed apart and is no part of the score."""

_EPILOG = """\
exit codes:
  0   every image was judged
  1   some could not be read, the others were judged
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
    kind.add_argument("--jsonl", action="store_true", help="print one JSON object a line, as soon as each is there")
    output.add_argument("--csv", metavar="FILE", help="also write a CSV file")
    output.add_argument(
        "--heatmap", metavar="DIR", help="also draw where the evidence lies (evidence, not localization)"
    )
    output.add_argument("--fail-on-fake", action="store_true", help="exit with 3 if any image is ai-generated")
    decision = parser.add_argument_group("decision")
    rule = decision.add_mutually_exclusive_group()
    rule.add_argument("--fpr", type=_probability, metavar="X", help="two verdicts, at this rate of false alarms (0.05)")
    rule.add_argument("--threshold", type=_probability, metavar="P", help="two verdicts, at this probability")
    decision.add_argument(
        "--robust", action="store_true", help="judge recompressed copies too; inconclusive unless all agree"
    )
    decision.add_argument(
        "--model", default=default_model(FORGERY), metavar="NAME", help="see vision models (%(default)s)"
    )
    decision.add_argument("--checkpoint", metavar="FILE", help="weights instead of the shipped ones")
    work = parser.add_argument_group("work")
    work.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... (CUDA when there is one)")
    work.add_argument("--batch-size", type=_count, default=8, metavar="N", help="crops in a forward pass (%(default)s)")
    work.add_argument("--workers", type=_count, default=2, metavar="N", help="threads that decode (%(default)s)")
    work.add_argument(
        "--max-pixels", type=_count, default=MAX_PIXELS, metavar="N", help="refuse larger images (%(default)s)"
    )


def run(command: argparse.Namespace) -> int:
    """Judge what the command names and write what it asks for.

    Returns:
        Exit code: 0 all judged, 1 some could not be read, 3 (with `fail_on_fake`) an ai-generated image.

    Raises:
        UsageError: exit code 2.
    """
    from vision.cli.output import HeatmapFolder
    from vision.cli.paths import PathFinder
    from vision.images import IMAGE_SUFFIXES

    finder = PathFinder(IMAGE_SUFFIXES)
    paths = finder.expand(command.paths)
    for path, reason in finder.problems:
        _complain(path, reason)
    # Outputs are tried before the slow part, not found unwritable after it.
    folder = HeatmapFolder(command.heatmap) if command.heatmap is not None else None
    with _csv(command) as write_row:
        verdicts: Counter[str] = Counter()
        records: list[dict[str, Any]] = []
        for result in _with_progress(_inferencer(command).stream(paths), len(paths), command):
            verdicts[result.verdict or "error"] += 1
            record = result.to_dict()
            if folder is not None:
                record["heatmap"] = _draw(result, folder)
            write_row(record)
            _print_now(record, command)
            if not command.jsonl:
                records.append(record)
    _print_all(records, verdicts, command)
    if command.fail_on_fake and verdicts["ai-generated"]:
        return FAKE_FOUND
    return SOME_FAILED if verdicts["error"] or finder.problems else ALL_JUDGED


def _inferencer(command: argparse.Namespace) -> ForgeryInferencer:
    row = find_model(command.model, FORGERY)
    if command.checkpoint is None and row is not None and row.weights is None:
        raise UsageError(f"model {command.model!r} ships without weights; name a file with --checkpoint")
    from vision.apis import ForgeryInferencer

    try:
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
    except ValueError as error:  # CheckpointError is one
        raise UsageError(str(error)) from error


@contextmanager
def _csv(command: argparse.Namespace) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Gives a function that writes one row, or does nothing without --csv."""
    if command.csv is None:
        yield lambda record: None
        return
    from vision.cli.output import CsvFile
    from vision.structures.forgery import result_fields

    fields = [*result_fields(), *(["heatmap"] if command.heatmap is not None else [])]
    with CsvFile(command.csv, fields) as file:
        yield file.write


def _draw(result: ForgeryResult, folder: HeatmapFolder) -> str | None:
    if result.heatmap is None:
        return None
    from vision.visualization.forgery import save_heatmap

    target = folder.name_for(result.path)
    save_heatmap(result, target, os.path.basename(result.path))
    return target


def _with_progress(
    results: Iterator[ForgeryResult], total: int, command: argparse.Namespace
) -> Iterator[ForgeryResult]:
    """Show a bar on stderr, when people watch it and nothing else scrolls through it."""
    if total < 2 or not sys.stderr.isatty() or (command.jsonl and sys.stdout.isatty()):
        yield from results
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
    with bar:
        yield from bar.track(results, total=total)


def _print_now(record: dict[str, Any], command: argparse.Namespace) -> None:
    from vision.cli.output import to_json

    if command.jsonl:
        print(to_json(record), flush=True)
    if record["error"] is not None and (command.jsonl or command.json):
        _complain(record["path"], record["error"])


def _print_all(records: list[dict[str, Any]], verdicts: Counter[str], command: argparse.Namespace) -> None:
    from vision.cli.output import print_table, to_json

    if command.json:
        print(to_json(records, indent=2))
    if command.json or command.jsonl:
        return
    columns = ["verdict", "probability", "logit", "crops", *(["stable"] if command.robust else []), "path", "notes"]
    print_table(columns, [_row(record, command.robust) for record in records])
    counts = ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items()) if name != "error")
    failed = f"; {verdicts['error']} could not be judged" if verdicts["error"] else ""
    total = sum(verdicts.values())
    noun = "image" if total == 1 else "images"
    print(f"{total} {noun}: {counts or 'none judged'}{failed}", file=sys.stderr)


def _row(record: dict[str, Any], robust: bool) -> list[str]:
    """Cells for people. What the file says about itself stands in the notes."""
    if record["error"] is not None:
        return ["error", "-", "-", "-", *(["-"] if robust else []), record["path"], record["error"]]
    notes = "; ".join(f"{label}: {_short(record[name])}" for name, label in _LABELS.items() if record[name])
    stable = [("yes" if record["stable"] else "no")] if robust else []
    numbers = [f"{record['probability']:.3f}", f"{record['logit']:+.2f}", str(record["crops"])]
    return [record["verdict"], *numbers, *stable, record["path"], notes]


def _short(value: str) -> str:
    """The full text is in the JSON; vocabulary terms are addresses, whose last part says what they mean."""
    value = value.rpartition("/")[2] if value.startswith("http") else value
    return value if len(value) <= 60 else f"{value[:59]}…"


def _complain(path: str, reason: str) -> None:
    from vision.cli.output import printable

    print(f"vision forgery: {printable(path)}: {reason}", file=sys.stderr)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # NaN is not, either
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return value
