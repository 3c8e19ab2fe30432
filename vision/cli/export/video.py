"""`vision export video`: the detector with memory, frame by frame."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vision.cli.export.task import Task, add_weights
from vision.models.table import VIDEO, default_model, require_model, require_weights

if TYPE_CHECKING:
    from vision.onnx.exportable import Exportable

_DESCRIPTION = """\
Write a video detector as one file, which sees one frame and has no state of its own.

Inputs are image, float32 [1, 3, H, W], RGB 0..255, sides multiples of 32, and memory, float32 [M, C]: the rows that a
stream remembers, any number of them, none at its start. Outputs are scores, float32 [P, classes], and boxes, float32
[P, 4], x1 y1 x2 y2 in pixels of the image, not yet rid of those that are the same; and pixels, float32
[H / 16 * W / 16, C], of which the rows inside of sure boxes are to be remembered. Everything that the loop around it
has to know is in the file's metadata; docs/export.md has such a loop."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=default_model(VIDEO), metavar="NAME", help="(%(default)s)")
    add_weights(parser)


def _build(command: argparse.Namespace) -> Exportable:
    from vision.models.video.checkpoint import video_detector
    from vision.onnx.metadata import PIXELS, dynamic_sizes, fixed_size, license_of_weights, metadata_of, name_of_weights
    from vision.onnx.video import LEAST, MOST, MULTIPLE, memory_metadata, video_exportable

    row = require_model(command.model, VIDEO)
    require_weights(command.model, command.checkpoint, VIDEO)
    network = video_detector(command.model, command.checkpoint)
    height, width = command.size
    metadata = metadata_of(
        row.name,
        row.task,
        paper="MAMBA, arXiv 2401.09923",
        license=license_of_weights(command.checkpoint, row.license),
        weights=name_of_weights(command.checkpoint, row.weights),
        normalization=PIXELS,
        sizes=dynamic_sizes(LEAST, MOST, MULTIPLE) if command.dynamic else fixed_size(height, width),
        labels=network.classes,
        **memory_metadata(network),
    )
    return video_exportable(network, height, width, metadata, dynamic=command.dynamic)


TASK = Task(
    ("video",),
    "a video detector",
    _DESCRIPTION,
    _add_options,
    _build,
    (384, 640),
    least=32,
    dynamic="take frames of any size, sides multiples of 32",
)
