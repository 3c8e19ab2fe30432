"""What `vision forgery` does: judges images, and writes rows, heat maps and the report as each result comes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from vision.cli.advice import usage_errors
from vision.cli.forgery.command import PIXELS
from vision.cli.forgery.rows import subject_of
from vision.cli.output import OutputFolder, write_problem
from vision.cli.paths import PathFinder
from vision.cli.reporter import Reporter, record_of
from vision.cli.targets import require_free
from vision.drawn import is_drawn
from vision.images import IMAGE_SUFFIXES
from vision.models.table import FORGERY, require_weights

if TYPE_CHECKING:
    from vision.apis import ForgeryInferencer, ForgeryResult
    from vision.report import ReportWriter

FOUND = 3


def judge(command: argparse.Namespace) -> int:
    """Judge what the command names and write what it asks for.

    Returns:
        Exit code: 0 all judged, 1 some could not be read, 3 (with `fail_on` or `fail_on_fake`) an image was found so.

    Raises:
        UsageError: exit code 2.
    """
    finder = PathFinder(IMAGE_SUFFIXES, is_drawn)
    paths = finder.expand(command.paths)
    sources = [os.path.abspath(path) for path in paths]
    lists = [path for path in command.paths if path == "-"]
    inputs = [*paths, *lists, command.checkpoint, command.foundation, command.trust]
    reporter = Reporter(command, subject_of(command), sources, inputs)
    for remark in finder.remarks():
        reporter.complain(remark)
    with ExitStack() as stack:
        # Outputs are tried before the slow part, not found unwritable after it.
        outputs = _Outputs(command, reporter.inputs, stack)
        stack.enter_context(reporter)
        outputs.add_earlier(reporter.earlier)
        progress = stack.enter_context(reporter.progress(len(paths), "judging"))
        for _ in range(reporter.done):
            progress.advance()
        for result in inferencer_of(command).stream(paths[reporter.done :]):
            record = record_of(result)
            outputs.add(record, result)
            reporter.add(record)
            progress.advance()
        outputs.finish(command)
    reporter.finish()
    wanted = {*command.fail_on, *([PIXELS] if command.fail_on_fake else [])}
    return FOUND if any(reporter.alarms[name] for name in wanted) else reporter.exit_code


class _Outputs:
    """What is written beside the rows: heat maps and the report, where they are asked for."""

    def __init__(self, command: argparse.Namespace, inputs: list[str], stack: ExitStack) -> None:
        self.folder: OutputFolder | None = None
        self.report: ReportWriter | None = None
        if command.heatmap is not None:
            self.folder = stack.enter_context(OutputFolder(command.heatmap, "--heatmap"))
        if command.report is not None:
            from vision.report.writer import REPORT_NAME, ReportWriter

            require_free(os.path.join(command.report, REPORT_NAME), "--report", inputs, command.overwrite)
            self.report = stack.enter_context(ReportWriter(command.report, command.overwrite))

    def add_earlier(self, records: Sequence[dict[str, Any]]) -> None:
        """Rows of the run that this one goes on with are in its report, too; their images are not opened again."""
        if self.report is not None:
            for record in records:
                self.report.add(record)

    def add(self, record: dict[str, Any], result: ForgeryResult) -> None:
        """Write what belongs to one result; where its heat map is goes into the record."""
        if self.folder is not None:
            try:
                record["heatmap"] = _draw(result, self.folder)
            except OSError as error:
                record["heatmap"], record["error"] = None, record["error"] or write_problem(error)
        if self.report is not None:
            self.report.add(record, None, result.heatmap)

    def finish(self, command: argparse.Namespace) -> None:
        """Write what is written at the end."""
        if self.report is not None:
            self.report.finish(_run_info(command))


def _draw(result: ForgeryResult, folder: OutputFolder) -> str | None:
    if result.heatmap is None:
        return None
    from vision.visualization.forgery import save_heatmap

    target = f"{folder.base_for(result.path, '_heatmap', ['.png'])}.png"
    save_heatmap(result, target, os.path.basename(result.path))
    return target


def _run_info(command: argparse.Namespace) -> dict[str, str]:
    """What the report says of the run."""
    import time

    import vision

    switches = [f"--{name}" for name in ("robust", "thorough") if getattr(command, name)]
    values = [f"--{name} {value:g}" for name in ("fpr", "threshold") if (value := getattr(command, name)) is not None]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "program": f"vision {vision.__version__}",
        "model": command.checkpoint or command.model,
        "options": " ".join([*switches, *values]) or "none that change the judgment",
    }


def inferencer_of(command: argparse.Namespace) -> ForgeryInferencer:
    """The inferencer that the arguments describe."""
    require_weights(command.model, command.checkpoint, FORGERY)
    from vision.apis import ForgeryInferencer
    from vision.provenance.signed import load_trust

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
            thorough=command.thorough,
            trust=None if command.trust is None else load_trust(command.trust),
            show_prompt=command.show_prompt,
            coarse_map=command.report is not None,
            foundation=command.foundation,
            runtime=command.runtime,
        )
