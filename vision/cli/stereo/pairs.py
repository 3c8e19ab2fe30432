"""`vision stereo` on pairs of images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from vision.cli.advice import advised
from vision.cli.output import OutputFolder, write_problem
from vision.cli.reporter import Record, Reporter, Subject, record_of
from vision.cli.stereo.files import ENDINGS, ResultWriter, Written
from vision.cli.stereo.inputs import FilePair, find_pairs
from vision.cli.stereo.matching import geometry_of, has_geometry, inferencer_of, inputs_of, kinds_of
from vision.cli.stereo.needs import check_geometry
from vision.cli.table import digest_of
from vision.errors import UsageError
from vision.structures.stereo import StereoResult, result_fields


def run_pairs(command: argparse.Namespace) -> int:
    """Match the pairs that the command names.

    Returns:
        Exit code: 0 all matched, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    pairs, problems = find_pairs(command.inputs, command.side_by_side)
    calibrations = [pair.calib for pair in pairs if pair.calib is not None]
    _check_calibrations(command, pairs, bool(calibrations))
    digests = {path: digest_of(path) for path in calibrations}
    sources = [
        [*map(os.path.abspath, pair), *([os.path.abspath(pair.calib), digests[pair.calib]] if pair.calib else [])]
        for pair in pairs
    ]
    inputs = [*command.inputs, *(path for pair in pairs for path in pair), *(command.calib or []), command.checkpoint]
    inputs += calibrations
    reporter = Reporter(command, PAIRS, sources, inputs)
    for problem in problems:
        reporter.complain(problem)
    geometry = geometry_of(command, pairs[0][0], reporter.complain)
    # Outputs are tried before the slow part, not found unwritable after it.
    folder = OutputFolder(command.output)
    kinds = ["pfm", *kinds_of(command, bool(calibrations))]
    writer = ResultWriter(kinds, command.view, not command.no_image, command.max_depth, command.unit)
    with (
        folder,
        reporter,
        reporter.progress(len(pairs), "pairs", "tiles", is_slow=command.tile is not None) as progress,
    ):
        for _ in range(reporter.done):
            progress.advance()
        rest = inputs_of(command, pairs[reporter.done :])
        for result in inferencer_of(command, geometry, progress.on_part).stream(rest):
            reporter.add(_recorded(result, writer, folder))
            progress.advance()
    reporter.finish()
    return reporter.exit_code


def _check_calibrations(command: argparse.Namespace, pairs: Sequence[FilePair], has_calibrations: bool) -> None:
    """What needs a calibration, where a list may name it."""
    if has_calibrations and command.flow:
        raise UsageError("--flow is of two images of one camera; the list's column calib does not apply to it")
    if has_calibrations and command.focal is not None:
        raise UsageError("--focal and the list's column calib exclude each other; give one of the two")
    if has_calibrations or has_geometry(command):
        missing = sum(pair.calib is None for pair in pairs)
        if command.rectify and missing and not command.calib:
            raise UsageError(f"--rectify needs a calibration of each pair; the list names none for {missing} of them")
        return
    check_geometry(command)


def _recorded(result: StereoResult, writer: ResultWriter, folder: OutputFolder) -> Record:
    """What a record says of a result and of its files; a full or broken disk ends the run, one bad name does not."""
    written = Written()
    if result.error is None:
        try:
            written = writer.write(result, folder.base_for(result.left, endings=ENDINGS))
        except OSError as error:
            written.error = write_problem(error)
    record = record_of(result) | written.to_dict()
    record["warnings"] += [advised(warning) for warning in written.warnings]
    record["error"] = record["error"] or written.error
    return record


def _row(record: Record) -> list[str]:
    """Cells for people; the columns in the middle are pixels of disparity, or of motion."""
    kind = "motion" if record["disparity_median"] is None else "disparity"
    figures = [f"{record[f'{kind}_{part}']:.1f}" for part in ("min", "median", "max")]
    size = f"{record['width']} x {record['height']}"
    share, seconds = f"{record['occluded']:.1%}", f"{record['seconds']:.2f}"
    files = ", ".join(map(os.path.basename, record["files"]))
    return ["matched", size, *figures, share, seconds, record["left"], files]


PAIRS = Subject(
    noun="pair",
    done="matched",
    source="left",
    fields=[*result_fields(), *Written().to_dict()],
    columns=["state", "size", "min", "median", "max", "occluded", "seconds", "path", "notes"],
    row=_row,
    counts=lambda outcomes: f"{outcomes['matched']} matched",
    outcome=lambda record: "matched",
)
