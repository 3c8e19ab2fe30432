"""`vision stereo` on pairs of images, and what it shares with `--video`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from vision.apis.stereo.inferencer import StereoInferencer
from vision.cli.output import CsvFile, OutputFolder, print_table, printable, to_json
from vision.cli.stereo.files import ResultWriter
from vision.cli.stereo.inputs import find_pairs
from vision.errors import UsageError
from vision.geometry import CameraPair, StereoCalibration, read_calibration, read_cameras
from vision.structures.stereo import StereoResult, result_fields

ALL_MATCHED, SOME_FAILED = 0, 1


def run_pairs(command: argparse.Namespace) -> int:
    """Match the pairs that the command names.

    Returns:
        Exit code: 0 all matched, 1 some could not be.

    Raises:
        UsageError: exit code 2.
    """
    pairs, problems = find_pairs(command.inputs)
    for problem in problems:
        complain(problem)
    geometry = geometry_of(command, pairs[0][0])
    # Outputs are tried before the slow part, not found unwritable after it.
    folder = OutputFolder(command.output)
    writer = ResultWriter(["pfm", *kinds_of(command)], command.view, not command.no_picture, command.max_depth)
    records: list[dict[str, Any]] = []
    with csv_writer(command) as write_row, progress(len(pairs), command) as (advance, on_tile):
        for result in inferencer_of(command, geometry, on_tile).stream(pairs):
            record = result.to_dict() | {"files": []}
            if result.error is None:
                record["files"], record["error"] = _written(writer, result, folder)
            report(record, command)
            write_row(record)
            records.append(record)
            advance()
    print_all(records, command)
    return SOME_FAILED if any(record["error"] is not None for record in records) else ALL_MATCHED


def _written(writer: ResultWriter, result: StereoResult, folder: OutputFolder) -> tuple[list[str], str | None]:
    """Files of a result and what went wrong; a full or broken disk ends the run, one bad name does not."""
    try:
        return writer.write(result, folder.base_for(result.left))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
            raise
        return [], f"cannot write {error.filename2 or error.filename!r} ({error.strerror})"


def kinds_of(command: argparse.Namespace) -> list[str]:
    """What to save: with a calibration, depth and points unless one of the two was asked for by name."""
    kinds = list(command.save or [])
    if has_geometry(command) and not {"depth", "ply"} & set(kinds):
        kinds += ["depth", "ply"]
    return kinds


def has_geometry(command: argparse.Namespace) -> bool:
    """Whether depths can be had."""
    return bool(command.calib) or command.focal is not None


def geometry_of(command: argparse.Namespace, left: str) -> tuple[StereoCalibration | None, CameraPair | None]:
    """Calibration of the pairs, or the cameras that rectify them.

    Args:
        command: the arguments.
        left: a left image, whose folder says which of KITTI's cameras took it.
    """
    if command.focal is not None:
        principal = {"cx": command.cx, "cy": command.cy, "doffs": command.doffs or 0.0}
        name = "--focal and --baseline"
        return StereoCalibration(command.focal, command.baseline, **principal, source=name), None
    if not command.calib:
        return None, None
    if command.rectify:
        return None, read_cameras(command.calib)
    gray = bool({"image_0", "image_00"} & set(PurePath(left).parts))
    calibration = read_calibration(command.calib, gray)
    if calibration.note:
        complain(f"warning: {calibration.note}")
    return calibration, None


def inferencer_of(
    command: argparse.Namespace,
    geometry: tuple[StereoCalibration | None, CameraPair | None],
    on_tile: Callable[[int, int], None] | None = None,
) -> StereoInferencer:
    """The inferencer that the arguments describe."""
    try:
        return StereoInferencer(
            model=command.model,
            checkpoint=command.weights,
            device=command.device,
            precision=command.precision,
            scale=1.0 if command.scale is None and command.video else command.scale,
            max_size=command.max_size,
            tile=command.tile,
            coarse_to_fine=command.coarse_to_fine,
            flow=command.flow,
            calibration=geometry[0],
            cameras=geometry[1],
            checks=not command.no_checks,
            max_pixels=command.max_pixels,
            on_tile=on_tile,
        )
    except ValueError as error:  # CheckpointError is one
        raise UsageError(str(error)) from error


@contextmanager
def csv_writer(command: argparse.Namespace) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Gives a function that writes one row, or does nothing without --csv."""
    if command.csv is None:
        yield lambda record: None
        return

    def row(record: dict[str, Any]) -> dict[str, Any]:
        return {name: "; ".join(value) if isinstance(value, list) else value for name, value in record.items()}

    with CsvFile(command.csv, [*result_fields(), "files"]) as file:
        yield lambda record: file.write(row(record))


@contextmanager
def progress(total: int | None, command: argparse.Namespace) -> Iterator[tuple[Callable[[], None], Any]]:
    """Gives two functions, for a pair that is done and for (tiles done, of all); they show a bar to who watches it."""
    is_long = total is None or total > 1 or command.tile is not None
    if not is_long or not sys.stderr.isatty() or (command.jsonl and sys.stdout.isatty()):
        yield (lambda: None), None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if command.video:
        columns.append(TextColumn("{task.fields[rate]:.2f} frames a second"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
    with bar:
        pairs = bar.add_task("frames" if command.video else "pairs", total=total, rate=0.0)
        tiles = bar.add_task("tiles", total=None, visible=False, rate=0.0)

        def advance() -> None:
            bar.advance(pairs)
            bar.update(pairs, rate=bar.tasks[pairs].speed or 0.0)

        def on_tile(done: int, of: int) -> None:
            bar.update(tiles, completed=done, total=of, visible=done < of)

        yield advance, on_tile


def report(record: dict[str, Any], command: argparse.Namespace) -> None:
    """What is told as soon as a pair is done: warnings, and with --json or --jsonl the error."""
    for warning in record["warnings"]:
        complain(f"{record['left']}: warning: {warning}")
    if command.jsonl:
        print(to_json(record), flush=True)
    if record["error"] is not None and (command.jsonl or command.json):
        complain(f"{record['left']}: {record['error']}")


def print_all(records: list[dict[str, Any]], command: argparse.Namespace) -> None:
    """The table, or the JSON array."""
    if command.json:
        print(to_json(records, indent=2))
    if command.json or command.jsonl:
        return
    columns = ["state", "size", "min", "median", "max", "occluded", "seconds", "path", "notes"]
    print_table(columns, [_row(record) for record in records])
    failed = sum(record["error"] is not None for record in records)
    noun = "pair" if len(records) == 1 else "pairs"
    problem = f"; {failed} could not be matched" if failed else ""
    print(f"{len(records)} {noun}: {len(records) - failed} matched{problem}", file=sys.stderr)


def complain(text: str) -> None:
    """One line on stderr."""
    print(f"vision stereo: {printable(text)}", file=sys.stderr)


def _row(record: dict[str, Any]) -> list[str]:
    """Cells for people; the columns in the middle are pixels of disparity, or of motion."""
    if record["error"] is not None:
        return ["error", *["-"] * 6, record["left"], record["error"]]
    kind = "motion" if record["disparity_median"] is None else "disparity"
    figures = [f"{record[f'{kind}_{part}']:.1f}" for part in ("min", "median", "max")]
    size = f"{record['width']} x {record['height']}"
    share, seconds = f"{record['occluded']:.1%}", f"{record['seconds']:.2f}"
    files = ", ".join(map(os.path.basename, record["files"]))
    return ["matched", size, *figures, share, seconds, record["left"], files]
