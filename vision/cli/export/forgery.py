"""`vision export forgery`: detectors of AI-generated images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vision.cli.export.task import Task, add_weights
from vision.errors import UsageError
from vision.models.table import FORGERY, default_model, default_setting, require_model, require_weights

if TYPE_CHECKING:
    from vision.onnx.exportable import Exportable

_SIDE = default_setting(FORGERY, "crop_size")

_DESCRIPTION = """\
Write a detector of AI-generated images as one file.

The input is image, float32 [B, 3, H, W], RGB 0..255: windows of an image at its native resolution, never resized.
Outputs are logit and probability, float32 [B]: that the window is generated, calibrated for images of no special
history. An ONNX file takes windows of any size, sides multiples of 4; a pt2 file those of --size. The logit of an image
is the mean over its windows. What windows are cut, and what the calibration is for JPEG files and resized images,
stands in the file; vision forgery --checkpoint OUT.onnx heeds it, without PyTorch."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=default_model(FORGERY), metavar="NAME", help="(%(default)s)")
    add_weights(parser)


def _build(command: argparse.Namespace) -> Exportable:
    from vision.models.forgery.network import forgery_detector
    from vision.onnx.forgery.exportable import forgery_exportable
    from vision.onnx.forgery.metadata import forgery_metadata

    require_weights(command.model, command.checkpoint, FORGERY)
    if command.dynamic and command.format == "pt2":
        raise UsageError("a pt2 file of a detector is for one size; leave out --dynamic, or write ONNX")
    network = forgery_detector(command.model, command.checkpoint)
    row = require_model(command.model, FORGERY)
    size = tuple(command.size) if command.format == "pt2" else None
    metadata = forgery_metadata(network, row, command.checkpoint, size)
    height, width = command.size
    return forgery_exportable(network, height, width, metadata, traced=size is not None)


TASK = Task(
    ("forgery",),
    "a detector of AI-generated images",
    _DESCRIPTION,
    _add_options,
    _build,
    (_SIDE, _SIDE),
    32,
    "windows of any size, which ONNX files take anyway",
)
