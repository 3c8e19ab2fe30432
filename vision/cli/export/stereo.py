"""`vision export stereo`: stereo and flow models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vision.cli.arguments import add_old_name
from vision.cli.export.task import Task, add_weights
from vision.models.table import FLOW, STEREO, default_model, require_model, require_weights

if TYPE_CHECKING:
    from vision.onnx.exportable import Exportable

_DESCRIPTION = """\
Write a stereo model as one file.

Inputs are left and right, float32 [1, 3, H, W], RGB 0..255; outputs are disparity and disparity_right, float32
[1, H, W], positive, in pixels (of a flow model flow and flow_back [1, H, W, 2]). Resize images to the size of the
file, and multiply disparities by the ratio of the widths. vision stereo enlarges small images for the shipped model;
with --scale 1 it gives what the file does. Making the file takes a minute or two."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=default_model(STEREO), metavar="NAME", help="(%(default)s)")
    add_weights(parser)
    add_old_name(parser, "--weights", "--checkpoint")


def _build(command: argparse.Namespace) -> Exportable:
    from vision import models
    from vision.onnx.metadata import PIXELS, dynamic_sizes, fixed_size, license_of_weights, metadata_of, name_of_weights
    from vision.onnx.stereo import MIN_SIZE, MOST, MULTIPLE, stereo_exportable

    require_weights(command.model, command.checkpoint, STEREO, FLOW)
    height, width = command.size
    model = models.match_stereo(command.model, command.checkpoint)
    row = require_model(command.model, STEREO, FLOW)
    metadata = metadata_of(
        row.name,
        row.task,
        paper="MatchAttention, arXiv 2510.14260",
        license=license_of_weights(command.checkpoint, row.license),
        weights=name_of_weights(command.checkpoint, row.weights),
        normalization=PIXELS,
        sizes=dynamic_sizes(MIN_SIZE, MOST, MULTIPLE) if command.dynamic else fixed_size(height, width),
    )
    return stereo_exportable(model, height, width, metadata, dynamic=command.dynamic)


TASK = Task(
    ("stereo",),
    "a stereo or flow model",
    _DESCRIPTION,
    _add_options,
    _build,
    (384, 640),
    dynamic="take pairs of many sizes, sides multiples of 32 from 192 on; making the file takes minutes longer",
)
