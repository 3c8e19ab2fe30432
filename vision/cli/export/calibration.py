"""`vision export --int8`: the images that ranges are taken from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vision.cli.paths import PathFinder
from vision.cli.process import say
from vision.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from vision.onnx.exportable import Exportable

MOST_IMAGES = 128


def add_int8(parser: argparse.ArgumentParser) -> None:
    """The options of quantization."""
    group = parser.add_argument_group("8 bits")
    group.add_argument("--int8", action="store_true", help="compute convolutions and linear layers in 8 bits")
    group.add_argument(
        "--calibrate",
        nargs="+",
        metavar="PATH",
        help=f"images like those that will be judged, for the ranges of --int8: files, folders, patterns (at most "
        f"{MOST_IMAGES} are read, spread evenly)",
    )


def calibration_images(command: argparse.Namespace, format: str) -> list[str]:
    """All files of --calibrate; none without --int8.

    Raises:
        UsageError: one of the options without the other, a format that knows no such thing, or no images.
    """
    if not command.int8:
        if command.calibrate:
            raise UsageError("--calibrate names images for --int8; add that, or leave it out")
        return []
    if format != "onnx":
        raise UsageError("--int8 writes ONNX; leave out --format, or the suffix .pt2")
    if not command.calibrate:
        raise UsageError("--int8 needs images like those that will be judged; name some with --calibrate")
    from vision.images import IMAGE_SUFFIXES

    return PathFinder(IMAGE_SUFFIXES).expand(command.calibrate)


def write_int8(exportable: Exportable, output: Path, paths: list[str]) -> None:
    """Write a model in 8 bits, by at most `MOST_IMAGES` images; those that cannot be read are skipped with a line.

    Raises:
        UsageError: the model has no such form, or no image can be read.
    """
    import tempfile

    from vision.onnx.formats import write_onnx
    from vision.onnx.int8 import quantize

    if exportable.int8 is None:
        raise UsageError(f"{exportable.metadata.get('model', 'this model')} has no form in 8 bits; leave out --int8")
    count = min(len(paths), MOST_IMAGES)
    spread = [paths[i * len(paths) // count] for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_onnx(exportable, Path(folder, "float.onnx"))
        quantize(path, output, exportable.int8, _read(spread))


def _read(paths: list[str]) -> Iterator[np.ndarray]:
    from vision.images import ImageError, read_image

    for path in paths:
        try:
            yield read_image(path)
        except ImageError as error:
            say(f"vision export: {error}; skipped")
